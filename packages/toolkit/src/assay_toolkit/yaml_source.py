"""YAML as people write it, read strictly, with the line of every value kept for error messages."""

from pathlib import Path
from typing import Final

import click
import rfc8785
import yaml

from chalicelib.endorsements.document import DocumentInvalid, Node

_SCALARS: Final = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:bool": bool,
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
        self._seen: set[int] = set()
        try:
            tree = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except OSError as error:
            raise click.ClickException(f"{file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SourceInvalid(file, 1, "is not UTF-8") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise SourceInvalid(file, line, f"is not YAML: {error.problem}") from error
        except yaml.YAMLError as error:
            raise SourceInvalid(file, 1, "is not YAML") from error
        if tree is None:
            raise SourceInvalid(file, 1, "is empty")
        self._loader = yaml.SafeLoader("")
        self.root = Node(self._read(tree, Node(None)))

    def canonical(self) -> bytes:
        """RFC 8785."""
        try:
            return rfc8785.dumps(self.root.value)  # type: ignore[arg-type]  # _read makes nothing but JSON values
        except rfc8785.CanonicalizationError as error:
            raise SourceInvalid(self.file, 1, f"has a value that JSON cannot carry exactly: {error}") from error

    def complain(self, error: DocumentInvalid) -> SourceInvalid:
        """The same complaint, by file and line."""
        return SourceInvalid(self.file, self.line(error.path), f"{error.path}: {error.sentence}")

    def line(self, path: str) -> int:
        """The line of `path`, or of the closest thing around it that the file has."""
        around = [known for known in self.lines if path.startswith(known)]
        return self.lines[max(around, key=len)]

    def _read(self, node: yaml.Node, place: Node) -> object:
        self.lines[place.path] = node.start_mark.line + 1
        if id(node) in self._seen:
            raise self._refuse(node, "uses an alias; write the value out, so that a reader sees it where it counts")
        self._seen.add(id(node))
        match node:
            case yaml.MappingNode():
                return self._read_mapping(node, place)
            case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
                return [self._read(item, place.item(index)) for index, item in enumerate(node.value)]
            case yaml.ScalarNode() if node.tag in _SCALARS:
                return self._loader.construct_object(node)
        raise self._refuse(node, "is neither text, whole number, true, false, list nor mapping; quote it if it is text")

    def _read_mapping(self, node: yaml.MappingNode, place: Node) -> dict[str, object]:
        members: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise self._refuse(key, "is a key that is no text; quote it")
            if key.value in members:
                raise self._refuse(key, f"has the key `{key.value}` a second time")
            below = place.member(key.value)
            members[key.value] = self._read(value, below)
            self.lines[below.path] = key.start_mark.line + 1
        return members

    def _refuse(self, node: yaml.Node, sentence: str) -> SourceInvalid:
        return SourceInvalid(self.file, node.start_mark.line + 1, sentence)
