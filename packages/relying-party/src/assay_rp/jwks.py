"""The issuer's keys, kept so that verification neither waits for the network nor outlives a revocation.

- A known key is answered from memory, always at once: a refresh runs beside it, in its own thread.
- Each refresh replaces the whole set: a key that left the JWKS leaves here.
- While refreshes fail, the last set serves until `max_staleness` seconds after it was fetched, then nothing does.
- An unknown `kid` makes one caller fetch again while the others go on. If that brings nothing, unknown kids are
  answered from memory for `penalty` seconds, so that made-up kids cost the issuer one request in that time.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from assay_rp._fetch import FetchedJwks, Fetcher, FetchFailed, HttpFetcher, check_jwks_url
from assay_rp._jwk import public_key
from assay_rp._strict import Unreadable, json_object
from assay_rp.errors import KeysUnavailable, TokenKeyUnknown

_log = logging.getLogger("assay_rp")

# Seconds. The issuer says 300 (docs/wire.md section 9). Less than a minute would be a flood, and more than an hour
# would outlive the lead and lag times that the issuer's rotation reckons with.
_DEFAULT_MAX_AGE = 300
_LOWEST_MAX_AGE = 60
_HIGHEST_MAX_AGE = 3_600


class KeySource(Protocol):
    def key(self, kid: str, /) -> EllipticCurvePublicKey:
        """The P-256 key of this RFC 7638 thumbprint. Raises `TokenKeyUnknown` or `KeysUnavailable`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """One JWKS as it was fetched; times on the cache's own clock."""

    keys: Mapping[str, EllipticCurvePublicKey]
    fetched_at: float
    fresh_until: float


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="assay-rp-jwks", daemon=True).start()


class JwksCache:
    """Keys of `url`. `clock` is monotonic seconds; `penalty` also spaces attempts after a failed one.

    Raises ValueError for a URL that is neither https nor this machine. Nothing is fetched before the first use;
    `refresh()` at start-up spares the first caller the wait.
    """

    def __init__(
        self,
        *,
        url: str,
        fetch: Fetcher | None = None,
        max_staleness: float = 3_600,
        penalty: float = 10,
        clock: Callable[[], float] = time.monotonic,
        run_beside: Callable[[Callable[[], None]], None] = _in_a_thread,
    ) -> None:
        check_jwks_url(url)
        self._url = url
        self._fetch = fetch or HttpFetcher()
        self._max_staleness = max_staleness
        self._penalty = penalty
        self._clock = clock
        self._run_beside = run_beside
        self._snapshot: _Snapshot | None = None  # replaced as a whole, so that readers need no lock
        self._fetching = threading.Lock()
        self._attempts = 0
        self._next_attempt = float("-inf")
        self._last_failed = False

    def key(self, kid: str, /) -> EllipticCurvePublicKey:
        now = self._clock()
        snapshot = self._snapshot
        if snapshot is not None and now < snapshot.fetched_at + self._max_staleness:
            known = snapshot.keys.get(kid)
            if known is not None:
                if now >= snapshot.fresh_until:
                    self._refresh_beside(now)
                return known
            return self._new_key(kid, snapshot)
        return self._first_key(kid)

    def refresh(self) -> None:
        """Fetch now, in this thread. Raises `KeysUnavailable`; the keys at hand stay then."""
        with self._fetching:
            self._attempt()
            if self._last_failed:
                raise KeysUnavailable("the JWKS could not be fetched")

    def _new_key(self, kid: str, snapshot: _Snapshot) -> EllipticCurvePublicKey:
        """A kid that the set at hand does not have. Only the caller that fetches waits: a flood of made-up kids must
        not fill a server's threads while the issuer is slow."""
        if self._clock() >= self._next_attempt:
            if not self._fetching.acquire(blocking=False):
                raise KeysUnavailable("the kid is new and the JWKS is being fetched")
            try:
                # Another caller may have fetched since `snapshot` was read.
                snapshot = self._snapshot or snapshot
                if kid not in snapshot.keys and self._clock() >= self._next_attempt:
                    snapshot = self._fetch_for(kid) or snapshot
            finally:
                self._fetching.release()
        found = snapshot.keys.get(kid)
        if found is not None:
            return found
        if self._last_failed:
            raise KeysUnavailable("the kid is new and the JWKS could not be fetched")
        raise TokenKeyUnknown("no key of the JWKS has this kid")

    def _first_key(self, kid: str) -> EllipticCurvePublicKey:
        """Nothing fresh enough is at hand, so all callers wait for one fetch, and share what it brings."""
        attempts_seen = self._attempts
        with self._fetching:
            if self._attempts == attempts_seen and self._clock() >= self._next_attempt:
                self._fetch_for(kid)
            snapshot = self._snapshot
        if snapshot is None or self._clock() >= snapshot.fetched_at + self._max_staleness:
            raise KeysUnavailable("no JWKS that is fresh enough")
        found = snapshot.keys.get(kid)
        if found is None:
            raise TokenKeyUnknown("no key of the JWKS has this kid")
        return found

    def _fetch_for(self, kid: str) -> _Snapshot | None:
        """One fetch, with the lock held; a set without `kid` puts unknown kids in the penalty box."""
        self._attempt()
        if self._snapshot is not None and kid not in self._snapshot.keys:
            self._next_attempt = self._clock() + self._penalty
        return self._snapshot

    def _refresh_beside(self, now: float) -> None:
        if now < self._next_attempt or not self._fetching.acquire(blocking=False):
            return
        # The lock is handed to the thread that does the work: until it ends, nobody starts a second fetch.
        try:
            self._run_beside(self._refresh_and_release)
        except RuntimeError:  # no thread to be had; the keys at hand serve on, and the next caller tries again
            self._fetching.release()
            _log.warning("no thread to refresh the JWKS in")

    def _refresh_and_release(self) -> None:
        try:
            self._attempt()
        finally:
            self._fetching.release()

    def _attempt(self) -> None:
        """One fetch, with the lock held. A failure leaves the snapshot as it is."""
        try:
            fetched = self._fetch(self._url)
            keys = _usable_keys(fetched)
        except (FetchFailed, Unreadable) as error:
            self._last_failed = True
            self._next_attempt = self._clock() + self._penalty
            _log.warning("JWKS refresh failed: %s", error)
        else:
            now = self._clock()
            max_age = _DEFAULT_MAX_AGE if fetched.max_age is None else fetched.max_age
            lifetime = min(max(max_age, _LOWEST_MAX_AGE), _HIGHEST_MAX_AGE)
            self._snapshot = _Snapshot(keys=keys, fetched_at=now, fresh_until=now + lifetime)
            self._last_failed = False
        finally:
            self._attempts += 1


def _usable_keys(fetched: FetchedJwks) -> Mapping[str, EllipticCurvePublicKey]:
    """The ES256 signing keys of the document by `kid`; keys of other uses are ignored (RFC 7517 section 5).

    A `kid` must be the key's own thumbprint (docs/wire.md section 6): two keys can then not share one.
    """
    entries = json_object(fetched.unverified_body).get("keys")
    if not isinstance(entries, list):
        raise Unreadable("no array of keys")
    keys = {}
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("use") != "sig" or entry.get("alg") != "ES256" or "d" in entry:
            continue
        try:
            key = public_key(entry)
        except Unreadable:
            continue
        if entry.get("kid") == key.thumbprint:
            keys[key.thumbprint] = key.key
    return MappingProxyType(keys)
