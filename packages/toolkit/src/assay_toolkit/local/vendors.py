"""Stand-ins for Google's and Apple's servers, on loopback: they speak the vendors' protocols, and check what they get.

Sources: https://developers.google.com/identity/protocols/oauth2/service-account,
https://developer.android.com/google/play/integrity/standard,
https://developer.android.com/privacy-and-security/security-key-attestation,
https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk. THE TEAM'S KEY IS PUBLIC AND WORTHLESS.
"""

import base64
import binascii
import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from assay_toolkit.local.background import LoopbackServer, QuietHandler, running
from assay_toolkit.simulator import apple_receipt
from assay_toolkit.simulator.keys import p256_key
from assay_toolkit.simulator.play_integrity import ForeignToken, SimulatedPlay, UnknownToken
from chalicelib.vendors.endpoints import stand_ins

SCOPE: Final = "https://www.googleapis.com/auth/playintegrity"
TEAM_ID: Final = "A1B2C3D4E5"  # the demo app's
KEY_ID: Final = "ASSAYSIMUL"
EMAIL: Final = "decoder@assay-simulated.iam.gserviceaccount.com"
ACCOUNT_KEY_ID: Final = "simulated-key"

_TEAM_KEY = p256_key(b"Assay simulated Apple team: public key, trust nothing")
_HOUR = timedelta(hours=1)
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LONGEST_BODY: Final = 65_536  # bytes

_PATHS: Final = stand_ins("")
_DECODE: Final = re.compile(re.escape(_PATHS.google_play_integrity) + r"/v1/([A-Za-z0-9_.]+):decodeIntegrityToken")
_ENVIRONMENTS: Final = {_PATHS.apple_production: b"production", _PATHS.apple_development: b"sandbox"}


class Vendor(StrEnum):
    """Whose server fails."""

    GOOGLE_ACCESS = "google_access"
    PLAY_INTEGRITY = "play_integrity"
    GOOGLE_LISTS = "google_lists"
    APPLE = "apple"


