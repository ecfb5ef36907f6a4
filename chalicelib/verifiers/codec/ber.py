"""BER (X.690) turned into DER, as far as Apple's receipts need it: lengths that are indefinite, strings in segments.

Every other reader here takes DER. This one rewrites the outermost values whose length is indefinite and copies what it
finds inside with a definite length, untouched: a certificate keeps the bytes that were signed. Nothing else of BER is
read: lengths in their shortest form, tag numbers to 30, strings in primitive segments of one level.
"""

from typing import Final

from chalicelib.verifiers.codec import der
from chalicelib.verifiers.codec.errors import Malformed

_INDEFINITE: Final = 0x80  # X.690 section 8.1.3.6
_END_OF_CONTENTS: Final = b"\x00\x00"  # section 8.1.5
_CONSTRUCTED: Final = 0x20
_HIGH_TAG: Final = 0x1F
_OCTET_STRING: Final = 0x04


def to_der(data: bytes, *, max_bytes: int, max_depth: int, max_elements: int) -> bytes:
    """The one value that `data` is, every length definite. Raises Malformed, also where a byte follows it.

    `max_depth`: values of indefinite length inside each other; `max_elements`: all that are looked at.
    """
    if len(data) > max_bytes:
        raise Malformed("BER: too long")
    reader = _Reader(data, max_elements)
    value, end = reader.value(0, max_depth)
    if end != len(data):
        raise Malformed("BER: bytes after the value")
    return value


class _Reader:
    def __init__(self, data: bytes, max_elements: int) -> None:
        self._data = data
        self._left = max_elements

    def value(self, offset: int, depth: int) -> tuple[bytes, int]:
        """The value at `offset` in DER, and the offset after it."""
        tag, start, end = self._header(offset)
        if end is not None:
            return self._data[offset:end], end
        if depth == 0:
            raise Malformed("BER: nested too deep")
        if not tag & _CONSTRUCTED:
            raise Malformed("BER: a primitive value of indefinite length")
        if tag == _CONSTRUCTED | _OCTET_STRING:
            contents, end = self._segments(start)
            return _tlv(_OCTET_STRING, contents), end
        parts: list[bytes] = []
        while not self._data.startswith(_END_OF_CONTENTS, start):
            part, start = self.value(start, depth - 1)
            parts.append(part)
        return _tlv(tag, b"".join(parts)), start + len(_END_OF_CONTENTS)

    def _segments(self, start: int) -> tuple[bytes, int]:
        """What the segments of a string hold together (X.690 section 8.7.3)."""
        segments: list[bytes] = []
        while not self._data.startswith(_END_OF_CONTENTS, start):
            tag, contents, end = self._header(start)
            if tag != _OCTET_STRING or end is None:
                raise Malformed("BER: a string's segment is not a string")
            segments.append(self._data[contents:end])
            start = end
        return b"".join(segments), start + len(_END_OF_CONTENTS)

    def _header(self, offset: int) -> tuple[int, int, int | None]:
        """Tag octet, where the contents begin, and where they end; None: at an end-of-contents."""
        self._left -= 1
        if self._left < 0:
            raise Malformed("BER: too many values")
        data = self._data
        if offset + 2 > len(data):
            raise Malformed("BER: ends early")
        tag, first = data[offset], data[offset + 1]
        if tag & _HIGH_TAG == _HIGH_TAG:
            raise Malformed("BER: a tag number above 30")
        start = offset + 2
        if first == _INDEFINITE:
            return tag, start, None
        size = first
        if first > _INDEFINITE:
            start += first - _INDEFINITE
            size = int.from_bytes(data[offset + 2 : start], "big")
        end = start + size
        if end > len(data):
            raise Malformed("BER: a length beyond the end")
        if data[offset + 1 : start] != der.length(size):
            raise Malformed("BER: a length that is not in its shortest form")
        return tag, start, end


def _tlv(tag: int, contents: bytes) -> bytes:
    return bytes([tag]) + der.length(len(contents)) + contents
