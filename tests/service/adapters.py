"""The real adapters over moto's tables, each behind a tap; and the tables' own view, past all conditions."""

from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any

from chalicelib.aws.decision_log import JsonDecisionLog
from chalicelib.aws.documents import Documents
from chalicelib.aws.event_log import JsonEventLog
from chalicelib.aws.instance_items import app_attest_key, instance_key
from chalicelib.aws.items import to_item
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import DecisionRecord, Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient


class Tap:
    """Passes everything on to `real`, and notes the methods that were called.

    `broken`: methods that do not answer for now, and raise Malfunction(`reason`). `before`: what happens just before
    the next call of a method, once. Whoever uses `real` itself is not seen: another worker, or the test.
    """

    def __init__(self, real: Any, *, reason: MalfunctionReason = MalfunctionReason.STORE_UNAVAILABLE) -> None:
        self.real = real
        self.called: list[str] = []
        self.broken: set[str] = set()
        self.before: dict[str, Callable[[], object]] = {}
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        passed_on = getattr(self.real, name)
        if not callable(passed_on):
            return passed_on

        def call(*args: Any, **kwargs: Any) -> Any:
            meanwhile = self.before.pop(name, None)
            if meanwhile is not None:
                meanwhile()
            self.called.append(name)
            if name in self.broken:
                raise Malfunction(self._reason, name)
            return passed_on(*args, **kwargs)

        return call


class PublishedDocuments(Tap):
    """What the service reads, and what the toolkit does between two readings."""

    real: Documents

    def publish(self, kind: str, body: bytes) -> str:
        """Puts `body` in force, whatever was before; its digest."""
        history = self.real.history(kind=kind)
        digest = self.real.put(kind=kind, body=body)
        self.real.activate(
            kind=kind,
            digest=digest,
            expected=history[-1].digest if history else None,
            author="author@bank.example",
            reason="a test",
        )
        return digest


@dataclass
class RecordedDecisions:
    """Every record goes to the real log, and is kept; with `journal`, in which order among other things."""

    lines: StringIO = field(default_factory=StringIO)
    records: list[DecisionRecord] = field(default_factory=list)
    journal: list[str] = field(default_factory=list)

    def record(self, record: DecisionRecord) -> None:
        JsonDecisionLog(self.lines).record(record)
        self.records.append(record)
        self.journal.append(f"record {record.outcome}")


@dataclass
class NotedEvents:
    """Every event goes to the real log, and is kept."""

    lines: StringIO = field(default_factory=StringIO)
    events: list[Event] = field(default_factory=list)

    def raise_event(self, event: Event) -> None:
        JsonEventLog(self.lines).raise_event(event)
        self.events.append(event)

    @property
    def said(self) -> list[tuple[EventKind, str, str]]:
        return [(event.kind, event.subject, event.detail) for event in self.events]


@dataclass(frozen=True)
class Tables:
    """Items as they are, and what only somebody with rights over a whole table can do to them."""

    client: "DynamoDBClient"
    nonces: str
    instances: str
    documents: str

    def items(self, table: str) -> list[dict[str, Any]]:
        return self.client.scan(TableName=table, ConsistentRead=True)["Items"]

    def alter_instance(self, jkt: str, **attributes: str | bool) -> None:
        self.client.update_item(
            TableName=self.instances,
            Key=to_item({"id": instance_key(jkt)}),
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in attributes),
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues=to_item({f":{name}": value for name, value in attributes.items()}),
        )

    def delete_instance(self, jkt: str) -> None:
        self.client.delete_item(TableName=self.instances, Key=to_item({"id": instance_key(jkt)}))

    def tie(self, key_id: bytes, *, jkt: str) -> None:
        """The App Attest key belongs to `jkt`."""
        self.client.put_item(TableName=self.instances, Item=to_item({"id": app_attest_key(key_id), "jkt": jkt}))

    def withdraw(self, kind: str) -> None:
        """No document of `kind` is in force any more, which no command of the toolkit does."""
        self.client.update_item(
            TableName=self.documents,
            Key=to_item({"id": "active", "revision": 0}),
            UpdateExpression="REMOVE #kind",
            ConditionExpression="attribute_exists(#kind)",
            ExpressionAttributeNames={"#kind": kind},
        )
