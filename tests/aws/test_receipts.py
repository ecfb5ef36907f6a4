"""The receipts' part of the instances table: kept once, taken once, moved by whoever holds it."""

import hashlib
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.aws.receipts import DynamoReceipts
from chalicelib.model.claims import KeptRiskMetric
from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction
from chalicelib.service.ports import MAX_KEPT_RECEIPT, CommitOutcome, InstanceChange, KeptReceipt, StoredAnswer

TABLE = "assay-test-instances"
HOUR = timedelta(hours=1)


@pytest.fixture
def receipts(dynamodb):
    return DynamoReceipts(client=dynamodb, table=TABLE)


@pytest.fixture
def receipt_of(times):
    def kept(instance, **changes):
        standard = KeptReceipt(
            public_key=instance.app_attest.public_key,
            jkt=instance.jkt,
            app=instance.app,
            app_id=instance.kept.app_id,
            environment=instance.kept.environment,
            receipt=b"first",
            due_at=times.start,
        )
        return replace(standard, **changes)

    return kept


@pytest.fixture
def enrol(challenges, new_challenge, times):
    numbers = itertools.count(1)

    def commit(instance, receipt, change=InstanceChange.ENROL):
        held_for, following = new_challenge(next(numbers)), new_challenge(next(numbers))
        challenges.issue(held_for)
        held = challenges.claim(
            challenge=held_for.value, app="bank", purpose=Purpose.RENEW, body_digest=bytes(32), now=times.start
        )
        return challenges.commit(
            held=held,
            answer=StoredAnswer(status=200, body=b"{}"),
            next_challenge=following,
            change=(change, instance),
            receipt=receipt,
        )

    return commit


def items(dynamodb, prefix="receipt#"):
    found = dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]
    return [item for item in found if item["id"]["S"].startswith(prefix)]


@pytest.fixture
def take_one(receipts, times):
    def take(*, now=times.start, app="bank"):
        [due] = receipts.due(app=app, now=now, limit=10)
        return receipts.take(due, until=now + HOUR)

    return take


def app_attest_instance(apple, number):
    """Of its own instance key and App Attest key: key ids that fall into different shards."""
    return apple(key=number, app_attest=1_000 + number)


def with_own_key_id(instance):
    """As the verifier has it: the key id is the key's own hash, and not a number of the fixture's."""
    key = instance.app_attest
    return replace(instance, app_attest=replace(key, key_id=hashlib.sha256(key.public_key.x962).digest()))


class TestEnrolment:
    def test_it_comes_back_as_it_was_kept(self, enrol, apple, receipt_of, take_one, times):
        instance = with_own_key_id(apple())
        assert enrol(instance, receipt_of(instance)) is CommitOutcome.DONE
        assert take_one() == receipt_of(instance, due_at=times.start + HOUR)

    def test_without_one_nothing_is_kept(self, enrol, apple, dynamodb):
        assert enrol(apple(), None) is CommitOutcome.DONE
        assert items(dynamodb) == []

    def test_enrolling_again_does_not_replace_what_may_still_be_exchanged(
        self, enrol, apple, receipt_of, take_one, times
    ):
        """A phone that brings a worse receipt would otherwise shake its metric off."""
        instance = with_own_key_id(apple())
        enrol(instance, receipt_of(instance))
        enrol(instance, receipt_of(instance, receipt=b"worse", due_at=times.start + HOUR))
        assert take_one().receipt == b"first"

    def test_enrolling_again_brings_a_new_one_where_the_old_one_was_given_up(
        self, enrol, apple, receipt_of, receipts, take_one, times
    ):
        instance = with_own_key_id(apple())
        enrol(instance, receipt_of(instance))
        receipts.give_up(take_one())
        assert receipts.due(app="bank", now=times.start + 2 * HOUR, limit=10) == ()
        enrol(instance, receipt_of(instance, receipt=b"second"))
        assert take_one().receipt == b"second"

    def test_an_enrolment_that_conflicts_keeps_no_receipt(self, enrol, apple, receipt_of, dynamodb):
        first, second = apple(key=1, app_attest=100), apple(key=2, app_attest=100)
        enrol(first, None)
        assert enrol(second, receipt_of(second)) is CommitOutcome.INSTANCE_CONFLICT
        assert items(dynamodb) == []

    def test_a_renewal_brings_none(self, enrol, apple, receipt_of, dynamodb):
        instance = with_own_key_id(apple())
        enrol(instance, None)
        moved = replace(instance, app_attest=replace(instance.app_attest, counter=1))
        assert enrol(moved, receipt_of(moved), InstanceChange.RENEW) is CommitOutcome.DONE
        assert items(dynamodb) == []

    def test_one_that_is_too_large_is_nobodys(self, enrol, apple, receipt_of):
        instance = with_own_key_id(apple())
        largest = receipt_of(instance, receipt=bytes(MAX_KEPT_RECEIPT))
        with pytest.raises(ValueError, match="too large"):
            enrol(instance, replace(largest, receipt=bytes(MAX_KEPT_RECEIPT + 1)))
        assert enrol(instance, largest) is CommitOutcome.DONE


