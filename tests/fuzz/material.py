"""Evidence to start from: what simulated phones make, whole and with every named defect, and what real ones made."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from assay_toolkit.simulator import roots
from assay_toolkit.simulator.apple_parameters import AppleParameters, Launch
from assay_toolkit.simulator.conditions import CONDITIONS, SOUND
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.tamper import TAMPERS
from assay_toolkit.vectors.index import Entry, load
from chalicelib.endorsements.anchors import AnchorSet, anchors_from_pem
from chalicelib.endorsements.apple_roots import APPLE_ANCHORS, APPLE_RECEIPT_ANCHORS
from chalicelib.endorsements.google_roots import GOOGLE_ANCHORS
from chalicelib.model.keys import EcPublicJwk
from chalicelib.verifiers.app_attest.statement import decode_attestation
from chalicelib.verifiers.codec.errors import Malformed

REPOSITORY = Path(__file__).resolve().parents[2]
VECTORS = REPOSITORY / "../shared/vectors"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHALLENGE = bytes(range(32))

ANDROID_ANCHORS: AnchorSet = GOOGLE_ANCHORS + anchors_from_pem(roots.ANDROID_ROOT_PEM, name="simulator")
APP_ATTEST_ANCHORS: AnchorSet = APPLE_ANCHORS + anchors_from_pem(roots.APPLE_ROOT_PEM, name="simulator")

RECEIPT_ANCHORS: AnchorSet = APPLE_RECEIPT_ANCHORS + anchors_from_pem(roots.APPLE_RECEIPT_ROOT_PEM, name="simulator")

_PHONES = {phone.platform: phone for phone in (AndroidPhone, ApplePhone)}
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


class _Counted:
    """Randomness out of a counter, so that a finding can be found again."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, size: int) -> bytes:
        self._calls += 1
        return hashlib.shake_256(self._calls.to_bytes(8, "big")).digest(size)


def make_phone(platform, condition=SOUND, **changes):
    return _PHONES[platform](
        app="demo-bank",
        audience="https://api.bank.example",
        condition=condition,
        randomness=_Counted(),
        clock=lambda: NOW,
        **changes,
    )


@cache
def bodies() -> tuple[bytes, ...]:
    """Submissions: of every condition, enrolling and renewing; then one for each named defect."""
    made: list[bytes] = []
    for condition in CONDITIONS.values():
        for platform in sorted(condition.platforms):
            phone = make_phone(platform, condition)
            made += [phone.build_enrolment(challenge=CHALLENGE), phone.build_renewal(challenge=CHALLENGE)]
    made.append(
        make_phone(
            ApplePhone.platform, parameters=AppleParameters(launch=Launch(validation_category=4, bundle_version="71"))
        ).build_enrolment(challenge=CHALLENGE)
    )
    for tamper in TAMPERS:
        for platform in sorted(tamper.platforms):
            phone, stranger = make_phone(platform), make_phone(platform)
            phone.build_enrolment(challenge=CHALLENGE)
            made.append(tamper.build(phone=phone, stranger=stranger, challenge=CHALLENGE))
    return tuple(made)


@cache
def statements(form: str) -> tuple[dict[str, str], ...]:
    """The platform's word in each of the bodies, where it is of this format."""
    found = [json.loads(body).get("statement") for body in bodies()]
    return tuple(statement for statement in found if statement and statement["format"] == form)


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def chains() -> Iterator[tuple[bytes, ...]]:
    for statement in statements("android_key"):
        yield tuple(base64.b64decode(certificate) for certificate in statement["x5c"])
    for entry in recorded("android_key"):
        yield chain_of(entry)


def chain_of(entry: Entry) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(block) for block in _PEM.findall(entry.evidence))


def attestations() -> Iterator[bytes]:
    yield from (decoded(statement["attestation"]) for statement in statements("apple_attestation"))
    yield from (entry.evidence for entry in recorded("apple_attestation"))


def assertions() -> Iterator[bytes]:
    yield from (decoded(statement["assertion"]) for statement in statements("apple_assertion"))
    yield from (entry.evidence for entry in recorded("apple_assertion"))


def receipts() -> Iterator[bytes]:
    for attestation in attestations():
        with suppress(Malformed):
            yield decode_attestation(attestation).receipt
    yield from (entry.evidence for entry in recorded("apple_receipt"))


def genuine(kind: str) -> tuple[Entry, ...]:
    """Recorded evidence that verifies."""
    return tuple(entry for entry in recorded(kind) if entry.expected and entry.expected["verification"] == "verified")


def pem_key(entry: Entry) -> EcPublicJwk:
    numbers = load_pem_public_key(entry.params.text("public_key_spki_pem").encode()).public_numbers()
    return EcPublicJwk(x=numbers.x.to_bytes(32, "big"), y=numbers.y.to_bytes(32, "big"))


@cache
def recorded(kind: str) -> tuple[Entry, ...]:
    """Real evidence of this kind; nothing where the folder is not beside the repository."""
    if not (VECTORS / "index.json").exists():
        return ()
    return tuple(entry for entry in load(VECTORS).entries if entry.kind == kind)


def reports() -> Iterator[bytes]:
    for body in bodies():
        report = json.loads(body).get("rasp_report")
        if report:
            yield decoded(report)
    labels = {"schema": 1, "provider": "p", "sdk_version": "20.0.1", "app_version": "7.1.0"}
    freerasp = {"dialect": "freerasp", "platform": "android", "callbacks": ["onHooks", 7], "checks_finished": True}
    yield json.dumps({**labels, **freerasp, "malware": ["com.example.evil"]}).encode()
    yield json.dumps({**labels, "dialect": "plain", "detected": [], "clear": ["environment.root"]}).encode()
