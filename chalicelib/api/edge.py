"""Requests in, use cases, answers out. What the edge decides is form only."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from aws_lambda_powertools import Logger
from chalice.app import Request, Response

from chalicelib.api import problems, rendering
from chalicelib.api.problems import Problem
from chalicelib.api.requests import json_body, network_of
from chalicelib.model.history import end_of_hour
from chalicelib.model.outcome import Malfunction, Refused
from chalicelib.service.attest import AttestService
from chalicelib.service.challenges import new_reference
from chalicelib.service.health import HealthService
from chalicelib.service.issue_challenge import ChallengeService
from chalicelib.service.ports import Clock, DecisionLog, DecisionOutcome, DecisionRecord, Randomness, StoredAnswer
from chalicelib.service.publish_keys import CACHE_CONTROL, KeyService
from chalicelib.service.refresh_endorsements import EndorsementService
from chalicelib.service.refresh_risk_metrics import RiskMetricService
from chalicelib.verifiers.submission import decode_challenge_request, decode_submission

PROBLEM_JSON: Final = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    challenges: ChallengeService
    attestations: AttestService
    keys: KeyService
    health: HealthService
    endorsements: EndorsementService
    risk_metrics: RiskMetricService
    decisions: DecisionLog


class Runtime(Protocol):
    """What is there before any client is made, and the way to the rest. `chalicelib.bootstrap` implements it."""

    @property
    def clock(self) -> Clock: ...

    @property
    def randomness(self) -> Randomness: ...

    @property
    def log(self) -> Logger: ...

    def use_cases(self) -> UseCases:
        """Raises Malfunction(CONFIGURATION)."""


class Edge:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def create_challenge(self, request: Request) -> Response:
        def answer() -> StoredAnswer | Refused:
            body = json_body(request)
            wanted = body if isinstance(body, Refused) else decode_challenge_request(body)
            if isinstance(wanted, Refused):
                return wanted
            app, purpose = wanted
            issued = self._runtime.use_cases().challenges.issue(app=app, purpose=purpose)
            if isinstance(issued, Refused):
                return issued
            return rendering.issued(issued.challenge, server_time=issued.server_time)

        return self._judged(answer)

    def create_attestation(self, request: Request) -> Response:
        def answer() -> StoredAnswer | Refused:
            body = json_body(request)
            submitted = body if isinstance(body, Refused) else decode_submission(body)
            if isinstance(submitted, Refused):
                return submitted
            return self._runtime.use_cases().attestations.attest(submitted, network=network_of(request))

        return self._judged(answer)

    def jwks(self) -> Response:
        def answer() -> StoredAnswer:
            return StoredAnswer(status=200, body=self._runtime.use_cases().keys.jwks())

        return self._judged(answer, cache_control=CACHE_CONTROL)

    def health(self) -> Response:
        def answer() -> StoredAnswer:
            report = self._runtime.use_cases().health.report()
            return rendering.health(
                report, reference=new_reference(self._runtime.randomness), server_time=self._runtime.clock.now()
            )

        return self._judged(answer)

    def problem(self, kind: Problem) -> Response:
        """An answer that Chalice made, in our form; the reference of one that nobody expected is logged beside it."""
        reference = new_reference(self._runtime.randomness)
        if kind is Problem.MALFUNCTION:
            self._runtime.log.warning("unexpected", reference=reference)
        return self._problem(kind, reference)

    def _judged(self, answer: Callable[[], StoredAnswer | Refused], *, cache_control: str = "no-store") -> Response:
        """The one place where refusals of form and malfunctions become answers."""
        reference = new_reference(self._runtime.randomness)
        try:
            outcome = answer()
            if isinstance(outcome, Refused):
                outcome = self._refused(outcome, reference)
        except Malfunction as malfunction:
            self._runtime.log.exception(
                "malfunction", reference=reference, reason=malfunction.reason.value, detail=malfunction.detail
            )
            return self._problem(problems.of_malfunction(malfunction.reason), reference)
        if outcome.status == Problem.MALFUNCTION.status:
            return _response(outcome, retry_after=Problem.MALFUNCTION.retry_after)
        if outcome.status == Problem.TOO_MANY_ATTEMPTS.status:
            return _response(outcome, retry_after=self._rest_of_the_hour())
        return _response(outcome, cache_control=cache_control if outcome.status == 200 else "no-store")

    def _rest_of_the_hour(self) -> int:
        """Seconds, at least one: limits are by the hour."""
        now = self._runtime.clock.now()
        return math.ceil((end_of_hour(now) - now).total_seconds())

    def _refused(self, refused: Refused, reference: str) -> StoredAnswer:
        """A refusal that spent no challenge: the use case for attestations renders and records its own."""
        now = self._runtime.clock.now()
        self._runtime.use_cases().decisions.record(
            DecisionRecord(
                reference=reference,
                time=now,
                outcome=DecisionOutcome.REFUSED,
                refusal=refused.reason,
                detail=refused.detail,
            )
        )
        return rendering.JsonRenderer().refusal(
            refused=refused, reference=reference, next_challenge=None, server_time=now
        )

    def _problem(self, kind: Problem, reference: str) -> Response:
        stored = rendering.problem(kind, reference=reference, server_time=self._runtime.clock.now())
        return _response(stored, retry_after=kind.retry_after)


def _response(stored: StoredAnswer, *, cache_control: str = "no-store", retry_after: int | None = None) -> Response:
    headers: dict[str, str | list[str]] = {
        "Content-Type": PROBLEM_JSON if stored.status >= 400 else "application/json",
        "Cache-Control": cache_control,
    }
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    # Text, because Chalice takes bytes for binary content; it is JSON in ASCII.
    return Response(body=stored.body.decode("ascii"), headers=headers, status_code=stored.status)