class TestDue:
    def test_the_longest_due_first_over_all_shards_and_no_more_than_asked_for(
        self, enrol, apple, receipt_of, receipts, times, dynamodb
    ):
        for number in range(1, 31):
            instance = with_own_key_id(app_attest_instance(apple, number))
            enrol(instance, receipt_of(instance, due_at=times.start - number * times.tick))
        assert len({item["due_for"]["S"] for item in items(dynamodb)}) > 4
        found = receipts.due(app="bank", now=times.start, limit=12)
        assert [due.due_at for due in found] == [times.start - n * times.tick for n in range(30, 18, -1)]

    def test_neither_before_its_time_nor_for_another_app(self, enrol, apple, receipt_of, receipts, times):
        instance = with_own_key_id(apple())
        enrol(instance, receipt_of(instance))
        assert receipts.due(app="bank", now=times.start - times.tick, limit=10) == ()
        assert receipts.due(app="broker", now=times.start, limit=10) == ()
        assert len(receipts.due(app="bank", now=times.start, limit=10)) == 1

    def test_the_index_has_nothing_but_what_is_due(self, enrol, apple, android, receipt_of, dynamodb):
        enrol(android(key=7), None)
        instance = with_own_key_id(apple())
        enrol(instance, receipt_of(instance))
        [indexed] = dynamodb.scan(TableName=TABLE, IndexName="receipts_due")["Items"]
        assert set(indexed) == {"id", "due_for", "due_at"}


class TestTake:
    def test_of_many_runs_one_takes_it(self, enrol, apple, receipt_of, receipts, race, times):
        instance = with_own_key_id(apple())
        enrol(instance, receipt_of(instance))
        [due] = receipts.due(app="bank", now=times.start, limit=10)
        taken = race(16, lambda number: receipts.take(due, until=times.start + HOUR + number * times.tick))
        assert len([kept for kept in taken if kept is not None]) == 1

    def test_it_is_due_again_when_the_hold_is_over(self, enrol, apple, receipt_of, receipts, take_one, times):
        instance = with_own_key_id(apple())
        enrol(instance, receipt_of(instance))
        take_one()
        assert receipts.due(app="bank", now=times.start + HOUR - times.tick, limit=10) == ()
        assert take_one(now=times.start + HOUR).receipt == b"first"

    @pytest.mark.parametrize("spoil", ["receipt", "key_x", "environment"])
    def test_an_item_that_is_not_of_its_form_stops_no_later_run(
        self, enrol, apple, receipt_of, receipts, take_one, times, dynamodb, spoil
    ):
        instance = with_own_key_id(apple())
        enrol(instance, receipt_of(instance))
        [item] = items(dynamodb)
        dynamodb.put_item(TableName=TABLE, Item=item | {spoil: {"S": "spoilt"}})
        with pytest.raises(Malfunction):
            take_one()
        assert receipts.due(app="bank", now=times.start, limit=10) == ()


