"""What a policy may ask of an instance's past, and how much of everything it allows in an hour."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chalicelib.appraisal.claims import ClaimValue
from chalicelib.appraisal.load_advice import TIERS
from chalicelib.model.history import Past, hour_of
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.trust import Tier

_DAY: Final = timedelta(hours=24)
_HOUR: Final = timedelta(hours=1)
_HOURS_OF_FLIPS: Final = 24

_NAMES: Final = {tier: name for name, tier in TIERS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most within an hour of the clock (UTC), and per app; None: no limit. Attestation keys that are provisioned in
    the factory are shared by 100,000 phones and more; those provisioned remotely belong to one phone."""

    attestations_per_instance: int | None
    enrolments_per_factory_key: int | None
    enrolments_per_remote_key: int | None
    enrolments_per_network: int | None


# Where a policy says nothing. docs/policy.md has the reasons; policies/baseline.yaml says the same.
DEFAULT_LIMITS: Final = Limits(
    attestations_per_instance=240,
    enrolments_per_factory_key=5_000,
    enrolments_per_remote_key=20,
    enrolments_per_network=5_000,
)


def collect_history(past: Past, *, hard: Collection[AppraisalReason], now: datetime) -> dict[str, ClaimValue | None]:
    """The claims of what stood before this submission. `hard`: the reasons that policy calls so today, whatever it
    called so when they were found."""
    history, hour = past.history, hour_of(now)
    recent = [tier for tier, at in history.tiers.items() if now - at < _DAY]
    found = [at for reason, at in history.hard.items() if reason in hard]
    return {
        "history.first_seen_days": (now - past.first_seen).days,
        "history.worst_tier_24h": _NAMES[Tier.worst(recent)] if recent else None,
        "history.tier_flips_24h": sum(
            count for flipped_in, count in history.flipped.items() if flipped_in > hour - _HOURS_OF_FLIPS
        ),
        "history.attestations_this_hour": history.attested.get(hour, 0),
        "history.enrolments_per_batch_key_this_hour": past.enrolments_per_batch_key,
        "history.enrolments_per_network_this_hour": past.enrolments_per_network,
        "history.hard_detection_age_hours": (now - max(found)) // _HOUR if found else None,
    }
