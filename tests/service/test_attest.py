"""A submission becomes one answer: the order of things, what stands afterwards, and who may have it again."""

import base64
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest

from assay_toolkit.simulator.conditions import CONDITIONS
from assay_toolkit.simulator.phone import AndroidPhone
from assay_toolkit.simulator.submission import ProtectedRequest
from chalicelib.model.claims import KeptAndroid, KeptApple
from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import AppraisalReason, MalfunctionReason, RefusalReason
from chalicelib.model.trust import Tier
from chalicelib.service.ports import DecisionOutcome, StoredAnswer
from chalicelib.verifiers.submission import decode_submission
from tests.service.world import API, GATEWAY, ISSUER, LEASE, status_list, with_its_keys


def malfunction(world, body) -> Malfunction:
    with pytest.raises(Malfunction) as caught:
        world.attest(body)
    return caught.value


class TestTokens:
    def test_an_enrolment_gets_the_first_token_and_stands(self, world, phone):
        answer = world.enrol(phone)
        assert answer.status == 200
        read = jwt.decode(
            answer.members["token"],
            key=jwt.PyJWK(world.signer.public_jwk.as_dict()),
            algorithms=["ES256"],
            audience=API,
            issuer=ISSUER,
            options={"verify_exp": False, "verify_iat": False},
        )
        assert read["cnf"]["jwk"] == phone.jwk
        assert read["ear_status"] == "affirming"
        assert world.instance(phone.jkt).app == "bank"

    def test_a_renewal_is_one_round_trip_with_the_challenge_of_the_last_answer(self, world, phone):
        first = world.enrol(phone)
        world.clock.advance(240)
        second = world.attest(phone.build_renewal(challenge=first.next_challenge))
        assert second.status == 200
        assert second.claims["ear_status"] == "affirming"
        assert second.claims["jti"] != first.claims["jti"]
        assert second.members["challenge"]["purpose"] == "renew"

    def test_a_request_token_names_its_request_and_lives_a_minute(self, world, phone):
        request = ProtectedRequest(method="POST", url="https://api.bank.example/transfers?x=1", body=b"{}")
        answer = world.enrol(phone, request=request)
        assert answer.members["token_type"] == "request"
        assert answer.members["expires_in"] == 60
        assert {name: answer.claims[name] for name in request.members()} == request.members()

    def test_lifetimes_follow_the_registration(self, world):
        phone = world.phone(AndroidPhone, app="broker")
        answer = world.enrol(phone)
        assert answer.members["expires_in"] == 120
        assert answer.members["challenge"]["expires_in"] == 420

    def test_genuine_and_bad_is_a_low_verdict_and_no_refusal(self, world):
        answer = world.enrol(world.phone(AndroidPhone, condition=CONDITIONS["unlocked"]))
        assert answer.status == 200
        assert answer.claims["ear_status"] == "contraindicated"
        record = world.decisions.records[-1]
        assert record.tier is Tier.CONTRAINDICATED
        assert AppraisalReason.ANDROID_BOOTLOADER_UNLOCKED in record.reasons

    def test_below_a_gateways_tier_its_token_is_not_made(self, world):
        sound = world.enrol(world.phone(AndroidPhone, audience=GATEWAY))
        rooted = world.enrol(world.phone(AndroidPhone, audience=GATEWAY, condition=CONDITIONS["rooted"]))
        assert sound.claims["aud"] == GATEWAY
        assert GATEWAY not in rooted.claims["aud"]

    def test_a_renewal_is_judged_by_todays_list(self, world, android):
        world.enrol(android)
        serial = world.instance(android.jkt).kept.certificate_serials[1]
        world.documents.publish("google_status", status_list(serial))
        world.clock.advance(3)
        answer = world.renew(android)
        assert answer.claims["ear_status"] == "contraindicated"
        assert AppraisalReason.ANDROID_BATCH_KEY_REVOKED in world.decisions.records[-1].reasons

    def test_a_list_that_nobody_renewed_for_a_week_costs_the_high_tier_and_is_recorded_with_its_age(self, world, phone):
        world.clock.advance(7 * 86_400)
        world.enrol(phone)
        assert world.decisions.records[-1].tier is Tier.AFFIRMING
        world.clock.advance(1)
        world.renew(phone)
        record = world.decisions.records[-1]
        assert record.endorsement_ages == {"google_status": 7 * 86_400 + 1}
        if isinstance(phone, AndroidPhone):
            assert (record.tier, record.reasons) == (Tier.WARNING, (AppraisalReason.ANDROID_REVOCATION_UNKNOWN,))
        else:  # Google's list says nothing about Apple's phones
            assert record.tier is Tier.AFFIRMING

    def test_what_an_instance_keeps_comes_from_verified_claims(self, world, android, apple):
        world.enrol(android)
        world.enrol(apple)
        kept = world.instance(android.jkt).kept
        assert isinstance(kept, KeptAndroid)
        assert kept.device_locked is True
        assert [package.name for package in kept.packages] == ["com.example.bank"]
        assert kept.signature_digests == (bytes.fromhex("a1" * 32),)
        instance = world.instance(apple.jkt)
        assert isinstance(instance.kept, KeptApple)
        assert instance.kept.app_id == "A1B2C3D4E5.com.example.bank"
        assert instance.app_attest.key_id == apple.key_id

    def test_an_assertion_moves_counter_and_time_an_android_renewal_neither(self, world, android, apple):
        for phone in (android, apple):
            world.enrol(phone)
        enrolled = world.clock.now()
        world.clock.advance(100)
        for phone in (android, apple):
            world.renew(phone)
        assert world.instance(apple.jkt).app_attest.counter == 1
        assert world.instance(apple.jkt).attested_at == enrolled + timedelta(seconds=100)
        assert world.instance(apple.jkt).enrolled_at == enrolled
        assert world.instance(android.jkt).attested_at == enrolled


