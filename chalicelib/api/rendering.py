"""Outcomes to the exact bytes that leave (docs/wire.md sections 2, 4 and 5)."""

import json
from collections.abc import Mapping
from datetime import datetime

from chalicelib.api import problems
from chalicelib.api.problems import Problem
from chalicelib.model.descriptor import TokenKind
from chalicelib.model.keys import b64url
from chalicelib.model.outcome import Refused
from chalicelib.service.health import HealthReport
from chalicelib.service.ports import NewChallenge, StoredAnswer


class JsonRenderer:
    """Implements `service.ports.AnswerRenderer`."""

    def success(
        self,
        *,
        token: str,
        token_kind: TokenKind,
        expires_in: int,
        next_challenge: NewChallenge,
        server_time: datetime,
    ) -> StoredAnswer:
        members = {
            "token": token,
            "token_type": token_kind.value,
            "expires_in": expires_in,
            "challenge": _challenge(next_challenge, server_time),
            "server_time": int(server_time.timestamp()),
        }
        return StoredAnswer(status=200, body=_json(members))

    def refusal(
        self, *, refused: Refused, reference: str, next_challenge: NewChallenge | None, server_time: datetime
    ) -> StoredAnswer:
        return problem(
            problems.of_refusal(refused.reason),
            reference=reference,
            next_challenge=next_challenge,
            server_time=server_time,
        )


def problem(
    kind: Problem, *, reference: str, server_time: datetime, next_challenge: NewChallenge | None = None
) -> StoredAnswer:
    """RFC 9457. `reference`: the text of a random UUID, the only link to the decision record."""
    members = _problem_members(kind, reference=reference, server_time=server_time)
    if next_challenge is not None:
        members["challenge"] = _challenge(next_challenge, server_time)
    return StoredAnswer(status=kind.status, body=_json(members))


def issued(challenge: NewChallenge, *, server_time: datetime) -> StoredAnswer:
    """The answer of POST /v1/challenges."""
    members = {"challenge": _challenge(challenge, server_time), "server_time": int(server_time.timestamp())}
    return StoredAnswer(status=200, body=_json(members))


def health(report: HealthReport, *, reference: str, server_time: datetime) -> StoredAnswer:
    """The answer of GET /v1/health: which components can be used, and why not, by name."""
    components = {name: "ok" if reason is None else reason.value for name, reason in report.components.items()}
    if report.healthy:
        members: dict[str, object] = {"components": components, "server_time": int(server_time.timestamp())}
        return StoredAnswer(status=200, body=_json(members))
    members = _problem_members(Problem.MALFUNCTION, reference=reference, server_time=server_time)
    return StoredAnswer(status=Problem.MALFUNCTION.status, body=_json({**members, "components": components}))


def _challenge(challenge: NewChallenge, server_time: datetime) -> dict[str, object]:
    return {
        "value": b64url(challenge.value),
        "purpose": challenge.purpose.value,
        "expires_in": int((challenge.expires_at - server_time).total_seconds()),
    }


def _problem_members(kind: Problem, *, reference: str, server_time: datetime) -> dict[str, object]:
    return {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "instance": f"urn:uuid:{reference}",
        "remedy": kind.remedy.value,
        "server_time": int(server_time.timestamp()),
    }


def _json(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()
