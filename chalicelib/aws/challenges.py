"""The `nonces` table: each challenge is answered once (docs/once-only.md draws it and names the tests).

    issue            claim               lease_until          claimed_at + 60 s              expires_at + 1 h
      │─── phase issued ───│── phase claimed ──│── a twin may take over ──│── spent: 409 ─────────────│ TTL may delete
      │  until expires_at  │                       phase done: a twin gets the answer ─│── spent: 409 ─│

What makes two answers impossible is `attempt` alone: a commit goes through for the attempt that the item names, once.
Times decide who may try. They come from several machines' clocks, and a wrong clock costs a wait or a lost answer.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from chalicelib.aws import enrolment_counters
from chalicelib.aws.errors import answering
from chalicelib.aws.instances import DynamoInstances
from chalicelib.aws.items import Value, from_item, to_item, to_ms
from chalicelib.model.descriptor import Purpose
from chalicelib.model.history import HistoryMark
from chalicelib.model.instances import Instance
from chalicelib.model.keys import b64url
from chalicelib.model.outcome import Malfunction
from chalicelib.model.play_integrity import KeptPlayIntegrity
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.service.ports import (
    Claimed,
    ClaimOutcome,
    CommitOutcome,
    EnrolmentCount,
    InProgress,
    InstanceChange,
    KeptReceipt,
    NewChallenge,
    Randomness,
    StoredAnswer,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

# docs/wire.md, "Once only, and retries": the same body within 60 s of its first arrival gets the same answer.
_REPLAY_WINDOW: Final = timedelta(seconds=60)
# Beyond the function's timeout: when the lease ends, whoever held it has been stopped by Lambda.
_LEASE_MARGIN: Final = timedelta(seconds=1)
# TTL deletes on or after its time, never before (DynamoDB developer guide, "Time to Live"). An hour outlives the lease,
# the replay window and any skew of clocks, so that deletion cannot reopen what an answer closed.
_KEPT_AFTER_EXPIRY: Final = timedelta(hours=1)
# An item holds at most 400 KB; an answer is a token (about 6 KB) and little else.
_MAX_ANSWER_BYTES: Final = 65_536

# Named, because each is a sentence of the state machine.
_NEVER_SEEN = "attribute_not_exists(id)"
_FOR_THIS_USE = "app = :app AND purpose = :purpose"
# The expiry is checked here and not left to TTL, which deletes late.
_FIRST_ARRIVAL = "phase = :issued AND expires_at > :now"
# The same body only: its answer is the one that the lost holder would have given.
_TAKEOVER = "phase = :claimed AND body_digest = :body_digest AND lease_until <= :now AND claimed_at >= :oldest_claim"
_MAY_CLAIM = f"{_FOR_THIS_USE} AND (({_FIRST_ARRIVAL}) OR ({_TAKEOVER}))"
# `claimed_at` stays that of the first claim: the replay window does not grow by takeovers.
_CLAIM = (
    "SET phase = :claimed, body_digest = :body_digest, attempt = :attempt, lease_until = :lease_until, "
    "claimed_at = if_not_exists(claimed_at, :now)"
)
_STILL_MINE = "phase = :claimed AND attempt = :attempt"
_RELEASE = "SET lease_until = :long_ago"
# Codes of a cancelled transaction: what a condition or another transaction has to do with, and no failure of the store.
_IN_THE_WAY: Final = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
_ANSWER = "SET phase = :done, answer_status = :answer_status, answer_body = :answer_body REMOVE lease_until"


class _Stored(msgspec.Struct, tag_field="phase", forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Times in milliseconds since 1970, but `ttl` in seconds, as DynamoDB wants it."""

    id: str
    app: str
    purpose: Purpose
    expires_at: int
    ttl: int


class _IssuedItem(_Stored, tag="issued", frozen=True, kw_only=True):
    pass


class _ClaimedItem(_Stored, tag="claimed", frozen=True, kw_only=True):
    body_digest: bytes
    attempt: str
    claimed_at: int
    lease_until: int


class _DoneItem(_Stored, tag="done", frozen=True, kw_only=True):
    body_digest: bytes
    attempt: str
    claimed_at: int
    answer_status: int
    answer_body: bytes


_Item = _IssuedItem | _ClaimedItem | _DoneItem


