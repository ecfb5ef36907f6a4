"""moto's DynamoDB, made atomic.

moto 5.2.5 checks a condition and writes in two steps that threads can enter between, and its transactions roll back
by restoring copies of whole tables, which undoes what other threads wrote meanwhile. DynamoDB does neither.
One lock around every DynamoDB action gives back what conditional writes promise.

For its dashboard, moto also keeps every object that it ever made in `instances_tracked` of its class, the copies that
each transaction makes of whole tables included: memory that grows with the square of the transactions. Nobody here
has the dashboard, and each action forgets them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any
from unittest.mock import patch

from moto.core.model_instances import model_data
from moto.dynamodb.responses import DynamoHandler


@contextmanager
def atomic_dynamodb() -> Iterator[None]:
    """Inside, one DynamoDB action runs at a time, over the whole process; works in-process and for moto's server."""
    lock = RLock()
    unlocked = DynamoHandler.call_action

    def call_action(handler: DynamoHandler) -> Any:  # noqa: ANN401 - moto's response type is its own and untyped
        with lock:
            try:
                return unlocked(handler)
            finally:
                _forget_tracked()

    with patch.object(DynamoHandler, "call_action", call_action):
        yield


def _forget_tracked() -> None:
    """DynamoDB's only, whose tables hang from its backends: S3 still disposes of its objects by way of theirs."""
    for model in model_data["dynamodb"].values():
        model.instances_tracked.clear()  # type: ignore[attr-defined] # set by moto's metaclass
