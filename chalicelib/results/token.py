"""Claims → signing input → checked token: a compact JWS (RFC 7515) whose signature comes from elsewhere."""

from dataclasses import dataclass

import jwt
import rfc8785

from chalicelib.model.descriptor import TokenKind
from chalicelib.model.keys import EcPublicJwk, b64url
from chalicelib.model.outcome import Malfunction, Refused
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.results.claims import TokenClaims

# KMS `Sign` with MessageType RAW takes at most 4,096 bytes.
# https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
LONGEST_SIGNING_INPUT = 4_096

# r ‖ s of P-256: RFC 7518, section 3.4.
_SIGNATURE_SIZE = 64

# Two words for two kinds of token, so that a consumer that ignores claims it does not know cannot take a request
# token for a session token (RFC 8725, section 3.11). docs/wire.md, section 6.
_TYP = {TokenKind.SESSION: "oauth-client-attestation+jwt", TokenKind.REQUEST: "assay-request+jwt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningInput:
    """The bytes that are signed, and what they are meant to say. At most `LONGEST_SIGNING_INPUT` bytes."""

    value: bytes
    header: dict[str, str]
    claims: TokenClaims


@dataclass(frozen=True, slots=True, kw_only=True)
class UncheckedToken:
    """A signature was put beside its input; whether it is that input's is not known yet."""

    text: str
    made_from: SigningInput


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationToken:
    """A token that passed its own check and may leave. `expires_in` in seconds."""

    text: str
    kind: TokenKind
    jti: str
    expires_in: int


def signing_input(claims: TokenClaims, *, kid: str) -> SigningInput | Refused:
    """The input for the key named `kid`.

    Refused(DESCRIPTOR_INVALID) where it would be too long to sign: only `htu` and `aud` together, at their longest
    and in a confidential token, can do that. They are the phone's wish; the verdict has no part in that length.
    """
    header = {"typ": _TYP[claims.kind], "alg": "ES256", "kid": kid}
    value = f"{b64url(rfc8785.dumps(header))}.{b64url(rfc8785.dumps(dict(claims.members)))}".encode("ascii")
    if len(value) > LONGEST_SIGNING_INPUT:
        return Refused(RefusalReason.DESCRIPTOR_INVALID, "the token asked for is longer than can be signed")
    return SigningInput(value=value, header=header, claims=claims)


def assemble(made_from: SigningInput, signature: bytes) -> UncheckedToken:
    """`signature` is r ‖ s."""
    return UncheckedToken(text=f"{made_from.value.decode('ascii')}.{b64url(signature)}", made_from=made_from)


def check_token(unchecked: UncheckedToken, *, public_jwk: EcPublicJwk) -> AttestationToken:
    """The token, verified against itself by another library than the one that wrote it.

    1. The key that is to verify it is the one its header names.
    2. The signature verifies with that public key, ES256 and nothing else.
    3. Header and claims, read back, are exactly the intended ones.

    `exp` and `iat` are not held against a clock: step 3 compares them, and the caller's clock made them.
    Raises Malfunction(TOKEN_SELF_CHECK).
    """
    intended = unchecked.made_from
    if public_jwk.jkt != intended.header["kid"]:
        raise _failed("the public key is not the one that the header names")
    try:
        read = jwt.decode_complete(
            unchecked.text,
            key=jwt.PyJWK.from_dict({**public_jwk.as_dict(), "alg": "ES256"}),
            algorithms=["ES256"],
            options={
                "verify_signature": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
                "verify_iss": False,
            },
        )
    except jwt.PyJWTError as error:
        # Raised `from None`: the library's message may quote the token.
        raise _failed(type(error).__name__) from None
    if read["header"] != intended.header:
        raise _failed("the header is not the intended one")
    if read["payload"] != dict(intended.claims.members):
        raise _failed("the claims are not the intended ones")
    if len(read["signature"]) != _SIGNATURE_SIZE:
        raise _failed("the signature is not r ‖ s")
    claims = intended.claims
    return AttestationToken(text=unchecked.text, kind=claims.kind, jti=claims.jti, expires_in=claims.lifetime)


def _failed(detail: str) -> Malfunction:
    return Malfunction(MalfunctionReason.TOKEN_SELF_CHECK, detail)
