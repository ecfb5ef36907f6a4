"""Wycheproof's JWS cases for P-256, at the two places where this service reads a JWS of a phone.

The suite's tokens have headers and payloads of their own, so `verify_proof` refuses them by form. What is tested here
is the compact form, and the signature: each of the suite's signatures is carried over into a proof.
"""

import base64
import json
from pathlib import Path

import jwt
import pytest

from chalicelib.model.claims import VerifiedProof
from chalicelib.model.descriptor import Descriptor, Purpose, TokenKind
from chalicelib.model.outcome import Refused
from chalicelib.model.submission import SubmittedAttestation
from chalicelib.verifiers.codec import compact_jws
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.submission import verify_proof

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / "../shared/suites/wycheproof/json_web_signature_test.json"
VECTORS = json.loads((ROOT / "docs" / "wire-vectors.json").read_text())


def cases():
    if not SUITE.exists():
        return []
    groups = json.loads(SUITE.read_text())["testGroups"]
    return [
        pytest.param({**test, "public": group["public"]}, id=f"tc{test['tcId']}-{test['comment']}")
        for group in groups
        if group["comment"] in {"es256", "SpecialCaseEs256"}
        for test in group["tests"]
    ]


pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="Wycheproof is not beside the repository (shared/suites)")


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def submitted(proof):
    submission = VECTORS["proofs"]["submission"]
    return SubmittedAttestation(
        challenge=unb64(submission["challenge"]),
        descriptor=Descriptor(
            app="bank", purpose=Purpose.ENROL, aud=submission["descriptor"]["aud"], token=TokenKind.SESSION
        ),
        proof=proof,
        rasp_report=unb64(submission["rasp_report"]),
        statement=None,
        body_digest=bytes(32),
    )


@pytest.mark.parametrize("case", cases())
def test_no_case_is_a_proof(case):
    assert isinstance(verify_proof(submitted(case["jws"])), Refused)


@pytest.mark.parametrize("case", cases())
def test_compact_form_and_signature_decide_as_the_suite_does(case):
    key = jwt.PyJWK({**case["public"], "alg": "ES256"}).key
    try:
        jws = compact_jws.split(case["jws"], max_length=4_096)
        jwt.PyJWS().decode(case["jws"], key, algorithms=["ES256"])
    except (Malformed, jwt.InvalidTokenError):
        accepted = False
    else:
        accepted = jws.header["alg"] == "ES256"
    assert accepted is (case["result"] == "valid")


@pytest.mark.parametrize("case", cases())
def test_a_signature_of_the_suite_is_none_of_ours(case):
    valid = next(entry["proof"] for entry in VECTORS["proofs"]["cases"] if entry["valid"])
    assert isinstance(verify_proof(submitted(valid)), VerifiedProof)
    signing_input, _, _ = valid.rpartition(".")
    _, _, signature = case["jws"].rpartition(".")
    assert isinstance(verify_proof(submitted(f"{signing_input}.{signature}")), Refused)
