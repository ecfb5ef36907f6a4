"""A vendor that fails again and again is left alone for a while: nobody waits for what will not come."""

from typing import Final

from chalicelib.service.ports import Clock

# Three: one lost connection, or two, are no outage, and a silent vendor takes all the patience each time.
_IN_A_ROW: Final = 3
# Seconds; the first exchange after it tells whether the outage is over.
_REST: Final = 30.0


class CircuitBreaker:
    """One worker's memory of one vendor, by a clock that never goes back. Workers do not tell each other."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._rests_until = clock.monotonic()

    @property
    def rests(self) -> bool:
        """The vendor is not to be asked now."""
        return self._clock.monotonic() < self._rests_until

    def failed(self) -> None:
        """No usable answer. After a rest one more is enough for another."""
        self._failures += 1
        if self._failures >= _IN_A_ROW:
            self._rests_until = self._clock.monotonic() + _REST

    def answered(self) -> None:
        self._failures = 0
