"""Evidence of phone A with a piece of phone B is refused, at each seam, for the reason that names it."""

from dataclasses import replace

import pytest

from assay_toolkit.simulator.apple_parameters import DEVELOPMENT, AppleParameters
from assay_toolkit.simulator.conditions import CONDITIONS
from assay_toolkit.simulator.defect import Outcome
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.play_integrity import PlayServices, SimulatedPlay
from assay_toolkit.simulator.tamper import TAMPERS
from chalicelib.model.descriptor import Purpose
from chalicelib.model.reasons import RefusalReason
from tests.service.world import GATEWAY, reproved, with_its_keys

BOTH = pytest.mark.parametrize("kind", [AndroidPhone, ApplePhone], ids=["android", "apple"])


def refused(world, submission) -> RefusalReason:
    answer = world.attest(submission.encode())
    assert answer.status >= 400
    assert "token" not in answer.members
    return world.refusal


@BOTH
class TestEnrolment:
    """A's platform statement, and something of B's around it."""

    def test_report(self, world, kind):
        a, b = world.phone(kind), world.phone(kind, condition=CONDITIONS["debugger"])
        mixed = replace(a.enrolment(challenge=world.challenge()), rasp_report=b.rasp_report())
        assert refused(world, mixed) is RefusalReason.PROOF_BINDING_MISMATCH

    def test_report_with_a_new_proof_by_the_same_key(self, world, kind):
        """What A's holder can do himself: on Android the proof is all that covers the report. On Apple's platforms the
        statement does too, so a jailbroken phone cannot keep its App Attest object and improve its report."""
        a, b = world.phone(kind, condition=CONDITIONS["debugger"]), world.phone(kind)
        mixed = replace(a.enrolment(challenge=world.challenge()), rasp_report=b.rasp_report())
        answer = world.attest(reproved(mixed, key=a.instance_key).encode())
        if kind is ApplePhone:
            assert world.refusal is RefusalReason.APP_ATTEST_NONCE
        else:
            assert answer.status == 200

    def test_key(self, world, kind):
        a, b = world.phone(kind), world.phone(kind)
        mixed = reproved(a.enrolment(challenge=world.challenge()), key=b.instance_key)
        expected = {
            AndroidPhone: RefusalReason.INSTANCE_KEY_MISMATCH,
            ApplePhone: RefusalReason.APP_ATTEST_NONCE,
        }
        assert refused(world, mixed) is expected[kind]

    def test_audience(self, world, kind):
        submission = world.phone(kind).enrolment(challenge=world.challenge())
        mixed = replace(submission, descriptor={**submission.descriptor, "aud": GATEWAY})
        assert refused(world, mixed) is RefusalReason.PROOF_BINDING_MISMATCH

    def test_app(self, world, kind):
        """Both apps are registered with the same package and App ID: only the binding keeps them apart."""
        submission = world.phone(kind).enrolment(challenge=world.challenge(app="broker"))
        mixed = replace(submission, descriptor={**submission.descriptor, "app": "broker"})
        assert refused(world, mixed) is RefusalReason.PROOF_BINDING_MISMATCH

    def test_token_kind(self, world, kind):
        submission = world.phone(kind).enrolment(challenge=world.challenge())
        asked = {"token": "request", "htm": "POST", "htu": "https://api.bank.example/transfers"}
        mixed = replace(submission, descriptor={**submission.descriptor, **asked})
        assert refused(world, mixed) is RefusalReason.PROOF_BINDING_MISMATCH

    def test_purpose(self, world, kind):
        phone = world.phone(kind)
        world.enrol(phone)
        submission = phone.renewal(challenge=world.challenge())
        mixed = replace(submission, descriptor={**submission.descriptor, "purpose": "enrol"})
        assert refused(world, mixed) is RefusalReason.PROOF_BINDING_MISMATCH

    def test_challenge(self, world, kind):
        submission = world.phone(kind).enrolment(challenge=world.challenge())
        mixed = replace(submission, challenge=world.challenge())
        assert refused(world, mixed) is RefusalReason.PROOF_BINDING_MISMATCH

    def test_challenge_with_a_new_proof_by_the_same_key(self, world, kind):
        phone = world.phone(kind)
        submission = replace(phone.enrolment(challenge=world.challenge()), challenge=world.challenge())
        expected = {
            AndroidPhone: RefusalReason.KEY_DESCRIPTION_CHALLENGE,
            ApplePhone: RefusalReason.APP_ATTEST_NONCE,
        }
        assert refused(world, reproved(submission, key=phone.instance_key)) is expected[kind]

    def test_statement_of_the_other_platform(self, world, kind):
        other = ApplePhone if kind is AndroidPhone else AndroidPhone
        challenge = world.challenge()
        submission = world.phone(kind).enrolment(challenge=challenge)
        mixed = replace(submission, statement=world.phone(other).enrolment(challenge=challenge).statement)
        expected = {
            AndroidPhone: RefusalReason.APP_ATTEST_NONCE,
            ApplePhone: RefusalReason.INSTANCE_KEY_MISMATCH,
        }
        assert refused(world, mixed) is expected[kind]

    def test_without_a_statement(self, world, kind):
        submission = replace(world.phone(kind).enrolment(challenge=world.challenge()), statement=None)
        assert refused(world, submission) is RefusalReason.EVIDENCE_COMBINATION

    def test_app_that_is_not_registered_for_the_platform(self, world, kind):
        app = "apple-only" if kind is AndroidPhone else "android-only"
        phone = world.phone(kind, app=app)
        challenge = world.challenge(app=app)
        answer = world.attest(phone.build_enrolment(challenge=challenge))
        assert (answer.status, world.refusal) == (403, RefusalReason.APP_UNKNOWN)
        # Said before the challenge is claimed: it is as good as it was.
        assert "challenge" not in answer.members
        registered = world.phone(AndroidPhone if kind is ApplePhone else ApplePhone, app=app)
        assert world.attest(registered.build_enrolment(challenge=challenge)).status == 200


