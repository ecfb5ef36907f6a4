"""Whether a KeyDescription describes the key that its certificate holds.

Source: https://source.android.com/docs/security/features/keystore/attestation#authorizationlist-fields; numbers from
Algorithm.aidl, EcCurve.aidl and MlDsaVariant.aidl of hardware/interfaces/security/keymint.
"""

from typing import Final

from chalicelib.verifiers.android_key.key_description import KeyDescription
from chalicelib.verifiers.codec.public_keys import KeyKind, PublicKey

_ALGORITHM: Final = {KeyKind.RSA: 1, KeyKind.P256: 3, KeyKind.P384: 3, KeyKind.ML_DSA_65: 4}
_EC_CURVE: Final = {KeyKind.P256: 1, KeyKind.P384: 2}
_ML_DSA_VARIANT: Final = {KeyKind.ML_DSA_65: 1}


def mismatch(description: KeyDescription, key: PublicKey) -> str | None:
    """The parameter that contradicts `key`, or None.

    The algorithm is required; the others count where they are stated, as versions differ in which they state.
    """
    if description.algorithm is None:
        return "algorithm"
    stated_and_held = {
        "algorithm": (description.algorithm, _ALGORITHM[key.kind]),
        "keySize": (description.key_size, key.bits),
        "ecCurve": (description.ec_curve, _EC_CURVE.get(key.kind)),
        "mlDsaVariant": (description.ml_dsa_variant, _ML_DSA_VARIANT.get(key.kind)),
        "rsaPublicExponent": (description.rsa_public_exponent, key.exponent),
    }
    return next(
        (name for name, (stated, held) in stated_and_held.items() if stated is not None and stated != held), None
    )
