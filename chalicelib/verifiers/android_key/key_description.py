"""KeyDescription: what the hardware states about the key and the phone, decoded and not judged.

Source: https://source.android.com/docs/security/features/keystore/attestation#schema
"""

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat import asn1

from chalicelib.model.claims import AndroidApplicationId, AndroidModel, RootOfTrust, SecurityLevel
from chalicelib.verifiers.android_key import tags
from chalicelib.verifiers.android_key.application_id import read_application_id
from chalicelib.verifiers.android_key.authorization_list import AuthorizationList, read_authorization_list
from chalicelib.verifiers.codec import der
from chalicelib.verifiers.codec.errors import Malformed

KEY_DESCRIPTION_OID: Final = "1.3.6.1.4.1.11129.2.1.17"

_MAX_DIGEST_BYTES: Final = 64  # SHA-512; genuine ones are 32, and 0 where an unlocked phone has no boot key
_MAX_PROPERTY_BYTES: Final = 92  # PROP_VALUE_MAX of Android's system properties, which the model's names are


@asn1.sequence
class _KeyDescription:
    attestation_version: asn1.TLV
    attestation_security_level: asn1.TLV
    key_mint_version: asn1.TLV
    key_mint_security_level: asn1.TLV
    attestation_challenge: bytes
    unique_id: bytes  # an identifier of the phone: not read
    software_enforced: asn1.TLV
    hardware_enforced: asn1.TLV


@asn1.sequence
class _RootOfTrust:
    verified_boot_key: bytes
    device_locked: asn1.TLV
    verified_boot_state: asn1.TLV


@asn1.sequence
class _RootOfTrustWithHash:
    # verifiedBootHash came with attestation version 3.
    verified_boot_key: bytes
    device_locked: asn1.TLV
    verified_boot_state: asn1.TLV
    verified_boot_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDescription:
    """The software list is the system server's word, the hardware list that of the TEE or secure element.

    Everything is the hardware list's, but for what only the system server can know: `application_id`, `module_hash` and
    `creation_time_ms`. A root of trust or an origin in the software list is what a software implementation writes, and
    a time in the hardware list (nine genuine phones state one) is no clock's: neither is read.
    """

    attestation_version: int
    attestation_security_level: SecurityLevel
    key_mint_version: int
    key_security_level: SecurityLevel
    challenge: bytes
    purposes: tuple[int, ...]
    algorithm: int | None
    key_size: int | None
    ec_curve: int | None
    ml_dsa_variant: int | None
    rsa_public_exponent: int | None
    origin: int | None
    root_of_trust: RootOfTrust | None
    os_version: int | None
    os_patch_level: int | None
    vendor_patch_level: int | None
    boot_patch_level: int | None
    creation_time_ms: int | None
    module_hash: bytes | None
    application_id: AndroidApplicationId | None
    model: AndroidModel | None
    unknown_tags: tuple[int, ...]


def read_key_description(data: bytes) -> KeyDescription:
    """The extension's value, whole. Raises Malformed."""
    decoded = der.decode(_KeyDescription, data, field="KeyDescription")
    software = read_authorization_list(decoded.software_enforced, field="softwareEnforced")
    hardware = read_authorization_list(decoded.hardware_enforced, field="hardwareEnforced")
    application_id = software.octets(tags.ATTESTATION_APPLICATION_ID)
    root_of_trust = hardware.values.get(tags.ROOT_OF_TRUST)
    return KeyDescription(
        attestation_version=der.integer(decoded.attestation_version, field="attestationVersion"),
        attestation_security_level=_level(decoded.attestation_security_level),
        key_mint_version=der.integer(decoded.key_mint_version, field="keyMintVersion"),
        key_security_level=_level(decoded.key_mint_security_level),
        challenge=decoded.attestation_challenge,
        purposes=hardware.integers(tags.PURPOSE),
        algorithm=hardware.integer(tags.ALGORITHM),
        key_size=hardware.integer(tags.KEY_SIZE),
        ec_curve=hardware.integer(tags.EC_CURVE),
        ml_dsa_variant=hardware.integer(tags.ML_DSA_VARIANT),
        rsa_public_exponent=hardware.integer(tags.RSA_PUBLIC_EXPONENT),
        origin=hardware.integer(tags.ORIGIN),
        root_of_trust=None if root_of_trust is None else _root_of_trust(root_of_trust),
        os_version=hardware.integer(tags.OS_VERSION),
        os_patch_level=hardware.integer(tags.OS_PATCH_LEVEL),
        vendor_patch_level=hardware.integer(tags.VENDOR_PATCH_LEVEL),
        boot_patch_level=hardware.integer(tags.BOOT_PATCH_LEVEL),
        creation_time_ms=software.integer(tags.CREATION_DATE_TIME),
        module_hash=software.octets(tags.MODULE_HASH),
        application_id=None if application_id is None else read_application_id(application_id),
        model=_model(hardware),
        unknown_tags=tuple(sorted({*software.unknown_tags, *hardware.unknown_tags})),
    )


def _level(value: der.Tlv) -> SecurityLevel:
    number = der.enumerated(value, field="securityLevel")
    try:
        return SecurityLevel(number)
    except ValueError as error:
        # Not an open number: a level that nobody here knows cannot be said to be hardware.
        raise Malformed("securityLevel is none of the documented ones") from error


def _model(hardware: AuthorizationList) -> AndroidModel | None:
    """What the app asked the hardware to state with setDevicePropertiesAttestationIncluded. Raises Malformed."""
    model = AndroidModel(
        brand=_property(hardware, tags.ATTESTATION_ID_BRAND),
        device=_property(hardware, tags.ATTESTATION_ID_DEVICE),
        product=_property(hardware, tags.ATTESTATION_ID_PRODUCT),
        manufacturer=_property(hardware, tags.ATTESTATION_ID_MANUFACTURER),
        model=_property(hardware, tags.ATTESTATION_ID_MODEL),
    )
    return None if model == AndroidModel() else model


def _property(hardware: AuthorizationList, tag: int) -> str | None:
    """None as well for text that is too long or no UTF-8: it is the maker's own, and no rule needs it."""
    stated = hardware.octets(tag)
    if stated is None or len(stated) > _MAX_PROPERTY_BYTES:
        return None
    try:
        return stated.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _root_of_trust(value: der.Tlv) -> RootOfTrust:
    fields = der.members(value, tag=der.SEQUENCE, field="rootOfTrust")
    stated: _RootOfTrust | _RootOfTrustWithHash
    boot_hash: bytes | None = None
    if len(fields) == 4:
        stated = with_hash = der.decode(_RootOfTrustWithHash, der.raw(value), field="rootOfTrust")
        boot_hash = with_hash.verified_boot_hash
    else:
        stated = der.decode(_RootOfTrust, der.raw(value), field="rootOfTrust")
    if len(stated.verified_boot_key) > _MAX_DIGEST_BYTES or len(boot_hash or b"") > _MAX_DIGEST_BYTES:
        raise Malformed("a digest of rootOfTrust is too long")
    return RootOfTrust(
        verified_boot_key=stated.verified_boot_key,
        device_locked=der.boolean(stated.device_locked, field="deviceLocked"),
        verified_boot_state_raw=der.enumerated(stated.verified_boot_state, field="verifiedBootState"),
        verified_boot_hash=boot_hash,
        device_locked_raw=bytes(stated.device_locked.data)[0],
    )
