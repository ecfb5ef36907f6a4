"""The life of an instance: how it begins, what it survives, and what leads back to the beginning."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import rfc8785

from assay_toolkit.simulator.android import with_attest_key
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from chalicelib.model.descriptor import Purpose
from chalicelib.model.reasons import AppraisalReason, RefusalReason
from tests.service.world import reproved, status_list, with_its_keys

MANY = 64


def is_led_to_enrol(answer):
    led = answer.members["remedy"], answer.members["challenge"]["purpose"]
    return led == ("re_enrol", "enrol")


def enrols_anew(world, phone, answer):
    """With new keys, for the challenge that came with the refusal."""
    again = world.attest(phone.build_enrolment(challenge=answer.next_challenge))
    return again.status == 200 and world.renew(phone).status == 200


class TestTheWayBack:
    def test_an_app_that_was_installed_again_has_new_keys(self, world, phone):
        world.enrol(phone)
        again = world.phone(type(phone))
        answer = world.renew(again)
        assert world.refusal is RefusalReason.INSTANCE_UNKNOWN
        assert is_led_to_enrol(answer)
        assert enrols_anew(world, again, answer)
        # What it was before stands by itself, and nobody has its key.
        assert world.instance(phone.jkt) is not None

    def test_an_iphone_from_a_backup_has_its_instance_key_and_another_app_attest_key(self, world, apple):
        world.enrol(apple)
        restored = with_restored_key(world, apple)
        answer = world.renew(restored)
        assert world.refusal is RefusalReason.APP_ATTEST_KEY_ID
        assert is_led_to_enrol(answer)
        # The old instance key is of no use, and an app that tries it once more is told so in the same words.
        with_old_key = with_its_keys(restored, purpose=Purpose.ENROL, challenge=answer.next_challenge)
        answer = world.attest(with_old_key.encode())
        assert world.refusal is RefusalReason.INSTANCE_KEY_TAKEN
        assert is_led_to_enrol(answer)
        assert enrols_anew(world, restored, answer)

    def test_an_iphone_from_a_backup_that_sends_no_assertion(self, world, apple):
        world.enrol(apple)
        submission = replace(apple.renewal(challenge=world.challenge(Purpose.RENEW)), statement=None)
        answer = world.attest(submission.encode())
        assert world.refusal is RefusalReason.INSTANCE_PLATFORM_MISMATCH
        assert is_led_to_enrol(answer)

    def test_the_instance_that_was_restored_from_is_not_harmed(self, world, apple):
        world.enrol(apple)
        world.renew(with_restored_key(world, apple))
        assert world.renew(apple).status == 200

    def test_lost_records_lead_there_too(self, world, phone):
        world.enrol(phone)
        world.tables.delete_instance(phone.jkt)
        answer = world.renew(phone)
        assert is_led_to_enrol(answer)
        assert enrols_anew(world, phone, answer)


def with_restored_key(world, phone):
    """Another iPhone with the instance key of `phone`."""
    restored = world.phone(ApplePhone)
    restored._instance_key = phone.instance_key
    return restored


class TestWhoseKey:
    @pytest.mark.parametrize("purpose", Purpose)
    def test_a_key_belongs_to_one_app(self, world, phone, purpose):
        world.enrol(phone)
        before = world.instance(phone.jkt)
        phone.app = "broker"
        submission = with_its_keys(phone, purpose=purpose, challenge=world.challenge(purpose, app="broker"))
        answer = world.attest(submission.encode())
        assert world.refusal is RefusalReason.INSTANCE_OTHER_APP
        assert is_led_to_enrol(answer)
        assert world.instance(phone.jkt) == before

    def test_a_hundred_keys_behind_one_app_attest_key_stay_one_instance(self, world, apple):
        world.enrol(apple)
        genuine, jkt = apple.instance_key, apple.jkt
        for _ in range(99):
            apple._instance_key = world.phone(ApplePhone).instance_key
            submission = with_its_keys(apple, purpose=Purpose.ENROL, challenge=world.challenge())
            answer = world.attest(submission.encode())
            assert world.refusal is RefusalReason.APP_ATTEST_KEY_TAKEN
            assert answer.members["remedy"] == "re_enrol"
        instances = [item["id"]["S"] for item in world.tables.items(world.tables.instances)]
        assert [name for name in instances if name.startswith("instance#")] == [f"instance#{jkt}"]
        apple._instance_key = genuine
        assert world.renew(apple).status == 200

    def test_a_hundred_keys_at_once_are_one_instance(self, world, apple, race):
        """All attested by one App Attest key before any of them is known."""
        bodies = []
        for _ in range(MANY):
            apple._instance_key = world.phone(ApplePhone).instance_key
            bodies.append(with_its_keys(apple, purpose=Purpose.ENROL, challenge=world.challenge()).encode())
        answers = race(MANY, lambda number: world.attest(bodies[number]))
        assert sorted(answer.status for answer in answers) == [200] + [403] * (MANY - 1)
        instances = [item["id"]["S"] for item in world.tables.items(world.tables.instances)]
        assert len([name for name in instances if name.startswith("instance#")]) == 1


class TestAdmission:
    """Chains through an ATTEST_KEY: refused, until a policy in force names them."""

    @pytest.fixture
    def enrolled(self, world, android):
        def enrol():
            submission = android.enrolment(challenge=world.challenge())
            own = with_attest_key(
                android.batch,
                key=world.phone(AndroidPhone).instance_key,
                parameters=android.key_parameters(),
                challenge=bytes(32),
            )
            statement = android.key_statement(challenge=submission.challenge, batch=own)
            return world.attest(replace(submission, statement=statement).encode())

        return enrol

    def test_refused_by_default(self, world, android, enrolled):
        assert enrolled().status == 403
        assert world.refusal is RefusalReason.CHAIN_EXTENDED
        assert world.instance(android.jkt) is None

    def test_admitted_by_name_and_the_attested_key_is_the_one_that_is_kept(self, world, android, enrolled, policy):
        admitting = json.loads(policy) | {"admits": ["android_attest_keys"]}
        world.documents.publish("policy", rfc8785.dumps(admitting))
        world.clock.advance(3)
        answer = enrolled()
        assert (answer.status, answer.claims["ear_status"]) == (200, "affirming")
        assert answer.claims["cnf"]["jwk"] == android.jwk
        assert world.instance(android.jkt).kept.attest_key is True
        assert world.renew(android).claims["ear_status"] == "affirming"

    def test_its_batch_key_is_matched_by_todays_list_as_any_other(self, world, android, enrolled, policy):
        world.documents.publish("policy", rfc8785.dumps(json.loads(policy) | {"admits": ["android_attest_keys"]}))
        world.clock.advance(3)
        enrolled()
        world.documents.publish("google_status", status_list(batch_serial(world, android)))
        world.clock.advance(3)
        assert world.renew(android).claims["ear_status"] == "contraindicated"


class Calls:
    """To DynamoDB, by whoever."""

    def __init__(self, client):
        self.names = []
        client.meta.events.register("before-call.dynamodb.*", self)

    def __call__(self, model, **_):
        self.names.append(model.name)

    def of(self, work):
        self.names.clear()
        work()
        return list(self.names)


def batch_serial(world, phone):
    """Of the certificate that signed the phone's key."""
    return world.instance(phone.jkt).kept.certificate_serials[0]