class TestInstances:
    def test_an_assertion_enrols_nobody(self, world, apple):
        world.enrol(apple)
        submission = apple.renewal(challenge=world.challenge())
        asked = replace(submission, descriptor={**submission.descriptor, "purpose": "enrol"})
        proven = reproved(asked, key=apple.instance_key)
        mixed = replace(proven, statement=apple.assertion_statement(binding=proven.binding))
        assert refused(world, mixed) is RefusalReason.EVIDENCE_COMBINATION

    def test_an_instance_key_keeps_its_app_attest_key(self, world):
        a, b = world.phone(ApplePhone), world.phone(ApplePhone)
        world.enrol(a)
        proven = reproved(b.enrolment(challenge=world.challenge()), key=a.instance_key)
        mixed = replace(proven, statement=b.attestation_statement(binding=proven.binding))
        assert refused(world, mixed) is RefusalReason.INSTANCE_KEY_TAKEN
        assert world.instance(a.jkt).app_attest.key_id == a.key_id

    def test_an_app_attest_key_keeps_its_instance_key(self, world):
        a, b = world.phone(ApplePhone), world.phone(ApplePhone)
        world.enrol(a)
        proven = reproved(b.enrolment(challenge=world.challenge()), key=b.instance_key)
        mixed = replace(proven, statement=a.attestation_statement(binding=proven.binding))
        assert refused(world, mixed) is RefusalReason.APP_ATTEST_KEY_TAKEN
        assert world.instance(b.jkt) is None

    def test_the_same_two_keys_may_enrol_again_and_keep_their_counter(self, world, apple):
        world.enrol(apple)
        world.renew(apple)
        again = with_its_keys(apple, purpose=Purpose.ENROL, challenge=world.challenge())
        assert world.attest(again.encode()).status == 200
        assert world.instance(apple.jkt).app_attest.counter == 1

    @BOTH
    def test_a_key_belongs_to_one_app(self, world, kind):
        phone = world.phone(kind)
        world.enrol(phone)
        phone.app = "broker"
        answer = world.renew(phone)
        assert world.refusal is RefusalReason.INSTANCE_OTHER_APP
        assert answer.members["challenge"]["purpose"] == "enrol"

    @BOTH
    @pytest.mark.parametrize("purpose", Purpose)
    def test_a_blocked_instance_gets_no_token(self, world, kind, purpose):
        phone = world.phone(kind)
        world.enrol(phone)
        submission = with_its_keys(phone, purpose=purpose, challenge=world.challenge(purpose))
        world.tables.alter_instance(phone.jkt, blocked=True)
        assert refused(world, submission) is RefusalReason.INSTANCE_BLOCKED