class DynamoChallenges:
    """Implements `service.ports.ChallengeStore`. `function_timeout` is the Lambda function's."""

    def __init__(
        self,
        *,
        client: "DynamoDBClient",
        table: str,
        instances: DynamoInstances,
        randomness: Randomness,
        function_timeout: timedelta,
    ) -> None:
        self._client = client
        self._table = table
        self._instances = instances
        self._randomness = randomness
        self._lease = function_timeout + _LEASE_MARGIN

    def issue(self, challenge: NewChallenge) -> None:
        """Raises Malfunction(STORE_UNAVAILABLE) also where the challenge was issued before: random bytes that repeat
        must not reopen what is spent."""
        item = _issued(challenge)
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "issue"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=to_item(item),
                    ConditionExpression=_NEVER_SEEN,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as failed:
                # botocore repeats a write whose answer got lost, and then meets what it wrote itself.
                if failed.response.get("Item") != to_item(item):
                    raise _repeated() from failed

    def claim(self, *, challenge: bytes, app: str, purpose: Purpose, body_digest: bytes, now: datetime) -> ClaimOutcome:
        attempt = b64url(self._randomness.token_bytes(16))
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "claim"):
            try:
                before = self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"id": _key(challenge)}),
                    UpdateExpression=_CLAIM,
                    ConditionExpression=_MAY_CLAIM,
                    ExpressionAttributeValues=to_item(
                        {
                            ":issued": "issued",
                            ":claimed": "claimed",
                            ":app": app,
                            ":purpose": purpose.value,
                            ":body_digest": body_digest,
                            ":attempt": attempt,
                            ":now": to_ms(now),
                            ":lease_until": to_ms(now + self._lease),
                            ":oldest_claim": to_ms(now - _REPLAY_WINDOW),
                        }
                    ),
                    ReturnValues="UPDATED_OLD",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as failed:
                item = _parsed(cast("Mapping[str, Any] | None", failed.response.get("Item")))
            # A commit of this very item is under way: what it leaves is for `look` to see.
            except self._client.exceptions.TransactionConflictException:
                return InProgress()
            else:
                # An issued challenge has no attempt.
                return Claimed(challenge=challenge, attempt=attempt, taken_over="attempt" in before["Attributes"])

        if item is None:
            return RefusalReason.CHALLENGE_UNKNOWN
        if item.app != app:
            return RefusalReason.CHALLENGE_WRONG_APP
        if item.purpose is not purpose:
            return RefusalReason.CHALLENGE_WRONG_PURPOSE
        if isinstance(item, _IssuedItem):
            return RefusalReason.CHALLENGE_EXPIRED
        # botocore repeated a claim whose answer got lost: the hold it meets is this one.
        if isinstance(item, _ClaimedItem) and item.attempt == attempt:
            return Claimed(challenge=challenge, attempt=attempt, taken_over=item.claimed_at != to_ms(now))
        return _for_a_twin(item, body_digest=body_digest, now=now)

    def look(self, *, challenge: bytes, body_digest: bytes, now: datetime) -> ClaimOutcome:
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "look"):
            answer = self._client.get_item(
                TableName=self._table, Key=to_item({"id": _key(challenge)}), ConsistentRead=True
            )
        item = _parsed(answer.get("Item"))
        if item is None:
            return RefusalReason.CHALLENGE_UNKNOWN
        if isinstance(item, _IssuedItem):
            return InProgress() if item.expires_at > to_ms(now) else RefusalReason.CHALLENGE_EXPIRED
        return _for_a_twin(item, body_digest=body_digest, now=now)

    def release(self, held: Claimed) -> None:
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "release"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=to_item({"id": _key(held.challenge)}),
                    UpdateExpression=_RELEASE,
                    ConditionExpression=_STILL_MINE,
                    ExpressionAttributeValues=to_item(
                        {":claimed": "claimed", ":attempt": held.attempt, ":long_ago": 0}
                    ),
                )
            except (
                self._client.exceptions.ConditionalCheckFailedException,  # not ours any more, or answered
                self._client.exceptions.TransactionConflictException,  # being answered; otherwise the lease runs out
            ):
                return

    def commit(
        self,
        *,
        held: Claimed,
        answer: StoredAnswer,
        next_challenge: NewChallenge,
        change: tuple[InstanceChange, Instance] | None,
        receipt: KeptReceipt | None = None,
        play_integrity: KeptPlayIntegrity | None = None,
        mark: HistoryMark | None = None,
        enrolments: Sequence[EnrolmentCount] = (),
    ) -> CommitOutcome:
        """botocore gives the transaction a client token, so repeating one whose answer got lost is safe: it returns
        what the first try did. A cancelled one wrote nothing. Where nothing but counts of enrolments was in its way, it
        is tried with their next shards; otherwise not again."""
        if len(answer.body) > _MAX_ANSWER_BYTES:
            raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "commit: the answer is too large to be kept")
        done: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._table,
                "Key": to_item({"id": _key(held.challenge)}),
                "UpdateExpression": _ANSWER,
                "ConditionExpression": _STILL_MINE,
                "ExpressionAttributeValues": to_item(
                    {
                        ":claimed": "claimed",
                        ":attempt": held.attempt,
                        ":done": "done",
                        ":answer_status": answer.status,
                        ":answer_body": answer.body,
                    }
                ),
            }
        }
        put_next: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": to_item(_issued(next_challenge)),
                "ConditionExpression": _NEVER_SEEN,
            }
        }
        moves = [] if change is None else self._instances.writes(*change, receipt, play_integrity, mark)
        shards = enrolment_counters.Shards(enrolments, attempt=held.attempt, table=self._table)
        while codes := self._cancelled([done, put_next, *moves, *shards.writes()]):
            others = len(codes) - len(enrolments)
            if outcome := _why_cancelled(codes[:others], codes[others:]):
                return outcome
            if not shards.go_on(codes[others:]):
                if shards.contended:
                    raise Malfunction(MalfunctionReason.BUSY, "commit: many enrol at once")
                return CommitOutcome.ENROLMENT_LIMIT
        return CommitOutcome.DONE

    def _cancelled(self, writes: "list[TransactWriteItemTypeDef]") -> list[str]:
        """Why each of `writes` kept the transaction from going through, in their order; empty: it went through."""
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "commit"):
            try:
                self._client.transact_write_items(TransactItems=writes)
            except self._client.exceptions.TransactionCanceledException as cancelled:
                codes = [reason.get("Code", "") for reason in cancelled.response.get("CancellationReasons", [])]
                if len(codes) != len(writes):
                    raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "commit: cancelled") from cancelled
                return codes
        return []


