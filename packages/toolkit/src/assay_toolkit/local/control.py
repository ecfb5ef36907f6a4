"""Moves the local stack's clock over HTTP, so that nobody waits for a lifetime to pass.

POST /clock {"seconds": 300}   -> 200 {"now": <seconds since 1970>}; time goes forwards only
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus

from assay_toolkit.local.background import LoopbackServer, QuietHandler, running
from assay_toolkit.local.clock import ShiftableClock

_LONGEST_BODY = 1_024  # bytes
_LARGEST_SHIFT = 10 * 366 * 86_400  # seconds; ten years


class _Server(LoopbackServer):
    def __init__(self, clock: ShiftableClock) -> None:
        self.clock = clock
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(QuietHandler):
    server: _Server

    def do_POST(self) -> None:  # noqa: N802 - named by HTTP
        seconds = self._seconds()
        if self.path != "/clock" or seconds is None:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": 'POST /clock {"seconds": 0 or more}'})
            return
        self.server.clock.shift(timedelta(seconds=seconds))
        self._answer(HTTPStatus.OK, {"now": int(self.server.clock.now().timestamp())})

    def _seconds(self) -> int | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LONGEST_BODY:
            self.close_connection = True
            return None
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError:
            return None
        seconds = body.get("seconds") if isinstance(body, dict) else None
        return seconds if type(seconds) is int and 0 <= seconds <= _LARGEST_SHIFT else None

    def _answer(self, status: HTTPStatus, content: dict[str, int | str]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(clock: ShiftableClock) -> Iterator[str]:
    """Inside, the clock can be moved at the yielded origin, on loopback."""
    with running(_Server(clock), name="assay-control") as origin:
        yield origin
