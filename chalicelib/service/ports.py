"""What use cases ask of the world. `chalicelib.aws` and `chalicelib.vendors` implement these; tests may too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Protocol

from chalicelib.model.claims import AppleEnvironment, KeptRiskMetric
from chalicelib.model.descriptor import Purpose, TokenKind
from chalicelib.model.history import HistoryMark
from chalicelib.model.instances import Instance
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused, Unavailable
from chalicelib.model.play_integrity import KeptPlayIntegrity
from chalicelib.model.reasons import AppraisalReason, RefusalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Tier, Vector
from chalicelib.model.verdict import AppliedRule


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
    """This worker holds the challenge until its lease runs out; `attempt` names the hold. `taken_over`: another attempt
    held it before, with the same body, and nobody knows how far it came."""

    challenge: bytes
    attempt: str
    taken_over: bool


@dataclass(frozen=True, slots=True)
class InProgress:
    """A twin with the same body holds it."""


ClaimOutcome = Claimed | InProgress | StoredAnswer | RefusalReason


class InstanceChange(Enum):
    """What a commit does to the instance; the adapter turns it into conditional writes of the same transaction.

    ENROL puts the instance, provided that its `jkt` is free, or stands enrolled unblocked for the same app and the
    same App Attest key (or both without one); and that its App Attest key, if any, is free or belongs to this `jkt`.
    The App Attest key then belongs to this `jkt` for good. A counter that stands higher is never moved back.
    RENEW is provided that the `jkt` stands enrolled unblocked for the same app and, for an Apple instance, that the
    stored counter is lower than the new one. It moves what an assertion says anew: validation, `attested_at` and the
    counter. Of an Android instance it moves nothing but a verdict of Google Play's that came with it: nothing else is
    newer than what stands, which a concurrent enrolment may have renewed.
    Both leave the mark of the judgement in the instance's history, provided that an instance which stands has room for
    one more attestation in its hour.
    """

    ENROL = "enrol"
    RENEW = "renew"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReceipt:
    """The receipt of an App Attest key, which Apple exchanges for a newer one with a risk metric in it.

    `receipt` is as the phone or Apple's server sent it: nobody verified it for being kept. `public_key`: the App Attest
    key, as its attestation proved it. `due_at`: when it is to be exchanged. `refused_since`: since when it was refused
    each time; None: it never was, or was not the last time.
    """

    public_key: EcPublicJwk
    jkt: str
    app: str
    app_id: str
    environment: AppleEnvironment
    receipt: bytes
    due_at: datetime
    refused_since: datetime | None = None


# Bytes; genuine receipts have 3,700 to 4,000 (docs/divergences.md). Larger ones are not kept.
MAX_KEPT_RECEIPT = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentCount:
    """One more enrolment in the hour of `at`, of what `keyed_hash` stands for. `limit`: the most in that hour, which a
    store may round up by a few where it is large; None: it is counted and no more."""

    keyed_hash: str
    at: datetime
    limit: int | None


class EnrolmentCounters(Protocol):
    """Enrolments by hour, of what stands behind keyed hashes. They are counted by the commit of an enrolment."""

    def read(self, counts: Sequence[EnrolmentCount]) -> tuple[int, ...]:
        """Enrolments before these, of each, by one consistent read. Raises Malfunction(STORE_UNAVAILABLE)."""


class CommitOutcome(Enum):
    DONE = "done"
    LOST = "lost"  # another worker answered, or the hold was taken over
    INSTANCE_CONFLICT = "instance_conflict"  # the instance's condition failed while the hold was good
    # Another transaction wrote to the instance at that moment; what it leaves is not known yet. The hold was good.
    INSTANCE_CONTENDED = "instance_contended"
    ENROLMENT_LIMIT = "enrolment_limit"  # a count of enrolments stood at its limit, and nothing else was in the way


class ChallengeStore(Protocol):
    """The `nonces` table. Raises Malfunction(STORE_UNAVAILABLE) when it does not answer."""

    def issue(self, challenge: NewChallenge) -> None: ...

    def claim(self, *, challenge: bytes, app: str, purpose: Purpose, body_digest: bytes, now: datetime) -> ClaimOutcome:
        """One conditional write. RefusalReason: one of the CHALLENGE_* ones."""

    def look(self, *, challenge: bytes, body_digest: bytes, now: datetime) -> ClaimOutcome:
        """A consistent read, for a twin that waits; never claims.

        StoredAnswer: it stands, for this body. InProgress: no answer yet, whether the hold is good, run out or
        released. RefusalReason: as `claim` would.
        """

    def release(self, held: Claimed) -> None:
        """After a malfunction: the same body may claim again at once. Nothing happens where the hold is not ours
        any more, or where the answer already stands."""

    def commit(
        self,
        *,
        held: Claimed,
        answer: StoredAnswer,
        next_challenge: NewChallenge,
        change: tuple[InstanceChange, Instance] | None,
        receipt: KeptReceipt | None = None,
        play_integrity: KeptPlayIntegrity | None = None,
        mark: HistoryMark | None = None,
        enrolments: Sequence[EnrolmentCount] = (),
    ) -> CommitOutcome:
        """One transaction: `done` with the answer, the instance moved, the next challenge put. Raises Malfunction(BUSY)
        too, where others are at the same challenge, or enrol beside this one, at this very moment.

        `mark`: what the judgement leaves in the instance's history. `enrolments`: what an enrolment is counted as.
        `receipt`: of an instance that enrols, kept with it. One that stands and may still be exchanged is not replaced.
        `play_integrity`: what the submission of an Android instance brought, kept with it. Without it the verdict that
        stands is not touched, whatever `change` has: a concurrent submission may have brought a newer one.
        """


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveDocument:
    """Which document of a kind is in force, and since when: aware UTC.

    `revision` counts the activations of its kind from 1. `activated_at`: by the clock of whoever activated it.
    `fetched_at`: when its publisher was last asked and gave these very bytes; where nobody said, `activated_at`.
    """

    digest: str
    revision: int
    activated_at: datetime
    fetched_at: datetime


class DocumentStore(Protocol):
    """Immutable documents by digest, and the one `active` item."""

    def active(self) -> dict[str, ActiveDocument]:
        """By kind; consistent read. Raises Malfunction(STORE_UNAVAILABLE)."""

    def read(self, digest: str) -> bytes:
        """The document's bytes, checked against `digest` (hex SHA-256)."""


