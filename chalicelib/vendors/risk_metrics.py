"""Apple's server for App Attest receipts. Implements `service.ports.RiskMetrics`.

Source: https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk; the JWT's form:
https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.model.claims import AppleEnvironment
from chalicelib.model.outcome import Refused, Unavailable
from chalicelib.model.reasons import RefusalReason
from chalicelib.service.ports import NotYet, UnusableCredentials
from chalicelib.vendors.bounded_http import Answer, HttpClient
from chalicelib.vendors.endpoints import Endpoints
from chalicelib.verifiers.codec import strict_json
from chalicelib.verifiers.codec.errors import Malformed

_PATIENCE: Final = 5.0  # seconds; nobody waits, but a run has many receipts
_MAX_BODY: Final = 65_536  # bytes of base64; receipts have 3 to 8 thousand bytes
# Apple wants a token used for 20 to 60 minutes, of APNs at least, whose procedure it refers to.
_USED_FOR: Final = timedelta(minutes=30)
_KEPT: Final = 16  # tokens, one per team


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    issued_at: datetime


class AppleRiskMetrics:
    """`patience`: seconds for one receipt. Nothing is tried twice: the next run does."""

    def __init__(self, *, http: HttpClient, endpoints: Endpoints, patience: float = _PATIENCE) -> None:
        self._http = http
        self._patience = patience
        self._urls = {
            AppleEnvironment.PRODUCTION: endpoints.apple_production,
            AppleEnvironment.DEVELOPMENT: endpoints.apple_development,
        }
        self._kept: dict[bytes, _Token] = {}

    def exchange(
        self, receipt: bytes, *, environment: AppleEnvironment, credentials: bytes, now: datetime
    ) -> bytes | Refused | NotYet | UnusableCredentials | Unavailable:
        """`credentials`: JSON with `team_id`, `key_id` and `private_key` (PEM), of a key with the DeviceCheck
        service."""
        token = self._token(credentials, now=now)
        if isinstance(token, UnusableCredentials):
            return token
        answer = self._http.exchange(
            "POST",
            self._urls[environment],
            headers={"Authorization": token},
            body=base64.b64encode(receipt),
            deadline=self._http.within(self._patience),
            max_body=_MAX_BODY,
        )
        return answer if isinstance(answer, Unavailable) else _outcome(answer)

    def _token(self, credentials: bytes, *, now: datetime) -> str | UnusableCredentials:
        name = hashlib.sha256(credentials).digest()
        kept = self._kept.get(name)
        if kept is not None and kept.issued_at <= now < kept.issued_at + _USED_FOR:
            return kept.value
        value = _signed(credentials, now=now)
        if isinstance(value, str):
            if len(self._kept) >= _KEPT:
                self._kept.clear()  # keys were exchanged
            self._kept[name] = _Token(value, now)
        return value


def _signed(credentials: bytes, *, now: datetime) -> str | UnusableCredentials:
    try:
        content = strict_json.loads(credentials)
    except Malformed:
        return UnusableCredentials("credentials: not JSON")
    match content:
        case {"team_id": str(team_id), "key_id": str(key_id), "private_key": str(pem)}:
            pass
        case _:
            return UnusableCredentials("credentials: team_id, key_id or private_key is missing")
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return UnusableCredentials("credentials: the private key is not readable")
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        return UnusableCredentials("credentials: the private key is not P-256")
    claims = {"iss": team_id, "iat": int(now.timestamp())}
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": key_id})


def _outcome(answer: Answer) -> bytes | Refused | NotYet | UnusableCredentials | Unavailable:
    match answer.status:
        case HTTPStatus.OK:
            return _receipt(answer.body)
        # 404: no data of the phone is left at Apple. That changes when the app attests there again, so that the receipt
        # is still good for asking (https://developer.apple.com/forums/thread/702845).
        case HTTPStatus.NOT_MODIFIED | HTTPStatus.NOT_FOUND:
            return NotYet()
        case HTTPStatus.BAD_REQUEST:
            return Refused(RefusalReason.APPLE_RECEIPT_FOREIGN, "Apple: malformed, or of the other environment")
        # Also where the key is of another team than the receipt.
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return UnusableCredentials(f"Apple does not take the credentials: status {answer.status}")
        case _:
            return answer.unusable()


def _receipt(body: bytes) -> bytes | Unavailable:
    try:
        receipt = base64.b64decode(body.strip(), validate=True)
    except binascii.Error:
        receipt = b""
    return receipt or Unavailable("the answer is not a receipt")
