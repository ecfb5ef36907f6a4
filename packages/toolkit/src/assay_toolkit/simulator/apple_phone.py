"""A simulated iPhone: an App Attest key beside the instance key, and a counter that rises with each assertion."""

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric import ec

from assay_toolkit.simulator import apple
from assay_toolkit.simulator.apple_parameters import AppleParameters
from assay_toolkit.simulator.authority import Authority
from assay_toolkit.simulator.base_phone import Clock, Phone, system_clock
from assay_toolkit.simulator.conditions import FOREIGN_TEAM, SOUND, Condition, Platform
from assay_toolkit.simulator.keys import RandomBytes, b64url, p256_key


class ApplePhone(Phone):
    """`parameters`: the app, the environment and the system, as Apple would state them when sound."""

    platform: ClassVar[Platform] = Platform.APPLE

    def __init__(
        self,
        *,
        app: str,
        audience: str,
        condition: Condition = SOUND,
        parameters: AppleParameters | None = None,
        randomness: RandomBytes = secrets.token_bytes,
        clock: Clock = system_clock,
    ) -> None:
        super().__init__(app=app, audience=audience, condition=condition, randomness=randomness, clock=clock)
        self._parameters = parameters or AppleParameters()
        self._app_attest_key = p256_key(randomness(64))
        self._counter = 0

    @property
    def app_attest_key(self) -> ec.EllipticCurvePrivateKey:
        return self._app_attest_key

    @property
    def key_id(self) -> bytes:
        return apple.key_id(self._app_attest_key.public_key())

    @property
    def counter(self) -> int:
        """Of the last assertion; 0 before the first."""
        return self._counter

    def apple_parameters(self) -> AppleParameters:
        """What Apple would state now."""
        if not self.condition.foreign_team:
            return self._parameters
        _, _, bundle = self._parameters.app_id.partition(".")
        return replace(self._parameters, app_id=f"{FOREIGN_TEAM}.{bundle}")

    def attestation_statement(
        self,
        *,
        binding: bytes,
        parameters: AppleParameters | None = None,
        issuer: Authority | None = None,
        age: timedelta = timedelta(0),
    ) -> dict[str, object]:
        """The attestation of the current App Attest key, made `age` ago; None: as the phone's condition has it."""
        attestation = apple.attest(
            key=self._app_attest_key,
            client_data_hash=binding,
            parameters=parameters or self.apple_parameters(),
            now=self._clock() - age,
            issuer=issuer,
        )
        return attestation_statement(key_id=self.key_id, attestation=attestation)

    def assertion_statement(self, *, binding: bytes, counter: int | None = None) -> dict[str, object]:
        """An assertion of the current App Attest key; `counter` None: the next one, which is then spent."""
        if counter is None:
            self._counter += 1
            counter = self._counter
        parameters = self.apple_parameters()
        assertion = apple.make_assertion(
            key=self._app_attest_key,
            client_data_hash=binding,
            app_id=parameters.app_id,
            counter=counter,
            launch=parameters.launch,
        )
        return {"format": "apple_assertion", "key_id": b64url(self.key_id), "assertion": b64url(assertion)}

    def _attest(self, _challenge: bytes, binding: bytes) -> dict[str, object]:
        self._app_attest_key = p256_key(self._randomness(64))
        self._counter = 0
        return self.attestation_statement(binding=binding)

    def _reattest(self, _challenge: bytes, binding: bytes) -> dict[str, object]:
        return self.assertion_statement(binding=binding)


def attestation_statement(*, key_id: bytes, attestation: bytes) -> dict[str, object]:
    return {"format": "apple_attestation", "key_id": b64url(key_id), "attestation": b64url(attestation)}
