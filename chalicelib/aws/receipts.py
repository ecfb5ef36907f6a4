"""Receipts of App Attest keys, in the `instances` table, and the risk metrics that come of them.

    receipt#<key id>     app, jkt, App ID, environment, key; while it may be exchanged: receipt, due_for, due_at, and
                         refused_since, where it was refused the last time

A sparse index, `receipts_due`, has those that may still be exchanged: by app and shard (`due_for`), then by time.

    enrolment            due_at = t0                         due_at = t2
      │─── due at once ────│── taken: due_at = t1, an hour on ──│── measured, postponed or refused: due again at t2 ── …
                                                                │── given up: receipt, due_for and due_at removed

Whoever changes a receipt names the `due_at` that it saw: of two runs that see the same one, one takes it. A run that
dies leaves it due an hour later. An enrolment of the same key writes only what is missing, so that a phone cannot put a
worse receipt in the place of a good one.
"""

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from chalicelib.aws.errors import answering
from chalicelib.aws.instance_items import instance_key
from chalicelib.aws.items import Milliseconds, Value, from_item, from_ms, to_item, to_ms
from chalicelib.model.claims import AppleEnvironment, KeptRiskMetric
from chalicelib.model.keys import EcPublicJwk, b64url
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import MAX_KEPT_RECEIPT, DueReceipt, KeptReceipt

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

INDEX: Final = "receipts_due"

# An index partition takes 1,000 writes a second, and refuses the table's own write beyond (DynamoDB developer guide,
# "Best practices for designing and using partition keys"). Enrolments of one app must not meet that: 8,000 a second.
_SHARDS: Final = 8

_FREE_OR_MINE = "attribute_not_exists(id) OR (app = :app AND jkt = :jkt)"
_STILL_DUE_AS_SEEN = "due_at = :seen"
_TAKE = "SET due_at = :until"
_POSTPONE = "SET due_at = :until REMOVE refused_since"
_REFUSED = "SET due_at = :until, refused_since = if_not_exists(refused_since, :at)"
_REPLACE = "SET receipt = :receipt, due_at = :due_at REMOVE refused_since"
_GIVE_UP = "REMOVE receipt, due_for, due_at, refused_since"
# A run that was slow must not put an older metric over a newer one.
_NEWER = "app_attest_key = :key_id AND (attribute_not_exists(risk_measured_at) OR risk_measured_at < :measured_at)"
_METRIC = "SET risk_metric = :metric, risk_measured_at = :measured_at"


_Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class _Stored(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One that may be exchanged. Times in milliseconds since 1970."""

    id: str
    v: Literal[1]
    app: str
    jkt: str
    app_id: str
    environment: Literal["production", "development"]
    key_x: _Bytes32
    key_y: _Bytes32
    receipt: bytes
    due_for: str
    due_at: Milliseconds
    refused_since: Milliseconds | None = None


class _Due(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What the index has of one."""

    id: str
    due_for: str
    due_at: Milliseconds


def enrolment_write(kept: KeptReceipt, *, table: str) -> "TransactWriteItemTypeDef":
    """The conditional write of a receipt in the transaction that enrols its instance. Raises ValueError where it is
    larger than MAX_KEPT_RECEIPT: no use case makes that."""
    if len(kept.receipt) > MAX_KEPT_RECEIPT:
        raise ValueError("a receipt that is too large to be kept")
    key_id = _key_id(kept)
    values: dict[str, Value] = {
        "v": 1,
        "app": kept.app,
        "jkt": kept.jkt,
        "app_id": kept.app_id,
        "environment": kept.environment.label,
        "key_x": kept.public_key.x,
        "key_y": kept.public_key.y,
        "receipt": kept.receipt,
        "due_for": _due_for(kept.app, shard=key_id[0] % _SHARDS),
        "due_at": to_ms(kept.due_at),
    }
    return {
        "Update": {
            "TableName": table,
            "Key": to_item({"id": _name(key_id)}),
            "UpdateExpression": "SET " + ", ".join(f"{name} = if_not_exists({name}, :{name})" for name in values),
            "ConditionExpression": _FREE_OR_MINE,
            "ExpressionAttributeValues": to_item({f":{name}": value for name, value in values.items()}),
        }
    }


class DynamoReceipts:
    """Implements `service.ports.ReceiptStore`. `table`: that of instances."""

    def __init__(self, *, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def due(self, *, app: str, now: datetime, limit: int) -> tuple[DueReceipt, ...]:
        found: list[_Due] = []
        for shard in range(_SHARDS):
            with answering(MalfunctionReason.STORE_UNAVAILABLE, "due"):
                answer = self._client.query(
                    TableName=self._table,
                    IndexName=INDEX,
                    KeyConditionExpression="due_for = :due_for AND due_at <= :now",
                    ExpressionAttributeValues=to_item({":due_for": _due_for(app, shard=shard), ":now": to_ms(now)}),
                    Limit=limit,
                )
            found += [from_item(item, _Due, of="due receipt") for item in answer["Items"]]
        found.sort(key=lambda due: due.due_at)
        return tuple(DueReceipt(name=due.id, due_at=from_ms(due.due_at)) for due in found[:limit])

    def take(self, due: DueReceipt, *, until: datetime) -> KeptReceipt | None:
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "take"):
            try:
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"id": due.name}),
                    UpdateExpression=_TAKE,
                    ConditionExpression=_STILL_DUE_AS_SEEN,
                    ExpressionAttributeValues=to_item({":seen": to_ms(due.due_at), ":until": to_ms(until)}),
                    ReturnValues="ALL_NEW",
                )
            except (
                self._client.exceptions.ConditionalCheckFailedException,
                self._client.exceptions.TransactionConflictException,  # its key enrols again just now
            ):
                return None
        stored: _Stored = from_item(answer["Attributes"], _Stored, of="receipt")
        return KeptReceipt(
            public_key=EcPublicJwk(x=stored.key_x, y=stored.key_y),
            jkt=stored.jkt,
            app=stored.app,
            app_id=stored.app_id,
            environment=AppleEnvironment[stored.environment.upper()],
            receipt=stored.receipt,
            due_at=from_ms(stored.due_at),
            refused_since=None if stored.refused_since is None else from_ms(stored.refused_since),
        )

    def measured(self, taken: KeptReceipt, *, receipt: bytes, metric: KeptRiskMetric, due_at: datetime) -> None:
        """Two writes and no transaction, which renewals of the instance would run into. The metric first: whoever dies
        in between, or meets a renewal, leaves a receipt that is exchanged once more when its hold is over."""
        if not self._metric_stands(taken, metric):
            return
        self._change(taken, _REPLACE, {":receipt": receipt, ":due_at": to_ms(due_at)}, action="measured")

    def postpone(self, taken: KeptReceipt, *, due_at: datetime) -> None:
        self._change(taken, _POSTPONE, {":until": to_ms(due_at)}, action="postpone")

    def refused(self, taken: KeptReceipt, *, at: datetime, due_at: datetime) -> None:
        self._change(taken, _REFUSED, {":until": to_ms(due_at), ":at": to_ms(at)}, action="refused")

    def give_up(self, taken: KeptReceipt) -> None:
        self._change(taken, _GIVE_UP, {}, action="give_up")

    def _metric_stands(self, taken: KeptReceipt, metric: KeptRiskMetric) -> bool:
        """This one, or a newer one. False: the instance was renewed in this very moment."""
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "measured"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"id": instance_key(taken.jkt)}),
                    UpdateExpression=_METRIC,
                    ConditionExpression=_NEWER,
                    ExpressionAttributeValues=to_item(
                        {
                            ":key_id": _key_id(taken),
                            ":metric": format(metric.value, "x"),
                            ":measured_at": to_ms(metric.measured_at),
                        }
                    ),
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return True
            except self._client.exceptions.TransactionConflictException:
                return False
        return True

    def _change(self, taken: KeptReceipt, change: str, values: dict[str, Value], *, action: str) -> None:
        with answering(MalfunctionReason.STORE_UNAVAILABLE, action):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"id": _name(_key_id(taken))}),
                    UpdateExpression=change,
                    ConditionExpression=_STILL_DUE_AS_SEEN,
                    ExpressionAttributeValues=to_item({":seen": to_ms(taken.due_at), **values}),
                )
            except (
                self._client.exceptions.ConditionalCheckFailedException,  # somebody else's by now
                self._client.exceptions.TransactionConflictException,  # its key enrols again just now
            ):
                return


def _key_id(kept: KeptReceipt) -> bytes:
    """Apple's: SHA-256 of the public key as an uncompressed point."""
    return hashlib.sha256(kept.public_key.x962).digest()


def _name(key_id: bytes) -> str:
    return f"receipt#{b64url(key_id)}"


def _due_for(app: str, *, shard: int) -> str:
    return f"{app}#{shard}"
