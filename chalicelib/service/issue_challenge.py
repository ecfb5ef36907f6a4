"""Use case: a phone asks for a challenge (docs/wire.md, section 2)."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.service.beliefs import Beliefs
from chalicelib.service.challenges import new_challenge
from chalicelib.service.ports import ChallengeStore, Clock, NewChallenge, Randomness


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedChallenge:
    """A stored challenge and the service's time when it was made."""

    challenge: NewChallenge
    server_time: datetime


class ChallengeService:
    def __init__(self, *, beliefs: Beliefs, challenges: ChallengeStore, clock: Clock, randomness: Randomness) -> None:
        self._beliefs = beliefs
        self._challenges = challenges
        self._clock = clock
        self._randomness = randomness

    def issue(self, app: str, purpose: Purpose) -> IssuedChallenge | Refused:
        """A challenge for this app and purpose, stored before it leaves; Refused(APP_UNKNOWN). Raises Malfunction."""
        registration = self._beliefs.apps().get(app)
        if registration is None:
            return Refused(RefusalReason.APP_UNKNOWN)
        now = self._clock.now()
        challenge = new_challenge(registration=registration, purpose=purpose, now=now, randomness=self._randomness)
        self._challenges.issue(challenge)
        return IssuedChallenge(challenge=challenge, server_time=now)
