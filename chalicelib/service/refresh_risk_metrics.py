"""Use case: receipts of App Attest keys are exchanged at Apple's server for newer ones, with a risk metric in them.

Source: https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk. Renewals find the metric beside the
instance that they read anyhow.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chalicelib.endorsements.anchors import AnchorSet
from chalicelib.model.claims import AppleReceiptKind, KeptRiskMetric, VerifiedReceipt
from chalicelib.model.outcome import Refused, Unavailable
from chalicelib.model.reasons import RefusalReason
from chalicelib.service.beliefs import Beliefs
from chalicelib.service.ports import (
    Clock,
    DueReceipt,
    Event,
    EventKind,
    EventLog,
    KeptReceipt,
    NotYet,
    ReceiptStore,
    RiskMetrics,
    Secrets,
    UnusableCredentials,
)
from chalicelib.verifiers.app_attest import verify_receipt

# Seconds of monotonic time after which a run begins with no further receipt. The function is stopped a minute later, at
# Lambda's longest timeout (lambda_timeout in .chalice/config.json); one receipt takes less than that.
RUN_LASTS: Final = 840.0

_BATCH: Final = 50  # receipts of one app, before the next app has its turn
# Longer than any run: a receipt whose run died is nobody's by then. It is also how long Apple is left alone after an
# outage, since the next run is an hour away.
_HOLD: Final = timedelta(hours=1)
# Before another look, unless Apple names a later time (field 19). Apple counts the keys of 30 days
# (https://developer.apple.com/forums/thread/748312), so that a day more or less changes little.
_AGAIN: Final = timedelta(days=1)
# How long a receipt is refused before it is given up: as long as Apple's live (field 21, 90 days on), so that
# nothing is lost that would still be good when the mistake, which may be ours, is found.
_REFUSED_FOR: Final = timedelta(days=90)
# Refusals in a row of receipts that we find genuine: a phone cannot bring that about. More requests would say no more.
_REFUSED_IN_A_ROW: Final = 5
# Apple's page, "Verify the receipt", of the creation time. Ahead as well: clocks differ.
_FRESH: Final = timedelta(minutes=5)


class Fate(StrEnum):
    """What became of a receipt in a run."""

    MEASURED = "measured"
    UNCHANGED = "unchanged"  # Apple has nothing newer, or names a later time
    ENDED = "ended"  # past its end, which is what becomes of each: its instance keeps the last metric
    REFUSED = "refused"  # does not verify, or Apple does not take it; tried again
    ANSWER_REFUSED = "answer_refused"  # what Apple answered does not verify; asked again
    GIVEN_UP = "given_up"  # was refused for as long as any receipt lives


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReport:
    """Receipts by fate. `finished` False: time ran out, or an app's turn ended early; what is left stays due."""

    fates: Mapping[Fate, int]
    finished: bool


@dataclass(slots=True, kw_only=True)
class _Turn:
    """An app in one run. `anchors`: for receipts. `refusals`: reasons of receipts and answers that were refused for the
    first time, for one event. `in_a_row`: receipts of the last exchanges that came to nothing between Apple and us."""

    app: str
    anchors: AnchorSet
    credentials: bytes
    fates: Counter[Fate] = field(default_factory=Counter)
    refusals: Counter[RefusalReason] = field(default_factory=Counter)
    in_a_row: int = 0
    stopped: bool = False


