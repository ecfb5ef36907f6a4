"""The simulator's own reading of the wire contract gives the values of its test vectors."""

import base64
import hashlib
import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from assay_toolkit.simulator.keys import b64url, public_jwk, thumbprint
from assay_toolkit.simulator.submission import ProtectedRequest, bind, canonical, prove, prove_possession

VECTORS = json.loads((Path(__file__).resolve().parents[2] / "docs/wire-vectors.json").read_text())


def _bytes(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


KEYS = {
    key["jkt"]: ec.derive_private_key(int.from_bytes(_bytes(key["private_jwk"]["d"])), ec.SECP256R1())
    for key in (VECTORS["keys"]["instance"], VECTORS["keys"]["other"])
}


def _named(cases):
    return pytest.mark.parametrize("case", cases, ids=[case["id"] for case in cases])


@pytest.mark.parametrize("jkt", KEYS)
def test_thumbprints(jkt):
    assert b64url(thumbprint(public_jwk(KEYS[jkt].public_key()))) == jkt


@_named(VECTORS["descriptors"])
def test_descriptors(case):
    assert canonical(case["descriptor"]).decode() == case["canonical"]
    assert hashlib.sha256(canonical(case["descriptor"])).hexdigest() == case["sha256"]


@_named(VECTORS["bindings"])
def test_bindings(case):
    report = case["rasp_report"]
    binding = bind(
        challenge=_bytes(case["challenge"]),
        key=KEYS[case["jkt"]].public_key(),
        rasp_report=None if report is None else _bytes(report),
        descriptor=case["descriptor"],
    )
    assert b64url(binding) == case["binding"]


def test_a_proof_has_the_documented_header_and_payload():
    key = next(iter(KEYS.values()))
    proof = prove(key=key, binding=bytes(range(32)))
    header, payload, signature = (_bytes(part) for part in proof.split("."))
    assert json.loads(header) == {"typ": "assay-proof+jws", "alg": "ES256", "jwk": public_jwk(key.public_key())}
    assert payload == bytes(range(32))
    assert len(signature) == 64
    assert len(proof) <= 1024


@_named(VECTORS["pop"]["requests"])
def test_proofs_of_possession(case):
    key = KEYS[VECTORS["keys"]["instance"]["jkt"]]
    url, query = case["request"]["url"], case["request"]["query"]
    proof = prove_possession(
        key=key,
        token=VECTORS["pop"]["token"],
        audience=VECTORS["pop"]["audience"],
        request=ProtectedRequest(
            method=case["request"]["method"],
            url=f"{url}?{query}" if query else url,
            body=_bytes(case["request"]["content"]),
        ),
        jti=case["claims"]["jti"],
        issued_at=case["claims"]["iat"],
    )
    assert jwt.get_unverified_header(proof) == {"typ": "oauth-client-attestation-pop+jwt", "alg": "ES256"}
    unchecked = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    assert jwt.decode(proof, key.public_key(), algorithms=["ES256"], options=unchecked) == case["claims"]


@pytest.mark.parametrize("digest", VECTORS["digests"]["query"], ids=lambda digest: digest["query"] or "none")
def test_query_digests(digest):
    url = f"https://api.bank.example/v1?{digest['query']}"
    assert ProtectedRequest(method="GET", url=url).members().get("query_digest") == digest["query_digest"]


@pytest.mark.parametrize("digest", VECTORS["digests"]["content"], ids=lambda digest: digest["content"][:12] or "none")
def test_content_digests(digest):
    request = ProtectedRequest(method="POST", url="https://api.bank.example/v1", body=_bytes(digest["content"]))
    assert request.members().get("content_digest") == digest["content_digest"]
