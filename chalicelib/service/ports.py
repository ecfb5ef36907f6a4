"""What use cases ask of the world. `chalicelib.aws` implements these; tests may too."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from chalicelib.model.descriptor import Purpose
from chalicelib.model.instances import Instance
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.reasons import RefusalReason


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def sleep(self, seconds: float) -> None: ...


class Randomness(Protocol):
    def token_bytes(self, size: int) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChallenge:
    """A challenge to be stored as issued; `value` is the 32 bytes."""

    value: bytes
    app: str
    purpose: Purpose
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """The exact status and body that left, or would have."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """This worker holds the challenge until its lease runs out; `attempt` names the hold."""

    challenge: bytes
    attempt: str


@dataclass(frozen=True, slots=True)
class InProgress:
    """A twin with the same body holds it."""


ClaimOutcome = Claimed | InProgress | StoredAnswer | RefusalReason


class InstanceChange(Enum):
    """What a commit does to the instance; the adapter turns it into one conditional write."""

    ENROL = "enrol"
    RENEW = "renew"


class CommitOutcome(Enum):
    DONE = "done"
    LOST = "lost"  # another worker answered, or the hold was taken over
    INSTANCE_CONFLICT = "instance_conflict"  # counter overtaken, key taken, or blocked meanwhile


class ChallengeStore(Protocol):
    """The `nonces` table. Raises Malfunction(STORE_UNAVAILABLE) when it does not answer."""

    def issue(self, challenge: NewChallenge) -> None: ...

    def claim(self, *, challenge: bytes, app: str, purpose: Purpose, body_digest: bytes, now: datetime) -> ClaimOutcome:
        """One conditional write. RefusalReason: one of the CHALLENGE_* ones."""

    def look(self, *, challenge: bytes, body_digest: bytes, now: datetime) -> ClaimOutcome:
        """A consistent read, for a twin that waits; never claims."""

    def release(self, held: Claimed) -> None:
        """After a malfunction: the same body may claim again at once."""

    def commit(
        self,
        *,
        held: Claimed,
        answer: StoredAnswer,
        next_challenge: NewChallenge,
        change: tuple[InstanceChange, Instance] | None,
    ) -> CommitOutcome:
        """One transaction: `done` with the answer, the instance moved, the next challenge put."""


class InstanceStore(Protocol):
    def by_jkt(self, jkt: str) -> Instance | None:
        """Consistent read."""


class Signer(Protocol):
    @property
    def kid(self) -> str: ...

    @property
    def public_jwk(self) -> EcPublicJwk: ...

    def sign(self, message: bytes) -> bytes:
        """ECDSA P-256 over SHA-256(message), as r ‖ s. `message` is at most 4,096 bytes (KMS, RAW).
        Raises Malfunction(SIGNER_UNAVAILABLE)."""


class DocumentStore(Protocol):
    """Immutable documents by digest, and the one `active` item."""

    def active(self) -> dict[str, str]:
        """Kind → digest in force; consistent read. Raises Malfunction(STORE_UNAVAILABLE)."""

    def read(self, digest: str) -> bytes:
        """The document's bytes, checked against `digest` (hex SHA-256)."""


class StaticSite(Protocol):
    """The bucket behind the static endpoint."""

    def publish(self, *, path: str, body: bytes, content_type: str, cache_control: str) -> None: ...
