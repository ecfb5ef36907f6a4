"""A whole service over moto, and phones that it can judge."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

import rfc8785
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.roots import ANDROID_ROOT_PEM, APPLE_RECEIPT_ROOT_PEM, APPLE_ROOT_PEM
from assay_toolkit.simulator.submission import Submission, bind, prove
from chalicelib.aws.challenges import _key
from chalicelib.endorsements.anchors import TrustAnchor, anchors_from_pem
from chalicelib.endorsements.trust_anchors import AnchorUse
from chalicelib.model.descriptor import Purpose
from chalicelib.model.instances import Instance
from chalicelib.service.attest import AttestService
from chalicelib.service.beliefs import Beliefs
from chalicelib.service.issue_challenge import ChallengeService
from chalicelib.service.ports import Claimed, ClaimOutcome, CommitOutcome, NewChallenge, StoredAnswer
from chalicelib.verifiers.codec import base64url
from chalicelib.verifiers.submission import decode_submission
from tests.service.adapters import NotedEvents, PublishedDocuments, RecordedDecisions, Tables, Tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

STAGE = "service"
ISSUER = "https://keys.assay.example"
API = "https://api.bank.example"
GATEWAY = "https://gateway.bank.example"

NETWORK = "192.0.2.0/24"
DAILY_CALLS = 3

_APP: dict[str, Any] = {
    "android": {
        "packages": ["com.example.bank"],
        "signature_digests": ["a1" * 32],
        "play_integrity": {"requests": ["classic"], "secret": "play"},
    },
    "apple": {"app_ids": ["A1B2C3D4E5.com.example.bank"], "environment": "production"},
    "audiences": {API: {"kind": "clear"}, GATEWAY: {"kind": "gateway", "minimum_tier": "high"}},
}
APPS: dict[str, Any] = {
    "bank": _APP,
    "broker": {**_APP, "token_lifetime": 120},
    "standard": {
        **_APP,
        "android": {
            **_APP["android"],
            "play_integrity": {"requests": ["standard"], "secret": "play-standard", "daily_calls": DAILY_CALLS},
        },
    },
    "generous": {
        **_APP,
        "android": {
            **_APP["android"],
            "play_integrity": {"requests": ["standard"], "secret": "play-generous", "daily_calls": 1_000_000},
        },
    },
    "no-integrity": {
        **_APP,
        "android": {name: value for name, value in _APP["android"].items() if name != "play_integrity"},
    },
    "android-only": {name: value for name, value in _APP.items() if name != "apple"},
    "apple-only": {name: value for name, value in _APP.items() if name != "android"},
}

# What the vendors' anchors are to real phones.
SIMULATED = {
    AnchorUse.ANDROID_KEY: anchors_from_pem(ANDROID_ROOT_PEM, name="simulated"),
    AnchorUse.APP_ATTEST: anchors_from_pem(APPLE_ROOT_PEM, name="simulated"),
    AnchorUse.APP_ATTEST_RECEIPT: anchors_from_pem(APPLE_RECEIPT_ROOT_PEM, name="simulated"),
}

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
FUNCTION_TIMEOUT = timedelta(seconds=20)
LEASE = FUNCTION_TIMEOUT + timedelta(seconds=1)  # docs/once-only.md


def register(apps: dict[str, Any] = APPS) -> bytes:
    return rfc8785.dumps({"version": 1, "apps": apps})


def status_list(*serials: int) -> bytes:
    return json.dumps({"entries": {f"{serial:x}": {"status": "REVOKED"} for serial in serials}}).encode()


def trust_anchors(*anchors: TrustAnchor, use: str = "android_key") -> bytes:
    """A document of these alone, for one use."""
    certificate = {"sha256": "0" * 64, "not_before": "2020-01-01T00:00:00Z", "not_after": "2049-12-31T00:00:00Z"}
    entries = [
        {
            "name": f"anchor-{number}",
            "use": use,
            "pem": load_der_public_key(anchor.spki)
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            "spki_sha256": anchor.spki_sha256,
            "source": "https://vendor.example/roots",
            "seen": "2026-11-20",
            "certificates": [certificate],
        }
        for number, anchor in enumerate(anchors)
    ]
    return rfc8785.dumps({"version": 1, "anchors": entries})


def reproved(submission: Submission, *, key: "EllipticCurvePrivateKey") -> Submission:
    """The same submission with a proof by `key` that covers what stands in it."""
    binding = bind(
        challenge=submission.challenge,
        key=key.public_key(),
        rasp_report=submission.rasp_report,
        descriptor=submission.descriptor,
    )
    return replace(submission, binding=binding, proof=prove(key=key, binding=binding))


def with_its_keys(phone: AndroidPhone | ApplePhone, *, purpose: Purpose, challenge: bytes) -> Submission:
    """By the keys that the phone has, for either purpose: `phone.enrolment` makes new ones."""
    renewal = phone.renewal(challenge=challenge)
    if purpose is Purpose.RENEW:
        return renewal
    asked = replace(renewal, descriptor={**renewal.descriptor, "purpose": "enrol"})
    proven = reproved(asked, key=phone.instance_key)
    if isinstance(phone, AndroidPhone):
        return replace(proven, statement=phone.key_statement(challenge=challenge))
    return replace(proven, statement=phone.attestation_statement(binding=proven.binding))


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
        self._lock = Lock()

    def token_bytes(self, size: int) -> bytes:
        with self._lock:
            self.calls += 1
            return hashlib.shake_256(self.calls.to_bytes(8, "big")).digest(size)


def stored_id(challenge: bytes) -> str:
    return _key(challenge)


@dataclass
class World:
    clock: Clock
    tables: Tables
    challenge_store: Tap
    instance_store: Tap
    documents: PublishedDocuments
    signer: Tap
    decisions: RecordedDecisions
    events: NotedEvents
    randomness: CountedBytes
    beliefs: Beliefs
    challenges: ChallengeService
    attestations: AttestService
    phones: CountedBytes = field(default_factory=CountedBytes)

    def phone(self, kind, *, app: str = "bank", audience: str = API, **choices):
        return kind(app=app, audience=audience, clock=self.clock.now, randomness=self.phones.token_bytes, **choices)

    def challenge(self, purpose: Purpose = Purpose.ENROL, *, app: str = "bank") -> bytes:
        return self.challenges.issue(app, purpose).challenge.value

    def attest(self, body: bytes, *, network: str = NETWORK) -> "Answer":
        return Answer(self.attestations.attest(decode_submission(body), network=network))

    def enrol(self, phone, **choices) -> "Answer":
        challenge = self.challenge(app=phone.app)
        return self.attest(phone.build_enrolment(challenge=challenge, **choices))

    def renew(self, phone, **choices) -> "Answer":
        challenge = self.challenge(Purpose.RENEW, app=phone.app)
        return self.attest(phone.build_renewal(challenge=challenge, **choices))

    @property
    def refusal(self):
        """The reason that the last record names."""
        return self.decisions.records[-1].refusal

    def instance(self, jkt: str) -> Instance | None:
        """As it stands."""
        return self.instance_store.real.by_jkt(jkt)

    def challenge_item(self, challenge: bytes) -> dict[str, Any]:
        """As it is stored."""
        [found] = [item for item in self.tables.items(self.tables.nonces) if item["id"]["S"] == stored_id(challenge)]
        return found

    def claim_by_another(self, body: bytes, *, ahead: timedelta = timedelta(0)) -> ClaimOutcome:
        """Another worker gets the same body; its time is `ahead` of this one's."""
        submitted = decode_submission(body)
        return self.challenge_store.real.claim(
            challenge=submitted.challenge,
            app=submitted.descriptor.app,
            purpose=submitted.descriptor.purpose,
            body_digest=submitted.body_digest,
            now=self.clock.now() + ahead,
        )

    def commit_by_another(self, held: Claimed, answer: StoredAnswer) -> CommitOutcome:
        following = NewChallenge(
            value=self.randomness.token_bytes(32),
            app="bank",
            purpose=Purpose.RENEW,
            expires_at=self.clock.now() + timedelta(seconds=600),
        )
        return self.challenge_store.real.commit(held=held, answer=answer, next_challenge=following, change=None)


@dataclass(frozen=True)
class Answer:
    stored: StoredAnswer

    @property
    def status(self) -> int:
        return self.stored.status

    @property
    def members(self) -> dict[str, Any]:
        return json.loads(self.stored.body)

    @property
    def next_challenge(self) -> bytes:
        return base64url.decode(self.members["challenge"]["value"], max_bytes=32)

    @property
    def claims(self) -> dict[str, Any]:
        payload = self.members["token"].split(".")[1]
        return json.loads(base64url.decode(payload, max_bytes=8_192))
