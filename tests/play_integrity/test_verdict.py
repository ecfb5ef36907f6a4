"""What a verdict becomes: claims, each member of Google's accounted for, and unknown ones kept and named."""

from datetime import timedelta

import pytest

from chalicelib.model.outcome import Refused
from chalicelib.model.play_integrity import VerifiedPlayIntegrity
from chalicelib.model.submission import PlayIntegrityRequest


def test_every_documented_member_is_a_claim(play):
    assert play.judge(play.payload()) == VerifiedPlayIntegrity(
        request=PlayIntegrityRequest.CLASSIC,
        requested_at=play.NOW - timedelta(seconds=2),
        package=play.PACKAGE,
        app_recognition="PLAY_RECOGNIZED",
        certificate_digests=(play.SIGNER,),
        version_code=71,
        device_recognition=("MEETS_DEVICE_INTEGRITY",),
        device_activity="LEVEL_1",
        device_sdk_version=36,
        device_recall=(True, False, False),
        device_recall_months=(202610, None, None),
        app_licensing="LICENSED",
        account_activity="TYPICAL_BASIC",
        apps_detected=("KNOWN_INSTALLED",),
        play_protect="NO_ISSUES",
        testing=False,
        unknown_members=(),
    )


def test_what_is_absent_was_not_evaluated(play):
    details = {"requestDetails": play.payload()["requestDetails"]}
    verdict = play.judge(details)
    assert isinstance(verdict, VerifiedPlayIntegrity)
    assert (verdict.app_recognition, verdict.device_recognition, verdict.app_licensing) == (None, (), None)
    assert (verdict.apps_detected, verdict.play_protect, verdict.device_activity) == (None, None, None)
    assert (verdict.device_recall, verdict.device_recall_months, verdict.device_sdk_version) == (None, None, None)


def test_no_apps_detected_is_another_claim_than_not_evaluated(play):
    detected = play.judge(play.payload(environmentDetails={"appAccessRiskVerdict": {"appsDetected": []}}))
    unevaluated = play.judge(play.payload(environmentDetails={"appAccessRiskVerdict": {}}))
    assert (detected.apps_detected, unevaluated.apps_detected) == ((), None)


@pytest.mark.parametrize(
    "value", ["play_recognized", "PLAY_RECOGNIZED_V2", "Play_Recognized", "PLAY_RECOGNIZED ", "PLAY_REC\u041eGNIZED"]
)
def test_an_unknown_value_is_kept_as_it_is(play, value):
    assert play.judge(play.payload(appIntegrity={"appRecognitionVerdict": value})).app_recognition == value


def test_unknown_labels_are_kept_in_their_order(play):
    labels = ["MEETS_QUANTUM_INTEGRITY", "MEETS_DEVICE_INTEGRITY", "meets_strong_integrity"]
    verdict = play.judge(play.payload(deviceIntegrity={"deviceRecognitionVerdict": labels}))
    assert verdict.device_recognition == tuple(labels)


def test_the_older_rules_never_stand_in_for_the_newer(play):
    verdict = play.judge(
        play.payload(
            deviceIntegrity={
                "deviceRecognitionVerdict": ["MEETS_BASIC_INTEGRITY"],
                "legacyDeviceRecognitionVerdict": ["MEETS_STRONG_INTEGRITY"],
            }
        )
    )
    assert verdict.device_recognition == ("MEETS_BASIC_INTEGRITY",)
    assert verdict.unknown_members == ()


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"futureDetails": {"x": 1}}, "futureDetails"),
        ({"requestDetails": {"region": "EU"}}, "requestDetails.region"),
        ({"appIntegrity": {"installer": {}}}, "appIntegrity.installer"),
        ({"deviceIntegrity": {"deviceRecall": {"values": {"bit": 1}}}}, "deviceIntegrity.deviceRecall.values.bit"),
        ({"accountDetails": {"accountRiskVerdict": {"risk": "LOWEST"}}}, "accountDetails.accountRiskVerdict"),
        ({"environmentDetails": {"vpn": None}}, "environmentDetails.vpn"),
    ],
)  # fmt: skip
def test_an_unknown_member_is_named(play, changed, path):
    assert play.judge(play.payload(**changed)).unknown_members == (path,)


def test_unknown_members_are_bounded_in_number_and_length(play):
    verdict = play.judge(play.payload(**{f"member{at:03}{'x' * 200}": at for at in range(50)}))
    assert len(verdict.unknown_members) == 32
    assert {len(path) for path in verdict.unknown_members} == {128}


@pytest.mark.parametrize("milliseconds", [-300_000, 0, 60_000])
def test_the_window_of_time_has_both_its_ends(play, milliseconds):
    stated = {"timestampMillis": str(play.MILLIS + milliseconds)}
    verdict = play.judge(play.payload(requestDetails=stated))
    assert verdict.requested_at == play.NOW + timedelta(milliseconds=milliseconds)


def test_the_window_can_be_told(play):
    stated = play.payload(requestDetails={"timestampMillis": str(play.MILLIS - 400_000)})
    assert isinstance(play.judge(stated), Refused)
    assert isinstance(play.judge(stated, longest_age=timedelta(seconds=400)), VerifiedPlayIntegrity)


def test_a_nonce_may_come_back_with_the_padding_that_the_app_left_out(play):
    padded = play.payload(requestDetails={"nonce": play.b64url(play.BINDING) + "="})
    assert isinstance(play.judge(padded), VerifiedPlayIntegrity)


def test_the_answer_of_the_decode_call_is_taken_whole_or_unwrapped(play):
    inner = play.payload("standard")
    whole = play.judge({"tokenPayloadExternal": inner}, "standard")
    assert isinstance(whole, VerifiedPlayIntegrity)
    assert whole.request is PlayIntegrityRequest.STANDARD
    assert play.judge(inner, "standard") == whole
    beside = play.judge({"tokenPayloadExternal": inner, "warnings": []}, "standard")
    assert beside.unknown_members == ("warnings",)


def test_a_test_response_verifies_where_it_is_allowed_and_says_so(play):
    verdict = play.judge(play.payload(testingDetails={"isTestingResponse": True}), allow_test_responses=True)
    assert verdict.testing is True


def test_a_response_that_says_it_is_no_test_is_none(play):
    assert play.judge(play.payload(testingDetails={"isTestingResponse": False})).testing is False


def test_an_app_that_was_not_evaluated_names_neither_package_nor_certificate(play):
    body = play.payload()
    body["appIntegrity"] = {"appRecognitionVerdict": "UNEVALUATED"}
    verdict = play.judge(body, signature_digests=())
    assert (verdict.app_recognition, verdict.certificate_digests) == ("UNEVALUATED", ())


def test_one_of_several_registered_packages_is_enough(play):
    assert play.judge(play.payload(), packages=("com.example.other", play.PACKAGE)).package == play.PACKAGE
