"""A bounded reader for the closed corner of CBOR (RFC 8949) that attestation objects use.

Read: definite-length integers, byte strings, text strings, arrays, and maps whose keys are text or integers.
Refused: tags, floats, simple values, indefinite lengths, repeated keys, text that is not UTF-8, trailing bytes, depth,
and numbers and lengths that are not in their shortest form (section 4.1). The general library takes all of these
silently (last repeated key wins, tags run handlers), and none occurs here. Key order is free: Apple does not sort.
"""

from typing import Final, TypeAlias

from chalicelib.verifiers.codec.errors import Malformed

CborValue: TypeAlias = "int | bytes | str | list[CborValue] | dict[int | str, CborValue]"

# RFC 8949 section 3: the major types of the corner above.
_UNSIGNED: Final = 0
_NEGATIVE: Final = 1
_BYTES: Final = 2
_TEXT: Final = 3
_ARRAY: Final = 4
_MAP: Final = 5

# Section 4.1, by the low bits of the first octet: the least argument that needs 1, 2, 4 or 8 octets.
_LEAST: Final = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}


def loads(data: bytes, *, max_bytes: int, max_depth: int = 4) -> CborValue:
    """The one item that `data` is; raises Malformed, also where a byte follows it.

    `max_depth` counts nested arrays and maps: 1 is a flat one.
    """
    value, end = read_item(data, max_bytes=max_bytes, max_depth=max_depth)
    if end != len(data):
        raise Malformed("cbor: bytes after the item")
    return value


def read_item(data: bytes, *, offset: int = 0, max_bytes: int, max_depth: int = 4) -> tuple[CborValue, int]:
    """The item at `offset` and the offset after it, for formats where other data follows. Raises Malformed."""
    if len(data) - offset > max_bytes:
        raise Malformed("cbor: too long")
    return _item(data, offset, max_depth)


def _item(data: bytes, offset: int, depth: int) -> tuple[CborValue, int]:
    major, argument, offset = _head(data, offset)
    if major == _UNSIGNED:
        return argument, offset
    if major == _NEGATIVE:
        return -1 - argument, offset
    # Every element takes a byte at least, so that a length that lies is caught before anything is allocated for it.
    if argument > len(data) - offset:
        raise Malformed("cbor: a length beyond the end")
    if major in (_BYTES, _TEXT):
        end = offset + argument
        content = data[offset:end]
        return (content if major == _BYTES else _text(content)), end
    if major not in (_ARRAY, _MAP):
        raise Malformed("cbor: a tag, float or simple value")
    if depth == 0:
        raise Malformed("cbor: nested too deep")
    return _array(data, offset, argument, depth) if major == _ARRAY else _map(data, offset, argument, depth)


def _head(data: bytes, offset: int) -> tuple[int, int, int]:
    """Major type, argument and the offset after them (RFC 8949 section 3)."""
    if offset >= len(data):
        raise Malformed("cbor: ends early")
    major, info = data[offset] >> 5, data[offset] & 0x1F
    offset += 1
    if info < 24:
        return major, info, offset
    if info > 27:
        raise Malformed("cbor: an indefinite or reserved length")
    width = 1 << (info - 24)
    if offset + width > len(data):
        raise Malformed("cbor: ends early")
    argument = int.from_bytes(data[offset : offset + width], "big")
    if argument < _LEAST[info]:
        raise Malformed("cbor: a number or length that is not in its shortest form")
    return major, argument, offset + width


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("cbor: text that is not UTF-8") from None


def _array(data: bytes, offset: int, count: int, depth: int) -> tuple[CborValue, int]:
    items: list[CborValue] = []
    for _ in range(count):
        item, offset = _item(data, offset, depth - 1)
        items.append(item)
    return items, offset


def _map(data: bytes, offset: int, count: int, depth: int) -> tuple[CborValue, int]:
    members: dict[int | str, CborValue] = {}
    for _ in range(count):
        key, offset = _item(data, offset, depth - 1)
        if not isinstance(key, int | str):
            raise Malformed("cbor: a key that is neither text nor an integer")
        if key in members:
            raise Malformed("cbor: a repeated key")
        members[key], offset = _item(data, offset, depth - 1)
    return members, offset
