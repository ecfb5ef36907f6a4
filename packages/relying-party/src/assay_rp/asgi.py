"""ASGI middleware that holds each listed route to its rule. Needs no framework, and asyncio as the event loop.

    POST /transfer ─► rule? ─► body, bounded ─► verify (in a thread) ─► decide ─► report ─► stop, wait or pass

What was found is in `scope["assay"]`, an `Outcome` (None on unprotected routes). WebSockets are closed: the proof of
possession covers one HTTP request.
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from assay_rp._routes import RouteTable
from assay_rp.decisions import Judgement, Mode, RouteRule, UnprotectedRoute, decide
from assay_rp.errors import (
    AssayError,
    AttestationDenied,
    AttestationMissing,
    BodyTooLarge,
    HeaderRepeated,
    RouteUnlisted,
    StepUpRequired,
)
from assay_rp.tokens import Decision, SubmittedRequest, VerifiedRequest
from assay_rp.verifier import Verifier

_log = logging.getLogger("assay_rp")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_TOKEN_HEADER = b"oauth-client-attestation"
_PROOF_HEADER = b"oauth-client-attestation-pop"
_RETRY_AFTER = 5  # seconds; about as long as a JWKS fetch may take
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class AcrCheck(Protocol):
    async def __call__(self, scope: Scope, acr: str, /) -> bool:
        """Whether this request's user has already authenticated with the context `acr` (or a stronger one)."""
        ...


class Reporter(Protocol):
    async def __call__(self, obligation: str, scope: Scope, /) -> None:
        """Carry out one obligation (`investigate`, `notify`, …); `scope["assay"]` is the outcome.

        Called once for each, before the request is stopped or passed on. What it raises ends the request.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`refusal`: what stopped the request, or would have if `enforced`. `waited_seconds`: 0 unless it was delayed.

    `request` and `judgement` are None when verification did not get that far.
    """

    enforced: bool
    request: VerifiedRequest | None
    judgement: Judgement | None
    refusal: AssayError | None
    waited_seconds: float = 0


