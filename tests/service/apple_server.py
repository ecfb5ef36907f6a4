"""A server that speaks Apple's protocol for receipts, on loopback, and answers as a test wants."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from assay_toolkit.local.background import LoopbackServer, QuietHandler, running
from assay_toolkit.simulator import apple_receipt


@dataclass(frozen=True)
class Asked:
    path: str
    receipt: bytes


class AppleServer(LoopbackServer):
    """`answers`: what the next requests get, each once; then newer receipts with `risk_metric`. An answer is a status,
    the exact bytes of a receipt, or a function from the receipt that was sent to one of these; `half` sends half."""

    def __init__(self, *, now: Callable[[], datetime]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.now = now
        self.risk_metric = 3
        self.answers: list[object] = []
        self.asked: list[Asked] = []
        self.half = False

    def answer(self, receipt: bytes) -> HTTPStatus | bytes:
        answer = self.answers.pop(0) if self.answers else self.newer
        return answer(receipt) if callable(answer) else answer

    def newer(self, receipt: bytes) -> bytes:
        return apple_receipt.refreshed(receipt_of=receipt, risk_metric=self.risk_metric, created_at=self.now())


class _Handler(QuietHandler):
    server: AppleServer

    def do_POST(self) -> None:  # noqa: N802 - named by HTTP
        receipt = base64.b64decode(self.rfile.read(int(self.headers["Content-Length"])), validate=True)
        self.server.asked.append(Asked(self.path, receipt))
        answer = self.server.answer(receipt)
        status, body = (HTTPStatus.OK, base64.b64encode(answer)) if isinstance(answer, bytes) else (answer, b"")
        self.close_connection = True
        self.send_response(status)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.server.half else body)


@contextmanager
def apple_server(*, now: Callable[[], datetime]) -> Iterator[tuple[AppleServer, str]]:
    """The server and its origin."""
    server = AppleServer(now=now)
    with running(server, name="apple") as origin:
        yield server, origin
