"""AR4SI's values for each component of the trustworthiness vector, under names that people can write in a policy.

Source: draft-ietf-rats-ar4si-09, section 2.3.4 (the enumerations of each trustworthiness claim).
The values that AR4SI has for every component are not for policies to give. 0, no claim is made: `appraise` gives it to
a component that could not be confirmed and that no rule explains. 1, unexpected evidence, and 99, cryptographic
validation failed: such evidence is refused and gets no verdict. -1, verifier malfunction: an error, and no verdict.
"""

from collections.abc import Mapping
from typing import Final

from chalicelib.model.trust import Component

NO_CLAIM: Final = 0

VALUES: Final[Mapping[Component, Mapping[str, int]]] = {
    Component.INSTANCE_IDENTITY: {"recognized": 2, "untrustworthy": 96, "unrecognized": 97},
    Component.CONFIGURATION: {"approved": 2, "safe": 3, "unsafe": 32, "unavailable": 36, "unsupportable": 96},
    Component.EXECUTABLES: {
        "approved": 2,
        "approved_boot": 3,
        "unsafe": 32,
        "unrecognized": 33,
        "contraindicated": 96,
    },
    Component.FILE_SYSTEM: {"approved": 2, "unrecognized": 32, "contraindicated": 96},
    Component.HARDWARE: {"genuine": 2, "unsafe": 32, "contraindicated": 96, "unrecognized": 97},
    Component.RUNTIME_OPAQUE: {"encrypted": 2, "isolated": 32, "visible": 96},
    Component.STORAGE_OPAQUE: {"hardware_encrypted": 2, "software_encrypted": 32, "unencrypted": 96},
    Component.SOURCED_DATA: {"trusted": 2, "untrusted": 32, "contraindicated": 96},
}
