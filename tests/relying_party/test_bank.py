"""The demo bank: what a phone's owner, a customer and an analyst see of it."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from assay_rp import TokenKind
from assay_toolkit.bank.app import build_bank
from assay_toolkit.bank.ledger import Ledger

ORIGIN = "http://127.0.0.1:8080"

ADVICE = {
    "affirming": {"*": {"decision": "allow"}},
    "warning": {
        "login": {"decision": "allow", "obligations": ["notify"]},
        "search": {"decision": "delay", "delay": [1, 3]},
        "*": {"decision": "step_up", "acr": "phr"},
    },
    "contraindicated": {"*": {"decision": "deny", "obligations": ["investigate", "end_session"]}},
}


class Customer:
    """One phone in front of the bank; `status` is what Assay thinks of it."""

    def __init__(self, world, send, *, origin=ORIGIN, confidential=True):
        self.world = world
        self.send = send
        self.origin = origin
        self.confidential = confidential
        self.status = "affirming"
        self.session = None

    def plain(self, method, path, **members):
        return self.send(method, path, {}, json.dumps(members).encode() if members else b"")

    def attested(self, method, path, *, query="", kind=TokenKind.SESSION, token=None, **members):
        world = self.world
        world.method, world.htu, world.query = method, self.origin + path, query.encode()
        world.body = json.dumps(members).encode() if members else b""
        token = token or self.token(kind)
        headers = {"OAuth-Client-Attestation": token, "OAuth-Client-Attestation-PoP": world.proof(token)}
        if self.session:
            headers["Authorization"] = f"Bearer {self.session}"
        return self.send(method, f"{path}?{query}" if query else path, headers, world.body)

    def token(self, kind=TokenKind.SESSION):
        world = self.world
        request = world.request_members() if kind is TokenKind.REQUEST else {}
        if not self.confidential:
            return world.token(kind, ear_status=self.status, **request)
        verdict = {"ear_status": self.status, "advice": ADVICE[self.status]}
        return world.confidential_token(kind, verdict=verdict, **request)

    def log_in(self):
        response = self.attested("POST", "/login", user="alice", password="demo")
        assert response.status_code == 200
        self.session = response.json()["session"]
        return response


def bank_for(world, *, confidential=True):
    ledger = Ledger()
    keys = world.confidential_keys() if confidential else None
    bank = build_bank(
        verifier=world.verifier(confidential_keys=keys, clock=lambda: world.now + ledger.shift),
        ledger=ledger,
        public_origin=ORIGIN,
        confidential=confidential,
    )

    def send(method, url, headers, content):
        async def exchange():
            transport = httpx.ASGITransport(app=bank)
            async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
                return await client.request(method, url, headers=headers, content=content)

        return asyncio.run(exchange())

    return Customer(world, send, confidential=confidential)


@pytest.fixture
def customer(world):
    return bank_for(world)


def test_a_good_phone_banks(customer):
    customer.log_in()
    quote = customer.attested("GET", "/quote", query="currency=EUR")
    assert (quote.status_code, quote.json()["asked"]) == (200, "currency=EUR")
    transfer = customer.attested("POST", "/transfer", to="DE02", amount=100)
    assert transfer.json() == {"transferred": {"to": "DE02", "amount": 100}, "user": "alice"}
    assert transfer.headers["Assay-Decision"] == "allow"
    assert customer.plain("GET", "/fraud-reports").json() == []
    assert customer.plain("GET", "/notices").json() == []


def test_a_doubtful_phone_is_slowed_down_and_its_owner_asked(customer):
    customer.status = "warning"
    customer.log_in()
    assert [notice["user"] for notice in customer.plain("GET", "/notices").json()] == ["alice"]

    quote = customer.attested("GET", "/quote")
    assert quote.headers["Assay-Decision"] == "delay"
    assert 1 <= float(quote.headers["Assay-Delay"]) <= 3

    refused = customer.attested("POST", "/transfer", to="DE02")
    assert refused.status_code == 401
    assert 'acr_values="phr"' in refused.headers["www-authenticate"]
    assert customer.attested("POST", "/step-up", code="000000").status_code == 401
    assert customer.attested("POST", "/step-up", code="246810").json() == {"acr": "phr"}
    passed = customer.attested("POST", "/transfer", to="DE02")
    assert (passed.status_code, passed.headers["Assay-Decision"]) == (200, "step_up")


def test_a_bad_phone_is_reported_and_its_session_ended(customer):
    customer.log_in()
    customer.status = "contraindicated"
    assert customer.attested("POST", "/transfer", to="DE02").status_code == 403
    [report] = customer.plain("GET", "/fraud-reports").json()
    assert (report["route"], report["user"], report["tier"]) == ("POST /transfer", "alice", "contraindicated")
    assert report["reasons"] == ["rasp_developer_mode"]

    customer.status = "affirming"
    assert customer.attested("POST", "/transfer", to="DE02").status_code == 401


def test_a_payout_wants_a_token_of_its_own(customer):
    customer.log_in()
    assert customer.attested("POST", "/payout", to="DE02").json()["type"].endswith("token-type")
    paid = customer.attested("POST", "/payout", kind=TokenKind.REQUEST, to="DE02")
    assert paid.status_code == 200


def test_without_a_confidential_key_the_bank_goes_by_tiers(world):
    customer = bank_for(world, confidential=False)
    customer.log_in()
    assert customer.attested("POST", "/transfer", to="DE02").status_code == 200
    customer.status = "warning"
    assert customer.attested("POST", "/transfer", to="DE02").status_code == 401
    assert customer.attested("GET", "/quote").headers["Assay-Decision"] == "delay"
    customer.status = "contraindicated"
    assert customer.attested("POST", "/transfer", to="DE02").status_code == 403


def test_an_expired_token_is_shown_without_waiting(customer):
    token = customer.token()
    assert customer.attested("GET", "/quote", token=token).status_code == 200
    customer.plain("POST", "/clock", shift=400)
    late = customer.attested("GET", "/quote", token=token)
    assert (late.status_code, late.json()["type"]) == (401, "urn:assay:rp:problem:token-expired")
    customer.plain("POST", "/clock", shift=0)
    assert customer.attested("GET", "/quote", token=token).status_code == 200


@pytest.mark.parametrize("members", [{}, {"user": "alice"}, {"user": 1, "password": "demo"}])
def test_a_good_phone_is_no_login(customer, members):
    assert customer.attested("POST", "/login", **members).status_code == 401
    assert customer.attested("POST", "/transfer", to="DE02").status_code == 401
    assert customer.attested("POST", "/step-up", code="246810").status_code == 401


def test_an_unreadable_body_is_an_empty_one(customer):
    assert customer.plain("POST", "/clock", shift="tomorrow").status_code == 400
    assert customer.send("POST", "/clock", {}, b"[]").status_code == 400
    assert customer.send("POST", "/clock", {}, b"{").status_code == 400


class JwksHandler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.document)

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def jwks_url(world):
    with ThreadingHTTPServer(("127.0.0.1", 0), JwksHandler) as server:
        server.document = json.dumps(world.jwks()).encode()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
        server.shutdown()
        thread.join(10)


def test_the_bank_runs_as_a_process_of_its_own(world, jwks_url, tmp_path):
    world.now = int(time.time())
    key_file, ready_file = tmp_path / "key.json", tmp_path / "ready.json"
    key_file.write_text(json.dumps(world.audience_key.as_dict(private=True)), encoding="utf-8")
    command = [sys.executable, "-m", "assay_toolkit.bank", "--ready-file", str(ready_file)]
    command += ["--issuer", world.issuer, "--jwks-url", jwks_url, "--audience", world.audience]
    command += ["--confidential-key", str(key_file)]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            # One line says that the port listens; no line says that the process ended.
            assert process.stdout.readline().startswith("bank on http://127.0.0.1:")
            origin = json.loads(ready_file.read_text(encoding="utf-8"))["origin"]
            with httpx.Client(base_url=origin, trust_env=False) as client:

                def send(method, url, headers, content):
                    return client.request(method, url, headers=headers, content=content)

                customer = Customer(world, send, origin=origin)
                assert customer.plain("GET", "/health").json() == {"status": "ok"}
                customer.log_in()
                assert customer.attested("POST", "/transfer", to="DE02").status_code == 200
                customer.status = "contraindicated"
                assert customer.attested("POST", "/transfer", to="DE02").status_code == 403
                customer.plain("POST", "/clock", shift=400)
                assert customer.attested("GET", "/quote").json()["type"].endswith("token-expired")
        finally:
            process.terminate()
            process.wait(10)
