"""The root element of an APK's AndroidManifest.xml, in Android's binary form.

Ours, because what there is does another job: androguard brings an analysis suite, apkInspector and pyaxmlparser read
whatever malware makes of the format, without bounds. Here one element is read, and what does not fit is refused.
Source: frameworks/base/libs/androidfw/include/androidfw/ResourceTypes.h of the Android Open Source Project.
"""

import struct
from dataclasses import dataclass
from typing import Final, TypeVar

from assay_toolkit.onboarding.artefact import ArtefactUnusable

# ResChunk_header.type
_STRING_POOL, _XML, _RESOURCE_MAP, _START_ELEMENT = 0x0001, 0x0003, 0x0180, 0x0102
_CHUNK: Final = struct.Struct("<HHI")  # type, header size, size
_POOL: Final = struct.Struct("<5I")  # strings, styles, flags, where strings start, where styles start
_UTF8: Final = 1 << 8
_ELEMENT: Final = struct.Struct("<2I3H")  # namespace, name, where attributes start, their size, their number
_ATTRIBUTE: Final = struct.Struct("<3IHBBI")  # namespace, name, raw value, then a Res_value: size, 0, type, data
_NOTHING: Final = 0xFFFFFFFF
# Res_value.dataType
_TEXT, _DECIMAL, _HEXADECIMAL = 0x03, 0x10, 0x11

# Resource ids of the framework: a renamed attribute is still the one that Android reads.
VERSION_CODE: Final = 0x0101021B
VERSION_NAME: Final = 0x0101021C
VERSION_CODE_MAJOR: Final = 0x01010576

_MOST_CHUNKS: Final = 64  # before the first element; genuine files have three or four
_MOST_ATTRIBUTES: Final = 64
_LONGEST_TEXT: Final = 1024  # bytes

_Value = str | int | None
_Name = TypeVar("_Name", str, int)


@dataclass(frozen=True, slots=True)
class Root:
    """`named`: attributes without a namespace; `framework`: those with a resource id. Values are None where they are
    neither text nor number."""

    name: str | None
    named: dict[str, _Value]
    framework: dict[int, _Value]


def read_root(data: bytes) -> Root:
    """Raises ArtefactUnusable."""
    try:
        return _read(data)
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise _broken() from error


def _read(data: bytes) -> Root:
    kind, header, size = _CHUNK.unpack_from(data)
    if kind != _XML or size > len(data):
        raise ArtefactUnusable("has an AndroidManifest.xml that is not in Android's binary form")
    strings: _Strings | None = None
    resources: tuple[int, ...] = ()
    at = header
    for _ in range(_MOST_CHUNKS):
        kind, header, size = _CHUNK.unpack_from(data, at)
        if not _CHUNK.size <= header <= size <= len(data) - at:
            raise _broken()
        chunk = data[at : at + size]
        if kind == _STRING_POOL and strings is None:
            strings = _Strings(chunk, header)
        elif kind == _RESOURCE_MAP and not resources:
            resources = struct.unpack_from(f"<{(size - header) // 4}I", chunk, header)
        elif kind == _START_ELEMENT and strings is not None:
            return _root(chunk, header, strings, resources)
        elif kind in (_STRING_POOL, _RESOURCE_MAP, _START_ELEMENT):
            raise _broken()
        at += size
    raise _broken()


def _root(chunk: bytes, header: int, strings: "_Strings", resources: tuple[int, ...]) -> Root:
    _, name, start, size, count = _ELEMENT.unpack_from(chunk, header)
    if count > _MOST_ATTRIBUTES or size < _ATTRIBUTE.size:
        raise _broken()
    root = Root(strings.text(name), {}, {})
    for index in range(count):
        namespace, name, raw, _, _, kind, value = _ATTRIBUTE.unpack_from(chunk, header + start + index * size)
        stated: _Value = None
        if kind == _TEXT:
            # What a reader shows and what Android acts on are two fields; a file in which they differ is made up.
            if raw not in (value, _NOTHING):
                raise _broken()
            stated = strings.text(value)
        elif kind in (_DECIMAL, _HEXADECIMAL):
            stated = value
        if name < len(resources) and resources[name]:
            _state(root.framework, resources[name], stated)
        elif namespace == _NOTHING:
            _state(root.named, strings.text(name), stated)
    return root


def _state(attributes: dict[_Name, _Value], name: _Name, value: _Value) -> None:
    if name in attributes:
        raise ArtefactUnusable("has an AndroidManifest.xml that states something twice")
    attributes[name] = value


class _Strings:
    """ResStringPool, in UTF-8 or UTF-16; a text is decoded when it is asked for."""

    def __init__(self, chunk: bytes, header: int) -> None:
        count, _, flags, start, _ = _POOL.unpack_from(chunk, _CHUNK.size)
        if count > len(chunk) // 4:
            raise _broken()
        self._chunk = chunk
        self._offsets = struct.unpack_from(f"<{count}I", chunk, header)
        self._start = start
        self._utf8 = bool(flags & _UTF8)

    def text(self, index: int) -> str:
        at = self._start + self._offsets[index]
        if self._utf8:
            _, at = self._length(at, "<B", 0x80)  # in UTF-16 units, for allocation
            size, at = self._length(at, "<B", 0x80)
            encoding = "utf-8"
        else:
            units, at = self._length(at, "<H", 0x8000)
            size, encoding = 2 * units, "utf-16-le"
        if size > _LONGEST_TEXT or at + size > len(self._chunk):
            raise _broken()
        return self._chunk[at : at + size].decode(encoding)

    def _length(self, at: int, unit: str, more: int) -> tuple[int, int]:
        """One unit, or two where the first has its highest bit set."""
        step = struct.calcsize(unit)
        (first,) = struct.unpack_from(unit, self._chunk, at)
        if not first & more:
            return first, at + step
        (second,) = struct.unpack_from(unit, self._chunk, at + step)
        return (first & ~more) << (8 * step) | second, at + 2 * step


def _broken() -> ArtefactUnusable:
    return ArtefactUnusable("has an AndroidManifest.xml that is broken")
