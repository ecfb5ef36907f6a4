"""The service against docs/wire-vectors.json, which nothing of the service wrote."""

import base64
import importlib.util
import json
from pathlib import Path

import pytest

from chalicelib.model.claims import VerifiedProof
from chalicelib.model.descriptor import Descriptor, Purpose, TokenKind
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.submission import SubmittedAttestation
from chalicelib.verifiers.submission import binding, canonical_descriptor, verify_proof

ROOT = Path(__file__).resolve().parents[2]
VECTORS = json.loads((ROOT / "docs" / "wire-vectors.json").read_text())


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_descriptor(members):
    rest = {name: value for name, value in members.items() if name not in {"v", "purpose", "token"}}
    return Descriptor(purpose=Purpose(members["purpose"]), token=TokenKind(members["token"]), **rest)


def verify(proof):
    submission = VECTORS["proofs"]["submission"]
    return verify_proof(
        SubmittedAttestation(
            challenge=unb64(submission["challenge"]),
            descriptor=to_descriptor(submission["descriptor"]),
            proof=proof,
            rasp_report=unb64(submission["rasp_report"]),
            statement=None,
            body_digest=bytes(32),
        )
    )


def by_id(cases):
    return pytest.mark.parametrize("case", cases, ids=[case["id"] for case in cases])


def test_the_generator_writes_the_same_bytes():
    spec = importlib.util.spec_from_file_location("generator", Path(__file__).with_name("generate_wire_vectors.py"))
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    assert generator.text() == (ROOT / "docs" / "wire-vectors.json").read_text()


@by_id(VECTORS["descriptors"])
def test_canonical_descriptor(case):
    assert canonical_descriptor(to_descriptor(case["descriptor"])).decode() == case["canonical"]


@by_id(VECTORS["bindings"])
def test_binding(case):
    report = case["rasp_report"]
    assert binding(
        challenge=unb64(case["challenge"]),
        jkt_bytes=unb64(case["jkt"]),
        rasp_report=None if report is None else unb64(report),
        descriptor=to_descriptor(case["descriptor"]),
    ) == unb64(case["binding"])


def test_bindings_differ_where_their_inputs_do():
    assert len({case["binding"] for case in VECTORS["bindings"]}) == len(VECTORS["bindings"])


@pytest.mark.parametrize("name", VECTORS["keys"])
def test_thumbprint(name):
    key = VECTORS["keys"][name]
    assert EcPublicJwk(x=unb64(key["jwk"]["x"]), y=unb64(key["jwk"]["y"])).jkt == key["jkt"]


@by_id(VECTORS["proofs"]["cases"])
def test_proof(case):
    outcome = verify(case["proof"])
    if case["valid"]:
        assert isinstance(outcome, VerifiedProof)
        assert outcome.jwk.jkt == VECTORS["keys"]["instance"]["jkt"]
    else:
        assert isinstance(outcome, Refused)
        assert outcome.reason.value.startswith("proof_")


@pytest.mark.parametrize(
    ("case_id", "reason"),
    [
        ("two-parts", "proof_malformed"),
        ("header-repeated", "proof_malformed"),
        ("alg-none", "proof_malformed"),
        ("payload-hex", "proof_malformed"),
        ("jwk-off-curve", "proof_key_unsupported"),
        ("jwk-private", "proof_key_unsupported"),
        ("report-other", "proof_binding_mismatch"),
        ("key-other", "proof_binding_mismatch"),
        ("signature-other-key", "proof_signature"),
        ("signature-zero", "proof_signature"),
    ],
)
def test_each_refusal_says_why(case_id, reason):
    case = next(case for case in VECTORS["proofs"]["cases"] if case["id"] == case_id)
    outcome = verify(case["proof"])
    assert isinstance(outcome, Refused)
    assert outcome.reason.value == reason
