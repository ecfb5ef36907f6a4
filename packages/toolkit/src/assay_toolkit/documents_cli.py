"""What `assay policy`, `app` and `endorsements` share: the documents table, with the operator's own AWS credentials."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import boto3
import click

from chalicelib.aws.documents import ActivationConflict, Documents, DocumentUnknown
from chalicelib.model.outcome import Malfunction

_F = TypeVar("_F", bound=Callable[..., Any])
_NOTHING: Final = "none"


def table_option(command: _F) -> _F:
    return click.option(
        "--table",
        envvar="ASSAY_DOCUMENTS_TABLE",
        show_envvar=True,
        required=True,
        help="The DynamoDB table of documents.",
    )(command)


def publish(*, table: str, kind: str, body: bytes) -> str:
    """Stores the document, which changes nothing yet; its digest."""
    with _explained():
        try:
            return _documents(table).put(kind=kind, body=body)
        except ValueError as error:
            raise click.ClickException(f"not stored: {error}") from error


def activate_command(*, kind: str, noun: str, check: Callable[[bytes], object]) -> click.Command:
    """The subcommand `activate DIGEST` of a group that deals in documents of `kind`, which people call `noun`.

    `check` reads the document as the service will; a ValueError of its own refuses it before anything is written.
    """

    @click.command("activate", help=f"Put a stored {noun} in force.")
    @click.argument("digest")
    @click.option("--author", required=True, help="Who answers for it.")
    @click.option("--reason", required=True, help="Why, for the history.")
    @click.option(
        "--instead-of",
        metavar="DIGEST|none",
        help=f"The {noun} that you looked at and mean to replace; `{_NOTHING}` for the first one. Where another is in "
        "force by now, nothing happens. Without this option whatever is in force is replaced, also what a colleague "
        "activated a minute ago.",
    )
    @table_option
    def activate(*, digest: str, author: str, reason: str, instead_of: str | None, table: str) -> None:
        with _explained():
            documents = _documents(table)
            try:
                check(documents.read(digest))
            except ValueError as error:
                raise click.ClickException(f"not activated, the document does not load: {error}") from error
            replaced = _in_force(documents, kind) if instead_of is None else instead_of
            expected = None if replaced in (None, _NOTHING) else replaced
            documents.activate(kind=kind, digest=digest, expected=expected, author=author, reason=reason)
        click.echo(f"in force: {digest}" + (f", instead of {expected}" if expected else ", the first one"))

    return activate


def _in_force(documents: Documents, kind: str) -> str | None:
    active = documents.active().get(kind)
    return active.digest if active else None


def _documents(table: str) -> Documents:
    return Documents(boto3.client("dynamodb"), table)


@contextmanager
def _explained() -> Iterator[None]:
    """Turns what the store says into one line for the operator."""
    try:
        yield
    except ActivationConflict as error:
        raise click.ClickException("not activated: another document is in force than the one to be replaced") from error
    except (DocumentUnknown, Malfunction) as error:
        raise click.ClickException(str(error)) from error
