"""A ZIP file that may be hostile: opened without reading much, entries read up to a bound, nothing ever extracted.

`zipfile` does the reading. Before it, the end of central directory is read here: an APK's signature covers it, it
bounds the directory that `zipfile` would load whole, and two readers must not see two directories in one file.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final

from assay_toolkit.onboarding.artefact import ArtefactUnusable

# APPNOTE.TXT 4.3.16: 22 bytes and a comment of at most 65,535.
_END: Final = struct.Struct("<4s4H2IH")
_END_SIGNATURE: Final = b"PK\x05\x06"
_ENTRY_SIGNATURE: Final = b"PK\x01\x02"
_ZIP64_LOCATOR: Final = (b"PK\x06\x07", 20)  # 4.3.15: right before the end record
_LONGEST_COMMENT: Final = 0xFFFF

# Bounds of ours. Google Play takes 4 GB with everything, App Store Connect the same; a directory entry takes some 100
# bytes, and there are at most 65,535 without ZIP64.
_LARGEST_FILE: Final = 4 * 1024**3 - 1
_LARGEST_DIRECTORY: Final = 16 * 1024**2
_MOST_ENTRIES: Final = 0xFFFF

# What `zipfile` and `zlib` raise over broken archives.
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    OverflowError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Offsets in bytes: the central directory's, and that of the end record, which runs to the end of the file."""

    directory: int
    end: int


class Archive:
    """One open archive. Every method raises ArtefactUnusable."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.layout = _layout(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except _BROKEN as error:
            raise ArtefactUnusable("is no readable ZIP archive") from error
        self._entries = {entry.filename: entry for entry in self._zip.infolist()}
        if len(self._entries) < len(self._zip.infolist()):
            raise ArtefactUnusable("has two entries of one name, of which readers would take one or the other")

    @property
    def names(self) -> tuple[str, ...]:
        """As the archive has them: for comparison, not for file systems or terminals."""
        return tuple(self._entries)

    def read(self, name: str, *, most: int) -> bytes:
        """The contents of an entry of at most `most` bytes."""
        with self.stream(name, most=most) as stream:
            return stream.read()

    @contextmanager
    def stream(self, name: str, *, most: int) -> Iterator[IO[bytes]]:
        """The same piece by piece. The bound is on the size that the directory states; `zipfile` unpacks no more."""
        entry = self._entries[name]
        if entry.file_size > most:
            raise ArtefactUnusable(f"has an entry larger than {most} bytes where one has to be read")
        if entry.flag_bits & 1:
            raise ArtefactUnusable("has an encrypted entry where one has to be read")
        if entry.orig_filename != entry.filename:
            raise ArtefactUnusable("has an entry whose name goes on after its end")
        try:
            with self._zip.open(entry) as stream:
                yield stream
        except _BROKEN as error:
            raise ArtefactUnusable("is broken: an entry that has to be read does not unpack") from error


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Raises ArtefactUnusable, also where there is no such file."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ArtefactUnusable(f"cannot be read: {error.strerror}") from error
    with file:
        if not file.seekable():
            raise ArtefactUnusable("cannot be read: it is a pipe, and its end comes first")
        yield Archive(file)


def _layout(file: BinaryIO) -> Layout:
    size = file.seek(0, 2)
    if size > _LARGEST_FILE:
        raise ArtefactUnusable(f"is larger than {_LARGEST_FILE} bytes")
    start = max(0, size - _END.size - _LONGEST_COMMENT)
    file.seek(start)
    tail = file.read()
    end = _find_end(tail)
    _, disk, first_disk, here, entries, length, directory, _ = _END.unpack_from(tail, end)
    signature, distance = _ZIP64_LOCATOR
    if 0xFFFFFFFF in (length, directory) or tail[max(0, end - distance) : end].startswith(signature):
        raise ArtefactUnusable("is a ZIP64 archive, which phones do not install")
    if (disk, first_disk) != (0, 0) or here != entries or directory + length != start + end:
        raise ArtefactUnusable("is broken: its end does not say where its directory is")
    if length > _LARGEST_DIRECTORY:
        raise ArtefactUnusable(f"has a directory larger than {_LARGEST_DIRECTORY} bytes")
    file.seek(directory)
    if file.read(length).count(_ENTRY_SIGNATURE) > _MOST_ENTRIES:
        raise ArtefactUnusable(f"has more than {_MOST_ENTRIES} entries")
    return Layout(directory=directory, end=start + end)


def _find_end(tail: bytes) -> int:
    """Where the end record starts in `tail`: the last place whose comment reaches exactly to the end of the file."""
    at = len(tail)
    while (at := tail.rfind(_END_SIGNATURE, 0, at)) >= 0:
        if len(tail) - at >= _END.size and _END.unpack_from(tail, at)[-1] == len(tail) - at - _END.size:
            return at
    raise ArtefactUnusable("is no ZIP archive, as APK, AAB and IPA files are")