class TestTomorrow:
    def test_a_batch_key_that_is_revoked_tomorrow_renews_low_tomorrow_at_no_extra_call(self, world, android, dynamodb):
        calls = Calls(dynamodb)
        assert world.enrol(android).claims["ear_status"] == "affirming"

        def renewal():
            """Once to learn what is in force, and once as workers do all day."""
            world.renew(android)
            body = android.build_renewal(challenge=world.challenge(Purpose.RENEW))
            answers = []
            made = calls.of(lambda: answers.append(world.attest(body)))
            return answers[0].claims["ear_status"], made

        today, calls_today = renewal()
        world.documents.publish("google_status", status_list(batch_serial(world, android)))
        world.clock.advance(24 * 3600)
        tomorrow, calls_tomorrow = renewal()
        assert (today, tomorrow) == ("affirming", "contraindicated")
        assert world.decisions.records[-1].reasons == (AppraisalReason.ANDROID_BATCH_KEY_REVOKED,)
        assert calls_today == calls_tomorrow == ["UpdateItem", "GetItem", "TransactWriteItems"]

    def test_when_the_list_drops_it_again_it_renews_high(self, world, android):
        world.enrol(android)
        for serials, status in (((batch_serial(world, android),), "contraindicated"), ((), "affirming")):
            world.documents.publish("google_status", status_list(*serials))
            world.clock.advance(3)
            assert world.renew(android).claims["ear_status"] == status


