"""Transactions that meet on an item cancel each other, as DynamoDB's do and moto's do not.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
"""

import json
from threading import Lock

import pytest
from botocore.awsrequest import AWSResponse

from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from tests.service.world import with_its_keys

MANY = 64
TRANSACTION = "dynamodb.TransactWriteItems"


def items_of(params):
    """Of each write of a transaction, the item that it writes to."""
    writes = [write for item in json.loads(params["body"])["TransactItems"] for write in item.values()]
    return [(write["TableName"], (write.get("Key") or write["Item"])["id"]["S"]) for write in writes]


def cancelled(codes):
    reasons = [{"Code": code} for code in codes]
    return AWSResponse("", 400, {}, None), {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": reasons,
    }


class Conflicts:
    """A transaction that comes while another one is at work on one of its items is cancelled."""

    def __init__(self):
        self.counted = 0
        self._lock = Lock()
        self._at_work = set()

    def begin(self, params, context, **_):
        items = items_of(params)
        with self._lock:
            codes = ["TransactionConflict" if item in self._at_work else "None" for item in items]
            if set(codes) != {"None"}:
                self.counted += 1
                return cancelled(codes)
            self._at_work.update(items)
            context["items"] = items
            return None

    def end(self, context, **_):
        with self._lock:
            self._at_work.difference_update(context.pop("items", ()))


@pytest.fixture
def conflicts(dynamodb):
    made, events = Conflicts(), dynamodb.meta.events
    events.register(f"before-call.{TRANSACTION}", made.begin, "begin")
    events.register(f"after-call.{TRANSACTION}", made.end, "end")
    yield made
    events.unregister(f"before-call.{TRANSACTION}", unique_id="begin")
    events.unregister(f"after-call.{TRANSACTION}", unique_id="end")


@pytest.fixture
def meeting(dynamodb):
    """The next transaction that writes to an item of this kind meets another one there, once; `meanwhile` is what that
    one does."""

    def meet(kind, meanwhile=lambda: None):
        def answer(params, **_):
            items = items_of(params)
            if not any(name.startswith(kind) for _, name in items):
                return None
            dynamodb.meta.events.unregister(f"before-call.{TRANSACTION}", unique_id="meeting")
            meanwhile()
            return cancelled(["TransactionConflict" if name.startswith(kind) else "None" for _, name in items])

        dynamodb.meta.events.register(f"before-call.{TRANSACTION}", answer, "meeting")

    yield meet
    dynamodb.meta.events.unregister(f"before-call.{TRANSACTION}", unique_id="meeting")


def busy(world, body):
    with pytest.raises(Malfunction) as malfunction:
        world.attest(body)
    return malfunction.value.reason is MalfunctionReason.BUSY


class TestRenewals:
    def test_a_counter_that_was_overtaken_by_the_other_one_is_told_so(self, world, apple, meeting):
        world.enrol(apple)
        early = apple.build_renewal(challenge=world.challenge(Purpose.RENEW))
        meeting("instance#", meanwhile=lambda: world.renew(apple))
        answer = world.attest(early)
        assert (answer.status, answer.members["remedy"]) == (409, "new_challenge")
        assert world.refusal is RefusalReason.COUNTER_OVERTAKEN

    def test_where_nothing_is_in_the_way_any_more_the_same_body_is_judged_again(self, world, phone, meeting):
        world.enrol(phone)
        body = phone.build_renewal(challenge=world.challenge(Purpose.RENEW))
        meeting("instance#")
        assert busy(world, body)
        assert world.attest(body).status == 200

    def test_many_at_once_get_a_token_or_are_told_what_to_do(self, world, apple, race, conflicts):
        world.enrol(apple)
        bodies = [apple.build_renewal(challenge=world.challenge(Purpose.RENEW)) for _ in range(MANY)]

        def attest(number):
            try:
                return world.attest(bodies[number])
            except Malfunction as malfunction:
                return malfunction.reason

        answers = race(MANY, attest)
        for number, answer in enumerate(answers):
            if answer is MalfunctionReason.BUSY:
                answers[number] = world.attest(bodies[number])
        told = [(answer.status, answer.members.get("remedy")) for answer in answers]
        assert set(told) <= {(200, None), (409, "new_challenge")}
        assert conflicts.counted > 0
        # The last assertion has the highest counter, so that nothing can overtake it.
        assert told[-1] == (200, None)
        assert world.instance(apple.jkt).app_attest.counter == MANY
        assert world.renew(apple).status == 200


class TestEnrolments:
    def test_many_behind_one_network_do_not_keep_each_other_out(self, world, race, conflicts, tables):
        """The baseline's limits: carriers' networks and factory keys are shared by thousands."""
        phones = [world.phone(AndroidPhone) for _ in range(MANY // 4)]
        bodies = [phone.build_enrolment(challenge=world.challenge()) for phone in phones]
        answers = race(len(bodies), lambda number: world.attest(bodies[number]))
        assert {answer.status for answer in answers} == {200}
        assert conflicts.counted > 0
        counted = [int(item["enrolments"]["N"]) for item in tables.items(tables.nonces) if "enrolments" in item]
        assert sum(counted) == 2 * len(bodies)

    @pytest.mark.parametrize("kind", ["enrolled#", "instance#"])
    def test_one_that_meets_another_is_no_failure_of_the_store(self, world, phone, meeting, kind):
        body = phone.build_enrolment(challenge=world.challenge())
        meeting(kind)
        if kind == "instance#":
            assert busy(world, body)
        assert world.attest(body).status == 200

    def test_a_tie_that_is_just_being_made_is_nobodys_yet(self, world, apple, meeting):
        """The other transaction may fail: that the key is another's is for good, and is said when it is so."""
        body = apple.build_enrolment(challenge=world.challenge())
        meeting("app_attest#")
        assert busy(world, body)
        assert world.attest(body).status == 200

    def test_a_tie_that_was_made_meanwhile(self, world, apple, meeting):
        body = apple.build_enrolment(challenge=world.challenge())
        meeting("app_attest#", meanwhile=lambda: world.tables.tie(apple.key_id, jkt="another"))
        assert busy(world, body)
        assert world.attest(body).status == 403
        assert world.refusal is RefusalReason.APP_ATTEST_KEY_TAKEN

    def test_the_same_keys_enrolled_by_another_one_meanwhile(self, world, meeting):
        phone = world.phone(ApplePhone)
        body = phone.build_enrolment(challenge=world.challenge())

        def twice():
            again = with_its_keys(phone, purpose=Purpose.ENROL, challenge=world.challenge())
            assert world.attest(again.encode()).status == 200

        meeting("instance#", meanwhile=twice)
        assert busy(world, body)
        assert world.attest(body).status == 200
