"""The bounds of one exchange: each byte is counted, and so is each second."""

import socket
import threading
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.clock import SystemClock
from chalicelib.model.outcome import Unavailable
from chalicelib.vendors import bounded_http
from chalicelib.vendors.bounded_http import Answer, HttpClient
from tests.vendors.faulty import End, Fault, FaultyServer, listening, read_request

AROUND = 65_536  # bytes beside the body, as documented
WHOLE = Fault(name="none", start="HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{good}")


@contextmanager
def one_connection(serve):
    """A server that hands its only connection to `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            connection, _ = listener.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


def get(client, url, *, seconds=30.0, max_body=1_000):
    return client.exchange("GET", url, headers={}, deadline=client.within(seconds), max_body=max_body)


class DrippingClock(SystemClock):
    """A second passes with each look, and the server may send one byte more."""

    def __init__(self):
        self.seconds = 0
        self.drops = threading.Semaphore(0)

    def monotonic(self):
        self.seconds += 1
        self.drops.release()
        return float(self.seconds)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"], ids=["head", "body"])
def test_a_byte_a_second_is_given_up_at_the_deadline(start):
    clock = DrippingClock()
    sent = 0

    def drip(connection):
        nonlocal sent
        read_request(connection)
        connection.sendall(start)
        text = b"HTTP/1.1 200 OK\r\n" if not start else b"a" * 500
        for byte in text:
            if not clock.drops.acquire(timeout=5):  # nobody looks at the clock
                return
            sent += 1
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                return

    with one_connection(drip) as url:
        outcome = get(HttpClient(clock=clock, plain_loopback=True), url, seconds=12)
        for _ in range(500):
            clock.drops.release()  # the server finds out that nobody listens
    assert outcome == Unavailable("no answer in time")
    assert clock.seconds <= 14


class SteppingClock(SystemClock):
    """Time passes only when somebody says so."""

    def __init__(self):
        self.seconds = 0.0

    def monotonic(self):
        return self.seconds


def test_a_handshake_has_what_connecting_left(monkeypatch):
    """Connecting takes nearly all; then the other side takes the greeting, and says nothing until the client goes."""
    clock, went, connect = SteppingClock(), [], socket.create_connection

    def connecting(*args, **kwargs):
        connection = connect(*args, **kwargs)
        clock.seconds = 29.95
        return connection

    def mute(connection):
        connection.settimeout(10)  # so that a client which waits on gets another answer, and this test an end
        with suppress(TimeoutError):
            while connection.recv(65_536):
                pass
            went.append("the client")

    monkeypatch.setattr(socket, "create_connection", connecting)
    with one_connection(mute) as url:
        assert get(HttpClient(clock=clock), url.replace("http", "https")) == Unavailable("no answer in time")
    assert went == ["the client"]


def test_an_address_that_swallows_everything_leaves_time_for_the_next(monkeypatch):
    clock, tried, connect, look_up = SteppingClock(), [], socket.create_connection, socket.getaddrinfo

    def found(host, port, *args, **kwargs):
        if host != "localhost":
            return look_up(host, port, *args, **kwargs)
        addresses = ("2001:db8::1", "2001:db8::2", "127.0.0.1")
        return [(socket.AF_UNSPEC, socket.SOCK_STREAM, 0, "", (address, port)) for address in addresses]

    def connecting(address, *, timeout):
        tried.append((address[0], timeout))
        if address[0].startswith("2001:db8:"):
            clock.seconds += timeout
            raise TimeoutError
        return connect(address, timeout=timeout)

    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setattr(socket, "create_connection", connecting)
    server = FaultyServer(good={"/": b"right"}, fault=WHOLE, at="/")
    with listening(server):
        answer = get(HttpClient(clock=clock, plain_loopback=True), f"{server.origin}/", seconds=4)
    assert answer == Answer(status=200, body=b"right")
    assert tried == [("2001:db8::1", 2), ("2001:db8::2", 1), ("127.0.0.1", 1)]


def test_no_name_is_looked_up_after_the_deadline(monkeypatch):
    clock = SteppingClock()
    client = HttpClient(clock=clock)
    deadline = client.within(4)
    clock.seconds = 4
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("looked up"))
    outcome = client.exchange("GET", "https://vendor.example/", headers={}, deadline=deadline, max_body=1)
    assert outcome == Unavailable("no answer in time")


@pytest.mark.parametrize(
    ("length", "outcome"), [(1_000, "taken"), (1_001, "the answer is too large")], ids=["at the limit", "above it"]
)
def test_a_body_has_a_largest_size(clock, length, outcome):
    server = FaultyServer(good={"/": b"x" * length}, fault=WHOLE, at="/")
    with listening(server):
        answer = get(HttpClient(clock=clock, plain_loopback=True), f"{server.origin}/")
    assert answer == (Answer(status=200, body=b"x" * length) if outcome == "taken" else Unavailable(outcome))


def test_a_chunked_body_has_the_same_limit(clock):
    chunked = Fault(
        name="chunked", start="HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{good}\r\n0\r\n\r\n"
    )
    server = FaultyServer(good={"/": b"x" * 1_001}, fault=chunked, at="/")
    with listening(server):
        client = HttpClient(clock=clock, plain_loopback=True)
        assert get(client, f"{server.origin}/") == Unavailable("the answer is too large")
        assert get(client, f"{server.origin}/", max_body=1_001) == Answer(status=200, body=b"x" * 1_001)


def test_a_body_that_is_announced_too_large_is_not_waited_for(clock):
    announced = Fault(name="announced", start="HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", end=End.HOLD)
    server = FaultyServer(good={"/": b""}, fault=announced, at="/")
    with listening(server):
        outcome = get(HttpClient(clock=clock, plain_loopback=True), f"{server.origin}/", seconds=5)
    assert outcome == Unavailable("the answer is too large")


@pytest.mark.parametrize(
    ("start", "again", "limit"),
    [
        ("", b"HTTP/1.1 100 Continue\r\n\r\n", AROUND),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", AROUND + 50_000),
    ],
    ids=["head", "whole"],
)
def test_never_more_bytes_are_read_than_the_limit(clock, monkeypatch, start, again, limit):
    read = 0

    class Counting(bounded_http._Line):
        def receive(self, buffer):
            nonlocal read
            count = super().receive(buffer)
            read += count
            return count

    monkeypatch.setattr(bounded_http, "_Line", Counting)
    endless = Fault(name="endless", start=start, again=again)
    server = FaultyServer(good={"/": b""}, fault=endless, at="/")
    with listening(server):
        outcome = get(HttpClient(clock=clock, plain_loopback=True), f"{server.origin}/", max_body=50_000)
    assert outcome == Unavailable("the answer is too large")
    assert read == limit


def test_certificates_and_names_are_verified(clock, authority, monkeypatch):
    certificate, context = authority
    server = FaultyServer(good={"/": b"right"}, fault=WHOLE, at="/", tls=context)
    with listening(server):
        assert get(HttpClient(clock=clock), f"{server.origin}/") == Unavailable("SSLCertVerificationError")
        # OpenSSL's own variable; a client reads it when it first needs it.
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusting = HttpClient(clock=clock)
        assert get(trusting, f"{server.origin}/") == Answer(status=200, body=b"right")
        assert get(trusting, f"https://127.0.0.1:{server.port}/") == Unavailable("SSLCertVerificationError")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://vendor.example/", "ftp://vendor.example/", "/path"])
def test_only_https_is_spoken(clock, url):
    with pytest.raises(ValueError, match="https"):
        get(HttpClient(clock=clock), url)


@pytest.mark.parametrize("url", ["http://vendor.example/", "http://127.0.0.1.vendor.example/", "http:///"])
def test_the_local_stage_speaks_plainly_to_this_machine_only(clock, url):
    with pytest.raises(ValueError, match="https"):
        get(HttpClient(clock=clock, plain_loopback=True), url)


def test_nobody_listens(clock):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome = get(HttpClient(clock=clock, plain_loopback=True), f"http://127.0.0.1:{port}/")
    assert outcome == Unavailable("ConnectionRefusedError")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 120", 120),
        ("Retry-After: -1", None),
        ("Retry-After: 99999999999", None),
        ("Retry-After: Fri, 31 Dec 2027 23:59:59 GMT", None),
        ("X: y", None),
    ],
)
def test_retry_after(clock, header, seconds):
    busy = Fault(name="busy", start=f"HTTP/1.1 429 Too Many Requests\r\n{header}\r\nContent-Length: 0\r\n\r\n")
    server = FaultyServer(good={"/": b""}, fault=busy, at="/")
    with listening(server):
        answer = get(HttpClient(clock=clock, plain_loopback=True), f"{server.origin}/")
    assert answer == Answer(status=429, body=b"", retry_after=seconds)


LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 304 Not Modified\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 0_5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Retry-After: \xb2\r\n",
        b" folded\r\n",
        b"\r\n",
        b"5\r\nabcde\r\n",
        b"-5\r\n",
        b"0\r\n\r\n",
        b"\x00\xff",
    ]
)


@given(st.lists(LINES | st.binary(max_size=20), max_size=12).map(b"".join))
def test_whatever_is_sent_is_an_answer_or_none(sent):
    def serve(connection):
        read_request(connection)
        connection.sendall(sent)

    with one_connection(serve) as url:
        outcome = get(HttpClient(clock=SystemClock(), plain_loopback=True), url)
    assert isinstance(outcome, Answer | Unavailable)
    assert not isinstance(outcome, Answer) or len(outcome.body) <= 1_000
