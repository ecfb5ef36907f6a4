"""A phone that speaks to Assay and to a backend over HTTP, as an app's networking layer would."""

import time
from collections.abc import Callable

import httpx

from assay_toolkit.simulator.answers import Attested, IssuedChallenge, Problem, Remedy, read_attestation, read_challenge
from assay_toolkit.simulator.base_phone import Phone
from assay_toolkit.simulator.submission import ProtectedRequest

_SESSION = "session"
_JSON = {"Content-Type": "application/json"}
# Seconds to wait where a 503 names none; the contract says it always does.
_DEFAULT_WAIT = 1


class PhoneClient:
    """One phone's conversation. `service`: an httpx client whose base URL is Assay's.

    Every answer is a value; nothing is tried again unless `follow` is called. What cannot be an answer of Assay raises
    `UnexpectedAnswer`, and an unreachable service httpx's own errors.
    """

    def __init__(self, *, phone: Phone, service: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self.phone = phone
        self._service = service
        self._sleep = sleep
        self._challenges: dict[str, tuple[IssuedChallenge, int]] = {}
        self._last_body: bytes | None = None
        self._last_purpose = "enrol"
        self._last_request: ProtectedRequest | None = None
        self.attested: Attested | None = None

    @property
    def token(self) -> str | None:
        """The last session token."""
        return self.attested.token if self.attested else None

    def take_challenge(self, purpose: str) -> bytes | Problem:
        """The challenge of the last answer where there is one for `purpose` and it is still good, else a new one."""
        kept = self._challenges.pop(purpose, None)
        if kept is not None and kept[1] > self.phone.service_time:
            return kept[0].value
        response = self._service.post("/v1/challenges", json={"app": self.phone.app, "purpose": purpose})
        answer = read_challenge(response)
        if isinstance(answer, Problem):
            self.phone.hear_time(answer.server_time)
            return answer
        challenge, server_time = answer
        self.phone.hear_time(server_time)
        return challenge.value

    def enrol(self, request: ProtectedRequest | None = None) -> Attested | Problem:
        """New keys, attested by the platform. `request` None asks for a session token."""
        return self._attest("enrol", request)

    def renew(self, request: ProtectedRequest | None = None) -> Attested | Problem:
        """A new token for the enrolled keys."""
        return self._attest("renew", request)

    def submit(self, body: bytes) -> Attested | Problem:
        """Any body to `POST /v1/attestations`, as it is."""
        self._last_body = body
        answer = read_attestation(self._service.post("/v1/attestations", content=body, headers=_JSON))
        self.phone.hear_time(answer.server_time)
        if answer.challenge is not None:
            expires_at = answer.server_time + answer.challenge.expires_in
            self._challenges[answer.challenge.purpose] = (answer.challenge, expires_at)
        if isinstance(answer, Attested) and answer.token_type == _SESSION:
            self.attested = answer
        return answer

    def follow(self, problem: Problem) -> Attested | Problem:
        """Do once what the remedy says; a problem without a remedy that an app can do itself is given back."""
        match problem.remedy:
            case Remedy.RETRY | Remedy.RETRY_LATER:
                self._sleep(problem.retry_after if problem.retry_after is not None else _DEFAULT_WAIT)
                if self._last_body is None or problem.challenge is not None:
                    return self._attest(self._last_purpose, self._last_request)
                return self.submit(self._last_body)
            case Remedy.NEW_CHALLENGE:
                return self._attest(self._last_purpose, self._last_request)
            case Remedy.RE_ENROL:
                return self._attest("enrol", self._last_request)
            case Remedy.FIX_CLOCK | Remedy.UPDATE_APP | Remedy.CONTACT_SUPPORT:
                return problem

    def call(
        self,
        *,
        backend: httpx.Client,
        method: str,
        url: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        token: str | None = None,
    ) -> httpx.Response:
        """A request to a backend with both headers; `url` is absolute, `token` None the last session token.

        Raises ValueError without a token.
        """
        carried = token or self.token
        if carried is None:
            raise ValueError("the phone has no token yet")
        proven = self.phone.headers(token=carried, request=ProtectedRequest(method=method, url=url, body=body))
        return backend.request(method, url, content=body, headers={**(headers or {}), **proven})

    def _attest(self, purpose: str, request: ProtectedRequest | None) -> Attested | Problem:
        self._last_purpose, self._last_request = purpose, request
        challenge = self.take_challenge(purpose)
        if isinstance(challenge, Problem):
            # Nothing was submitted, so there is nothing to submit again.
            self._last_body = None
            return challenge
        build = self.phone.build_enrolment if purpose == "enrol" else self.phone.build_renewal
        return self.submit(build(challenge=challenge, request=request))
