"""Hostile bodies to both endpoints of the running service.

Whatever arrives, the answer is a problem of the contract with a 4xx status, says nothing of how the service is made,
and leaves the tables as they were: nothing here has a challenge to spend.
"""

import base64
import io
import json
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay_toolkit.local.stack import local_stack
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from chalicelib.api.problems import Problem

SUITES = Path(__file__).resolve().parents[2] / "../shared/suites"
ENDPOINTS = ("/v1/challenges", "/v1/attestations")
JSON = {"Content-Type": "application/json"}
AUDIENCE = "https://api.bank.example"
PROBLEMS = {problem.type: problem for problem in Problem}
TELLTALES = ("Traceback", 'File "', "Error(", "Exception", ".py", "msgspec", "boto", "chalice", "dynamodb", "kms")


@pytest.fixture(scope="module")
def stack():
    with local_stack(log=io.StringIO()) as running:
        yield running


@pytest.fixture(scope="module")
def http(stack):
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def submissions():
    """A whole submission per platform, for a challenge that nobody issued."""
    made = {
        kind: json.loads(kind(app="demo-bank", audience=AUDIENCE).build_enrolment(challenge=bytes(32)))
        for kind in (AndroidPhone, ApplePhone)
    }
    made[AndroidPhone]["play_integrity"] = {"request": "standard", "token": "aGVhZA.Ym9keQ"}
    return made


def everything(stack):
    return {
        table: sorted(json.dumps(item, sort_keys=True, default=repr) for item in scan["Items"])
        for table in stack.dynamodb.list_tables()["TableNames"]
        for scan in stack.dynamodb.get_paginator("scan").paginate(TableName=table)
    }


@pytest.fixture(autouse=True)
def nothing_is_left(stack):
    before = everything(stack)
    yield
    assert everything(stack) == before


def refused(response):
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    problem = PROBLEMS[body["type"]]
    assert (body["status"], body["title"], body["remedy"]) == (problem.status, problem.title, problem.remedy.value)
    assert response.status_code == problem.status
    assert not [word for word in TELLTALES if word in response.text]
    return problem


def post(http, path, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refused(http.post(path, content=content, headers=JSON))


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"null", b"true", b"0", b'"app"', b"[]", b"[{}]", b"{", b"}", b"{}}", b"{'app':1}", b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}", "{}".encode("utf-16"), "{}".encode("utf-32"), b'{"app":"demo-bank"', b'{"app":"demo-bank",}',
        b'{"app":"demo-bank","app":"demo-bank","purpose":"enrol"}', b'{"app":"demo-bank","purpose":"enrol"}{}',
        b'{"app":"demo-bank","purpose":"enrol","__proto__":{}}', b'{"app":NaN,"purpose":"enrol"}',
        b'{"app":"\\ud800","purpose":"enrol"}', b'{"app":"demo-bank\\u0000","purpose":"enrol"}',
        b'{"app":"demo-bank","purpose":"enrol"}\x00', b"[" * 100_000, b'{"a":' * 20_000, b"[" * 60_000 + b"]" * 60_000,
        b'{"app":' + b"9" * 100_000 + b"}", b'{"app":1e999999}', b'"' + b"\\" * 100_001, b'"' + b'\\"' * 60_000,
        b'{"app":"' + b"a" * 120_000 + b'","purpose":"enrol"}', b"{" + b'"a":1,' * 18_000 + b'"b":1}',
    ],
)  # fmt: skip
def test_bodies_that_are_no_request(http, path, body):
    assert post(http, path, body) is Problem.MALFORMED_REQUEST


WRONG = [None, True, False, 0, -1, 1.5, 2**53, "", "x", "ä", "\x00", [], [[]], {}, {"a": 1}, ["x"], "A" * 50_000]


def paths(value, at=()):
    yield at
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*at, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*at, index))


