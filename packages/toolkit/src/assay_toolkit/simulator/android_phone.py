"""A simulated Android phone: the instance key is the attested key."""

import base64
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from assay_toolkit.simulator.android import Provisioned, attest, provision
from assay_toolkit.simulator.authority import Authority
from assay_toolkit.simulator.base_phone import Clock, Phone, system_clock
from assay_toolkit.simulator.conditions import FOREIGN_SIGNER, SOUND, AndroidCondition, Condition, Platform
from assay_toolkit.simulator.key_description import KeyParameters
from assay_toolkit.simulator.keys import RandomBytes
from assay_toolkit.simulator.play_integrity import PlayServices


class AndroidPhone(Phone):
    """`parameters`: the app and the phone as the hardware would state them when sound.

    Security level, lock, boot state and patch levels in them are replaced by the condition's at each enrolment.
    `play_integrity`: an app that sends an integrity token with each submission.
    """

    platform: ClassVar[Platform] = Platform.ANDROID

    def __init__(
        self,
        *,
        app: str,
        audience: str,
        condition: Condition = SOUND,
        parameters: KeyParameters | None = None,
        randomness: RandomBytes = secrets.token_bytes,
        clock: Clock = system_clock,
        play_integrity: PlayServices | None = None,
    ) -> None:
        super().__init__(app=app, audience=audience, condition=condition, randomness=randomness, clock=clock)
        self._parameters = parameters or KeyParameters()
        self.play_integrity = play_integrity
        self._batches: dict[tuple[str, int, int | None], Authority] = {}

    @property
    def batch(self) -> Authority:
        """The key that signs this phone's attestations; its serial is what a revocation list names."""
        stated = self.condition.android
        facts = (stated.provisioned.value, stated.security_level, stated.batch_serial)
        if facts not in self._batches:
            self._batches[facts] = self.provision(serial=stated.batch_serial)
        return self._batches[facts]

    def provision(
        self,
        *,
        how: Provisioned | None = None,
        serial: int | None = None,
        root: Authority | None = None,
        age: timedelta = timedelta(0),
    ) -> Authority:
        """A new attestation key for a phone like this one, made `age` ago; None: as the condition has it."""
        stated = self.condition.android
        return provision(
            how=how or stated.provisioned,
            security_level=stated.security_level,
            serial=serial,
            root=root,
            now=self._clock() - age,
            randomness=self._randomness,
        )

    def key_parameters(self) -> KeyParameters:
        """What the hardware states now."""
        stated = self.condition.android
        month = self._patch_month(stated)
        digests = (FOREIGN_SIGNER,) if stated.foreign_signer else self._parameters.signature_digests
        return replace(
            self._parameters,
            signature_digests=digests,
            created_at=self._clock(),
            attestation_security_level=stated.security_level,
            key_mint_security_level=stated.security_level,
            device_locked=stated.device_locked,
            verified_boot_state=stated.verified_boot_state,
            os_patch_level=month,
            vendor_patch_level=month * 100 + 5,
            boot_patch_level=month * 100 + 5,
        )

    def key_statement(
        self, *, challenge: bytes, parameters: KeyParameters | None = None, batch: Authority | None = None
    ) -> dict[str, object]:
        """The attestation of the current instance key; None: as the phone's condition has it."""
        chain = attest(
            batch=batch or self.batch,
            public_key=self.instance_key.public_key(),
            parameters=parameters or self.key_parameters(),
            challenge=challenge,
        )
        return chain_statement(chain)

    def _attest(self, challenge: bytes, _binding: bytes) -> dict[str, object]:
        return self.key_statement(challenge=challenge)

    def _reattest(self, _challenge: bytes, _binding: bytes) -> None:
        return None

    def _ask_play(self, binding: bytes) -> dict[str, object] | None:
        if self.play_integrity is None:
            return None
        return self.play_integrity.member(bound=binding, app=self.key_parameters())

    def _patch_month(self, stated: AndroidCondition) -> int:
        """YYYYMM."""
        now = self._clock()
        months = now.year * 12 + now.month - 1 - stated.patch_age_months
        return months // 12 * 100 + months % 12 + 1


def chain_statement(chain: tuple[bytes, ...]) -> dict[str, object]:
    """`chain`: DER, leaf first."""
    return {"format": "android_key", "x5c": [base64.b64encode(certificate).decode() for certificate in chain]}
