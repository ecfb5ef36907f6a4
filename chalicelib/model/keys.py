"""Public keys of instances as JWK, and their RFC 7638 thumbprints."""

import base64
import hashlib
import json
from dataclasses import dataclass


def b64url(data: bytes) -> str:
    """RFC 7515 base64url: no padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class EcPublicJwk:
    """A P-256 public key; `x` and `y` are 32 bytes each. Only a verifier that saw the point on the curve makes one."""

    x: bytes
    y: bytes

    def as_dict(self) -> dict[str, str]:
        return {"crv": "P-256", "kty": "EC", "x": b64url(self.x), "y": b64url(self.y)}

    @property
    def thumbprint(self) -> bytes:
        """RFC 7638 section 3: SHA-256 over the required members in lexicographic order, without white space."""
        canonical = json.dumps(self.as_dict(), separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(canonical.encode()).digest()

    @property
    def jkt(self) -> str:
        return b64url(self.thumbprint)

    @property
    def x962(self) -> bytes:
        """SEC 1 section 2.3.3, uncompressed: 0x04, x, y."""
        return b"\x04" + self.x + self.y
