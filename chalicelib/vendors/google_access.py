"""Access tokens of a Google service account, by the JWT bearer grant (RFC 7523).

Source: https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.model.outcome import Unavailable
from chalicelib.service.ports import Clock, UnusableCredentials
from chalicelib.vendors.bounded_http import Deadline, HttpClient
from chalicelib.verifiers.codec import strict_json
from chalicelib.verifiers.codec.errors import Malformed

_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523 section 2.1
_LIFETIME: Final = timedelta(hours=1)  # of the assertion; the most that Google takes
_LEAD: Final = timedelta(minutes=5)  # an access token is not used in its last minutes
_LONGEST_LIFETIME: Final = 86_400  # seconds; Google's live an hour
_MAX_BODY: Final = 16_384  # bytes; an access token has at most 2,048
_RSA_BITS: Final = range(2_048, 8_193)  # Google makes keys of 2,048 bits
_KEPT: Final = 16  # access tokens, one per service account: a handful of apps
# RFC 6749 section 5.2, and what Google answers for accounts that are switched off: all about who asks.
_REFUSALS: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# RFC 6750 section 2.1: what may stand in the header.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,4096}=*")


@dataclass(frozen=True, slots=True)
class _ServiceAccount:
    email: str
    key_id: str
    key: rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class _AccessToken:
    value: str
    use_until: datetime


class GoogleAccess:
    """Keeps each account's token until shortly before its end. `token_uri`: the one place that assertions are sent to,
    whatever an account's file says."""

    def __init__(self, *, http: HttpClient, clock: Clock, token_uri: str, scope: str) -> None:
        self._http = http
        self._clock = clock
        self._token_uri = token_uri
        self._scope = scope
        self._kept: dict[bytes, _AccessToken] = {}

    def token(
        self, service_account: bytes, *, deadline: Deadline, fresh: bool = False
    ) -> str | Unavailable | UnusableCredentials:
        """`service_account`: the JSON key file's bytes. `fresh`: a token was not taken, so another is made."""
        name = hashlib.sha256(service_account).digest()
        now = self._clock.now()
        kept = self._kept.get(name)
        if kept is not None and now < kept.use_until and not fresh:
            return kept.value
        account = _read(service_account, token_uri=self._token_uri)
        if isinstance(account, UnusableCredentials):
            return account
        granted = self._grant(account, now=now, deadline=deadline)
        if not isinstance(granted, _AccessToken):
            return granted
        if len(self._kept) >= _KEPT:
            self._kept.clear()  # keys were exchanged; whoever is still in use is granted again
        self._kept[name] = granted
        return granted.value

    def _grant(
        self, account: _ServiceAccount, *, now: datetime, deadline: Deadline
    ) -> _AccessToken | Unavailable | UnusableCredentials:
        issued_at = int(now.timestamp())
        claims = {
            "iss": account.email,
            "scope": self._scope,
            "aud": self._token_uri,
            "iat": issued_at,
            "exp": issued_at + int(_LIFETIME.total_seconds()),
        }
        assertion = jwt.encode(claims, account.key, algorithm="RS256", headers={"kid": account.key_id})
        answer = self._http.exchange(
            "POST",
            self._token_uri,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            body=urlencode({"grant_type": _GRANT, "assertion": assertion}).encode("ascii"),
            deadline=deadline,
            max_body=_MAX_BODY,
        )
        if isinstance(answer, Unavailable):
            return Unavailable(f"access token: {answer.detail}")
        if answer.status in _REFUSALS:
            return UnusableCredentials(answer.unusable("access token: status").detail)
        if answer.status != HTTPStatus.OK:
            return answer.unusable("access token: status")
        return _granted(answer.body, now=now)


def _read(service_account: bytes, *, token_uri: str) -> _ServiceAccount | UnusableCredentials:
    """UnusableCredentials: the secret is not the key file of a service account whose tokens `token_uri` makes."""
    try:
        content = strict_json.loads(service_account)
    except Malformed:
        return UnusableCredentials("service account: not JSON")
    match content:
        case {
            "type": "service_account",
            "client_email": str(email),
            "private_key_id": str(key_id),
            "private_key": str(pem),
            "token_uri": str(uri),
        }:
            pass
        case _:
            return UnusableCredentials("service account: not a key file")
    if uri != token_uri:
        return UnusableCredentials("service account: another token_uri")
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return UnusableCredentials("service account: its private key is not readable")
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size not in _RSA_BITS:
        return UnusableCredentials("service account: its private key is not RSA of a usual size")
    return _ServiceAccount(email, key_id, key)


def _granted(body: bytes, *, now: datetime) -> _AccessToken | Unavailable:
    try:
        content = strict_json.loads(body)
    except Malformed:
        return Unavailable("access token: the answer is not JSON")
    match content:
        case {"access_token": str(token), "expires_in": int(seconds), "token_type": "Bearer"} if (
            _TOKEN.fullmatch(token) and 0 < seconds <= _LONGEST_LIFETIME
        ):
            return _AccessToken(token, now + timedelta(seconds=seconds) - _LEAD)
        case _:
            return Unavailable("access token: the answer is not one of RFC 6749")
