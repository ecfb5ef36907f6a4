"""The Android key attestation extension, written from its ASN.1 schema.

Source: https://source.android.com/docs/security/features/keystore/attestation#schema and KeyMint's
`KeyCreationResult.aidl`. Tags are those of the schema's AuthorizationList.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from assay_toolkit.simulator import der

OID = "1.3.6.1.4.1.11129.2.1.17"

SOFTWARE, TRUSTED_ENVIRONMENT, STRONGBOX = 0, 1, 2  # SecurityLevel
VERIFIED, SELF_SIGNED, UNVERIFIED, FAILED = 0, 1, 2, 3  # VerifiedBootState
SIGN, AGREE_KEY, ATTEST_KEY = 2, 6, 7  # KeyPurpose
GENERATED = 0  # KeyOrigin
_EC, _SHA_256, _P_256 = 3, 4, 1  # Algorithm, Digest, EcCurve


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyParameters:
    """What a phone's hardware states of a key and of itself; the defaults are those of a sound phone.

    `created_at` aware; patch levels as the platform writes them: YYYYMM, then YYYYMMDD twice. None leaves a tag out.
    `has_root_of_trust` False leaves the whole root of trust out of the hardware list. `module_hash`: from version 400.
    """

    package_name: str = "com.example.bank"
    package_version: int = 71
    signature_digests: tuple[bytes, ...] = (bytes.fromhex("a1" * 32),)
    created_at: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    attestation_version: int = 300
    attestation_security_level: int = TRUSTED_ENVIRONMENT
    key_mint_version: int = 300
    key_mint_security_level: int = TRUSTED_ENVIRONMENT
    purposes: tuple[int, ...] = (SIGN,)
    key_size: int = 256  # bits
    origin: int = GENERATED
    has_root_of_trust: bool = True
    verified_boot_key: bytes = bytes.fromhex("b0" * 32)
    verified_boot_hash: bytes = bytes.fromhex("b1" * 32)
    device_locked: bool = True
    verified_boot_state: int = VERIFIED
    os_version: int | None = 160000
    os_patch_level: int | None = 202610
    vendor_patch_level: int | None = 20261005
    boot_patch_level: int | None = 20261005
    module_hash: bytes | None = None


def encode(parameters: KeyParameters, *, challenge: bytes) -> bytes:
    """The extension's value: DER KeyDescription."""
    by_system = [
        (701, der.integer(int(parameters.created_at.timestamp() * 1000))),
        (709, der.octet_string(_application_id(parameters))),
    ]
    if parameters.module_hash is not None:
        by_system.append((724, der.octet_string(parameters.module_hash)))
    by_key_mint = _key_mint_authorizations(parameters)
    in_hardware = parameters.key_mint_security_level != SOFTWARE
    return der.sequence(
        der.integer(parameters.attestation_version),
        der.enumerated(parameters.attestation_security_level),
        der.integer(parameters.key_mint_version),
        der.enumerated(parameters.key_mint_security_level),
        der.octet_string(challenge),
        der.octet_string(b""),
        _authorizations(by_system if in_hardware else by_system + by_key_mint),
        _authorizations(by_key_mint if in_hardware else []),
    )


def _key_mint_authorizations(parameters: KeyParameters) -> list[tuple[int, bytes]]:
    numbers = (
        (2, _EC),
        (3, parameters.key_size),
        (10, _P_256),
        (702, parameters.origin),
        (705, parameters.os_version),
        (706, parameters.os_patch_level),
        (718, parameters.vendor_patch_level),
        (719, parameters.boot_patch_level),
    )
    authorizations = [(tag, der.integer(value)) for tag, value in numbers if value is not None]
    authorizations.append((1, der.set_of(*(der.integer(purpose) for purpose in parameters.purposes))))
    authorizations.append((5, der.set_of(der.integer(_SHA_256))))
    authorizations.append((503, der.null()))
    if parameters.has_root_of_trust:
        authorizations.append((704, _root_of_trust(parameters)))
    return authorizations


def _root_of_trust(parameters: KeyParameters) -> bytes:
    return der.sequence(
        der.octet_string(parameters.verified_boot_key),
        der.boolean(value=parameters.device_locked),
        der.enumerated(parameters.verified_boot_state),
        der.octet_string(parameters.verified_boot_hash),
    )


def _application_id(parameters: KeyParameters) -> bytes:
    package = der.sequence(der.octet_string(parameters.package_name.encode()), der.integer(parameters.package_version))
    digests = (der.octet_string(digest) for digest in parameters.signature_digests)
    return der.sequence(der.set_of(package), der.set_of(*digests))


def _authorizations(tagged: list[tuple[int, bytes]]) -> bytes:
    return der.sequence(*(der.explicit(tag, element) for tag, element in sorted(tagged)))
