"""An issuer, an instance and a relying party, written by docs/wire.md and by nothing of the service's code."""

import base64
import hashlib
import json
from dataclasses import dataclass, field

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.jwk import ECKey

from assay_rp import (
    ConfidentialKeys,
    FetchedJwks,
    InMemoryReplayStore,
    JwksCache,
    SubmittedRequest,
    TokenKind,
    Verifier,
)

ABSENT = object()


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sha256(data):
    return b64url(hashlib.sha256(data).digest())


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(key):
    numbers = key.public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": b64url(numbers.x.to_bytes(32)),
        "y": b64url(numbers.y.to_bytes(32)),
    }


def thumbprint(jwk):
    canonical = f'{{"crv":"{jwk["crv"]}","kty":"{jwk["kty"]}","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    return sha256(canonical.encode())


def merged(members, changes):
    return {name: value for name, value in {**members, **changes}.items() if value is not ABSENT}


def sign_raw(header, payload, key):
    """A compact ES256 JWS over exact bytes, for texts that no JOSE library would write."""
    return jwt.api_jws.PyJWS().encode(payload, key, algorithm="ES256", headers=header)


@dataclass
class World:
    now: int = 1_800_000_000
    issuer: str = "https://keys.assay.example"
    audience: str = "https://api.bank.example"
    method: str = "POST"
    htu: str = "https://api.bank.example/transfer"
    query: bytes = b"from=1&to=2"
    body: bytes = b'{"amount": 100}'
    issuer_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    instance_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    audience_key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "bank-1"}))
    serial: int = 0

    @property
    def kid(self):
        return thumbprint(public_jwk(self.issuer_key))

    def jwks(self, *keys):
        entries = [public_jwk(key) for key in keys or (self.issuer_key,)]
        for entry in entries:
            entry.update(kid=thumbprint(entry), alg="ES256", use="sig")
        return {"keys": entries}

    def fetch(self, _url):
        return FetchedJwks(unverified_body=json.dumps(self.jwks()).encode(), max_age=300)

    def unique(self):
        self.serial += 1
        return b64url(self.serial.to_bytes(16))

    def claims(self, kind=TokenKind.SESSION, **changes):
        members = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": "bank",
            "jti": self.unique(),
            "iat": self.now,
            "exp": self.now + 300,
            "cnf": {"jwk": public_jwk(self.instance_key)},
            "eat_profile": "urn:uuid:6f3d7a3c-0f6b-5a55-9d0e-8a4e6a1c7b01",
            "ear_verifier_id": {"developer": "Assay", "build": "assay 0.1.0"},
            "ear_status": "affirming",
            "submods": {"android_key": {"ear_status": "affirming", "ear_appraisal_policy_ids": ["bank@sha256:00"]}},
        }
        if kind is TokenKind.REQUEST:
            members |= self.request_members()
        return merged(members, changes)

    def request_members(self):
        """What a request token adds, for the request that the world is about to make."""
        return {
            "exp": self.now + 60,
            "htm": self.method,
            "htu": self.htu,
            "query_digest": sha256(self.query) if self.query else ABSENT,
            "content_digest": sha256(self.body) if self.body else ABSENT,
        }

    def header(self, kind=TokenKind.SESSION, **changes):
        typ = {
            TokenKind.SESSION: "oauth-client-attestation+jwt",
            TokenKind.REQUEST: "assay-request+jwt",
        }[kind]
        return merged({"typ": typ, "alg": "ES256", "kid": self.kid}, changes)

    def token(self, kind=TokenKind.SESSION, *, header=None, key=None, **changes):
        payload = json.dumps(self.claims(kind, **changes)).encode()
        return sign_raw(self.header(kind, **(header or {})), payload, key or self.issuer_key)

    def verdict(self, jti, **changes):
        members = {
            "v": 1,
            "jti": jti,
            "ear_status": "warning",
            "submods": {"rasp": {"ear_status": "warning", "ear_trustworthiness_vector": {"runtime-opaque": 33}}},
            "reasons": ["rasp_developer_mode"],
            "advice": {
                "transfer": {"decision": "step_up", "obligations": ["notify"], "acr": "urn:bank:acr:code"},
                "browse": {"decision": "delay", "delay": [3, 5]},
                "*": {"decision": "allow"},
            },
        }
        return merged(members, changes)

    def encrypted(self, members, *, header=None, padded_to=1_024, key=None):
        plaintext = json.dumps(members).encode().ljust(padded_to, b" ")
        protected = merged({"alg": "ECDH-ES", "enc": "A256GCM", "kid": "bank-1"}, header or {})
        registry = jwe.JWERegistry(algorithms=["ECDH-ES", "ECDH-ES+A128KW", "A256GCM", "A128GCM", "DEF"])
        return jwe.encrypt_compact(protected, plaintext, key or self.audience_key, registry=registry)

    def confidential_token(self, kind=TokenKind.SESSION, *, jwe_options=None, verdict=None, **changes):
        jti = self.unique()
        part = self.encrypted(self.verdict(jti, **(verdict or {})), **(jwe_options or {}))
        members = {"jti": jti, "ear_status": "none", "submods": {"rasp": {"ear_status": "none"}}}
        return self.token(kind, **{**members, "assay_verdict": part, **changes})

    def proof(self, token, *, header=None, key=None, **changes):
        members = {
            "aud": self.audience,
            "jti": self.unique(),
            "iat": self.now,
            "htm": self.method,
            "htu": self.htu,
            "query_digest": sha256(self.query) if self.query else ABSENT,
            "content_digest": sha256(self.body) if self.body else ABSENT,
            "ath": sha256(token.encode()),
        }
        typed = merged({"typ": "oauth-client-attestation-pop+jwt", "alg": "ES256"}, header or {})
        return sign_raw(typed, json.dumps(merged(members, changes)).encode(), key or self.instance_key)

    def submit(self, token, proof=None, **changes):
        members = {
            "method": self.method,
            "htu": self.htu,
            "query": self.query,
            "body": self.body,
            "unverified_token": token,
            "unverified_proof": proof or self.proof(token),
        }
        return SubmittedRequest(**{**members, **changes})

    def confidential_keys(self):
        return ConfidentialKeys([self.audience_key.as_dict(private=True)])

    def verifier(self, *, confidential_keys=None, **changes):
        options = {
            "issuer": self.issuer,
            "audience": self.audience,
            "jwks": JwksCache(url=f"{self.issuer}/.well-known/jwks.json", fetch=self.fetch),
            "confidential_keys": confidential_keys,
            "replay": InMemoryReplayStore(capacity=1_000),
            "clock": lambda: self.now,
        }
        return Verifier(**{**options, **changes})


@pytest.fixture
def world():
    return World()


@pytest.fixture
def wire():
    """The module's own functions, for tests that write a text by hand."""
    return Wire()


class Wire:
    absent = ABSENT
    b64url = staticmethod(b64url)
    sha256 = staticmethod(sha256)
    new_key = staticmethod(new_key)
    public_jwk = staticmethod(public_jwk)
    thumbprint = staticmethod(thumbprint)
    sign_raw = staticmethod(sign_raw)
