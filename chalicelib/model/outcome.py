"""A bad phone is a value, a broken server of ours an exception, and a vendor that does not answer is a value again."""

from dataclasses import dataclass

from chalicelib.model.claims import Outage
from chalicelib.model.reasons import MalfunctionReason, RefusalReason


@dataclass(frozen=True, slots=True)
class Refused:
    """Evidence says no.

    `detail` is for the decision record: which field or step, in words of ours. It holds no byte of evidence,
    no challenge, no token and no device identifier.
    """

    reason: RefusalReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A vendor's server did not answer, or not usably, or may not be asked any more today. Evidence says neither yes
    nor no, and policy says what that means. `detail` obeys the rule of `Refused.detail`."""

    detail: str = ""
    why: Outage = Outage.UNAVAILABLE


class Malfunction(Exception):  # noqa: N818 - RATS calls it so, and it is a malfunction, not an error of the caller
    """We could not judge. Always answered 503, never stored. `detail` obeys the rule of `Refused.detail`."""

    def __init__(self, reason: MalfunctionReason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail
