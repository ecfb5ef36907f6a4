"""Reading a stored document strictly: canonical JSON in, nodes that know where they stand, one sentence per fault.

The register of apps and the appraisal policy are such documents. People write them as YAML; the `assay` command
compiles them to RFC 8785 canonical JSON, and their digest is over exactly these bytes. What is not canonical is
refused, which also settles repeated members, byte order marks and other readings of the same text.
"""

import difflib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

import rfc8785

# Bytes, before anything is parsed: what people write. The store takes more, which Google's list may need.
_LONGEST_DOCUMENT: Final = 1 << 20

_T = TypeVar("_T")
_MOST_LISTED: Final = 24  # names in one sentence that somebody still reads
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class DocumentInvalid(ValueError):  # noqa: N818 - it says what the document is, as `Malformed` does of evidence
    """`path`: where, in JSONPath notation (RFC 9535). `sentence`: what is wrong there, and what would be right."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}")
        self.path = path
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Node:
    """One JSON value and its place in the document. Every reading method raises `DocumentInvalid`."""

    value: object
    path: str = "$"

    def refuse(self, sentence: str) -> NoReturn:
        raise DocumentInvalid(self.path, sentence)

    def member(self, name: str, value: object = None) -> "Node":
        """The place of a member below this one."""
        step = f".{name}" if _PLAIN_NAME.fullmatch(name) else f"[{json.dumps(name, ensure_ascii=False)}]"
        return Node(value, self.path + step)

    def item(self, index: int, value: object = None) -> "Node":
        """The place of a list's item below this one."""
        return Node(value, f"{self.path}[{index}]")

    def entries(self, *, most: int) -> dict[str, "Node"]:
        """An object whose member names are the author's own; at least one."""
        if not isinstance(self.value, dict):
            self.refuse(f"wants an object with members, not {_kind(self.value)}")
        if not self.value:
            self.refuse("is empty: nothing in it would mean that nothing is checked")
        if len(self.value) > most:
            self.refuse(f"has {len(self.value)} members; {most} at most")
        return {name: self.member(name, item) for name, item in self.value.items()}

    def members(self, *, required: Collection[str] = (), optional: Collection[str] = ()) -> dict[str, "Node"]:
        """An object with these members and no other."""
        known = [*required, *optional]
        if not isinstance(self.value, dict):
            self.refuse(f"wants an object with {_listed(known)}, not {_kind(self.value)}")
        for name in self.value:
            if name not in known:
                self.member(name).refuse(f"is no member that is known here{_guess(name, known)}")
        for name in required:
            if name not in self.value:
                self.refuse(f"lacks the member `{name}`")
        return {name: self.member(name, item) for name, item in self.value.items()}

    def items(self, *, most: int) -> list["Node"]:
        """A list of at least one."""
        if not isinstance(self.value, list):
            self.refuse(f"wants a list, not {_kind(self.value)}")
        if not self.value:
            self.refuse("is an empty list: nothing in it would mean that nothing is checked")
        if len(self.value) > most:
            self.refuse(f"has {len(self.value)} items; {most} at most")
        return [self.item(index, item) for index, item in enumerate(self.value)]

    def text(self, pattern: re.Pattern[str], shape: str) -> str:
        """A string that `pattern` matches whole; `shape` says so to people."""
        if not isinstance(self.value, str):
            self.refuse(f"wants a text, not {_kind(self.value)}")
        if not pattern.fullmatch(self.value):
            self.refuse(f"is {json.dumps(self.value)[:80]}, which is not {shape}")
        return self.value

    def integer(self, *, lowest: int, highest: int) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.refuse(f"wants a whole number, not {_kind(self.value)}")
        if not lowest <= self.value <= highest:
            meant = f"{lowest}" if lowest == highest else f"between {lowest} and {highest}"
            self.refuse(f"is {self.value}; it must be {meant}")
        return self.value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            self.refuse(f"wants true or false, not {_kind(self.value)}")
        return self.value

    def choice(self, options: Mapping[str, _T], noun: str) -> _T:
        """The option of that name; `noun` says what the options are."""
        if not isinstance(self.value, str) or self.value not in options:
            self.refuse(f"is {json.dumps(self.value)[:80]}, which is no {noun}{_guess(self.value, options)}")
        return options[self.value]


def read_canonical(document: bytes) -> Node:
    """The root node of an RFC 8785 document. Raises `DocumentInvalid`."""
    root = Node(None)
    if len(document) > _LONGEST_DOCUMENT:
        root.refuse(f"is {len(document)} bytes long; {_LONGEST_DOCUMENT} at most")
    try:
        value = json.loads(document)
        canonical = rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:
        # rfc8785's errors are ValueErrors too. The cause may quote the document, so only its type is passed on.
        raise DocumentInvalid("$", f"is not JSON that RFC 8785 can express ({type(error).__name__})") from error
    if canonical != document:
        root.refuse("is JSON but not canonical (RFC 8785); compile it with the `assay` command")
    return Node(value)


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _guess(name: object, known: Collection[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; there is {_listed(known)}" if len(known) <= _MOST_LISTED else f"; the JSON Schema lists all {len(known)}"