class TestRecords:
    def test_the_decision_is_recorded_before_the_signature(self, world, phone):
        journal = world.decisions.journal
        sign = world.signer.sign
        world.signer.sign = lambda message: journal.append("sign") or sign(message)
        world.enrol(phone)
        assert journal == ["record token", "sign"]

    def test_a_record_of_a_token_says_what_it_was_judged_by(self, world, phone):
        answer = world.enrol(phone)
        record = world.decisions.records[-1]
        assert record.jti == answer.claims["jti"]
        assert record.jkt == phone.jkt
        assert record.platform.value == phone.platform.value
        assert record.policy_id == answer.claims["submods"]["rasp"]["ear_appraisal_policy_ids"][0]
        assert record.endorsements_id.startswith("google_status@")
        assert [format_.value for format_ in record.formats] == list(answer.claims["submods"])

    def test_a_refused_phone_shows_the_reference_of_its_record(self, world, apple):
        answer = world.renew(apple)
        record = world.decisions.records[-1]
        assert record.outcome is DecisionOutcome.REFUSED
        assert answer.members["instance"] == f"urn:uuid:{record.reference}"
        assert record.refusal.value not in answer.stored.body.decode()


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"app": "unknown"}, RefusalReason.APP_UNKNOWN),
            ({"aud": "https://x.example"}, RefusalReason.AUDIENCE_UNKNOWN),
        ],
    )
    def test_nothing_is_spent_on_what_is_not_registered(self, world, android, change, reason):
        challenge = world.challenge()
        submission = android.enrolment(challenge=challenge)
        answer = world.attest(replace(submission, descriptor={**submission.descriptor, **change}).encode())
        assert answer.status == 403
        assert "challenge" not in answer.members
        assert world.refusal is reason
        assert world.challenge_item(challenge)["phase"] == {"S": "issued"}

    def test_a_challenge_that_was_never_issued_gives_none_away(self, world, android):
        answer = world.attest(android.build_enrolment(challenge=bytes(32)))
        assert answer.status == 409
        assert "challenge" not in answer.members
        assert world.refusal is RefusalReason.CHALLENGE_UNKNOWN

    def test_a_challenge_of_another_app_is_refused(self, world, android):
        world.attest(android.build_enrolment(challenge=world.challenge(app="broker")))
        assert world.refusal is RefusalReason.CHALLENGE_WRONG_APP

    def test_a_challenge_of_another_purpose_is_refused(self, world, android):
        world.attest(android.build_enrolment(challenge=world.challenge(Purpose.RENEW)))
        assert world.refusal is RefusalReason.CHALLENGE_WRONG_PURPOSE

    @pytest.mark.parametrize(("seconds", "status"), [(3599, 200), (3600, 409)])
    def test_an_enrolments_challenge_lives_an_hour(self, world, android, seconds, status):
        challenge = world.challenge()
        world.clock.advance(seconds)
        assert world.attest(android.build_enrolment(challenge=challenge)).status == status

    def test_a_refusal_stands_like_a_token_does(self, world, android):
        tampered = replace(android.enrolment(challenge=world.challenge()), rasp_report=None).encode()
        first = world.attest(tampered)
        assert first.status == 403
        assert world.attest(tampered) == first

    def test_after_a_refused_enrolment_the_next_challenge_is_for_another(self, world, android):
        answer = world.attest(replace(android.enrolment(challenge=world.challenge()), rasp_report=None).encode())
        assert answer.members["challenge"]["purpose"] == "enrol"
        assert world.attest(android.build_enrolment(challenge=answer.next_challenge)).status == 200

    def test_an_unknown_instance_is_given_the_challenge_to_enrol_with(self, world, phone):
        answer = world.renew(phone)
        assert world.refusal is RefusalReason.INSTANCE_UNKNOWN
        assert answer.members["challenge"] == {**answer.members["challenge"], "purpose": "enrol", "expires_in": 3600}
        assert world.attest(phone.build_enrolment(challenge=answer.next_challenge)).status == 200

    def test_other_refused_renewals_are_given_one_to_renew_with(self, world, phone):
        world.enrol(phone)
        submission = phone.renewal(challenge=world.challenge(Purpose.RENEW))
        answer = world.attest(replace(submission, rasp_report=b"{}").encode())
        assert answer.members["challenge"]["purpose"] == "renew"
        assert world.attest(phone.build_renewal(challenge=answer.next_challenge)).status == 200

    def test_a_phone_without_a_statement_is_refused(self, world):
        world.enrol(world.phone(AndroidPhone, condition=CONDITIONS["unattested"]))
        assert world.refusal is RefusalReason.PLATFORM_STATEMENT_MISSING

    def test_a_request_that_cannot_be_signed_is_the_phones_to_shorten(self, world, android, monkeypatch):
        monkeypatch.setattr("chalicelib.results.token.LONGEST_SIGNING_INPUT", 64)
        answer = world.enrol(android)
        assert answer.status == 400
        assert world.refusal is RefusalReason.DESCRIPTOR_INVALID
        assert "sign" not in world.signer.called


