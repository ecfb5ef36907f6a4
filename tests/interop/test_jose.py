"""Node's `jose` reads the tokens of docs/wire.md, and what it signs is accepted: the contract is not one library's."""

import json
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from assay_rp import (
    ConfidentialKeys,
    FetchedJwks,
    InMemoryReplayStore,
    JwksCache,
    SubmittedRequest,
    Tier,
    TokenKind,
    Verifier,
)

HERE = Path(__file__).resolve().parent
NODE = shutil.which("node")

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (HERE / "node_modules/jose").is_dir(), reason="jose is not installed: npm ci --prefix tests/interop"
    ),
]

NOW = 1_800_000_000
AUDIENCE = "https://api.bank.example"


class JwksHandler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/.well-known/jwks.json" else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(self.server.document)

    def log_message(self, *_arguments):
        pass


class Issuer:
    def __init__(self, origin):
        self.origin = origin
        self.key = ECKey.generate_key("P-256")
        self.instance = ECKey.generate_key("P-256")
        self.audience_key = ECKey.generate_key("P-256", {"kid": "bank-1"})

    @property
    def jwks(self):
        kid = self.key.thumbprint()
        return {"keys": [{**public(self.key), "kid": kid, "alg": "ES256", "use": "sig"}]}

    def token(self, *, key=None, typ="oauth-client-attestation+jwt", verdict=None, **changes):
        claims = {
            "iss": self.origin,
            "aud": AUDIENCE,
            "sub": "bank",
            "jti": "AAAAAAAAAAAAAAAAAAAAAA",
            "iat": NOW,
            "exp": NOW + 300,
            "cnf": {"jwk": public(self.instance)},
            "eat_profile": "urn:uuid:6f3d7a3c-0f6b-5a55-9d0e-8a4e6a1c7b01",
            "ear_verifier_id": {"developer": "Assay", "build": "assay 0.1.0"},
            "ear_status": "affirming",
            "submods": {"android_key": {"ear_status": "affirming"}},
            **changes,
        }
        if verdict is not None:
            claims |= {"ear_status": "none", "submods": {}, "assay_verdict": self.encrypted(verdict)}
        header = {"typ": typ, "kid": self.key.thumbprint()}
        return jwt.encode(claims, (key or self.key).private_key, algorithm="ES256", headers=header)

    def encrypted(self, verdict):
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": "bank-1"}
        plaintext = json.dumps(verdict).encode().ljust(1_024)
        return jwe.encrypt_compact(header, plaintext, self.audience_key, algorithms=["ECDH-ES", "A256GCM"])

    def verifier(self, *, confidential_keys=None):
        document = json.dumps(self.jwks).encode()
        return Verifier(
            issuer=self.origin,
            audience=AUDIENCE,
            jwks=JwksCache(
                url=f"{self.origin}/.well-known/jwks.json",
                fetch=lambda _url: FetchedJwks(unverified_body=document, max_age=300),
            ),
            confidential_keys=confidential_keys,
            replay=InMemoryReplayStore(capacity=10),
            clock=lambda: NOW,
        )


def public(key):
    return {name: value for name, value in key.as_dict(private=False).items() if name in ("kty", "crv", "x", "y")}


@pytest.fixture(scope="module")
def issuer():
    with ThreadingHTTPServer(("127.0.0.1", 0), JwksHandler) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
        server.document = json.dumps(issuer.jwks).encode()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield issuer
        server.shutdown()
        thread.join(10)


def node(script, **arguments):
    options = [part for name, value in arguments.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    return subprocess.run(
        [NODE, HERE / script, *options], capture_output=True, text=True, timeout=60, check=False, cwd=HERE
    )


def verify(issuer, token, **changes):
    arguments = {
        "issuer": issuer.origin,
        "jwks_url": f"{issuer.origin}/.well-known/jwks.json",
        "audience": AUDIENCE,
        "token": token,
        "now": NOW,
    }
    run = node("verify.mjs", **{**arguments, **changes})
    assert not run.stderr
    return run.returncode, json.loads(run.stdout)


def test_a_good_token_is_read(issuer):
    status, answer = verify(issuer, issuer.token())
    assert status == 0
    assert answer["claims"]["ear_status"] == "affirming"


REFUSALS = {
    "typ": ({"typ": "assay-request+jwt"}, "ERR_JWT_CLAIM_VALIDATION_FAILED", "typ"),
    "aud": ({"aud": "https://api.other.example"}, "ERR_JWT_CLAIM_VALIDATION_FAILED", "aud"),
    "iss": ({"iss": "https://attest.other.example"}, "ERR_JWT_CLAIM_VALIDATION_FAILED", "iss"),
    "exp": ({"iat": NOW - 400, "exp": NOW - 100}, "ERR_JWT_EXPIRED", "exp"),
    "signature": ({"key": ECKey.generate_key("P-256")}, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", None),
}


@pytest.mark.parametrize(("changes", "code", "claim"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_a_backend_must_enforce_can_be_enforced_with_jose(issuer, changes, code, claim):
    status, answer = verify(issuer, issuer.token(**changes))
    assert status == 1
    assert (answer["refused"], answer.get("claim")) == (code, claim)


def test_the_confidential_part_opens_with_jose_as_with_assay_rp(issuer, tmp_path):
    private = issuer.audience_key.as_dict(private=True)
    key_file = tmp_path / "key.json"
    key_file.write_text(json.dumps(private), encoding="utf-8")
    verdict = {
        "v": 1,
        "jti": "AAAAAAAAAAAAAAAAAAAAAA",
        "ear_status": "warning",
        "submods": {},
        "advice": {"*": {"decision": "allow"}},
    }
    token = issuer.token(verdict=verdict)

    status, answer = verify(issuer, token, confidential_key=key_file)
    assert (status, answer["confidential"]) == (0, verdict)
    verifier = issuer.verifier(confidential_keys=ConfidentialKeys([private]))
    assert verifier.verify_without_proof_of_possession(token).tier is Tier.WARNING

    moved = issuer.token(verdict={**verdict, "jti": "another"})
    assert verify(issuer, moved, confidential_key=key_file)[1]["refused"] == "ERR_JWE_INVALID"


@pytest.mark.parametrize(("query", "body"), [("", ""), ("from=1&to=%C3%A4", '{"amount": 1}')])
def test_a_proof_by_jose_is_accepted(issuer, tmp_path, query, body):
    key_file = tmp_path / "instance.json"
    key_file.write_text(json.dumps(issuer.instance.as_dict(private=True)), encoding="utf-8")
    token = issuer.token()
    htu = f"{AUDIENCE}/transfer"
    run = node(
        "prove.mjs",
        key=key_file,
        audience=AUDIENCE,
        token=token,
        method="POST",
        url=f"{htu}?{query}" if query else htu,
        body=body,
        now=NOW,
    )
    submitted = SubmittedRequest(
        method="POST",
        htu=htu,
        query=query.encode(),
        body=body.encode(),
        unverified_token=token,
        unverified_proof=run.stdout.strip(),
    )
    assert issuer.verifier().verify(submitted, accept=TokenKind.SESSION).htu == htu