@pytest.mark.parametrize("days", [-3, 3])
class TestWrongClocks:
    """Three days are what support sees; certificates are dated by servers, whose clocks are right."""

    @pytest.fixture
    def late(self, world, phone, days):
        return _phone_with_clock(world, type(phone), days)

    def test_a_phone_whose_clock_is_wrong_enrols_and_renews(self, world, late, days):
        answer = world.attest(_dated_by_servers(late, challenge=world.challenge(), days=days).encode())
        assert (answer.status, answer.claims["ear_status"]) == (200, "affirming")
        assert world.renew(late).claims["ear_status"] == "affirming"

    def test_it_computes_its_times_from_the_services(self, world, late, days):
        answer = world.attest(_dated_by_servers(late, challenge=world.challenge(), days=days).encode())
        late.hear_time(answer.members["server_time"])
        assert late.service_time == answer.members["server_time"] == int(world.clock.now().timestamp())


def _phone_with_clock(world, kind, days):
    return kind(
        app="bank",
        audience="https://api.bank.example",
        clock=lambda: world.clock.now() + timedelta(days=days),
        randomness=world.phones.token_bytes,
    )


def _dated_by_servers(phone, *, challenge, days):
    """An enrolment whose certificates were made now, by a clock that is not the phone's."""
    offset = timedelta(days=days)
    submission = phone.enrolment(challenge=challenge)
    if isinstance(phone, AndroidPhone):
        return replace(
            submission, statement=phone.key_statement(challenge=challenge, batch=phone.provision(age=offset))
        )
    return replace(submission, statement=phone.attestation_statement(binding=submission.binding, age=offset))


class TestManyAssertionsAtOnce:
    """Each with a challenge of its own: what keeps them apart is the counter alone."""

    @pytest.fixture
    def at_once(self, world, apple, race):
        def run(counters):
            world.enrol(apple)
            bodies = [_assertion(apple, world.challenge(Purpose.RENEW), counter=counter) for counter in counters]
            return race(len(bodies), lambda number: world.attest(bodies[number]))

        return run

    @pytest.mark.parametrize("rising", [False, True], ids=["same counter", "rising counters"])
    def test_none_is_accepted_twice_and_who_was_overtaken_succeeds_next_time(self, world, apple, at_once, rising):
        counters = list(range(1, MANY + 1)) if rising else [1] * MANY
        answers = at_once(counters)
        accepted = [counter for counter, answer in zip(counters, answers, strict=True) if answer.status == 200]
        overtaken = [answer for answer in answers if answer.status != 200]

        assert accepted
        assert len(accepted) == len(set(accepted))
        assert world.instance(apple.jkt).app_attest.counter == max(accepted)
        if rising:
            # Nothing is above the highest: it was overtaken by nobody.
            assert max(accepted) == MANY
        assert {(answer.status, answer.members["remedy"]) for answer in overtaken} <= {(409, "new_challenge")}
        assert len(accepted) + len(overtaken) == MANY

        for number, answer in enumerate(overtaken, start=MANY + 1):
            body = _assertion(apple, answer.next_challenge, counter=number)
            assert world.attest(body).status == 200
            assert world.instance(apple.jkt).app_attest.counter == number


def _assertion(phone, challenge, *, counter):
    submission = phone.renewal(challenge=challenge)
    statement = phone.assertion_statement(binding=submission.binding, counter=counter)
    return reproved(replace(submission, statement=statement), key=phone.instance_key).encode()
