"""A whole service over in-memory ports, and phones that it can judge."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from assay_toolkit.policy import compile_policy
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.roots import ANDROID_ROOT_PEM, APPLE_ROOT_PEM
from chalicelib.api.rendering import JsonRenderer
from chalicelib.endorsements.anchors import anchors_from_pem
from chalicelib.model.descriptor import Purpose
from chalicelib.service.admission import TrustAnchors
from chalicelib.service.attest import AttestService
from chalicelib.service.beliefs import Beliefs
from chalicelib.service.issue_challenge import ChallengeService
from chalicelib.service.ports import StoredAnswer
from chalicelib.verifiers.codec import base64url
from chalicelib.verifiers.submission import decode_submission
from tests.service.fakes import Clock, CountedBytes, Decisions, Documents, LocalSigner, Store

ISSUER = "https://keys.assay.example"
API = "https://api.bank.example"
GATEWAY = "https://gateway.bank.example"

_APP = {
    "android": {"packages": ["com.example.bank"], "signature_digests": ["a1" * 32]},
    "apple": {"app_ids": ["A1B2C3D4E5.com.example.bank"], "environment": "production"},
    "audiences": {API: {"kind": "clear"}, GATEWAY: {"kind": "gateway", "minimum_tier": "high"}},
}
APPS: dict[str, Any] = {
    "bank": _APP,
    "broker": {**_APP, "token_lifetime": 120},
    "android-only": {name: value for name, value in _APP.items() if name != "apple"},
    "apple-only": {name: value for name, value in _APP.items() if name != "android"},
}


def register(apps: dict[str, Any] = APPS) -> bytes:
    return rfc8785.dumps({"version": 1, "apps": apps})


def status_list(*serials: int) -> bytes:
    return json.dumps({"entries": {f"{serial:x}": {"status": "REVOKED"} for serial in serials}}).encode()


@pytest.fixture(scope="session")
def policy() -> bytes:
    return compile_policy(Path(__file__).resolve().parents[2] / "policies" / "baseline.yaml")


@dataclass
class World:
    clock: Clock
    store: Store
    documents: Documents
    signer: LocalSigner
    decisions: Decisions
    randomness: CountedBytes
    beliefs: Beliefs
    challenges: ChallengeService
    attestations: AttestService
    phones: CountedBytes = field(default_factory=CountedBytes)

    def phone(self, kind, *, app: str = "bank", audience: str = API, **choices):
        return kind(app=app, audience=audience, clock=self.clock.now, randomness=self.phones.token_bytes, **choices)

    def challenge(self, purpose: Purpose = Purpose.ENROL, *, app: str = "bank") -> bytes:
        return self.challenges.issue(app, purpose).challenge.value

    def attest(self, body: bytes) -> "Answer":
        return Answer(self.attestations.attest(decode_submission(body)))

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


@pytest.fixture
def world(policy) -> World:
    clock, documents, decisions, randomness = Clock(), Documents(), Decisions(), CountedBytes()
    documents.activate("apps", register())
    documents.activate("policy", policy)
    documents.activate("google_status", status_list())
    store, signer = Store(clock), LocalSigner()
    beliefs = Beliefs(documents=documents, clock=clock)
    return World(
        clock=clock,
        store=store,
        documents=documents,
        signer=signer,
        decisions=decisions,
        randomness=randomness,
        beliefs=beliefs,
        challenges=ChallengeService(beliefs=beliefs, challenges=store, clock=clock, randomness=randomness),
        attestations=AttestService(
            beliefs=beliefs,
            challenges=store,
            instances=store,
            signer=signer,
            renderer=JsonRenderer(),
            decisions=decisions,
            clock=clock,
            randomness=randomness,
            anchors=TrustAnchors(
                android=anchors_from_pem(ANDROID_ROOT_PEM, name="simulated"),
                apple=anchors_from_pem(APPLE_ROOT_PEM, name="simulated"),
            ),
            issuer=ISSUER,
        ),
    )


@pytest.fixture(params=[AndroidPhone, ApplePhone], ids=["android", "apple"])
def phone(request, world):
    return world.phone(request.param)


@pytest.fixture
def android(world):
    return world.phone(AndroidPhone)


@pytest.fixture
def apple(world):
    return world.phone(ApplePhone)
