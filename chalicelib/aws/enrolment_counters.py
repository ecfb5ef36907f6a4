"""How many instances enrolled within an hour, in the `nonces` table: by keyed hash, so that nobody reads of whom.

    enrolled#<keyed hash>#<shard>        enrolments, ttl

The hash covers what is counted, the app and the hour. A counter moves in the transaction of the enrolment that it
counts, under its limit: there is no enrolment that is not counted, and none is counted that is not there.

Of two transactions that write to one item at once DynamoDB cancels one. So a count that many may share (a carrier's
network, a factory's key) is the sum of shards, each with its part of the limit, and an enrolment that meets another one
goes on to the next shard. Parts are rounded up: a limit of so many places is exceeded by 15 at most, whoever races. A
count with few places, which few may share, is one item and exact.

The number of shards follows the limit: where policy changes it within an hour, less of that hour may be seen.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from chalicelib.aws.errors import answering
from chalicelib.aws.items import Value, from_item, to_item, to_ms
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import EnrolmentCount

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

# Nothing looks at an hour that is over; TTL deletes late, and never early.
_KEPT: Final = timedelta(hours=48)

# At most: 16 items take 16 transactions at once, of some 20 ms each. Two counts have 32, and one read takes 100.
_SHARDS: Final = 16
_PLACES_OF_A_SHARD: Final = 256

_COUNT: Final = "SET #ttl = :ttl ADD enrolments :one"
_HAS_ROOM: Final = "attribute_not_exists(enrolments) OR enrolments < :limit"


class _Stored(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    id: str
    enrolments: Annotated[int, msgspec.Meta(ge=1)]
    ttl: int


class DynamoEnrolmentCounters:
    """Implements `service.ports.EnrolmentCounters`."""

    def __init__(self, *, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, counts: Sequence[EnrolmentCount]) -> tuple[int, ...]:
        names = [[_name(count, shard) for shard in range(_shards(count))] for count in counts]
        keys = [to_item({"id": name}) for shards in names for name in shards]
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "enrolments"):
            answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}})
        # DynamoDB leaves out what it has no capacity for just now: that is no count of zero.
        if answer.get("UnprocessedKeys"):
            raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "enrolments: not all were read")
        stored = [from_item(item, _Stored, of="enrolments") for item in answer["Responses"].get(self._table, [])]
        enrolments = {counter.id: counter.enrolments for counter in stored}
        return tuple(sum(enrolments.get(name, 0) for name in shards) for shards in names)


class Shards:
    """Where one enrolment is counted: it begins with the shards of its `attempt`, which no phone chooses, and goes on
    to the next ones. `contended`: another enrolment was in the way, and not only full shards."""

    def __init__(self, counts: Sequence[EnrolmentCount], *, attempt: str, table: str) -> None:
        self.contended = False
        self._counts = counts
        self._first = hashlib.sha256(attempt.encode()).digest()[0]
        self._tried = 0
        self._table = table

    def writes(self) -> "list[TransactWriteItemTypeDef]":
        """Their part of the transaction that enrols."""
        place = self._first + self._tried
        return [_write(count, place % _shards(count), table=self._table) for count in self._counts]

    def go_on(self, codes: Sequence[str]) -> bool:
        """After a transaction that was cancelled for these reasons, in the order of `writes`: whether each count that
        was in its way has a shard that was not tried yet."""
        self.contended |= "TransactionConflict" in codes
        self._tried += 1
        in_the_way = [count for count, code in zip(self._counts, codes, strict=True) if code != "None"]
        return all(self._tried < _shards(count) for count in in_the_way)


def _write(count: EnrolmentCount, shard: int, *, table: str) -> "TransactWriteItemTypeDef":
    values: dict[str, Value] = {":one": 1, ":ttl": to_ms(count.at + _KEPT) // 1000}
    update: TransactWriteItemTypeDef = {
        "Update": {
            "TableName": table,
            "Key": to_item({"id": _name(count, shard)}),
            "UpdateExpression": _COUNT,
            "ExpressionAttributeNames": {"#ttl": "ttl"},  # a reserved word
            "ExpressionAttributeValues": to_item(values),
        }
    }
    if count.limit is not None:
        part = -(-count.limit // _shards(count))  # rounded up
        update["Update"]["ConditionExpression"] = _HAS_ROOM
        update["Update"]["ExpressionAttributeValues"] = to_item({**values, ":limit": part})
    return update


def _shards(count: EnrolmentCount) -> int:
    return _SHARDS if count.limit is None else min(_SHARDS, max(1, count.limit // _PLACES_OF_A_SHARD))


def _name(count: EnrolmentCount, shard: int) -> str:
    return f"enrolled#{count.keyed_hash}#{shard}"
