"""Every way in which an AWS service fails to answer is one Malfunction."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason


@contextmanager
def answering(reason: MalfunctionReason, action: str) -> Iterator[None]:
    """Turns what botocore raises inside into Malfunction(`reason`).

    The detail is `action` and the service's error code or botocore's class: neither holds a value of a request.
    What the caller can use (a failed condition) it catches inside.
    """
    try:
        yield
    except ClientError as error:
        raise Malfunction(reason, f"{action}: {error.response.get('Error', {}).get('Code', 'no code')}") from error
    except BotoCoreError as error:
        raise Malfunction(reason, f"{action}: {type(error).__name__}") from error
