"""Google's decode call for Play Integrity tokens. Implements `service.ports.PlayIntegrityDecoder`.

Sources: https://developer.android.com/google/play/integrity/standard#decrypt-and,
https://googleapis.github.io/google-api-python-client/docs/dyn/playintegrity_v1.v1.html; error forms:
https://cloud.google.com/apis/design/errors
"""

import json
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from chalicelib.model.outcome import Refused, Unavailable
from chalicelib.model.reasons import RefusalReason
from chalicelib.service.ports import Clock
from chalicelib.vendors.bounded_http import Answer, Deadline, HttpClient
from chalicelib.vendors.endpoints import Endpoints
from chalicelib.vendors.google_access import GoogleAccess
from chalicelib.verifiers.codec import strict_json
from chalicelib.verifiers.codec.errors import Malformed

_SCOPE: Final = "https://www.googleapis.com/auth/playintegrity"
# Seconds, while a phone waits.
_PATIENCE: Final = 4.0
_MAX_BODY: Final = 65_536  # bytes; a payload has one or two thousand


class GooglePlayIntegrityDecoder:
    """Nothing is tried twice but a call whose access token Google no longer takes: the phone comes back by itself.

    `patience`: seconds for a whole `decode`: an access token, the call, and both again where that is so.
    """

    def __init__(self, *, http: HttpClient, clock: Clock, endpoints: Endpoints, patience: float = _PATIENCE) -> None:
        self._http = http
        self._patience = patience
        self._base = endpoints.google_play_integrity
        self._access = GoogleAccess(http=http, clock=clock, token_uri=endpoints.google_token, scope=_SCOPE)

    def decode(self, *, package: str, token: str, service_account: bytes) -> bytes | Refused | Unavailable:
        """Google's answer as it came, which holds `tokenPayloadExternal`."""
        deadline = self._http.within(self._patience)
        answer = self._call(package, token, service_account, deadline, fresh=False)
        if isinstance(answer, Answer) and answer.status == HTTPStatus.UNAUTHORIZED:
            answer = self._call(package, token, service_account, deadline, fresh=True)
        return answer if isinstance(answer, Unavailable) else _outcome(answer)

    def _call(
        self, package: str, token: str, service_account: bytes, deadline: Deadline, *, fresh: bool
    ) -> Answer | Unavailable:
        access_token = self._access.token(service_account, deadline=deadline, fresh=fresh)
        if isinstance(access_token, Unavailable):
            return access_token
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


def _outcome(answer: Answer) -> bytes | Refused | Unavailable:
    match answer.status, _object(answer.body):
        case HTTPStatus.OK, {"tokenPayloadExternal": dict()}:
            return answer.body
        case HTTPStatus.OK, _:
            return Unavailable("the answer is not the documented one")
        # What Google answers to a token that is none, is too old, or was made for another package.
        case HTTPStatus.BAD_REQUEST, {"error": {"status": "INVALID_ARGUMENT"}}:
            return Refused(RefusalReason.PLAY_INTEGRITY_MALFORMED, "Google does not decode the token")
        case ((HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN | HTTPStatus.NOT_FOUND), _):
            return answer.unusable("the service account may not decode: status")
        case _:
            return answer.unusable()


def _object(body: bytes) -> dict[str, strict_json.JsonValue]:
    """Empty where the body is no JSON object."""
    try:
        content = strict_json.loads(body)
    except Malformed:
        return {}
    return content if isinstance(content, dict) else {}