class TestOnceOnly:
    def test_the_same_body_gets_the_same_bytes(self, world, phone):
        body = phone.build_enrolment(challenge=world.challenge())
        first = world.attest(body)
        world.clock.advance(60)
        assert world.attest(body) == first
        assert len(world.decisions.records) == 1

    def test_after_a_minute_it_is_spent(self, world, phone):
        body = phone.build_enrolment(challenge=world.challenge())
        world.attest(body)
        world.clock.advance(61)
        assert world.attest(body).status == 409
        assert world.refusal is RefusalReason.CHALLENGE_SPENT

    def test_another_body_finds_it_spent(self, world, android):
        challenge = world.challenge()
        world.attest(android.build_enrolment(challenge=challenge))
        assert world.attest(android.build_enrolment(challenge=challenge)).status == 409
        assert world.refusal is RefusalReason.CHALLENGE_SPENT

    def test_a_twin_waits_for_the_first_arrivals_answer(self, world, phone):
        body = phone.build_enrolment(challenge=world.challenge())
        held = world.claim_by_another(body)
        theirs = StoredAnswer(status=200, body=b"{}")

        def answered():
            if len(world.clock.slept) == 3:
                world.commit_by_another(held, theirs)

        world.clock.on_sleep = answered
        assert world.attest(body).stored == theirs
        assert len(world.clock.slept) == 3
        assert "by_jkt" not in world.instance_store.called

    def test_a_twin_waits_two_seconds_at_most_and_releases_nothing(self, world, phone):
        body = phone.build_enrolment(challenge=world.challenge())
        world.claim_by_another(body)
        assert malfunction(world, body).reason is MalfunctionReason.BUSY
        assert sum(world.clock.slept) == pytest.approx(2, abs=0.11)
        assert "release" not in world.challenge_store.called

    def test_a_lost_lease_is_taken_over_by_the_same_body(self, world, phone):
        body = phone.build_enrolment(challenge=world.challenge())
        world.claim_by_another(body)
        world.clock.advance(LEASE.total_seconds() + 1)
        assert world.attest(body).status == 200

    def test_whoever_loses_the_commit_returns_the_answer_that_stands(self, world, phone):
        body = phone.build_enrolment(challenge=world.challenge())
        theirs = StoredAnswer(status=200, body=b'{"token": "theirs"}')
        world.challenge_store.before["commit"] = lambda: world.commit_by_another(
            world.claim_by_another(body, ahead=LEASE), theirs
        )
        assert world.attest(body).stored == theirs
        assert world.instance(phone.jkt) is None
        assert [record.outcome for record in world.decisions.records] == [
            DecisionOutcome.TOKEN,
            DecisionOutcome.DISCARDED,
        ]

    def test_a_refusal_that_lost_its_hold_is_not_told(self, world, phone):
        body = replace(phone.enrolment(challenge=world.challenge()), rasp_report=None).encode()
        theirs = []
        world.challenge_store.before["commit"] = lambda: theirs.append(world.claim_by_another(body, ahead=LEASE))
        assert malfunction(world, body).reason is MalfunctionReason.BUSY
        item = world.challenge_item(decode_submission(body).challenge)
        assert (item["phase"], item["attempt"]) == ({"S": "claimed"}, {"S": theirs[0].attempt})


