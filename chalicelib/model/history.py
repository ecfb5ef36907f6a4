"""What an instance did before, as the service saw it itself: nothing here is the phone's word."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.trust import Tier

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)


def hour_of(moment: datetime) -> int:
    """Hours since 1970, UTC: what limits count by."""
    return (moment - _EPOCH) // _HOUR


def end_of_hour(moment: datetime) -> datetime:
    return _EPOCH + (hour_of(moment) + 1) * _HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The marks that earlier judgements left on an instance; empty where there were none, or none that left marks.

    `tiers`: when each tier was given last, counting what the evidence alone was worth: were it the verdict, which
    history lowers, a bad day would never end. `hard`: when each reason that policy calls hard was found last, by its
    code; one that the registry does not have any more stays. `attested`, `flipped`: tokens made, and how often the tier
    was another than the time before, by hour (`hour_of`).
    """

    tiers: Mapping[Tier, datetime] = field(default_factory=dict)
    hard: Mapping[str, datetime] = field(default_factory=dict)
    attested: Mapping[int, int] = field(default_factory=dict)
    flipped: Mapping[int, int] = field(default_factory=dict)

    @property
    def last_tier(self) -> Tier | None:
        """Of two that were given at the same time, the worse one."""
        latest = max(self.tiers.values(), default=None)
        return None if latest is None else Tier.worst(tier for tier, at in self.tiers.items() if at == latest)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryMark:
    """What one judgement leaves on its instance. `most_attestations`: the instance has room for this one while it has
    fewer in the hour of `at`; None: always."""

    at: datetime
    tier: Tier
    flipped: bool
    hard: tuple[AppraisalReason, ...] = ()
    most_attestations: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """All that stood before a submission. The counts of enrolments are this hour's, for the app; None: it is no
    enrolment, or its phone has no attestation key of its own."""

    first_seen: datetime
    history: History
    enrolments_per_batch_key: int | None = None
    enrolments_per_network: int | None = None
