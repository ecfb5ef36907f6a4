"""`activate`, `rollback` and `history`, for every kind of document: versions are immutable, and one item moves."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import click

from assay_toolkit.documents_cli import case_store_options, explained, store_options
from chalicelib.aws.documents import Activation, DocumentMissing, Documents, DocumentUnknown
from chalicelib.aws.policy_cases import PolicyCases
from chalicelib.model.outcome import Malfunction
from chalicelib.service.ports import ActivationConflict

# What has to hold of a stored document before it is put in force, beside that it loads: the digest of what shows it.
# Raises `click.ClickException`.
Proof = Callable[[Documents, PolicyCases, str], str]
# What people call the document, from its bytes. Raises ValueError where they are no such document.
Name = Callable[[bytes], str]

_NOTHING: Final = "none"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
# As the commands print it; a policy's has its name before it.
_NAMED_DIGEST: Final = re.compile(r"(?:[^@\s]{1,64}@)?([0-9a-f]{64})")
_REVISION: Final = re.compile(r"[1-9][0-9]{0,9}")


def add_lifecycle(
    group: click.Group,
    *,
    kind: str,
    noun: str,
    check: Callable[[bytes], object],
    proof: Proof | None = None,
    name: Name | None = None,
    fetched: bool = False,
) -> None:
    """Gives `group` the three commands for documents of `kind`, which people call `noun`.

    `check` reads the document as the service will; a ValueError of its own refuses it before anything is written.
    `fetched`: somebody else publishes such documents, so that they are as old as their fetch.
    """
    moves = _Moves(kind=kind, noun=noun, check=check, proof=proof)
    group.add_command(_activate(moves, fetched=fetched))
    group.add_command(_rollback(moves, fetched=fetched))
    group.add_command(_history(kind=kind, noun=noun, name=name))


class _Moves:
    """What putting a document in force is, whether forwards or back."""

    def __init__(self, *, kind: str, noun: str, check: Callable[[bytes], object], proof: Proof | None) -> None:
        self.kind = kind
        self.noun = noun
        self._check = check
        self._proof = proof

    def move(
        self,
        documents: Documents,
        cases_of: PolicyCases,
        *,
        digest: str,
        expected: str | None,
        author: str,
        reason: str,
        fetched_at: datetime | None,
        returns_to: int | None = None,
    ) -> None:
        try:
            self._check(documents.read(digest))
        except DocumentMissing as error:
            raise click.ClickException(f"no {self.noun} of this digest is stored: `publish` it first") from error
        except ValueError as error:
            raise click.ClickException(f"not activated, the document does not load: {error}") from error
        shown_by = self._proof(documents, cases_of, digest) if self._proof else None
        try:
            documents.activate(
                kind=self.kind,
                digest=digest,
                expected=expected,
                author=author,
                reason=reason,
                fetched_at=fetched_at,
                cases=shown_by,
                returns_to=returns_to,
            )
        except DocumentUnknown:
            raise
        except ActivationConflict as error:
            raise click.ClickException(f"not activated: {_standing(documents, self.kind)}") from error
        except ValueError as error:
            raise click.ClickException(f"not activated: {error}") from error


def _activate(moves: _Moves, *, fetched: bool) -> click.Command:
    @click.command("activate", help=f"Put a stored {moves.noun} in force.")
    @click.argument("digest", metavar="DIGEST", callback=_digest)
    @_author_and_reason
    @_instead_of(moves.noun)
    @case_store_options
    def activate(
        *,
        digest: str,
        author: str,
        reason: str,
        instead_of: str | None,
        documents: Documents,
        cases_of: PolicyCases,
        fetched_at: datetime | None = None,
    ) -> None:
        with explained():
            expected = _to_be_replaced(documents, moves.kind, instead_of)
            moves.move(
                documents,
                cases_of,
                digest=digest,
                expected=expected,
                author=author,
                reason=reason,
                fetched_at=None if fetched_at is None else fetched_at.replace(tzinfo=UTC),
            )
        if digest == expected:
            click.echo(
                f"in force: {digest}, as before: nothing changes but {'its age and ' if fetched else ''}the history"
            )
        else:
            click.echo(f"in force: {digest}" + (f", instead of {expected}" if expected else ", the first one"))

    if fetched:
        click.option(
            "--fetched-at",
            type=click.DateTime(formats=["%Y-%m-%dT%H:%M:%SZ"]),
            metavar="TIME",
            help="When it was fetched, in UTC, such as 2026-01-31T12:00:00Z. Its age counts from then, and without "
            "this option from now.",
        )(activate)
    return activate


def _rollback(moves: _Moves, *, fetched: bool) -> click.Command:
    @click.command(
        "rollback",
        help=f"Go back to the {moves.noun} before the one in force, or to another that was in force once. "
        "A second rollback goes back further still.",
    )
    @click.option(
        "--to",
        metavar="DIGEST|REVISION",
        callback=_bare,
        help=f"The {moves.noun} to go back to, as `history` lists them.",
    )
    @_author_and_reason
    @_instead_of(moves.noun)
    @case_store_options
    def rollback(
        *,
        to: str | None,
        author: str,
        reason: str,
        instead_of: str | None,
        documents: Documents,
        cases_of: PolicyCases,
    ) -> None:
        with explained():
            expected = _to_be_replaced(documents, moves.kind, instead_of)
            lines = documents.history(kind=moves.kind)
            target = _before(lines, moves.noun) if to is None else _named(lines, to, moves.noun)
            if target.digest == expected:
                raise click.ClickException(f"not rolled back: {target.digest} is in force already")
            moves.move(
                documents,
                cases_of,
                digest=target.digest,
                expected=expected,
                author=author,
                reason=reason,
                # It is as old as it was. Where nobody said, it was as old as its activation.
                fetched_at=(target.fetched_at or target.activated_at) if fetched else None,
                returns_to=target.revision,
            )
        click.echo(f"in force: {target.digest}, that of revision {target.revision}, instead of {expected}")

    return rollback


def _history(*, kind: str, noun: str, name: Name | None) -> click.Command:
    @click.command("history", help=f"Print every {noun} that was put in force: when, by whom, why; oldest first.")
    @click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
    @store_options
    def history(*, documents: Documents, as_json: bool) -> None:
        with explained():
            lines = documents.history(kind=kind)
            names = {line.digest: _name(documents, line.digest, name) for line in lines} if name else {}
            # A line is written with `active` in one transaction: the last one is what is in force.
            shown = [_members(line, names.get(line.digest), in_force=line is lines[-1]) for line in lines]
        if as_json:
            click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
            return
        for members in shown:
            for text in _described(members):
                click.echo(text)

    return history


def _author_and_reason(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--reason", required=True, help="Why, for the history.")(command)
    return click.option("--author", required=True, help="Who answers for it.")(command)


def _instead_of(noun: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--instead-of",
        metavar="DIGEST|none",
        callback=_digest,
        help=f"The {noun} that you looked at and mean to replace; `{_NOTHING}` for the first one. Where another is in "
        "force by now, nothing happens. Without this option whatever is in force is replaced, also what a colleague "
        "activated a minute ago.",
    )


def _bare(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Without the name that `history` prints before a digest."""
    matched = _NAMED_DIGEST.fullmatch(value or "")
    return matched[1] if matched else value


