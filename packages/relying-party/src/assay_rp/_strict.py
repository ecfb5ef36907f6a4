"""Compact JOSE and JSON, read strictly before a JOSE library sees them.

PyJWT and joserfc take the last of two equal members and accept a byte order mark and UTF-16; what another reader of
the same bytes would understand is then open. Here there is one reading or none. Raises `Unreadable` only.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

# docs/wire.md draws nothing deeper than 4; the rest is room for claims of later versions.
_MAX_DEPTH = 8

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


class Unreadable(ValueError):  # noqa: N818 - an adjective, like the failures it turns into
    """The text is not what its format says, for every reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedJws:
    """A well-formed compact JWS. Nobody has looked at its signature yet."""

    text: str
    header: Mapping[str, Any]
    payload: Mapping[str, Any]


def read_jws(text: str, *, max_length: int) -> UnverifiedJws:
    """RFC 7515 section 3.1 with JSON objects in the first two places. `max_length` in characters."""
    header, payload, signature = split(text, parts=3, max_length=max_length)
    if not signature:
        raise Unreadable("the signature is empty")
    return UnverifiedJws(text=text, header=json_object(header), payload=json_object(payload))


def split(text: str, *, parts: int, max_length: int) -> tuple[bytes, ...]:
    if len(text) > max_length:
        raise Unreadable(f"longer than {max_length} characters")
    segments = text.split(".", parts)
    if len(segments) != parts:
        raise Unreadable(f"not {parts} segments")
    return tuple(b64url_decode(segment) for segment in segments)


def b64url_decode(text: str) -> bytes:
    """RFC 7515 section 2, the canonical spelling alone: no padding, unused bits zero."""
    if not _ALPHABET.fullmatch(text):
        raise Unreadable("a character outside base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise Unreadable("not base64url") from error
    if b64url_encode(data) != text:
        raise Unreadable("not the canonical base64url")
    return data


def b64url_encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def json_object(data: bytes) -> Mapping[str, Any]:
    """A JSON object in UTF-8 without byte order mark, repeated members, NaN, infinities and lone surrogates."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_members, parse_constant=_no_constant)
        _check(value, depth=0)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not strict JSON") from error
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return MappingProxyType(value)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unreadable("a repeated member")
    return members


def _no_constant(name: str) -> None:
    raise Unreadable(f"{name} is not JSON")


def _check(value: object, *, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise Unreadable("nested too deeply")
    match value:
        case dict():
            for name, member in value.items():
                _check(name, depth=depth)
                _check(member, depth=depth + 1)
        case list():
            for item in value:
                _check(item, depth=depth + 1)
        case str():
            value.encode()  # raises UnicodeEncodeError, a ValueError, on a lone surrogate
        case float() if not math.isfinite(value):
            raise Unreadable("a number too large")