class ActivationConflict(Exception):  # noqa: N818 - a lost comparison, not an error of the caller
    """Another document is in force than the author expected; nothing was changed."""


class PastActivation(Protocol):
    """A line of a kind's history; the time is aware UTC."""

    @property
    def digest(self) -> str: ...

    @property
    def author(self) -> str: ...

    @property
    def activated_at(self) -> datetime: ...


class SnapshotStore(DocumentStore, Protocol):
    """What a refresh may do beside reading. Raises Malfunction(STORE_UNAVAILABLE)."""

    def put(self, *, kind: str, body: bytes) -> str:
        """Stores the document, which changes nothing yet; its digest. Raises ValueError where it is empty or too
        large."""

    def activate(
        self,
        *,
        kind: str,
        digest: str,
        expected: str | None,
        author: str,
        reason: str,
        fetched_at: datetime | None = None,
    ) -> None:
        """Puts `digest` in force where `expected` is (None: nothing of this kind yet). Raises ActivationConflict."""

    def fetched_again(self, *, kind: str, seen: ActiveDocument, fetched_at: datetime) -> bool:
        """Its publisher gave the bytes of `seen` again: moves its `fetched_at` forward, and writes no history. False,
        and nothing moved, where `seen` is not in force any more or was fetched later still."""

    def activation(self, *, kind: str, revision: int) -> PastActivation:
        """That of `ActiveDocument.revision`, or one before it."""


