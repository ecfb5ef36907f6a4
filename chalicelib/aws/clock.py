"""The system's own time and randomness."""

import secrets
import time
from datetime import UTC, datetime


class SystemClock:
    """Implements `service.ports.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class SystemRandomness:
    """Implements `service.ports.Randomness` with the operating system's generator."""

    def token_bytes(self, size: int) -> bytes:
        return secrets.token_bytes(size)
