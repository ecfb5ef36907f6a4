"""DER (X.690) read by declared shapes, over `cryptography.hazmat.asn1`; everything raises Malformed and nothing else.

The shapes are strict: minimal lengths, minimal tags, no trailing byte. Where genuine evidence is not DER, a shape takes
the field raw (`Tlv`) and one of the readers below says what it tolerates. Nothing here recurses: nesting that no shape
declares stays bytes. Callers bound the size.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from chalicelib.verifiers.codec.errors import Malformed

Tlv = asn1.TLV

SEQUENCE: Final = b"\x30"
SET: Final = b"\x31"
_BOOLEAN: Final = b"\x01"
_OCTET_STRING: Final = b"\x04"
_INTEGER: Final = b"\x02"
_ENUMERATED: Final = b"\x0a"
_NULL: Final = b"\x05"

# X.690 section 8.1.2.4: a leading octet whose five low bits are all ones announces a tag number above 30.
_HIGH_TAG: Final = 0x1F
_CONTEXT_CONSTRUCTED: Final = 0xA0
_CONSTRUCTED: Final = 0x20
_UNIVERSAL: Final = 0x00
_CLASS: Final = 0xC0
_MAX_INTEGER_BYTES: Final = 9  # KeyMint's integers are 64 bits, without a sign; a longer one fits no column either

_Shape = TypeVar("_Shape")


@asn1.sequence
class _Listed:
    items: list[asn1.TLV]


def decode(shape: type[_Shape], data: bytes, *, field: str) -> _Shape:
    """`data` as one value of `shape`, an `asn1.sequence`, with nothing after it."""
    try:
        return asn1.decode_der(shape, data)
    except ValueError as error:
        raise Malformed(f"{field} is not the DER that its schema wants") from error


def one(data: bytes, *, field: str) -> Tlv:
    """Exactly one value of any type."""
    return decode(asn1.TLV, data, field=field)


def raw(value: Tlv) -> bytes:
    """The value's own bytes, header included: lengths in DER have one spelling, so these are the bytes that came."""
    contents = bytes(value.data)
    return value.tag_bytes + length(len(contents)) + contents


def members(value: Tlv, *, tag: bytes, field: str) -> list[Tlv]:
    """The values inside a SEQUENCE or SET, in the order sent.

    Tolerated: a SET OF that is not sorted (X.690 section 11.6), as KeyMint writes enumerations in its own order.
    """
    if value.tag_bytes != tag:
        raise Malformed(f"{field} has another type")
    # The library decodes a list only as the field of a sequence: it gets the two headers that make it one.
    contents = bytes(value.data)
    listed = SEQUENCE + length(len(contents)) + contents
    return decode(_Listed, SEQUENCE + length(len(listed)) + listed, field=field).items


def explicit_tag(value: Tlv, *, field: str) -> int:
    """The number of a context-specific, constructed tag (`[n] EXPLICIT`)."""
    first, rest = value.tag_bytes[0], value.tag_bytes[1:]
    if first & 0xE0 != _CONTEXT_CONSTRUCTED:
        raise Malformed(f"{field} has a member without an explicit tag")
    if first & _HIGH_TAG != _HIGH_TAG:
        return first & _HIGH_TAG
    number = 0
    for octet in rest:
        number = number << 7 | octet & 0x7F
    return number


def integer(value: Tlv, *, field: str, max_octets: int = _MAX_INTEGER_BYTES) -> int:
    return _signed(value, tag=_INTEGER, field=field, max_octets=max_octets)


def enumerated(value: Tlv, *, field: str) -> int:
    return _signed(value, tag=_ENUMERATED, field=field, max_octets=_MAX_INTEGER_BYTES)


def octets(value: Tlv, *, field: str) -> bytes:
    if value.tag_bytes != _OCTET_STRING:
        raise Malformed(f"{field} is not an OCTET STRING")
    return bytes(value.data)


def oid(value: Tlv, *, field: str) -> str:
    """Dotted decimal."""
    return decode(ObjectIdentifier, raw(value), field=field).dotted_string


def boolean(value: Tlv, *, field: str) -> bool:
    """Tolerated: any octet that is not zero is TRUE (BER, X.690 section 8.2.2). Phones of 2018 to 2020 write 0x01."""
    if value.tag_bytes != _BOOLEAN or len(value.data) != 1:
        raise Malformed(f"{field} is not a BOOLEAN")
    return value.data[0] != 0


def check_well_formed(values: Iterable[Tlv], *, field: str, max_values: int) -> None:
    """That values which no shape describes are DER to their last octet. Raises Malformed.

    Tags, lengths, integers in the fewest octets, BOOLEANs of one and NULLs of none, strings in one piece. At most
    `max_values` in one another and beside each other.
    """
    unread, seen = list(values), 0
    while unread:
        value = unread.pop()
        seen += 1
        if seen > max_values:
            raise Malformed(f"{field} has too many values")
        first = value.tag_bytes[0]
        if first & _CONSTRUCTED:
            if first & _CLASS == _UNIVERSAL and value.tag_bytes not in {SEQUENCE, SET}:
                raise Malformed(f"{field} has a string in pieces")
            unread += members(value, tag=value.tag_bytes, field=field)
        elif value.tag_bytes in {_INTEGER, _ENUMERATED}:
            _signed(value, tag=value.tag_bytes, field=field, max_octets=len(value.data))
        elif value.tag_bytes == _BOOLEAN:
            boolean(value, field=field)
        elif value.tag_bytes == _NULL and value.data:
            raise Malformed(f"{field} has a NULL of something")


def _signed(value: Tlv, *, tag: bytes, field: str, max_octets: int) -> int:
    contents = bytes(value.data)
    if value.tag_bytes != tag:
        raise Malformed(f"{field} has another type")
    if not 1 <= len(contents) <= max_octets:
        raise Malformed(f"{field} is empty or too large")
    number = int.from_bytes(contents, "big", signed=True)
    if len(contents) > 1 and -(1 << (8 * len(contents) - 9)) <= number < 1 << (8 * len(contents) - 9):
        raise Malformed(f"{field} is not written in the fewest octets")
    return number


def length(size: int) -> bytes:
    """X.690 section 10.1: the shortest form."""
    if size < 0x80:
        return bytes([size])
    octets_of_size = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets_of_size)]) + octets_of_size
