"""Each client against each fault: a value comes back, within bounds, and says nothing of what was sent."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.model.claims import AppleEnvironment
from chalicelib.model.outcome import Refused, Unavailable
from chalicelib.model.reasons import RefusalReason
from chalicelib.service.ports import NotYet, UnusableCredentials
from chalicelib.vendors.bounded_http import HttpClient
from chalicelib.vendors.endpoints import stand_ins
from chalicelib.vendors.google_lists import PublishedList
from chalicelib.vendors.play_integrity import GooglePlayIntegrityDecoder
from chalicelib.vendors.risk_metrics import AppleRiskMetrics
from tests.vendors.faulty import FAULTS, Fault, FaultyServer, listening

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "outages.md"
PATHS = stand_ins("")
DECODE = f"{PATHS.google_play_integrity}/v1/com.example.bank:decodeIntegrityToken"
RECEIPT = bytes(range(256)) * 8
GOOD = {
    PATHS.google_token: json.dumps(
        {"access_token": "ya29.secret-access-token", "expires_in": 3599, "token_type": "Bearer"}
    ).encode(),
    DECODE: b'{"tokenPayloadExternal":{"requestDetails":{}}}',
    PATHS.apple_production: base64.b64encode(RECEIPT),
    PATHS.google_status_list: b'{"entries":{"abc":{"status":"REVOKED"}}}',
    PATHS.google_roots: b'["-----BEGIN CERTIFICATE-----"]',
}
SAID_NO = Unavailable | UnusableCredentials
TOKEN = "integrity-token-of-a-phone"
# Beside the server's and the client's socket buffers: what is read is at most the answer's limit, and 64 KiB.
BUFFERS = 16 * 1_024 * 1_024
HASTE = 0.1  # seconds


@dataclass(frozen=True)
class World:
    """What every client needs, made for one server."""

    http: HttpClient
    clock: object
    endpoints: object
    service_account: bytes
    apple_credentials: bytes
    patience: float


def asking(server, clock, service_account, apple_credentials, *, patience=30):
    endpoints = stand_ins(server.origin)
    return World(
        http=HttpClient(clock=clock, plain_loopback=True),
        clock=clock,
        endpoints=endpoints,
        service_account=service_account(endpoints.google_token),
        apple_credentials=apple_credentials,
        patience=patience,
    )


def decode(world):
    decoder = GooglePlayIntegrityDecoder(
        http=world.http, clock=world.clock, endpoints=world.endpoints, patience=world.patience
    )
    call = decoder.access(service_account=world.service_account)
    return call if isinstance(call, SAID_NO) else call.decode(package="com.example.bank", token=TOKEN)


def exchange(world):
    return AppleRiskMetrics(http=world.http, endpoints=world.endpoints, patience=world.patience).exchange(
        b"old receipt",
        environment=AppleEnvironment.PRODUCTION,
        credentials=world.apple_credentials,
        now=world.clock.now(),
    )


def status_list(world):
    return PublishedList(http=world.http, url=world.endpoints.google_status_list, patience=world.patience).fetch()


def roots(world):
    return PublishedList(http=world.http, url=world.endpoints.google_roots, patience=world.patience).fetch()


@dataclass(frozen=True)
class Call:
    """`column`: of the table in docs/outages.md, which says what becomes of each fault. `taken`: the right outcome."""

    name: str
    column: str
    act: object
    at: str
    taken: bytes


CALLS = (
    Call("access token", "access token", decode, PATHS.google_token, GOOD[DECODE]),
    Call("decode call", "decode call", decode, DECODE, GOOD[DECODE]),
    Call("risk metric", "risk metric", exchange, PATHS.apple_production, RECEIPT),
    Call("status list", "lists", status_list, PATHS.google_status_list, GOOD[PATHS.google_status_list]),
    Call("roots", "lists", roots, PATHS.google_roots, GOOD[PATHS.google_roots]),
)


def documented() -> dict[str, dict[str, str]]:
    """By fault and column: what the page says."""
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition("## Fault by fault")
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")
    ]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


DOCUMENTED = documented()


def test_every_fault_is_documented_and_every_documented_one_is_played():
    assert list(DOCUMENTED) == [fault.name for fault in FAULTS]
    assert all(set(cells) == {call.column for call in CALLS} for cells in DOCUMENTED.values())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_no_fault_is_more_than_a_value(call, fault, clock, service_account, apple_credentials, authority):
    _, tls = authority
    server = FaultyServer(good=GOOD, fault=fault, at=call.at, tls=tls if fault.untrusted else None)
    elsewhere = FaultyServer(good=GOOD, fault=fault, at="")
    with listening(elsewhere), listening(server):
        server.elsewhere = f"{elsewhere.origin}{call.at}"
        patience = HASTE if fault.hasty else 30
        world = asking(server, clock, service_account, apple_credentials, patience=patience)
        outcome = call.act(world)
    match DOCUMENTED[fault.name][call.column]:
        case "unavailable":
            assert isinstance(outcome, Unavailable)
            assert not [text for text in ("ya29", TOKEN, "localhost", "BEGIN", "html") if text in outcome.detail]
            assert 0 < len(outcome.detail) < 80
        case "taken":
            assert outcome == call.taken
        case "as sent":
            assert outcome == server.body
        case other:
            pytest.fail(f"docs/outages.md: {other!r} is no outcome")
    assert server.sent < 4 * 1_024 * 1_024 + BUFFERS
    assert elsewhere.connections == 0


def test_a_call_is_made_once(clock, service_account, apple_credentials):
    """Whatever comes back: the phone, and the schedule, come again by themselves."""
    broken = next(fault for fault in FAULTS if fault.name == "500")
    for call in CALLS:
        server = FaultyServer(good=GOOD, fault=broken, at=call.at)
        with listening(server):
            outcome = call.act(asking(server, clock, service_account, apple_credentials))
        assert isinstance(outcome, Unavailable)
        asked = [request.split(b" ", 2)[1].decode() for request in server.requests]
        assert asked.count(call.at) == 1


def statuses(call, *expected):
    return [pytest.param(call, *row, id=f"{call.name} {row[0]}") for row in expected]


TOKEN_REFUSED = Refused(RefusalReason.PLAY_INTEGRITY_MALFORMED, "Google does not decode the token")
RECEIPT_REFUSED = Refused(RefusalReason.APPLE_RECEIPT_FOREIGN, "Apple: malformed, or of the other environment")
INVALID = '{"error":{"code":400,"message":"Integrity token cannot be decoded.","status":"INVALID_ARGUMENT"}}'


@pytest.mark.parametrize(
    ("call", "line", "body", "outcome"),
    [
        *statuses(
            CALLS[1],
            ("400 Bad Request", INVALID, TOKEN_REFUSED),
            ("400 of another kind", INVALID.replace("INVALID_ARGUMENT", "FAILED_PRECONDITION"), None),
            ("400 without a word", "", None),
            ("401 Unauthorized", "{}", UnusableCredentials("the access token was not taken: status 401")),
            ("403 Forbidden", INVALID, UnusableCredentials("the service account may not decode: status 403")),
            ("404 Not Found", INVALID, UnusableCredentials("the service account may not decode: status 404")),
            ("200 OK", '{"tokenPayloadExternal":"a text"}', None),
            ("200 OK, twice", '{"tokenPayloadExternal":{},"tokenPayloadExternal":{}}', None),
        ),
        *statuses(
            CALLS[2],
            ("304 Not Modified", "", NotYet()),
            ("404 No Data Found", "", NotYet()),
            ("400 Bad Payload", "", RECEIPT_REFUSED),
            ("401 Unauthorized", "", UnusableCredentials("Apple does not take the credentials: status 401")),
            ("403 Forbidden", "", UnusableCredentials("Apple does not take the credentials: status 403")),
            ("200 OK", "AAA", None),
            ("200 OK, a page", "<html>", None),
        ),
        *statuses(
            CALLS[0],
            ("400 Bad Request", '{"error":"invalid_grant"}', UnusableCredentials("access token: status 400")),
            ("401 Unauthorized", '{"error":"invalid_client"}', UnusableCredentials("access token: status 401")),
            ("403 Forbidden", "", UnusableCredentials("access token: status 403")),
            ("404 Not Found", "", None),
            ("200 OK, no token", '{"access_token":"","expires_in":3599,"token_type":"Bearer"}', None),
            ("200 OK, two lines", '{"access_token":"a\\r\\nHost: b","expires_in":3599,"token_type":"Bearer"}', None),
            ("200 OK, for good", '{"access_token":"a","expires_in":1e9,"token_type":"Bearer"}', None),
            ("200 OK, over", '{"access_token":"a","expires_in":0,"token_type":"Bearer"}', None),
            ("200 OK, odd", '{"access_token":"a","expires_in":3599,"token_type":"MAC"}', None),
        ),
    ],
)
def test_statuses_mean_what_the_vendors_say(call, line, body, outcome, clock, service_account, apple_credentials):
    braces = body.replace("{", "{{").replace("}", "}}")
    said = Fault(name="said", start=f"HTTP/1.1 {line}\r\nContent-Length: {len(body)}\r\n\r\n{braces}")
    server = FaultyServer(good=GOOD, fault=said, at=call.at)
    with listening(server):
        heard = call.act(asking(server, clock, service_account, apple_credentials))
    assert isinstance(heard, Unavailable) if outcome is None else heard == outcome