class TestMalfunctions:
    @pytest.mark.parametrize(("store", "method"), [("instance_store", "by_jkt"), ("challenge_store", "commit")])
    def test_after_one_in_the_store_nothing_stands_and_the_same_body_may_try_at_once(self, world, phone, store, method):
        body = phone.build_enrolment(challenge=world.challenge())
        getattr(world, store).broken = {method}
        assert malfunction(world, body).reason is MalfunctionReason.STORE_UNAVAILABLE
        assert world.tables.items(world.tables.instances) == []
        getattr(world, store).broken = set()
        assert world.attest(body).status == 200

    def test_a_signer_that_does_not_answer_costs_nothing_but_a_retry(self, world, phone):
        body = phone.build_enrolment(challenge=world.challenge())
        world.signer.broken = {"sign"}
        assert malfunction(world, body).reason is MalfunctionReason.SIGNER_UNAVAILABLE
        world.signer.broken = set()
        assert world.attest(body).status == 200

    def test_a_signature_by_another_key_never_leaves(self, world, phone, another_signer):
        body = phone.build_enrolment(challenge=world.challenge())
        world.signer.sign = another_signer.sign
        assert malfunction(world, body).reason is MalfunctionReason.TOKEN_SELF_CHECK
        assert world.challenge_item(decode_submission(body).challenge)["phase"] == {"S": "claimed"}

    def test_a_release_that_fails_does_not_hide_why(self, world, phone):
        body = phone.build_enrolment(challenge=world.challenge())
        world.signer.broken = {"sign"}
        world.challenge_store.broken = {"release"}
        assert malfunction(world, body).reason is MalfunctionReason.SIGNER_UNAVAILABLE

    def test_without_a_policy_nobody_is_judged_and_nothing_is_spent(self, world, phone):
        challenge = world.challenge()
        world.tables.withdraw("policy")
        world.clock.advance(3)
        body = phone.build_enrolment(challenge=challenge)
        assert malfunction(world, body).reason is MalfunctionReason.POLICY_UNAVAILABLE
        assert world.challenge_item(challenge)["phase"] == {"S": "issued"}

    def test_one_before_the_claim_holds_nothing(self, world, phone):
        body = phone.build_enrolment(challenge=world.challenge())
        world.challenge_store.broken = {"claim"}
        assert malfunction(world, body).reason is MalfunctionReason.STORE_UNAVAILABLE
        assert "release" not in world.challenge_store.called


