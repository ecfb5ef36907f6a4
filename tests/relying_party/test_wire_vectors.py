"""The vectors of docs/wire.md, as the relying party has to read them."""

import base64
import json
from pathlib import Path

import pytest

from assay_rp import FetchedJwks, InMemoryReplayStore, JwksCache, SubmittedRequest, TokenKind, Verifier
from assay_rp._jwk import public_key
from assay_rp._proof import digest

VECTORS = json.loads((Path(__file__).resolve().parents[2] / "docs/wire-vectors.json").read_text(encoding="utf-8"))
POP = VECTORS["pop"]


def from_b64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("key", VECTORS["keys"].values(), ids=VECTORS["keys"].keys())
def test_thumbprints(key):
    assert public_key(key["jwk"]).thumbprint == key["jkt"]


@pytest.mark.parametrize("vector", VECTORS["digests"]["query"], ids=lambda vector: vector["query"] or "none")
def test_query_digests(vector):
    assert digest(vector["query"].encode()) == vector["query_digest"]


@pytest.mark.parametrize("vector", VECTORS["digests"]["content"], ids=lambda vector: str(len(vector["content"])))
def test_content_digests(vector):
    assert digest(from_b64url(vector["content"])) == vector["content_digest"]


@pytest.mark.parametrize("vector", POP["requests"], ids=lambda vector: vector["id"])
def test_the_vectors_token_and_proofs_verify_as_one_request(vector):
    jwks = json.dumps(VECTORS["jwks"]).encode()
    verifier = Verifier(
        issuer=POP["issuer"],
        audience=POP["audience"],
        jwks=JwksCache(
            url=f"{POP['issuer']}/.well-known/jwks.json",
            fetch=lambda _url: FetchedJwks(unverified_body=jwks, max_age=300),
        ),
        confidential_keys=None,
        replay=InMemoryReplayStore(capacity=10),
        clock=lambda: POP["now"],
    )
    request = vector["request"]
    submitted = SubmittedRequest(
        method=request["method"],
        htu=request["url"],
        query=(request.get("query") or "").encode(),
        body=from_b64url(request.get("content") or ""),
        unverified_token=POP["token"],
        unverified_proof=vector["proof"],
    )
    verified = verifier.verify(submitted, accept=TokenKind.SESSION)
    assert verified.token.jkt == VECTORS["keys"]["instance"]["jkt"]
    assert verified.proof_jti == vector["claims"]["jti"]
