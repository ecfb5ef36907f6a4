"""What is in force is read often, parsed once, and never silently old."""

from datetime import timedelta

import pytest

from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from tests.service.world import APPS, register, status_list


def reason(ask) -> MalfunctionReason:
    with pytest.raises(Malfunction) as caught:
        ask()
    return caught.value.reason


def test_active_is_read_every_two_seconds_at_most(beliefs, documents, clock):
    for _ in range(20):
        beliefs.in_force()
        clock.advance(0.5)
    assert documents.called.count("active") == 5


def test_a_document_is_read_and_parsed_once(beliefs, documents, clock):
    first = beliefs.in_force()
    clock.advance(100)
    assert beliefs.in_force().policy is first.policy
    assert documents.called.count("read") == 2


def test_an_activation_is_in_force_two_seconds_later(beliefs, documents, clock):
    assert set(beliefs.apps()) == set(APPS)
    documents.publish("apps", register({"bank": APPS["bank"]}))
    clock.advance(1.9)
    assert set(beliefs.apps()) == set(APPS)
    clock.advance(0.1)
    assert set(beliefs.apps()) == {"bank"}


def test_a_store_that_does_not_answer_is_bridged_for_less_than_ten_seconds(beliefs, documents, clock):
    known = beliefs.in_force()
    documents.broken = {"active"}
    clock.advance(9.9)
    assert beliefs.in_force().policy is known.policy
    clock.advance(0.1)
    assert reason(beliefs.in_force) is MalfunctionReason.STORE_UNAVAILABLE
    assert reason(beliefs.apps) is MalfunctionReason.STORE_UNAVAILABLE


def test_the_time_that_a_store_takes_to_fail_counts_too(beliefs, documents, clock, monkeypatch):
    def no_answer():
        clock.advance(4)
        raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE)

    known = beliefs.in_force()
    monkeypatch.setattr(documents, "active", no_answer)
    clock.advance(2)
    assert beliefs.in_force().policy is known.policy  # 6 s after the last reading
    clock.advance(2)
    assert reason(beliefs.in_force) is MalfunctionReason.STORE_UNAVAILABLE  # asked 8 s after it, and 12 s when it fails


def test_a_store_that_does_not_answer_is_not_hammered(beliefs, documents, clock):
    beliefs.in_force()
    documents.broken = {"active"}
    clock.advance(20)
    for _ in range(10):
        reason(beliefs.in_force)
    assert documents.called.count("active") == 2


def test_a_store_that_answers_again_is_believed_again(beliefs, documents, clock):
    beliefs.in_force()
    documents.broken = {"active"}
    clock.advance(20)
    reason(beliefs.in_force)
    documents.broken = set()
    clock.advance(2)
    assert set(beliefs.in_force().apps) == set(APPS)


def test_a_worker_that_never_read_anything_believes_nothing(beliefs, documents):
    documents.broken = {"active"}
    assert reason(beliefs.in_force) is MalfunctionReason.STORE_UNAVAILABLE


def test_a_document_that_cannot_be_read_is_not_replaced_by_the_one_before(beliefs, documents, clock):
    beliefs.in_force()
    documents.publish("apps", register({"bank": APPS["bank"]}))
    documents.broken = {"read"}
    clock.advance(2)
    assert reason(beliefs.in_force) is MalfunctionReason.STORE_UNAVAILABLE


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("apps", MalfunctionReason.APPS_UNAVAILABLE),
        ("policy", MalfunctionReason.POLICY_UNAVAILABLE),
        ("google_status", MalfunctionReason.ENDORSEMENTS_UNAVAILABLE),
    ],
)
def test_a_document_that_does_not_parse_is_a_malfunction_at_once_and_until_it_is_replaced(
    beliefs, documents, clock, policy, kind, expected
):
    documents.publish("google_status", status_list())
    beliefs.in_force()
    documents.publish(kind, b"{}")
    clock.advance(2)
    assert reason(beliefs.in_force) is expected
    reads = documents.called.count("read")
    assert reason(beliefs.in_force) is expected
    assert documents.called.count("read") == reads
    good = {"apps": register(), "policy": policy, "google_status": status_list()}[kind]
    documents.publish(kind, good)
    clock.advance(2)
    assert set(beliefs.in_force().apps) == set(APPS)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("apps", MalfunctionReason.APPS_UNAVAILABLE), ("policy", MalfunctionReason.POLICY_UNAVAILABLE)],
)
def test_nothing_in_force_is_a_malfunction(beliefs, tables, kind, expected):
    tables.withdraw(kind)
    assert reason(beliefs.in_force) is expected


def test_a_status_list_is_optional_and_named_when_there_is_one(beliefs, documents, clock):
    assert beliefs.in_force().status_list is None
    assert beliefs.in_force().endorsements_id is None
    digest = documents.publish("google_status", status_list(0xA1))
    clock.advance(2)
    believed = beliefs.in_force()
    assert believed.status_list.lookup([0xA1])
    assert believed.endorsements_id == f"google_status@{digest}"


def test_a_status_list_is_as_old_as_its_activation(beliefs, documents, clock):
    assert beliefs.in_force().status_list_at is None
    documents.publish("google_status", status_list())
    activated = clock.now()
    clock.advance(86_400)
    assert beliefs.in_force().status_list_at == activated
    documents.publish("google_status", status_list())  # the same bytes, looked up again
    clock.advance(2)
    assert beliefs.in_force().status_list_at == activated + timedelta(days=1)


def test_challenges_are_issued_while_the_policy_is_broken(beliefs, documents):
    documents.publish("policy", b"{}")
    assert set(beliefs.apps()) == set(APPS)


def test_documents_out_of_force_are_forgotten_in_the_end(beliefs, documents, clock):
    for number in range(6):
        documents.publish("apps", register({f"app-{number}": APPS["bank"]}))
        clock.advance(2)
        beliefs.apps()
    documents.publish("apps", register({"app-0": APPS["bank"]}))
    clock.advance(2)
    reads = documents.called.count("read")
    beliefs.apps()
    assert documents.called.count("read") == reads + 1
