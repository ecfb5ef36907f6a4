"""Bodies: what docs/wire.md admits decodes, and one step off it is refused."""

import base64
import hashlib
import json

import pytest

from chalicelib.model.descriptor import Purpose, TokenKind
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import (
    PlayIntegrityRequest,
    SubmittedAndroidKey,
    SubmittedAppleAssertion,
    SubmittedAppleAttestation,
    SubmittedAttestation,
    SubmittedPlayIntegrity,
    SubmittedUnattested,
)
from chalicelib.verifiers.submission import decode_challenge_request, decode_submission

ABSENT = object()


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


DIGEST = b64url(hashlib.sha256(b"x").digest())
SESSION = {"v": 1, "app": "bank", "purpose": "enrol", "aud": "https://api.bank.example", "token": "session"}
REQUEST = {**SESSION, "token": "request", "htm": "POST", "htu": "https://api.bank.example/v1/payments"}
ANDROID = {"format": "android_key", "x5c": [base64.b64encode(b"leaf").decode(), base64.b64encode(b"root").decode()]}
INTEGRITY = {"request": "standard", "token": "aGVhZA.Ym9keQ-_="}


def submission(**changes):
    whole = {"v": 1, "challenge": b64url(bytes(32)), "descriptor": SESSION, "proof": "a.b.c", "statement": ANDROID}
    return json.dumps({k: v for k, v in {**whole, **changes}.items() if v is not ABSENT}).encode()


def test_a_whole_submission():
    body = submission(rasp_report=b64url(b"{}"))
    decoded = decode_submission(body)
    assert isinstance(decoded, SubmittedAttestation)
    assert decoded.challenge == bytes(32)
    assert decoded.rasp_report == b"{}"
    assert decoded.statement == SubmittedAndroidKey(x5c=(b"leaf", b"root"))
    assert decoded.body_digest == hashlib.sha256(body).digest()
    assert (decoded.descriptor.purpose, decoded.descriptor.token) == (Purpose.ENROL, TokenKind.SESSION)


def test_a_request_descriptor_keeps_its_members():
    decoded = decode_submission(submission(descriptor={**REQUEST, "query_digest": DIGEST, "content_digest": DIGEST}))
    assert isinstance(decoded, SubmittedAttestation)
    assert (decoded.descriptor.htm, decoded.descriptor.query_digest) == ("POST", DIGEST)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (ABSENT, None),
        (
            {"format": "apple_attestation", "key_id": b64url(bytes(32)), "attestation": b64url(b"cbor")},
            SubmittedAppleAttestation(key_id=bytes(32), attestation=b"cbor"),
        ),
        (
            {"format": "apple_assertion", "key_id": b64url(bytes(32)), "assertion": b64url(b"cbor")},
            SubmittedAppleAssertion(key_id=bytes(32), assertion=b"cbor"),
        ),
        ({"format": "unattested", "cause": "unsupported"}, SubmittedUnattested(cause="unsupported")),
    ],
)
def test_statements(statement, expected):
    decoded = decode_submission(submission(statement=statement))
    assert isinstance(decoded, SubmittedAttestation)
    assert decoded.statement == expected


@pytest.mark.parametrize("request_", PlayIntegrityRequest)
@pytest.mark.parametrize("token", ["a", "AZaz09._~+/=-", "a" * 16_384])
def test_integrity_tokens(request_, token):
    decoded = decode_submission(submission(play_integrity={"request": request_.value, "token": token}))
    assert isinstance(decoded, SubmittedAttestation)
    assert decoded.play_integrity == SubmittedPlayIntegrity(request=request_, token=token)


