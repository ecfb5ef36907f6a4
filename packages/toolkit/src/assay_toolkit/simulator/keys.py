"""EC keys out of given bytes, so that a phone's keys come from the randomness it was told to use."""

import base64
import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec

RandomBytes = Callable[[int], bytes]

# Group orders, from FIPS 186-5's curves (SP 800-186 section 3.2.1).
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P384_ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16
)


def p256_key(seed: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(_scalar(seed, _P256_ORDER), ec.SECP256R1())


def p384_key(seed: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(_scalar(seed, _P384_ORDER), ec.SECP384R1())


def _scalar(seed: bytes, order: int) -> int:
    # 512 bits are at least 64 more than either order, so that the remainder has no useful bias (FIPS 186-5 A.2.1).
    return int.from_bytes(hashlib.sha512(seed).digest()) % (order - 1) + 1


def b64url(data: bytes) -> str:
    """RFC 7515 section 2."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The four members that a P-256 JWK has on this wire (RFC 7518 section 6.2.1)."""
    numbers = key.public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": b64url(numbers.x.to_bytes(32)), "y": b64url(numbers.y.to_bytes(32))}


def thumbprint(jwk: dict[str, str]) -> bytes:
    """RFC 7638 section 3.2: required members of an EC key, in this order, without white space."""
    text = f'{{"crv":"{jwk["crv"]}","kty":"{jwk["kty"]}","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    return hashlib.sha256(text.encode("ascii")).digest()
