"""A bounded reader for the closed corner of CBOR (RFC 8949) that attestation objects use.

Read: definite-length integers, byte strings, text strings, arrays, and maps whose keys are text or integers; where a
caller asks for them, also false, true, null and floats.
Refused: tags, other simple values, indefinite lengths, repeated keys, text that is not UTF-8, trailing bytes, depth,
number of items, and numbers and lengths that are not in their shortest form (section 4.1). The general library takes
all of these silently (last repeated key wins, tags run handlers), and none occurs here. Key order is free: Apple does
not sort.
"""

import struct
from dataclasses import dataclass
from typing import Final, TypeAlias

from chalicelib.verifiers.codec.errors import Malformed

CborValue: TypeAlias = "int | bytes | str | bool | float | list[CborValue] | dict[int | str, CborValue] | None"

# RFC 8949 section 3: the major types of the corner above.
_UNSIGNED: Final = 0
_NEGATIVE: Final = 1
_BYTES: Final = 2
_TEXT: Final = 3
_ARRAY: Final = 4
_MAP: Final = 5
_SIMPLE: Final = 7

# Section 4.1, by the low bits of the first octet: the least argument that needs 1, 2, 4 or 8 octets.
_LEAST: Final = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
# Section 3.3, by the low bits of the first octet. A float's octets are its value, so that no form is shorter.
_SIMPLE_VALUES: Final = {20: False, 21: True, 22: None}
_FLOATS: Final = {25: ">e", 26: ">f", 27: ">d"}

# Items of any kind in one reading, keys included; the genuine object has 19, with the ending of iOS 27 and its COSE
# key in readings of their own. Without a bound, 32 KiB of empty arrays cost twenty times what a genuine object does.
_MOST_ITEMS: Final = 128


def loads(data: bytes, *, max_bytes: int, max_depth: int = 4, simple: bool = False) -> CborValue:
    """The one item that `data` is; raises Malformed, also where a byte follows it.

    `max_depth` counts nested arrays and maps: 1 is a flat one. `simple`: false, true, null and floats are read too.
    """
    value, end = read_item(data, max_bytes=max_bytes, max_depth=max_depth, simple=simple)
    if end != len(data):
        raise Malformed("cbor: bytes after the item")
    return value


def read_item(
    data: bytes, *, offset: int = 0, max_bytes: int, max_depth: int = 4, simple: bool = False
) -> tuple[CborValue, int]:
    """The item at `offset` and the offset after it, for formats where other data follows. Raises Malformed."""
    if len(data) - offset > max_bytes:
        raise Malformed("cbor: too long")
    reader = _Reader(data=data, offset=offset, simple=simple)
    return reader.item(max_depth), reader.offset


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Where a reading stands: `offset` is that of the next octet, `left` how many items may still come."""

    data: bytes
    offset: int
    simple: bool
    left: int = _MOST_ITEMS

    def item(self, depth: int) -> CborValue:
        self.left -= 1
        if self.left < 0:
            raise Malformed("cbor: too many items")
        major, info = self._first()
        if major == _SIMPLE and self.simple:
            return self._simple(info)
        if major not in (_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP):
            raise Malformed("cbor: a tag, float or simple value")
        argument = self._argument(info)
        if major == _UNSIGNED:
            return argument
        if major == _NEGATIVE:
            return -1 - argument
        # Every element takes a byte at least, so that a length that lies is caught before anything is allocated.
        if argument > len(self.data) - self.offset:
            raise Malformed("cbor: a length beyond the end")
        if major in (_BYTES, _TEXT):
            content = self._take(argument)
            return content if major == _BYTES else _text(content)
        if depth == 0:
            raise Malformed("cbor: nested too deep")
        if major == _ARRAY:
            return [self.item(depth - 1) for _ in range(argument)]
        return self._map(argument, depth)

    def _first(self) -> tuple[int, int]:
        """Major type and additional information of the octet that every item begins with (RFC 8949 section 3)."""
        octet = self._take(1)[0]
        return octet >> 5, octet & 0x1F

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        if info not in _LEAST:
            raise Malformed("cbor: an indefinite or reserved length")
        argument = int.from_bytes(self._take(1 << (info - 24)), "big")
        if argument < _LEAST[info]:
            raise Malformed("cbor: a number or length that is not in its shortest form")
        return argument

    def _simple(self, info: int) -> bool | float | None:
        if info in _SIMPLE_VALUES:
            return _SIMPLE_VALUES[info]
        if info in _FLOATS:
            number: float = struct.unpack(_FLOATS[info], self._take(1 << (info - 24)))[0]
            return number
        raise Malformed("cbor: a simple value without a meaning here")

    def _map(self, count: int, depth: int) -> CborValue:
        members: dict[int | str, CborValue] = {}
        for _ in range(count):
            key = self.item(depth - 1)
            if isinstance(key, bool) or not isinstance(key, int | str):
                raise Malformed("cbor: a key that is neither text nor an integer")
            if key in members:
                raise Malformed("cbor: a repeated key")
            members[key] = self.item(depth - 1)
        return members

    def _take(self, size: int) -> bytes:
        end = self.offset + size
        if end > len(self.data):
            raise Malformed("cbor: ends early")
        taken = self.data[self.offset : end]
        self.offset = end
        return taken


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("cbor: text that is not UTF-8") from None
