"""KeyMint tags as they stand in an AuthorizationList: the context tag numbers of its ASN.1 schema.

Source: https://source.android.com/docs/security/features/keystore/attestation#schema and
hardware/interfaces/security/keymint/aidl/android/hardware/security/keymint/Tag.aidl (the low 28 bits).
"""

from typing import Final

# Read by this verifier.
PURPOSE: Final = 1
ALGORITHM: Final = 2
KEY_SIZE: Final = 3
EC_CURVE: Final = 10
ML_DSA_VARIANT: Final = 11  # since attestation version 500
RSA_PUBLIC_EXPONENT: Final = 200
CREATION_DATE_TIME: Final = 701
ORIGIN: Final = 702
ROOT_OF_TRUST: Final = 704
OS_VERSION: Final = 705
OS_PATCH_LEVEL: Final = 706
ATTESTATION_APPLICATION_ID: Final = 709
ATTESTATION_ID_BRAND: Final = 710
ATTESTATION_ID_DEVICE: Final = 711
ATTESTATION_ID_PRODUCT: Final = 712
ATTESTATION_ID_MANUFACTURER: Final = 716
ATTESTATION_ID_MODEL: Final = 717
VENDOR_PATCH_LEVEL: Final = 718
BOOT_PATCH_LEVEL: Final = 719
MODULE_HASH: Final = 724  # since attestation version 400

# Known and ignored: how the key may be used says nothing about the phone, and what names one phone among all (its
# serial number, IMEI and MEID) is not wanted here.
_USE_OF_THE_KEY: Final = frozenset(
    {
        4,  # blockMode
        5,  # digest
        6,  # padding
        7,  # callerNonce
        8,  # minMacLength
        203,  # rsaOaepMgfDigest
        303,  # rollbackResistance
        305,  # earlyBootOnly
        400,  # activeDateTime
        401,  # originationExpireDateTime
        402,  # usageExpireDateTime
        405,  # usageCountLimit
        502,  # userSecureId
        503,  # noAuthRequired
        504,  # userAuthType
        505,  # authTimeout
        506,  # allowWhileOnBody
        507,  # trustedUserPresenceRequired
        508,  # trustedConfirmationRequired
        509,  # unlockedDeviceRequired
        600,  # allApplications
        601,  # applicationId
        703,  # rollbackResistant
        720,  # deviceUniqueAttestation
    }
)
_NAMES_OF_THE_PHONE: Final = frozenset({713, 714, 715, 723})

KNOWN: Final = (
    frozenset(
        {
            PURPOSE,
            ALGORITHM,
            KEY_SIZE,
            EC_CURVE,
            ML_DSA_VARIANT,
            RSA_PUBLIC_EXPONENT,
            CREATION_DATE_TIME,
            ORIGIN,
            ROOT_OF_TRUST,
            OS_VERSION,
            OS_PATCH_LEVEL,
            ATTESTATION_APPLICATION_ID,
            ATTESTATION_ID_BRAND,
            ATTESTATION_ID_DEVICE,
            ATTESTATION_ID_PRODUCT,
            ATTESTATION_ID_MANUFACTURER,
            ATTESTATION_ID_MODEL,
            VENDOR_PATCH_LEVEL,
            BOOT_PATCH_LEVEL,
            MODULE_HASH,
        }
    )
    | _USE_OF_THE_KEY
    | _NAMES_OF_THE_PHONE
)
