"""The race tests here stand on this lock."""

import threading

import boto3
import pytest
from moto.core.model_instances import model_data
from moto.dynamodb.responses import DynamoHandler

from assay_toolkit.local.moto_lock import atomic_dynamodb


def test_one_action_runs_at_a_time(race, monkeypatch):
    running, overlaps = [], []

    def slow_action(handler):
        running.append(handler)
        overlaps.append(len(running))
        for _ in range(2_000):  # long enough for many thread switches
            pass
        running.remove(handler)

    monkeypatch.setattr(DynamoHandler, "call_action", slow_action)
    with atomic_dynamodb():
        race(16, lambda number: DynamoHandler.call_action(number))
    assert overlaps == [1] * 16


def test_an_action_that_fails_lets_the_next_one_in(monkeypatch):
    def failing_action(handler):
        raise LookupError(handler)

    monkeypatch.setattr(DynamoHandler, "call_action", failing_action)
    failures = []

    def one(number):
        with pytest.raises(LookupError):
            DynamoHandler.call_action(number)
        failures.append(number)

    with atomic_dynamodb():
        one(0)
        other = threading.Thread(target=one, args=(1,))
        other.start()
        other.join()
    assert failures == [0, 1]


def test_afterwards_moto_is_as_it_was():
    before = DynamoHandler.call_action
    with atomic_dynamodb():
        assert DynamoHandler.call_action is not before
    assert DynamoHandler.call_action is before


@pytest.mark.usefixtures("aws")
def test_transactions_leave_no_copies_behind():
    """moto copies whole tables for each, and would keep the copies."""
    dynamodb = boto3.client("dynamodb", region_name="eu-central-1")
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    tracked = []
    for number in range(5):
        item = {"k": {"S": str(number)}}
        dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "t", "Item": item}}])
        tracked.append(sum(len(model.instances_tracked) for model in model_data["dynamodb"].values()))
    assert len(set(tracked)) == 1
    assert dynamodb.scan(TableName="t")["Count"] == 5
