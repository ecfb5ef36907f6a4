"""What the service remembers of an instance: who writes it, what it is worth, and how many are too many."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
import rfc8785

from assay_toolkit.simulator.android import Provisioned
from assay_toolkit.simulator.conditions import CONDITIONS, SOUND, AndroidCondition
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from chalicelib.model.descriptor import Purpose
from chalicelib.model.history import History
from chalicelib.model.outcome import Malfunction, Unavailable
from chalicelib.model.reasons import AppraisalReason, MalfunctionReason, RefusalReason
from chalicelib.model.trust import Tier
from chalicelib.service.history import COUNTING_KEY
from chalicelib.service.ports import EventKind
from tests.service.world import STAGE, reproved, with_its_keys

MANY = 64
HOOKED = CONDITIONS["hooked"]
HOUR = 3600


@pytest.fixture
def in_force(world, policy):
    """Puts the baseline with these members in force."""

    def publish(**members):
        world.documents.publish("policy", rfc8785.dumps(json.loads(policy) | members))
        world.clock.advance(3)

    return publish


def renewed(world, phone, condition):
    phone.condition = condition
    answer = world.renew(phone)
    return answer.claims["ear_status"], world.decisions.records[-1].reasons


def history(world, phone) -> History:
    return world.instance(phone.jkt).history


class TestHardDetections:
    def test_frida_detached_for_the_attestation_is_remembered_for_a_day(self, world, phone):
        world.enrol(phone)
        status, reasons = renewed(world, phone, HOOKED)
        assert status == "contraindicated"
        assert AppraisalReason.HISTORY_HARD_DETECTION not in reasons

        world.clock.advance(300)
        clean = renewed(world, phone, SOUND)
        assert clean == ("contraindicated", (AppraisalReason.HISTORY_HARD_DETECTION,))
        world.clock.advance(24 * HOUR - 301)
        assert renewed(world, phone, SOUND) == clean
        world.clock.advance(1)
        assert renewed(world, phone, SOUND) == ("affirming", ())

    def test_what_history_makes_of_it_does_not_begin_the_day_anew(self, world, phone):
        world.enrol(phone)
        renewed(world, phone, HOOKED)
        found_at = world.clock.now()
        for _ in range(5):
            world.clock.advance(HOUR)
            assert renewed(world, phone, SOUND)[0] == "contraindicated"
        assert set(history(world, phone).hard.values()) == {found_at}
        assert history(world, phone).tiers[Tier.CONTRAINDICATED] == found_at
        assert history(world, phone).last_tier is Tier.AFFIRMING

    def test_enrolling_the_same_key_again_is_no_new_beginning(self, world, phone):
        world.enrol(phone)
        renewed(world, phone, HOOKED)
        phone.condition = SOUND
        again = with_its_keys(phone, purpose=Purpose.ENROL, challenge=world.challenge())
        assert world.attest(again.encode()).claims["ear_status"] == "contraindicated"

    def test_unblocking_forgives_nothing(self, world, phone):
        world.enrol(phone)
        renewed(world, phone, HOOKED)
        for blocked in (True, False):
            world.tables.alter_instance(phone.jkt, blocked=blocked)
        assert renewed(world, phone, SOUND)[0] == "contraindicated"

    def test_a_new_key_is_a_new_instance(self, world, phone):
        world.enrol(phone)
        renewed(world, phone, HOOKED)
        phone.condition = SOUND
        assert world.enrol(phone).claims["ear_status"] == "affirming"

    def test_a_reason_that_is_taken_off_the_list_counts_no_more(self, world, phone, in_force):
        world.enrol(phone)
        renewed(world, phone, CONDITIONS["debugger"])
        in_force(history={"hard": ["rasp_hooking"]})
        assert renewed(world, phone, SOUND)[0] == "affirming"

    def test_a_reason_that_is_not_on_it_leaves_no_mark(self, world, phone, in_force):
        in_force(history={"hard": ["rasp_debugger"]})
        world.enrol(phone)
        renewed(world, phone, HOOKED)
        assert history(world, phone).hard == {}


def looking_at(claim, test, policy):
    """The baseline, and a rule that makes medium what it finds in the past."""
    document = json.loads(policy)
    rule = {
        "rule": "looks-back",
        "when": {f"history.{claim}": test},
        "lowers": "configuration",
        "to": "unsafe",
        "reason": "history_unusual",
        "absent": "ignored",
    }
    rules = [item for item in document["rules"] if not item["rule"].startswith("history-")]
    return rfc8785.dumps(document | {"rules": [*rules, rule]})


class TestClaims:
    """Each by a rule on it: the verdict of a submission sees what stood before it."""

    @pytest.fixture
    def looks_back(self, world, policy):
        def at(claim, **test):
            world.documents.publish("policy", looking_at(claim, test, policy))
            world.clock.advance(3)

        return at

    def statuses(self, world, phone, conditions):
        found = []
        for condition in conditions:
            world.clock.advance(60)
            found.append(renewed(world, phone, condition)[0])
        return found

    def test_attestations_of_this_hour_are_those_before(self, world, phone, looks_back):
        looks_back("attestations_this_hour", at_least=2)
        first = world.enrol(phone).claims["ear_status"]
        assert [first, *self.statuses(world, phone, [SOUND] * 2)] == ["affirming", "affirming", "warning"]
        world.clock.advance(HOUR)
        assert self.statuses(world, phone, [SOUND]) == ["affirming"]

    def test_the_worst_tier_of_a_day(self, world, phone, looks_back):
        looks_back("worst_tier_24h", at_most="low")
        world.enrol(phone)
        assert self.statuses(world, phone, [SOUND, HOOKED, SOUND]) == ["affirming", "contraindicated", "warning"]
        world.clock.advance(24 * HOUR - 60)
        assert self.statuses(world, phone, [SOUND]) == ["affirming"]

    def test_flips(self, world, phone, looks_back):
        looks_back("tier_flips_24h", at_least=2)
        world.enrol(phone)
        assert self.statuses(world, phone, [HOOKED, HOOKED, SOUND, SOUND]) == [
            "contraindicated",
            "contraindicated",
            "affirming",
            "warning",
        ]
        world.clock.advance(24 * HOUR)
        assert self.statuses(world, phone, [SOUND]) == ["affirming"]

    def test_how_long_an_instance_is_known(self, world, phone, looks_back):
        looks_back("first_seen_days", less_than=2)
        assert world.enrol(phone).claims["ear_status"] == "warning"
        world.clock.advance(2 * 24 * HOUR)
        again = with_its_keys(phone, purpose=Purpose.ENROL, challenge=world.challenge())
        assert world.attest(again.encode()).claims["ear_status"] == "affirming"

    @pytest.mark.parametrize("claim", ["enrolments_per_batch_key_this_hour", "enrolments_per_network_this_hour"])
    def test_enrolments_beside_this_one(self, world, looks_back, claim):
        looks_back(claim, at_least=2)
        phones = batch(world, 4)
        assert [world.enrol(phone).claims["ear_status"] for phone in phones] == [
            "affirming",
            "affirming",
            "warning",
            "warning",
        ]
        # A renewal is no enrolment, and has no such past.
        assert world.renew(phones[-1]).claims["ear_status"] == "affirming"


def batch(world, count, *, serial=7, **android):
    """Phones whose attestation keys have one certificate serial."""
    condition = replace(SOUND, android=AndroidCondition(batch_serial=serial, **android))
    return [world.phone(AndroidPhone, condition=condition) for _ in range(count)]


class TestMarks:
    def test_a_refused_submission_leaves_none(self, world, phone):
        world.enrol(phone)
        before = history(world, phone)
        phone.condition = HOOKED
        submission = replace(phone.renewal(challenge=world.challenge(Purpose.RENEW)), rasp_report=b"no report")
        assert world.attest(reproved(submission, key=phone.instance_key).encode()).status == 403
        assert history(world, phone) == before

    def test_an_item_of_before_there_was_history_is_renewed(self, world, phone, tables):
        world.enrol(phone)
        [item] = [item for item in tables.items(tables.instances) if item["id"]["S"].startswith("instance#")]
        tables.client.put_item(
            TableName=tables.instances, Item={k: v for k, v in item.items() if not k.startswith("history_")}
        )
        assert history(world, phone) == History()
        assert world.renew(phone).claims["ear_status"] == "affirming"
        assert history(world, phone).last_tier is Tier.AFFIRMING

    def test_a_clean_renewal_that_began_before_a_bad_one_erases_nothing(self, world, android):
        """Both were judged by the same past; the clean one commits last."""
        world.enrol(android)
        clean = android.build_renewal(challenge=world.challenge(Purpose.RENEW))

        def meanwhile():
            renewed(world, android, HOOKED)
            android.condition = SOUND

        world.challenge_store.before["commit"] = meanwhile
        assert world.attest(clean).claims["ear_status"] == "affirming"
        world.clock.advance(60)
        assert renewed(world, android, SOUND)[0] == "contraindicated"

    def test_of_many_at_once_the_bad_ones_stay(self, world, android, race):
        world.enrol(android)
        bodies = []
        for number in range(MANY):
            android.condition = HOOKED if number == 0 else SOUND
            bodies.append(android.build_renewal(challenge=world.challenge(Purpose.RENEW)))
        answers = race(MANY, lambda number: world.attest(bodies[number]))
        assert {answer.status for answer in answers} == {200}
        assert set(history(world, android).hard) >= {"rasp_hooking"}
        assert list(history(world, android).attested.values()) == [MANY + 1]
        assert renewed(world, android, SOUND)[0] == "contraindicated"

    def test_hours_that_nobody_looks_at_any_more_are_removed(self, world, phone):
        world.enrol(phone)
        for number in range(60):
            world.clock.advance(HOUR)
            renewed(world, phone, HOOKED if number % 2 else SOUND)
        assert len(history(world, phone).attested) == 2
        assert len(history(world, phone).flipped) == 24


class Calls:
    """To DynamoDB, by whoever: the operations, and what each transaction writes to."""

    def __init__(self, client):
        self.names = []
        self.written = []
        client.meta.events.register("before-parameter-build.dynamodb.*", self)

    def __call__(self, params, model, **_):
        self.names.append(model.name)
        if model.name == "TransactWriteItems":
            writes = [(kind, write) for item in params["TransactItems"] for kind, write in item.items()]
            self.written.append(
                Counter(
                    (kind, (write.get("Key") or write["Item"])["id"]["S"].partition("#")[0][:10])
                    for kind, write in writes
                )
            )

    def of(self, work):
        self.names.clear()
        self.written.clear()
        work()
        return self.names, self.written


class TestCounting:
    """Rides on writes that exist."""

    def test_a_renewal_has_no_write_of_its_own(self, world, phone, dynamodb):
        calls = Calls(dynamodb)
        world.enrol(phone)
        body = phone.build_renewal(challenge=world.challenge(Purpose.RENEW))
        names, [written] = calls.of(lambda: world.attest(body))
        assert names == ["UpdateItem", "GetItem", "TransactWriteItems"]
        # Answer, next challenge, instance.
        assert sorted(kind for kind, _ in written.elements()) == ["Put", "Update", "Update"]
        assert written["Update", "instance"] == 1

    def test_an_enrolment_reads_its_counts_at_once_and_writes_one_transaction(self, world, phone, dynamodb):
        calls = Calls(dynamodb)
        world.enrol(world.phone(type(phone)))  # what is in force has been read
        body = phone.build_enrolment(challenge=world.challenge())
        names, [written] = calls.of(lambda: world.attest(body))
        assert names == ["UpdateItem", "GetItem", "BatchGetItem", "TransactWriteItems"]
        assert written["Update", "enrolled"] == (2 if isinstance(phone, AndroidPhone) else 1)

    def test_neither_network_nor_serial_is_to_be_read_anywhere(self, world, tables):
        serial = 0x1234_5678_9ABC_DEF0_1234
        [phone] = batch(world, 1, serial=serial)
        body = phone.build_enrolment(challenge=world.challenge())
        world.attest(body, network="198.51.100.0/24")
        counters = [item for item in tables.items(tables.nonces) if item["id"]["S"].startswith("enrolled#")]
        assert len(counters) == 2
        everything = json.dumps(tables.items(tables.nonces), default=repr) + world.decisions.lines.getvalue()
        everything += world.events.lines.getvalue()
        for secret in ("198.51.100", f"{serial:x}", str(serial)):
            assert secret not in everything

    def test_two_hours_of_one_network_have_nothing_in_common(self, world, tables):
        for _ in range(2):
            world.enrol(world.phone(ApplePhone))
            world.clock.advance(HOUR)
        counters = [item for item in tables.items(tables.nonces) if item["id"]["S"].startswith("enrolled#")]
        assert [item["enrolments"] for item in counters] == [{"N": "1"}] * 2

    def test_counts_are_kept_for_two_days(self, world, tables):
        world.enrol(world.phone(ApplePhone))
        [counter] = [item for item in tables.items(tables.nonces) if item["id"]["S"].startswith("enrolled#")]
        assert int(counter["ttl"]["N"]) == int((world.clock.now() + timedelta(hours=48)).timestamp())


def limits(*, per_instance="none", factory="none", remote="none", network="none"):
    return {
        "attestations_per_instance_hour": per_instance,
        "enrolments_per_batch_key_hour": {"factory": factory, "remote": remote},
        "enrolments_per_network_hour": network,
    }


TOO_MANY = (429, "urn:assay:problem:too-many-attempts", "retry_later")


def said(answer):
    return answer.status, answer.members["type"], answer.members["remedy"]


class TestAttestationLimit:
    def test_an_instance_attests_so_often_in_an_hour_and_again_in_the_next(self, world, phone, in_force):
        in_force(limits=limits(per_instance=3))
        world.enrol(phone)
        assert [world.renew(phone).status for _ in range(2)] == [200, 200]
        answer = world.renew(phone)
        assert said(answer) == TOO_MANY
        assert answer.members["challenge"]["purpose"] == "renew"
        assert world.refusal is RefusalReason.ATTESTATION_LIMIT
        world.clock.advance(HOUR)
        assert world.renew(phone).status == 200

    def test_enrolling_again_is_no_way_around_it(self, world, phone, in_force):
        in_force(limits=limits(per_instance=2))
        world.enrol(phone)
        world.renew(phone)
        again = with_its_keys(phone, purpose=Purpose.ENROL, challenge=world.challenge())
        assert said(world.attest(again.encode())) == TOO_MANY

    def test_a_refusal_takes_no_place(self, world, phone, in_force):
        in_force(limits=limits(per_instance=2))
        world.enrol(phone)
        for _ in range(5):
            submission = replace(phone.renewal(challenge=world.challenge(Purpose.RENEW)), rasp_report=b"no report")
            assert world.attest(reproved(submission, key=phone.instance_key).encode()).status == 403
        assert world.renew(phone).status == 200

    def test_a_blocked_instance_hears_of_its_block(self, world, phone, in_force):
        in_force(limits=limits(per_instance=1))
        world.enrol(phone)
        world.tables.alter_instance(phone.jkt, blocked=True)
        world.renew(phone)
        assert world.refusal is RefusalReason.INSTANCE_BLOCKED

    def test_many_at_once_get_no_more_than_the_limit(self, world, phone, in_force, race):
        in_force(limits=limits(per_instance=10))
        world.enrol(phone)
        bodies = [phone.build_renewal(challenge=world.challenge(Purpose.RENEW)) for _ in range(MANY)]
        answers = race(MANY, lambda number: world.attest(bodies[number]))
        tokens = [answer for answer in answers if answer.status == 200]
        refusals = {said(answer) for answer in answers if answer.status != 200}
        overtaken = (409, "urn:assay:problem:assertion-overtaken", "new_challenge")
        if isinstance(phone, AndroidPhone):
            assert len(tokens) == 9
            assert refusals == {TOO_MANY}
        else:
            assert 1 <= len(tokens) <= 9
            assert refusals <= {TOO_MANY, overtaken}
        assert list(history(world, phone).attested.values()) == [len(tokens) + 1]

    def test_one_that_was_overtaken_is_told_so_below_the_limit(self, world, apple, in_force):
        in_force(limits=limits(per_instance=100))
        world.enrol(apple)
        early = apple.build_renewal(challenge=world.challenge(Purpose.RENEW))
        world.challenge_store.before["commit"] = lambda: world.renew(apple)
        answer = world.attest(early)
        assert (answer.status, answer.members["remedy"]) == (409, "new_challenge")
        assert world.refusal is RefusalReason.COUNTER_OVERTAKEN

    def test_the_last_place_that_is_taken_meanwhile(self, world, android, in_force):
        in_force(limits=limits(per_instance=2))
        world.enrol(android)
        early = android.build_renewal(challenge=world.challenge(Purpose.RENEW))
        world.challenge_store.before["commit"] = lambda: world.renew(android)
        assert said(world.attest(early)) == TOO_MANY
        assert world.refusal is RefusalReason.ATTESTATION_LIMIT

    def test_an_hour_that_turns_between_reading_and_commit_is_no_conflict(self, world, android, in_force):
        """Each counts in the hour that it was judged in, whoever commits first."""
        in_force(limits=limits(per_instance=2))
        world.clock.advance(HOUR - 10 - world.clock.seconds)
        world.enrol(android)
        late = android.build_renewal(challenge=world.challenge(Purpose.RENEW))

        def next_hour():
            world.clock.advance(20)
            assert world.renew(android).status == 200

        world.challenge_store.before["commit"] = next_hour
        assert world.attest(late).status == 200
        assert sorted(history(world, android).attested.values()) == [1, 2]
        assert world.renew(android).status == 200
        assert said(world.renew(android)) == TOO_MANY

    def test_a_limit_that_is_lifted_is_none(self, world, android, in_force):
        in_force(limits=limits())
        world.enrol(android)
        assert {world.renew(android).status for _ in range(20)} == {200}


class TestEnrolmentLimits:
    @pytest.mark.parametrize("provisioned", [Provisioned.FACTORY, Provisioned.REMOTE])
    def test_a_batch_key_by_how_it_was_provisioned(self, world, in_force, provisioned):
        in_force(limits=limits(**{provisioned.value: 2}))
        statuses = {
            how: [world.enrol(phone).status for phone in batch(world, 3, serial=serial, provisioned=how)]
            for serial, how in enumerate((Provisioned.FACTORY, Provisioned.REMOTE), start=7)
        }
        assert statuses.pop(provisioned) == [200, 200, 429]
        assert list(statuses.values()) == [[200, 200, 200]]

    def test_a_network(self, world, in_force):
        in_force(limits=limits(network=2))
        phones = [world.phone(kind) for kind in (AndroidPhone, ApplePhone, AndroidPhone, ApplePhone)]
        assert [world.enrol(phone).status for phone in phones] == [200, 200, 429, 429]
        assert world.refusal is RefusalReason.ENROLMENT_LIMIT
        assert said(world.enrol(phones[2])) == TOO_MANY
        elsewhere = phones[2].build_enrolment(challenge=world.challenge())
        assert world.attest(elsewhere, network="198.51.100.0/24").status == 200

    def test_it_concerns_nobody_who_is_enrolled(self, world, phone, in_force):
        in_force(limits=limits(network=1))
        world.enrol(phone)
        assert world.enrol(world.phone(type(phone))).status == 429
        assert world.renew(phone).status == 200

    def test_each_app_has_counts_of_its_own(self, world, in_force):
        in_force(limits=limits(network=1))
        assert [world.enrol(world.phone(ApplePhone, app=app)).status for app in ("bank", "broker")] == [200, 200]

    def test_a_refused_enrolment_is_not_counted(self, world, in_force):
        in_force(limits=limits(network=1))
        [refused] = batch(world, 1)
        body = refused.build_enrolment(challenge=world.challenge(Purpose.RENEW))
        assert world.attest(body).status == 409
        software = world.phone(AndroidPhone, condition=CONDITIONS["emulator"])
        assert world.enrol(software).status == 403
        assert world.enrol(world.phone(ApplePhone)).status == 200

    def test_of_many_at_once_as_many_as_there_are_places(self, world, in_force, race):
        in_force(limits=limits(network=5))
        bodies = [phone.build_enrolment(challenge=world.challenge()) for phone in batch(world, MANY // 4)]
        answers = race(len(bodies), lambda number: world.attest(bodies[number]))
        assert Counter(answer.status for answer in answers) == {200: 5, 429: len(bodies) - 5}
        assert len(world.tables.items(world.tables.instances)) == 5

    def test_the_last_place_that_is_taken_meanwhile(self, world, android, in_force):
        in_force(limits=limits(network=1))
        body = android.build_enrolment(challenge=world.challenge())
        world.challenge_store.before["commit"] = lambda: world.enrol(world.phone(ApplePhone))
        assert said(world.attest(body)) == TOO_MANY
        assert world.refusal is RefusalReason.ENROLMENT_LIMIT
        assert world.instance(android.jkt) is None


class TestWithoutTheKey:
    """Nothing is counted in clear, and nobody enrols uncounted."""

    @pytest.fixture(params=["unreadable", "short"])
    def no_key(self, world, monkeypatch, request):
        answer = b"short" if request.param == "short" else Unavailable("the secret was not read")
        monkeypatch.setattr(world.attestations._enrolments.secrets, "read", lambda _name: answer)

    @pytest.mark.usefixtures("no_key")
    def test_no_phone_enrols_and_a_person_is_told(self, world, phone):
        body = phone.build_enrolment(challenge=world.challenge())
        with pytest.raises(Malfunction) as malfunction:
            world.attest(body)
        assert malfunction.value.reason is MalfunctionReason.SECRET_UNAVAILABLE
        [(kind, subject, _)] = world.events.said
        assert (kind, subject) == (EventKind.SECRET_UNUSABLE, COUNTING_KEY)

    def test_the_same_body_may_try_again(self, world, phone, monkeypatch):
        body = phone.build_enrolment(challenge=world.challenge())
        with monkeypatch.context() as broken:
            broken.setattr(world.attestations._enrolments.secrets, "read", lambda _name: Unavailable("not read"))
            with pytest.raises(Malfunction):
                world.attest(body)
        assert world.attest(body).status == 200

    def test_those_that_are_enrolled_renew(self, world, phone, monkeypatch):
        world.enrol(phone)
        monkeypatch.setattr(world.attestations._enrolments.secrets, "read", lambda _name: Unavailable("not read"))
        assert world.renew(phone).status == 200

    def test_another_key_counts_anew(self, world, in_force, secretsmanager):
        in_force(limits=limits(network=1))
        world.enrol(world.phone(ApplePhone))
        assert world.enrol(world.phone(ApplePhone)).status == 429
        name = f"assay/{STAGE}/service/{COUNTING_KEY}"
        secretsmanager.put_secret_value(SecretId=name, SecretString="another" * 10)
        world.clock.advance(301)
        try:
            assert world.enrol(world.phone(ApplePhone)).status == 200
        finally:
            secretsmanager.put_secret_value(SecretId=name, SecretString="k" * 64)


class Farm:
    """Ten genuine phones of one batch in one network, which keep every instance that they ever made."""

    def __init__(self, world):
        self._world = world
        self._phones = batch(world, 10)
        self._instances = []
        self.tokens = 0

    def work_until(self, end):
        """As fast as they can: everything that may get a token is tried, again and again."""
        while self._world.clock.now() < end:
            self._enrol()
            for instance in self._instances:
                while self._got(self._world.renew(instance)):
                    pass
            self._world.clock.advance(1800)

    def _enrol(self):
        for number, phone in enumerate(self._phones):
            if self._got(self._world.enrol(phone)):
                self._instances.append(phone)
                # The instance lives on with its keys; the phone goes on with others.
                self._phones[number] = batch(self._world, 1)[0]

    def _got(self, answer):
        assert answer.status in {200, 429}
        self.tokens += answer.status == 200
        return answer.status == 200


@pytest.mark.parametrize("bound", ["factory", "network"])
def test_a_farm_gets_no_more_tokens_an_hour_than_policy_allows(world, in_force, bound):
    in_force(limits=limits(per_instance=6, **{bound: 4}))
    farm = Farm(world)
    farm.work_until(world.clock.now() + timedelta(minutes=59))
    assert farm.tokens == 4 * 6
    world.clock.advance(HOUR - world.clock.seconds)
    farm.tokens = 0
    farm.work_until(world.clock.now() + timedelta(minutes=59))
    # Those of the hour before, and as many new ones.
    assert farm.tokens == (4 + 4) * 6
