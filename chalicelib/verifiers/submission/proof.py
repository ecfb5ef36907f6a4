"""The proof: a compact JWS by the instance key over the binding (docs/wire.md section 3)."""

import hmac

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.model.claims import VerifiedProof
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import SubmittedAttestation
from chalicelib.verifiers.codec import base64url, compact_jws
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.strict_json import JsonValue
from chalicelib.verifiers.submission.binding import binding

_LONGEST_PROOF = 1_024  # characters, docs/wire.md section 3
_TYPE = "assay-proof+jws"
_ALGORITHM = "ES256"
_COORDINATE = 32  # bytes, RFC 7518 section 6.2.1.2 for P-256
_SIGNATURE = 64  # bytes, RFC 7518 section 3.4
_BINDING = 32

_JWS = jwt.PyJWS(algorithms=[_ALGORITHM])


def verify_proof(submitted: SubmittedAttestation) -> VerifiedProof | Refused:
    """Says that the holder of the key in the proof's header signed exactly this challenge, report and descriptor.

    1. The proof is a compact JWS of bounded length, its header strict JSON.
    2. The header is exactly `typ`, `alg`, `jwk`; payload and signature have their lengths.
    3. The key is exactly `kty`, `crv`, `x`, `y`, and a point on P-256.
    4. The payload is the binding, computed here from what was submitted.
    5. The signature verifies under that key.

    Not checked here: whose key it is. That is the platform's statement to say, or the enrolled instance's.
    """
    # 1. Ours, because JOSE libraries read the last of repeated members, and UTF-16.
    try:
        jws = compact_jws.split(submitted.proof, max_length=_LONGEST_PROOF)
    except Malformed as error:
        return Refused(RefusalReason.PROOF_MALFORMED, str(error))
    # 2.
    header = jws.header
    if header.keys() != {"typ", "alg", "jwk"} or header["typ"] != _TYPE or header["alg"] != _ALGORITHM:
        return Refused(RefusalReason.PROOF_MALFORMED, "header")
    if len(jws.payload) != _BINDING or len(jws.signature) != _SIGNATURE:
        return Refused(RefusalReason.PROOF_MALFORMED, "payload or signature length")
    # 3.
    try:
        jwk, public_key = _public_key(header["jwk"])
    except Malformed as error:
        return Refused(RefusalReason.PROOF_KEY_UNSUPPORTED, str(error))
    # 4.
    expected = binding(
        challenge=submitted.challenge,
        jkt_bytes=jwk.thumbprint,
        rasp_report=submitted.rasp_report,
        descriptor=submitted.descriptor,
    )
    if not hmac.compare_digest(jws.payload, expected):
        return Refused(RefusalReason.PROOF_BINDING_MISMATCH)
    # 5.
    try:
        _JWS.decode(submitted.proof, public_key, algorithms=[_ALGORITHM])
    except jwt.InvalidSignatureError:
        return Refused(RefusalReason.PROOF_SIGNATURE)
    return VerifiedProof(jwk=jwk, binding=expected, descriptor=submitted.descriptor, rasp_report=submitted.rasp_report)


def _public_key(submitted_jwk: JsonValue) -> tuple[EcPublicJwk, ec.EllipticCurvePublicKey]:
    """RFC 7517 and RFC 7518 section 6.2.1, held to four members: a private `d` has no place in a proof."""
    if not isinstance(submitted_jwk, dict) or submitted_jwk.keys() != {"kty", "crv", "x", "y"}:
        raise Malformed("jwk does not have exactly kty, crv, x and y")
    if submitted_jwk["kty"] != "EC" or submitted_jwk["crv"] != "P-256":
        raise Malformed("jwk is not of P-256")
    x, y = (_coordinate(submitted_jwk[name], name) for name in ("x", "y"))
    try:
        point = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1()).public_key()
    except ValueError:
        raise Malformed("jwk is not a point on P-256") from None
    return EcPublicJwk(x=x, y=y), point


def _coordinate(text: JsonValue, name: str) -> bytes:
    if not isinstance(text, str):
        raise Malformed(f"jwk.{name} is not a string")
    data = base64url.decode(text, max_bytes=_COORDINATE)
    if len(data) != _COORDINATE:
        raise Malformed(f"jwk.{name} is not {_COORDINATE} bytes")
    return data
