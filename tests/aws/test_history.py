"""Marks and counters in the tables: what a commit writes, under which condition, and what is read of it."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.awsrequest import AWSResponse

from chalicelib.aws import enrolment_counters
from chalicelib.aws.enrolment_counters import DynamoEnrolmentCounters
from chalicelib.model.descriptor import Purpose
from chalicelib.model.history import History, HistoryMark, end_of_hour, hour_of
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import AppraisalReason, MalfunctionReason
from chalicelib.model.trust import Tier
from chalicelib.service.ports import CommitOutcome, EnrolmentCount, InstanceChange, StoredAnswer

INSTANCES, NONCES = "assay-test-instances", "assay-test-nonces"
ENROL, RENEW = InstanceChange.ENROL, InstanceChange.RENEW
MANY = 64


@pytest.fixture
def commit(challenges, new_challenge, times):
    numbers = itertools.count(1)

    def change_instance(change, instance, **brought):
        held_for, following = new_challenge(next(numbers)), new_challenge(next(numbers))
        challenges.issue(held_for)
        held = challenges.claim(
            challenge=held_for.value, app="bank", purpose=Purpose.RENEW, body_digest=bytes(32), now=times.start
        )
        answer = StoredAnswer(status=200, body=b"{}")
        return challenges.commit(
            held=held, answer=answer, next_challenge=following, change=(change, instance), **brought
        )

    return change_instance


@pytest.fixture(params=["android", "apple"])
def make(request, android, apple):
    """Instances of one key; each assertion of Apple's has a higher counter."""
    counters = itertools.count()
    return android if request.param == "android" else lambda **changes: apple(counter=next(counters), **changes)


@pytest.fixture
def mark(times):
    standard = HistoryMark(at=times.start, tier=Tier.AFFIRMING, flipped=False)
    return lambda **changes: replace(standard, **changes)


@pytest.fixture
def counters(dynamodb):
    return DynamoEnrolmentCounters(client=dynamodb, table=NONCES)


@pytest.fixture
def count(times):
    return lambda keyed_hash="abc", limit=None: EnrolmentCount(keyed_hash=keyed_hash, at=times.start, limit=limit)


def test_hours_are_the_clocks():
    turn = datetime(2026, 3, 1, 13, tzinfo=UTC)
    assert hour_of(turn) == hour_of(turn - timedelta(microseconds=1)) + 1
    assert end_of_hour(turn - timedelta(hours=1)) == end_of_hour(turn - timedelta(microseconds=1)) == turn


def test_marks_come_back_as_they_were(commit, instances, make, mark, times):
    later = times.start + timedelta(hours=3)
    hard = (AppraisalReason.RASP_HOOKING, AppraisalReason.RASP_ROOTED)
    commit(ENROL, make(), mark=mark())
    commit(RENEW, make(), mark=mark(at=later, tier=Tier.CONTRAINDICATED, flipped=True, hard=hard))
    assert instances.by_jkt(make().jkt).history == History(
        tiers={Tier.AFFIRMING: times.start, Tier.CONTRAINDICATED: later},
        hard={"rasp_hooking": later, "rasp_rooted": later},
        attested={hour_of(times.start): 1, hour_of(later): 1},
        flipped={hour_of(later): 1},
    )


def test_a_mark_moves_nothing_but_history(commit, dynamodb, android, mark, times):
    def stored():
        return dynamodb.get_item(TableName=INSTANCES, Key={"id": {"S": f"instance#{android().jkt}"}})["Item"]

    commit(ENROL, android())
    before = stored()
    commit(RENEW, android(attested_at=times.start + timedelta(days=1)), mark=mark(hard=(AppraisalReason.RASP_ROOTED,)))
    assert {name for name, value in stored().items() if before.get(name) != value} == {
        "history_tier_affirming",
        "history_hard_rasp_rooted",
        f"history_attested_{hour_of(times.start)}",
    }


def test_what_is_over_is_removed_with_the_next_mark(commit, instances, make, mark, times):
    commit(ENROL, make(), mark=mark(flipped=True))
    for hours, attested, flipped in ((1, 2, 1), (2, 2, 1), (23, 1, 1), (24, 2, 0)):
        standing = instances.by_jkt(make().jkt)
        commit(RENEW, make(history=standing.history), mark=mark(at=times.start + timedelta(hours=hours)))
        history = instances.by_jkt(make().jkt).history
        assert (len(history.attested), len(history.flipped)) == (attested, flipped)


def test_of_two_tiers_at_one_time_the_worse_was_last(times):
    tiers = {Tier.CONTRAINDICATED: times.start, Tier.AFFIRMING: times.start, Tier.WARNING: times.start - times.tick}
    assert History(tiers=tiers).last_tier is Tier.CONTRAINDICATED
    assert History().last_tier is None