def test_an_integrity_token_may_be_left_out():
    decoded = decode_submission(submission())
    assert isinstance(decoded, SubmittedAttestation)
    assert decoded.play_integrity is None


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2}, {"v": 1.0}, {"v": True}, {"v": "1"}, {"v": ABSENT}, {"extra": 1},
        {"challenge": ABSENT}, {"challenge": None}, {"challenge": b64url(bytes(31))}, {"challenge": b64url(bytes(33))},
        {"challenge": b64url(bytes(32)) + "="}, {"challenge": "A" * 42 + "B"}, {"challenge": "ä" * 43},
        {"proof": ABSENT}, {"proof": ["a", "b", "c"]},
        {"rasp_report": None}, {"rasp_report": {}}, {"rasp_report": b64url(bytes(32_769))}, {"rasp_report": "+/=="},
        {"descriptor": ABSENT}, {"descriptor": None}, {"descriptor": []}, {"descriptor": {**SESSION, "v": 2}},
        {"descriptor": {**SESSION, "app": ""}}, {"descriptor": {**SESSION, "app": "Bank"}},
        {"descriptor": {**SESSION, "app": "bank\n"}}, {"descriptor": {**SESSION, "app": "b" * 65}},
        {"descriptor": {**SESSION, "purpose": "ENROL"}}, {"descriptor": {**SESSION, "token": "bearer"}},
        {"descriptor": {**SESSION, "aud": ""}}, {"descriptor": {**SESSION, "aud": "a b"}},
        {"descriptor": {**SESSION, "aud": 'a"b'}}, {"descriptor": {**SESSION, "aud": "a\\b"}},
        {"descriptor": {**SESSION, "aud": "ä"}}, {"descriptor": {**SESSION, "aud": "a" * 129}},
        {"descriptor": {**SESSION, "aud": ["a"]}}, {"descriptor": {**SESSION, "htm": None}},
        {"descriptor": {**SESSION, "iss": "x"}},
        {"descriptor": {**REQUEST, "htm": "post"}}, {"descriptor": {**REQUEST, "htm": "P" * 17}},
        {"descriptor": {**REQUEST, "htu": "ftp://api.bank.example/"}},
        {"descriptor": {**REQUEST, "htu": "http://api.bank.example/"}},
        {"descriptor": {**REQUEST, "htu": "http://localhost.evil.example/"}},
        {"descriptor": {**REQUEST, "htu": "https://api.bank.example"}},
        {"descriptor": {**REQUEST, "htu": "https://user@api.bank.example/"}},
        {"descriptor": {**REQUEST, "htu": "https://api.bank.example/?a=1"}},
        {"descriptor": {**REQUEST, "htu": "https://api.bank.example/#a"}},
        {"descriptor": {**REQUEST, "htu": "https://api.bank.example/" + "a" * 512}},
        {"descriptor": {**REQUEST, "query_digest": "abc"}}, {"descriptor": {**REQUEST, "query_digest": "=" * 43}},
        {"descriptor": {**REQUEST, "content_digest": DIGEST + "A"}},
        {"statement": None}, {"statement": {}}, {"statement": {"format": "play"}}, {"statement": {"format": 1}},
        {"statement": {**ANDROID, "x5c": []}}, {"statement": {**ANDROID, "x5c": ["AAAA"] * 11}},
        {"statement": {**ANDROID, "x5c": "AAAA"}}, {"statement": {**ANDROID, "x5c": [1]}},
        {"statement": {**ANDROID, "x5c": ["AA-_"]}}, {"statement": {**ANDROID, "x5c": ["AAA"]}},
        {"statement": {**ANDROID, "x5c": ["AA\nAA"]}}, {"statement": {**ANDROID, "extra": 1}},
        {"statement": {**ANDROID, "x5c": [base64.b64encode(bytes(8193)).decode()]}},
        {"statement": {"format": "apple_attestation", "key_id": b64url(bytes(32))}},
        {"statement": {"format": "apple_attestation", "key_id": b64url(bytes(20)), "attestation": "AAAA"}},
        {"statement": {"format": "apple_assertion", "key_id": b64url(bytes(32)), "assertion": b64url(bytes(4097))}},
        {"statement": {"format": "unattested", "cause": "because"}},
        {"play_integrity": None}, {"play_integrity": {}}, {"play_integrity": []}, {"play_integrity": "a.b"},
        {"play_integrity": {"request": "standard"}}, {"play_integrity": {"token": "a"}},
        {"play_integrity": {**INTEGRITY, "request": "express"}}, {"play_integrity": {**INTEGRITY, "request": 1}},
        {"play_integrity": {**INTEGRITY, "request": "CLASSIC"}}, {"play_integrity": {**INTEGRITY, "extra": 1}},
        {"play_integrity": {**INTEGRITY, "token": ""}}, {"play_integrity": {**INTEGRITY, "token": None}},
        {"play_integrity": {**INTEGRITY, "token": "a" * 16_385}}, {"play_integrity": {**INTEGRITY, "token": "a b"}},
        {"play_integrity": {**INTEGRITY, "token": "a\n"}}, {"play_integrity": {**INTEGRITY, "token": "ä"}},
        {"play_integrity": {**INTEGRITY, "token": ["a"]}}, {"play_integrity": [INTEGRITY]},
    ],
)  # fmt: skip
def test_one_step_off_the_schema(changes):
    outcome = decode_submission(submission(**changes))
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.BODY_SCHEMA


