"""What `assay policy` and `assay app` share: the documents table, reached with the operator's own AWS credentials."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import boto3
import click

from chalicelib.aws.documents import ActivationConflict, Documents, DocumentUnknown
from chalicelib.model.outcome import Malfunction

_F = TypeVar("_F", bound=Callable[..., Any])


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
        return _documents(table).put(kind=kind, body=body)


def activate(
    *, table: str, kind: str, digest: str, author: str, reason: str, check: Callable[[bytes], object]
) -> str | None:
    """Puts the document in force, unless somebody else activated another one meanwhile. The digest it replaces.

    `check` reads the document as the service will; a ValueError of its own refuses it before anything is written.
    """
    with _explained():
        documents = _documents(table)
        try:
            check(documents.read(digest))
        except ValueError as error:
            raise click.ClickException(f"not activated, the document does not load: {error}") from error
        expected = documents.active().get(kind)
        documents.activate(kind=kind, digest=digest, expected=expected, author=author, reason=reason)
        return expected


def _documents(table: str) -> Documents:
    return Documents(boto3.client("dynamodb"), table)


@contextmanager
def _explained() -> Iterator[None]:
    """Turns what the store says into one line for the operator."""
    try:
        yield
    except ActivationConflict as error:
        raise click.ClickException("not activated: somebody activated another document meanwhile") from error
    except (DocumentUnknown, Malfunction) as error:
        raise click.ClickException(str(error)) from error