def test_no_more_marks_in_an_hour_than_the_limit(commit, make, mark, times):
    commit(ENROL, make(), mark=mark(most_attestations=3))
    outcomes = [commit(RENEW, make(), mark=mark(most_attestations=3)) for _ in range(3)]
    assert outcomes == [CommitOutcome.DONE, CommitOutcome.DONE, CommitOutcome.INSTANCE_CONFLICT]
    assert commit(ENROL, make(), mark=mark(most_attestations=3)) is CommitOutcome.INSTANCE_CONFLICT
    next_hour = mark(at=times.start + timedelta(hours=1), most_attestations=3)
    assert commit(RENEW, make(), mark=next_hour) is CommitOutcome.DONE


def test_a_mark_that_has_no_room_writes_nothing(commit, instances, android, mark):
    commit(ENROL, android(), mark=mark(most_attestations=1))
    before = instances.by_jkt(android().jkt)
    commit(RENEW, android(), mark=mark(tier=Tier.NONE, flipped=True, most_attestations=1))
    assert instances.by_jkt(android().jkt) == before


def test_many_at_once_stay_within_the_limit(race, commit, instances, android, mark):
    commit(ENROL, android(), mark=mark(most_attestations=10))
    outcomes = race(MANY, lambda _: commit(RENEW, android(), mark=mark(most_attestations=10)))
    assert outcomes.count(CommitOutcome.DONE) == 9
    assert outcomes.count(CommitOutcome.INSTANCE_CONFLICT) == MANY - 9
    assert list(instances.by_jkt(android().jkt).history.attested.values()) == [10]


def test_a_reason_that_the_registry_lost_stays_readable(commit, instances, dynamodb, android):
    commit(ENROL, android())
    alter(dynamodb, android(), "history_hard_of_last_year", {"N": "1700000000000"})
    assert set(instances.by_jkt(android().jkt).history.hard) == {"of_last_year"}


def alter(dynamodb, instance, name, value):
    dynamodb.update_item(
        TableName=INSTANCES,
        Key={"id": {"S": f"instance#{instance.jkt}"}},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": value},
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("history_tier_splendid", {"N": "1"}),
        ("history_hard_", {"N": "1"}),
        ("history_hard_Loud", {"N": "1"}),
        ("history_attested_", {"N": "1"}),
        ("history_attested_-1", {"N": "1"}),
        ("history_attested_007", {"N": "1"}),
        ("history_flipped_noon", {"N": "1"}),
        ("history_of_mankind", {"N": "1"}),
        ("history_", {"N": "1"}),
        ("history_tier_affirming", {"S": "1"}),
        ("history_tier_affirming", {"N": "-1"}),
        ("history_tier_affirming", {"N": "1.5"}),
        ("history_hard_rasp_rooted", {"N": "253402300800000"}),
    ],
)
def test_history_that_is_none_of_ours_is_a_malfunction(commit, instances, dynamodb, android, name, value):
    commit(ENROL, android())
    alter(dynamodb, android(), name, value)
    with pytest.raises(Malfunction) as malfunction:
        instances.by_jkt(android().jkt)
    assert malfunction.value.reason is MalfunctionReason.STORE_UNAVAILABLE


def test_enrolments_are_counted_with_the_commit(commit, counters, android, count):
    assert counters.read([count(), count("def")]) == (0, 0)
    for key in (1, 2, 3):
        commit(ENROL, android(key=key), enrolments=[count(), *([count("def")] if key == 1 else [])])
    assert counters.read([count("def"), count()]) == (1, 3)


def test_a_counter_at_its_limit_enrols_nobody(commit, counters, instances, android, count):
    outcomes = [commit(ENROL, android(key=key), enrolments=[count(), count("def", 2)]) for key in (1, 2, 3)]
    assert outcomes == [CommitOutcome.DONE, CommitOutcome.DONE, CommitOutcome.ENROLMENT_LIMIT]
    assert instances.by_jkt(android(key=3).jkt) is None
    assert counters.read([count(), count("def", 2)]) == (2, 2)


def test_an_instance_that_is_in_the_way_is_named_first(commit, apple, count):
    commit(ENROL, apple(key=1), enrolments=[count(limit=1)])
    taken = apple(key=2)  # the App Attest key of the first
    assert commit(ENROL, taken, enrolments=[count(limit=1)]) is CommitOutcome.INSTANCE_CONFLICT


