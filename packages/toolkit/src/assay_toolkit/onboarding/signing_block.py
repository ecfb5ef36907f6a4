"""The APK Signing Block, which lies between the entries and the central directory.

Source: https://source.android.com/docs/security/features/apksigning/v2#apk-signing-block. No well-kept Python library
verifies it: androguard and apkInspector read certificates out of it and believe them.
"""

from typing import BinaryIO, Final

from assay_toolkit.onboarding.archive import Archive
from assay_toolkit.onboarding.artefact import ArtefactUnusable
from assay_toolkit.onboarding.fields import Fields

_MAGIC: Final = b"APK Sig Block 42"
_FOOTER: Final = 8 + len(_MAGIC)
_LARGEST: Final = 16 * 1024**2  # bytes; genuine ones have some ten thousand
_MOST_PAIRS: Final = 64


def read_signing_block(archive: Archive) -> tuple[int, dict[int, bytes]] | None:
    """Where the block starts, and its values by id; None: there is none. Raises ArtefactUnusable."""
    file, directory = archive.file, archive.layout.directory
    if directory < _FOOTER + 8:
        return None
    footer = Fields(_at(file, directory - _FOOTER, _FOOTER), of="the signing block")
    size = footer.uint64()
    if footer.take(len(_MAGIC)) != _MAGIC:
        return None
    start = directory - size - 8
    if not _FOOTER <= size <= _LARGEST or start < 0:
        raise ArtefactUnusable("is broken: its signing block has no possible size")
    block = Fields(_at(file, start, 8 + size - _FOOTER), of="the signing block")
    if block.uint64() != size:
        raise ArtefactUnusable("is broken: its signing block states two sizes")
    return start, _pairs(block)


def _pairs(block: Fields) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    while block.left:
        pair = Fields(block.take(block.uint64()), of="the signing block")
        identifier = pair.uint32()
        if identifier in values or len(values) == _MOST_PAIRS:
            raise ArtefactUnusable("is broken: its signing block has one kind of value twice, or too many")
        values[identifier] = pair.take(pair.left)
    return values


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
