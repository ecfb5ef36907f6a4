"""What `assay policy`, `app` and `endorsements` share: the documents, with the operator's own AWS credentials."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import boto3
import click

from chalicelib.aws.document_bodies import S3Bodies
from chalicelib.aws.documents import Documents, DocumentUnknown
from chalicelib.model.outcome import Malfunction
from chalicelib.service.ports import ActivationConflict

_F = TypeVar("_F", bound=Callable[..., Any])
_NOTHING: Final = "none"


def store_options(command: Callable[..., None]) -> Callable[..., None]:
    """Table and bucket, as options; `command` gets the store that they name, as `documents`."""

    @_required("--table", envvar="ASSAY_DOCUMENTS_TABLE", help="The DynamoDB table of documents.")
    @_required("--bucket", envvar="ASSAY_DOCUMENTS_BUCKET", help="The S3 bucket of documents above 300 KiB.")
    @functools.wraps(command)
    def with_store(*, table: str, bucket: str, **given: object) -> None:
        bodies = S3Bodies(boto3.client("s3"), bucket)
        command(documents=Documents(boto3.client("dynamodb"), table, bodies=bodies), **given)

    return with_store


def _required(name: str, *, envvar: str, help: str) -> Callable[[_F], _F]:  # noqa: A002 - click's own word
    return click.option(name, envvar=envvar, show_envvar=True, required=True, help=help)


def publish(documents: Documents, *, kind: str, body: bytes) -> str:
    """Stores the document, which changes nothing yet; its digest."""
    with explained():
        try:
            return documents.put(kind=kind, body=body)
        except ValueError as error:
            raise click.ClickException(f"not stored: {error}") from error


def activate_command(*, kind: str, noun: str, check: Callable[[bytes], object], fetched: bool = False) -> click.Command:
    """The subcommand `activate DIGEST` of a group that deals in documents of `kind`, which people call `noun`.

    `check` reads the document as the service will; a ValueError of its own refuses it before anything is written.
    `fetched`: somebody else publishes such documents, so that they are as old as their fetch.
    """
    fetched_at_option = click.option(
        "--fetched-at",
        type=click.DateTime(formats=["%Y-%m-%dT%H:%M:%SZ"]),
        metavar="TIME",
        help="When it was fetched, in UTC, such as 2026-01-31T12:00:00Z. Its age counts from then, and without this "
        "option from now.",
    )

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
    @store_options
    def activate(
        *,
        digest: str,
        author: str,
        reason: str,
        instead_of: str | None,
        documents: Documents,
        fetched_at: datetime | None = None,
    ) -> None:
        with explained():
            try:
                check(documents.read(digest))
            except ValueError as error:
                raise click.ClickException(f"not activated, the document does not load: {error}") from error
            replaced = _in_force(documents, kind) if instead_of is None else instead_of
            expected = None if replaced in (None, _NOTHING) else replaced
            at = None if fetched_at is None else fetched_at.replace(tzinfo=UTC)
            try:
                documents.activate(
                    kind=kind, digest=digest, expected=expected, author=author, reason=reason, fetched_at=at
                )
            except DocumentUnknown:
                raise
            except ValueError as error:
                raise click.ClickException(f"not activated: {error}") from error
        click.echo(f"in force: {digest}" + (f", instead of {expected}" if expected else ", the first one"))

    if fetched:
        fetched_at_option(activate)
    return activate


def _in_force(documents: Documents, kind: str) -> str | None:
    active = documents.active().get(kind)
    return active.digest if active else None


@contextmanager
def explained() -> Iterator[None]:
    """Turns what the store says into one line for the operator."""
    try:
        yield
    except ActivationConflict as error:
        raise click.ClickException("not activated: another document is in force than the one to be replaced") from error
    except (DocumentUnknown, Malfunction) as error:
        raise click.ClickException(str(error)) from error
