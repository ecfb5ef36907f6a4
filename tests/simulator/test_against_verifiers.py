"""What phones make, the service's verifiers take; and each named defect is refused for its named reason.

The stages are run by hand here, in the order of the service, so that a defect shows in the stage that has to see it.
Defects that only an enrolled instance or the register can show are run against the service, in test_against_service.py.
"""

import json
from datetime import UTC, datetime

import pytest

from assay_toolkit.simulator.android import REVOKED_BATCH_SERIAL
from assay_toolkit.simulator.apple_parameters import AppleParameters, Launch
from assay_toolkit.simulator.conditions import CONDITIONS, FOREIGN_SIGNER, SOUND, Platform
from assay_toolkit.simulator.defect import Outcome, Purpose
from assay_toolkit.simulator.key_description import KeyParameters
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.play_integrity import CLASSIC_SECRET, PlayServices, SimulatedPlay
from assay_toolkit.simulator.rasp import CHECKS, Dialect
from assay_toolkit.simulator.roots import ANDROID_ROOT_PEM, APPLE_RECEIPT_ROOT_PEM, APPLE_ROOT_PEM
from assay_toolkit.simulator.submission import ProtectedRequest
from assay_toolkit.simulator.tamper import TAMPERS
from chalicelib.endorsements.anchors import anchors_from_pem
from chalicelib.model.claims import (
    AppleEnvironment,
    AppleReceiptKind,
    Provisioning,
    SecurityLevel,
    VerifiedAndroidKey,
    VerifiedAppleAssertion,
    VerifiedAppleAttestation,
    VerifiedBootState,
    VerifiedReceipt,
)
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import AppraisalReason, RefusalReason
from chalicelib.model.submission import SubmittedAndroidKey, SubmittedAppleAssertion, SubmittedAppleAttestation
from chalicelib.verifiers import android_key, app_attest
from chalicelib.verifiers.play_integrity import open_classic, read_secret, verify_payload
from chalicelib.verifiers.rasp import verify_report
from chalicelib.verifiers.submission import decode_submission, verify_proof

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHALLENGE = bytes(range(32))
OTHER_CHALLENGE = bytes(range(32, 64))
ANDROID_ANCHORS = anchors_from_pem(ANDROID_ROOT_PEM, name="simulator-android")
APPLE_ANCHORS = anchors_from_pem(APPLE_ROOT_PEM, name="simulator-apple")
RECEIPT_ANCHORS = anchors_from_pem(APPLE_RECEIPT_ROOT_PEM, name="simulator-receipts")
PLAY = PlayServices(play=SimulatedPlay(clock=lambda: NOW))
PLAY_KEYS = read_secret(json.dumps({"classic": CLASSIC_SECRET}).encode()).classic
PHONES = {Platform.ANDROID: AndroidPhone, Platform.APPLE: ApplePhone}

# Of the stages after the verifiers.
_LATER = {
    RefusalReason.INSTANCE_UNKNOWN,
    RefusalReason.INSTANCE_KEY_MISMATCH,
    RefusalReason.INSTANCE_KEY_UNFIT,
}


@pytest.fixture
def make_phone(counted_bytes):
    def make(platform, condition=SOUND, **changes):
        return PHONES[platform](
            app="demo-bank",
            audience="https://api.bank.example",
            condition=condition,
            randomness=counted_bytes,
            clock=lambda: NOW,
            **changes,
        )

    return make


def _verify(body, *, enrolled=None):
    """The claims of every stage up to the first refusal; `enrolled`: what an earlier attestation left."""
    submitted = decode_submission(body)
    if isinstance(submitted, Refused):
        return submitted
    proof = verify_proof(submitted)
    if isinstance(proof, Refused):
        return proof
    report = verify_report(proof)
    if isinstance(report, Refused):
        return report
    statement = _verify_statement(submitted.statement, challenge=submitted.challenge, proof=proof, enrolled=enrolled)
    if isinstance(statement, Refused):
        return statement
    play = submitted.play_integrity and _verify_play(submitted.play_integrity, proof=proof)
    return play if isinstance(play, Refused) else (proof, report, statement)


def _verify_play(submitted, *, proof):
    payload = open_classic(submitted.token, keys=PLAY_KEYS)
    if isinstance(payload, Refused):
        return payload
    return verify_payload(
        payload,
        request=submitted.request,
        binding=proof.binding,
        packages=(KeyParameters().package_name,),
        signature_digests=KeyParameters().signature_digests,
        now=NOW,
    )


def _verify_statement(statement, *, challenge, proof, enrolled):
    match statement:
        case SubmittedAndroidKey():
            return android_key.verify(statement, challenge=challenge, anchors=ANDROID_ANCHORS, now=NOW)
        case SubmittedAppleAttestation():
            return app_attest.verify_attestation(
                statement,
                client_data_hash=proof.binding,
                app_ids=(AppleParameters().app_id,),
                environment=AppleEnvironment.PRODUCTION,
                anchors=APPLE_ANCHORS,
                now=NOW,
            )
        case SubmittedAppleAssertion():
            return app_attest.verify_assertion(
                statement,
                client_data_hash=proof.binding,
                app_id=enrolled.app_id,
                key_id=enrolled.key_id,
                public_key=enrolled.public_key,
                stored_counter=0,
            )
    return None