class RiskMetricService:
    def __init__(
        self,
        *,
        beliefs: Beliefs,
        receipts: ReceiptStore,
        metrics: RiskMetrics,
        secrets: Secrets,
        events: EventLog,
        clock: Clock,
    ) -> None:
        self._beliefs = beliefs
        self._receipts = receipts
        self._metrics = metrics
        self._secrets = secrets
        self._events = events
        self._clock = clock

    def refresh(self) -> RefreshReport:
        """One run over all that is due, within its time. Two at once share the work. Raises Malfunction, and then what
        was done stands, and the rest stays due.

        1. The apps that ask for the metric and whose credentials can be read.
        2. In turns of a batch each, so that one app's thousands do not keep another waiting: what is due, the longest
           first, until nothing is or the time is over.
        3. Each receipt (`_exchange`). Where Apple does not answer, does not take the credentials, or refuses some in a
           row, nothing is lost, and the app's turn is over: the next run goes on with the others.
        4. An event for each app some of whose receipts were refused: one, whatever their number, since phones choose
           what they send; also of a run that a malfunction ended, since nobody will hear of these again.
        """
        end = self._clock.monotonic() + RUN_LASTS
        turns = self._turns()
        waiting = list(turns)
        try:
            while waiting:
                waiting = [turn for turn in waiting if self._batch(turn, end=end)]
        finally:
            for turn in turns:
                self._tell_refusals(turn)
        return RefreshReport(
            fates=sum((turn.fates for turn in turns), Counter()), finished=not any(turn.stopped for turn in turns)
        )

    def _turns(self) -> list[_Turn]:
        turns = []
        believed = self._beliefs.in_force()
        for app, registration in sorted(believed.apps.items()):
            name = registration.apple.risk_metric_secret if registration.apple else None
            if name is None:
                continue
            credentials = self._secrets.read(name)
            if isinstance(credentials, Unavailable):
                self._raise_event(EventKind.SECRET_UNUSABLE, app, credentials.detail)
            else:
                turns.append(_Turn(app=app, anchors=believed.anchors.apple_receipts, credentials=credentials))
        return turns

    def _batch(self, turn: _Turn, *, end: float) -> bool:
        """Whether the app may have more that is due."""
        batch = self._receipts.due(app=turn.app, now=self._clock.now(), limit=_BATCH)
        taken = 0
        for due in batch:
            if self._clock.monotonic() >= end:
                turn.stopped = True
                return False
            taken += self._take(turn, due)
            if turn.stopped:
                return False
        # The index may still show what was just taken. Where it shows nothing else, another run has the rest.
        return taken > 0

    def _take(self, turn: _Turn, due: DueReceipt) -> bool:
        """Whether it was ours to take."""
        kept = self._receipts.take(due, until=self._clock.now() + _HOLD)
        if kept is None:
            return False
        fate = self._exchange(turn, kept)
        match fate:
            case UnusableCredentials(detail):
                self._raise_event(EventKind.SECRET_UNUSABLE, turn.app, detail)
                turn.stopped = True
            case Unavailable(detail):
                self._raise_event(EventKind.VENDOR_UNAVAILABLE, turn.app, detail)
                turn.stopped = True
            case Fate():
                turn.fates[fate] += 1
                turn.stopped = turn.in_a_row >= _REFUSED_IN_A_ROW
        return True

    def _exchange(self, turn: _Turn, kept: KeptReceipt) -> Fate | UnusableCredentials | Unavailable:
        """What became of one receipt; `kept` is held. UnusableCredentials, Unavailable: it is due again when the hold
        is over.

        1. The receipt verifies, for this app and key: nobody looked at it when it was kept. One that does not is tried
           again, since our anchors may be what is wrong; one that is past its end is given up.
        2. Apple names a time before which asking is useless (field 19).
        3. Apple exchanges it. Where it has nothing newer it may have some day: when the app attests again on that
           phone (https://developer.apple.com/forums/thread/702845).
        4. The answer verifies, for the same app and key; it was made just now, by Apple's server; it has a metric.
           Otherwise the receipt that stands is asked with again.
        5. Metric and newer receipt are kept.
        """
        now = self._clock.now()
        # 1.
        receipt = _verified(kept, kept.receipt, anchors=turn.anchors, now=now)
        if isinstance(receipt, Refused):
            if receipt.reason is RefusalReason.APPLE_RECEIPT_EXPIRED:
                self._receipts.give_up(kept)
                return Fate.ENDED
            # Not counted as in a row: a phone may send anything, and must not end the turn of the others.
            return self._refused(turn, kept, receipt.reason, now=now)
        # 2.
        if receipt.not_before is not None and receipt.not_before > now:
            self._receipts.postpone(kept, due_at=receipt.not_before)
            return Fate.UNCHANGED
        # 3.
        answer = self._metrics.exchange(
            kept.receipt, environment=kept.environment, credentials=turn.credentials, now=now
        )
        match answer:
            case UnusableCredentials() | Unavailable():
                return answer
            case NotYet():
                turn.in_a_row = 0
                self._receipts.postpone(kept, due_at=now + _AGAIN)
                return Fate.UNCHANGED
            case Refused():
                turn.in_a_row += 1
                return self._refused(turn, kept, answer.reason, now=now)
            case bytes():
                return self._measured(turn, kept, answer, now=now)

    def _measured(self, turn: _Turn, kept: KeptReceipt, answer: bytes, *, now: datetime) -> Fate:
        # 4.
        newer = _metric(kept, answer, anchors=turn.anchors, now=now)
        if isinstance(newer, Refused):
            turn.in_a_row += 1
            self._receipts.postpone(kept, due_at=now + _AGAIN)
            turn.refusals[newer.reason] += 1
            return Fate.ANSWER_REFUSED
        # 5.
        turn.in_a_row = 0
        metric, not_before = newer
        self._receipts.measured(kept, receipt=answer, metric=metric, due_at=max(now + _AGAIN, not_before or now))
        return Fate.MEASURED

    def _refused(self, turn: _Turn, kept: KeptReceipt, reason: RefusalReason, *, now: datetime) -> Fate:
        if kept.refused_since is not None and now - kept.refused_since >= _REFUSED_FOR:
            self._receipts.give_up(kept)
            return Fate.GIVEN_UP
        self._receipts.refused(kept, at=now, due_at=now + _AGAIN)
        # Told once of each receipt, or one bad phone would raise an alarm a day.
        if kept.refused_since is None:
            turn.refusals[reason] += 1
        return Fate.REFUSED

    def _tell_refusals(self, turn: _Turn) -> None:
        told = [f"{reason.value} {count}" for reason, count in sorted(turn.refusals.items())]
        if turn.in_a_row >= _REFUSED_IN_A_ROW:
            told.append(f"ended after {turn.in_a_row} in a row")
        if told:
            self._raise_event(EventKind.RECEIPT_REFUSED, turn.app, ", ".join(told))

    def _raise_event(self, kind: EventKind, app: str, detail: str) -> None:
        self._events.raise_event(Event(kind=kind, subject=app, time=self._clock.now(), detail=detail))