class Failure(StrEnum):
    OVERLOADED = "overloaded"  # 429 with Retry-After
    BROKEN = "broken"  # 500
    FORBIDDEN = "forbidden"  # 403, as for a service account without the right
    GARBLED = "garbled"  # 200 with a web page
    SILENT = "silent"  # nothing, until the client goes


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Vendors:
    """The state behind the stand-ins, by the clock `now`. What is public may be changed at any time.

    `asked`: requests that arrived, answered or not. `play` made the standard integrity tokens that are decoded here;
    `risk_metric` is what Apple counts for every phone; the lists are in Google's formats.
    """

    def __init__(self, *, now: Callable[[], datetime], status_list: bytes, roots: bytes) -> None:
        self.failures: dict[Vendor, Failure] = {}
        self.asked: Counter[Vendor] = Counter()
        self.status_list = status_list
        self.roots = roots
        self.play = SimulatedPlay(clock=now)
        self.risk_metric = 1
        self._now = now
        self._access_tokens: dict[str, datetime] = {}
        self.origin = ""

    @property
    def service_account(self) -> dict[str, str]:
        """A key file's content, as Google makes it."""
        return {
            "type": "service_account",
            "project_id": "assay-simulated",
            "private_key_id": ACCOUNT_KEY_ID,
            "private_key": _account_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "client_email": EMAIL,
            "token_uri": stand_ins(self.origin).google_token,
        }

    @property
    def apple_credentials(self) -> dict[str, str]:
        private_key = _TEAM_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {"team_id": TEAM_ID, "key_id": KEY_ID, "private_key": private_key}

    def answer(self, method: str, path: str, *, authorization: str, body: bytes) -> _Answer:
        if method == "GET" and path == _PATHS.google_status_list:
            return _json(HTTPStatus.OK, self.status_list)
        if method == "GET" and path == _PATHS.google_roots:
            return _json(HTTPStatus.OK, self.roots)
        if method == "POST" and path == _PATHS.google_token:
            return self._grant(body)
        if method == "POST" and (decode := _DECODE.fullmatch(path)):
            return self._decode(decode[1], authorization, body)
        if method == "POST" and path in _ENVIRONMENTS:
            return self._refresh(_ENVIRONMENTS[path], authorization, body)
        return _Answer(HTTPStatus.NOT_FOUND)

    def _grant(self, body: bytes) -> _Answer:
        """RFC 7523 section 3, as far as Google asks for it."""
        try:
            form = parse_qs(body.decode("ascii"), strict_parsing=True)
            (grant,), (assertion,) = form["grant_type"], form["assertion"]
            claims = self._claims(assertion)
        except (ValueError, KeyError, jwt.PyJWTError):
            return _grant_error("invalid_grant")
        if grant != _GRANT:
            return _grant_error("unsupported_grant_type")
        if claims["scope"] != SCOPE:
            return _grant_error("invalid_scope")
        token = f"ya29.{secrets.token_urlsafe(64)}"
        self._access_tokens[token] = self._now() + _HOUR
        content = {"access_token": token, "expires_in": 3_599, "token_type": "Bearer"}
        return _json(HTTPStatus.OK, json.dumps(content).encode())

    def _claims(self, assertion: str) -> dict[str, Any]:
        """Times by this server's clock, which the stack may have moved."""
        if jwt.get_unverified_header(assertion) != {"alg": "RS256", "typ": "JWT", "kid": ACCOUNT_KEY_ID}:
            raise ValueError("header")
        claims: dict[str, Any] = jwt.decode(
            assertion,
            _account_key().public_key(),
            algorithms=["RS256"],
            audience=stand_ins(self.origin).google_token,
            issuer=EMAIL,
            options={"require": ["iss", "aud", "iat", "exp", "scope"], "verify_exp": False, "verify_iat": False},
        )
        issued_at, ends_at = claims["iat"], claims["exp"]
        now = self._now().timestamp()
        if not (now - 300 <= issued_at <= now + 300 and now < ends_at <= issued_at + 3_600):
            raise ValueError("times")
        return claims

    def _decode(self, package: str, authorization: str, body: bytes) -> _Answer:
        ends_at = self._access_tokens.get(authorization.removeprefix("Bearer "))
        if ends_at is None or self._now() >= ends_at:
            return _google_error(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED")
        try:
            match json.loads(body):
                case {"integrity_token": str(token), **others} if not others:
                    decoded = self.play.decode(package, token)
                case _:
                    return _google_error(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT")
        except (ValueError, UnknownToken):
            return _google_error(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT")
        except ForeignToken:
            return _google_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED")
        return _json(HTTPStatus.OK, json.dumps(decoded).encode())

    def _refresh(self, environment: bytes, authorization: str, body: bytes) -> _Answer:
        if not self._is_team(authorization):
            return _Answer(HTTPStatus.UNAUTHORIZED)
        try:
            receipt = base64.b64decode(body, validate=True)
        except binascii.Error:
            return _Answer(HTTPStatus.BAD_REQUEST)
        status = self._judged(receipt, environment)
        if status is not HTTPStatus.OK:
            return _Answer(status)
        newer = apple_receipt.refreshed(receipt_of=receipt, risk_metric=self.risk_metric, created_at=self._now())
        return _Answer(HTTPStatus.OK, base64.b64encode(newer))

    def _judged(self, receipt: bytes, environment: bytes) -> HTTPStatus:
        """Apple's codes, by Apple's page: 400 both for what is no receipt and for the other environment's."""
        try:
            fields = apple_receipt.read_fields(receipt)
        except ValueError:
            return HTTPStatus.BAD_REQUEST
        if fields[apple_receipt.ENVIRONMENT] != environment:
            return HTTPStatus.BAD_REQUEST
        if not fields[apple_receipt.APP_ID].startswith(f"{TEAM_ID}.".encode()):
            return HTTPStatus.UNAUTHORIZED
        if apple_receipt.NOT_BEFORE in fields and self._now() < _time(fields[apple_receipt.NOT_BEFORE]):
            return HTTPStatus.NOT_MODIFIED
        return HTTPStatus.OK if self._now() <= _time(fields[apple_receipt.EXPIRES]) else HTTPStatus.NOT_FOUND

    def _is_team(self, token: str) -> bool:
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(
                token,
                _TEAM_KEY.public_key(),
                algorithms=["ES256"],
                issuer=TEAM_ID,
                options={"require": ["iss", "iat"], "verify_iat": False},
            )
        except jwt.PyJWTError:
            return False
        now = self._now().timestamp()
        # Apple takes a token for an hour.
        return header.get("kid") == KEY_ID and now - 3_600 <= claims["iat"] <= now + 60


@cache
def _account_key() -> rsa.RSAPrivateKey:
    # On first use, once a process: it takes a tenth of a second, and most stacks do without.
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def _vendor_of(path: str) -> Vendor:
    if path in _ENVIRONMENTS:
        return Vendor.APPLE
    if path == _PATHS.google_token:
        return Vendor.GOOGLE_ACCESS
    return Vendor.PLAY_INTEGRITY if _DECODE.fullmatch(path) else Vendor.GOOGLE_LISTS


class _Server(LoopbackServer):
    def __init__(self, vendors: Vendors) -> None:
        self.vendors = vendors
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(QuietHandler):
    server: _Server

    def handle_any(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LONGEST_BODY:
            self._send(_Answer(HTTPStatus.BAD_REQUEST))
            return
        body = self.rfile.read(int(length))
        vendor = _vendor_of(self.path)
        self.server.vendors.asked[vendor] += 1
        match self.server.vendors.failures.get(vendor):
            case None:
                authorization = self.headers.get("Authorization", "")
                self._send(self.server.vendors.answer(self.command, self.path, authorization=authorization, body=body))
            case Failure.OVERLOADED:
                self._send(_Answer(HTTPStatus.TOO_MANY_REQUESTS, headers=(("Retry-After", "60"),)))
            case Failure.BROKEN:
                self._send(_Answer(HTTPStatus.INTERNAL_SERVER_ERROR))
            case Failure.FORBIDDEN:
                self._send(_google_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED"))
            case Failure.GARBLED:
                self._send(_Answer(HTTPStatus.OK, b"<!doctype html>", (("Content-Type", "text/html"),)))
            case Failure.SILENT:
                self.rfile.read(1)

    do_GET = do_POST = handle_any  # noqa: N815 - named by HTTP

    def _send(self, answer: _Answer) -> None:
        self.close_connection = True
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)


def _time(stated: bytes) -> datetime:
    return datetime.fromisoformat(stated.decode())


def _json(status: HTTPStatus, body: bytes) -> _Answer:
    return _Answer(status, body, (("Content-Type", "application/json; charset=UTF-8"),))


def _google_error(status: HTTPStatus, name: str) -> _Answer:
    """https://cloud.google.com/apis/design/errors"""
    content = {"error": {"code": status.value, "message": status.phrase, "status": name}}
    return _json(status, json.dumps(content).encode())


def _grant_error(error: str) -> _Answer:
    """RFC 6749 section 5.2."""
    return _json(HTTPStatus.BAD_REQUEST, json.dumps({"error": error}).encode())


@contextmanager
def serving(vendors: Vendors) -> Iterator[str]:
    """Inside, the stand-ins answer at the yielded origin, which `chalicelib.vendors.endpoints.stand_ins` takes."""
    with running(_Server(vendors), name="assay-vendors") as origin:
        vendors.origin = origin
        yield origin
