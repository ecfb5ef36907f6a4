"""Use case: can this worker judge and sign? Names and reasons only, no address, key or digest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.beliefs import Beliefs
from chalicelib.service.ports import ChallengeStore, Clock, InstanceStore, Signer

# Seconds of monotonic time that a report is repeated: anybody may ask, and each look costs calls to four services
# whose quotas belong to phones.
REPORT_IS_FRESH = 10.0

# What is looked up and signed. Nothing has these names, and a JWS signing input has a dot in it.
_NO_CHALLENGE = bytes(32)
_NO_INSTANCE = "health"
_NO_TOKEN = b"assay-health-v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """Component → None, or why it cannot be used. Components: `signer`, `challenges`, `instances`, `documents`.

    After one store that does not answer, those behind it are not asked and said to be like it.
    """

    components: Mapping[str, MalfunctionReason | None]

    @property
    def healthy(self) -> bool:
        return not any(self.components.values())


class HealthService:
    def __init__(
        self,
        *,
        signer: Signer,
        challenges: ChallengeStore,
        instances: InstanceStore,
        beliefs: Beliefs,
        clock: Clock,
    ) -> None:
        self._signer = signer
        self._challenges = challenges
        self._instances = instances
        self._beliefs = beliefs
        self._clock = clock
        self._lock = Lock()
        self._last: tuple[float, HealthReport] | None = None

    def report(self) -> HealthReport:
        """Does what a submission would do, without one. Never raises."""
        with self._lock:
            now = self._clock.monotonic()
            if self._last is None or now - self._last[0] >= REPORT_IS_FRESH:
                self._last = (now, self._look())
            return self._last[1]

    def _look(self) -> HealthReport:
        stores: dict[str, Callable[[], object]] = {
            "challenges": lambda: self._challenges.look(
                challenge=_NO_CHALLENGE, body_digest=bytes(32), now=self._clock.now()
            ),
            "instances": lambda: self._instances.by_jkt(_NO_INSTANCE),
            "documents": self._beliefs.in_force,
        }
        components = {"signer": _reason(lambda: self._signer.sign(_NO_TOKEN))}
        silent = False
        for name, probe in stores.items():
            # Tables of one service, which takes seconds to not answer. Asked for each, it would have Lambda stop this
            # before it said anything.
            components[name] = MalfunctionReason.STORE_UNAVAILABLE if silent else _reason(probe)
            silent = components[name] is MalfunctionReason.STORE_UNAVAILABLE
        return HealthReport(components=components)


def _reason(probe: Callable[[], object]) -> MalfunctionReason | None:
    try:
        probe()
    except Malfunction as malfunction:
        return malfunction.reason
    return None
