"""Every App Attest object recorded elsewhere, whole and mutated."""

import base64
import hashlib
import json
import random
from datetime import datetime
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.endorsements.apple_roots import APPLE_ANCHORS
from chalicelib.model.claims import AppleEnvironment, VerifiedAppleAssertion, VerifiedAppleAttestation
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.submission import SubmittedAppleAssertion, SubmittedAppleAttestation
from chalicelib.verifiers.app_attest import verify_assertion, verify_attestation

VECTORS = Path(__file__).resolve().parents[2] / "../shared/vectors"


def recorded(kind: str) -> list[dict]:
    if not VECTORS.is_dir():
        return []
    return [entry for entry in json.loads((VECTORS / "index.json").read_text())["vectors"] if entry["kind"] == kind]


ATTESTATIONS = recorded("apple_attestation")
ASSERTIONS = recorded("apple_assertion")

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason="the shared vectors are not beside this repository")


def verify_attested(entry: dict, evidence: bytes):
    params = entry["params"]
    return verify_attestation(
        SubmittedAppleAttestation(key_id=base64.b64decode(params["key_id_b64"]), attestation=evidence),
        client_data_hash=base64.b64decode(params["client_data_hash_b64"]),
        app_ids=(params["app_id"],),
        environment=AppleEnvironment[params["environment"].upper()],
        anchors=APPLE_ANCHORS,
        now=datetime.fromisoformat(params["verification_time"]),
    )


def verify_asserted(entry: dict, evidence: bytes):
    params = entry["params"]
    point = base64.b64decode(params["public_key_x962_b64"])
    key_id = hashlib.sha256(point).digest()
    return verify_assertion(
        SubmittedAppleAssertion(key_id=key_id, assertion=evidence),
        client_data_hash=base64.b64decode(params["client_data_hash_b64"]),
        app_id=params["app_id"],
        key_id=key_id,
        public_key=EcPublicJwk(x=point[1:33], y=point[33:]),
        stored_counter=params["stored_counter_before"],
    )


def evidence_of(entry: dict) -> bytes:
    return (VECTORS / entry["file"]).read_bytes()


@pytest.mark.parametrize("entry", ATTESTATIONS, ids=lambda entry: entry["id"])
def test_attestation(entry):
    result = verify_attested(entry, evidence_of(entry))
    expected = entry["expected"]
    if expected["verification"] == "refused":
        assert isinstance(result, Refused)
        return
    assert isinstance(result, VerifiedAppleAttestation)
    assert result.counter == expected["counter"]
    assert result.environment.label == expected["aaguid"]
    assert result.public_key.x962 == base64.b64decode(expected["public_key_x962_b64"])
    if receipt_file := entry.get("receipt_file"):
        assert result.receipt == (VECTORS / receipt_file).read_bytes()


@pytest.mark.parametrize("entry", ASSERTIONS, ids=lambda entry: entry["id"])
def test_assertion(entry):
    result = verify_asserted(entry, evidence_of(entry))
    if entry["expected"]["verification"] == "refused":
        assert isinstance(result, Refused)
        return
    assert isinstance(result, VerifiedAppleAssertion)
    assert result.counter == entry["params"]["counter"]


def genuine(entries: list[dict]) -> dict:
    return next(entry for entry in entries if entry["expected"]["verification"] == "verified")


def flipped(data: bytes, position: int, bit: int) -> bytes:
    return data[:position] + bytes([data[position] ^ (1 << bit)]) + data[position + 1 :]


def test_no_bit_of_a_signed_region_of_an_attestation_can_change():
    """Certificates (the intermediate and the leaf, signatures included) and authenticator data, sampled by position."""
    entry = genuine(ATTESTATIONS)
    members = cbor2.loads(evidence_of(entry))
    sample = random.Random(1)  # noqa: S311 - a fixed choice of positions, nothing secret
    regions = {"authData": members["authData"], 0: members["attStmt"]["x5c"][0], 1: members["attStmt"]["x5c"][1]}
    for region, content in regions.items():
        for position in sample.sample(range(len(content)), 120):
            changed = flipped(content, position, sample.randrange(8))
            x5c = list(members["attStmt"]["x5c"])
            if isinstance(region, int):
                x5c[region] = changed
            evidence = cbor2.dumps(
                {
                    "fmt": members["fmt"],
                    "attStmt": {"x5c": x5c, "receipt": members["attStmt"]["receipt"]},
                    "authData": changed if region == "authData" else members["authData"],
                }
            )
            assert isinstance(verify_attested(entry, evidence), Refused), (region, position)


def test_no_bit_of_an_assertion_can_change():
    entry = genuine(ASSERTIONS)
    evidence = evidence_of(entry)
    for position in range(len(evidence)):
        assert isinstance(verify_asserted(entry, flipped(evidence, position, position % 8)), Refused), position


def test_every_cut_is_refused():
    for entry, verify in ((genuine(ATTESTATIONS), verify_attested), (genuine(ASSERTIONS), verify_asserted)):
        evidence = evidence_of(entry)
        for end in range(0, len(evidence), 1 + len(evidence) // 300):
            assert isinstance(verify(entry, evidence[:end]), Refused)


@given(st.binary(max_size=300))
def test_noise_is_refused(noise):
    assert isinstance(verify_attested(genuine(ATTESTATIONS), noise), Refused)
    assert isinstance(verify_asserted(genuine(ASSERTIONS), noise), Refused)


@given(st.data())
def test_splices_and_overwrites_are_refused_or_change_the_receipt_alone(data):
    """Nothing but a refusal, or the same claims but for the relayed receipt, whatever is written where."""
    entry = genuine(ATTESTATIONS)
    evidence = evidence_of(entry)
    start = data.draw(st.integers(0, len(evidence)))
    end = data.draw(st.integers(start, min(start + 40, len(evidence))))
    changed = evidence[:start] + data.draw(st.binary(max_size=40)) + evidence[end:]
    result, whole = verify_attested(entry, changed), verify_attested(entry, evidence)
    assert isinstance(whole, VerifiedAppleAttestation)
    if isinstance(result, VerifiedAppleAttestation):
        assert (result.key_id, result.public_key, result.counter) == (whole.key_id, whole.public_key, whole.counter)
        assert result.validation == whole.validation
