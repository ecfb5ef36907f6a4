"""An app's YAML file, changed without disturbing it: what people wrote, comments included, stays as they wrote it.

A change is a splice into the text at places that PyYAML's parser names, and it is proven: the new text must load to
exactly the value that was meant, or nothing is changed and the person is told what to write. A round-trip library
(ruamel.yaml) would keep most comments, but indents, wraps and quotes the rest its own way, and moves the comment above
the next member behind the one that is added.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Members = tuple[str, ...]


class CannotEdit(Exception):  # noqa: N818 - says what is the case
    """The file is written in a way that is not changed here. The message says which member a person has to change."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One text of a list, and what a comment beside it says where the list has a line for it."""

    text: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class AppFile:
    """The whole text. Every change returns another one, and raises CannotEdit."""

    text: str

    @property
    def value(self) -> dict[str, Any]:
        loaded = yaml.safe_load(self.text)
        return loaded if isinstance(loaded, dict) else {}

    def append(self, members: Members, items: Sequence[Scalar]) -> "AppFile":
        """Adds items to the list at `members`."""
        _, node = self._find(members)
        text = self.text
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise _cannot(members)
        end = _end(node.value[-1])
        if node.flow_style:
            text = text[:end] + "".join(f", {flow(item.text)}" for item in items) + text[end:]
        else:
            text = self._after_line(end, [list_item(item, node.start_mark.column) for item in items])
        return self._proven(text, members, lambda value: value.extend(item.text for item in items))

    def set(self, members: Members, value: object) -> "AppFile":
        """Replaces what is at `members`. Comments inside it go with it."""
        key, node = self._find(members)
        text = f"{self.text[: _end(key)]}: {flow(value)}{self.text[_end(node) :]}"
        *around, last = members

        def change(parent: dict[str, object]) -> None:
            parent[last] = value

        return self._proven(text, tuple(around), change)

    def add_entry(self, members: Members, name: str, value: dict[str, object], *, remark: str = "") -> "AppFile":
        """Adds the member `name` to the mapping at `members`, below `remark` where there are lines."""
        _, node = self._find(members)
        if not isinstance(node, yaml.MappingNode) or not node.value:
            raise _cannot(members)
        end = _end(node.value[-1][1])
        if node.flow_style:
            text = f"{self.text[:end]}, {flow(name)}: {flow(value)}{self.text[end:]}"
        else:
            indent = " " * node.start_mark.column
            lines = [f"# {remark}"] if remark else []
            # Inner mappings on one line with everything else are more than a line holds.
            flat = not any(isinstance(item, dict) for item in value.values())
            lines += [f"{plain(name)}: {flow(value)}"] if flat else _block(name, value)
            text = self._after_line(end, [indent + line for line in lines])

        def change(mapping: dict[str, object]) -> None:
            mapping[name] = value

        return self._proven(text, members, change)

    def add_block(self, block: str, value: dict[str, object]) -> "AppFile":
        """Adds members at the end of the file: `block` is their text, `value` what it means."""
        whole = self.text if self.text.endswith("\n") else self.text + self._line_end
        text = whole + self._line_end + block.replace("\n", self._line_end)
        return self._proven(text, (), lambda root: root.update(value))

    @property
    def _line_end(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def _after_line(self, at: int, lines: Sequence[str]) -> str:
        """The text with more lines after the one that the character before `at` is in."""
        end = self.text.find("\n", max(at - 1, 0))
        head = self.text[: end + 1] if end >= 0 else self.text + self._line_end
        tail = self.text[end + 1 :] if end >= 0 else ""
        return head + "".join(line + self._line_end for line in lines) + tail

    def _find(self, members: Members) -> tuple[yaml.Node, yaml.Node]:
        """The last member's key, and its value."""
        node = yaml.compose(self.text, Loader=yaml.SafeLoader)
        if node is None:
            raise _cannot(members)
        pair = (node, node)
        for member in members:
            pairs = pair[1].value if isinstance(pair[1], yaml.MappingNode) else []
            found = [(key, value) for key, value in pairs if key.value == member]
            if len(found) != 1:
                raise _cannot(members)
            pair = found[0]
        return pair

    def _proven(self, text: str, members: Members, change: Callable[[Any], None]) -> "AppFile":
        meant = copy.deepcopy(self.value)
        inner = meant
        for member in members:
            inner = inner[member]
        change(inner)
        changed = AppFile(text)
        try:
            same = changed.value == meant
        except yaml.YAMLError:
            same = False
        if not same:
            raise _cannot(members)
        return changed


def plain(text: str) -> str:
    """A text outside flow collections: in quotes where it would be read as something else."""
    return yaml.safe_dump(text, width=2**16, allow_unicode=True).removesuffix("...\n").strip()


def flow(value: object) -> str:
    """A JSON value on one line."""
    written = yaml.safe_dump([value], default_flow_style=True, width=2**16, sort_keys=False, allow_unicode=True)
    return written.strip().removeprefix("[").removesuffix("]")


def list_item(item: Scalar, column: int) -> str:
    """A line of a block list, without its end."""
    return f"{' ' * column}- {plain(item.text)}{f'  # {item.remark}' if item.remark else ''}"


def _block(name: str, value: object) -> list[str]:
    return yaml.safe_dump({name: value}, width=2**16, sort_keys=False, allow_unicode=True).splitlines()


def _end(node: yaml.Node) -> int:
    """Where the node's own text ends: of a block collection, where the last thing in it does, comments left out."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(node, yaml.MappingNode) else last)
    return int(node.end_mark.index)


def _cannot(members: Members) -> CannotEdit:
    return CannotEdit(f"`{'.'.join(members) or 'the file'}` is written in a way that is not changed here")
