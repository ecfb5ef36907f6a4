"""One HTTP exchange, bounded as a whole: the standard library reads the protocol, over a line that has limits.

Timeouts of sockets, and of every client library that was looked at, begin anew with each read: a server that sends a
byte a second, headers included, holds them for hours. Here one deadline covers connecting, the TLS handshake, sending
and all reads, because the time that is left is set before each of them; and one allowance covers every byte. That
takes no more of `http.client` than what it asks of a socket, so no library is needed beside it.

Not covered is the resolver: the C library's look-up of a name takes no timeout. It has its own (resolv.conf(5)), which
the environment variable RES_OPTIONS shortens; no look-up begins after the deadline.
"""

import http.client
import io
import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from chalicelib.model.outcome import Unavailable
from chalicelib.service.ports import Clock

# Bytes around a body: status line, headers, the framing of chunks. Google sends less than 2 KiB of headers; a body of
# 4 MiB in chunks of 1 KiB is framed by 28 KiB.
_AROUND: Final = 65_536
_PIECE: Final = 16_384  # bytes, of one read
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LENGTH: Final = re.compile(r"[0-9]{1,12}")
_SECONDS: Final = re.compile(r"[0-9]{1,6}")
# RFC 9112 section 6.3: no body follows.
_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer of any status. `retry_after`: seconds, None where the header is absent or a date."""

    status: int
    body: bytes
    retry_after: int | None = None

    def unusable(self, what: str = "status") -> Unavailable:
        """In words of ours: nothing that the server sent but two numbers."""
        wait = "" if self.retry_after is None else f", retry after {self.retry_after} s"
        return Unavailable(f"{what} {self.status}{wait}")


class Deadline:
    """The end of one or more exchanges, by a clock that never goes back."""

    def __init__(self, *, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds, more than 0. Raises TimeoutError."""
        remaining = self._end - self._clock.monotonic()
        if remaining <= 0:
            raise TimeoutError
        return remaining


class HttpClient:
    """A connection per exchange: a vendor is asked at most once per enrolment, from workers that freeze in between.

    HTTPS with certificates verified; `plain_loopback` admits http to this machine, for the local stage. Redirects are
    answers like any other, proxies of the environment are not asked, compressed answers are refused.
    """

    def __init__(self, *, clock: Clock, plain_loopback: bool = False) -> None:
        self._clock = clock
        self._plain_loopback = plain_loopback

    def within(self, seconds: float) -> Deadline:
        return Deadline(clock=self._clock, seconds=seconds)

    def exchange(
        self,
        method: Literal["GET", "POST"],
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        deadline: Deadline,
        max_body: int,
    ) -> Answer | Unavailable:
        """Unavailable: no whole answer of at most `max_body` bytes came before the deadline. Its detail names the kind
        of failure and nothing of the exchange. Raises ValueError for a URL that this client does not speak to."""
        parts = urlsplit(url)
        secure = self._secure(parts)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or (443 if secure else 80))
        try:
            with closing(_connected(connection.host, connection.port, deadline)) as plain:
                plain.settimeout(deadline.remaining())  # for a TLS handshake, which heeds it as a whole
                line = self._tls.wrap_socket(plain, server_hostname=connection.host) if secure else plain
                with closing(line):
                    connection.sock = bounded = _Line(line, deadline=deadline, allowance=_AROUND)
                    connection.request(method, parts.path, body=body, headers={**headers, "Connection": "close"})
                    with closing(connection.getresponse()) as response:
                        bounded.allowance += max_body
                        return _answer(response, max_body=max_body)
        except TimeoutError:
            return Unavailable("no answer in time")
        except _Unusable as error:
            return Unavailable(str(error))
        except (OSError, http.client.HTTPException) as error:
            # By type only: messages quote what the server sent.
            return Unavailable(type(error).__name__)

    def _secure(self, parts: SplitResult) -> bool:
        if parts.scheme == "https" and parts.hostname:
            return True
        if parts.scheme == "http" and parts.hostname in _LOOPBACK and self._plain_loopback:
            return False
        raise ValueError("vendors are reached by https")

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # On first use: reading the machine's certificates takes tens of milliseconds, and few workers ask a vendor.
        return ssl.create_default_context()


class _Unusable(Exception):  # noqa: N818 - what the answer is, and it never leaves this file
    """An answer that is not taken; the message is of ours."""


def _connected(host: str, port: int, deadline: Deadline) -> socket.socket:
    """To whichever of the name's addresses answers first, tried in order, all before the deadline. While others are
    left each has half of the time that is: an address that swallows everything (IPv6 without a route) leaves some."""
    deadline.remaining()  # nothing is looked up once it has passed
    failure: OSError = ConnectionError()
    addresses = [str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for left, address in zip(reversed(range(len(addresses))), addresses, strict=True):
        try:
            remaining = deadline.remaining()
            return socket.create_connection((address, port), timeout=remaining / 2 if left else remaining)
        except OSError as error:
            failure = error
    raise failure


class _Line:
    """What `http.client` asks of a socket. `allowance`: bytes that may still be read; none are after the deadline.
    Closing is left to the exchange, which closes the socket itself."""

    def __init__(self, line: socket.socket, *, deadline: Deadline, allowance: int) -> None:
        self._line = line
        self._deadline = deadline
        self.allowance = allowance

    def sendall(self, data: bytes) -> None:
        self._line.settimeout(self._deadline.remaining())
        self._line.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        pass

    def receive(self, buffer: memoryview) -> int:
        if self.allowance == 0:
            raise _Unusable("the answer is too large")
        self._line.settimeout(self._deadline.remaining())
        count = self._line.recv_into(buffer[: self.allowance])
        self.allowance -= count
        return count


class _Reader(io.RawIOBase):
    def __init__(self, line: _Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's WriteableBuffer has no slices
        return self._line.receive(buffer)


def _answer(response: http.client.HTTPResponse, *, max_body: int) -> Answer:
    if response.getheader("Content-Encoding", "identity") != "identity":
        raise _Unusable("the answer is compressed")
    body = b"" if response.status in _BODILESS else _body(response, max_body=max_body)
    retry_after = response.getheader("Retry-After", "")
    return Answer(
        status=response.status, body=body, retry_after=int(retry_after) if _SECONDS.fullmatch(retry_after) else None
    )


def _body(response: http.client.HTTPResponse, *, max_body: int) -> bytes:
    """All of it. An answer that does not say where it ends could be half of one (RFC 9112 section 8)."""
    length = response.getheader("Content-Length", "")
    if not response.chunked and not _LENGTH.fullmatch(length):
        raise _Unusable("the answer's length is unknown")
    if not response.chunked and int(length) > max_body:
        raise _Unusable("the answer is too large")
    body = bytearray()
    # Not `read`: it makes room for as much as a chunk claims to hold.
    while piece := response.read1(_PIECE):
        body += piece
        if len(body) > max_body:
            raise _Unusable("the answer is too large")
    if not response.chunked and len(body) < int(length):
        raise _Unusable("the answer ends early")
    return bytes(body)
