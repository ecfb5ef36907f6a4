"""The ports in memory, with the state machines of the real adapters, so that use cases meet every outcome.

Races against DynamoDB are tests/aws's; what happens between two calls here is scripted by `Store.before_commit`.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from chalicelib.model.descriptor import Purpose
from chalicelib.model.instances import Instance
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.service.ports import (
    Claimed,
    ClaimOutcome,
    CommitOutcome,
    DecisionRecord,
    InProgress,
    InstanceChange,
    NewChallenge,
    StoredAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEASE = timedelta(seconds=16)
REPLAY_WINDOW = timedelta(seconds=60)


class Clock:
    """Stands still until told; a sleep passes at once. `on_sleep` runs in the middle of each."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return 1_000.0 + self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        self.on_sleep()

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


class CountedBytes:
    """Randomness that never repeats and always comes out the same."""

    def __init__(self) -> None:
        self.calls = 0

    def token_bytes(self, size: int) -> bytes:
        self.calls += 1
        return hashlib.shake_256(self.calls.to_bytes(8, "big")).digest(size)


class Breakable:
    """Names of methods that do not answer for now."""

    def __init__(self, reason: MalfunctionReason) -> None:
        self._reason = reason
        self.broken: set[str] = set()
        self.called: list[str] = []

    def _answering(self, method: str) -> None:
        self.called.append(method)
        if method in self.broken:
            raise Malfunction(self._reason, method)


@dataclass
class Item:
    """One row of the nonces table."""

    challenge: NewChallenge
    body_digest: bytes | None = None
    attempt: str | None = None
    claimed_at: datetime | None = None
    lease_until: datetime | None = None
    answer: StoredAnswer | None = None


