"""What a judgement looks back on, what it leaves behind, and when there were too many.

An instance's own history is read with the instance and moves by the write that renews or enrols it. A new key begins
with none: what sees many of them is how many enrol beside it within the hour, by attestation key and by network.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from chalicelib.appraisal import Limits, Policy
from chalicelib.model.claims import KeptAndroid, KeptEvidence, Provisioning
from chalicelib.model.history import History, HistoryMark, hour_of
from chalicelib.model.outcome import Malfunction, Refused, Unavailable
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.model.verdict import Verdict
from chalicelib.service.admission import Admitted
from chalicelib.service.ports import EnrolmentCount, EnrolmentCounters, Event, EventKind, EventLog, Secrets

# infra/data.yaml makes it.
COUNTING_KEY: Final = "counting-key"
# Bytes of text. What CloudFormation makes has 64; less than this is nobody's random key.
_SHORTEST_KEY: Final = 32

_BATCH_KEY, _NETWORK = "batch_key", "network"


def mark_of(verdict: Verdict, *, standing: History, policy: Policy, now: datetime) -> HistoryMark:
    """What `verdict` leaves on its instance: what the evidence alone was worth, not what its past made of it."""
    last = standing.last_tier
    return HistoryMark(
        at=now,
        tier=verdict.evidence_tier,
        flipped=last is not None and last is not verdict.evidence_tier,
        hard=tuple(reason for reason in verdict.reasons if reason in policy.hard),
        most_attestations=policy.limits.attestations_per_instance,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolments:
    """Counts enrolments by hour, app and keyed hash: whoever reads the table learns neither serial nor network, and
    cannot tell that two hours are about the same one."""

    secrets: Secrets
    counters: EnrolmentCounters
    events: EventLog

    def weigh(self, admitted: Admitted, *, app: str, network: str, limits: Limits, now: datetime) -> Admitted | Refused:
        """`admitted`, which enrols, with how many did so before it in this hour, and with what it counts as itself; or
        that there were too many. The commit has the last word: of two that see the last place, one gets it.

        Without the key nothing can be counted, and what is not counted has no limit: no phone enrols until it is there
        again, and an event says so. Those that are enrolled are not concerned.
        Raises Malfunction(SECRET_UNAVAILABLE), Malfunction(STORE_UNAVAILABLE).
        """
        key = self._key(now)
        counted = _counted(admitted.instance.kept, network=network, limits=limits)
        counts = {
            what: EnrolmentCount(keyed_hash=_keyed_hash(key, what, app, value, now), at=now, limit=limit)
            for what, (value, limit) in counted.items()
        }
        seen = dict(zip(counts, self.counters.read(tuple(counts.values())), strict=True))
        for what, count in counts.items():
            if count.limit is not None and seen[what] >= count.limit:
                return Refused(RefusalReason.ENROLMENT_LIMIT, f"enrolments of this hour, by {what}")
        if (past := admitted.evidence.past) is None:
            raise ValueError("an enrolment without a past")
        past = replace(past, enrolments_per_batch_key=seen.get(_BATCH_KEY), enrolments_per_network=seen.get(_NETWORK))
        return replace(admitted, enrolments=tuple(counts.values()), evidence=replace(admitted.evidence, past=past))

    def _key(self, now: datetime) -> bytes:
        key = self.secrets.read(COUNTING_KEY)
        if isinstance(key, Unavailable):
            problem = key.detail
        elif len(key) < _SHORTEST_KEY:
            problem = "the key is too short"
        else:
            return key
        self.events.raise_event(Event(kind=EventKind.SECRET_UNUSABLE, subject=COUNTING_KEY, time=now, detail=problem))
        raise Malfunction(MalfunctionReason.SECRET_UNAVAILABLE, "the key that enrolments are counted by")


def _counted(kept: KeptEvidence, *, network: str, limits: Limits) -> Mapping[str, tuple[str, int | None]]:
    """What an enrolment is counted as, with the most of each. Apple's certificates are the same for all phones."""
    counted = {_NETWORK: (network, limits.enrolments_per_network)}
    if isinstance(kept, KeptAndroid) and kept.certificate_serials:
        # The certificate of the key that attested: the leaf's own serial is not kept.
        serial = format(kept.certificate_serials[0], "x")
        # Whose provisioning nobody knows counts as shared: it is not to lock out 100,000 phones.
        remote = kept.provisioning is Provisioning.REMOTE
        limit = limits.enrolments_per_remote_key if remote else limits.enrolments_per_factory_key
        counted[_BATCH_KEY] = (serial, limit)
    return counted


def _keyed_hash(key: bytes, what: str, app: str, value: str, now: datetime) -> str:
    """None of the parts can hold a zero byte, so that no two make one text."""
    text = "\0".join(("assay-enrolments-v1", what, app, str(hour_of(now)), value))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
