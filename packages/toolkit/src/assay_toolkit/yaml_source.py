"""YAML as people write it, read strictly, with the line of every value kept for error messages.

YAML has more ways to write a thing than a reader knows: `yes` is true, `010` is eight, `12:30` is 750, and a value may
stand somewhere else altogether. What is read here is what a reader takes it for; the rest is refused.
"""

import re
from pathlib import Path
from typing import Final, NoReturn, cast

import click
import rfc8785
import yaml

from chalicelib.endorsements.document import DocumentInvalid, Node

# Bytes; what a compiled document may have (chalicelib/endorsements/document.py), comments included.
_LARGEST_FILE: Final = 1 << 20
# Far beyond what any document of ours has; a policy has seven.
_DEEPEST: Final = 32
_LARGEST_NUMBER: Final = (1 << 53) - 1  # RFC 8785 section 3.2.2.3: beyond it, JSON numbers lose digits

_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]*")
_TAG: Final = "tag:yaml.org,2002:"
_KINDS: Final = {
    "null": "says nothing; give it a value, or leave it out",
    "float": "is a number with a fraction; whole numbers are meant here, and text wants quotes",
    "timestamp": "is a date to YAML; quote it if it is text",
    "merge": "merges another mapping in; write its members out, so that a reader sees them where they count",
    "value": "is a value sign of YAML; quote it if it is text",
}


class SourceInvalid(click.ClickException):
    """A file that does not compile; the message starts with `<file>:<line>:`."""

    def __init__(self, file: Path, line: int, sentence: str) -> None:
        super().__init__(f"{file}:{line}: {sentence}")


class Source:
    """One YAML file as a JSON value; `lines` has the line of every node by its path."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: dict[str, int] = {}
        text = self._text()
        try:
            loader = _Loader(text)
        except yaml.reader.ReaderError as error:
            raise self._at(
                text.count("\n", 0, error.position) + 1, "has a character that no text has; remove it"
            ) from error
        try:
            tree = loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            raise self._at(_line(error), _explained(error, text)) from error
        except (ValueError, OverflowError) as error:
            # The library's own, from `chr`.
            raise self._at(loader.line + 1, "escapes a character that does not exist") from error
        if tree is None:
            raise self._at(1, "is empty")
        self.root = Node(self._read(tree, Node(None)))

    def canonical(self) -> bytes:
        """RFC 8785."""
        return rfc8785.dumps(self.root.value)  # type: ignore[arg-type]  # _read makes nothing but JSON values

    def complain(self, error: DocumentInvalid) -> SourceInvalid:
        """The same complaint, by file and line."""
        return SourceInvalid(self.file, self.line(error.path), f"{error.path}: {error.sentence}")

    def line(self, path: str) -> int:
        """The line of `path`, or of the closest thing around it that the file has."""
        around = [known for known in self.lines if path == known or path.startswith((f"{known}.", f"{known}["))]
        return self.lines[max(around, key=len)]

    def _text(self) -> str:
        if self.file.suffix != ".yaml":
            raise self._at(1, "is no file whose name ends in .yaml")
        try:
            content = self.file.read_bytes()
        except OSError as error:
            raise click.ClickException(f"{self.file}: {error.strerror}") from error
        if len(content) > _LARGEST_FILE:
            raise self._at(1, f"is {len(content)} bytes long; {_LARGEST_FILE} at most")
        if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
            raise self._at(1, "starts with a byte order mark; save it as UTF-8 without one")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise self._at(
                content.count(b"\n", 0, error.start) + 1, "has bytes that are not UTF-8; save it as UTF-8"
            ) from error

    def _read(self, node: yaml.Node, place: Node) -> object:
        self.lines[place.path] = node.start_mark.line + 1
        match node:
            case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
                return self._read_mapping(node, place)
            case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
                return [self._read(item, place.item(index)) for index, item in enumerate(node.value)]
            case yaml.ScalarNode(tag="tag:yaml.org,2002:str"):
                if not _is_unicode(node.value):
                    raise self._refuse(node, "has half a character (a lone surrogate)")
                return str(node.value)
            case yaml.ScalarNode(tag="tag:yaml.org,2002:int", style=None):
                return self._read_number(node)
            case yaml.ScalarNode(tag="tag:yaml.org,2002:bool", style=None):
                if node.value not in ("true", "false"):
                    raise self._refuse(node, f"is `{node.value}`; write true or false, or quote it if it is text")
                return bool(node.value == "true")
            case _:
                kind = node.tag.removeprefix(_TAG)
                raise self._refuse(
                    node, _KINDS.get(kind, f"has the type `{node.tag}`; write text, numbers, lists and mappings")
                )

    def _read_number(self, node: yaml.ScalarNode) -> int:
        if not _NUMBER.fullmatch(node.value):
            raise self._refuse(node, f"is `{node.value[:40]}`; write whole numbers in plain digits, and quote text")
        # Without the digits being counted first, reading them could take long.
        if len(node.value) > len(str(-_LARGEST_NUMBER)) or abs(int(node.value)) > _LARGEST_NUMBER:
            raise self._refuse(node, f"is larger than JSON can carry exactly; {_LARGEST_NUMBER} at most")
        return int(node.value)

    def _read_mapping(self, node: yaml.MappingNode, place: Node) -> dict[str, object]:
        members: dict[str, object] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag == f"{_TAG}merge":
                raise self._refuse(key, _KINDS["merge"])
            if not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                raise self._refuse(key, "is a key that is no text; quote it")
            if not _is_unicode(key.value):
                raise self._refuse(key, "has half a character (a lone surrogate)")
            if key.value in members:
                raise self._refuse(key, f"has the key `{key.value}` a second time")
            below = place.member(key.value)
            members[key.value] = self._read(value, below)
            self.lines[below.path] = key.start_mark.line + 1
        return members

    def _refuse(self, node: yaml.Node, sentence: str) -> SourceInvalid:
        return self._at(node.start_mark.line + 1, sentence)

    def _at(self, line: int, sentence: str) -> SourceInvalid:
        return SourceInvalid(self.file, line, sentence)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


class _Loader(yaml.SafeLoader):  # the pure one: libyaml's does not call `compose_node`
    """Refuses, while it reads, what would make the document larger or deeper than what is written."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it bare
        if isinstance(event, yaml.AliasEvent):
            _stop(event, "uses an alias; write the value out, so that a reader sees it where it counts")
        if getattr(event, "anchor", None) is not None:
            _stop(event, "has an anchor; nothing can refer to it, so leave it out")
        if self.depth >= _DEEPEST:
            _stop(event, f"is nested more than {_DEEPEST} deep")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Refused(yaml.MarkedYAMLError):
    """Of ours: the problem is a whole sentence."""


def _stop(event: yaml.Event, sentence: str) -> NoReturn:
    raise _Refused(problem=sentence, problem_mark=cast(yaml.Mark, event.start_mark))


def _line(error: yaml.MarkedYAMLError) -> int:
    return error.problem_mark.line + 1 if error.problem_mark else 1


def _explained(error: yaml.MarkedYAMLError, text: str) -> str:
    if isinstance(error, _Refused):
        return str(error.problem)
    if isinstance(error, yaml.composer.ComposerError):
        return "has a second document after `---`; one file holds one document"
    lines = text.splitlines()
    indent = lines[_line(error) - 1] if _line(error) <= len(lines) else ""
    if "\t" in indent[: len(indent) - len(indent.lstrip())]:
        return "is indented with a tab; YAML wants spaces"
    context = f", {error.context}" if error.context else ""
    return f"is not YAML: {error.problem}{context}; look at the brackets, quotes and indentation here and just above"
