"""JSON as phones may send it: RFC 8259 within the bounds of I-JSON (RFC 7493), and one reading only.

The standard library's parser takes the last of repeated members, `NaN`, integers of any size and lone surrogates; two
parsers that read one text differently are how a check on one value is passed with another. Here such a text has no
reading at all.
"""

import json
import math
import re
from typing import NoReturn

from chalicelib.verifiers.codec.errors import Malformed

JsonValue = dict[str, "JsonValue"] | list["JsonValue"] | str | int | float | bool | None

# RFC 7493 section 2.2: integers that every reader keeps exactly.
_LARGEST_INTEGER = 2**53 - 1
_LONGEST_INTEGER = len("-9007199254740991")  # characters; longer texts are not even converted

# Strings whole, so that brackets inside them do not count. Possessive, and without a mandatory closing quote: one pass,
# whatever the text (an unterminated string is the parser's to refuse).
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def loads(data: bytes, *, max_depth: int = 8) -> JsonValue:
    """The value of `data`, a whole JSON text in UTF-8 without byte order mark; `max_depth` counts arrays and objects.

    Raises Malformed on anything that RFC 8259 forbids, and on repeated member names, lone surrogates, integers beyond
    ±(2^53 - 1), and fractions too large for a double.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("JSON is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise Malformed("JSON starts with a byte order mark")
    _check_depth(text, max_depth)
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(f"JSON: {error.msg} at character {error.pos}") from None
    if "\\u" in text:
        _check_surrogates(value)
    return value


def _check_depth(text: str, max_depth: int) -> None:
    """Before parsing: the parser itself recurses, and its limit is the interpreter's."""
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        match match[0]:
            case "[" | "{":
                depth += 1
                if depth > max_depth:
                    raise Malformed(f"JSON is nested deeper than {max_depth}")
            case "]" | "}":
                depth -= 1
            case _:
                pass  # a string


def _check_surrogates(value: JsonValue) -> None:
    """Escapes can spell half of a surrogate pair; a string that holds one has no UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Malformed("JSON holds a lone surrogate") from None


def _object(members: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    value = dict(members)
    if len(value) != len(members):
        raise Malformed("JSON repeats a member name")
    return value


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER or abs(value := int(text)) > _LARGEST_INTEGER:
        raise Malformed("JSON holds an integer beyond 2^53 - 1")
    return value


def _fraction(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise Malformed("JSON holds a number too large for a double")
    return value


def _constant(_text: str) -> NoReturn:
    raise Malformed("JSON holds NaN or Infinity")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)