@pytest.mark.parametrize(
    "descriptor",
    [
        {**SESSION, "htm": "GET"},
        {**SESSION, "content_digest": DIGEST},
        {k: v for k, v in REQUEST.items() if k != "htu"},
        {k: v for k, v in REQUEST.items() if k != "htm"},
    ],
)
def test_a_descriptor_that_contradicts_itself(descriptor):
    outcome = decode_submission(submission(descriptor=descriptor))
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.DESCRIPTOR_INVALID


@pytest.mark.parametrize(
    "htu", ["http://localhost/", "http://127.0.0.1:8080/v1/x", "http://[::1]:1/", "https://h/~a;b"]
)
def test_targets_that_are_admitted(htu):
    assert isinstance(decode_submission(submission(descriptor={**REQUEST, "htu": htu})), SubmittedAttestation)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", RefusalReason.BODY_NOT_JSON),
        (b"\xef\xbb\xbf{}", RefusalReason.BODY_NOT_JSON),
        (b'{"v":1,"v":1}', RefusalReason.BODY_NOT_JSON),
        (b'{"statement":{"x5c":[[]]}}', RefusalReason.BODY_NOT_JSON),
        (b'"\\ud800"', RefusalReason.BODY_NOT_JSON),
        (b"[]", RefusalReason.BODY_SCHEMA),
        (b"null", RefusalReason.BODY_SCHEMA),
        (b" " * 131_073, RefusalReason.BODY_TOO_LARGE),
    ],
)
def test_bodies_that_are_no_object(body, reason):
    outcome = decode_submission(body)
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason


@pytest.mark.parametrize(
    "name", ["secret-of-mine", "x" * 1000, "x` - at `secret-of-mine", "x` - at `$.secret-of-mine", "$.secret"]
)
def test_details_quote_nothing_of_the_phone(name):
    for changes in (
        {name: 1},
        {"descriptor": {**SESSION, name: 1}},
        {"statement": {"format": name}},
        {"play_integrity": {**INTEGRITY, name: 1}},
        {"play_integrity": {**INTEGRITY, "request": name}},
    ):
        outcome = decode_submission(submission(**changes))
        assert isinstance(outcome, Refused)
        assert name not in outcome.detail
        assert "secret" not in outcome.detail


def test_challenge_request():
    assert decode_challenge_request(b'{"app":"bank.v2_x-y","purpose":"renew"}') == ("bank.v2_x-y", Purpose.RENEW)


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"app":"bank"}', b'{"app":"bank","purpose":"enrol","x":1}', b'{"app":1,"purpose":"enrol"}',
     b'{"app":"bank","purpose":["enrol"]}', b'{"app":"","purpose":"enrol"}', b'{"app":"bank","purpose":null}'],
)  # fmt: skip
def test_challenge_requests_that_are_not(body):
    assert isinstance(decode_challenge_request(body), Refused)
