"""What the edge adds to limits: whose network a request came from, and when to come back."""

import json
from datetime import timedelta

import pytest
from chalice.app import Request

from assay_toolkit.local.stack import put_in_force
from assay_toolkit.simulator.phone import AndroidPhone
from chalicelib.api.requests import network_of
from tests.api.test_http import AUDIENCE, JSON, enrolment


def request_from(address, **headers):
    identity = {} if address is None else {"sourceIp": address}
    return Request(
        {
            "requestContext": {"httpMethod": "POST", "resourcePath": "/v1/attestations", "identity": identity},
            "headers": {"content-type": "application/json", **headers},
            "multiValueQueryStringParameters": None,
            "pathParameters": {},
            "stageVariables": None,
            "body": "{}",
            "isBase64Encoded": False,
        }
    )


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("198.51.100.255", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("2001:DB8:1:ffff::", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", "unknown"),
        ("test-invoke-source-ip", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_network_is_the_prefix_of_the_address_that_the_gateway_saw(address, network):
    assert network_of(request_from(address)) == network


def test_headers_name_no_network():
    headers = {"X-Forwarded-For": "203.0.113.1", "Forwarded": "for=203.0.113.1", "X-Real-IP": "203.0.113.1"}
    assert network_of(request_from("198.51.100.7", **headers)) == "198.51.100.0/24"


def test_too_many_are_told_when_the_hour_is_over(http, stack, conforms):
    active = stack.documents.active()["policy"].digest
    policy = json.loads(stack.documents.read(active))
    limits = {"enrolments_per_network_hour": 1}
    changed = json.dumps(policy | {"limits": limits}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    put_in_force(stack.documents, kind="policy", body=changed.encode())
    # Into the middle of an hour, which then turns for nobody; and the policy is read again.
    now = stack.clock.now()
    stack.clock.shift(timedelta(hours=2) - timedelta(minutes=now.minute - 30, seconds=now.second))

    def phone():
        return AndroidPhone(app="demo-bank", audience=AUDIENCE, clock=stack.clock.now)

    http.post("/v1/attestations", content=enrolment(http, phone()), headers=JSON)
    response = http.post("/v1/attestations", content=enrolment(http, phone()), headers=JSON)
    conforms(response)
    assert response.status_code == 429
    assert response.json()["remedy"] == "retry_later"
    assert "challenge" in response.json()
    left = 3600 - response.json()["server_time"] % 3600
    assert abs(int(response.headers["Retry-After"]) - left) <= 1