class TestRenewal:
    @BOTH
    def test_key_of_a_stranger(self, world, kind):
        a, b = world.phone(kind), world.phone(kind)
        world.enrol(a)
        mixed = reproved(a.renewal(challenge=world.challenge(Purpose.RENEW)), key=b.instance_key)
        assert refused(world, mixed) is RefusalReason.INSTANCE_UNKNOWN

    def test_assertion_by_another_enrolled_phone(self, world):
        a, b = world.phone(ApplePhone), world.phone(ApplePhone)
        world.enrol(a)
        world.enrol(b)
        submission = a.renewal(challenge=world.challenge(Purpose.RENEW))
        mixed = replace(submission, statement=b.assertion_statement(binding=submission.binding))
        assert refused(world, mixed) is RefusalReason.APP_ATTEST_KEY_ID

    def test_assertion_over_another_report(self, world, apple):
        apple.condition = CONDITIONS["debugger"]
        world.enrol(apple)
        submission = apple.renewal(challenge=world.challenge(Purpose.RENEW))
        clean = world.phone(ApplePhone).rasp_report()
        mixed = reproved(replace(submission, rasp_report=clean), key=apple.instance_key)
        assert refused(world, mixed) is RefusalReason.APP_ATTEST_SIGNATURE

    def test_assertion_of_an_earlier_renewal(self, world, apple):
        world.enrol(apple)
        first = apple.renewal(challenge=world.challenge(Purpose.RENEW))
        assert world.attest(first.encode()).status == 200
        second = apple.renewal(challenge=world.challenge(Purpose.RENEW))
        mixed = replace(second, statement=first.statement)
        assert refused(world, mixed) is RefusalReason.COUNTER_OVERTAKEN

    def test_an_apple_instance_without_its_assertion(self, world, apple):
        """A copied instance key is not enough, even if it says nothing, as an Android phone would."""
        world.enrol(apple)
        mixed = replace(apple.renewal(challenge=world.challenge(Purpose.RENEW)), statement=None)
        assert refused(world, mixed) is RefusalReason.INSTANCE_PLATFORM_MISMATCH

    def test_an_android_instance_with_an_assertion(self, world, android, apple):
        world.enrol(android)
        world.enrol(apple)
        submission = android.renewal(challenge=world.challenge(Purpose.RENEW))
        mixed = replace(submission, statement=apple.assertion_statement(binding=submission.binding))
        assert refused(world, mixed) is RefusalReason.INSTANCE_PLATFORM_MISMATCH


def test_the_environment_is_the_registrations(world):
    phone = world.phone(ApplePhone, parameters=AppleParameters(aaguid=DEVELOPMENT))
    assert refused(world, phone.enrolment(challenge=world.challenge())) is RefusalReason.APP_ATTEST_ENVIRONMENT


DEFECTS = [
    pytest.param(kind, tamper, id=f"{kind.platform}-{tamper.name}")
    for tamper in TAMPERS
    for kind in (AndroidPhone, ApplePhone)
    if kind.platform in tamper.platforms
]


@pytest.mark.parametrize(("kind", "tamper"), DEFECTS)
def test_every_known_defect_meets_its_reason(world, kind, tamper):
    phone, stranger = world.phone(kind), world.phone(kind)
    if isinstance(phone, AndroidPhone):
        # By the same clock as everything else.
        phone.play_integrity = PlayServices(play=SimulatedPlay(clock=world.clock.now))
    if tamper.purpose.value == "renew":
        world.enrol(phone)
    challenge = world.challenge(Purpose(tamper.purpose.value))
    answer = world.attest(tamper.build(phone=phone, stranger=stranger, challenge=challenge))
    record = world.decisions.records[-1]
    if tamper.outcome is Outcome.REFUSED:
        assert (answer.status >= 400, record.refusal) == (True, tamper.expected)
    else:
        assert answer.status == 200
        # A receipt's defect costs the risk metric, of which policy demands nothing here.
        assert tamper.outcome is Outcome.RECEIPT_REFUSED or tamper.expected in record.reasons
