"""Phones that no platform vouches for: admitted where policy says so by name, so many a day, and never remembered."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.appraisal import Policy, daily_unattested
from chalicelib.model.apps import AppRegistration
from chalicelib.model.claims import EvidenceSet, Unattested, VerifiedRaspReport
from chalicelib.model.instances import Instance
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import Format, SubmittedUnattested
from chalicelib.service.admission import AdmittedUnattested
from chalicelib.service.ports import CallBudget, Event, EventKind, EventLog

_CALL = "unattested"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnattestedPhones:
    budget: CallBudget
    events: EventLog

    def admit(
        self,
        submitted: SubmittedUnattested,
        *,
        rasp: VerifiedRaspReport | None,
        standing: Instance | None,
        registration: AppRegistration,
        policy: Policy,
        now: datetime,
    ) -> AdmittedUnattested | Refused:
        """What such a phone is judged by, or why it is refused. `standing`: the instance that has the proof's key.

        1. The key is nobody's. One that enrolled with a platform's word is satisfied with nothing less.
        2. Policy admits such phones on every platform that the app is registered for: nothing says which one it is.
        3. The day's budget of the app has room for one more.

        No instance is kept: there is nothing to renew, and each token costs a challenge for enrolment and a place in
        the budget. Raises Malfunction(STORE_UNAVAILABLE).
        """
        # 1.
        if standing is not None:
            return Refused(RefusalReason.PLATFORM_STATEMENT_MISSING, "the key enrolled with a platform's statement")
        # 2.
        daily = daily_unattested(policy, registration)
        if daily is None:
            return Refused(RefusalReason.PLATFORM_STATEMENT_MISSING)
        # 3.
        if not self.budget.spend(app=registration.app, call=_CALL, limit=daily, now=now):
            self.events.raise_event(
                Event(kind=EventKind.BUDGET_SPENT, subject=registration.app, time=now, detail=_CALL)
            )
            return Refused(RefusalReason.UNATTESTED_BUDGET_SPENT)
        return AdmittedUnattested(
            evidence=EvidenceSet(
                platform=Unattested(submitted.cause),
                platform_attested_at=now,
                rasp=rasp,
                fresh_formats=(Format.UNATTESTED,) if rasp is None else (Format.UNATTESTED, Format.RASP),
            )
        )
