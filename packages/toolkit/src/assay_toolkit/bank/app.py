"""The demo bank's routes, its attestation rules, and the two callbacks that the middleware asks for.

    POST /login          {"user", "password": "demo"}   -> {"session", "acr"}
    GET  /quote          any query                      -> {"rate"}
    POST /transfer       Bearer session                 -> {"transferred"}
    POST /payout         Bearer session, request token  -> {"transferred"}
    POST /step-up        Bearer session, {"code"}       -> {"acr"}
    GET  /fraud-reports, GET /notices, POST /clock {"shift"}, GET /health: for whoever runs the demonstration

Answers carry `Assay-Decision` and, when the request was delayed, `Assay-Delay` in seconds (recorded, not waited).
"""

import json
import secrets
from collections.abc import MutableMapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from assay_rp import (
    AttestationMiddleware,
    Obligation,
    Outcome,
    RouteRule,
    Tier,
    TierRule,
    TokenKind,
    UnprotectedRoute,
    Verifier,
)
from assay_toolkit.bank.ledger import STRONG_ACR, Ledger, Session

# A demonstration's password and code; the code stands in for a passkey.
_PASSWORD = "demo"  # noqa: S105 - public, and good for nothing
_CODE = "246810"

# Whoever is asked to step up must be able to, so this route does not ask what the others ask.
_STEP_UP = RouteRule(method="POST", path="/step-up", tiers=TierRule(allow=Tier.WARNING))

# With a confidential key: Assay's advice for the action.
_BY_ADVICE = (
    RouteRule(method="POST", path="/login", action="login"),
    RouteRule(method="GET", path="/quote", action="search"),
    RouteRule(method="POST", path="/transfer", action="transfer"),
    RouteRule(method="POST", path="/payout", action="transfer", token=TokenKind.REQUEST),
    _STEP_UP,
)

# Without one: the bank's own minimum tiers.
_MONEY = TierRule(allow=Tier.AFFIRMING, step_up=Tier.WARNING)
_BY_TIERS = (
    RouteRule(method="POST", path="/login", tiers=TierRule(allow=Tier.WARNING)),
    RouteRule(method="GET", path="/quote", tiers=TierRule(allow=Tier.AFFIRMING, delay=Tier.CONTRAINDICATED)),
    RouteRule(method="POST", path="/transfer", tiers=_MONEY),
    RouteRule(method="POST", path="/payout", tiers=_MONEY, token=TokenKind.REQUEST),
    _STEP_UP,
)

_OPEN = (
    UnprotectedRoute(method="GET", path="/health"),
    UnprotectedRoute(method="GET", path="/fraud-reports"),
    UnprotectedRoute(method="GET", path="/notices"),
    UnprotectedRoute(method="POST", path="/clock"),
)


def build_bank(*, verifier: Verifier, ledger: Ledger, public_origin: str, confidential: bool) -> AttestationMiddleware:
    """`confidential`: whether `verifier` has keys to open verdicts with; `ledger.now` is meant to be its clock."""
    desk = _Desk(ledger)
    app = Starlette(
        routes=[
            Route("/login", desk.login, methods=["POST"]),
            Route("/quote", desk.quote, methods=["GET"]),
            Route("/transfer", desk.transfer, methods=["POST"]),
            Route("/payout", desk.transfer, methods=["POST"]),
            Route("/step-up", desk.step_up, methods=["POST"]),
            Route("/fraud-reports", desk.fraud_reports, methods=["GET"]),
            Route("/notices", desk.notices, methods=["GET"]),
            Route("/clock", desk.clock, methods=["POST"]),
            Route("/health", desk.health, methods=["GET"]),
        ]
    )
    return AttestationMiddleware(
        app,
        verifier=verifier,
        public_origin=public_origin,
        rules=_BY_ADVICE if confidential else _BY_TIERS,
        unprotected=_OPEN,
        default_acr=STRONG_ACR,
        has_acr=desk.has_acr,
        report=desk.report,
        sleep=ledger.record_wait,
    )


