"""The state machine of docs/once-only.md, one transition at a time."""

from datetime import timedelta

import pytest

from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.service.ports import Claimed, CommitOutcome, InProgress, InstanceChange, StoredAnswer

BODY, OTHER_BODY = b"\x0a" * 32, b"\x0b" * 32
ANSWER = StoredAnswer(status=200, body=b'{"token":"made-up"}')
TABLE = "assay-test-nonces"


@pytest.fixture
def challenge(challenges, new_challenge):
    issued = new_challenge(1)
    challenges.issue(issued)
    return issued.value


@pytest.fixture
def claim(challenges, challenge, times):
    def at(after=timedelta(0), *, body=BODY, app="bank", purpose=Purpose.RENEW):
        return challenges.claim(
            challenge=challenge, app=app, purpose=purpose, body_digest=body, now=times.start + after
        )

    return at


@pytest.fixture
def look(challenges, challenge, times):
    return lambda after=timedelta(0), *, body=BODY: challenges.look(
        challenge=challenge, body_digest=body, now=times.start + after
    )


@pytest.fixture
def commit(challenges, new_challenge):
    def with_answer(held, *, answer=ANSWER, following=2, change=None):
        return challenges.commit(held=held, answer=answer, next_challenge=new_challenge(following), change=change)

    return with_answer


def items(dynamodb):
    return dynamodb.scan(TableName=TABLE)["Items"]


def test_the_challenge_itself_is_not_stored(dynamodb, challenge):
    assert challenge.hex() not in repr(items(dynamodb))
    assert challenge not in [value for item in items(dynamodb) for typed in item.values() for value in typed.values()]


@pytest.mark.usefixtures("challenge")
def test_ttl_waits_until_nothing_can_ask_any_more(dynamodb, times):
    [item] = items(dynamodb)
    last_claim = times.start + times.lifetime - times.tick
    assert int(item["ttl"]["N"]) > (last_claim + times.window + times.lease).timestamp()


def test_an_issued_challenge_is_claimed_once(claim):
    first = claim()
    assert isinstance(first, Claimed)
    assert claim() == InProgress()


def test_issuing_again_opens_nothing(challenges, claim, new_challenge):
    assert isinstance(claim(), Claimed)
    with pytest.raises(Malfunction) as raised:
        challenges.issue(new_challenge(1))
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
    assert claim() == InProgress()


@pytest.mark.usefixtures("challenge")
def test_issuing_may_be_repeated_after_a_lost_answer(challenges, claim, new_challenge):
    challenges.issue(new_challenge(1))
    assert isinstance(claim(), Claimed)


def test_a_claim_may_be_repeated_after_a_lost_answer(challenges, claim, commit):
    """botocore sends the same request again, the same attempt in it."""

    class Same:
        def token_bytes(self, size):
            return bytes(size)

    challenges._randomness = Same()
    first = claim()
    assert isinstance(first, Claimed)
    assert claim() == first
    assert commit(first) is CommitOutcome.DONE


def test_nor_does_a_lost_answer_hide_that_somebody_held_it_before(challenges, claim, times):
    challenges.release(claim())

    class Same:
        def token_bytes(self, size):
            return bytes(size)

    challenges._randomness = Same()
    again = claim(times.tick)
    assert again.taken_over
    assert claim(times.tick) == again


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"app": "shop"}, RefusalReason.CHALLENGE_WRONG_APP),
        ({"purpose": Purpose.ENROL}, RefusalReason.CHALLENGE_WRONG_PURPOSE),
    ],
)
def test_a_challenge_serves_one_app_and_one_purpose(claim, changes, reason):
    assert claim(**changes) is reason
    assert isinstance(claim(), Claimed)


def test_an_unknown_challenge(challenges, times):
    asked = {"challenge": bytes(32), "body_digest": BODY, "now": times.start}
    assert challenges.claim(**asked, app="bank", purpose=Purpose.RENEW) is RefusalReason.CHALLENGE_UNKNOWN
    assert challenges.look(**asked) is RefusalReason.CHALLENGE_UNKNOWN


def test_expiry_does_not_wait_for_ttl(dynamodb, claim, times):
    assert claim(times.lifetime) is RefusalReason.CHALLENGE_EXPIRED
    assert len(items(dynamodb)) == 1
    assert isinstance(claim(times.lifetime - times.tick), Claimed)


def test_the_same_body_gets_the_stored_answer_for_a_minute(claim, look, commit, times):
    assert commit(claim()) is CommitOutcome.DONE
    for after in (timedelta(0), times.window):
        assert claim(after) == ANSWER
        assert look(after) == ANSWER
    late = times.window + times.tick
    assert claim(late) is RefusalReason.CHALLENGE_SPENT
    assert look(late) is RefusalReason.CHALLENGE_SPENT


def test_the_minute_outlives_the_challenge(claim, commit, times):
    last = times.lifetime - times.tick
    assert commit(claim(last)) is CommitOutcome.DONE
    assert claim(last + times.window) == ANSWER


