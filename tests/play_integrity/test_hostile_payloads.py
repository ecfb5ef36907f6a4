"""Payloads that are signed, or decoded by Google, and are not this submission's. Each has its reason; none raises."""

import copy
import json

import pytest

from chalicelib.model.outcome import Refused

M, B, P = "play_integrity_malformed", "play_integrity_binding", "play_integrity_package"
C, T, X = "play_integrity_certificate", "play_integrity_time", "play_integrity_testing"


def _just(body):
    return lambda _: body


def _details(**members):
    return lambda p: p.payload(requestDetails=members)


def _app(**members):
    return lambda p: p.payload(appIntegrity=members)


def _device(**members):
    return lambda p: p.payload(deviceIntegrity=members)


def _raw(old, new):
    return lambda p: p.js(p.payload()).replace(old, new, 1)


def _late(p, milliseconds):
    return p.payload(requestDetails={"timestampMillis": str(p.MILLIS + milliseconds)})


CASES = [
    # JSON
    ("empty", _just(b""), M),
    ("null", _just(b"null"), M),
    ("array", lambda p: p.js([p.payload()]), M),
    ("text", lambda p: p.js("payload"), M),
    ("empty_object", _just(b"{}"), M),
    ("bom", lambda p: b"\xef\xbb\xbf" + p.js(p.payload()), M),
    ("utf16", lambda p: p.js(p.payload()).decode().encode("utf-16"), M),
    ("not_utf8", _raw(b'"LICENSED"', b'"\xff"'), M),
    ("trailing_text", lambda p: p.js(p.payload()) + b"{}", M),
    ("trailing_comma", lambda p: p.js(p.payload())[:-1] + b",}", M),
    ("comment", lambda p: b"/**/" + p.js(p.payload()), M),
    ("nan", _raw(b":36", b":NaN"), M),
    ("infinity", _raw(b":36", b":-Infinity"), M),
    ("huge_number", _raw(b":36", b":" + b"9" * 5_000), M),
    ("huge_exponent", _raw(b":36", b":1e999"), M),
    ("unsafe_integer", _raw(b":36", b":9007199254740993"), M),
    ("lone_surrogate", _raw(b'"LICENSED"', b'"\\ud800"'), M),
    ("deep_array", lambda p: p.js(p.payload(futureDetails={"x": 1})).replace(b'{"x":1}', b"[" * 500), M),
    ("deep_unknown", _raw(b'"LICENSED"', b"[[[[[[[[[[]]]]]]]]]]"), M),
    ("too_long", lambda p: p.js(p.payload(futureDetails={"x": "y" * 17_000})), M),
    # repeated members, at each level
    ("two_payloads", lambda p: p.js(p.payload())[:-1] + b',"requestDetails":{}}', M),
    ("nonce_twice", _raw(b'"nonce":', b'"nonce":"AAAAAAAAAAAAAAAA","nonce":'), M),
    ("nonce_twice_escaped", _raw(b'"nonce":', b'"non\\u0063e":"AAAAAAAAAAAAAAAA","nonce":'), M),
    ("verdict_twice", _raw(b'"appRecognitionVerdict":', b'"appRecognitionVerdict":"X","appRecognitionVerdict":'), M),
    ("labels_twice", _raw(b'"deviceRecog', b'"deviceRecognitionVerdict":[],"deviceRecog'), M),
    ("bit_twice", _raw(b'"bitFirst":', b'"bitFirst":false,"bitFirst":'), M),
    ("unknown_twice", lambda p: p.js(p.payload())[:-1] + b',"later":1,"later":2}', M),
    # requestDetails
    ("no_details", lambda p: p.payload(requestDetails=None), M),
    ("details_null", lambda p: {**p.payload(), "requestDetails": None}, M),
    ("details_array", lambda p: {**p.payload(), "requestDetails": []}, M),
    ("details_text", lambda p: {**p.payload(), "requestDetails": "{}"}, M),
    ("details_in_other_case", lambda p: {"RequestDetails": p.payload()["requestDetails"]}, M),
    ("no_package", lambda p: p.without("requestDetails", "requestPackageName"), M),
    ("package_null", _details(requestPackageName=None), M),
    ("package_empty", _details(requestPackageName=""), M),
    ("package_list", _details(requestPackageName=["com.example.bank"]), M),
    ("package_too_long", _details(requestPackageName="com." + "x" * 300), M),
    ("package_other", _details(requestPackageName="com.example.evil"), P),
    ("package_other_case", _details(requestPackageName="com.example.Bank"), P),
    ("package_prefix", _details(requestPackageName="com.example.bank.evil"), P),
    ("package_space", _details(requestPackageName="com.example.bank "), P),
    ("package_confusable", _details(requestPackageName="com.ex\u0430mple.bank"), P),
    ("package_zero_width", _details(requestPackageName="com.example.bank\u200b"), P),
    ("package_nul", _details(requestPackageName="com.example.bank\x00"), P),
    # nonce
    ("no_nonce", lambda p: p.without("requestDetails", "nonce"), B),
    ("nonce_null", _details(nonce=None), M),
    ("nonce_empty", _details(nonce=""), M),
    ("nonce_number", _details(nonce=0), M),
    ("nonce_list", lambda p: p.payload(requestDetails={"nonce": [p.b64url(p.BINDING)]}), M),
    ("nonce_too_long", _details(nonce="A" * 501), M),
    ("nonce_other", _details(nonce="A" * 43), B),
    ("nonce_prefix", lambda p: p.payload(requestDetails={"nonce": p.b64url(p.BINDING)[:-1]}), B),
    ("nonce_and_more", lambda p: p.payload(requestDetails={"nonce": p.b64url(p.BINDING) + "A"}), B),
    ("nonce_padded_twice", lambda p: p.payload(requestDetails={"nonce": p.b64url(p.BINDING) + "=="}), B),
    ("nonce_hex", lambda p: p.payload(requestDetails={"nonce": p.BINDING.hex()}), B),
    ("nonce_upper", lambda p: p.payload(requestDetails={"nonce": p.b64url(p.BINDING).upper()}), B),
    ("nonce_space", lambda p: p.payload(requestDetails={"nonce": p.b64url(p.BINDING) + " "}), B),
    ("nonce_line_break", lambda p: p.payload(requestDetails={"nonce": p.b64url(p.BINDING) + "\n"}), B),
    ("nonce_not_ascii", _details(nonce="\u00e9" * 43), B),
    ("nonce_and_hash", lambda p: p.payload(requestDetails={"requestHash": p.b64url(p.BINDING)}), B),
    ("hash_for_nonce", lambda p: p.payload("standard"), B),
    # timestampMillis
    ("no_time", lambda p: p.without("requestDetails", "timestampMillis"), M),
    ("time_null", _details(timestampMillis=None), M),
    ("time_number", lambda p: p.payload(requestDetails={"timestampMillis": p.MILLIS}), M),
    ("time_float_text", lambda p: p.payload(requestDetails={"timestampMillis": f"{p.MILLIS}.0"}), M),
    ("time_exponent", _details(timestampMillis="1e12"), M),
    ("time_empty", _details(timestampMillis=""), M),
    ("time_negative", lambda p: p.payload(requestDetails={"timestampMillis": f"-{p.MILLIS}"}), M),
    ("time_plus", lambda p: p.payload(requestDetails={"timestampMillis": f"+{p.MILLIS}"}), M),
    ("time_space", lambda p: p.payload(requestDetails={"timestampMillis": f" {p.MILLIS}"}), M),
    ("time_line_break", lambda p: p.payload(requestDetails={"timestampMillis": f"{p.MILLIS}\n"}), M),
    ("time_underscore", _details(timestampMillis="1_795_348_800_000"), M),
    ("time_leading_zero", lambda p: p.payload(requestDetails={"timestampMillis": f"0{p.MILLIS}"}), M),
    ("time_hex", _details(timestampMillis="0x1a2b3c"), M),
    ("time_other_digits", _details(timestampMillis="\u0661\u0667\u0669\u0665" + "\u0660" * 9), M),
    ("time_rfc3339", _details(timestampMillis="2026-11-22T12:00:00Z"), M),
    ("time_many_digits", _details(timestampMillis="1" * 5_000), M),
    ("time_zero", _details(timestampMillis="0"), T),
    ("time_seconds", lambda p: p.payload(requestDetails={"timestampMillis": str(p.MILLIS // 1000)}), T),
    ("time_microseconds", lambda p: p.payload(requestDetails={"timestampMillis": str(p.MILLIS * 1000)}), T),
    ("time_beyond_datetime", _details(timestampMillis="9" * 18), T),
    ("time_too_old", lambda p: _late(p, -300_001), T),
    ("time_too_new", lambda p: _late(p, 60_001), T),
    # appIntegrity
    ("app_null", lambda p: {**p.payload(), "appIntegrity": None}, M),
    ("app_array", lambda p: {**p.payload(), "appIntegrity": []}, M),
    ("recognition_list", _app(appRecognitionVerdict=["PLAY_RECOGNIZED"]), M),
    ("recognition_true", _app(appRecognitionVerdict=True), M),
    ("recognition_empty", _app(appRecognitionVerdict=""), M),
    ("recognition_long", _app(appRecognitionVerdict="X" * 65), M),
    ("app_package_other", _app(packageName="com.example.evil"), P),
    ("app_package_confusable", _app(packageName="com.example.b\u0430nk"), P),
    ("app_package_null", _app(packageName=None), M),
    ("recognised_without_package", lambda p: p.without("appIntegrity", "packageName"), P),
    ("recognised_without_certificate", lambda p: p.without("appIntegrity", "certificateSha256Digest"), C),
    ("recognised_with_no_certificate", _app(certificateSha256Digest=[]), C),
    ("certificate_other", _app(certificateSha256Digest=["A" * 43]), C),
    ("certificate_second_other", lambda p: p.payload(appIntegrity={
        "certificateSha256Digest": [p.b64url(p.SIGNER), "A" * 43]}), C),
    ("certificate_truncated", _app(certificateSha256Digest=["6a6a1474b5cbbb2b1aa57e0bc3"]), C),
    ("certificate_longer", lambda p: p.payload(appIntegrity={
        "certificateSha256Digest": [p.b64url(p.SIGNER + b"\0")]}), C),
    ("certificate_hex", lambda p: p.payload(appIntegrity={"certificateSha256Digest": [p.SIGNER.hex()[:64]]}), C),
    ("certificate_colons", _app(certificateSha256Digest=["A1:A1:A1"]), M),
    ("certificate_standard_alphabet", _app(certificateSha256Digest=["+/" + "A" * 41]), M),
    ("certificate_padded", lambda p: p.payload(appIntegrity={
        "certificateSha256Digest": [p.b64url(p.SIGNER) + "="]}), M),
    ("certificate_not_ascii", _app(certificateSha256Digest=["\u00e9" * 43]), M),
    ("certificate_one_character", _app(certificateSha256Digest=["A"]), M),
    ("certificate_empty", _app(certificateSha256Digest=[""]), M),
    ("certificate_text", lambda p: p.payload(appIntegrity={"certificateSha256Digest": p.b64url(p.SIGNER)}), M),
    ("certificate_numbers", _app(certificateSha256Digest=[1, 2]), M),
    ("certificate_null", _app(certificateSha256Digest=[None]), M),
    ("certificate_nested", lambda p: p.payload(appIntegrity={"certificateSha256Digest": [[p.b64url(p.SIGNER)]]}), M),
    ("version_number", _app(versionCode=71), M),
    ("version_negative", _app(versionCode="-1"), M),
    ("version_dotted", _app(versionCode="7.1"), M),
    ("version_digits", _app(versionCode="\u0667"), M),
    ("version_long", _app(versionCode="9" * 40), M),
    # deviceIntegrity
    ("labels_text", _device(deviceRecognitionVerdict="MEETS_DEVICE_INTEGRITY"), M),
    ("labels_object", _device(deviceRecognitionVerdict={"0": "MEETS_DEVICE_INTEGRITY"}), M),
    ("labels_null", _device(deviceRecognitionVerdict=None), M),
    ("labels_hold_null", _device(deviceRecognitionVerdict=["MEETS_DEVICE_INTEGRITY", None]), M),
    ("labels_hold_lists", _device(deviceRecognitionVerdict=[["MEETS_DEVICE_INTEGRITY"]]), M),
    ("labels_hold_empty", _device(deviceRecognitionVerdict=[""]), M),
    ("labels_10000", lambda p: p.js(p.payload(deviceIntegrity={"deviceRecognitionVerdict": ["M"] * 10_000})), M),
    ("labels_33", _device(deviceRecognitionVerdict=["M"] * 33), M),
    ("activity_text", _device(recentDeviceActivity="LEVEL_1"), M),
    ("activity_number", _device(recentDeviceActivity={"deviceActivityLevel": 1}), M),
    ("sdk_text", _device(deviceAttributes={"sdkVersion": "36"}), M),
    ("sdk_true", _device(deviceAttributes={"sdkVersion": True}), M),
    ("sdk_whole_fraction", lambda p: p.js(p.payload()).replace(b":36", b":36.0"), M),
    ("sdk_fraction", _device(deviceAttributes={"sdkVersion": 36.5}), M),
    ("bit_number", _device(deviceRecall={"values": {"bitFirst": 1}}), M),
    ("bit_text", _device(deviceRecall={"values": {"bitFirst": "true"}}), M),
    ("month_text", _device(deviceRecall={"writeDates": {"yyyymmFirst": "202610"}}), M),
    ("legacy_text", _device(legacyDeviceRecognitionVerdict="MEETS_STRONG_INTEGRITY"), M),
    # accountDetails, environmentDetails
    ("licensing_list", lambda p: p.payload(accountDetails={"appLicensingVerdict": ["LICENSED"]}), M),
    ("account_activity_text", lambda p: p.payload(accountDetails={"accountActivity": "TYPICAL_STRONG"}), M),
    ("apps_text", lambda p: p.payload(environmentDetails={"appAccessRiskVerdict": {"appsDetected": "X"}}), M),
    ("risk_list", lambda p: p.payload(environmentDetails={"appAccessRiskVerdict": ["KNOWN_INSTALLED"]}), M),
    ("play_protect_null", lambda p: p.payload(environmentDetails={"playProtectVerdict": None}), M),
    # testingDetails
    ("testing", lambda p: p.payload(testingDetails={"isTestingResponse": True}), X),
    ("testing_unsaid", lambda p: p.payload(testingDetails={}), X),
    ("testing_other_member", lambda p: p.payload(testingDetails={"istestingresponse": False}), X),
    ("testing_text", lambda p: p.payload(testingDetails={"isTestingResponse": "false"}), M),
    ("testing_zero", lambda p: p.payload(testingDetails={"isTestingResponse": 0}), M),
    ("testing_null", lambda p: {**p.payload(), "testingDetails": None}, M),
    # the other kind's wrapping
    ("wrapped", lambda p: {"tokenPayloadExternal": p.payload()}, M),
]  # fmt: skip

STANDARD = [
    ("nonce_for_hash", lambda p: p.payload("classic"), B),
    ("hash_and_nonce", lambda p: p.payload("standard", requestDetails={"nonce": p.b64url(p.BINDING)}), B),
    ("hash_padded", lambda p: p.payload("standard", requestDetails={"requestHash": p.b64url(p.BINDING) + "="}), B),
    ("hash_other", lambda p: p.payload("standard", requestDetails={"requestHash": "A" * 43}), B),
    ("hash_missing", lambda p: p.without("requestDetails", "requestHash", request="standard"), B),
    ("hash_null", lambda p: p.payload("standard", requestDetails={"requestHash": None}), M),
    ("wrapped_nothing", _just({"tokenPayloadExternal": None}), M),
    ("wrapped_empty", _just({"tokenPayloadExternal": {}}), M),
    ("wrapped_list", lambda p: {"tokenPayloadExternal": [p.payload("standard")]}, M),
    ("wrapped_twice", lambda p: {"tokenPayloadExternal": {"tokenPayloadExternal": p.payload("standard")}}, M),
    ("wrapped_text", lambda p: {"tokenPayloadExternal": json.dumps(p.payload("standard"))}, M),
    ("empty_answer", _just({}), M),
    ("an_error", _just({"error": {"code": 400, "status": "INVALID_ARGUMENT"}}), M),
    ("of_a_pc", lambda p: {"tokenPayloadExternal": {"requestDetails": {
        "requestPackageName": p.PACKAGE, "requestHash": p.b64url(p.BINDING), "requestTime": "2026-11-22T12:00Z"}}}, M),
]  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_hostile_payload_is_refused_for_its_reason(play, make, reason):
    outcome = play.judge(make(play))
    assert isinstance(outcome, Refused)
    assert outcome.reason == reason, outcome.detail


@pytest.mark.parametrize(("make", "reason"), [case[1:] for case in STANDARD], ids=[case[0] for case in STANDARD])
def test_a_hostile_answer_of_the_decode_call_is_refused_for_its_reason(play, make, reason):
    outcome = play.judge(make(play), "standard")
    assert isinstance(outcome, Refused)
    assert outcome.reason == reason, outcome.detail


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"packages": ()}, P),
        ({"packages": ("com.example.other",)}, P),
        ({"signature_digests": ()}, C),
        ({"signature_digests": (b"",)}, C),
        ({"binding": b""}, B),
        ({"binding": bytes(32)}, B),
    ],
)
def test_nothing_registered_means_no(play, changes, reason):
    assert play.judge(play.payload(), **changes).reason == reason


def test_no_detail_repeats_what_was_sent(play):
    for name, make, _reason in CASES:
        body = make(play)
        sent = json.loads(body) if isinstance(body, bytes) and name == "two_payloads" else copy.deepcopy(body)
        detail = play.judge(body).detail
        assert play.b64url(play.BINDING) not in detail
        assert "com.ex" not in detail
        if isinstance(sent, dict) and isinstance(sent.get("requestDetails"), dict):
            stated = str(sent["requestDetails"].get("timestampMillis"))
            assert len(stated) < 10 or stated not in detail
