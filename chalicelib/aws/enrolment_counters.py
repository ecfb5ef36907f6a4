"""How many instances enrolled within an hour, in the `nonces` table: by keyed hash, so that nobody reads of whom.

    enrolled#<keyed hash>        enrolments, ttl

The hash covers what is counted, the app and the hour. A counter moves in the transaction of the enrolment that it
counts, under its limit: there is no enrolment that is not counted, and none is counted that is not there.
"""

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

    def read(self, hashes: Sequence[str]) -> tuple[int, ...]:
        keys = [to_item({"id": _key(keyed_hash)}) for keyed_hash in hashes]
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "enrolments"):
            answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}})
        # DynamoDB leaves out what it has no capacity for just now: that is no count of zero.
        if answer.get("UnprocessedKeys"):
            raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "enrolments: not all were read")
        stored = [from_item(item, _Stored, of="enrolments") for item in answer["Responses"].get(self._table, [])]
        counts = {counter.id: counter.enrolments for counter in stored}
        return tuple(counts.get(_key(keyed_hash), 0) for keyed_hash in hashes)


def write(count: EnrolmentCount, *, table: str) -> "TransactWriteItemTypeDef":
    """Its part of the transaction that enrols."""
    values: dict[str, Value] = {":one": 1, ":ttl": to_ms(count.at + _KEPT) // 1000}
    update: TransactWriteItemTypeDef = {
        "Update": {
            "TableName": table,
            "Key": to_item({"id": _key(count.keyed_hash)}),
            "UpdateExpression": _COUNT,
            "ExpressionAttributeNames": {"#ttl": "ttl"},  # a reserved word
            "ExpressionAttributeValues": to_item(values if count.limit is None else {**values, ":limit": count.limit}),
        }
    }
    if count.limit is not None:
        update["Update"]["ConditionExpression"] = _HAS_ROOM
    return update


def _key(keyed_hash: str) -> str:
    return f"enrolled#{keyed_hash}"
