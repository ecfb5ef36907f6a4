"""What a phone's networking does with Assay's answers: it says them, and does no more than it is told to."""

import json

import httpx
import pytest

from assay_toolkit.simulator.answers import Attested, Problem, Remedy, UnexpectedAnswer
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.keys import b64url
from assay_toolkit.simulator.phone import AndroidPhone
from assay_toolkit.simulator.submission import ProtectedRequest

SERVER_TIME = 1_800_000_000


class ScriptedService(httpx.BaseTransport):
    """Answers in turn, and keeps what was sent."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    def handle_request(self, request):
        self.sent.append((request.url.path, json.loads(request.content)))
        status, body, *headers = self.answers.pop(0)
        return httpx.Response(status, json=body, headers=dict(*headers))

    def paths(self):
        return [path for path, _ in self.sent]


def _issued(first, purpose="enrol", expires_in=600):
    return {"value": b64url(bytes([first]) * 32), "purpose": purpose, "expires_in": expires_in}


def _challenge(first, purpose="enrol"):
    return 200, {"challenge": _issued(first, purpose), "server_time": SERVER_TIME}


def _token(first, token="t.o.k", token_type="session", server_time=SERVER_TIME, expires_in=600):  # noqa: S107 - not one
    body = {"token": token, "token_type": token_type, "expires_in": 300, "server_time": server_time}
    return 200, body | {"challenge": _issued(first, "renew", expires_in)}


def _problem(status, remedy, *, challenge=None, retry_after=None):
    body = {
        "type": "urn:assay:problem:evidence-refused",
        "title": "The evidence was refused",
        "status": status,
        "instance": "urn:uuid:0",
        "remedy": remedy,
        "server_time": SERVER_TIME,
    }
    if challenge is not None:
        body["challenge"] = challenge
    return status, body, {} if retry_after is None else {"Retry-After": str(retry_after)}


@pytest.fixture
def converse(counted_bytes):
    def start(*answers):
        script = ScriptedService(*answers)
        phone = AndroidPhone(app="demo-bank", audience="https://api.bank.example", randomness=counted_bytes)
        slept = []
        service = httpx.Client(base_url="https://assay.example", transport=script)
        return PhoneClient(phone=phone, service=service, sleep=slept.append), script, slept

    return start


def test_enrolment_takes_a_challenge_and_renewal_uses_the_next_one(converse):
    client, script, _ = converse(_challenge(1), _token(2), _token(3, token="t.w.o"))
    assert isinstance(client.enrol(), Attested)
    assert isinstance(client.renew(), Attested)
    assert script.paths() == ["/v1/challenges", "/v1/attestations", "/v1/attestations"]
    assert script.sent[0][1] == {"app": "demo-bank", "purpose": "enrol"}
    assert [body["challenge"] for _, body in script.sent[1:]] == [b64url(b"\x01" * 32), b64url(b"\x02" * 32)]
    assert client.token == "t.w.o"


def test_a_next_challenge_that_ran_out_is_not_used(converse):
    client, script, _ = converse(_challenge(1), _token(2, expires_in=0), _challenge(3, "renew"), _token(4))
    client.enrol()
    assert isinstance(client.renew(), Attested)
    assert script.sent[-1][1]["challenge"] == b64url(b"\x03" * 32)


def test_a_request_token_does_not_take_the_session_tokens_place(converse):
    request = ProtectedRequest(method="POST", url="https://api.bank.example/v1/payments", body=b"{}")
    client, script, _ = converse(_challenge(1), _token(2), _token(3, token="o.n.ce", token_type="request"))
    client.enrol()
    answer = client.renew(request)
    assert (answer.token, client.token) == ("o.n.ce", "t.o.k")
    assert script.sent[-1][1]["descriptor"]["htu"] == "https://api.bank.example/v1/payments"


@pytest.mark.parametrize("remedy", ["retry", "retry_later"])
def test_a_retry_sends_the_same_bytes_after_the_time_named(converse, remedy):
    client, script, slept = converse(_challenge(1), _problem(503, remedy, retry_after=7), _token(2))
    problem = client.enrol()
    assert slept == []
    assert isinstance(client.follow(problem), Attested)
    assert slept == [7]
    assert script.sent[-1] == script.sent[-2]


def test_what_was_refused_for_now_is_submitted_anew(converse):
    """Its challenge is spent, and the same body would be answered the same."""
    too_many = _problem(429, "retry_later", challenge=_issued(9), retry_after=1200)
    client, script, slept = converse(_challenge(1), too_many, _token(2))
    assert isinstance(client.follow(client.enrol()), Attested)
    assert slept == [1200]
    assert script.sent[-1][1]["challenge"] == b64url(b"\x09" * 32)


def test_a_new_challenge_is_the_one_that_came_with_the_problem(converse):
    client, script, _ = converse(_challenge(1), _problem(403, "new_challenge", challenge=_issued(9)), _token(2))
    assert isinstance(client.follow(client.enrol()), Attested)
    assert script.paths() == ["/v1/challenges", "/v1/attestations", "/v1/attestations"]
    assert script.sent[-1][1]["challenge"] == b64url(b"\x09" * 32)


def test_an_instance_that_is_no_longer_known_enrols_again(converse):
    client, script, _ = converse(
        _challenge(1), _token(2), _problem(403, "re_enrol", challenge=_issued(3, "renew")), _challenge(4), _token(5)
    )
    client.enrol()
    jkt = client.phone.jkt
    assert isinstance(client.follow(client.renew()), Attested)
    assert script.sent[-1][1]["descriptor"]["purpose"] == "enrol"
    assert client.phone.jkt != jkt


@pytest.mark.parametrize("remedy", ["fix_clock", "update_app", "contact_support", "stand_on_your_head"])
def test_what_only_people_can_do_is_given_back(converse, remedy):
    client, script, slept = converse(_challenge(1), _problem(403, remedy))
    problem = client.enrol()
    assert isinstance(problem, Problem)
    assert client.follow(problem) is problem
    assert (len(script.sent), slept) == (2, [])
    if remedy not in set(Remedy):
        assert problem.remedy is Remedy.CONTACT_SUPPORT


def test_a_challenge_that_is_refused_is_a_problem_and_a_retry_takes_a_challenge_again(converse):
    client, script, slept = converse(_problem(503, "retry_later", retry_after=2), _challenge(1), _token(2))
    problem = client.enrol()
    assert isinstance(problem, Problem)
    assert isinstance(client.follow(problem), Attested)
    assert slept == [2]
    assert script.paths() == ["/v1/challenges", "/v1/challenges", "/v1/attestations"]


def test_the_phone_keeps_the_services_time(converse):
    client, _, _ = converse(_challenge(1), _token(2, server_time=SERVER_TIME + 40))
    client.enrol()
    assert 0 <= client.phone.service_time - (SERVER_TIME + 40) <= 1


@pytest.mark.parametrize(("status", "body"), [(200, []), (502, {"message": "Bad Gateway"}), (200, {"token": 1})])
def test_what_is_no_answer_of_assay_is_said_so(converse, status, body):
    client, _, _ = converse(_challenge(1), (status, body))
    with pytest.raises(UnexpectedAnswer):
        client.enrol()


def test_a_backend_gets_both_headers(converse):
    client, _, _ = converse(_challenge(1), _token(2))
    with pytest.raises(ValueError, match="no token"):
        client.call(backend=httpx.Client(), method="GET", url="https://api.bank.example/v1/balance")
    client.enrol()
    backend = httpx.Client(
        transport=httpx.MockTransport(lambda request: httpx.Response(200, json=dict(request.headers)))
    )
    seen = client.call(
        backend=backend,
        method="POST",
        url="https://api.bank.example/v1/payments?to=1",
        body=b"{}",
        headers={"Content-Type": "application/json"},
    ).json()
    assert seen["oauth-client-attestation"] == "t.o.k"
    assert seen["oauth-client-attestation-pop"].count(".") == 2
    assert seen["content-type"] == "application/json"
