"""A DER writer (ITU-T X.690), as far as key descriptions and Apple's extensions need one."""


def sequence(*elements: bytes) -> bytes:
    return _tlv(b"\x30", b"".join(elements))


def set_of(*elements: bytes) -> bytes:
    """X.690 section 11.6: the elements in ascending order of their encodings."""
    return _tlv(b"\x31", b"".join(sorted(elements)))


def integer(value: int) -> bytes:
    return _tlv(b"\x02", _twos_complement(value))


def enumerated(value: int) -> bytes:
    return _tlv(b"\x0a", _twos_complement(value))


def boolean(*, value: bool) -> bytes:
    return _tlv(b"\x01", b"\xff" if value else b"\x00")


def octet_string(value: bytes) -> bytes:
    return _tlv(b"\x04", value)


def null() -> bytes:
    return _tlv(b"\x05", b"")


def explicit(number: int, element: bytes) -> bytes:
    """`[number] EXPLICIT element`: context class, constructed; numbers above 30 in base 128 (X.690 section 8.1.2.4)."""
    if number < 0x1F:
        return _tlv(bytes([0xA0 | number]), element)
    septets = [number & 0x7F]
    while number := number >> 7:
        septets.append(0x80 | (number & 0x7F))
    return _tlv(b"\xbf" + bytes(reversed(septets)), element)


def _tlv(identifier: bytes, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return identifier + bytes([size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return identifier + bytes([0x80 | len(octets)]) + octets + content


def _twos_complement(value: int) -> bytes:
    magnitude = value if value >= 0 else ~value
    return value.to_bytes(magnitude.bit_length() // 8 + 1, signed=True)
