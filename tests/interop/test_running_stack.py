"""Tokens of the running stack, read by another language's library through the static endpoint."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from assay_toolkit.local.stack import local_stack
from assay_toolkit.simulator.answers import Attested
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.submission import ProtectedRequest

HERE = Path(__file__).resolve().parent
NODE = shutil.which("node")
AUDIENCE = "https://api.bank.example"

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (HERE / "node_modules/jose").is_dir(), reason="jose is not installed: npm ci --prefix tests/interop"
    ),
]


@pytest.fixture(scope="module")
def stack():
    with local_stack(log=io.StringIO()) as running:
        yield running


def token_of(stack, phone_class, request=None):
    phone = phone_class(app="demo-bank", audience=AUDIENCE)
    with httpx.Client(base_url=stack.url) as service:
        answer = PhoneClient(phone=phone, service=service).enrol(request)
    assert isinstance(answer, Attested)
    return phone, answer.token


def read_by_node(stack, token, **changes):
    asked = {
        "issuer": stack.issuer,
        "jwks-url": f"{stack.issuer}/.well-known/jwks.json",
        "audience": AUDIENCE,
        "token": token,
    } | changes
    command = [NODE, HERE / "verify.mjs", *(part for name, value in asked.items() for part in (f"--{name}", value))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("phone_class", [AndroidPhone, ApplePhone])
def test_a_session_token_verifies(stack, phone_class):
    phone, token = token_of(stack, phone_class)
    code, read = read_by_node(stack, token)
    assert code == 0, read
    assert read["claims"]["sub"] == "demo-bank"
    assert read["claims"]["ear_status"] == "affirming"
    assert read["claims"]["cnf"]["jwk"] == phone.jwk


def test_a_request_token_is_no_session_token(stack):
    request = ProtectedRequest(method="POST", url="https://api.bank.example/payout", body=b"{}")
    _, token = token_of(stack, AndroidPhone, request)
    assert read_by_node(stack, token)[0] == 1
    code, read = read_by_node(stack, token, typ="assay-request+jwt")
    assert code == 0, read
    assert read["claims"]["htu"] == "https://api.bank.example/payout"


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": "https://other.example"},
        {"issuer": "https://attest.other.example"},
        {"typ": "JWT"},
    ],
)
def test_anything_else_is_refused(stack, changes):
    _, token = token_of(stack, ApplePhone)
    code, read = read_by_node(stack, token, **changes)
    assert code == 1
    assert "claims" not in read