def test_many_enrolments_at_once_stay_within_the_limit(race, commit, counters, android, count):
    outcomes = race(MANY // 2, lambda number: commit(ENROL, android(key=number + 1), enrolments=[count(limit=7)]))
    assert outcomes.count(CommitOutcome.DONE) == 7
    assert outcomes.count(CommitOutcome.ENROLMENT_LIMIT) == MANY // 2 - 7
    assert counters.read([count(limit=7)]) == (7,)


class TestShards:
    """Of counts that many share: transactions that meet on one item cancel each other."""

    @pytest.fixture
    def cancelling(self, dynamodb):
        """The next `times` transactions are cancelled, as DynamoDB would, for these reasons of their last items."""

        def cancel(*codes, times=1):
            left, shards = [None] * times, []

            def answer(params, **_):
                items = json.loads(params["body"])["TransactItems"]
                shards.append(items[-1]["Update"]["Key"]["id"]["S"])
                if not left:
                    return None
                left.pop()
                reasons = [{"Code": code} for code in (*["None"] * (len(items) - len(codes)), *codes)]
                parsed = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
                return AWSResponse("", 400, {}, None), parsed

            dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", answer)
            return shards

        return cancel

    def test_an_enrolment_that_meets_another_one_is_counted_beside_it(
        self, commit, counters, android, count, cancelling
    ):
        shards = cancelling("TransactionConflict", "None", times=3)
        counted = [count("def", 5_000), count("abc", 5_000)]
        assert commit(ENROL, android(), enrolments=counted) is CommitOutcome.DONE
        assert len(set(shards)) == 4
        assert counters.read(counted) == (1, 1)

    def test_where_all_are_taken_the_phone_comes_again(self, commit, instances, android, count, cancelling):
        shards = cancelling("TransactionConflict", times=99)
        with pytest.raises(Malfunction) as malfunction:
            commit(ENROL, android(), enrolments=[count(limit=5_000)])
        assert malfunction.value.reason is MalfunctionReason.BUSY
        assert len(set(shards)) == len(shards) == 16
        assert instances.by_jkt(android().jkt) is None

    def test_a_count_of_few_places_is_one_item_that_is_waited_for(self, commit, android, count, cancelling):
        shards = cancelling("TransactionConflict", "None", times=99)
        with pytest.raises(Malfunction) as malfunction:
            commit(ENROL, android(), enrolments=[count("def", 20), count(limit=5_000)])
        assert malfunction.value.reason is MalfunctionReason.BUSY
        assert len(shards) == 1

    def test_one_that_is_full_is_no_end_of_the_others(self, commit, android, count, cancelling):
        cancelling("ConditionalCheckFailed", times=5)
        assert commit(ENROL, android(), enrolments=[count(limit=5_000)]) is CommitOutcome.DONE

    def test_all_that_are_full_are_the_limit(self, commit, android, count, cancelling):
        cancelling("ConditionalCheckFailed", times=16)
        assert commit(ENROL, android(), enrolments=[count(limit=5_000)]) is CommitOutcome.ENROLMENT_LIMIT

    def test_full_ones_beside_busy_ones_are_not_the_limit(self, commit, android, count, cancelling):
        full, busy = ("ConditionalCheckFailed", "None"), ("None", "TransactionConflict")
        cancelling(*full, times=15)
        cancelling(*busy, times=1)
        with pytest.raises(Malfunction) as malfunction:
            commit(ENROL, android(), enrolments=[count("def", 5_000), count(limit=5_000)])
        assert malfunction.value.reason is MalfunctionReason.BUSY

    @pytest.mark.parametrize(("limit", "shards"), [(None, 16), (1, 1), (511, 1), (512, 2), (5_000, 16), (10**6, 16)])
    def test_the_more_places_the_more_items(self, counters, dynamodb, count, limit, shards):
        asked = []
        dynamodb.meta.events.register(
            "provide-client-params.dynamodb.BatchGetItem", lambda params, **_: asked.append(params["RequestItems"])
        )
        counters.read([count(limit=limit)])
        assert [len(table["Keys"]) for table in asked[0].values()] == [shards]

    def test_the_parts_are_rounded_up_and_no_race_gets_more(self, race, commit, counters, android, count, monkeypatch):
        monkeypatch.setattr(enrolment_counters, "_PLACES_OF_A_SHARD", 2)
        limited = count(limit=7)  # three shards of three
        outcomes = race(MANY // 4, lambda number: commit(ENROL, android(key=number + 1), enrolments=[limited]))
        assert outcomes.count(CommitOutcome.DONE) == 9
        assert outcomes.count(CommitOutcome.ENROLMENT_LIMIT) == MANY // 4 - 9
        assert counters.read([limited]) == (9,)


def test_a_count_that_dynamodb_could_not_read_is_not_zero(dynamodb, counters, commit, android, count):
    commit(ENROL, android(), enrolments=[count()])

    def leave_out(parsed, **_):
        parsed["UnprocessedKeys"] = {NONCES: {"Keys": parsed["Responses"].pop(NONCES)}}

    dynamodb.meta.events.register("after-call.dynamodb.BatchGetItem", leave_out)
    with pytest.raises(Malfunction) as malfunction:
        counters.read([count()])
    assert malfunction.value.reason is MalfunctionReason.STORE_UNAVAILABLE


@pytest.mark.parametrize("stored", [{"enrolments": {"N": "0"}}, {"enrolments": {"S": "1"}}, {"more": {"N": "1"}}])
def test_a_stored_count_that_is_none_is_a_malfunction(dynamodb, counters, commit, android, count, stored):
    commit(ENROL, android(), enrolments=[count()])
    items = dynamodb.scan(TableName=NONCES)["Items"]
    [item] = [item for item in items if item["id"]["S"].startswith("enrolled#abc#")]
    dynamodb.put_item(TableName=NONCES, Item=item | stored)
    with pytest.raises(Malfunction):
        counters.read([count()])
