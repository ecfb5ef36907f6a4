"""What all simulated phones have in common: an instance key, a report, a clock of their own, and submissions."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric import ec

from assay_toolkit.simulator.conditions import SOUND, Condition, Platform
from assay_toolkit.simulator.keys import RandomBytes, b64url, p256_key, public_jwk, thumbprint
from assay_toolkit.simulator.rasp import RaspReport
from assay_toolkit.simulator.submission import (
    ProtectedRequest,
    Submission,
    bind,
    describe,
    prove,
    prove_possession,
)

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Aware, UTC."""
    return datetime.now(UTC)


class Phone(ABC):
    """One installed copy of an app.

    Each enrolment makes new keys, as a reinstalled app would; renewals use those of the last enrolment. `clock` may
    be as wrong as phones' clocks are: every `iat` follows the service's time, once the phone has heard it.
    """

    platform: ClassVar[Platform]

    def __init__(
        self,
        *,
        app: str,
        audience: str,
        condition: Condition = SOUND,
        randomness: RandomBytes = secrets.token_bytes,
        clock: Clock = system_clock,
    ) -> None:
        self.app = app
        self.audience = audience
        self._randomness = randomness
        self._clock = clock
        self._seconds_behind = 0
        self._instance_key = p256_key(randomness(64))
        self.condition = condition

    @property
    def condition(self) -> Condition:
        return self._condition

    @condition.setter
    def condition(self, condition: Condition) -> None:
        """Takes effect with the next submission. Raises ValueError where the platform cannot be in it."""
        if self.platform not in condition.platforms:
            raise ValueError(f"a phone of {self.platform} cannot be {condition.name}")
        self._condition = condition

    @property
    def jwk(self) -> dict[str, str]:
        return public_jwk(self._instance_key.public_key())

    @property
    def jkt(self) -> str:
        return b64url(thumbprint(self.jwk))

    @property
    def instance_key(self) -> ec.EllipticCurvePrivateKey:
        return self._instance_key

    @property
    def service_time(self) -> int:
        """Seconds, by the service's clock as far as the phone knows it."""
        return int(self._clock().timestamp()) + self._seconds_behind

    def hear_time(self, server_time: int) -> None:
        self._seconds_behind = server_time - int(self._clock().timestamp())

    def build_enrolment(self, *, challenge: bytes, request: ProtectedRequest | None = None) -> bytes:
        """The body that enrols this phone with new keys. `request` None asks for a session token."""
        return self.enrolment(challenge=challenge, request=request).encode()

    def build_renewal(self, *, challenge: bytes, request: ProtectedRequest | None = None) -> bytes:
        return self.renewal(challenge=challenge, request=request).encode()

    def enrolment(
        self, *, challenge: bytes, request: ProtectedRequest | None = None, rasp_report: bytes | None = None
    ) -> Submission:
        """The same in parts. `rasp_report` None: what the app's self-protection says now."""
        self._instance_key = p256_key(self._randomness(64))
        make = self._attest if self.condition.attested else _unattested
        return self._submit("enrol", challenge, request, rasp_report, make)

    def renewal(
        self, *, challenge: bytes, request: ProtectedRequest | None = None, rasp_report: bytes | None = None
    ) -> Submission:
        return self._submit("renew", challenge, request, rasp_report, self._reattest)

    def rasp_report(self) -> bytes | None:
        """What the app's self-protection says now; None where it says nothing."""
        condition = self.condition
        if not condition.reports:
            return None
        return RaspReport(
            dialect=condition.dialect,
            platform="ios" if self.platform is Platform.APPLE else "android",
            app_version=condition.reported_version,
            detected=condition.detected,
            not_run=condition.not_run,
            observations=condition.observations,
        ).encode()

    def possession_proof(self, *, token: str, request: ProtectedRequest) -> str:
        """For one request, good for a minute (docs/wire.md, section 8)."""
        return prove_possession(
            key=self._instance_key,
            token=token,
            audience=self.audience,
            request=request,
            jti=b64url(self._randomness(16)),
            issued_at=self.service_time,
        )

    def headers(self, *, token: str, request: ProtectedRequest) -> dict[str, str]:
        """Both headers that a backend wants."""
        return {
            "OAuth-Client-Attestation": token,
            "OAuth-Client-Attestation-PoP": self.possession_proof(token=token, request=request),
        }

    @abstractmethod
    def _attest(self, challenge: bytes, binding: bytes) -> dict[str, object] | None:
        """The platform's statement for an enrolment."""

    @abstractmethod
    def _reattest(self, challenge: bytes, binding: bytes) -> dict[str, object] | None:
        """The platform's statement for a renewal; None where the platform has none to give."""

    def _ask_play(self, _binding: bytes) -> dict[str, object] | None:
        """Google Play's word beside the platform's; None where the app does not ask for it."""
        return None

    def _submit(
        self,
        purpose: str,
        challenge: bytes,
        request: ProtectedRequest | None,
        rasp_report: bytes | None,
        make_statement: Callable[[bytes, bytes], dict[str, object] | None],
    ) -> Submission:
        descriptor = describe(app=self.app, audience=self.audience, purpose=purpose, request=request)
        report = self.rasp_report() if rasp_report is None else rasp_report
        key = self._instance_key
        binding = bind(challenge=challenge, key=key.public_key(), rasp_report=report, descriptor=descriptor)
        return Submission(
            challenge=challenge,
            descriptor=descriptor,
            binding=binding,
            proof=prove(key=key, binding=binding),
            rasp_report=report,
            statement=make_statement(challenge, binding),
            play_integrity=self._ask_play(binding),
        )


def _unattested(_challenge: bytes, _binding: bytes) -> dict[str, object]:
    return {"format": "unattested", "cause": "unsupported"}