class TestMoves:
    @pytest.fixture
    def held(self, enrol, apple, receipt_of, take_one):
        """The instance, and the hold on its receipt."""
        instance = with_own_key_id(apple())
        enrol(instance, receipt_of(instance))
        return instance, take_one()

    def measure(self, receipts, taken, times, *, value=3, receipt=b"newer", measured_after=timedelta(0)):
        metric = KeptRiskMetric(value=value, measured_at=times.start + measured_after)
        receipts.measured(taken, receipt=receipt, metric=metric, due_at=times.start + 24 * HOUR)
        return metric

    def test_measured(self, held, receipts, instances, take_one, times):
        instance, taken = held
        metric = self.measure(receipts, taken, times)
        assert instances.by_jkt(instance.jkt) == replace(instance, kept=replace(instance.kept, risk_metric=metric))
        assert receipts.due(app="bank", now=times.start + 24 * HOUR - times.tick, limit=10) == ()
        assert take_one(now=times.start + 24 * HOUR).receipt == b"newer"

    def test_postponed(self, held, receipts, instances, take_one, times):
        instance, taken = held
        receipts.postpone(taken, due_at=times.start + 5 * HOUR)
        assert receipts.due(app="bank", now=times.start + 5 * HOUR - times.tick, limit=10) == ()
        assert take_one(now=times.start + 5 * HOUR).receipt == b"first"
        assert instances.by_jkt(instance.jkt) == instance

    def test_given_up_leaves_the_metric(self, held, receipts, instances, take_one, times, dynamodb):
        instance, taken = held
        metric = self.measure(receipts, taken, times)
        receipts.give_up(take_one(now=times.start + 24 * HOUR))
        assert instances.by_jkt(instance.jkt).kept.risk_metric == metric
        [item] = items(dynamodb)
        assert not {"receipt", "due_for", "due_at"} & set(item)

    def test_who_lost_the_hold_moves_nothing(self, held, receipts, take_one, times, dynamodb):
        _, taken = held
        again = take_one(now=times.start + HOUR)
        before = items(dynamodb)
        receipts.postpone(taken, due_at=times.start)
        receipts.give_up(taken)
        self.measure(receipts, taken, times, receipt=b"of the slow one")
        assert items(dynamodb) == before
        self.measure(receipts, again, times, receipt=b"of the holder", measured_after=HOUR)
        assert take_one(now=times.start + 24 * HOUR).receipt == b"of the holder"

    def test_an_older_metric_never_takes_the_place_of_a_newer_one(self, held, receipts, instances, take_one, times):
        instance, taken = held
        again = take_one(now=times.start + HOUR)
        newer = self.measure(receipts, again, times, value=40, measured_after=HOUR)
        self.measure(receipts, taken, times, value=1)
        assert instances.by_jkt(instance.jkt).kept.risk_metric == newer

    def test_an_enrolment_keeps_the_metric(self, held, receipts, instances, enrol, times):
        instance, taken = held
        metric = self.measure(receipts, taken, times)
        assert instance.kept.risk_metric is None
        assert enrol(instance, None) is CommitOutcome.DONE
        assert instances.by_jkt(instance.jkt).kept.risk_metric == metric

    def test_a_renewal_keeps_the_metric_that_came_after_it_was_read(self, held, receipts, instances, enrol, times):
        instance, taken = held
        moved = replace(instance, app_attest=replace(instance.app_attest, counter=1))
        metric = self.measure(receipts, taken, times)
        assert enrol(moved, None, InstanceChange.RENEW) is CommitOutcome.DONE
        standing = instances.by_jkt(instance.jkt)
        assert (standing.kept.risk_metric, standing.app_attest.counter) == (metric, 1)

    def test_a_metric_makes_no_instance(self, held, receipts, dynamodb, times):
        instance, taken = held
        dynamodb.delete_item(TableName=TABLE, Key={"id": {"S": f"instance#{instance.jkt}"}})
        self.measure(receipts, taken, times)
        assert items(dynamodb, "instance#") == []

    def test_a_metric_of_any_size_comes_back(self, held, receipts, instances, times):
        instance, taken = held
        self.measure(receipts, taken, times, value=2**70)
        assert instances.by_jkt(instance.jkt).kept.risk_metric.value == 2**70

    @pytest.mark.parametrize("alone", ["risk_metric", "risk_measured_at"])
    def test_half_a_metric_is_not_believed(self, held, receipts, instances, times, dynamodb, alone):
        instance, taken = held
        self.measure(receipts, taken, times)
        dynamodb.update_item(
            TableName=TABLE, Key={"id": {"S": f"instance#{instance.jkt}"}}, UpdateExpression=f"REMOVE {alone}"
        )
        with pytest.raises(Malfunction):
            instances.by_jkt(instance.jkt)

    def test_two_runs_at_once_leave_one_truth(self, held, receipts, instances, race, take_one, times):
        """Both exchanged it, whoever held it: what stands is the newest metric, and one of the two receipts."""
        instance, taken = held
        race(
            8,
            lambda number: self.measure(
                receipts, taken, times, value=number, receipt=bytes([number]), measured_after=number * times.tick
            ),
        )
        assert instances.by_jkt(instance.jkt).kept.risk_metric.value == 7
        assert take_one(now=times.start + 24 * HOUR).receipt[0] in range(8)