def test_a_sound_android_phone_verifies_with_the_claims_it_states(make_phone):
    phone = make_phone(Platform.ANDROID)
    proof, report, key = _verify(phone.build_enrolment(challenge=CHALLENGE))
    assert isinstance(key, VerifiedAndroidKey)
    assert key.jwk == proof.jwk
    assert key.jwk.jkt == phone.jkt
    assert key.security_level is SecurityLevel.TRUSTED_ENVIRONMENT
    assert key.provisioning is Provisioning.FACTORY
    assert key.root_of_trust.device_locked
    assert key.root_of_trust.verified_boot_state is VerifiedBootState.VERIFIED
    assert [package.name for package in key.application_id.packages] == [KeyParameters().package_name]
    assert key.application_id.signature_digests == KeyParameters().signature_digests
    assert (key.os_patch_level.year, key.os_patch_level.month) == (2026, 10)
    assert key.creation_time_ms == NOW.timestamp() * 1000
    assert key.unknown_tags == ()
    assert phone.batch.certificates[0].serial_number in key.certificate_serials
    assert set(report.checks) == {f"{group}.{check}" for group, checks in CHECKS.items() for check in checks}
    assert {state.value for state in report.checks.values()} == {"clear"}


@pytest.mark.parametrize("launch", [None, Launch(validation_category=4, bundle_version="8.1.0")])
def test_a_sound_iphone_verifies_when_it_enrols_and_when_it_renews(make_phone, launch):
    phone = make_phone(Platform.APPLE, parameters=AppleParameters(launch=launch))
    proof, _, attestation = _verify(phone.build_enrolment(challenge=CHALLENGE))
    assert isinstance(attestation, VerifiedAppleAttestation)
    assert attestation.key_id == phone.key_id
    assert proof.jwk.jkt == phone.jkt
    assert attestation.receipt
    for counter in (1, 2):
        renewal = _verify(phone.build_renewal(challenge=OTHER_CHALLENGE), enrolled=attestation)
        assert isinstance(renewal[2], VerifiedAppleAssertion)
        assert renewal[2].counter == counter
        stated = renewal[2].validation
        if launch:
            assert (stated.validation_category, stated.bundle_version) == (4, "8.1.0")
        else:
            assert (stated.validation_category, stated.bundle_version) == (None, None)


def test_an_android_renewal_is_the_proof_alone(make_phone):
    phone = make_phone(Platform.ANDROID)
    phone.build_enrolment(challenge=CHALLENGE)
    proof, _, statement = _verify(phone.build_renewal(challenge=OTHER_CHALLENGE))
    assert (proof.jwk.jkt, statement) == (phone.jkt, None)


@pytest.mark.parametrize("platform", list(Platform))
def test_a_request_token_is_asked_for_with_the_request_in_the_descriptor(make_phone, platform):
    request = ProtectedRequest(method="POST", url="https://api.bank.example/v1/payments?to=DE02", body=b"{}")
    proof, _, _ = _verify(make_phone(platform).build_enrolment(challenge=CHALLENGE, request=request))
    assert (proof.descriptor.htm, proof.descriptor.htu) == ("POST", "https://api.bank.example/v1/payments")
    assert proof.descriptor.query_digest
    assert proof.descriptor.content_digest


CONDITION_CASES = [(c, p) for c in CONDITIONS.values() for p in sorted(c.platforms)]


@pytest.mark.parametrize(("condition", "platform"), CONDITION_CASES, ids=[f"{c.name}-{p}" for c, p in CONDITION_CASES])
def test_what_is_the_matter_with_a_phone_is_in_its_claims(make_phone, condition, platform):
    outcome = _verify(make_phone(platform, condition).build_enrolment(challenge=CHALLENGE))
    if condition.name == "emulator":
        assert outcome.reason is RefusalReason.KEY_NOT_IN_HARDWARE
        return
    if condition.name == "repackaged" and platform is Platform.APPLE:
        assert outcome.reason is RefusalReason.APP_ATTEST_APP_ID
        return
    _, report, statement = outcome
    assert (report is not None) is condition.reports
    if report:
        states = report.checks.items()
        assert {check for check, state in states if state.value == "detected"} == condition.detected
        if condition.dialect is not Dialect.FREERASP:  # which has not every check
            assert {check for check, state in states if state.value == "not_run"} == condition.not_run
        assert report.dialect.value == condition.dialect
        assert report.app_version == condition.reported_version
        assert [seen.value for seen in report.observations] == [seen.value for seen in condition.observations]
    assert (statement is not None) is condition.attested
    if isinstance(statement, VerifiedAndroidKey):
        stated = condition.android
        assert statement.security_level == stated.security_level
        assert statement.provisioning.value == stated.provisioned.value
        assert statement.root_of_trust.device_locked is stated.device_locked
        assert statement.root_of_trust.verified_boot_state_raw == stated.verified_boot_state
        assert (FOREIGN_SIGNER in statement.application_id.signature_digests) is stated.foreign_signer
        assert (REVOKED_BATCH_SERIAL in statement.certificate_serials) is (stated.batch_serial is not None)
        months = statement.os_patch_level.year * 12 + statement.os_patch_level.month
        assert months == NOW.year * 12 + NOW.month - stated.patch_age_months


