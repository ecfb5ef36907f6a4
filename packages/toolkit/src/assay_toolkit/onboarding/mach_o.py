"""The entitlements in a Mach-O executable's code signature: what iOS grants the app, and App Attest goes by.

Source: mach-o/loader.h, mach-o/fat.h and cs_blobs.h of Apple's open source. The libraries that read Mach-O (macholib,
lief) want a whole file on disk or bring a native suite; here two structures are read in one pass over a ZIP entry.
"""

import struct
from typing import IO, Final

from assay_toolkit.onboarding.artefact import ArtefactUnusable

_FAT_MAGIC, _FAT64_MAGIC, _MACH_O_64 = 0xCAFEBABE, 0xCAFEBABF, 0xFEEDFACF
_ARM64: Final = 0x0100000C
_CODE_SIGNATURE: Final = 0x1D  # LC_CODE_SIGNATURE
_SUPER_BLOB, _ENTITLEMENTS = 0xFADE0CC0, 0xFADE7171  # CSMAGIC_EMBEDDED_SIGNATURE, CSMAGIC_EMBEDDED_ENTITLEMENTS
_ENTITLEMENTS_SLOT: Final = 5  # CSSLOT_ENTITLEMENTS

_MOST_ARCHITECTURES: Final = 16
_LARGEST_COMMANDS: Final = 1024**2  # bytes; large apps have some thousand
_MOST_BLOBS: Final = 32
_LARGEST_ENTITLEMENTS: Final = 1024**2
_STEP: Final = 1024**2


def read_entitlements(stream: IO[bytes]) -> bytes | None:
    """The XML property list with the entitlements of the arm64 code; None: there is no signature, or none in it.

    Reads forwards only. Raises ArtefactUnusable.
    """
    try:
        return _read(_Forward(stream))
    except struct.error as error:
        raise ArtefactUnusable("has an executable that is broken") from error


class _Forward:
    """A stream with its position: offsets in a file may only grow, since going back would unpack it again."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._at = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._at += len(data)
        return data

    def fields(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.read(struct.calcsize(form)))

    def skip_to(self, offset: int) -> None:
        if offset < self._at:
            raise ArtefactUnusable("has an executable whose parts overlap")
        while self._at < offset:
            if not self.read(min(_STEP, offset - self._at)):
                raise ArtefactUnusable("has an executable that ends early")


def _read(file: _Forward) -> bytes | None:
    base = 0
    (magic,) = file.fields(">I")
    if magic in (_FAT_MAGIC, _FAT64_MAGIC):
        base = _arm64_offset(file, ">2I3I" if magic == _FAT_MAGIC else ">2I2Q2I")
        file.skip_to(base)
        (magic,) = file.fields(">I")
    if int.from_bytes(magic.to_bytes(4), "little") != _MACH_O_64:
        raise ArtefactUnusable("has an executable that is no 64-bit Mach-O file")
    *_, count, size, _, _ = file.fields("<7I")
    if size > _LARGEST_COMMANDS:
        raise ArtefactUnusable("has an executable that is broken")
    signature = _signature_offset(file.read(size), count)
    if signature is None:
        return None
    file.skip_to(base + signature)
    return _entitlements(file, base + signature)


def _arm64_offset(file: _Forward, form: str) -> int:
    (count,) = file.fields(">I")
    if count > _MOST_ARCHITECTURES:
        raise ArtefactUnusable("has an executable that is broken")
    for cpu, _, offset, *_ in [file.fields(form) for _ in range(count)]:
        if cpu == _ARM64:
            return offset
    raise ArtefactUnusable("has an executable without code for iPhones")


def _signature_offset(commands: bytes, count: int) -> int | None:
    at = 0
    for _ in range(min(count, len(commands) // 8)):
        command, size = struct.unpack_from("<2I", commands, at)
        if command == _CODE_SIGNATURE:
            return int(struct.unpack_from("<I", commands, at + 8)[0])
        at += max(size, 8)
    return None


def _entitlements(file: _Forward, start: int) -> bytes | None:
    magic, _, count = file.fields(">3I")
    if magic != _SUPER_BLOB or count > _MOST_BLOBS:
        raise ArtefactUnusable("has a code signature that is broken")
    index = [file.fields(">2I") for _ in range(count)]
    offsets = [offset for slot, offset in index if slot == _ENTITLEMENTS_SLOT]
    if not offsets:
        return None
    file.skip_to(start + offsets[0])
    magic, size = file.fields(">2I")
    if magic != _ENTITLEMENTS or not 8 <= size <= _LARGEST_ENTITLEMENTS:
        raise ArtefactUnusable("has entitlements in its code signature that are broken")
    return file.read(size - 8)