class AttestationMiddleware:
    """`rules` and `unprotected` together name every route; any other is answered 403.

    `public_origin`: scheme, host and port that clients see, since a proxy may have changed all three by the time a
    request arrives here. `default_acr`: for a step-up where the advice names none. `has_acr`: None when nobody can have
    stepped up yet. `pick_delay` takes lowest and highest and gives seconds, of which `max_delay_seconds` are waited
    at most. `max_body_bytes`: bodies are held in memory, since their digest is checked before the app sees a byte.
    """

    def __init__(
        self,
        app: AsgiApp,
        *,
        verifier: Verifier,
        public_origin: str,
        rules: Iterable[RouteRule],
        unprotected: Iterable[UnprotectedRoute] = (),
        default_acr: str,
        has_acr: AcrCheck | None,
        report: Reporter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pick_delay: Callable[[float, float], float] = random.uniform,
        max_delay_seconds: float = 10,
        max_body_bytes: int = 1_048_576,
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._public_origin = _checked_origin(public_origin)
        self._routes = RouteTable([*rules, *unprotected])
        self._default_acr = default_acr
        self._has_acr = has_acr
        self._report = report
        self._sleep = sleep
        self._pick_delay = pick_delay
        self._max_delay_seconds = max_delay_seconds
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # RFC 6455 section 7.4.1: policy violation
            return
        scope["assay"] = None
        match self._routes.match(method=scope["method"], path=scope["path"]):
            case UnprotectedRoute():
                await self._app(scope, receive, send)
            case RouteRule() as rule:
                await self._hold(rule, scope, receive, send)
            case None:
                await _answer(RouteUnlisted(), send)

    async def _hold(self, rule: RouteRule, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _Body.read(receive, max_bytes=self._max_body_bytes)
        if body.client_left:
            return
        outcome = await self._judge(rule, scope, body)
        scope["assay"] = outcome
        if not outcome.enforced:
            _log.info(
                "observed only: %s %s would be %s (%s)",
                rule.method,
                rule.path,
                outcome.judgement.decision if outcome.judgement else Decision.DENY,
                outcome.refusal.code if outcome.refusal else "passes",
            )
        else:
            for obligation in outcome.judgement.obligations if outcome.judgement else ():
                await self._report(obligation, scope)
            if outcome.refusal is not None:
                _log.info("%s %s stopped: %s", rule.method, rule.path, outcome.refusal)
                await _answer(outcome.refusal, send)
                return
            if outcome.waited_seconds:
                await self._sleep(outcome.waited_seconds)
        await self._app(scope, body.replayed_before(receive), send)

    async def _judge(self, rule: RouteRule, scope: Scope, body: "_Body") -> Outcome:
        enforced = rule.mode is Mode.ENFORCE
        try:
            submitted = self._submitted(scope, body)
            # In a thread: an unknown key means a fetch, and a shared replay store is a network call too.
            request = await asyncio.to_thread(self._verifier.verify, submitted, accept=rule.token)
        except AssayError as error:
            return Outcome(enforced=enforced, request=None, judgement=None, refusal=error)
        judgement = decide(request, rule=rule)
        refusal = await self._refusal(judgement, scope)
        waited = 0.0
        if enforced and refusal is None and judgement.decision is Decision.DELAY:
            waited = min(self._pick_delay(*judgement.delay_seconds), self._max_delay_seconds)
        return Outcome(enforced=enforced, request=request, judgement=judgement, refusal=refusal, waited_seconds=waited)

    def _submitted(self, scope: Scope, body: "_Body") -> SubmittedRequest:
        token = _single_header(scope, _TOKEN_HEADER)
        proof = _single_header(scope, _PROOF_HEADER)
        if body.too_large:
            raise BodyTooLarge
        raw_path = scope.get("raw_path")
        path = raw_path.decode("latin-1") if raw_path else quote(scope["path"])
        return SubmittedRequest(
            method=scope["method"],
            htu=self._public_origin + path,
            query=scope["query_string"],
            body=body.content,
            unverified_token=token,
            unverified_proof=proof,
        )

    async def _refusal(self, judgement: Judgement, scope: Scope) -> AssayError | None:
        if judgement.missing:
            return AttestationMissing("the verdict is none")
        if judgement.decision is Decision.DENY:
            return AttestationDenied(judgement.source.value)
        if judgement.decision is Decision.STEP_UP:
            acr = judgement.acr or self._default_acr
            if self._has_acr is None or not await self._has_acr(scope, acr):
                return StepUpRequired(acr=acr)
        return None


@dataclass(frozen=True, slots=True)
class _Body:
    """What was read of a body; when `too_large`, the rest has not been."""

    messages: tuple[Message, ...]
    too_large: bool = False
    client_left: bool = False

    @classmethod
    async def read(cls, receive: Receive, *, max_bytes: int) -> "_Body":
        messages: list[Message] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return cls((), client_left=True)
            messages.append(message)
            size += len(message.get("body", b""))
            if size > max_bytes:
                return cls(tuple(messages), too_large=True)
            if not message.get("more_body", False):
                return cls(tuple(messages))

    @property
    def content(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    def replayed_before(self, receive: Receive) -> Receive:
        """A `receive` that gives what was read, then whatever comes next."""
        pending = iter(self.messages)

        async def replay() -> Message:
            message = next(pending, None)
            return await receive() if message is None else message

        return replay


def _single_header(scope: Scope, name: bytes) -> str:
    values = [value for header, value in scope["headers"] if header.lower() == name]
    if not values:
        raise AttestationMissing(f"no {name.decode()}")
    if len(values) > 1:
        raise HeaderRepeated(name.decode())
    return str(values[0], "latin-1")


def _checked_origin(origin: str) -> str:
    """docs/wire.md, `htu`: https, or http for loopback. Compared as text, so one spelling only."""
    parts = urlsplit(origin)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not secure or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc.lower()}":
        raise ValueError("public_origin is scheme, host and port in lower case, without path or trailing slash")
    return origin


async def _answer(error: AssayError, send: Send) -> None:
    body = json.dumps(error.problem()).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if error.www_authenticate is not None:
        headers.append((b"www-authenticate", error.www_authenticate.encode()))
    if error.status == 503:
        headers.append((b"retry-after", str(_RETRY_AFTER).encode()))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