def _digest(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    bare = _bare(context, parameter, value)
    optional = isinstance(parameter, click.Option)
    if (optional and bare in (None, _NOTHING)) or _DIGEST.fullmatch(bare or ""):
        return bare
    raise click.BadParameter("is no digest: 64 hex digits, perhaps with `<name>@` before them")


def _standing(documents: Documents, kind: str) -> str:
    """Which document is in force against expectation, and who to ask about it."""
    lines = documents.history(kind=kind)
    if not lines:
        return "nothing is in force yet; `--instead-of none` says so"
    last = lines[-1]
    return f"another document is in force: {last.digest}, by {last.author} since {_time(last.activated_at)}"


def _to_be_replaced(documents: Documents, kind: str, instead_of: str | None) -> str | None:
    if instead_of is not None:
        return None if instead_of == _NOTHING else instead_of
    active = documents.active().get(kind)
    return active.digest if active else None


def _before(lines: Sequence[Activation], noun: str) -> Activation:
    """The last one that was in force before what is in force now first was, whatever was rolled back since: going back
    twice leads to the one before the one before, and not to what the first time left."""
    by_revision = {line.revision: line for line in lines}
    if not lines:
        raise click.ClickException(f"not rolled back: no {noun} was ever in force")
    current = standing = lines[-1]
    while standing.returns_to is not None:
        standing = by_revision[standing.returns_to]
    for line in reversed(lines[: lines.index(standing)]):
        if line.digest != current.digest:
            return line
    raise click.ClickException(f"not rolled back: no other {noun} was in force before")


def _named(lines: Sequence[Activation], to: str, noun: str) -> Activation:
    if _DIGEST.fullmatch(to):
        found = [line for line in lines if line.digest == to]
    elif _REVISION.fullmatch(to):
        found = [line for line in lines if line.revision == int(to)]
    else:
        raise click.ClickException(f"{to} is neither a digest (64 hex digits) nor a revision")
    if not found:
        raise click.ClickException(f"not rolled back: no {noun} {to} was ever in force; `activate` puts in a new one")
    return found[-1]


def _name(documents: Documents, digest: str, name: Name) -> str | None:
    """None where the document cannot be read: that is when the history is needed most."""
    try:
        return name(documents.read(digest))
    except (ValueError, Malfunction):
        return None


def _members(line: Activation, name: str | None, *, in_force: bool) -> dict[str, object]:
    return {
        "revision": line.revision,
        "digest": line.digest,
        "name": name,
        "author": line.author,
        "reason": line.reason,
        "activated_at": _time(line.activated_at),
        "fetched_at": None if line.fetched_at is None else _time(line.fetched_at),
        "cases": line.cases,
        "returns_to": line.returns_to,
        "in_force": in_force,
    }


def _described(members: dict[str, object]) -> Iterator[str]:
    named = f"{members['name']}@{members['digest']}" if members["name"] else str(members["digest"])
    standing = ", in force" if members["in_force"] else ""
    yield f"{members['revision']}: {members['activated_at']} {named}{standing}"
    back = f" (back to revision {members['returns_to']})" if members["returns_to"] else ""
    yield f"   by {members['author']}: {members['reason']}{back}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
