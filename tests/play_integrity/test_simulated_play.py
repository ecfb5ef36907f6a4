"""The simulated Google Play against the verifier: other code for the same documents."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from assay_toolkit.simulator.key_description import KeyParameters
from assay_toolkit.simulator.phone import AndroidPhone
from assay_toolkit.simulator.play_integrity import (
    CLASSIC_SECRET,
    VERDICTS,
    PlayServices,
    Request,
    SimulatedPlay,
    UnknownToken,
)
from chalicelib.model.outcome import Refused
from chalicelib.model.submission import PlayIntegrityRequest
from chalicelib.verifiers.play_integrity import open_classic, read_secret, verify_payload
from chalicelib.verifiers.submission import decode_submission, verify_proof

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEYS = read_secret(json.dumps({"classic": CLASSIC_SECRET}).encode()).classic
CHALLENGE = bytes(range(32))


@pytest.fixture
def google():
    return SimulatedPlay(clock=lambda: NOW)


def _phone(services, clock=lambda: NOW):
    return AndroidPhone(app="demo-bank", audience="https://api.bank.example", clock=clock, play_integrity=services)


def _verdict(body, google, *, allow_test_responses=False):
    submitted = decode_submission(body)
    proof = verify_proof(submitted)
    sent = submitted.play_integrity
    if sent.request is PlayIntegrityRequest.CLASSIC:
        payload = open_classic(sent.token, keys=KEYS)
    else:
        payload = json.dumps(google.decode(KeyParameters().package_name, sent.token)).encode()
    return verify_payload(
        payload,
        request=sent.request,
        binding=proof.binding,
        packages=(KeyParameters().package_name,),
        signature_digests=KeyParameters().signature_digests,
        now=NOW,
        allow_test_responses=allow_test_responses,
    )


@pytest.mark.parametrize("request_", list(Request))
@pytest.mark.parametrize("name", VERDICTS)
def test_what_google_thinks_of_a_phone_is_in_its_claims(google, request_, name):
    stated = VERDICTS[name]
    phone = _phone(PlayServices(request=request_, verdict=stated, play=google))
    verdict = _verdict(phone.build_enrolment(challenge=CHALLENGE), google, allow_test_responses=True)
    assert verdict.request.value == request_.value
    assert verdict.app_recognition == stated.app_recognition
    assert verdict.device_recognition == stated.device_recognition
    assert verdict.device_activity == stated.device_activity
    assert verdict.device_sdk_version == stated.sdk_version
    assert verdict.device_recall == stated.recall
    assert verdict.app_licensing == stated.licensing
    assert verdict.apps_detected == stated.apps_detected
    assert verdict.play_protect == stated.play_protect
    assert verdict.testing is stated.testing
    assert verdict.unknown_members == ()


@pytest.mark.parametrize("request_", list(Request))
def test_a_renewal_has_a_token_of_its_own(google, request_):
    phone = _phone(PlayServices(request=request_, play=google))
    phone.build_enrolment(challenge=CHALLENGE)
    body = phone.build_renewal(challenge=bytes(32))
    assert not isinstance(_verdict(body, google), Refused)


def test_a_phone_whose_clock_is_three_days_off_has_google_s_time(google):
    phone = _phone(PlayServices(play=google), clock=lambda: NOW - timedelta(days=3))
    assert _verdict(phone.build_enrolment(challenge=CHALLENGE), google).requested_at == NOW


def test_a_standard_token_is_decoded_by_whoever_made_it_and_for_its_package(google):
    payload = google.payload(request=Request.STANDARD, bound=bytes(32))
    token = google.token(request=Request.STANDARD, payload=payload)
    assert google.decode("com.example.bank", token) == {"tokenPayloadExternal": payload}
    for other, package in ((google, "com.example.other"), (SimulatedPlay(), "com.example.bank")):
        with pytest.raises(UnknownToken):
            other.decode(package, token)


def test_without_play_a_phone_sends_no_integrity_token():
    body = json.loads(_phone(None).build_enrolment(challenge=CHALLENGE))
    assert "play_integrity" not in body
