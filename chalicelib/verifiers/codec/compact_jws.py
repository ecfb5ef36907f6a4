"""The compact form of a JWS (RFC 7515 section 7.1), taken apart before any library believes it."""

from typing import NamedTuple

from chalicelib.verifiers.codec import base64url, strict_json
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.strict_json import JsonValue


class CompactJws(NamedTuple):
    """Nothing is verified: the signature is the caller's to check."""

    header: dict[str, JsonValue]
    payload: bytes
    signature: bytes


def split(token: str, *, max_length: int) -> CompactJws:
    """The three parts of `token`, of at most `max_length` characters. Raises Malformed.

    The header is strict JSON, because JOSE libraries take the last of repeated members and accept UTF-16.
    """
    if len(token) > max_length:
        raise Malformed(f"JWS is longer than {max_length} characters")
    parts = token.split(".")
    if len(parts) != 3:
        raise Malformed("JWS does not have three parts")
    header_bytes, payload, signature = (base64url.decode(part, max_bytes=max_length) for part in parts)
    header = strict_json.loads(header_bytes)
    if not isinstance(header, dict):
        raise Malformed("JWS header is not an object")
    return CompactJws(header, payload, signature)
