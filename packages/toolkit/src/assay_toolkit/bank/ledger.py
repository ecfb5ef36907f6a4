"""What the demo bank remembers, in memory and in the open: sessions, notices, fraud reports, waits."""

import secrets
import time
from dataclasses import dataclass, field

# OpenID Connect authentication context class references: by password, and phishing-resistant (EAP ACR values).
PASSWORD_ACR = "pwd"  # noqa: S105 - the name of a way to authenticate
STRONG_ACR = "phr"


@dataclass(slots=True)
class Session:
    user: str
    acr: str = PASSWORD_ACR


@dataclass(slots=True)
class Ledger:
    """`shift`: seconds added to the bank's clock, so that a demonstration need not wait for a token to expire."""

    sessions: dict[str, Session] = field(default_factory=dict)
    fraud_reports: list[dict[str, object]] = field(default_factory=list)
    notices: list[dict[str, object]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    shift: float = 0

    def now(self) -> float:
        return time.time() + self.shift

    def open_session(self, user: str) -> str:
        key = secrets.token_urlsafe(16)
        self.sessions[key] = Session(user=user)
        return key

    def notify(self, user: str, *, route: str) -> None:
        self.notices.append({"user": user, "route": route, "message": "Your phone was used in an unusual state."})

    async def record_wait(self, seconds: float) -> None:
        """In place of sleeping: a demonstration shows the delay, and nobody waits for it."""
        self.waits.append(seconds)
