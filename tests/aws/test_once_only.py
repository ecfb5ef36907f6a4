"""At most one answer ever leaves: under races, and with a worker killed at each arrow of docs/once-only.md."""

import itertools
import threading
from dataclasses import replace

import pytest
from moto.dynamodb.responses import DynamoHandler

from chalicelib.model.descriptor import Purpose
from chalicelib.model.reasons import RefusalReason
from chalicelib.service.ports import Claimed, CommitOutcome, InProgress, InstanceChange, StoredAnswer

BODY, OTHER_BODY = b"\x0a" * 32, b"\x0b" * 32
THREADS = 64


class Killed(BaseException):
    """The worker is gone: nothing of ours catches it, as nothing catches a stopped Lambda."""


class Worker:
    """Claim, sign, commit, send: what a use case does, in the fewest steps. Every signature is another one."""

    def __init__(self, challenges, new_challenge, instance):
        self._challenges = challenges
        self._new_challenge = new_challenge
        self._instance = instance
        self._numbers = itertools.count(1_000)
        self._lock = threading.Lock()
        self.signed = []
        self.sent = []
        self.kill_after_signing = False

    def submit(self, challenge, *, body=BODY, now):
        outcome = self._challenges.claim(
            challenge=challenge, app="bank", purpose=Purpose.RENEW, body_digest=body, now=now
        )
        if isinstance(outcome, Claimed):
            answer = self._sign()
            if self.kill_after_signing:
                raise Killed
            committed = self._challenges.commit(
                held=outcome,
                answer=answer,
                next_challenge=self._new_challenge(self._number()),
                change=(InstanceChange.RENEW, self._instance),
            )
            if committed is CommitOutcome.DONE:
                outcome = answer
            else:
                outcome = self._challenges.look(challenge=challenge, body_digest=body, now=now)
        if isinstance(outcome, StoredAnswer):
            self.sent.append(outcome)
        return outcome

    def _number(self):
        with self._lock:
            return next(self._numbers)

    def _sign(self):
        answer = StoredAnswer(status=200, body=b"token %d" % self._number())
        self.signed.append(answer)
        return answer


@pytest.fixture
def enrol(challenges, new_challenge, times):
    numbers = itertools.count(900_000, 2)

    def stored(instance):
        number = next(numbers)
        challenges.issue(new_challenge(number))
        held = challenges.claim(
            challenge=new_challenge(number).value,
            app="bank",
            purpose=Purpose.RENEW,
            body_digest=BODY,
            now=times.start,
        )
        done = challenges.commit(
            held=held,
            answer=StoredAnswer(status=200, body=b"enrolled"),
            next_challenge=new_challenge(number + 1),
            change=(InstanceChange.ENROL, instance),
        )
        assert done is CommitOutcome.DONE

    return stored


@pytest.fixture
def worker(challenges, new_challenge, apple, enrol):
    enrol(apple(counter=0))
    return Worker(challenges, new_challenge, apple(counter=1))


@pytest.fixture
def challenge(challenges, new_challenge):
    challenges.issue(new_challenge(1))
    return new_challenge(1).value


def nonces(dynamodb):
    return dynamodb.scan(TableName="assay-test-nonces", ConsistentRead=True)["Items"]


# Races


def test_identical_submissions_have_one_winner_and_one_answer(race, worker, challenge, times):
    outcomes = race(THREADS, lambda _: worker.submit(challenge, now=times.start))
    assert len(worker.signed) == 1
    assert set(worker.sent) == set(worker.signed)
    assert {type(outcome) for outcome in outcomes} <= {StoredAnswer, InProgress}
    assert worker.submit(challenge, now=times.start + times.window) == worker.signed[0]


def test_conflicting_submissions_have_one_winner(race, worker, challenge, times):
    outcomes = race(THREADS, lambda number: worker.submit(challenge, body=bytes([number]) * 32, now=times.start))
    assert len(worker.signed) == 1
    assert outcomes.count(worker.signed[0]) == 1
    assert outcomes.count(RefusalReason.CHALLENGE_SPENT) == THREADS - 1


def test_twins_that_take_over_at_once_have_one_winner(race, worker, challenges, challenge, dynamodb, times):
    lost = challenges.claim(challenge=challenge, app="bank", purpose=Purpose.RENEW, body_digest=BODY, now=times.start)
    assert isinstance(lost, Claimed)
    race(THREADS, lambda _: worker.submit(challenge, now=times.start + times.lease))
    assert len(worker.signed) == 1
    assert set(worker.sent) == set(worker.signed)
    assert sum(item["phase"] == {"S": "issued"} for item in nonces(dynamodb)) == 2  # the enrolment's next one and this


def test_commits_of_one_hold_have_one_winner(race, challenges, challenge, new_challenge, times):
    """A hold is one worker's; were it shared, the store would still let one answer stand."""
    held = challenges.claim(challenge=challenge, app="bank", purpose=Purpose.RENEW, body_digest=BODY, now=times.start)

    def commit(number):
        return challenges.commit(
            held=held,
            answer=StoredAnswer(status=200, body=b"%d" % number),
            next_challenge=new_challenge(2_000 + number),
            change=None,
        )

    outcomes = race(THREADS, commit)
    assert outcomes.count(CommitOutcome.DONE) == 1
    assert outcomes.count(CommitOutcome.LOST) == THREADS - 1
    winner = outcomes.index(CommitOutcome.DONE)
    assert challenges.look(challenge=challenge, body_digest=BODY, now=times.start).body == b"%d" % winner


