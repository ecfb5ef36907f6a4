"""What Assay answers, as values: a token, or a problem with its remedy (docs/wire.md, sections 2, 4 and 5)."""

import base64
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx


class Remedy(StrEnum):
    """What the app may do about a problem."""

    RETRY = "retry"
    RETRY_LATER = "retry_later"
    NEW_CHALLENGE = "new_challenge"
    RE_ENROL = "re_enrol"
    FIX_CLOCK = "fix_clock"
    UPDATE_APP = "update_app"
    CONTACT_SUPPORT = "contact_support"


class UnexpectedAnswer(Exception):  # noqa: N818 - what came is the fact; whose error it is nobody knows
    """The answer is not one of the contract: something else listens there, or stands in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedChallenge:
    """`value`: 32 bytes. `expires_in`: seconds."""

    value: bytes
    purpose: str
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """A token and the next challenge. `expires_in`: seconds."""

    token: str
    token_type: str
    expires_in: int
    challenge: IssuedChallenge
    server_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """`kind`: the type's last part. `reference`: for support. `retry_after`: seconds."""

    status: int
    kind: str
    title: str
    reference: str
    remedy: Remedy
    server_time: int
    challenge: IssuedChallenge | None = None
    retry_after: int | None = None


def read_challenge(response: httpx.Response) -> tuple[IssuedChallenge, int] | Problem:
    """The challenge and the service's time. Raises UnexpectedAnswer."""
    body = _body(response)
    try:
        if response.status_code == httpx.codes.OK:
            return _challenge(body["challenge"]), int(body["server_time"])
        return _problem(response, body)
    except (KeyError, TypeError, ValueError) as error:
        raise UnexpectedAnswer(f"status {response.status_code} with another body") from error


def read_attestation(response: httpx.Response) -> Attested | Problem:
    """Raises UnexpectedAnswer."""
    body = _body(response)
    try:
        if response.status_code != httpx.codes.OK:
            return _problem(response, body)
        return Attested(
            token=str(body["token"]),
            token_type=str(body["token_type"]),
            expires_in=int(body["expires_in"]),
            challenge=_challenge(body["challenge"]),
            server_time=int(body["server_time"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnexpectedAnswer(f"status {response.status_code} with another body") from error


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError as error:
        raise UnexpectedAnswer(f"status {response.status_code} without JSON") from error
    if not isinstance(body, dict):
        raise UnexpectedAnswer(f"status {response.status_code} with another body")
    return body


def _challenge(member: dict[str, Any]) -> IssuedChallenge:
    text = str(member["value"])
    return IssuedChallenge(
        value=base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)),
        purpose=str(member["purpose"]),
        expires_in=int(member["expires_in"]),
    )


def _problem(response: httpx.Response, body: dict[str, Any]) -> Problem:
    named = str(body["remedy"])
    # An app must treat a remedy that it does not know as contact_support.
    remedy = Remedy(named) if named in set(Remedy) else Remedy.CONTACT_SUPPORT
    after = response.headers.get("Retry-After")
    return Problem(
        status=response.status_code,
        kind=str(body["type"]).rpartition(":")[2],
        title=str(body["title"]),
        reference=str(body["instance"]),
        remedy=remedy,
        server_time=int(body["server_time"]),
        challenge=_challenge(body["challenge"]) if "challenge" in body else None,
        retry_after=int(after) if after is not None else None,
    )