TAMPER_CASES = [
    (tamper, platform)
    for tamper in TAMPERS
    for platform in sorted(tamper.platforms)
    if tamper.outcome is Outcome.REFUSED and tamper.expected not in _LATER
]


@pytest.mark.parametrize(("tamper", "platform"), TAMPER_CASES, ids=[f"{t.name}-{p}" for t, p in TAMPER_CASES])
def test_a_defect_is_refused_for_its_reason(make_phone, tamper, platform):
    changes = {"play_integrity": PLAY} if platform is Platform.ANDROID else {}
    phone, stranger, enrolled = make_phone(platform, **changes), make_phone(platform, **changes), None
    if tamper.purpose is Purpose.RENEW:
        _, _, enrolled = _verify(phone.build_enrolment(challenge=CHALLENGE))
    body = tamper.build(phone=phone, stranger=stranger, challenge=OTHER_CHALLENGE)
    outcome = _verify(body, enrolled=enrolled)
    assert isinstance(outcome, Refused)
    assert outcome.reason == tamper.expected, outcome.detail


RECEIPT_CASES = [tamper for tamper in TAMPERS if tamper.outcome is Outcome.RECEIPT_REFUSED]


def _verify_receipt(attestation):
    return app_attest.verify_receipt(
        attestation.receipt,
        app_id=attestation.app_id,
        public_key=attestation.public_key,
        anchors=RECEIPT_ANCHORS,
        now=NOW,
    )


def test_a_sound_iphones_receipt_verifies(make_phone):
    _, _, attestation = _verify(make_phone(Platform.APPLE).build_enrolment(challenge=CHALLENGE))
    receipt = _verify_receipt(attestation)
    assert isinstance(receipt, VerifiedReceipt)
    assert (receipt.kind, receipt.risk_metric, receipt.created_at) == (AppleReceiptKind.ATTEST, None, NOW)


@pytest.mark.parametrize("tamper", RECEIPT_CASES, ids=[tamper.name for tamper in RECEIPT_CASES])
def test_a_receipts_defect_costs_the_receipt_and_not_the_attestation(make_phone, tamper):
    phone, stranger = make_phone(Platform.APPLE), make_phone(Platform.APPLE)
    _, _, attestation = _verify(tamper.build(phone=phone, stranger=stranger, challenge=CHALLENGE))
    refused = _verify_receipt(attestation)
    assert isinstance(refused, Refused)
    assert refused.reason == tamper.expected, refused.detail


def test_without_a_root_of_trust_the_key_verifies_and_says_so(make_phone):
    tamper = next(tamper for tamper in TAMPERS if tamper.outcome is Outcome.APPRAISED)
    platform = Platform.ANDROID
    body = tamper.build(phone=make_phone(platform), stranger=make_phone(platform), challenge=CHALLENGE)
    _, _, key = _verify(body)
    assert key.root_of_trust is None


def test_a_chain_through_an_attest_key_verifies_where_it_is_admitted(make_phone):
    tamper = next(tamper for tamper in TAMPERS if tamper.name == "attest_key_chain")
    phone, stranger = make_phone(Platform.ANDROID), make_phone(Platform.ANDROID)
    submitted = decode_submission(tamper.build(phone=phone, stranger=stranger, challenge=CHALLENGE))
    key = android_key.verify(
        submitted.statement, challenge=CHALLENGE, anchors=ANDROID_ANCHORS, now=NOW, admit_attest_keys=True
    )
    assert isinstance(key, VerifiedAndroidKey)
    assert key.attest_key
    assert key.jwk.jkt == phone.jkt


def test_every_expected_reason_is_one_of_the_registry():
    for tamper in TAMPERS:
        registry = AppraisalReason if tamper.outcome is Outcome.APPRAISED else RefusalReason
        assert tamper.expected in set(registry)


def test_a_defect_has_one_name_per_platform():
    named = [(tamper.name, platform) for tamper in TAMPERS for platform in tamper.platforms]
    assert len(named) == len(set(named))


def test_a_defect_of_one_platform_is_none_of_the_other(make_phone):
    tamper = next(tamper for tamper in TAMPERS if tamper.platforms == {Platform.APPLE})
    phone = make_phone(Platform.ANDROID)
    with pytest.raises(ValueError, match="is not a defect of android"):
        tamper.build(phone=phone, stranger=phone, challenge=CHALLENGE)