@pytest.fixture
def renew(challenges, new_challenge, apple, times):
    """Commits a renewal with its own challenge: what two submissions of one phone race for is the counter."""

    def with_counter(number, counter, **changes):
        challenges.issue(new_challenge(3_000 + number))
        held = challenges.claim(
            challenge=new_challenge(3_000 + number).value,
            app="bank",
            purpose=Purpose.RENEW,
            body_digest=BODY,
            now=times.start,
        )
        return challenges.commit(
            held=held,
            answer=StoredAnswer(status=200, body=b"%d" % number),
            next_challenge=new_challenge(4_000 + number),
            change=(InstanceChange.RENEW, replace(apple(counter=counter), **changes)),
        )

    return with_counter


def test_a_counter_is_used_once(race, enrol, renew, apple, instances):
    enrol(apple(counter=0))
    outcomes = race(THREADS, lambda number: renew(number, 5))
    assert outcomes.count(CommitOutcome.DONE) == 1
    assert outcomes.count(CommitOutcome.INSTANCE_CONFLICT) == THREADS - 1
    assert instances.by_jkt(apple().jkt).app_attest.counter == 5


def test_counters_rise_strictly(race, enrol, renew, apple, instances, monkeypatch):
    enrol(apple(counter=0))
    accepted = []
    transact = DynamoHandler.transact_write_items

    def observed(handler):
        answer = transact(handler)  # raises where the transaction is cancelled
        [moved] = [
            write["Update"]["ExpressionAttributeValues"][":app_attest_counter"]
            for write in handler.body["TransactItems"]
            if ":app_attest_counter" in write.get("Update", {}).get("ExpressionAttributeValues", {})
        ]
        accepted.append(int(moved["N"]))
        return answer

    monkeypatch.setattr(DynamoHandler, "transact_write_items", observed)
    # 37 has no divisor in common with 64: every counter from 1 to 64, in an order that goes up and down.
    outcomes = race(THREADS, lambda number: renew(number, number * 37 % THREADS + 1))
    assert accepted == sorted(set(accepted))
    assert accepted[-1] == THREADS
    assert len(accepted) == outcomes.count(CommitOutcome.DONE)
    assert set(outcomes) <= {CommitOutcome.DONE, CommitOutcome.INSTANCE_CONFLICT}
    assert instances.by_jkt(apple().jkt).app_attest.counter == THREADS


# A worker is killed


def kill(dynamodb, event):
    def handler(**_):
        raise Killed

    dynamodb.meta.events.register(event, handler, unique_id="kill")
    return lambda: dynamodb.meta.events.unregister(event, handler, unique_id="kill")


ARROWS = {
    "after issue, before the claim is sent": "before-call.dynamodb.UpdateItem",
    "after the claim, before its answer": "after-call.dynamodb.UpdateItem",
    "after signing": None,
    "before the transaction": "before-call.dynamodb.TransactWriteItems",
    "after the transaction, before its answer": "after-call.dynamodb.TransactWriteItems",
}


@pytest.mark.parametrize("event", ARROWS.values(), ids=ARROWS.keys())
def test_a_kill_at_each_arrow_leaves_one_answer(event, dynamodb, worker, challenge, instances, apple, times):
    worker.kill_after_signing = event is None
    revive = kill(dynamodb, event) if event else lambda: None
    with pytest.raises(Killed):
        worker.submit(challenge, now=times.start)
    assert worker.sent == []
    revive()
    worker.kill_after_signing = False

    later = times.start + times.lease
    answers = [worker.submit(challenge, now=later + turn * times.tick) for turn in range(3)]
    assert {type(answer) for answer in answers} == {StoredAnswer}
    assert len(set(answers)) == 1
    assert set(worker.sent) == set(answers)
    assert worker.submit(challenge, body=OTHER_BODY, now=later) is RefusalReason.CHALLENGE_SPENT
    assert instances.by_jkt(apple().jkt).app_attest.counter == 1
    # Two answered challenges (the enrolment's and this one), and the next one of each.
    assert sorted(item["phase"]["S"] for item in nonces(dynamodb)) == ["done", "done", "issued", "issued"]


@pytest.mark.parametrize("event", ["before-call.dynamodb.PutItem", "after-call.dynamodb.PutItem"])
def test_a_kill_while_issuing_leaves_nothing_that_a_phone_knows(
    event, dynamodb, challenges, new_challenge, worker, times
):
    revive = kill(dynamodb, event)
    with pytest.raises(Killed):
        challenges.issue(new_challenge(1))
    revive()
    challenges.issue(new_challenge(2))
    assert isinstance(worker.submit(new_challenge(2).value, now=times.start), StoredAnswer)


def test_a_worker_that_was_only_slow_throws_its_answer_away(challenges, worker, challenge, new_challenge, apple, times):
    slow = challenges.claim(challenge=challenge, app="bank", purpose=Purpose.RENEW, body_digest=BODY, now=times.start)
    later = times.start + times.lease
    answer = worker.submit(challenge, now=later)
    lost = challenges.commit(
        held=slow,
        answer=StoredAnswer(status=200, body=b"too late"),
        next_challenge=new_challenge(5_000),
        change=(InstanceChange.RENEW, apple(counter=1)),
    )
    # The counter stands in the way as well, but losing the hold comes first: the answer that stands is the answer.
    assert lost is CommitOutcome.LOST
    assert challenges.look(challenge=challenge, body_digest=BODY, now=later) == answer
