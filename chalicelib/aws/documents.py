"""The `documents` table: what a team believes and wants, immutable by digest, and which of it is in force.

    id                   revision
    document#<sha-256>   0           kind, body
    active               0           per kind: digest, revision, author, reason, activated_at
    history#<kind>       1, 2, …     digest, author, reason, activated_at: one per activation, for good

`active` moves by compare-and-set, in one transaction with its line of history.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from chalicelib.aws.clock import SystemClock
from chalicelib.aws.errors import answering
from chalicelib.aws.items import Value, from_item, from_ms, to_item, to_ms
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import ActiveDocument, Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# An item holds at most 400 KB, names and all.
MAX_DOCUMENT_BYTES: Final = 300 * 1024

_NEVER_SEEN = "attribute_not_exists(id)"
_DOCUMENT_EXISTS = "attribute_exists(id) AND kind = :kind"
_FIRST_OF_ITS_KIND = "attribute_not_exists(#kind)"
# The revision as well: a digest that came back after another one is not the state that the author looked at.
_STILL_IN_FORCE = "#kind.digest = :expected AND #kind.revision = :seen"

_Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,63}\Z")]
_Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_SYSTEM_CLOCK: Final = SystemClock()


class ActivationConflict(Exception):  # noqa: N818 - a lost comparison, not an error of the caller
    """Another document is in force than the author expected; nothing was changed."""


class DocumentUnknown(ValueError):  # noqa: N818 - as above
    """No document of this kind has this digest."""


class _Closed(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    pass


class _Document(_Closed, frozen=True, kw_only=True):
    id: str
    revision: int
    kind: _Name
    body: bytes


class _InForce(_Closed, frozen=True, kw_only=True):
    digest: _Digest
    revision: Annotated[int, msgspec.Meta(ge=1)]
    author: str
    reason: str
    activated_at: int


class _HistoryItem(_InForce, frozen=True, kw_only=True):
    id: str


class Activation(msgspec.Struct, frozen=True, kw_only=True):
    """`revision` counts the activations of a kind from 1 without gaps."""

    kind: str
    revision: int
    digest: str
    author: str
    reason: str
    activated_at: datetime


class Documents:
    """Implements `service.ports.DocumentStore`, which reads; `put`, `activate` and `history` are for the toolkit and
    need roles that the service does not have (infra/roles.yaml)."""

    def __init__(self, client: "DynamoDBClient", table: str, *, clock: Clock = _SYSTEM_CLOCK) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def active(self) -> dict[str, ActiveDocument]:
        return {
            kind: ActiveDocument(digest=entry.digest, activated_at=from_ms(entry.activated_at))
            for kind, entry in self._in_force().items()
        }

    def read(self, digest: str) -> bytes:
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "read"):
            answer = self._client.get_item(
                TableName=self._table, Key=to_item({"id": _document(digest), "revision": 0}), ConsistentRead=True
            )
        if not (item := answer.get("Item")):
            raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "read: no such document")
        stored: _Document = from_item(item, _Document, of="document")
        if hashlib.sha256(stored.body).hexdigest() != digest:
            raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "read: the document is not of its digest")
        return stored.body

    def put(self, *, kind: str, body: bytes) -> str:
        """The document's digest (hex SHA-256). Putting it again changes nothing.
        Raises ValueError where `kind` is no name or `body` is empty or too large."""
        msgspec.convert(kind, _Name)
        if not 0 < len(body) <= MAX_DOCUMENT_BYTES:
            raise ValueError(f"a document has 1 to {MAX_DOCUMENT_BYTES:,} bytes, this one has {len(body):,}")
        digest = hashlib.sha256(body).hexdigest()
        item = to_item({"id": _document(digest), "revision": 0, "kind": kind, "body": body})
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "put"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression=_NEVER_SEEN,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as failed:
                if failed.response.get("Item") != item:
                    raise ValueError("these bytes are stored as a document of another kind") from failed
        return digest

    def activate(self, *, kind: str, digest: str, expected: str | None, author: str, reason: str) -> None:
        """Puts `digest` in force where `expected` is (None: nothing of this kind yet).

        Raises ActivationConflict where something else is in force, DocumentUnknown where `digest` is not a document
        of `kind`, ValueError without an author or a reason.
        """
        msgspec.convert(kind, _Name)
        if not (author.strip() and reason.strip()):
            raise ValueError("an activation has an author and a reason")
        seen = self._in_force().get(kind)
        if (seen.digest if seen else None) != expected:
            raise ActivationConflict
        revision = seen.revision + 1 if seen else 1
        entry: dict[str, Value] = {
            "digest": digest,
            "revision": revision,
            "author": author,
            "reason": reason,
            "activated_at": to_ms(self._clock.now()),
        }
        values = to_item({":entry": entry})
        if seen:
            values |= to_item({":expected": seen.digest, ":seen": seen.revision})
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "activate"):
            try:
                self._client.transact_write_items(
                    TransactItems=[
                        {
                            "Update": {
                                "TableName": self._table,
                                "Key": to_item({"id": "active", "revision": 0}),
                                "UpdateExpression": "SET #kind = :entry",
                                "ConditionExpression": _STILL_IN_FORCE if seen else _FIRST_OF_ITS_KIND,
                                "ExpressionAttributeNames": {"#kind": kind},
                                "ExpressionAttributeValues": values,
                            }
                        },
                        {
                            "ConditionCheck": {
                                "TableName": self._table,
                                "Key": to_item({"id": _document(digest), "revision": 0}),
                                "ConditionExpression": _DOCUMENT_EXISTS,
                                "ExpressionAttributeValues": to_item({":kind": kind}),
                            }
                        },
                        {
                            "Put": {
                                "TableName": self._table,
                                "Item": to_item({**entry, "id": _history(kind)}),
                                "ConditionExpression": _NEVER_SEEN,
                            }
                        },
                    ]
                )
            except self._client.exceptions.TransactionCanceledException as cancelled:
                codes = [reason.get("Code") for reason in cancelled.response.get("CancellationReasons", [])]
                if codes[:1] == ["ConditionalCheckFailed"]:
                    raise ActivationConflict from cancelled
                if codes[:2] == ["None", "ConditionalCheckFailed"]:
                    raise DocumentUnknown(f"no document of kind {kind} has the digest {digest}") from cancelled
                raise

    def history(self, *, kind: str) -> tuple[Activation, ...]:
        """Every activation of `kind`, oldest first; consistent read."""
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "history"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="id = :id",
                ExpressionAttributeValues=to_item({":id": _history(kind)}),
                ConsistentRead=True,
            )
            items = [item for page in pages for item in page["Items"]]
        return tuple(_activation(item, kind=kind) for item in items)

    def _in_force(self) -> dict[str, _InForce]:
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "active"):
            answer = self._client.get_item(
                TableName=self._table, Key=to_item({"id": "active", "revision": 0}), ConsistentRead=True
            )
        kinds: Mapping[str, Any] = {
            name: value for name, value in answer.get("Item", {}).items() if name not in ("id", "revision")
        }
        entries: dict[str, _InForce] = from_item(kinds, dict[_Name, _InForce], of="active")
        return entries


def _document(digest: str) -> str:
    return f"document#{digest}"


def _history(kind: str) -> str:
    return f"history#{kind}"


def _activation(item: Mapping[str, Any], *, kind: str) -> Activation:
    stored: _HistoryItem = from_item(item, _HistoryItem, of="history")
    return Activation(
        kind=kind,
        revision=stored.revision,
        digest=stored.digest,
        author=stored.author,
        reason=stored.reason,
        activated_at=from_ms(stored.activated_at),
    )