class TestConflicts:
    """What moto never answers: an item that is in a transaction at this very moment."""

    @pytest.fixture
    def conflicting(self, dynamodb):
        """The next update of an item whose key begins so meets a transaction."""
        refused = []

        def begin(prefix):
            def answer(request, **_):
                if request.headers["X-Amz-Target"].endswith(b"UpdateItem") and prefix in request.body:
                    refused.append(prefix)
                    raise dynamodb.exceptions.TransactionConflictException({"Error": {}}, "UpdateItem")

            dynamodb.meta.events.register_first("before-send.dynamodb.*", answer, unique_id="conflict")

        def end():
            dynamodb.meta.events.unregister("before-send.dynamodb.*", unique_id="conflict")
            assert refused

        begin.end = end
        return begin

    def test_a_renewal_in_the_same_moment_costs_nothing_but_a_wait(
        self, enrol, apple, receipt_of, receipts, instances, take_one, times, conflicting
    ):
        instance = with_own_key_id(apple())
        enrol(instance, receipt_of(instance))
        taken = take_one()
        conflicting(b"instance#")
        metric = KeptRiskMetric(value=3, measured_at=times.start)
        receipts.measured(taken, receipt=b"newer", metric=metric, due_at=times.start + 24 * HOUR)
        conflicting.end()
        assert instances.by_jkt(instance.jkt).kept.risk_metric is None
        # Not lost: it is exchanged again when the hold is over.
        assert take_one(now=times.start + HOUR).receipt == b"first"

    def test_an_enrolment_in_the_same_moment_is_left_alone(
        self, enrol, apple, receipt_of, receipts, take_one, times, conflicting
    ):
        instance = with_own_key_id(apple())
        enrol(instance, receipt_of(instance))
        [due] = receipts.due(app="bank", now=times.start, limit=1)
        conflicting(b"receipt#")
        assert receipts.take(due, until=times.start + HOUR) is None
        conflicting.end()
        taken = take_one()
        conflicting(b"receipt#")
        receipts.postpone(taken, due_at=times.start + 24 * HOUR)
        conflicting.end()
        assert take_one(now=times.start + HOUR) is not None
