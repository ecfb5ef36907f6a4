"""A budget of calls: one conditional write per call, and never one call too many."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from botocore.stub import Stubber

from chalicelib.aws.budget import DynamoCallBudget
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason

NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
TABLE = "assay-test-nonces"


@pytest.fixture
def budget(dynamodb):
    return DynamoCallBudget(client=dynamodb, table=TABLE)


def spend(budget, *, app="bank", call="play_integrity", limit=2, now=NOW):
    return budget.spend(app=app, call=call, limit=limit, now=now)


def items(dynamodb):
    return dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]


def test_as_many_as_the_limit_and_no_more(budget, dynamodb):
    assert [spend(budget) for _ in range(4)] == [True, True, False, False]
    [item] = items(dynamodb)
    assert (item["id"]["S"], item["calls"]["N"]) == ("budget#bank#play_integrity#2026-03-01", "2")


def test_apps_calls_and_days_have_budgets_of_their_own(budget):
    assert spend(budget, limit=1)
    assert not spend(budget, limit=1)
    assert spend(budget, limit=1, app="broker")
    assert spend(budget, limit=1, call="something_else")
    assert spend(budget, limit=1, now=NOW + timedelta(hours=1))


def test_the_day_is_that_of_utc_wherever_the_clock_is(budget):
    assert spend(budget, limit=1)
    assert not spend(budget, limit=1, now=NOW.astimezone(timezone(timedelta(hours=9))))


def test_a_limit_that_was_lowered_counts_at_once(budget):
    assert spend(budget, limit=2)
    assert spend(budget, limit=2)
    assert not spend(budget, limit=1)
    assert spend(budget, limit=3)


def test_nothing_is_deleted_before_the_next_day_is_over(budget, dynamodb):
    spend(budget)
    [item] = items(dynamodb)
    assert int(item["ttl"]["N"]) == datetime(2026, 3, 3, tzinfo=UTC).timestamp()


def test_of_64_at_once_as_many_as_the_limit_are_told_yes(budget, dynamodb, race):
    told = race(64, lambda _: spend(budget, limit=40))
    assert sorted(told) == [False] * 24 + [True] * 40
    assert items(dynamodb)[0]["calls"]["N"] == "40"


def test_a_table_that_does_not_answer_is_a_malfunction(budget, dynamodb):
    with Stubber(dynamodb) as stub:
        stub.add_client_error("update_item", "ThrottlingException")
        with pytest.raises(Malfunction) as raised:
            spend(budget)
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
