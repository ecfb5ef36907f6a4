"""Each client against each fault: a value comes back, within bounds, and says nothing of what was sent."""

import base64
import json
from dataclasses import dataclass

import pytest

from chalicelib.model.claims import AppleEnvironment
from chalicelib.model.outcome import Unavailable
from chalicelib.vendors.bounded_http import HttpClient
from chalicelib.vendors.endpoints import stand_ins
from chalicelib.vendors.google_lists import PublishedList
from chalicelib.vendors.play_integrity import GooglePlayIntegrityDecoder
from chalicelib.vendors.risk_metrics import AppleRiskMetrics
from tests.vendors.faulty import FAULTS, FaultyServer, listening

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
TOKEN = "integrity-token-of-a-phone"
# Beside the server's and the client's socket buffers: what is read is at most the answer's limit, and 64 KiB.
BUFFERS = 16 * 1_024 * 1_024
HASTE = 0.05  # seconds


@dataclass(frozen=True)
class World:
    """What every client needs, made for one server."""

    http: HttpClient
    clock: object
    endpoints: object
    service_account: bytes
    apple_credentials: bytes
    patience: float


def decode(world):
    decoder = GooglePlayIntegrityDecoder(
        http=world.http, clock=world.clock, endpoints=world.endpoints, patience=world.patience
    )
    return decoder.decode(package="com.example.bank", token=TOKEN, service_account=world.service_account)


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
    """`tolerated`: faults that this client answers with something else than Unavailable, and with what. A list that is
    whole is handed on as it is: whoever puts it in force parses it."""

    name: str
    act: object
    at: str
    tolerated: dict[str, bytes]


NOT_JUDGED_HERE = {
    "HTML": b"<html></html>",
    "empty list": b"[]",
    "invalid JSON": b'{"entries":{}',
}
CALLS = (
    Call("access token", decode, PATHS.google_token, {"wrong content type": GOOD[DECODE]}),
    Call("play integrity", decode, DECODE, {"wrong content type": GOOD[DECODE]}),
    Call("risk metric", exchange, PATHS.apple_production, {"wrong content type": RECEIPT}),
    Call(
        "status list",
        status_list,
        PATHS.google_status_list,
        {
            **NOT_JUDGED_HERE,
            "wrong content type": GOOD[PATHS.google_status_list],
            "length is too small": GOOD[PATHS.google_status_list][:3],
        },
    ),
    Call(
        "roots",
        roots,
        PATHS.google_roots,
        {
            **NOT_JUDGED_HERE,
            "wrong content type": GOOD[PATHS.google_roots],
            "length is too small": GOOD[PATHS.google_roots][:3],
        },
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_no_fault_is_more_than_a_value(call, fault, clock, service_account, apple_credentials, authority):
    _, tls = authority
    server = FaultyServer(good=GOOD, fault=fault, at=call.at, tls=tls if fault.untrusted else None)
    elsewhere = FaultyServer(good=GOOD, fault=fault, at="")
    with listening(elsewhere), listening(server):
        server.elsewhere = f"{elsewhere.origin}{call.at}"
        endpoints = stand_ins(server.origin)
        world = World(
            http=HttpClient(clock=clock, plain_loopback=True),
            clock=clock,
            endpoints=endpoints,
            service_account=service_account(endpoints.google_token),
            apple_credentials=apple_credentials,
            patience=HASTE if fault.hasty else 30,
        )
        outcome = call.act(world)
    if fault.name in call.tolerated:
        assert outcome == call.tolerated[fault.name]
    else:
        assert isinstance(outcome, Unavailable)
        assert not [text for text in ("ya29", TOKEN, "localhost", "BEGIN", "html") if text in outcome.detail]
        assert 0 < len(outcome.detail) < 80
    assert server.sent < 4 * 1_024 * 1_024 + BUFFERS
    assert elsewhere.connections == 0