class TestConflicts:
    def test_an_overtaken_counter_is_answered_with_a_new_challenge(self, world, apple):
        world.enrol(apple)
        body = apple.build_renewal(challenge=world.challenge(Purpose.RENEW))
        later = apple.build_renewal(challenge=world.challenge(Purpose.RENEW))
        world.challenge_store.before["commit"] = lambda: world.attest(later)
        answer = world.attest(body)
        assert answer.status == 409
        assert answer.members["remedy"] == "new_challenge"
        assert world.refusal is RefusalReason.COUNTER_OVERTAKEN
        assert world.attest(body) == answer
        assert world.attest(apple.build_renewal(challenge=answer.next_challenge)).status == 200

    def test_an_app_attest_key_belongs_to_one_instance_key_for_good(self, world, apple):
        world.enrol(apple)
        submission = apple.enrolment(challenge=world.challenge())
        world.tables.tie(apple.key_id, jkt="another instance key")
        answer = world.attest(submission.encode())
        assert answer.status == 403
        assert world.refusal is RefusalReason.APP_ATTEST_KEY_TAKEN
        assert world.instance(apple.jkt) is None

    @pytest.mark.parametrize(
        ("meanwhile", "reason"),
        [
            ({"blocked": True}, RefusalReason.INSTANCE_BLOCKED),
            ({"app": "broker"}, RefusalReason.INSTANCE_OTHER_APP),
        ],
    )
    @pytest.mark.parametrize("purpose", Purpose)
    def test_an_instance_that_moved_meanwhile_is_refused_for_what_it_is_now(
        self, world, phone, purpose, meanwhile, reason
    ):
        world.enrol(phone)
        body = with_its_keys(phone, purpose=purpose, challenge=world.challenge(purpose)).encode()
        world.challenge_store.before["commit"] = lambda: world.tables.alter_instance(phone.jkt, **meanwhile)
        world.attest(body)
        assert world.refusal is reason

    def test_a_renewal_of_an_instance_that_is_gone_is_unknown(self, world, phone):
        world.enrol(phone)
        world.challenge_store.before["commit"] = lambda: world.tables.delete_instance(phone.jkt)
        answer = world.renew(phone)
        assert world.refusal is RefusalReason.INSTANCE_UNKNOWN
        assert answer.members["challenge"]["purpose"] == "enrol"

    @pytest.mark.parametrize("purpose", Purpose)
    def test_a_conflict_that_is_gone_again_is_a_retry(self, world, phone, purpose):
        """Of a key that stands enrolled with the very App Attest key that enrols again, nobody took anything."""
        world.enrol(phone)
        body = with_its_keys(phone, purpose=purpose, challenge=world.challenge(purpose)).encode()

        def blocked_for_a_moment():
            world.tables.alter_instance(phone.jkt, blocked=True)
            world.instance_store.before["by_jkt"] = lambda: world.tables.alter_instance(phone.jkt, blocked=False)

        world.challenge_store.before["commit"] = blocked_for_a_moment
        assert malfunction(world, body).reason is MalfunctionReason.BUSY
        assert world.attest(body).status == 200


def test_a_token_is_never_in_a_record(world, phone):
    answer = world.enrol(phone)
    secrets = [answer.members["token"], answer.members["challenge"]["value"]]
    secrets += [base64.b64encode(answer.next_challenge).decode()]
    assert not any(secret in repr(record) for secret in secrets for record in world.decisions.records)
    assert not any(secret in world.decisions.lines.getvalue() for secret in secrets)
