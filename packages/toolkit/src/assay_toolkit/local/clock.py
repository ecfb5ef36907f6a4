"""The local stack's clock: the machine's, moved on demand, so that nobody waits for a lifetime to pass."""

import time
from datetime import UTC, datetime, timedelta
from threading import Lock


class ShiftableClock:
    """Implements `chalicelib.service.ports.Clock`. A shift moves both clocks, and forwards only, as time does."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._shift = timedelta()

    def shift(self, by: timedelta) -> None:
        if by < timedelta():
            raise ValueError("time goes forwards")
        with self._lock:
            self._shift += by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._shift

    def monotonic(self) -> float:
        return time.monotonic() + self._shift.total_seconds()

    def sleep(self, seconds: float) -> None:
        """Really: what is waited for is another thread's work."""
        time.sleep(seconds)
