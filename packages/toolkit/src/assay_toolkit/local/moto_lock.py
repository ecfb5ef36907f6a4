"""moto's DynamoDB, made atomic.

moto 5.2.5 checks a condition and writes in two steps that threads can enter between, and its transactions roll back
by restoring copies of whole tables, which undoes what other threads wrote meanwhile. DynamoDB does neither.
One lock around every DynamoDB action gives back what conditional writes promise.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any
from unittest.mock import patch

from moto.dynamodb.responses import DynamoHandler


@contextmanager
def atomic_dynamodb() -> Iterator[None]:
    """Inside, one DynamoDB action runs at a time, over the whole process; works in-process and for moto's server."""
    lock = RLock()
    unlocked = DynamoHandler.call_action

    def call_action(handler: DynamoHandler) -> Any:  # noqa: ANN401 - moto's response type is its own and untyped
        with lock:
            return unlocked(handler)

    with patch.object(DynamoHandler, "call_action", call_action):
        yield
