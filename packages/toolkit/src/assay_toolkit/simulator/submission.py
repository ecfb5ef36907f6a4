"""Bodies of `POST /v1/attestations`, and what ties their parts together (docs/wire.md, sections 3, 4 and 8)."""

import hashlib
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from assay_toolkit.simulator.keys import b64url, public_jwk, thumbprint

_BINDING_LABEL = b"assay-binding-v1\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedRequest:
    """A request to a backend that a token or a proof is made for. `url` with its query, without a fragment."""

    method: str
    url: str
    body: bytes = b""

    def members(self) -> dict[str, str]:
        """What descriptor and proof of possession say of it."""
        parts = urlsplit(self.url)
        members = {"htm": self.method, "htu": f"{parts.scheme}://{parts.netloc}{parts.path or '/'}"}
        if parts.query:
            members["query_digest"] = _digest(parts.query.encode())
        if self.body:
            members["content_digest"] = _digest(self.body)
        return members


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A body in parts, so that one can be changed. `statement`: the platform's word as the wire wants it.

    `play_integrity`: the integrity token and how it was asked for. `binding` is not sent: it is what all of them cover.
    """

    challenge: bytes
    descriptor: dict[str, str | int]
    binding: bytes
    proof: str
    rasp_report: bytes | None = None
    statement: dict[str, object] | None = None
    play_integrity: dict[str, object] | None = None

    def encode(self) -> bytes:
        body: dict[str, object] = {
            "v": 1,
            "challenge": b64url(self.challenge),
            "descriptor": self.descriptor,
            "proof": self.proof,
        }
        if self.rasp_report is not None:
            body["rasp_report"] = b64url(self.rasp_report)
        if self.statement is not None:
            body["statement"] = self.statement
        if self.play_integrity is not None:
            body["play_integrity"] = self.play_integrity
        return json.dumps(body, separators=(",", ":")).encode()


def describe(*, app: str, audience: str, purpose: str, request: ProtectedRequest | None) -> dict[str, str | int]:
    """The descriptor: of a request token when there is a request, else of a session token."""
    token = "session" if request is None else "request"
    members: dict[str, str | int] = {"v": 1, "app": app, "purpose": purpose, "aud": audience, "token": token}
    return members | (request.members() if request else {})


def canonical(descriptor: dict[str, str | int]) -> bytes:
    """RFC 8785, which for flat objects of printable ASCII and small integers is sorted JSON without white space."""
    return json.dumps(descriptor, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def bind(
    *,
    challenge: bytes,
    key: ec.EllipticCurvePublicKey,
    rasp_report: bytes | None,
    descriptor: dict[str, str | int],
) -> bytes:
    """The 32 bytes that stand for the whole submission."""
    report_digest = bytes(32) if rasp_report is None else hashlib.sha256(rasp_report).digest()
    parts = (
        _BINDING_LABEL,
        challenge,
        thumbprint(public_jwk(key)),
        report_digest,
        hashlib.sha256(canonical(descriptor)).digest(),
    )
    return hashlib.sha256(b"".join(parts)).digest()


def prove(*, key: ec.EllipticCurvePrivateKey, binding: bytes) -> str:
    """The proof: a compact JWS over the binding itself."""
    headers = {"typ": "assay-proof+jws", "jwk": public_jwk(key.public_key())}
    return jwt.PyJWS().encode(binding, key, algorithm="ES256", headers=headers)


def prove_possession(
    *,
    key: ec.EllipticCurvePrivateKey,
    token: str,
    audience: str,
    request: ProtectedRequest,
    jti: str,
    issued_at: int,
) -> str:
    """The value of `OAuth-Client-Attestation-PoP`. `issued_at`: seconds by the service's clock."""
    claims: dict[str, str | int] = {
        "aud": audience,
        "jti": jti,
        "iat": issued_at,
        "ath": _digest(token.encode("ascii")),
    }
    headers = {"typ": "oauth-client-attestation-pop+jwt"}
    return jwt.encode({**claims, **request.members()}, key, algorithm="ES256", headers=headers)


def _digest(data: bytes) -> str:
    return b64url(hashlib.sha256(data).digest())
