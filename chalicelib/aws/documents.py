"""The `documents` table: what a team believes and wants, immutable by digest, and which of it is in force.

    id                   revision
    document#<sha-256>   0           kind, body; above 300 KiB kind, size_in_s3, and the body is in the bucket
    active               0           per kind: digest, revision, author, reason, activated_at, fetched_at
    history#<kind>       1, 2, …     digest, author, reason, activated_at, fetched_at: one per activation, for good;
                                     cases (digest) that it was activated by, returns_to (revision) where it went back
    cases#<sha-256>      1, 2, …     policy_cases.py

`active` moves by compare-and-set, in one transaction with its line of history. Only `fetched_at` moves without one: a
publisher that gives the same bytes each hour would bury what people did.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from chalicelib.aws.clock import SystemClock
from chalicelib.aws.document_bodies import MAX_BODY_BYTES, S3Bodies
from chalicelib.aws.errors import answering
from chalicelib.aws.items import Milliseconds, Value, from_item, from_ms, to_item, to_ms
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import ActivationConflict, ActiveDocument, Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Bytes. An item holds at most 400 KB, names and all.
_MAX_IN_ITEM: Final = 300 * 1024

_NEVER_SEEN = "attribute_not_exists(id)"
_DOCUMENT_EXISTS = "attribute_exists(id) AND kind = :kind"
_FIRST_OF_ITS_KIND = "attribute_not_exists(#kind)"
# The revision as well: a digest that came back after another one is not the state that the author looked at.
_STILL_IN_FORCE = "#kind.digest = :expected AND #kind.revision = :seen"
# Never backwards: of two that fetch at once, the later one counts.
_FETCHED_EARLIER = f"{_STILL_IN_FORCE} AND (attribute_not_exists(#kind.fetched_at) OR #kind.fetched_at < :at)"

_Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,63}\Z")]
_Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_SYSTEM_CLOCK: Final = SystemClock()


class DocumentUnknown(ValueError):  # noqa: N818 - it says what the document is, as `ActivationConflict` does
    """No document of this kind has this digest."""


class DocumentMissing(Malfunction):
    """No document has this digest. For the service that is a broken store: it asks for what is in force alone."""

    def __init__(self) -> None:
        super().__init__(MalfunctionReason.STORE_UNAVAILABLE, "read: no such document")


class _Closed(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    pass


class _Document(_Closed, frozen=True, kw_only=True):
    id: str
    revision: int
    kind: _Name
    body: bytes | None = None
    size_in_s3: Annotated[int, msgspec.Meta(ge=1, le=MAX_BODY_BYTES)] | None = None

    def __post_init__(self) -> None:
        if (self.body is None) is (self.size_in_s3 is None):
            raise ValueError("a body is in one place")


class _InForce(_Closed, frozen=True, kw_only=True):
    digest: _Digest
    revision: Annotated[int, msgspec.Meta(ge=1)]
    author: str
    reason: str
    activated_at: Milliseconds
    fetched_at: Milliseconds | None = None


class _HistoryItem(_InForce, frozen=True, kw_only=True):
    id: str
    cases: _Digest | None = None
    returns_to: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Activation(msgspec.Struct, frozen=True, kw_only=True):
    """`revision` counts the activations of a kind from 1 without gaps. `fetched_at`: as it was then, if anybody
    said. `cases`: digest of the cases that held then. `returns_to`: the revision that a rollback went back to."""

    kind: str
    revision: int
    digest: str
    author: str
    reason: str
    activated_at: datetime
    fetched_at: datetime | None
    cases: str | None
    returns_to: int | None


class Documents:
    """Implements `service.ports.DocumentStore` for the API, which reads, and `SnapshotStore` for the refresh; the
    toolkit has `history` too. Who may do what of it: .chalice/policy-*.json and infra/roles.yaml."""

    def __init__(self, client: "DynamoDBClient", table: str, *, bodies: S3Bodies, clock: Clock = _SYSTEM_CLOCK) -> None:
        self._client = client
        self._table = table
        self._bodies = bodies
        self._clock = clock

    def active(self) -> dict[str, ActiveDocument]:
        return {
            kind: ActiveDocument(
                digest=entry.digest,
                revision=entry.revision,
                activated_at=from_ms(entry.activated_at),
                fetched_at=from_ms(entry.activated_at if entry.fetched_at is None else entry.fetched_at),
            )
            for kind, entry in self._in_force().items()
        }

    def read(self, digest: str) -> bytes:
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "read"):
            answer = self._client.get_item(
                TableName=self._table, Key=to_item({"id": _document(digest), "revision": 0}), ConsistentRead=True
            )
        if not (item := answer.get("Item")):
            raise DocumentMissing
        stored: _Document = from_item(item, _Document, of="document")
        if stored.size_in_s3 is not None:
            return self._bodies.read(digest, size=stored.size_in_s3)
        if stored.body is None or hashlib.sha256(stored.body).hexdigest() != digest:
            raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "read: the document is not of its digest")
        return stored.body

    def put(self, *, kind: str, body: bytes) -> str:
        """The document's digest (hex SHA-256). Putting it again changes nothing.
        Raises ValueError where `kind` is no name or `body` is empty or too large."""
        msgspec.convert(kind, _Name)
        if not 0 < len(body) <= MAX_BODY_BYTES:
            raise ValueError(f"a document has 1 to {MAX_BODY_BYTES:,} bytes, this one has {len(body):,}")
        digest = hashlib.sha256(body).hexdigest()
        in_item = len(body) <= _MAX_IN_ITEM
        if not in_item:
            # Before the item, which then never names a body that is not there.
            self._bodies.put(body)
        where: dict[str, Value] = {"body": body} if in_item else {"size_in_s3": len(body)}
        item = to_item({"id": _document(digest), "revision": 0, "kind": kind, **where})
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

    def activate(
        self,
        *,
        kind: str,
        digest: str,
        expected: str | None,
        author: str,
        reason: str,
        fetched_at: datetime | None = None,
        cases: str | None = None,
        returns_to: int | None = None,
    ) -> None:
        """Puts `digest` in force where `expected` is (None: nothing of this kind yet). `cases` and `returns_to` are for
        the history alone: `Activation` says what they are.

        Raises ActivationConflict where something else is in force, DocumentUnknown where `digest` is not a document
        of `kind`, ValueError without an author or a reason, and where it was fetched later than now.
        """
        msgspec.convert(kind, _Name)
        if not (author.strip() and reason.strip()):
            raise ValueError("an activation has an author and a reason")
        now = self._clock.now()
        if fetched_at is not None and fetched_at > now:
            raise ValueError("a document is activated after it was fetched")
        seen = self._in_force().get(kind)
        if (seen.digest if seen else None) != expected:
            raise ActivationConflict
        revision = seen.revision + 1 if seen else 1
        entry: dict[str, Value] = {
            "digest": digest,
            "revision": revision,
            "author": author,
            "reason": reason,
            "activated_at": to_ms(now),
        }
        if fetched_at is not None:
            entry["fetched_at"] = to_ms(fetched_at)
        line = {**entry, "id": _history(kind)}
        if cases is not None:
            line["cases"] = cases
        if returns_to is not None:
            line["returns_to"] = returns_to
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
                                "Item": to_item(line),
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

    def fetched_again(self, *, kind: str, seen: ActiveDocument, fetched_at: datetime) -> bool:
        """Its publisher gave the bytes of `seen` again: moves its `fetched_at`, if it is still in force and was not
        fetched later still."""
        msgspec.convert(kind, _Name)
        values: dict[str, Value] = {":expected": seen.digest, ":seen": seen.revision, ":at": to_ms(fetched_at)}
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "fetched_again"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"id": "active", "revision": 0}),
                    UpdateExpression="SET #kind.fetched_at = :at",
                    ConditionExpression=_FETCHED_EARLIER,
                    ExpressionAttributeNames={"#kind": kind},
                    ExpressionAttributeValues=to_item(values),
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def activation(self, *, kind: str, revision: int) -> Activation:
        """One line of the history of `kind`, of a revision that there was; consistent read."""
        key = to_item({"id": _history(kind), "revision": revision})
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "activation"):
            answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        if not (item := answer.get("Item")):
            raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "activation: no such revision")
        return _activation(item, kind=kind)

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
        fetched_at=None if stored.fetched_at is None else from_ms(stored.fetched_at),
        cases=stored.cases,
        returns_to=stored.returns_to,
    )
