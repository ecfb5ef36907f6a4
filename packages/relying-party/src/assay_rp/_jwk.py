"""P-256 public keys as JWK (RFC 7517, RFC 7518 section 6.2) and their thumbprints (RFC 7638)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from assay_rp._strict import Unreadable, b64url_decode, b64url_encode

# SEC 1: a coordinate of P-256 fills 32 bytes, leading zeros included (RFC 7518 section 6.2.1.2).
_COORDINATE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A point that was seen to lie on P-256. `x`, `y` and `thumbprint` are base64url."""

    x: str
    y: str
    thumbprint: str
    key: ec.EllipticCurvePublicKey = field(repr=False, compare=False)


def public_key(jwk: Mapping[str, object]) -> PublicKey:
    """The key of `kty`, `crv`, `x` and `y`; other members are the caller's to judge. Raises `Unreadable`."""
    x, y = jwk.get("x"), jwk.get("y")
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or not isinstance(x, str) or not isinstance(y, str):
        raise Unreadable("not a P-256 key")
    raw_x, raw_y = b64url_decode(x), b64url_decode(y)
    if len(raw_x) != _COORDINATE or len(raw_y) != _COORDINATE:
        raise Unreadable("a coordinate that is not 32 bytes long")
    try:
        key = ec.EllipticCurvePublicNumbers(int.from_bytes(raw_x), int.from_bytes(raw_y), ec.SECP256R1()).public_key()
    except ValueError as error:
        raise Unreadable("not a point on P-256") from error
    canonical = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
    return PublicKey(x=x, y=y, thumbprint=b64url_encode(hashlib.sha256(canonical.encode()).digest()), key=key)