class Feed(Protocol):
    """One document at its publisher's, over whatever network, with bounds on size and time."""

    def fetch(self) -> bytes | Unavailable:
        """Its exact bytes."""


class KeyDirectory(Protocol):
    """The public keys that the configuration publishes: the active one first, then the next and the retired ones."""

    def published(self) -> tuple[EcPublicJwk, ...]:
        """Raises Malfunction(SIGNER_UNAVAILABLE)."""


class StaticSite(Protocol):
    """The bucket behind the static endpoint."""

    def publish(self, *, path: str, body: bytes, content_type: str, cache_control: str) -> None: ...


class SecretPurpose(StrEnum):
    """What secrets are for: a part of their names, by which functions may read them or not."""

    PLAY_INTEGRITY = "play-integrity"
    APPLE = "apple"  # the risk metric
    SERVICE = "service"  # the service's own


class Secrets(Protocol):
    """Secrets of one purpose. All but the service's own are a team's, for its apps."""

    def read(self, name: str) -> bytes | Unavailable:
        """The secret's bytes, at most some minutes old. Unavailable where there is none, or where it cannot be read."""


@dataclass(frozen=True, slots=True)
class UnusableCredentials:
    """Credentials of ours that are none, or that their vendor does not take: a person has to mend them. `detail` obeys
    the rule of `Refused.detail`."""

    detail: str


class DecodeCall(Protocol):
    """One call that Google lets us make."""

    def decode(self, *, package: str, token: str) -> bytes | Refused | Unavailable | UnusableCredentials:
        """The decoded payload's exact JSON. Refused: Google answered that the token is none of this package's.
        UnusableCredentials: Google answered that the account may not decode tokens of this package."""


class PlayIntegrityDecoder(Protocol):
    """Google's decode call. https://developer.android.com/google/play/integrity/standard#decrypt-and"""

    def access(self, *, service_account: bytes) -> DecodeCall | Unavailable | UnusableCredentials:
        """All that comes before the call that is counted. `service_account`: the JSON key file's bytes."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Apple has nothing newer, now; asking again before some hours have passed is useless."""


class RiskMetrics(Protocol):
    """Apple's server for receipts. https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk"""

    def exchange(
        self, receipt: bytes, *, environment: AppleEnvironment, credentials: bytes, now: datetime
    ) -> bytes | Refused | NotYet | UnusableCredentials | Unavailable:
        """A newer receipt for `receipt`, in whatever encoding a CMS has. Refused: Apple calls it malformed, or of the
        other environment. NotYet: asked too early, or Apple has no data of the phone left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReceipt:
    """That a receipt was due at `due_at`, by an index that may be a moment old. `name` is the store's own."""

    name: str
    due_at: datetime


class ReceiptStore(Protocol):
    """Receipts by when they are due. A taken one is moved only while the hold on it lasts: where somebody else took it
    meanwhile, it stays as it is, and its metric counts where it is the newest. All raise
    Malfunction(STORE_UNAVAILABLE)."""

    def due(self, *, app: str, now: datetime, limit: int) -> tuple[DueReceipt, ...]:
        """At most `limit`, the longest due first."""

    def take(self, due: DueReceipt, *, until: datetime) -> KeptReceipt | None:
        """One conditional write: until then it is nobody else's, and then it is due again. None: it is not due, or
        somebody else's."""

    def measured(self, taken: KeptReceipt, *, receipt: bytes, metric: KeptRiskMetric, due_at: datetime) -> None:
        """The instance has `metric`, unless it has a newer one, and `receipt` takes the place of the one taken."""

    def postpone(self, taken: KeptReceipt, *, due_at: datetime) -> None:
        """It was good, and there was nothing newer."""

    def refused(self, taken: KeptReceipt, *, at: datetime, due_at: datetime) -> None:
        """It was refused `at`, and is kept: it may be us who are wrong."""

    def give_up(self, taken: KeptReceipt) -> None:
        """The receipt is kept no longer; the instance's metric stands."""