class _Desk:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def has_acr(self, scope: MutableMapping[str, Any], acr: str, /) -> bool:
        session = self._session(Request(scope))
        return session is not None and session.acr == acr

    async def report(self, obligation: str, scope: MutableMapping[str, Any], /) -> None:
        request = Request(scope)
        session = self._session(request)
        if obligation == Obligation.INVESTIGATE:
            self._ledger.fraud_reports.append(_fraud_report(scope["assay"], request, session))
        elif obligation == Obligation.END_SESSION:
            self._ledger.sessions.pop(_session_key(request), None)
        elif obligation == Obligation.NOTIFY and session is not None:
            self._ledger.notify(session.user, route=request.url.path)

    async def login(self, request: Request) -> JSONResponse:
        body = await _json(request)
        user = body.get("user")
        if not isinstance(user, str) or body.get("password") != _PASSWORD:
            return _answer(request, {"error": "wrong user or password"}, status=401)
        # Only now is it known whose phone this is: a name that anyone typed must not send anyone a notice.
        if Obligation.NOTIFY in _obligations(request):
            self._ledger.notify(user, route="/login")
        key = self._ledger.open_session(user)
        return _answer(request, {"session": key, "acr": self._ledger.sessions[key].acr})

    async def quote(self, request: Request) -> JSONResponse:
        return _answer(request, {"rate": "1.0842", "asked": request.url.query})

    async def transfer(self, request: Request) -> JSONResponse:
        session = self._session(request)
        if session is None:
            return _answer(request, {"error": "log in first"}, status=401)
        return _answer(request, {"transferred": await _json(request), "user": session.user})

    async def step_up(self, request: Request) -> JSONResponse:
        session = self._session(request)
        code = (await _json(request)).get("code")
        if session is None or not isinstance(code, str) or not secrets.compare_digest(code.encode(), _CODE.encode()):
            return _answer(request, {"error": "log in first, and send the code"}, status=401)
        session.acr = STRONG_ACR
        return _answer(request, {"acr": session.acr})

    async def fraud_reports(self, _request: Request) -> JSONResponse:
        return JSONResponse(self._ledger.fraud_reports)

    async def notices(self, _request: Request) -> JSONResponse:
        return JSONResponse(self._ledger.notices)

    async def clock(self, request: Request) -> JSONResponse:
        shift = (await _json(request)).get("shift")
        if not isinstance(shift, int):
            return JSONResponse({"error": "shift is a number of seconds"}, status_code=400)
        self._ledger.shift = shift
        return JSONResponse({"now": int(self._ledger.now())})

    async def health(self, _request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    def _session(self, request: Request) -> Session | None:
        return self._ledger.sessions.get(_session_key(request))


def _session_key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else ""


async def _json(request: Request) -> dict[str, object]:
    """The body's object; anything else counts as an empty one."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _obligations(request: Request) -> tuple[str, ...]:
    outcome: Outcome = request.scope["assay"]
    return outcome.judgement.obligations if outcome.judgement else ()


def _answer(request: Request, content: dict[str, object], *, status: int = 200) -> JSONResponse:
    outcome: Outcome = request.scope["assay"]
    headers = {"Assay-Decision": outcome.judgement.decision.value} if outcome.judgement else {}
    if outcome.waited_seconds:
        headers["Assay-Delay"] = f"{outcome.waited_seconds:.1f}"
    return JSONResponse(content, status_code=status, headers=headers)


def _fraud_report(outcome: Outcome, request: Request, session: Session | None) -> dict[str, object]:
    """For the bank's analysts, who may read what the app may not. Obligations come with a verified request alone."""
    if outcome.request is None or outcome.judgement is None:
        raise TypeError("an obligation without a verdict")
    token = outcome.request.token
    return {
        "route": f"{request.method} {request.url.path}",
        "user": session.user if session else None,
        "app": token.app,
        "instance": token.jkt,
        "tier": token.tier.ear_status,
        "reasons": list(token.confidential.reasons) if token.confidential else [],
        "decision": outcome.judgement.decision.value,
    }