def test_another_body_never_gets_anything(claim, look, commit, times):
    held = claim()
    assert claim(body=OTHER_BODY) is RefusalReason.CHALLENGE_SPENT
    assert claim(times.lease, body=OTHER_BODY) is RefusalReason.CHALLENGE_SPENT
    assert look(body=OTHER_BODY) is RefusalReason.CHALLENGE_SPENT
    assert commit(held) is CommitOutcome.DONE
    assert claim(body=OTHER_BODY) is RefusalReason.CHALLENGE_SPENT


def test_takeover_when_the_lease_has_run_out_and_not_before(claim, look, times):
    first = claim()
    assert claim(times.lease - times.tick) == InProgress()
    second = claim(times.lease)
    assert isinstance(second, Claimed)
    assert second.attempt != first.attempt
    assert (first.taken_over, second.taken_over) == (False, True)
    assert claim(times.lease) == InProgress()
    assert look(times.lease * 2) == InProgress()


def test_takeovers_end_a_minute_after_the_first_claim(claim, times):
    claim()
    turns = times.window // times.lease
    for turn in range(1, turns + 1):
        assert isinstance(claim(times.lease * turn), Claimed)
    assert claim(times.lease * (turns + 1)) is RefusalReason.CHALLENGE_SPENT


def test_whoever_was_overtaken_loses_and_finds_the_answer(claim, look, commit, times):
    slow = claim()
    quick = claim(times.lease)
    assert commit(quick) is CommitOutcome.DONE
    assert commit(slow, answer=StoredAnswer(status=200, body=b"thrown away"), following=3) is CommitOutcome.LOST
    assert look(times.lease) == ANSWER


def test_whoever_was_overtaken_loses_even_before_the_answer(claim, commit, times):
    slow, quick = claim(), claim(times.lease)
    assert commit(slow) is CommitOutcome.LOST
    assert commit(quick) is CommitOutcome.DONE


def test_a_lost_commit_leaves_no_trace(dynamodb, claim, commit, instances, android, times):
    slow = claim()
    assert commit(claim(times.lease)) is CommitOutcome.DONE
    before = items(dynamodb)
    assert commit(slow, following=3, change=(InstanceChange.ENROL, android())) is CommitOutcome.LOST
    assert items(dynamodb) == before
    assert instances.by_jkt(android().jkt) is None


def test_a_released_hold_is_taken_by_the_same_body_only(challenges, claim, commit):
    held = claim()
    challenges.release(held)
    assert claim(body=OTHER_BODY) is RefusalReason.CHALLENGE_SPENT
    again = claim()
    assert isinstance(again, Claimed)
    assert commit(held) is CommitOutcome.LOST
    assert commit(again) is CommitOutcome.DONE


def test_releasing_what_is_not_held_any_more_changes_nothing(challenges, claim, commit, times):
    slow, quick = claim(), claim(times.lease)
    challenges.release(slow)
    assert claim(times.lease) == InProgress()
    assert commit(quick) is CommitOutcome.DONE
    challenges.release(quick)
    assert claim() == ANSWER


def test_the_next_challenge_comes_with_the_answer(challenges, claim, commit, new_challenge, times):
    assert commit(claim(), following=2) is CommitOutcome.DONE
    following = challenges.claim(
        challenge=new_challenge(2).value, app="bank", purpose=Purpose.RENEW, body_digest=OTHER_BODY, now=times.start
    )
    assert isinstance(following, Claimed)


def test_a_next_challenge_that_exists_already_spoils_the_commit_and_not_the_hold(
    challenges, claim, commit, new_challenge
):
    held = claim()
    challenges.issue(new_challenge(2))
    with pytest.raises(Malfunction) as raised:
        commit(held, following=2)
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
    assert claim() == InProgress()
    assert commit(held, following=3) is CommitOutcome.DONE


def test_bytes_come_back_as_they_were(claim, commit):
    answer = StoredAnswer(status=403, body=bytes(range(256)) * 250)
    assert commit(claim(), answer=answer) is CommitOutcome.DONE
    assert claim() == answer


def test_an_answer_that_no_item_holds_is_our_fault(claim, commit):
    held = claim()
    with pytest.raises(Malfunction) as raised:
        commit(held, answer=StoredAnswer(status=200, body=bytes(400_000)))
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
    assert commit(held) is CommitOutcome.DONE


@pytest.mark.parametrize(
    "damage",
    [
        {"phase": {"S": "reopened"}},
        {"claimed_at": {"S": "noon"}},
        {"claimed_at": {"N": "1.5"}},
        {"more": {"S": "member"}},
        {"attempt": {"NULL": True}},
    ],
)
def test_an_item_that_does_not_parse_is_a_malfunction(dynamodb, claim, look, damage):
    claim()
    [item] = items(dynamodb)
    dynamodb.put_item(TableName=TABLE, Item=item | damage)
    for ask in (look, claim):
        with pytest.raises(Malfunction) as raised:
            ask()
        assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
