"""Claims under the names that `expected` uses, as plain JSON values."""

import base64
from typing import Any, Final

from chalicelib.model.claims import (
    AndroidModel,
    AppleValidation,
    RootOfTrust,
    SecurityLevel,
    VerifiedAndroidKey,
    VerifiedAppleAssertion,
    VerifiedAppleAttestation,
    VerifiedBootState,
    VerifiedReceipt,
)
from chalicelib.model.keys import EcPublicJwk

_SECURITY_LEVELS: Final = {
    SecurityLevel.SOFTWARE: "Software",
    SecurityLevel.TRUSTED_ENVIRONMENT: "TrustedEnvironment",
    SecurityLevel.STRONGBOX: "StrongBox",
}
# What a folder writes as base64, by number: certificate, client data hash, Apple's token.
_BINARY_RECEIPT_FIELDS: Final = {3, 4, 5}
_BOOT_STATES: Final = {
    VerifiedBootState.VERIFIED: "Verified",
    VerifiedBootState.SELF_SIGNED: "SelfSigned",
    VerifiedBootState.UNVERIFIED: "Unverified",
    VerifiedBootState.FAILED: "Failed",
}


def android_claims(key: VerifiedAndroidKey) -> dict[str, Any]:
    return {
        "attestationVersion": key.attestation_version,
        "attestationSecurityLevel": _SECURITY_LEVELS[key.attestation_security_level],
        "keymasterVersion": key.key_mint_version,
        "keymasterSecurityLevel": _SECURITY_LEVELS[key.key_security_level],
        "rootOfTrust": None if key.root_of_trust is None else _root_of_trust(key.root_of_trust),
        "osVersion": key.os_version,
        "osPatchLevel": key.os_patch_level_raw,
        "vendorPatchLevel": key.vendor_patch_level_raw,
        "bootPatchLevel": key.boot_patch_level_raw,
        "origin": key.origin,
        "purpose": sorted(key.purposes),  # a SET OF: phones write it in any order
        "algorithm": key.algorithm,
        "keySize": key.key_size,
        "ecCurve": key.ec_curve,
        "creationDateTime": key.creation_time_ms,
        "moduleHash": None if key.module_hash is None else key.module_hash.hex(),
        "attestationId": None if key.model is None else _model(key.model),
    }


def attestation_claims(attestation: VerifiedAppleAttestation) -> dict[str, Any]:
    return {
        "counter": attestation.counter,
        "aaguid": attestation.environment.label,
        "public_key_x962_b64": _base64(attestation.public_key.x962),
        **_validation(attestation.validation),
    }


def assertion_claims(assertion: VerifiedAppleAssertion, *, public_key: EcPublicJwk) -> dict[str, Any]:
    return {
        "counter": assertion.counter,
        "public_key_x962_b64": _base64(public_key.x962),
        **_validation(assertion.validation),
    }


def receipt_claims(receipt: VerifiedReceipt) -> dict[str, Any]:
    """By number, as a folder's `fields` has them: text, but for three that are binary and what is not UTF-8."""
    return {str(number): _receipt_field(number, receipt.fields[number]) for number in sorted(receipt.fields)}


def _receipt_field(number: int, value: bytes) -> str:
    if number in _BINARY_RECEIPT_FIELDS:
        return _base64(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return _base64(value)


def _model(model: AndroidModel) -> dict[str, str]:
    """The names that are stated."""
    names = {
        "attestationIdBrand": model.brand,
        "attestationIdDevice": model.device,
        "attestationIdProduct": model.product,
        "attestationIdManufacturer": model.manufacturer,
        "attestationIdModel": model.model,
    }
    return {name: value for name, value in names.items() if value is not None}


def _root_of_trust(root: RootOfTrust) -> dict[str, Any]:
    state = root.verified_boot_state
    claims: dict[str, Any] = {
        "verifiedBootKey": root.verified_boot_key.hex(),
        "deviceLocked": root.device_locked,
        "deviceLockedRaw": None if root.device_locked_raw is None else f"{root.device_locked_raw:02x}",
        "verifiedBootState": root.verified_boot_state_raw if state is None else _BOOT_STATES[state],
    }
    if root.verified_boot_hash is not None:
        claims["verifiedBootHash"] = root.verified_boot_hash.hex()
    return claims


def _validation(validation: AppleValidation) -> dict[str, Any]:
    return {"validation_category": validation.validation_category, "bundle_version": validation.bundle_version}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
