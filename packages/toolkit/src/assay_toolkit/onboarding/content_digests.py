"""The digest that an APK's signature is over: everything in the file but the signing block.

Source: https://source.android.com/docs/security/features/apksigning/v2#integrity-protected-contents.
"""

import hashlib
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from assay_toolkit.onboarding.archive import Archive

_CHUNK: Final = 1024**2  # bytes; the last one of each section may be shorter
_DIRECTORY_OFFSET: Final = 16  # in the end record (APPNOTE.TXT 4.3.16)


def content_digest(archive: Archive, *, block: int, algorithm: str) -> bytes:
    """`block`: where the signing block starts. `algorithm`: a name of hashlib's."""
    digests = [
        hashlib.new(algorithm, b"\xa5" + struct.pack("<I", len(chunk)) + chunk).digest()
        for chunk in _chunks(archive, block)
    ]
    return hashlib.new(algorithm, b"\x5a" + struct.pack("<I", len(digests)) + b"".join(digests)).digest()


def _chunks(archive: Archive, block: int) -> Iterator[bytes]:
    file, layout = archive.file, archive.layout
    yield from _section(file, 0, block)
    yield from _section(file, layout.directory, layout.end)
    file.seek(layout.end)
    end = file.read()
    # As if there were no signing block, or the signature would be over where it ends itself.
    yield end[:_DIRECTORY_OFFSET] + struct.pack("<I", block) + end[_DIRECTORY_OFFSET + 4 :]


def _section(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    while (left := end - file.tell()) > 0:
        yield file.read(min(_CHUNK, left))