class Store(Breakable):
    """Both tables: ChallengeStore and InstanceStore."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(MalfunctionReason.STORE_UNAVAILABLE)
        self._clock = clock
        self.items: dict[bytes, Item] = {}
        self.instances: dict[str, Instance] = {}
        self.owners: dict[bytes, str] = {}
        self.before_commit: Callable[[], None] = lambda: None
        self._attempts = 0

    def issue(self, challenge: NewChallenge) -> None:
        self._answering("issue")
        self.items[challenge.value] = Item(challenge)

    def claim(self, *, challenge: bytes, app: str, purpose: Purpose, body_digest: bytes, now: datetime) -> ClaimOutcome:
        self._answering("claim")
        item = self.items.get(challenge)
        if item is None:
            return RefusalReason.CHALLENGE_UNKNOWN
        if item.challenge.app != app:
            return RefusalReason.CHALLENGE_WRONG_APP
        if item.challenge.purpose is not purpose:
            return RefusalReason.CHALLENGE_WRONG_PURPOSE
        if item.claimed_at is None and item.challenge.expires_at <= now:
            return RefusalReason.CHALLENGE_EXPIRED
        takeover = (
            item.claimed_at is not None
            and item.answer is None
            and item.body_digest == body_digest
            and item.lease_until <= now
            and item.claimed_at >= now - REPLAY_WINDOW
        )
        if item.claimed_at is None or takeover:
            self._attempts += 1
            item.body_digest = body_digest
            item.attempt = str(self._attempts)
            item.claimed_at = item.claimed_at or now
            item.lease_until = now + LEASE
            return Claimed(challenge=challenge, attempt=item.attempt)
        return self._for_a_twin(item, body_digest, now)

    def look(self, *, challenge: bytes, body_digest: bytes, now: datetime) -> ClaimOutcome:
        self._answering("look")
        item = self.items.get(challenge)
        if item is None:
            return RefusalReason.CHALLENGE_UNKNOWN
        return self._for_a_twin(item, body_digest, now)

    def release(self, held: Claimed) -> None:
        self._answering("release")
        item = self.items[held.challenge]
        if item.attempt == held.attempt and item.answer is None:
            item.lease_until = datetime.min.replace(tzinfo=UTC)

    def commit(
        self,
        *,
        held: Claimed,
        answer: StoredAnswer,
        next_challenge: NewChallenge,
        change: tuple[InstanceChange, Instance] | None,
    ) -> CommitOutcome:
        meanwhile, self.before_commit = self.before_commit, lambda: None
        meanwhile()
        self._answering("commit")
        item = self.items[held.challenge]
        if item.attempt != held.attempt or item.answer is not None:
            return CommitOutcome.LOST
        if change is not None and not self._move(*change):
            return CommitOutcome.INSTANCE_CONFLICT
        item.answer = answer
        self.items[next_challenge.value] = Item(next_challenge)
        return CommitOutcome.DONE

    def by_jkt(self, jkt: str) -> Instance | None:
        self._answering("by_jkt")
        return self.instances.get(jkt)

    def take_over(self, challenge: bytes) -> None:
        """Another worker holds the challenge now."""
        self.items[challenge].attempt = "another"

    def _move(self, change: InstanceChange, instance: Instance) -> bool:
        standing = self.instances.get(instance.jkt)
        if standing is not None and (standing.app != instance.app or standing.blocked):
            return False
        old = standing.app_attest if standing else None
        new = instance.app_attest
        if change is InstanceChange.ENROL:
            if standing is not None and (old.key_id if old else None) != (new.key_id if new else None):
                return False
            if new is not None and self.owners.setdefault(new.key_id, instance.jkt) != instance.jkt:
                return False
            if old is not None and new is not None:
                instance = replace(instance, app_attest=old)
            self.instances[instance.jkt] = instance
            return True
        if standing is None or (new is not None and (old is None or old.counter >= new.counter)):
            return False
        self.instances[instance.jkt] = replace(
            standing, kept=instance.kept, attested_at=instance.attested_at, app_attest=new
        )
        return True

    @staticmethod
    def _for_a_twin(item: Item, body_digest: bytes, now: datetime) -> ClaimOutcome:
        if item.claimed_at is None:
            return InProgress()
        if item.body_digest != body_digest or item.claimed_at < now - REPLAY_WINDOW:
            return RefusalReason.CHALLENGE_SPENT
        return item.answer or InProgress()


class LocalSigner(Breakable):
    """Signs as KMS does; `private` may be changed, as when an ARN's key is not the one it was."""

    def __init__(self) -> None:
        super().__init__(MalfunctionReason.SIGNER_UNAVAILABLE)
        self.private = ec.generate_private_key(ec.SECP256R1())
        numbers = self.private.public_key().public_numbers()
        self._jwk = EcPublicJwk(x=numbers.x.to_bytes(32, "big"), y=numbers.y.to_bytes(32, "big"))

    @property
    def kid(self) -> str:
        return self._jwk.jkt

    @property
    def public_jwk(self) -> EcPublicJwk:
        return self._jwk

    def sign(self, message: bytes) -> bytes:
        self._answering("sign")
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Documents(Breakable):
    def __init__(self) -> None:
        super().__init__(MalfunctionReason.STORE_UNAVAILABLE)
        self._bodies: dict[str, bytes] = {}
        self._active: dict[str, str] = {}

    def activate(self, kind: str, body: bytes) -> str:
        digest = hashlib.sha256(body).hexdigest()
        self._bodies[digest] = body
        self._active[kind] = digest
        return digest

    def withdraw(self, kind: str) -> None:
        del self._active[kind]

    def active(self) -> dict[str, str]:
        self._answering("active")
        return dict(self._active)

    def read(self, digest: str) -> bytes:
        self._answering("read")
        return self._bodies[digest]


@dataclass
class Decisions:
    """What was recorded, and with `journal` in which order among other things."""

    records: list[DecisionRecord] = field(default_factory=list)
    journal: list[str] = field(default_factory=list)

    def record(self, record: DecisionRecord) -> None:
        self.records.append(record)
        self.journal.append(f"record {record.outcome}")


@dataclass
class Site:
    published: dict[str, tuple[bytes, str, str]] = field(default_factory=dict)

    def publish(self, *, path: str, body: bytes, content_type: str, cache_control: str) -> None:
        self.published[path] = (body, content_type, cache_control)


@dataclass
class Keys:
    keys: tuple[EcPublicJwk, ...]

    def published(self) -> tuple[EcPublicJwk, ...]:
        return self.keys
