"""What an operator is told where AWS cannot be asked or does not answer: what is missing, and of which table."""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from chalicelib.model.outcome import Malfunction


@contextmanager
def making_clients() -> Iterator[None]:
    """Turns a client that boto3 cannot make, for want of a region or of the named profile, into one line."""
    try:
        yield
    except NoRegionError as error:
        raise click.ClickException("no AWS region: set AWS_DEFAULT_REGION or a profile") from error
    except BotoCoreError as error:
        raise click.ClickException(f"AWS cannot be asked: {error}") from error


def sentence(error: Malfunction) -> str:
    """What a store says, with the table that the running command was given and the region, where AWS is the reason."""
    match error.__cause__:
        case NoCredentialsError():
            return f"{_place()}: no AWS credentials; sign in, or name a profile with AWS_PROFILE"
        case EndpointConnectionError():
            return f"{_place()}: AWS cannot be reached there; see whether the region is right and the network up"
        case ClientError(response={"Error": {"Code": "ResourceNotFoundException"}}):
            return f"{_place()}: there is no such table"
        case ClientError() | BotoCoreError():
            return f"{_place()}: {error}"
        case _:
            return str(error)


def _place() -> str:
    context = click.get_current_context(silent=True)
    table = context.params.get("table") if context else None
    return f"table {table} in {boto3.Session().region_name}"
