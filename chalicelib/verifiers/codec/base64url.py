"""base64url (RFC 4648 section 5, without padding as in RFC 7515) and base64, each in the one canonical spelling."""

import base64
import binascii

from chalicelib.verifiers.codec.errors import Malformed


def decode(text: str, *, max_bytes: int) -> bytes:
    """The bytes of unpadded base64url `text`. Raises Malformed: padding, foreign characters, unused bits, too long."""
    if "+" in text or "/" in text or "=" in text:
        raise Malformed("base64url has a character outside its alphabet")
    padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    return _canonical(padded, max_bytes=max_bytes)


def decode_base64(text: str, *, max_bytes: int) -> bytes:
    """The bytes of padded standard base64 `text`, as `x5c` has them. Raises Malformed as `decode` does."""
    return _canonical(text, max_bytes=max_bytes)


def _canonical(padded: str, *, max_bytes: int) -> bytes:
    # Length first: nobody pays for decoding what is too long anyway.
    if len(padded) > (max_bytes + 2) // 3 * 4:
        raise Malformed(f"base64 is longer than {max_bytes} bytes")
    try:
        data = base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters outside ASCII
        raise Malformed("base64 is not well-formed") from None
    # One value, one spelling: the standard library ignores the unused bits of the last character.
    if base64.b64encode(data) != padded.encode():
        raise Malformed("base64 is not in its canonical spelling")
    if len(data) > max_bytes:
        raise Malformed(f"base64 is longer than {max_bytes} bytes")
    return data