def replaced(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("kind", [AndroidPhone, ApplePhone])
def test_every_member_of_every_wrong_type(http, submissions, kind):
    whole = submissions[kind]
    for path in paths(whole):
        for wrong in WRONG:
            body = replaced(whole, path, wrong)
            if len(json.dumps(body)) > 131_072:
                continue
            # A free text may be any text; then the challenge, which nobody issued, is what is wrong.
            assert post(http, "/v1/attestations", body) in {
                Problem.MALFORMED_REQUEST,
                Problem.UNKNOWN_APP,
                Problem.CHALLENGE_NOT_USABLE,
            }, (path, wrong)


@pytest.mark.parametrize("kind", [AndroidPhone, ApplePhone])
def test_every_member_missing_and_one_too_many(http, submissions, kind):
    whole = submissions[kind]
    for path in paths(whole):
        if path and isinstance(path[-1], str):
            *parents, last = path
            inside = whole
            for step in parents:
                inside = inside[step]
            missing = {name: value for name, value in inside.items() if name != last}
            post(http, "/v1/attestations", replaced(whole, tuple(parents), missing))
            extra = {**inside, "extra": 1}
            assert post(http, "/v1/attestations", replaced(whole, tuple(parents), extra)) is Problem.MALFORMED_REQUEST


@pytest.mark.parametrize("member", ["challenge", "rasp_report"])
@pytest.mark.parametrize(
    "text", ["=", "A", "AA==", "A" * 42 + "B", "A A", "AAAA\n", "+/+/", "\uff21" * 4, "A" * 43_692]
)
def test_base64url_that_is_none(http, submissions, member, text):
    body = {**submissions[AndroidPhone], member: text}
    assert post(http, "/v1/attestations", body) is Problem.MALFORMED_REQUEST


@pytest.mark.parametrize("count", [0, 11, 1000])
def test_counts_of_certificates(http, submissions, count):
    statement = {"format": "android_key", "x5c": [base64.b64encode(b"x").decode()] * count}
    body = {**submissions[AndroidPhone], "statement": statement}
    assert post(http, "/v1/attestations", body) is Problem.MALFORMED_REQUEST


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(ENDPOINTS), body=st.binary(max_size=300))
def test_any_bytes(http, path, body):
    post(http, path, body)


_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(ENDPOINTS),
    body=st.dictionaries(
        st.sampled_from(["v", "app", "purpose", "challenge", "descriptor", "proof", "rasp_report", "statement", "x"]),
        _JSON_VALUES,
    ),
)
def test_any_json(http, path, body):
    post(http, path, body)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "gzip"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"Content-Type": "application/json; charset=utf-7"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "a" * 5_000},
        {"Accept": "application/octet-stream"},
        {"X-Forwarded-Host": "evil.example"},
    ],
)
@pytest.mark.parametrize("path", ENDPOINTS)
def test_headers(http, path, headers):
    refused(http.post(path, content=b"{}", headers={**JSON, **headers}))


def naughty_strings():
    file = SUITES / "blns/blns.json"
    return json.loads(file.read_text()) if file.exists() else []


@pytest.mark.skipif(not naughty_strings(), reason="blns is not beside the repository (shared/suites)")
class TestNaughtyStrings:
    """github.com/minimaxir/big-list-of-naughty-strings through every member that takes a text."""

    def test_in_challenge_requests(self, http):
        for text in naughty_strings():
            post(http, "/v1/challenges", {"app": text, "purpose": "enrol"})
            post(http, "/v1/challenges", {"app": "demo-bank", "purpose": text})

    @pytest.mark.parametrize(
        "path",
        [("challenge",), ("proof",), ("rasp_report",), ("descriptor", "app"), ("descriptor", "aud"),
         ("descriptor", "token"), ("statement", "format"), ("statement", "x5c", 0)],
    )  # fmt: skip
    def test_in_submissions(self, http, submissions, path):
        for text in naughty_strings():
            post(http, "/v1/attestations", replaced(submissions[AndroidPhone], path, text))

    def test_as_names_of_members(self, http):
        for text in naughty_strings():
            post(http, "/v1/challenges", {"app": "demo-bank", "purpose": "enrol", text: 1})
