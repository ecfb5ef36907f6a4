"""Moves the local stack's clock over HTTP, so that nobody waits for a lifetime to pass, and lets vendors' servers fail.

POST /clock {"seconds": 300}              -> 200 {"now": <seconds since 1970>}; time goes forwards only
POST /vendors {"play_integrity": "broken"} -> 200 {"failing": {"play_integrity": "broken"}}; null: it works again
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from assay_toolkit.local.background import LoopbackServer, QuietHandler, running
from assay_toolkit.local.clock import ShiftableClock
from assay_toolkit.local.vendors import Failure, Vendor, Vendors

_LONGEST_BODY = 1_024  # bytes
_LARGEST_SHIFT = 10 * 366 * 86_400  # seconds; ten years
_USAGE = (
    'POST /clock {"seconds": 0 or more}, or POST /vendors {"<vendor>": "<failure>" or null}; '
    f"vendors: {', '.join(Vendor)}; failures: {', '.join(Failure)}"
)


class _Server(LoopbackServer):
    def __init__(self, clock: ShiftableClock, vendors: Vendors) -> None:
        self.clock = clock
        self.vendors = vendors
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(QuietHandler):
    server: _Server

    def do_POST(self) -> None:  # noqa: N802 - named by HTTP
        match self.path, self._body():
            case "/clock", {"seconds": int(seconds)} if type(seconds) is int and 0 <= seconds <= _LARGEST_SHIFT:
                self.server.clock.shift(timedelta(seconds=seconds))
                self._answer(HTTPStatus.OK, {"now": int(self.server.clock.now().timestamp())})
            case "/vendors", dict(changes) if _are_failures(changes):
                self._let_fail(changes)
                failing = {vendor.value: failure.value for vendor, failure in self.server.vendors.failures.items()}
                self._answer(HTTPStatus.OK, {"failing": failing})
            case _:
                self._answer(HTTPStatus.BAD_REQUEST, {"error": _USAGE})

    def _let_fail(self, changes: dict[str, str | None]) -> None:
        for vendor, failure in changes.items():
            if failure is None:
                self.server.vendors.failures.pop(Vendor(vendor), None)
            else:
                self.server.vendors.failures[Vendor(vendor)] = Failure(failure)

    def _body(self) -> object:
        """None: it is no JSON, or too much."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LONGEST_BODY:
            self.close_connection = True
            return None
        try:
            content: object = json.loads(self.rfile.read(int(length)))
        except ValueError:
            return None
        return content

    def _answer(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _are_failures(changes: dict[str, Any]) -> bool:
    return changes.keys() <= set(Vendor) and all(failure in (None, *Failure) for failure in changes.values())


@contextmanager
def serving(clock: ShiftableClock, vendors: Vendors) -> Iterator[str]:
    """Inside, both can be moved at the yielded origin, on loopback."""
    with running(_Server(clock, vendors), name="assay-control") as origin:
        yield origin
