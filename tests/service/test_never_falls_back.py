"""An enrolled instance is never satisfied with less than what enrolled it: whatever comes instead, nothing moves."""

from dataclasses import replace

import pytest

from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from chalicelib.model.descriptor import Purpose
from chalicelib.model.reasons import RefusalReason
from tests.service.world import reproved, with_its_keys

UNATTESTED = {"format": "unattested", "cause": "platform_unavailable"}


@pytest.fixture
def foreign_statement(world):
    """A genuine statement of the other platform, over this very submission where that platform can."""

    def make(phone, *, challenge, binding):
        if isinstance(phone, AndroidPhone):
            return world.phone(ApplePhone).attestation_statement(binding=binding)
        return world.phone(AndroidPhone).key_statement(challenge=challenge)

    return make


def nothing(_phone, **_):
    return None


def unattested(_phone, **_):
    return UNATTESTED


def other_assertion(world):
    """Of an iPhone's App Attest key, enrolled with another instance."""

    def make(_phone, *, challenge, binding):  # noqa: ARG001 - one signature for all
        other = world.phone(ApplePhone)
        world.enrol(other)
        return other.assertion_statement(binding=binding)

    return make


@pytest.fixture(params=["nothing", "unattested", "of the other platform", "another phone's assertion"])
def instead(request, world, foreign_statement):
    return {
        "nothing": nothing,
        "unattested": unattested,
        "of the other platform": foreign_statement,
        "another phone's assertion": other_assertion(world),
    }[request.param]


@pytest.mark.parametrize("purpose", list(Purpose))
def test_nothing_weaker_takes_the_place_of_what_enrolled_it(world, phone, instead, purpose):
    if (isinstance(phone, AndroidPhone), instead, purpose) == (True, nothing, Purpose.RENEW):
        pytest.skip("an Android renewal is by the attested key itself and has no other statement")
    assert world.enrol(phone).claims["ear_status"] == "affirming"
    before = world.instance(phone.jkt)
    challenge = world.challenge(purpose)
    submission = with_its_keys(phone, purpose=purpose, challenge=challenge)
    statement = instead(phone, challenge=challenge, binding=submission.binding)
    answer = world.attest(replace(submission, statement=statement).encode())
    assert 400 <= answer.status < 500
    assert "token" not in answer.members
    assert world.instance(phone.jkt) == before
    # And what enrolled it goes on.
    assert world.renew(phone).claims["ear_status"] == "affirming"


def test_an_iphone_does_not_take_an_android_instance_over(world, android):
    """The two conspire: a genuine attestation that covers the other one's instance key, with a proof by it."""
    world.enrol(android)
    before = world.instance(android.jkt)
    iphone = world.phone(ApplePhone)
    challenge = world.challenge()
    submission = reproved(iphone.enrolment(challenge=challenge), key=android.instance_key)
    statement = iphone.attestation_statement(binding=submission.binding)
    assert world.attest(replace(submission, statement=statement).encode()).status == 403
    assert world.refusal is RefusalReason.INSTANCE_KEY_TAKEN
    assert world.instance(android.jkt) == before
    # The App Attest key was not tied to it on the way.
    items = world.tables.items(world.tables.instances)
    assert [item["id"]["S"] for item in items if item["id"]["S"].startswith("app_attest#")] == []
