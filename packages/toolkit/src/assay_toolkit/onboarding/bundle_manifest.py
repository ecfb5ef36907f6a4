"""The root element of an AAB's manifest, which is a protobuf message.

Source: frameworks/base/tools/aapt2/Resources.proto of the Android Open Source Project. Five of its fields are needed,
which a walk over the wire format reads; the protobuf library would want generated code of the whole schema.
"""

from typing import Final

from assay_toolkit.onboarding.artefact import ArtefactUnusable

_MOST_FIELDS: Final = 4096  # of one message: the root's attributes and child elements, mostly

# Wire types: https://protobuf.dev/programming-guides/encoding/#structure
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED: Final = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT: Final = 10

_NODE_ELEMENT: Final = 1  # XmlNode
_ELEMENT_NAME, _ELEMENT_ATTRIBUTE = 3, 4  # XmlElement
_ATTRIBUTE_NAMESPACE, _ATTRIBUTE_NAME, _ATTRIBUTE_VALUE = 1, 2, 3  # XmlAttribute

_ANDROID: Final = "http://schemas.android.com/apk/res/android"

_Message = dict[int, list[bytes | int]]


def read_root(data: bytes) -> dict[str, str]:
    """The attributes of `<manifest>`: `package`, and those of Android's namespace as `android:…`. Values are texts, as
    the author wrote them. Raises ArtefactUnusable."""
    element = _message(_only_bytes(_message(data), _NODE_ELEMENT))
    if _text(element, _ELEMENT_NAME) != "manifest":
        raise ArtefactUnusable("has a manifest whose root is no <manifest>")
    attributes: dict[str, str] = {}
    for encoded in element.get(_ELEMENT_ATTRIBUTE, []):
        if not isinstance(encoded, bytes):
            raise _broken()
        attribute = _message(encoded)
        prefix = {"": "", _ANDROID: "android:"}.get(_text(attribute, _ATTRIBUTE_NAMESPACE))
        if prefix is None:
            continue
        name = prefix + _text(attribute, _ATTRIBUTE_NAME)
        if name in attributes:
            raise ArtefactUnusable("has a manifest that states something twice")
        attributes[name] = _text(attribute, _ATTRIBUTE_VALUE)
    return attributes


def _message(data: bytes) -> _Message:
    fields: _Message = {}
    at = 0
    for _ in range(_MOST_FIELDS):
        if at == len(data):
            return fields
        tag, at = _varint(data, at)
        kind = tag & 7
        value: bytes | int
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind in _FIXED or kind == _BYTES:
            size, at = (_FIXED[kind], at) if kind in _FIXED else _varint(data, at)
            if size > len(data) - at:
                raise _broken()
            value, at = data[at : at + size], at + size
        else:
            raise _broken()
        fields.setdefault(tag >> 3, []).append(value)
    raise _broken()


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, octet in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (octet & 0x7F) << (7 * index)
        if not octet & 0x80:
            return value, at + index + 1
    raise _broken()


def _only_bytes(message: _Message, field: int) -> bytes:
    """A field that is there once: protobuf would merge or take the last, and two readers may differ."""
    values = message.get(field, [])
    if len(values) != 1 or not isinstance(values[0], bytes):
        raise _broken()
    return values[0]


def _text(message: _Message, field: int) -> str:
    if field not in message:
        return ""
    try:
        return _only_bytes(message, field).decode()
    except UnicodeDecodeError as error:
        raise _broken() from error


def _broken() -> ArtefactUnusable:
    return ArtefactUnusable("has a manifest that is broken")
