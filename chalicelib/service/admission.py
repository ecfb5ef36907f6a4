"""What verified evidence has to be to make, or to move, an instance: shared words of enrolment and renewal."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.endorsements.anchors import AnchorSet
from chalicelib.model.claims import EvidenceSet
from chalicelib.model.history import hour_of
from chalicelib.model.instances import Instance
from chalicelib.model.outcome import Refused
from chalicelib.model.play_integrity import KeptPlayIntegrity
from chalicelib.model.reasons import RefusalReason
from chalicelib.service.ports import EnrolmentCount, InstanceChange, KeptReceipt, Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchors:
    """Whose word counts, for what. Empty sets refuse everybody."""

    android: AnchorSet
    apple: AnchorSet
    apple_receipts: AnchorSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Evidence that belongs together and to this instance. `instance` is as it is to stand after the commit.

    `receipt` is what an Apple enrolment brought for the risk metric, where the app asks for one; `play_integrity` is
    Google Play's verdict, where this submission brought one: it replaces the one that stands, and None does not.
    `enrolments`: what an enrolment is counted as.
    """

    change: InstanceChange
    instance: Instance
    platform: Platform
    evidence: EvidenceSet
    receipt: KeptReceipt | None = None
    play_integrity: KeptPlayIntegrity | None = None
    enrolments: tuple[EnrolmentCount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmittedUnattested:
    """A phone that no platform vouches for. It has no instance, before or after."""

    evidence: EvidenceSet


def refused_as_it_stands(
    standing: Instance, *, app: str, most_attestations: int | None, now: datetime
) -> Refused | None:
    """What holds for every use of an instance key that is enrolled: it has one app, nobody blocked it, and it has room
    for one more attestation in this hour (`most_attestations`; None: always).

    A blocked instance is refused, not judged low: the block is this service's own word about one instance, not
    something that its evidence says, and a token that is never made cannot meet a backend that reads too little of it.
    """
    if standing.app != app:
        return Refused(RefusalReason.INSTANCE_OTHER_APP)
    if standing.blocked:
        return Refused(RefusalReason.INSTANCE_BLOCKED)
    if most_attestations is not None and standing.history.attested.get(hour_of(now), 0) >= most_attestations:
        return Refused(RefusalReason.ATTESTATION_LIMIT)
    return None
