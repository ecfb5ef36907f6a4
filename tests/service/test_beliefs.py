"""What is in force is read often, parsed once, and never silently old."""

from datetime import timedelta

import pytest

from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from chalicelib.endorsements.apple_roots import APPLE_ANCHORS
from chalicelib.endorsements.google_roots import GOOGLE_ANCHORS
from chalicelib.endorsements.trust_anchors import BUILT_IN, AnchorUse
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.service.beliefs import Beliefs
from tests.service.world import APPS, SIMULATED, register, status_list, trust_anchors


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
        ("trust_anchors", MalfunctionReason.ENDORSEMENTS_UNAVAILABLE),
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
    good = {
        "apps": register(),
        "policy": policy,
        "google_status": status_list(),
        "trust_anchors": trust_anchors(*GOOGLE_ANCHORS),
    }[kind]
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


def test_a_status_list_is_as_old_as_its_last_fetch(beliefs, documents, clock):
    documents.publish("google_status", status_list())
    clock.advance(3_600)
    seen = documents.real.active()["google_status"]
    fetched = clock.now() - timedelta(minutes=1)
    assert documents.real.fetched_again(kind="google_status", seen=seen, fetched_at=fetched)
    assert beliefs.in_force().status_list_at == fetched


def test_where_nobody_says_when_it_was_fetched_it_is_as_old_as_its_activation(beliefs, documents, clock):
    assert beliefs.in_force().status_list_at is None
    documents.publish("google_status", status_list())
    activated = clock.now()
    clock.advance(86_400)
    assert beliefs.in_force().status_list_at == activated
    documents.publish("google_status", status_list())  # the same bytes, looked up again
    clock.advance(2)
    assert beliefs.in_force().status_list_at == activated + timedelta(days=1)


class TestTrustAnchors:
    """The simulator's roots stand in the vendors' place here, as those that are built in."""

    def test_without_a_document_the_built_in_ones_hold(self, beliefs):
        anchors = beliefs.in_force().anchors
        built_in = (anchors.android, anchors.apple, anchors.apple_receipts)
        assert built_in == tuple(SIMULATED[use] for use in AnchorUse)

    @pytest.mark.parametrize("use", AnchorUse)
    def test_a_document_replaces_the_uses_that_it_names_and_leaves_the_others(self, beliefs, documents, use):
        documents.publish("trust_anchors", trust_anchors(*GOOGLE_ANCHORS, use=use.value))
        anchors = beliefs.in_force().anchors
        held = dict(zip(AnchorUse, (anchors.android, anchors.apple, anchors.apple_receipts), strict=True))
        assert [anchor.spki for anchor in held.pop(use)] == [anchor.spki for anchor in GOOGLE_ANCHORS]
        assert held == {other: SIMULATED[other] for other in held}

    def test_records_name_both_documents(self, beliefs, documents, clock):
        anchored = documents.publish("trust_anchors", trust_anchors(*GOOGLE_ANCHORS))
        assert beliefs.in_force().endorsements_id == f"trust_anchors@{anchored}"
        listed = documents.publish("google_status", status_list())
        clock.advance(2)
        assert beliefs.in_force().endorsements_id == f"google_status@{listed},trust_anchors@{anchored}"

    def test_extra_anchors_stand_beside_those_in_force(self, documents, clock):
        extra = SIMULATED[AnchorUse.ANDROID_KEY]
        local = Beliefs(documents=documents, clock=clock, extra_anchors=extra, simulated_phones=True)
        documents.publish("trust_anchors", trust_anchors(*APPLE_ANCHORS))
        anchors = local.in_force().anchors
        expected = [anchor.spki for anchor in (*APPLE_ANCHORS, *extra)]
        assert [anchor.spki for anchor in anchors.android] == expected
        assert anchors.apple == BUILT_IN[AnchorUse.APP_ATTEST] + extra
        assert anchors.apple_receipts == BUILT_IN[AnchorUse.APP_ATTEST_RECEIPT] + extra

    def test_outside_the_local_stage_a_simulated_root_in_force_is_a_malfunction(self, documents, clock):
        documents.publish("trust_anchors", trust_anchors(*SIMULATED[AnchorUse.ANDROID_KEY]))
        deployed = Beliefs(documents=documents, clock=clock)
        assert reason(deployed.in_force) is MalfunctionReason.ENDORSEMENTS_UNAVAILABLE
        assert set(deployed.apps()) == set(APPS)

    def test_a_phone_whose_root_was_taken_out_of_force_enrols_no_more(self, world, android):
        """Who enrolled before renews: what policy wants of old statements is a rule on their age."""
        assert world.enrol(android).status == 200
        world.documents.publish("trust_anchors", trust_anchors(*GOOGLE_ANCHORS))
        world.clock.advance(2)
        assert world.renew(android).status == 200
        assert world.enrol(world.phone(AndroidPhone)).status == 403
        assert world.refusal is RefusalReason.CHAIN_ROOT_UNKNOWN
        assert world.enrol(world.phone(ApplePhone)).status == 200
        assert "trust_anchors@" in world.decisions.records[-1].endorsements_id


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
