"""Named defects, as data: what an attacker changes, and the reason it must be refused for.

The list drives tests, documentation and `assay simulate`. One defect each; everything else in the submission is right.
"""

from assay_toolkit.simulator.conditions import Platform
from assay_toolkit.simulator.defect import Tamper
from assay_toolkit.simulator.tamper_android import ANDROID_TAMPERS
from assay_toolkit.simulator.tamper_apple import APPLE_TAMPERS
from assay_toolkit.simulator.tamper_play_integrity import PLAY_INTEGRITY_TAMPERS
from assay_toolkit.simulator.tamper_receipt import RECEIPT_TAMPERS
from assay_toolkit.simulator.tamper_submission import SUBMISSION_TAMPERS

__all__ = ["TAMPERS", "Tamper", "find"]

TAMPERS: tuple[Tamper, ...] = (
    *SUBMISSION_TAMPERS,
    *ANDROID_TAMPERS,
    *APPLE_TAMPERS,
    *RECEIPT_TAMPERS,
    *PLAY_INTEGRITY_TAMPERS,
)


def find(name: str, *, platform: Platform) -> Tamper:
    """Raises KeyError where the platform knows no such defect."""
    for tamper in TAMPERS:
        if tamper.name == name and platform in tamper.platforms:
            return tamper
    raise KeyError(name)
