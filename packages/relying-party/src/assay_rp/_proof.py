"""The proof of possession that comes with each request (docs/wire.md section 8)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from assay_rp import _claims
from assay_rp._strict import Unreadable, b64url_encode, read_jws
from assay_rp.errors import (
    ProofAlgorithmMismatch,
    ProofAudienceMismatch,
    ProofMalformed,
    ProofRequestMismatch,
    ProofSignatureInvalid,
    ProofStale,
    ProofTokenMismatch,
    ProofTypeMismatch,
)
from assay_rp.tokens import SubmittedRequest, VerifiedToken

_TYP = "oauth-client-attestation-pop+jwt"
SKEW = 60  # seconds, docs/wire.md sections 6 and 8
# The longest claims of section 8 (htu 512, aud 128, jti 64, three digests) take some 1,300 characters encoded.
_MAX_LENGTH = 2_048
_JTI_LENGTHS = range(16, 65)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedProof:
    jti: str
    issued_at: int


def digest(data: bytes) -> str | None:
    """`query_digest` and `content_digest`: None when there is nothing to digest."""
    return b64url_encode(hashlib.sha256(data).digest()) if data else None


def verify_proof(submitted: SubmittedRequest, *, token: VerifiedToken, audience: str, now: float) -> VerifiedProof:
    """Everything but that it is the first use, which only the replay store knows.

    1. compact form, strict JSON
    2. header: exactly typ and alg, as documented
    3. signature by the token's `cnf.jwk`, and `aud`: the token's
    4. `iat`: at most 60 s away, either way
    5. `jti`: 16 to 64 characters
    6. `htm` and `htu`
    7. `query_digest` and `content_digest`: present exactly when there is something to digest
    8. `ath`: over the very characters of the token
    """
    try:
        unverified = read_jws(submitted.unverified_proof, max_length=_MAX_LENGTH)  # 1
        _check_header(unverified.header)  # 2
        claims = jwt.decode(  # 3
            unverified.text,
            token.instance_key.key,
            algorithms=["ES256"],
            audience=audience,
            # Time is judged below: PyJWT would ask the machine's clock, and this is told the time.
            options={"strict_aud": True, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        issued_at = _claims.whole(claims, "iat")
        if (
            not issued_at - SKEW <= now <= issued_at + SKEW
        ):  # 4; compared, not subtracted: an integer may exceed a float
            raise ProofStale
        jti = _checked_jti(claims)  # 5
        _check_request(claims, submitted)  # 6 to 8
    except jwt.InvalidSignatureError as error:
        raise ProofSignatureInvalid from error
    except jwt.InvalidAudienceError as error:
        raise ProofAudienceMismatch from error
    except (Unreadable, jwt.PyJWTError) as error:
        raise ProofMalformed(str(error) if isinstance(error, Unreadable) else type(error).__name__) from error
    return VerifiedProof(jti=jti, issued_at=issued_at)


def _check_header(header: Mapping[str, Any]) -> None:
    if set(header) != {"typ", "alg"}:
        raise Unreadable("other header members than typ and alg")
    if header["typ"] != _TYP:
        raise ProofTypeMismatch
    if header["alg"] != "ES256":
        raise ProofAlgorithmMismatch


def _checked_jti(claims: Mapping[str, Any]) -> str:
    jti = _claims.text(claims, "jti")
    if len(jti) not in _JTI_LENGTHS:
        raise Unreadable("jti is not 16 to 64 characters long")
    return jti


def _check_request(claims: Mapping[str, Any], submitted: SubmittedRequest) -> None:
    if claims.get("htm") != submitted.method or claims.get("htu") != submitted.htu:  # 6
        raise ProofRequestMismatch("htm or htu")
    if _claims.optional_text(claims, "query_digest") != digest(submitted.query):  # 7
        raise ProofRequestMismatch("query_digest")
    if _claims.optional_text(claims, "content_digest") != digest(submitted.body):
        raise ProofRequestMismatch("content_digest")
    if claims.get("ath") != digest(submitted.unverified_token.encode("ascii")):  # 8
        raise ProofTokenMismatch
