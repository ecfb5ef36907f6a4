"""Google's decode call for Play Integrity tokens. Implements `service.ports.PlayIntegrityDecoder`.

Sources: https://developer.android.com/google/play/integrity/standard#decrypt-and,
https://googleapis.github.io/google-api-python-client/docs/dyn/playintegrity_v1.v1.html; error forms:
https://cloud.google.com/apis/design/errors
"""

import hashlib
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from chalicelib.model.outcome import Refused, Unavailable
from chalicelib.model.reasons import RefusalReason
from chalicelib.service.ports import Clock, UnusableCredentials
from chalicelib.vendors.bounded_http import Answer, Deadline, HttpClient
from chalicelib.vendors.breaker import CircuitBreaker
from chalicelib.vendors.endpoints import Endpoints
from chalicelib.vendors.google_access import GoogleAccess
from chalicelib.verifiers.codec import strict_json
from chalicelib.verifiers.codec.errors import Malformed

_SCOPE: Final = "https://www.googleapis.com/auth/playintegrity"
# Seconds, while a phone waits. Google answers within tenths of one.
_PATIENCE: Final = 3.0
_MAX_BODY: Final = 65_536  # bytes; a payload has one or two thousand

_NO_TOKEN: Final = "none"  # noqa: S105 - what Google never made
# Seconds for which an account counts as one that may decode: short, because a team may take that right away.
_LET_IN: Final = 60.0
# Google's words where account, project, app and token do not fit together.
_NOT_ALLOWED: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})

_Outcome = bytes | Refused | Unavailable | UnusableCredentials


class GooglePlayIntegrityDecoder:
    """Nothing is tried twice but a call whose access token Google no longer takes: the phone comes back by itself.

    `patience`: seconds from `access` to the end of `decode`: an access token, the call, and both again where that is
    so. After some failures in a row Google is not asked for a while.
    """

    def __init__(self, *, http: HttpClient, clock: Clock, endpoints: Endpoints, patience: float = _PATIENCE) -> None:
        self._http = http
        self._clock = clock
        self._patience = patience
        self._base = endpoints.google_play_integrity
        self._access = GoogleAccess(http=http, clock=clock, token_uri=endpoints.google_token, scope=_SCOPE)
        self._breaker = CircuitBreaker(clock=clock)
        self._let_in: dict[tuple[bytes, str], float] = {}  # account and package: when Google last read a token for them

    def access(self, *, service_account: bytes) -> "_Call | Unavailable | UnusableCredentials":
        if self._breaker.rests:
            return Unavailable("not asked: no usable answer several times in a row")
        deadline = self._http.within(self._patience)
        access_token = self._access.token(service_account, deadline=deadline)
        if isinstance(access_token, str):
            return _Call(decoder=self, service_account=service_account, access_token=access_token, deadline=deadline)
        if isinstance(access_token, Unavailable):
            self._breaker.failed()
        return access_token

    def decode(self, call: "_Call", *, package: str, token: str) -> _Outcome:
        """Google's answer as it came, which holds `tokenPayloadExternal`."""
        outcome = self._decode(call, package=package, token=token)
        if isinstance(outcome, Unavailable):
            self._breaker.failed()
        else:
            self._breaker.answered()
        return outcome

    def _decode(self, call: "_Call", *, package: str, token: str) -> _Outcome:
        access_token = call.access_token
        answer = self._ask(package, token, access_token, call.deadline)
        if isinstance(answer, Answer) and answer.status == HTTPStatus.UNAUTHORIZED:
            renewed = self._access.token(call.service_account, deadline=call.deadline, fresh=True)
            if not isinstance(renewed, str):
                return renewed
            access_token = renewed
            answer = self._ask(package, token, access_token, call.deadline)
        if isinstance(answer, Unavailable):
            return answer
        account = (hashlib.sha256(call.service_account).digest(), package)
        if answer.status not in _NOT_ALLOWED:
            outcome = _outcome(answer)
            if isinstance(outcome, bytes | Refused):
                self._let_in[account] = self._clock.monotonic()
            return outcome
        # The account may not decode tokens of the package, or it may, and this one was made for another Cloud project,
        # which an app chooses: Google has one word for both. Of what is no token at all, it tells only the former so.
        since = self._let_in.get(account)
        if since is None or self._clock.monotonic() - since > _LET_IN:
            probed = self._ask(package, _NO_TOKEN, access_token, call.deadline)
            if isinstance(probed, Unavailable):
                return probed
            if not isinstance(_outcome(probed), Refused):
                return UnusableCredentials(answer.unusable("the service account may not decode: status").detail)
            self._let_in[account] = self._clock.monotonic()
        return Refused(RefusalReason.PLAY_INTEGRITY_MALFORMED, "Google does not let the app's account decode the token")

    def _ask(self, package: str, token: str, access_token: str, deadline: Deadline) -> Answer | Unavailable:
        return self._http.exchange(
            "POST",
            f"{self._base}/v1/{quote(package, safe='')}:decodeIntegrityToken",
            headers={
                "Authorization": f"Bearer {access_token}",
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
            body=json.dumps({"integrity_token": token}).encode("ascii"),
            deadline=deadline,
            max_body=_MAX_BODY,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """Implements `service.ports.DecodeCall`."""

    decoder: GooglePlayIntegrityDecoder
    service_account: bytes
    access_token: str
    deadline: Deadline

    def decode(self, *, package: str, token: str) -> _Outcome:
        return self.decoder.decode(self, package=package, token=token)


def _outcome(answer: Answer) -> _Outcome:
    match answer.status, _object(answer.body):
        case HTTPStatus.OK, {"tokenPayloadExternal": dict()}:
            return answer.body
        case HTTPStatus.OK, _:
            return Unavailable("the answer is not the documented one")
        # What Google answers to a token that is none, is too old, or was made for another package.
        case HTTPStatus.BAD_REQUEST, {"error": {"status": "INVALID_ARGUMENT"}}:
            return Refused(RefusalReason.PLAY_INTEGRITY_MALFORMED, "Google does not decode the token")
        # An access token that was made just now: no phone has a hand in that.
        case HTTPStatus.UNAUTHORIZED, _:
            return UnusableCredentials(answer.unusable("the access token was not taken: status").detail)
        case _:
            return answer.unusable()


def _object(body: bytes) -> dict[str, strict_json.JsonValue]:
    """Empty where the body is no JSON object."""
    try:
        content = strict_json.loads(body)
    except Malformed:
        return {}
    return content if isinstance(content, dict) else {}
