"""What `assay policy`, `app` and `endorsements` share: the documents, with the operator's own AWS credentials."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import boto3
import click

from assay_toolkit import aws_answers
from chalicelib.aws.document_bodies import S3Bodies
from chalicelib.aws.documents import Documents, DocumentUnknown
from chalicelib.aws.policy_cases import PolicyCases
from chalicelib.model.outcome import Malfunction
from chalicelib.service.ports import ActivationConflict

_F = TypeVar("_F", bound=Callable[..., Any])

TABLE_VARIABLE = "ASSAY_DOCUMENTS_TABLE"
BUCKET_VARIABLE = "ASSAY_DOCUMENTS_BUCKET"


def store_options(command: Callable[..., None]) -> Callable[..., None]:
    """Table and bucket, as options; `command` gets the store that they name, as `documents`."""

    @_table(required=True)
    @_bucket(required=True)
    @functools.wraps(command)
    def with_store(*, table: str, bucket: str, **given: object) -> None:
        command(documents=_documents(table, bucket), **given)

    return with_store


def case_store_options(command: Callable[..., None]) -> Callable[..., None]:
    """As `store_options`, with the cases of policies beside it, as `cases`."""

    @_table(required=True)
    @_bucket(required=True)
    @functools.wraps(command)
    def with_stores(*, table: str, bucket: str, **given: object) -> None:
        documents, cases_of = _documents(table, bucket), _cases_of(table)
        command(documents=documents, cases_of=cases_of, **given)

    return with_stores


def optional_store_options(command: Callable[..., None]) -> Callable[..., None]:
    """As `case_store_options`, for commands that do without a table, too: then both are None."""

    @_table(required=False)
    @_bucket(required=False)
    @functools.wraps(command)
    def with_stores_or_none(*, table: str | None, bucket: str | None, **given: object) -> None:
        if (table is None) is not (bucket is None):
            raise click.UsageError("--table and --bucket go together")
        if table is None or bucket is None:
            command(documents=None, cases_of=None, **given)
        else:
            documents, cases_of = _documents(table, bucket), _cases_of(table)
            command(documents=documents, cases_of=cases_of, **given)

    return with_stores_or_none


def publish(documents: Documents, *, kind: str, body: bytes) -> str:
    """Stores the document, which changes nothing yet; its digest."""
    with explained():
        try:
            return documents.put(kind=kind, body=body)
        except ValueError as error:
            raise click.ClickException(f"not stored: {error}") from error


@contextmanager
def explained() -> Iterator[None]:
    """Turns what the store says into one line for the operator."""
    try:
        yield
    except ActivationConflict as error:
        raise click.ClickException("not activated: another document is in force than the one to be replaced") from error
    except DocumentUnknown as error:
        raise click.ClickException(str(error)) from error
    except Malfunction as error:
        raise click.ClickException(aws_answers.sentence(error)) from error


def _documents(table: str, bucket: str) -> Documents:
    with aws_answers.making_clients():
        return Documents(boto3.client("dynamodb"), table, bodies=S3Bodies(boto3.client("s3"), bucket))


def _cases_of(table: str) -> PolicyCases:
    with aws_answers.making_clients():
        return PolicyCases(boto3.client("dynamodb"), table)


def _table(*, required: bool) -> Callable[[_F], _F]:
    return click.option(
        "--table",
        envvar=TABLE_VARIABLE,
        show_envvar=True,
        required=required,
        help="The DynamoDB table of documents.",
    )


def _bucket(*, required: bool) -> Callable[[_F], _F]:
    return click.option(
        "--bucket",
        envvar=BUCKET_VARIABLE,
        show_envvar=True,
        required=required,
        help="The S3 bucket of documents above 300 KiB.",
    )
