"""Phones that no platform vouches for, through the whole service: admitted by name, so many a day, and never kept."""

import json
from dataclasses import replace

import pytest
import rfc8785

from assay_toolkit.simulator.conditions import CONDITIONS
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.play_integrity import PlayServices, Request, SimulatedPlay
from chalicelib.model.descriptor import Purpose
from chalicelib.model.reasons import AppraisalReason, RefusalReason
from chalicelib.model.trust import Tier
from chalicelib.service.ports import EventKind
from tests.service.world import GATEWAY, reproved

DAILY = 2
UNSUPPORTED = {"format": "unattested", "cause": "unsupported"}


@pytest.fixture
def admit(documents):
    """Puts a policy in force that admits such phones on these platforms."""

    def act(**daily):
        policy = json.loads(documents.read(documents.active()["policy"].digest))
        for platform, number in daily.items():
            policy["failures"][platform]["unsupported_phone"] = {"tier": "none", "daily": number}
        documents.publish("policy", rfc8785.dumps(policy))

    return act


@pytest.fixture
def phone(world, admit):
    admit(android=DAILY, apple=100)
    return world.phone(AndroidPhone, condition=CONDITIONS["unattested"])


def budget(world):
    items = [item for item in world.tables.items(world.tables.nonces) if item["id"]["S"].startswith("budget#")]
    return {item["id"]["S"]: int(item["calls"]["N"]) for item in items}


def instances(world):
    return world.tables.items(world.tables.instances)


class TestAdmitted:
    def test_it_gets_a_token_that_says_none(self, world, phone):
        answer = world.enrol(phone)
        assert answer.status == 200
        assert answer.claims["ear_status"] == "none"
        submods = answer.claims["submods"]
        assert {name: submods[name]["ear_status"] for name in submods} == {"unattested": "none", "rasp": "affirming"}
        record = world.decisions.records[-1]
        assert (record.tier, record.reasons) == (Tier.NONE, (AppraisalReason.PLATFORM_UNSUPPORTED,))
        assert record.platform is None
        assert record.jkt == phone.jkt

    def test_nothing_is_kept_and_the_next_challenge_is_for_enrolment(self, world, phone):
        answer = world.enrol(phone)
        assert instances(world) == []
        assert answer.members["challenge"]["purpose"] == "enrol"
        assert world.attest(phone.build_renewal(challenge=world.challenge(Purpose.RENEW))).status == 403
        assert world.refusal is RefusalReason.INSTANCE_UNKNOWN
        assert world.attest(phone.build_enrolment(challenge=answer.next_challenge)).status == 200

    def test_the_same_body_gets_the_same_token_and_costs_once(self, world, phone):
        body = phone.build_enrolment(challenge=world.challenge())
        assert world.attest(body).claims["jti"] == world.attest(body).claims["jti"]
        assert list(budget(world).values()) == [1]

    def test_a_gateway_that_reads_no_verdict_takes_none_of_its_tokens(self, world, admit):
        admit(android=DAILY, apple=DAILY)
        phone = world.phone(AndroidPhone, condition=CONDITIONS["unattested"], audience=GATEWAY)
        assert world.enrol(phone).claims["aud"] == "below minimum tier"

    def test_what_it_claims_is_the_reason_and_buys_nothing(self, world, phone):
        one = world.enrol(phone)
        sound = phone.enrolment(challenge=world.challenge())
        other = world.attest(replace(sound, statement={**UNSUPPORTED, "cause": "platform_unavailable"}).encode())
        assert world.decisions.records[-1].reasons == (AppraisalReason.PLATFORM_UNAVAILABLE_CLAIMED,)
        assert one.claims["ear_status"] == other.claims["ear_status"] == "none"
        assert list(budget(world).values()) == [2]

    def test_a_rooted_one_is_low(self, world, admit):
        admit(android=DAILY, apple=DAILY)
        rooted = replace(CONDITIONS["rooted"], attested=False)
        assert world.enrol(world.phone(AndroidPhone, condition=rooted)).claims["ear_status"] == "contraindicated"

    def test_a_policy_that_is_replaced_ends_it_at_once(self, world, phone, documents):
        before = documents.active()["policy"].digest
        assert world.enrol(phone).status == 200
        policy = json.loads(documents.read(before))
        for classes in policy["failures"].values():
            classes.pop("unsupported_phone", None)
        documents.publish("policy", rfc8785.dumps(policy))
        world.clock.advance(3)
        assert world.enrol(phone).status == 403
        assert world.refusal is RefusalReason.PLATFORM_STATEMENT_MISSING


