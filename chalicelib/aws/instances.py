"""The `instances` table: one item per instance key, and one per App Attest key that says whose it is, for good.

    instance#<jkt>           app, platform, key, kept evidence, times, blocked;
                             Android: Google Play's last verdict, where there is one;
                             Apple: App Attest key, counter, validation, risk metric;
                             history: aws/history_items.py
    app_attest#<key id>      jkt
    receipt#<key id>         what the risk metric comes from: aws/receipts.py

Nothing here is deleted or expires: a block, a counter and the tie of two keys must outlive silence.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from chalicelib.aws import history_items, receipts, verdict_items
from chalicelib.aws.errors import answering
from chalicelib.aws.history_items import HistoryUpdate
from chalicelib.aws.instance_items import app_attest_key, instance_key, read_instance, to_values
from chalicelib.aws.items import Value, to_item
from chalicelib.model.history import HistoryMark
from chalicelib.model.instances import Instance
from chalicelib.model.play_integrity import KeptPlayIntegrity
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import InstanceChange, KeptReceipt

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

_SAME_APP_AND_PLATFORM = "app = :app AND platform = :platform AND blocked = :not_blocked"
_SAME_APP_ATTEST_KEY = "app_attest_key = :app_attest_key"
# An overtaken assertion fails here even where its verifier still saw the older counter.
_COUNTER_RISES = "app_attest_counter < :app_attest_counter"
_FREE = "attribute_not_exists(id)"
_FREE_OR_MINE = "attribute_not_exists(id) OR jkt = :jkt"

# What a second enrolment of the same keys does not touch: how old the instance is, whether it is blocked, and the
# counter. An attestation's counter is 0 (Apple, "Validating apps that connect to your server"), so a higher one that
# stands is the truth.
_KEPT_FROM_THE_FIRST = ("enrolled_at", "blocked", "app_attest_counter")
# What an assertion says anew. Everything else was read before, and may have been renewed by an enrolment since.
_MOVED_BY_ASSERTION = ("validation", "attested_at", "app_attest_counter")


class DynamoInstances:
    """Implements `service.ports.InstanceStore`, and gives the challenge store its part of a commit."""

    def __init__(self, *, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def by_jkt(self, jkt: str) -> Instance | None:
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "by_jkt"):
            answer = self._client.get_item(
                TableName=self._table, Key=to_item({"id": instance_key(jkt)}), ConsistentRead=True
            )
        item = answer.get("Item")
        return read_instance(item, jkt=jkt) if item else None

    def writes(
        self,
        change: InstanceChange,
        instance: Instance,
        receipt: KeptReceipt | None,
        play_integrity: KeptPlayIntegrity | None,
        mark: HistoryMark | None,
    ) -> "list[TransactWriteItemTypeDef]":
        """The conditional writes of `change`, as `InstanceChange` states them, for a transaction."""
        brought = {} if play_integrity is None else verdict_items.to_values(play_integrity)
        history = history_items.update_of(mark, standing=instance.history)
        match change:
            case InstanceChange.ENROL:
                kept = [] if receipt is None else [receipts.enrolment_write(receipt, table=self._table)]
                return self._enrolment(instance, brought, history) + kept
            case InstanceChange.RENEW if instance.app_attest is None:
                return [self._android_renewal(instance, brought, history)]
            case InstanceChange.RENEW:
                return [self._apple_renewal(instance, history)]

    def _enrolment(
        self, instance: Instance, brought: dict[str, Value], history: HistoryUpdate
    ) -> "list[TransactWriteItemTypeDef]":
        values = to_values(instance) | brought
        same = [_SAME_APP_AND_PLATFORM]
        if instance.app_attest is not None:
            same.append(_SAME_APP_ATTEST_KEY)
        if history.condition is not None:
            same.append(history.condition)
        sets = {
            name: f"if_not_exists({name}, :{name})" if name in _KEPT_FROM_THE_FIRST else f":{name}" for name in values
        }
        put: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._table,
                "Key": to_item({"id": instance_key(instance.jkt)}),
                "UpdateExpression": _update(sets, history),
                "ConditionExpression": f"{_FREE} OR ({' AND '.join(same)})",
                "ExpressionAttributeValues": _values(values, history),
            }
        }
        if instance.app_attest is None:
            return [put]
        tie: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": to_item({"id": app_attest_key(instance.app_attest.key_id), "jkt": instance.jkt}),
                "ConditionExpression": _FREE_OR_MINE,
                "ExpressionAttributeValues": to_item({":jkt": instance.jkt}),
            }
        }
        return [put, tie]

    def _android_renewal(
        self, instance: Instance, brought: dict[str, Value], history: HistoryUpdate
    ) -> "TransactWriteItemTypeDef":
        values = to_values(instance)
        # `v`: an update sets something, and the form that an item is written in is what this one says anew.
        moved = {"v": values["v"], **brought}
        return self._renewal(instance, moved, ("app", "platform"), [_SAME_APP_AND_PLATFORM], history)

    def _apple_renewal(self, instance: Instance, history: HistoryUpdate) -> "TransactWriteItemTypeDef":
        values = to_values(instance)
        moved = {name: values[name] for name in _MOVED_BY_ASSERTION}
        conditions = [_SAME_APP_AND_PLATFORM, _SAME_APP_ATTEST_KEY, _COUNTER_RISES]
        return self._renewal(instance, moved, ("app", "platform", "app_attest_key"), conditions, history)

    def _renewal(
        self,
        instance: Instance,
        moved: dict[str, Value],
        looked_at: tuple[str, ...],
        conditions: list[str],
        history: HistoryUpdate,
    ) -> "TransactWriteItemTypeDef":
        values = to_values(instance)
        return {
            "Update": {
                "TableName": self._table,
                "Key": to_item({"id": instance_key(instance.jkt)}),
                "UpdateExpression": _update({name: f":{name}" for name in moved}, history),
                "ConditionExpression": " AND ".join([*conditions, *filter(None, [history.condition])]),
                "ExpressionAttributeValues": _values(moved | {name: values[name] for name in looked_at}, history),
            }
        }


def _update(sets: Mapping[str, str], history: HistoryUpdate) -> str:
    assigned = {**sets, **{name: f":{name}" for name in history.sets}}
    clauses = ["SET " + ", ".join(f"{name} = {value}" for name, value in assigned.items())]
    if history.counts:
        clauses.append("ADD " + ", ".join(f"{name} :one" for name in history.counts))
    if history.removes:
        clauses.append("REMOVE " + ", ".join(history.removes))
    return " ".join(clauses)


def _values(values: dict[str, Value], history: HistoryUpdate) -> "dict[str, AttributeValueTypeDef]":
    placeholders = {f":{name}": value for name, value in (values | dict(history.sets)).items()}
    counted: dict[str, Value] = {":one": 1} if history.counts else {}
    return to_item({**placeholders, **history.values, **counted, ":not_blocked": False})
