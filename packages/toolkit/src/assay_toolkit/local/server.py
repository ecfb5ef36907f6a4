"""The real Chalice app behind a threaded HTTP server that plays API Gateway's part.

What the gateway does before the function is asked is done here: bodies become text (UTF-8, with replacement where they
are none), bodies above its limit and unknown paths are answered in the forms of `infra/gateway-responses.yaml`.
"""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import yaml
from chalice.app import Chalice
from chalice.config import Config
from chalice.local import LocalGateway

from assay_toolkit.local.background import LoopbackServer, QuietHandler, running
from assay_toolkit.local.checkout import ROOT

# API Gateway's own limit on a payload (quotas for REST APIs): 10 MB.
_LARGEST_PAYLOAD: Final = 10_485_760

_BODY_WITHIN: Final = 10  # seconds for a whole body; silence ends it earlier

_HTTP_ERRORS: Final = {
    HTTPStatus.NOT_IMPLEMENTED: "MISSING_AUTHENTICATION_TOKEN",  # a method that HTTP does not know
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "REQUEST_TOO_LARGE",
}


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """One entry of `infra/gateway-responses.yaml`."""

    status: int
    headers: Mapping[str, str]
    template: str

    def body(self, *, request_id: str) -> bytes:
        return self.template.replace("$context.requestId", request_id).encode()


def gateway_responses() -> dict[str, GatewayResponse]:
    """By the names that API Gateway has for them."""
    template = yaml.safe_load((ROOT / "infra" / "gateway-responses.yaml").read_text())
    definition = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    return {
        name: GatewayResponse(
            status=int(response["statusCode"]),
            headers={
                parameter.removeprefix("gatewayresponse.header."): value.strip("'")
                for parameter, value in response["responseParameters"].items()
            },
            template=response["responseTemplates"]["application/json"],
        )
        for name, response in definition["x-amazon-apigateway-gateway-responses"].items()
    }


class _Server(LoopbackServer):
    def __init__(self, app: Chalice, port: int) -> None:
        self.gateway = LocalGateway(app, Config.create(app_name=app.app_name))
        self.app = app
        self.responses = gateway_responses()
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(QuietHandler):
    server: _Server

    def handle_any(self) -> None:
        body = self._read_body()
        if body is None:
            return
        converter = self.server.gateway.event_converter
        headers = {name: ", ".join(self.headers.get_all(name, [])) for name in self.headers}
        try:
            event = converter.create_lambda_event(method=self.command, path=self.path, headers=headers)
        except ValueError:  # how Chalice says that no route matches
            self._answer_as_gateway("MISSING_AUTHENTICATION_TOKEN")
            return
        event["body"] = body.decode("utf-8", "replace")
        answer = self.server.app(event, self.server.gateway._generate_lambda_context())  # noqa: SLF001 - the only maker
        self._send(answer["statusCode"], {**answer["headers"], **answer["multiValueHeaders"]}, answer["body"].encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = handle_any  # noqa: N815 - named by HTTP

    def _read_body(self) -> bytes | None:
        """None: answered already."""
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or len(lengths) > 1 or not all(_is_length(text) for text in lengths):
            self._answer_as_gateway("DEFAULT_4XX", close=True)
            return None
        digits = lengths[0].lstrip("0") if lengths else ""
        if len(digits) > len(str(_LARGEST_PAYLOAD)) or int(digits or "0") > _LARGEST_PAYLOAD:
            self._answer_as_gateway("REQUEST_TOO_LARGE", close=True)
            return None
        body = self._read_within(int(digits or "0"), deadline=time.monotonic() + _BODY_WITHIN)
        if body is None:
            self._answer_as_gateway("DEFAULT_4XX", close=True)
        return body

    def _read_within(self, length: int, *, deadline: float) -> bytes | None:
        """All of it, or None: the client went away, fell silent, or drips."""
        body = bytearray()
        while len(body) < length:
            try:
                chunk = self.rfile.read1(length - len(body))
            except TimeoutError:
                return None
            if not chunk or time.monotonic() > deadline:
                return None
            body += chunk
        return bytes(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What the standard library's server refuses itself (request lines, headers, methods), in its form."""
        # A request line that does not parse counts as HTTP/0.9, whose answers have neither status nor headers.
        self.request_version = self.protocol_version
        self._answer_as_gateway(_HTTP_ERRORS.get(HTTPStatus(code), "DEFAULT_4XX"), close=True)

    def _answer_as_gateway(self, name: str, *, close: bool = False) -> None:
        self.close_connection = self.close_connection or close
        response = self.server.responses[name]
        self._send(response.status, response.headers, response.body(request_id=str(uuid.uuid4())))

    def _send(self, status: int, headers: Mapping[str, Any], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _is_length(text: str) -> bool:
    return text.isascii() and text.isdigit()


@contextmanager
def serving(app: Chalice, *, port: int = 0) -> Iterator[str]:
    """Inside, the app answers at the yielded URL (loopback; `port` 0: a free one). `app` must be thread-aware."""
    with running(_Server(app, port), name="assay-http") as url:
        yield url