def _key(challenge: bytes) -> str:
    """CloudTrail's data events log keys, and a challenge must stand in no log: its hash is the key."""
    return b64url(hashlib.sha256(challenge).digest())


def _issued(challenge: NewChallenge) -> dict[str, Value]:
    return {
        "id": _key(challenge.value),
        "phase": "issued",
        "app": challenge.app,
        "purpose": challenge.purpose.value,
        "expires_at": to_ms(challenge.expires_at),
        "ttl": to_ms(challenge.expires_at + _KEPT_AFTER_EXPIRY) // 1000,
    }


def _parsed(item: Mapping[str, Any] | None) -> _Item | None:
    if not item:
        return None
    stored: _Item = from_item(item, _Item, of="challenge")
    return stored


def _for_a_twin(item: _ClaimedItem | _DoneItem, *, body_digest: bytes, now: datetime) -> ClaimOutcome:
    """What whoever did not get the hold is told."""
    if item.body_digest != body_digest or item.claimed_at < to_ms(now - _REPLAY_WINDOW):
        return RefusalReason.CHALLENGE_SPENT
    if isinstance(item, _DoneItem):
        return StoredAnswer(status=item.answer_status, body=item.answer_body)
    return InProgress()


def _why_cancelled(codes: list[str], of_counts: list[str]) -> CommitOutcome | None:
    """`codes`: of the hold, the next challenge, and the instance's. None: `of_counts` alone were in the way.

    A conflict of transactions is two that write to one item at once: no store is broken, and nothing is known of what
    the other one leaves.
    """
    match codes:
        case ["ConditionalCheckFailed", *_]:
            return CommitOutcome.LOST
        case ["None", "ConditionalCheckFailed", *_]:
            raise _repeated()
        case ["TransactionConflict", *_]:
            raise Malfunction(MalfunctionReason.BUSY, "commit: another worker is answering")
        # Only where the hold was good and nothing else went wrong is it the instance's own word, or a count's. The
        # instance's comes first: it may be that it stands enrolled already.
        case ["None", "None", *of_instance] if _IN_THE_WAY & {*of_instance, *of_counts} and (
            {*of_instance, *of_counts} <= _IN_THE_WAY | {"None"}
        ):
            if "ConditionalCheckFailed" in of_instance:
                return CommitOutcome.INSTANCE_CONFLICT
            return CommitOutcome.INSTANCE_CONTENDED if "TransactionConflict" in of_instance else None
        case _:
            codes_seen = ", ".join(sorted({*codes, *of_counts} - {"None"}))
            raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, f"commit: {codes_seen or 'cancelled'}")


def _repeated() -> Malfunction:
    return Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "a new challenge exists already")
