"""What the local server does in API Gateway's place."""

import io
import json
import socket

import pytest

from assay_toolkit.local.stack import local_stack

CHALLENGE = b'{"app":"demo-bank","purpose":"enrol"}'


@pytest.fixture(scope="module")
def address():
    with local_stack(log=io.StringIO()) as stack:
        host, _, port = stack.url.removeprefix("http://").partition(":")
        yield host, int(port)


def raw(address, request):
    """The answer to bytes as they are, and what follows it on the connection."""
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


def post(path="/v1/challenges", body=CHALLENGE, headers=()):
    lines = [f"POST {path} HTTP/1.1", "Host: assay", "Content-Type: application/json", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_request(address):
    status, headers, _ = raw(address, post(headers=["Connection: close"]))
    assert (status, headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /v1/health HTTP/9.9\r\n\r\n", 400),
        (b"BREW /v1/health HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n", 400),
        (post(headers=["Content-Length: -1"]), 400),
        (post(headers=["Content-Length: 1e3"]), 400),
        (post(headers=["Content-Length: 37", "Content-Length: 37"]), 400),
        (post(headers=["Content-Length: 38"]), 400),
        (post(headers=["Content-Length: 99999999999999"]), 413),
        (post(headers=["Content-Length: " + "9" * 5000]), 413),
        (post(headers=["Content-Length: " + "0" * 5000 + "38"]), 400),
        (post(headers=["Transfer-Encoding: chunked"], body=b"0\r\n\r\n"), 400),
        (post("/v1/nothing"), 404),
        (post("/v1/challenges/../challenges"), 404),
    ],
)
def test_what_the_gateway_refuses_itself(address, request_bytes, expected):
    status, headers, body = raw(address, request_bytes)
    assert status == expected
    assert headers["Content-Type"] == "application/problem+json"
    problem = json.loads(body[: int(headers["Content-Length"])])
    assert problem["status"] == expected
    assert problem["instance"].startswith("urn:uuid:")


def test_a_refused_body_is_not_read_as_the_next_request(address):
    """Request smuggling: after an unclear length, the connection is over."""
    inner = b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n"
    _, headers, body = raw(address, post(headers=["Transfer-Encoding: chunked", "Content-Length: 0"], body=inner))
    assert headers["Connection"] == "close"
    assert body.count(b"HTTP/1.1") == 0


def test_bytes_that_are_no_text_arrive_as_replacement_characters(address):
    status, _, body = raw(address, post(body=b'{"app":"\xff","purpose":"enrol"}'))
    assert status == 400
    assert json.loads(body)["type"] == "urn:assay:problem:malformed-request"


def test_two_requests_on_one_connection(address):
    _, _, rest = raw(address, post() + post(headers=["Connection: close"]))
    assert rest.count(b"HTTP/1.1 200 OK") == 1


def test_head_has_no_body(address):
    status, headers, body = raw(address, b"HEAD /v1/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert (status, body) == (405, b"")
    assert int(headers["Content-Length"]) > 0
