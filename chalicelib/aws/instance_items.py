"""How an instance is stored: the attributes that conditions look at, and one strict JSON document of kept evidence.

The stored form is written out here, apart from the model's types, so that a renamed field cannot silently become
another item. Numbers that vendors choose are hex text: they are open, and JSON readers and DynamoDB stop at 64 and
126 bits.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from chalicelib.aws import history_items, verdict_items
from chalicelib.aws.items import Milliseconds, Value, from_item, from_ms, to_ms
from chalicelib.model.claims import (
    AndroidPackage,
    AppleEnvironment,
    AppleValidation,
    KeptAndroid,
    KeptApple,
    KeptEvidence,
    KeptRiskMetric,
    PatchLevel,
    Provisioning,
    SecurityLevel,
)
from chalicelib.model.instances import AppAttestKey, Instance
from chalicelib.model.keys import EcPublicJwk, b64url
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason

_VERSION: Final = 1

_Hex = Annotated[str, msgspec.Meta(pattern=r"\A-?(0|[1-9a-f][0-9a-f]*)\Z")]
_Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Counter = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]  # WebAuthn's signCount: 32 bits
_Patch = tuple[int, int, int | None]


class _Closed(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    pass


class _Validation(_Closed, frozen=True, kw_only=True):
    validation_category: _Hex | None
    bundle_version: str | None
    unknown_members: tuple[str, ...]


class _Android(_Closed, tag_field="platform", tag="android", frozen=True, kw_only=True):
    certificate_serials: tuple[_Hex, ...]
    security_level: SecurityLevel
    provisioning: Provisioning
    attestation_version: _Hex
    device_locked: bool | None
    verified_boot_state_raw: _Hex | None
    verified_boot_key: bytes | None
    os_version: _Hex | None
    os_patch_level: _Patch | None
    vendor_patch_level: _Patch | None
    boot_patch_level: _Patch | None
    packages: tuple[tuple[str, _Hex], ...]
    signature_digests: tuple[bytes, ...]
    attest_key: bool = False  # absent from items of before such keys could be admitted


class _Apple(_Closed, tag_field="platform", tag="apple", frozen=True, kw_only=True):
    app_id: str
    environment: Literal["production", "development"]
    certificate_serials: tuple[_Hex, ...]


class StoredNote(_Closed, frozen=True, kw_only=True):
    """Who blocked or unblocked last, and why (aws/blocks.py)."""

    author: str
    reason: str
    changed_at: Milliseconds


class _Stored(_Closed, frozen=True, kw_only=True):
    id: str
    v: Literal[1]
    app: str
    jwk_x: _Bytes32
    jwk_y: _Bytes32
    kept: str
    enrolled_at: Milliseconds
    attested_at: Milliseconds
    blocked: bool
    block_note: StoredNote | None = None


class _StoredAndroid(_Stored, tag_field="platform", tag="android", frozen=True, kw_only=True):
    # Absent where no submission brought a verdict.
    play_integrity: str | None = None


class _StoredApple(_Stored, tag_field="platform", tag="apple", frozen=True, kw_only=True):
    app_attest_key: _Bytes32
    app_attest_x: _Bytes32
    app_attest_y: _Bytes32
    app_attest_counter: _Counter
    validation: str
    # Written by the refresh of receipts alone (aws/receipts.py), both or neither.
    risk_metric: _Hex | None = None
    risk_measured_at: Milliseconds | None = None


def instance_key(jkt: str) -> str:
    return f"instance#{jkt}"


def app_attest_key(key_id: bytes) -> str:
    return f"app_attest#{b64url(key_id)}"


def platform_of(instance: Instance) -> str:
    """Raises ValueError where the kept evidence and the keys are of different platforms: no use case makes that."""
    match instance.kept, instance.app_attest:
        case KeptAndroid(), None:
            return "android"
        case KeptApple(), AppAttestKey():
            return "apple"
        case _:
            raise ValueError("an instance whose evidence and keys are of different platforms")


def to_values(instance: Instance) -> dict[str, Value]:
    """Every attribute but the key; but what phones have no part in, the risk metric and the note of a block; and but
    the verdict of Google Play's, which only a submission that brings one moves (aws/verdict_items.py), and the history,
    which grows by marks (aws/history_items.py)."""
    values: dict[str, Value] = {
        "v": _VERSION,
        "app": instance.app,
        "platform": platform_of(instance),
        "jwk_x": instance.jwk.x,
        "jwk_y": instance.jwk.y,
        "kept": msgspec.json.encode(_stored_evidence(instance.kept)).decode(),
        "enrolled_at": to_ms(instance.enrolled_at),
        "attested_at": to_ms(instance.attested_at),
        "blocked": instance.blocked,
    }
    if isinstance(instance.kept, KeptApple):
        values["validation"] = msgspec.json.encode(_stored_validation(instance.kept.validation)).decode()
    if instance.app_attest is not None:
        values["app_attest_key"] = instance.app_attest.key_id
        values["app_attest_x"] = instance.app_attest.public_key.x
        values["app_attest_y"] = instance.app_attest.public_key.y
        values["app_attest_counter"] = instance.app_attest.counter
    return values


def read_instance(item: Mapping[str, Any], *, jkt: str) -> Instance:
    """Raises Malfunction(STORE_UNAVAILABLE) unless `item` is exactly an instance whose key has the thumbprint `jkt`."""
    apart, history = history_items.split(item)
    stored: _StoredAndroid | _StoredApple = from_item(apart, _StoredAndroid | _StoredApple, of="instance")
    try:
        kept = _kept_evidence(stored)
    except ValueError as error:  # msgspec.DecodeError is one
        raise _not_of_its_form() from error
    app_attest = None
    if isinstance(stored, _StoredApple):
        app_attest = AppAttestKey(
            key_id=stored.app_attest_key,
            public_key=EcPublicJwk(x=stored.app_attest_x, y=stored.app_attest_y),
            counter=stored.app_attest_counter,
        )
    instance = Instance(
        jwk=EcPublicJwk(x=stored.jwk_x, y=stored.jwk_y),
        app=stored.app,
        kept=kept,
        enrolled_at=from_ms(stored.enrolled_at),
        attested_at=from_ms(stored.attested_at),
        app_attest=app_attest,
        blocked=stored.blocked,
        history=history,
    )
    if instance.jkt != jkt or stored.id != instance_key(jkt):
        raise _not_of_its_form()
    return instance


def _not_of_its_form() -> Malfunction:
    return Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "instance: the stored item is not of its form")


def _stored_evidence(kept: KeptEvidence) -> _Android | _Apple:
    match kept:
        case KeptAndroid():
            return _Android(
                certificate_serials=tuple(_hex(serial) for serial in kept.certificate_serials),
                security_level=kept.security_level,
                provisioning=kept.provisioning,
                attestation_version=_hex(kept.attestation_version),
                device_locked=kept.device_locked,
                verified_boot_state_raw=_hex_or_none(kept.verified_boot_state_raw),
                verified_boot_key=kept.verified_boot_key,
                os_version=_hex_or_none(kept.os_version),
                os_patch_level=_patch(kept.os_patch_level),
                vendor_patch_level=_patch(kept.vendor_patch_level),
                boot_patch_level=_patch(kept.boot_patch_level),
                packages=tuple((package.name, _hex(package.version)) for package in kept.packages),
                signature_digests=kept.signature_digests,
                attest_key=kept.attest_key,
            )
        case KeptApple():
            return _Apple(
                app_id=kept.app_id,
                environment="production" if kept.environment is AppleEnvironment.PRODUCTION else "development",
                certificate_serials=tuple(_hex(serial) for serial in kept.certificate_serials),
            )


def _stored_validation(validation: AppleValidation) -> _Validation:
    return _Validation(
        validation_category=_hex_or_none(validation.validation_category),
        bundle_version=validation.bundle_version,
        unknown_members=validation.unknown_members,
    )


def _kept_evidence(stored: _StoredAndroid | _StoredApple) -> KeptEvidence:
    """Raises ValueError, also where the documents are of another platform than the item."""
    match stored:
        case _StoredAndroid():
            android = msgspec.json.decode(stored.kept, type=_Android, strict=True)
            return KeptAndroid(
                certificate_serials=tuple(int(serial, 16) for serial in android.certificate_serials),
                security_level=android.security_level,
                provisioning=android.provisioning,
                attestation_version=int(android.attestation_version, 16),
                device_locked=android.device_locked,
                verified_boot_state_raw=_int_or_none(android.verified_boot_state_raw),
                verified_boot_key=android.verified_boot_key,
                os_version=_int_or_none(android.os_version),
                os_patch_level=_patch_level(android.os_patch_level),
                vendor_patch_level=_patch_level(android.vendor_patch_level),
                boot_patch_level=_patch_level(android.boot_patch_level),
                packages=tuple(AndroidPackage(name, int(version, 16)) for name, version in android.packages),
                signature_digests=android.signature_digests,
                attest_key=android.attest_key,
                play_integrity=None if stored.play_integrity is None else verdict_items.read(stored.play_integrity),
            )
        case _StoredApple():
            apple = msgspec.json.decode(stored.kept, type=_Apple, strict=True)
            validation = msgspec.json.decode(stored.validation, type=_Validation, strict=True)
            return KeptApple(
                app_id=apple.app_id,
                environment=AppleEnvironment[apple.environment.upper()],
                certificate_serials=tuple(int(serial, 16) for serial in apple.certificate_serials),
                validation=AppleValidation(
                    validation_category=_int_or_none(validation.validation_category),
                    bundle_version=validation.bundle_version,
                    unknown_members=validation.unknown_members,
                ),
                risk_metric=_risk_metric(stored),
            )


def _risk_metric(stored: _StoredApple) -> KeptRiskMetric | None:
    match stored.risk_metric, stored.risk_measured_at:
        case None, None:
            return None
        case str(value), int(measured_at):
            return KeptRiskMetric(value=int(value, 16), measured_at=from_ms(measured_at))
        case _:
            raise ValueError("a risk metric without its time, or a time without its metric")


def _hex(number: int) -> str:
    return format(number, "x")


def _hex_or_none(number: int | None) -> str | None:
    return None if number is None else _hex(number)


def _int_or_none(text: str | None) -> int | None:
    return None if text is None else int(text, 16)


def _patch(level: PatchLevel | None) -> _Patch | None:
    return None if level is None else (level.year, level.month, level.day)


def _patch_level(stored: _Patch | None) -> PatchLevel | None:
    return None if stored is None else PatchLevel(*stored)