class CallBudget(Protocol):
    """How often a paid or limited call was made for an app, per day (UTC)."""

    def spend(self, *, app: str, call: str, limit: int, now: datetime) -> bool:
        """One conditional write; False, and nothing spent, where `limit` calls were made today. `call`: what is
        counted, and for whom where that is not all of the app. Raises Malfunction(STORE_UNAVAILABLE)."""


class EventKind(StrEnum):
    """What a person has to look at, and no phone is told of. Names are stable: alarms match them."""

    ENDORSEMENT_REFUSED = "endorsement_refused"  # a fetched snapshot does not parse, or shrank suspiciously
    ENDORSEMENT_NOT_FETCHED = "endorsement_not_fetched"
    ENDORSEMENT_ANCHOR_UNKNOWN = "endorsement_anchor_unknown"  # the vendor publishes a root that is not in force
    VENDOR_UNAVAILABLE = "vendor_unavailable"
    BUDGET_SPENT = "budget_spent"
    RECEIPT_REFUSED = "receipt_refused"  # App Attest receipts of an app do not verify, or Apple does not take them
    SECRET_UNUSABLE = "secret_unusable"  # noqa: S105 - a name of an event


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`detail` obeys the rule of `Refused.detail`; `subject`: the kind of document, or the app, that it is about."""

    kind: EventKind
    subject: str
    time: datetime
    detail: str = ""


class EventLog(Protocol):
    def raise_event(self, event: Event) -> None: ...


class AnswerRenderer(Protocol):
    """Turns an outcome into the exact status and body that are stored and sent (docs/wire.md, sections 4 and 5).

    `reference` is the text of a random UUID without prefix; `server_time` and `expires_at` are aware UTC datetimes.
    """

    def success(
        self,
        *,
        token: str,
        token_kind: TokenKind,
        expires_in: int,
        next_challenge: NewChallenge,
        server_time: datetime,
    ) -> StoredAnswer:
        """`expires_in`: the token's, in seconds."""

    def refusal(
        self, *, refused: Refused, reference: str, next_challenge: NewChallenge | None, server_time: datetime
    ) -> StoredAnswer:
        """`next_challenge`: None where the refusal spent no challenge."""


class DecisionOutcome(StrEnum):
    TOKEN = "token"  # noqa: S105 - a word, not a secret. Intent: recorded before the signature
    REFUSED = "refused"
    DISCARDED = "discarded"  # the answer of this reference never left: another one stood first, or its instance moved


class Platform(StrEnum):
    ANDROID = "android"
    APPLE = "apple"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One judgement, for analysts. It holds no evidence, challenge, token or device identifier.

    `reference` is what a refused phone shows to support; `jti` finds the record of a token; `detail` obeys
    `Refused.detail`. Refusals have `refusal` and `detail`, tokens `jti`, `tier`, `reasons`, `applied` and `formats`.
    `vectors`: as far as something was checked; of a refusal, where cryptography failed and for that alone. What was
    believed (`policy_id` and the endorsements) stands wherever somebody judged by it.
    """

    reference: str
    time: datetime
    outcome: DecisionOutcome
    app: str | None = None
    purpose: Purpose | None = None
    audience: str | None = None
    platform: Platform | None = None
    jkt: str | None = None
    refusal: RefusalReason | None = None
    detail: str = ""
    jti: str | None = None
    tier: Tier | None = None
    reasons: tuple[AppraisalReason, ...] = ()
    applied: tuple[AppliedRule, ...] = ()
    policy_id: str | None = None
    endorsements_id: str | None = None
    endorsement_ages: Mapping[str, int] = field(default_factory=dict)  # seconds, by endorsement kind
    formats: tuple[Format, ...] = ()
    vectors: Mapping[Format, Vector] = field(default_factory=dict)


class DecisionLog(Protocol):
    def record(self, record: DecisionRecord) -> None: ...
