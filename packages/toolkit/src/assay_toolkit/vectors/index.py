"""A folder of vectors: `index.json` and the files that it names.

Nothing is read into order, ids or file names. A broken index or a missing file is `FolderError`, never a refusal:
a refusal is what evidence gets.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T")


class FolderError(Exception):
    """The folder is not usable. The message says which entry and member, for the person at the keyboard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One vector. `expected` is None where the folder does not say."""

    id: str
    kind: str
    evidence: bytes
    params: "Params"
    expected: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """`status_lists`: the raw documents, by name."""

    entries: tuple[Entry, ...]
    status_lists: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Params:
    """What the verifier is told, typed on access. Every getter raises FolderError."""

    entry_id: str
    members: Mapping[str, Any]

    def text(self, name: str) -> str:
        return self._typed(name, str)

    def integer(self, name: str) -> int:
        value = self._typed(name, int)
        if isinstance(value, bool):
            raise self.broken(name, "is not an integer")
        return value

    def base64(self, name: str) -> bytes:
        try:
            return base64.b64decode(self.text(name), validate=True)
        except binascii.Error:
            raise self.broken(name, "is not base64") from None

    def hex_or_none(self, name: str) -> bytes | None:
        if self.members.get(name) is None:
            return None
        return self._from_hex(name, self.text(name))

    def hex_list(self, name: str) -> tuple[bytes, ...]:
        """Empty where the member is null or absent."""
        return tuple(self._from_hex(name, item) for item in self._list(name))

    def names(self, name: str) -> tuple[str, ...]:
        """The `name` of each object of a list; empty where the member is null or absent."""
        items = self._list(name)
        if not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in items):
            raise self.broken(name, "is not a list of objects with a name")
        return tuple(item["name"] for item in items)

    def time(self, name: str) -> datetime:
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise self.broken(name, "is not an RFC 3339 time") from None
        if moment.tzinfo is None:
            raise self.broken(name, "has no time zone")
        return moment.astimezone(UTC)

    def broken(self, name: str, what: str) -> FolderError:
        return FolderError(f"index.json: {self.entry_id}: params.{name} {what}")

    def _typed(self, name: str, kind: type[_T]) -> _T:
        value = self.members.get(name)
        if not isinstance(value, kind):
            raise self.broken(name, f"is not of type {kind.__name__}")
        return value

    def _list(self, name: str) -> list[Any]:
        value = self.members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.broken(name, "is not a list")
        return value

    def _from_hex(self, name: str, value: object) -> bytes:
        if not isinstance(value, str):
            raise self.broken(name, "is not hex")
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise self.broken(name, "is not hex") from None


def load(folder: Path) -> Folder:
    """Raises FolderError."""
    try:
        document = json.loads(_read(folder, "index.json"))
    except (ValueError, RecursionError) as error:
        raise FolderError(f"index.json: not JSON: {error}") from None
    members = _object(document, "the document")
    vectors = members.get("vectors")
    if not isinstance(vectors, list):
        raise FolderError("index.json: no list `vectors`")
    if not vectors:
        raise FolderError("index.json: `vectors` is empty, so nothing would be verified")
    return Folder(
        entries=tuple(_entry(folder, _object(item, f"vectors[{at}]"), at) for at, item in enumerate(vectors)),
        status_lists={
            name: _read(folder, _text(_object(item, name), "file", f"status_lists.{name}"))
            for name, item in _object(members.get("status_lists", {}), "status_lists").items()
        },
    )


def _entry(folder: Path, members: Mapping[str, Any], at: int) -> Entry:
    entry_id = _text(members, "id", f"vectors[{at}]")
    if not entry_id.isprintable():
        raise FolderError(f"index.json: vectors[{at}]: `id` is not printable")
    expected = members.get("expected")
    if expected is not None:
        for member in ("parsed", "fields"):
            _object(_object(expected, f"{entry_id}: expected").get(member) or {}, f"{entry_id}: expected.{member}")
    return Entry(
        id=entry_id,
        kind=_text(members, "kind", entry_id),
        evidence=_read(folder, _text(members, "file", entry_id)),
        params=Params(entry_id, _object(members.get("params", {}), f"{entry_id}: params")),
        expected=expected,
    )


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FolderError(f"index.json: {where} is not an object")
    return value


def _text(members: Mapping[str, Any], name: str, where: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise FolderError(f"index.json: {where}: no text `{name}`")
    return value


def _read(folder: Path, name: str) -> bytes:
    """A file of the folder, links followed: an index names its own files and no others of this machine."""
    try:
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise FolderError(f"{name}: outside the folder")
        return file.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: how Python 3.11 names a loop of links
        why = error.strerror if isinstance(error, OSError) else "not a file name"
        raise FolderError(f"{name}: {why}") from None
