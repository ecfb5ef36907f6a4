"""What cannot be had or checked, as classes: policy says for each what it means, and its silence means no."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from chalicelib.appraisal.advice import DEFAULT_ACTION
from chalicelib.appraisal.claims import ClaimValue, Evidence, PlayIntegrityStatus, Revocation
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Tier
from chalicelib.model.verdict import Advice, Decision


class Failure(StrEnum):
    """Which one it is, the service saw itself; no word of the phone's chooses between them."""

    PLATFORM_OUTAGE = "platform_outage"
    BUDGET_SPENT = "budget_spent"
    STALE_LIST = "stale_list"
    MISSING_REPORT = "missing_report"
    MISSING_INTEGRITY_TOKEN = "missing_integrity_token"  # noqa: S105 - the name of a class
    UNSUPPORTED_PHONE = "unsupported_phone"


# What can happen to a platform's phones. Apple is asked by the phones themselves, and has no list of leaked keys.
OF_PLATFORM: Final[Mapping[Evidence, tuple[Failure, ...]]] = {
    Evidence.ANDROID: tuple(Failure),
    Evidence.APPLE: (Failure.MISSING_REPORT, Failure.UNSUPPORTED_PHONE),
}

# Classes where an earlier word of the vendor's may stand in for the one that could not be had.
OF_VENDORS: Final = frozenset({Failure.PLATFORM_OUTAGE, Failure.BUDGET_SPENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureOutcome:
    """The tier is no better than `tier`, and the advice no milder than `actions`, by action.

    `daily`: unattested enrolments that are admitted a day (UTC), for each app. `earlier_hours`: how old an earlier word
    of the vendor's may be to stand in; None: none does.
    """

    tier: Tier
    reason: AppraisalReason
    actions: Mapping[str, Advice] = field(default_factory=dict)
    daily: int | None = None
    earlier_hours: int | None = None

    def advice_for(self, action: str) -> Advice | None:
        return self.actions.get(action, self.actions.get(DEFAULT_ACTION))


NOT_CONFIGURED: Final = FailureOutcome(
    tier=Tier.NONE,
    reason=AppraisalReason.FAILURE_NOT_CONFIGURED,
    actions={DEFAULT_ACTION: Advice(decision=Decision.DENY)},
)

FailureOutcomes = Mapping[tuple[Evidence, Failure], FailureOutcome]


def outcome_of(failures: FailureOutcomes, platform: Evidence, failure: Failure) -> FailureOutcome:
    return failures.get((platform, failure), NOT_CONFIGURED)


def seen(
    claims: Mapping[str, ClaimValue],
    *,
    platform: Evidence,
    required: Iterable[Format],
    failures: FailureOutcomes,
) -> list[tuple[Failure, Format | None]]:
    """The failures that these claims show, and which evidence each is about; None: the platform's own."""
    found: list[tuple[Failure, Format | None]] = []
    if claims.get("android.revoked") == Revocation.UNKNOWN:
        found.append((Failure.STALE_LIST, None))
    status = claims.get("play_integrity.status")
    vendors = _VENDORS.get(status) if isinstance(status, str) else None
    if vendors is not None and not _stands_in(claims, outcome_of(failures, platform, vendors)):
        found.append((vendors, Format.PLAY_INTEGRITY))
    if status is None and Format.PLAY_INTEGRITY in required:
        found.append((Failure.MISSING_INTEGRITY_TOKEN, Format.PLAY_INTEGRITY))
    if Format.RASP in required and not any(name.startswith("rasp.") for name in claims):
        found.append((Failure.MISSING_REPORT, Format.RASP))
    return found


_VENDORS: Final[Mapping[str, Failure]] = {
    PlayIntegrityStatus.UNAVAILABLE: Failure.PLATFORM_OUTAGE,
    PlayIntegrityStatus.BUDGET_SPENT: Failure.BUDGET_SPENT,
}


def _stands_in(claims: Mapping[str, ClaimValue], outcome: FailureOutcome) -> bool:
    age = claims.get("play_integrity.age_hours")
    return outcome.earlier_hours is not None and isinstance(age, int) and age <= outcome.earlier_hours
