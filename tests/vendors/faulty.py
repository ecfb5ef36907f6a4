"""A server that fails: real sockets on loopback, a thread per connection, and each fault as data.

Nothing here waits for time to pass: what is sent without end is sent as fast as the other side takes it.
"""

import re
import socket
import ssl
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto


class End(Enum):
    CLOSE = auto()
    RESET = auto()
    HOLD = auto()  # until the client goes away


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`{length}`, `{half}`, `{good}` and `{elsewhere}` in `start` stand for the right answer's length, its first half,
    the whole and another origin. `again` follows without end, in pieces as they are. `hasty`: nothing comes that would
    end the exchange, so that a test should have little patience."""

    name: str
    start: str = ""
    again: bytes = b""
    end: End = End.CLOSE
    hasty: bool = False
    untrusted: bool = False


def _status(line: str, *headers: str) -> str:
    return "\r\n".join((f"HTTP/1.1 {line}", *headers, "Content-Length: 2", "", "{{}}"))


def _ok(*headers: str, body: str) -> str:
    return "\r\n".join(("HTTP/1.1 200 OK", *headers, "", body))


JSON = "Content-Type: application/json"

FAULTS = (
    # nothing, or not all
    Fault(name="silent", end=End.HOLD, hasty=True),
    Fault(name="closes", end=End.CLOSE),
    Fault(name="resets", end=End.RESET),
    Fault(name="drips its head", start="HTTP/1.1 200 OK\r\nX-A: ", again=b"a", hasty=True),
    Fault(name="drips its body", start=_ok("Content-Length: 60000", body=""), again=b" ", hasty=True),
    Fault(name="half a body", start=_ok(JSON, "Content-Length: {length}", body="{half}")),
    Fault(name="half a body, held", start=_ok("Content-Length: {length}", body="{half}"), end=End.HOLD, hasty=True),
    Fault(name="half a body, reset", start=_ok("Content-Length: {length}", body="{half}"), end=End.RESET),
    Fault(name="half a chunk", start=_ok("Transfer-Encoding: chunked", body="ffff\r\n{half}")),
    # lengths that lie
    Fault(name="length is too large", start=_ok("Content-Length: 60000", body="{good}")),
    Fault(name="length is too small", start=_ok("Content-Length: 3", body="{good}")),
    Fault(name="two lengths", start=_ok("Content-Length: {length}", "Content-Length: 3", body="{good}")),
    Fault(name="negative length", start=_ok("Content-Length: -1", body="{good}")),
    Fault(name="no length", start=_ok(JSON, body="{good}")),
    Fault(name="chunk claims exabytes", start=_ok("Transfer-Encoding: chunked", body="7fffffffffffffff\r\n{half}")),
    # too much
    Fault(name="huge body", start=_ok("Content-Length: 8000000000", body=""), again=b" " * 65_536),
    Fault(
        name="huge body in chunks",
        start=_ok("Transfer-Encoding: chunked", body=""),
        again=b"8000\r\n" + b" " * 0x8000 + b"\r\n",
    ),
    Fault(name="gzip bomb", start=_ok("Content-Encoding: gzip", "Content-Length: {length}", body="{good}")),
    Fault(name="headers without end", start="HTTP/1.1 200 OK\r\n", again=b"X-A: a\r\n"),
    Fault(name="a header without end", start="HTTP/1.1 200 OK\r\nX-A: ", again=b"a" * 4_096),
    Fault(name="100 Continue without end", again=b"HTTP/1.1 100 Continue\r\n\r\n"),
    # another protocol
    Fault(name="HTTP/1.0 without length", start="HTTP/1.0 200 OK\r\n\r\n{good}"),
    Fault(name="HTTP/0.9", start="{good}"),
    Fault(name="untrusted certificate", start=_ok("Content-Length: {length}", body="{good}"), untrusted=True),
    # statuses
    Fault(name="429", start=_status("429 Too Many Requests")),
    Fault(name="429 with Retry-After", start=_status("429 Too Many Requests", "Retry-After: 120")),
    Fault(name="429 with a date", start=_status("429 Too Many Requests", "Retry-After: Fri, 31 Dec 2027 23:59:59 GMT")),
    Fault(name="500", start=_status("500 Internal Server Error")),
    Fault(name="503", start=_status("503 Service Unavailable")),
    Fault(name="301 to elsewhere", start=_status("301 Moved Permanently", "Location: {elsewhere}")),
    Fault(name="307 to elsewhere", start=_status("307 Temporary Redirect", "Location: {elsewhere}")),
    Fault(name="204", start="HTTP/1.1 204 No Content\r\n\r\n"),
    # 200, with something else
    Fault(name="HTML", start=_ok("Content-Type: text/html", "Content-Length: 13", body="<html></html>")),
    Fault(name="empty body", start=_ok(JSON, "Content-Length: 0", body="")),
    Fault(name="empty list", start=_ok(JSON, "Content-Length: 2", body="[]")),
    Fault(name="invalid JSON", start=_ok(JSON, "Content-Length: 13", body='{{"entries":{{}}')),
    Fault(name="wrong content type", start=_ok("Content-Type: image/png", "Content-Length: {length}", body="{good}")),
)


@dataclass(kw_only=True)
class FaultyServer:
    """`good`: the right answer's body by path. Paths other than `at` are answered well. Counts connections, the bytes
    it could send where the fault is; keeps what it was sent, and as `body` what a client that counts takes of it."""

    good: dict[str, bytes]
    fault: Fault
    at: str
    tls: ssl.SSLContext | None = None
    port: int = 0
    elsewhere: str = ""
    connections: int = 0
    sent: int = 0
    requests: list[bytes] = field(default_factory=list)
    body: bytes = b""

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    def serve(self, listener: socket.socket) -> None:
        # A listener that is closed ends the loop.
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.connections += 1
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, plain: socket.socket) -> None:
        with suppress(OSError), plain:
            # Small, so that what was sent is not far from what was read.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
            plain.settimeout(10)
            with self.tls.wrap_socket(plain, server_side=True) if self.tls else plain as line:
                self._converse(line)

    def _converse(self, line: socket.socket) -> None:
        request = read_request(line)
        self.requests.append(request)
        path = request.split(b" ", 2)[1].decode()
        good = self.good[path]
        if path != self.at:
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(good), good))
            return
        text = good.decode()
        start = self.fault.start.format(
            good=text, half=text[: len(text) // 2], length=len(text), elsewhere=self.elsewhere
        ).encode()
        head, _, body = start.partition(b"\r\n\r\n")
        self.body = body[: _length(head)]
        self._send(line, start)
        while self.fault.again:
            self._send(line, self.fault.again)
        if self.fault.end is End.HOLD:
            line.recv(1)
        elif self.fault.end is End.RESET:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _send(self, line: socket.socket, data: bytes) -> None:
        line.sendall(data)
        self.sent += len(data)


def read_request(line: socket.socket) -> bytes:
    """Head and body of one request that states its length."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        data += line.recv(65_536)
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    while len(body) < _length(head):
        body += line.recv(65_536)
    return head + b"\r\n\r\n" + body


def _length(head: bytes) -> int:
    stated = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
    return int(stated[1]) if stated else 0


@contextmanager
def listening(server: FaultyServer):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
