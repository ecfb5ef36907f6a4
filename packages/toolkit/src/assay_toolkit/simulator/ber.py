"""BER (ITU-T X.690) as Apple's server writes it, and as much reading of it as a server for receipts needs."""

_END_OF_CONTENTS = b"\x00\x00"


def indefinite(identifier: int, *elements: bytes) -> bytes:
    """Section 8.1.3.6: no length, and an end. `identifier`: a constructed one, as 0x30."""
    return bytes([identifier, 0x80]) + b"".join(elements) + _END_OF_CONTENTS


def values(data: bytes) -> list[tuple[int, bytes]]:
    """Identifier and contents of each value, one after another; of indefinite length or not. Raises ValueError."""
    found: list[tuple[int, bytes]] = []
    offset = 0
    while offset < len(data):
        start, end, after = _extent(data, offset)
        found.append((data[offset], data[start:end]))
        offset = after
    return found


def _extent(data: bytes, offset: int) -> tuple[int, int, int]:
    """Where the contents begin and end, and where the next value begins."""
    if offset + 2 > len(data):
        raise ValueError("ends early")
    size = data[offset + 1]
    start = offset + 2
    if size == 0x80:
        end = start
        while not data.startswith(_END_OF_CONTENTS, end):
            *_, end = _extent(data, end)
        return start, end, end + 2
    if size > 0x80:
        start += size - 0x80
        size = int.from_bytes(data[offset + 2 : start])
    if start + size > len(data):
        raise ValueError("a length beyond the end")
    return start, start + size, start + size
