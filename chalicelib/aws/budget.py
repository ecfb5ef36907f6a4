"""Budgets of calls in the `nonces` table: one item per app, call and day (UTC), counted by one conditional write.

budget#<app>#<call>#<yyyy-mm-dd>     calls, ttl     (<call>: play_integrity, play_integrity#<jkt>, unattested)
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from chalicelib.aws.errors import answering
from chalicelib.aws.items import to_item, to_ms
from chalicelib.model.reasons import MalfunctionReason

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Beyond the end of its day, so that neither a wrong clock nor an early look finds a spent budget empty again.
_KEPT_AFTERWARDS: Final = timedelta(days=1)

_SPEND: Final = "SET #ttl = :ttl ADD calls :one"
_HAS_ROOM: Final = "attribute_not_exists(calls) OR calls < :limit"


class DynamoCallBudget:
    """Implements `service.ports.CallBudget`."""

    def __init__(self, *, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def spend(self, *, app: str, call: str, limit: int, now: datetime) -> bool:
        """botocore repeats a write whose answer got lost, and then a call may be counted twice: never too few."""
        day = now.astimezone(UTC).date()
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "spend"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"id": f"budget#{app}#{call}#{day.isoformat()}"}),
                    UpdateExpression=_SPEND,
                    ConditionExpression=_HAS_ROOM,
                    ExpressionAttributeNames={"#ttl": "ttl"},  # a reserved word
                    ExpressionAttributeValues=to_item(
                        {
                            ":one": 1,
                            ":limit": limit,
                            ":ttl": to_ms(midnight + timedelta(days=1) + _KEPT_AFTERWARDS) // 1000,
                        }
                    ),
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
        return True
