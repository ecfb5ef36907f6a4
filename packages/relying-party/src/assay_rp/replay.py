"""What may be used once is remembered for as long as it could be accepted.

The key is the instance and the identifier that it signed, never the text: an ES256 signature has a second valid form
(n - s), so the same proof can be spelled in two ways.
"""

import heapq
import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from assay_rp.errors import ReplayStoreFull


class Use(StrEnum):
    PROOF = "proof"
    REQUEST_TOKEN = "request_token"  # noqa: S105 - the name of a kind of token, not one


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ReplayKey:
    """`jkt`: RFC 7638 thumbprint of the instance key. `jti`: what that key or the issuer signed."""

    use: Use
    jkt: str
    jti: str


class ReplayStore(Protocol):
    """Shared by all workers of a relying party, or a proof can be used once on each."""

    def spend(self, key: ReplayKey, *, until: float, now: float) -> bool:
        """True exactly once for `key` up to and including `until`; False when it was spent before.

        Atomic across threads and processes that share the store. `until` and `now`: seconds since the epoch.
        `now` was read before signatures were checked, so calls arrive out of its order: a key must not be forgotten
        by the clock of one call while another, earlier one may still spend it. A store with expiry of its own keeps
        keys some seconds beyond `until` (30 are plenty).
        Raises `ReplayStoreFull` (or another `Unavailable`) rather than forget a key whose time has not passed.
        """
        ...


class InMemoryReplayStore:
    """One process, at most `capacity` keys. When all are still alive it refuses: a flood must not make it forget."""

    def __init__(self, *, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._capacity = capacity
        self._lock = threading.Lock()
        self._keys: set[ReplayKey] = set()
        self._by_end: list[tuple[float, ReplayKey]] = []
        self._latest = float("-inf")

    def spend(self, key: ReplayKey, *, until: float, now: float) -> bool:
        with self._lock:
            # Callers read their clocks before they check signatures: what this store has forgotten, by the latest of
            # those clocks, nobody may spend any more, however early they began.
            self._latest = max(self._latest, now)
            while self._by_end and self._by_end[0][0] < self._latest:
                self._keys.discard(heapq.heappop(self._by_end)[1])
            if key in self._keys or until < self._latest:
                return False
            if len(self._keys) >= self._capacity:
                raise ReplayStoreFull(f"{self._capacity} keys are still alive")
            self._keys.add(key)
            heapq.heappush(self._by_end, (until, key))
            return True