def _metric(
    kept: KeptReceipt, unverified: bytes, *, anchors: AnchorSet, now: datetime
) -> tuple[KeptRiskMetric, datetime | None] | Refused:
    """What Apple's answer says, and before when it is useless to ask again."""
    newer = _verified(kept, unverified, anchors=anchors, now=now)
    if isinstance(newer, Refused):
        return newer
    if newer.kind is not AppleReceiptKind.RECEIPT or newer.risk_metric is None:
        return Refused(RefusalReason.APPLE_RECEIPT_MALFORMED, "an answer without a risk metric")
    if abs(now - newer.created_at) > _FRESH:
        return Refused(RefusalReason.APPLE_RECEIPT_EXPIRED, "an answer that was not made just now")
    return KeptRiskMetric(value=newer.risk_metric, measured_at=newer.created_at), newer.not_before


def _verified(kept: KeptReceipt, unverified: bytes, *, anchors: AnchorSet, now: datetime) -> VerifiedReceipt | Refused:
    """Of the kept receipt's app, key and environment."""
    verified = verify_receipt(unverified, app_id=kept.app_id, public_key=kept.public_key, anchors=anchors, now=now)
    if isinstance(verified, VerifiedReceipt) and verified.environment not in (None, kept.environment):
        return Refused(RefusalReason.APPLE_RECEIPT_FOREIGN, "of the other environment")
    return verified
