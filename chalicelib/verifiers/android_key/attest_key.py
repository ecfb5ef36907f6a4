"""Chains through an ATTEST_KEY: a key of the app's own, in the phone's hardware, that attests the app's other keys.

KeyMint signs with such a key nothing but attestations that it makes itself, which is why a certificate of it is as good
as one of the batch key. That holds for exactly the keys that `check` admits; any other key signs what the app gives it,
a certificate with a key description of the app's own writing included. That is the chain-extension attack.

Source: https://developer.android.com/reference/android/security/keystore/KeyProperties#PURPOSE_ATTEST_KEY (incompatible
with all other purposes, never of imported keys) and
https://developer.android.com/reference/android/security/keystore/KeyGenParameterSpec.Builder#setAttestKeyAlias(java.lang.String)
"""

from typing import Final

from chalicelib.model.claims import AndroidApplicationId, RootOfTrust, SecurityLevel
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.android_key.key_description import KeyDescription
from chalicelib.verifiers.android_key.key_parameters import mismatch
from chalicelib.verifiers.android_key.refusal import Refusal
from chalicelib.verifiers.codec.public_keys import PublicKey

_ATTEST_KEY: Final = 7  # KeyPurpose.aidl
_GENERATED: Final = 0  # KeyOrigin.aidl
# The attestation version of KeyMint 1, which the purpose came with. To what is older, 7 is a number without a meaning:
# nothing is known of what such a key may sign.
# Source: https://source.android.com/docs/security/features/keystore/attestation#keydescription-fields
_KEY_MINT_1: Final = 100


def check(attest_key: KeyDescription, *, key: PublicKey, leaf: KeyDescription) -> None:
    """Raises Refusal. `attest_key` describes the second certificate, and `key` is what that certificate holds.

    1. It lives in hardware, and in the same as the key that it attests: KeyMint attests with no other instance's key.
    2. It was generated there, and may attest and nothing else, by the word of a KeyMint that knows this purpose.
    3. It is the key that its certificate holds.
    4. Both keys are of one phone in one state, and of one app. The boot hash, patch levels and the app's version may
       differ: the phone and the app are updated while the key stays.

    Its challenge is not compared. An ATTEST_KEY is made once and attests for months, so that its challenge is an old
    one; what is fresh is the attested key, whose own description has the challenge of now, written by the hardware.
    """
    # 1
    if SecurityLevel.SOFTWARE in _levels(attest_key):
        raise Refusal(RefusalReason.KEY_NOT_IN_HARDWARE, "the ATTEST_KEY")
    if _levels(attest_key) != _levels(leaf):
        raise Refusal(RefusalReason.CHAIN_EXTENDED, "attested by a key of another security level")
    # 2
    if min(attest_key.attestation_version, leaf.attestation_version) < _KEY_MINT_1:
        raise Refusal(RefusalReason.CHAIN_EXTENDED, "attested by a key of before KeyMint")
    if attest_key.purposes != (_ATTEST_KEY,):
        raise Refusal(RefusalReason.CHAIN_EXTENDED, "attested by a key that may do more than attest")
    if attest_key.origin != _GENERATED:
        raise Refusal(RefusalReason.CHAIN_EXTENDED, "attested by a key that was not generated in hardware")
    # 3
    contradiction = mismatch(attest_key, key)
    if contradiction is not None:
        raise Refusal(RefusalReason.KEY_PARAMETERS_MISMATCH, f"the ATTEST_KEY's {contradiction}")
    # 4
    if not _agree(_boot(attest_key.root_of_trust), _boot(leaf.root_of_trust)):
        raise Refusal(RefusalReason.CHAIN_EXTENDED, "attested by a key of another phone or state")
    if not _agree(_app(attest_key.application_id), _app(leaf.application_id)):
        raise Refusal(RefusalReason.CHAIN_EXTENDED, "attested by a key of another app")


def _levels(description: KeyDescription) -> tuple[SecurityLevel, SecurityLevel]:
    return description.attestation_security_level, description.key_security_level


def _boot(root: RootOfTrust | None) -> tuple[bytes, bool, int] | None:
    return None if root is None else (root.verified_boot_key, root.device_locked, root.verified_boot_state_raw)


def _app(app: AndroidApplicationId | None) -> tuple[frozenset[str], frozenset[bytes]] | None:
    if app is None:
        return None
    return frozenset(package.name for package in app.packages), frozenset(app.signature_digests)


def _agree(one: object, other: object) -> bool:
    """Nothing agrees with nothing: what neither states is not known to be the same."""
    return one is not None and one == other
