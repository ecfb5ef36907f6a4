"""The HTTP surface of the real app on loopback."""

import json
from base64 import urlsafe_b64decode

import httpx
import pytest

from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone

AUDIENCE = "https://api.bank.example"
JSON = {"Content-Type": "application/json"}


def challenge_for(http, purpose="enrol"):
    return http.post("/v1/challenges", json={"app": "demo-bank", "purpose": purpose})


def enrolment(http, phone):
    value = challenge_for(http).json()["challenge"]["value"]
    return phone.build_enrolment(challenge=urlsafe_b64decode(value + "="))


@pytest.fixture(params=[AndroidPhone, ApplePhone])
def phone(request):
    return request.param(app="demo-bank", audience=AUDIENCE)


def test_challenge(http, conforms):
    response = challenge_for(http)
    conforms(response)
    assert response.json()["challenge"]["expires_in"] == 3600
    renewal = challenge_for(http, "renew")
    assert renewal.json()["challenge"]["expires_in"] == 600
    assert renewal.json()["challenge"]["value"] != response.json()["challenge"]["value"]


def test_enrolment_and_its_exact_repetition(http, phone, conforms):
    body = enrolment(http, phone)
    first = http.post("/v1/attestations", content=body, headers=JSON)
    conforms(first)
    assert first.status_code == 200
    again = http.post("/v1/attestations", content=body, headers=JSON)
    assert again.content == first.content


def test_another_body_with_a_spent_challenge(http, phone, conforms):
    body = enrolment(http, phone)
    http.post("/v1/attestations", content=body, headers=JSON)
    response = http.post("/v1/attestations", content=body + b" ", headers=JSON)
    conforms(response)
    assert (response.status_code, response.json()["remedy"]) == (409, "new_challenge")
    assert "challenge" not in response.json()


def test_a_refusal_that_spent_a_challenge_brings_the_next(http, phone, conforms, records):
    submission = json.loads(enrolment(http, phone))
    submission["rasp_report"] = "AAAA"
    response = http.post("/v1/attestations", json=submission)
    conforms(response)
    assert response.status_code == 403
    assert response.json()["challenge"]["purpose"] == "enrol"
    reference = response.json()["instance"].removeprefix("urn:uuid:")
    (record,) = [line for line in records() if line.get("reference") == reference]
    assert record["refusal"] == "proof_binding_mismatch"
    assert "binding" not in response.text.replace("urn:", "")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON;charset="UTF-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("application/json, text/plain", 415),
        ("text/json", 415),
        ("application/jsonp", 415),
        ("application/octet-stream", 415),
        ("", 415),
    ],
)
def test_media_types(http, conforms, content_type, status):
    body = b'{"app":"demo-bank","purpose":"enrol"}'
    response = http.post("/v1/challenges", content=body, headers={"Content-Type": content_type})
    conforms(response)
    assert response.status_code == status


def test_no_media_type(stack, conforms):
    with httpx.Client(base_url=stack.url) as http:
        request = http.build_request("POST", "/v1/challenges", content=b'{"app":"demo-bank","purpose":"enrol"}')
        request.headers.pop("Content-Type", None)
        response = http.send(request)
    conforms(response)
    assert response.status_code == 415


@pytest.mark.parametrize("path", ["/v1/challenges", "/v1/attestations"])
@pytest.mark.parametrize(("size", "status"), [(131_072, 400), (131_073, 413), (1_000_000, 413)])
def test_sizes(http, conforms, path, size, status):
    response = http.post(path, content=b" " * size, headers=JSON)
    conforms(response)
    assert response.status_code == status


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/challenges"), ("DELETE", "/v1/attestations"), ("POST", "/v1/health"), ("OPTIONS", "/v1/challenges")],
)
def test_other_methods(http, method, path):
    response = http.request(method, path)
    assert response.status_code == 405
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Allow"] in {"GET", "POST"}
    assert response.json()["type"] == "urn:assay:problem:method-not-allowed"


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/challenges", "/v1/challenges/1", "/.well-known", "/v1/Health"])
def test_other_paths(http, path):
    response = http.get(path)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == "urn:assay:problem:not-found"


def test_unknown_app_and_audience(http, conforms):
    response = http.post("/v1/challenges", json={"app": "nobody", "purpose": "enrol"})
    conforms(response)
    assert response.json()["type"] == "urn:assay:problem:unknown-app"
    stranger = AndroidPhone(app="demo-bank", audience="https://other.example")
    response = http.post("/v1/attestations", content=enrolment(http, stranger), headers=JSON)
    conforms(response)
    assert response.json()["type"] == "urn:assay:problem:unknown-app"


def test_jwks_is_what_the_static_endpoint_has(http, stack, conforms):
    response = http.get("/.well-known/jwks.json")
    conforms(response)
    published = httpx.get(f"{stack.issuer}/.well-known/jwks.json")
    assert published.content == response.content
    assert published.headers["Cache-Control"] == response.headers["Cache-Control"] == "public, max-age=300"


def test_server_time_is_the_clocks(http, stack):
    assert abs(http.get("/v1/health").json()["server_time"] - stack.clock.now().timestamp()) < 5


def test_lines_hold_nothing_of_a_submission(http, phone, records, log):
    body = enrolment(http, phone)
    answer = http.post("/v1/attestations", content=body, headers=JSON).json()
    start = len(log.getvalue())
    http.post("/v1/attestations", content=body, headers=JSON)
    text = log.getvalue()[start:]
    submission = json.loads(body)
    for secret in (submission["challenge"], submission["proof"], submission["rasp_report"], answer["token"]):
        assert secret not in text
    assert any(line.get("route") == "/v1/attestations" and line["status"] == 200 for line in records())
