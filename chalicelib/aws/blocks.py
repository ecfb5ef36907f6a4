"""Blocking an instance, and unblocking it: for the toolkit, with the operator's role (infra/roles.yaml). No use case of
the service does either.

    blocked       whether; every renewal and every enrolment of the key reads it, and is committed under it
    block_note    author, reason and time of the last change
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from chalicelib.aws.clock import SystemClock
from chalicelib.aws.errors import answering
from chalicelib.aws.instance_items import StoredNote, instance_key, read_instance
from chalicelib.aws.items import Value, from_item, from_ms, to_item, to_ms
from chalicelib.model.instances import Instance
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Of it, the role may name `id`, `blocked` and `block_note` and nothing else (dynamodb:Attributes).
_CHANGE = "SET blocked = :blocked, block_note = :note"
_STILL_AS_SEEN = "attribute_exists(id) AND blocked = :was"

_SYSTEM_CLOCK = SystemClock()


class InstanceUnknown(ValueError):  # noqa: N818 - an answer, not an error of the caller
    """No instance has this `jkt`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockNote:
    """`changed_at`: aware UTC, by the operator's clock."""

    author: str
    reason: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedInstance:
    """`note` None: nobody ever blocked or unblocked it."""

    instance: Instance
    note: BlockNote | None


class _Noted(msgspec.Struct, frozen=True):
    block_note: StoredNote | None = None


class Blocks:
    def __init__(self, client: "DynamoDBClient", table: str, *, clock: Clock = _SYSTEM_CLOCK) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def look(self, jkt: str) -> NotedInstance:
        """Consistent read. Raises InstanceUnknown, Malfunction(STORE_UNAVAILABLE)."""
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "look"):
            answer = self._client.get_item(
                TableName=self._table, Key=to_item({"id": instance_key(jkt)}), ConsistentRead=True
            )
        if not (item := answer.get("Item")):
            raise InstanceUnknown("no instance has this jkt")
        noted: _Noted = from_item(item, _Noted, of="instance")
        return NotedInstance(instance=read_instance(item, jkt=jkt), note=_note(noted.block_note))

    def change(self, jkt: str, *, blocked: bool, author: str, reason: str) -> bool:
        """False, and nothing is written, where it stands so already: the note stays that of whoever did it.

        One conditional write: of two operators one changes the instance, and the other is told that it stood.
        Raises InstanceUnknown, Malfunction(STORE_UNAVAILABLE).
        """
        if self.look(jkt).instance.blocked is blocked:
            return False
        note: dict[str, Value] = {"author": author, "reason": reason, "changed_at": to_ms(self._clock.now())}
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "change"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"id": instance_key(jkt)}),
                    UpdateExpression=_CHANGE,
                    ConditionExpression=_STILL_AS_SEEN,
                    ExpressionAttributeValues=to_item({":blocked": blocked, ":was": not blocked, ":note": note}),
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return False  # nothing but another operator moves it, and nothing deletes it
        return True


def _note(stored: StoredNote | None) -> BlockNote | None:
    if stored is None:
        return None
    return BlockNote(author=stored.author, reason=stored.reason, changed_at=from_ms(stored.changed_at))