class TestTheBudget:
    def test_beyond_it_they_are_refused_until_tomorrow(self, world, phone):
        for _ in range(DAILY):
            assert world.enrol(phone).status == 200
        answer = world.enrol(phone)
        assert (answer.status, answer.members["type"]) == (403, "urn:assay:problem:phone-not-supported")
        assert world.refusal is RefusalReason.UNATTESTED_BUDGET_SPENT
        assert world.events.said == [(EventKind.BUDGET_SPENT, "bank", "unattested")]
        assert answer.members["challenge"]["purpose"] == "enrol"
        world.clock.advance(86_400)
        assert world.enrol(phone).status == 200
        assert sorted(budget(world).values()) == [1, DAILY]

    def test_it_is_the_smallest_of_the_apps_platforms_and_each_app_has_its_own(self, world, phone):
        for _ in range(DAILY):
            world.enrol(phone)
        for app in ("broker", "apple-only"):
            assert world.enrol(world.phone(AndroidPhone, app=app, condition=CONDITIONS["unattested"])).status == 200
        # On Apple's platforms alone, what stands for Android does not count.
        for _ in range(DAILY + 1):
            other = world.phone(ApplePhone, app="apple-only", condition=CONDITIONS["unattested"])
            assert world.enrol(other).status == 200

    def test_nothing_is_spent_on_what_is_refused_anyhow(self, world, phone):
        sound = phone.enrolment(challenge=world.challenge())
        for broken in (
            replace(sound, proof=phone.renewal(challenge=bytes(32)).proof),
            replace(phone.enrolment(challenge=world.challenge()), rasp_report=b"{"),
        ):
            assert world.attest(broken.encode()).status >= 400
        assert budget(world) == {}


class TestRefused:
    def test_where_one_of_the_apps_platforms_is_not_configured(self, world, admit):
        admit(android=DAILY)
        assert world.enrol(world.phone(AndroidPhone, condition=CONDITIONS["unattested"])).status == 403
        assert world.refusal is RefusalReason.PLATFORM_STATEMENT_MISSING
        only = world.phone(AndroidPhone, app="android-only", condition=CONDITIONS["unattested"])
        assert world.enrol(only).status == 200

    @pytest.mark.parametrize("kind", [AndroidPhone, ApplePhone])
    def test_a_key_that_enrolled_with_a_platforms_word(self, world, admit, kind):
        admit(android=DAILY, apple=DAILY)
        attested = world.phone(kind)
        world.enrol(attested)
        before = world.instance(attested.jkt)
        submission = attested.renewal(challenge=world.challenge(Purpose.RENEW))
        enrolling = world.phone(kind, condition=CONDITIONS["unattested"]).enrolment(challenge=world.challenge())
        stolen = reproved(replace(enrolling, statement=UNSUPPORTED), key=attested.instance_key)
        assert world.attest(stolen.encode()).status == 403
        assert world.refusal is RefusalReason.PLATFORM_STATEMENT_MISSING
        assert world.attest(replace(submission, statement=UNSUPPORTED).encode()).status >= 400
        assert world.instance(attested.jkt) == before
        assert budget(world) == {}

    def test_with_an_integrity_token(self, world, phone):
        services = PlayServices(request=Request.CLASSIC, play=SimulatedPlay(clock=world.clock.now))
        token = world.phone(AndroidPhone, play_integrity=services).enrolment(challenge=bytes(32)).play_integrity
        submission = replace(phone.enrolment(challenge=world.challenge()), play_integrity=token)
        assert world.attest(submission.encode()).status == 400
        assert world.refusal is RefusalReason.EVIDENCE_COMBINATION
        assert budget(world) == {}
