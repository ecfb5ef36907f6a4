"""The shape of a named defect."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from assay_toolkit.simulator.base_phone import Phone
from assay_toolkit.simulator.conditions import Platform
from assay_toolkit.simulator.submission import Submission


class Purpose(StrEnum):
    ENROL = "enrol"
    RENEW = "renew"


class Outcome(StrEnum):
    """How a reason shows: no token, a verdict that names it, or a receipt that counts as none: then the token is as
    ever and the risk metric is missing."""

    REFUSED = "refused"
    APPRAISED = "appraised"
    RECEIPT_REFUSED = "receipt_refused"


Make = Callable[[Phone, Phone, bytes], Submission]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tamper:
    """`how`: one sentence. `expected`: a reason code of the service, and `outcome` how it shows.

    `make` takes the phone, a stranger of the same platform that the service has never seen, and the challenge. For
    `renew` the phone must be enrolled. `unless_tested`: a test stage, the local one among them, takes it.
    """

    name: str
    how: str
    expected: str
    make: Make
    platforms: frozenset[Platform]
    purpose: Purpose = Purpose.ENROL
    outcome: Outcome = Outcome.REFUSED
    unless_tested: bool = False

    def build(self, *, phone: Phone, stranger: Phone, challenge: bytes) -> bytes:
        """The body for `challenge`. Raises ValueError for a phone of a platform that knows no such defect."""
        if phone.platform not in self.platforms or stranger.platform is not phone.platform:
            raise ValueError(f"{self.name} is not a defect of {phone.platform}")
        return self.make(phone, stranger, challenge).encode()
