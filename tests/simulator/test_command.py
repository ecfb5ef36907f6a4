"""`assay simulate`, as a person at a terminal meets it."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from assay_toolkit.simulator.command import simulate
from assay_toolkit.simulator.conditions import CONDITIONS
from assay_toolkit.simulator.keys import b64url
from assay_toolkit.simulator.tamper import TAMPERS

CHALLENGE = {"value": b64url(bytes(32)), "purpose": "enrol", "expires_in": 600}
CLAIMS = {"ear_status": "warning", "submods": {"android_key": {"ear_status": "affirming"}}}
TOKEN = f"e30.{base64.urlsafe_b64encode(json.dumps(CLAIMS).encode()).decode().rstrip('=')}.e30"


@pytest.fixture
def loopback():
    """A service that gives a token to everybody but to `refuses`, the n-th attestation."""

    class Handler(BaseHTTPRequestHandler):
        attestations = 0
        refuses = 0
        last_body = None

        def do_POST(self):
            type(self).last_body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = 200, {"challenge": CHALLENGE, "server_time": 1_800_000_000}
            if self.path == "/v1/attestations":
                type(self).attestations += 1
                body |= {"token": TOKEN, "token_type": "session", "expires_in": 300}
                if self.attestations == self.refuses:
                    status, body = (
                        403,
                        body
                        | {
                            "type": "urn:assay:problem:evidence-refused",
                            "title": "The evidence was refused",
                            "instance": "urn:uuid:0",
                            "remedy": "new_challenge",
                        },
                    )
            sent = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", Handler
    server.shutdown()
    thread.join()
    server.server_close()


def _run(url, *arguments):
    shared = ["--service", url, "--app", "demo-bank", "--audience", "https://api.bank.example"]
    return CliRunner().invoke(simulate, [arguments[0], *shared, *arguments[1:]])


def test_list_names_every_condition_and_defect():
    output = CliRunner().invoke(simulate, ["list"]).output
    for named in (*CONDITIONS.values(), *TAMPERS):
        assert named.name in output
        assert named.how in output


@pytest.mark.parametrize("platform", ["android", "apple"])
def test_a_phone_enrols_and_renews_and_says_what_it_got(loopback, platform):
    url, handler = loopback
    result = _run(url, platform, "--condition", "hooked", "--renewals", "2")
    assert result.exit_code == 0, result.output
    assert handler.attestations == 3
    assert "renewal 2: session token for 300 s" in result.output
    assert "ear_status warning" in result.output
    assert TOKEN not in result.output


def test_a_phone_sends_what_google_play_says(loopback):
    url, handler = loopback
    assert _run(url, "android", "--renewals", "0", "--play", "rooted").exit_code == 0
    assert handler.last_body["play_integrity"]["request"] == "classic"
    assert _run(url, "android", "--renewals", "0").exit_code == 0
    assert "play_integrity" not in handler.last_body


def test_a_refusal_is_told_with_its_reference_and_fails(loopback):
    url, handler = loopback
    handler.refuses = 2
    result = _run(url, "android")
    assert result.exit_code == 1
    assert "renewal 1: 403 evidence-refused, remedy new_challenge, reference urn:uuid:0" in result.output


@pytest.mark.parametrize(("refuses", "exit_code"), [(1, 0), (0, 1)])
def test_a_defect_that_is_refused_is_a_success(loopback, refuses, exit_code):
    url, handler = loopback
    handler.refuses = refuses
    result = _run(url, "android", "--tamper", "extend_chain")
    assert result.exit_code == exit_code
    assert "the decision record should say chain_extended" in result.output


def test_a_defect_of_a_renewal_is_tried_after_an_enrolment(loopback):
    url, handler = loopback
    handler.refuses = 2
    result = _run(url, "apple", "--tamper", "stale_counter")
    assert result.exit_code == 0, result.output
    assert "tampered renew: 403" in result.output


def test_every_defect_of_a_platform_is_tried_by_a_new_phone(loopback):
    url, handler = loopback
    result = _run(url, "apple", "--tamper", "all")
    of_apple = [tamper for tamper in TAMPERS if "apple" in tamper.platforms]
    renewals = [tamper for tamper in of_apple if tamper.purpose == "renew"]
    assert handler.attestations == len(of_apple) + len(renewals)
    assert [f"{tamper.name}: {tamper.how}" in result.output for tamper in of_apple] == [True] * len(of_apple)
    assert result.exit_code == 1  # the service here believes everybody


@pytest.mark.parametrize(
    "arguments",
    [("apple", "--condition", "emulator"), ("apple", "--tamper", "extend_chain"), ("android", "--signer", "no hex")],
)
def test_what_a_platform_does_not_have_is_an_error_of_the_command_line(arguments):
    result = _run("http://127.0.0.1:9", *arguments)
    assert result.exit_code == 2, result.output


def test_nobody_listening_is_said_so():
    result = _run("http://127.0.0.1:9", "android")
    assert result.exit_code == 1
    assert "does not answer as Assay does" in result.output
