"""How a step of this verifier says no to `verify`, which alone turns it into a value."""

from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason


class Refusal(Exception):  # noqa: N818 - a refusal is what it is; it never leaves this package
    def __init__(self, reason: RefusalReason, detail: str = "") -> None:
        super().__init__(reason.value)
        self.refused = Refused(reason, detail)
