"""Fetching a JWKS with the standard library: bounded in time and size, and never from anywhere else."""

import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Protocol
from urllib.parse import urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=(\d{1,9})(?:$|[,\s])", re.IGNORECASE)
_CHUNK = 8_192  # bytes


class FetchFailed(Exception):  # noqa: N818 - what happened, in the package's way of naming
    """No JWKS came back. The message names the cause, in words of this package or of the operating system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedJwks:
    """`max_age`: seconds from `Cache-Control`, None when it says nothing."""

    unverified_body: bytes
    max_age: int | None


class Fetcher(Protocol):
    def __call__(self, url: str, /) -> FetchedJwks:
        """Raises `FetchFailed`, and nothing else, when there is no answer to use."""
        ...


class HttpFetcher:
    """GET with `timeout` seconds for connecting and for each read, and the same again for the body as a whole.

    At most `max_bytes` of body. HTTPS only, or plain HTTP to this machine; redirects within the same origin only.
    """

    def __init__(self, *, timeout: float = 3.0, max_bytes: int = 65_536) -> None:
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._opener = urllib.request.build_opener(_SameOrigin)

    def __call__(self, url: str, /) -> FetchedJwks:
        check_jwks_url(url)
        request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - scheme checked above
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return FetchedJwks(unverified_body=self._read(response), max_age=_max_age(response.headers))
        except urllib.error.HTTPError as error:
            error.close()
            raise FetchFailed(f"HTTP status {error.code}") from error
        except (OSError, HTTPException, ValueError) as error:  # URLError is an OSError, a bad Location a ValueError
            raise FetchFailed(type(error).__name__) from error

    def _read(self, response: HTTPResponse) -> bytes:
        """The body; a server that drips it is given up on at the deadline, which no socket timeout does."""
        deadline = time.monotonic() + self._timeout
        body = bytearray()
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > self._max_bytes:
                raise FetchFailed(f"more than {self._max_bytes} bytes")
            if time.monotonic() > deadline:
                raise FetchFailed("the body took too long")
        return bytes(body)


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if (old.scheme, old.netloc) != (new.scheme, new.netloc):
            raise FetchFailed("a redirect to another origin")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_jwks_url(url: str) -> None:
    """Raises ValueError: keys that anyone on the way could replace prove nothing."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return
    raise ValueError("a JWKS is fetched by https, or by http from this machine")


def _max_age(headers: HTTPMessage) -> int | None:
    found = _MAX_AGE.search(headers.get("Cache-Control", ""))
    return int(found.group(1)) if found else None
