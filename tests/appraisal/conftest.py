"""Sound phones as verified evidence, the app that they run, and the shipped policy."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay_toolkit.policy import compile_policy
from chalicelib.appraisal import Policy, load_policy
from chalicelib.endorsements.google_status import StatusList
from chalicelib.model.apps import AndroidReference, AppleReference, AppRegistration
from chalicelib.model.claims import (
    AndroidPackage,
    AppleEnvironment,
    AppleValidation,
    CheckState,
    EvidenceSet,
    KeptAndroid,
    KeptApple,
    PatchLevel,
    Provisioning,
    SecurityLevel,
    VerifiedBootState,
    VerifiedRaspReport,
)
from chalicelib.model.rasp import CHECKS
from chalicelib.model.submission import Format

POLICIES = Path(__file__).resolve().parents[2] / "policies"
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SIGNER = bytes(32)

ANDROID = KeptAndroid(
    certificate_serials=(7, 0xC0FFEE),
    security_level=SecurityLevel.TRUSTED_ENVIRONMENT,
    provisioning=Provisioning.REMOTE,
    attestation_version=400,
    device_locked=True,
    verified_boot_state_raw=VerifiedBootState.VERIFIED,
    verified_boot_key=bytes(32),
    os_version=160000,
    os_patch_level=PatchLevel(2026, 6),
    vendor_patch_level=PatchLevel(2026, 6, 5),
    boot_patch_level=None,
    packages=(AndroidPackage("com.example.bank", 71),),
    signature_digests=(SIGNER,),
)
APPLE = KeptApple(
    app_id="A1B2C3D4E5.com.example.bank",
    environment=AppleEnvironment.PRODUCTION,
    certificate_serials=(5,),
    validation=AppleValidation(validation_category=4, bundle_version="71"),
)
REPORT = VerifiedRaspReport(
    schema_version=1,
    known_schema=True,
    provider="acme-shield",
    sdk_version="4.2.0",
    app_version="7.1.0",
    checks=dict.fromkeys(CHECKS, CheckState.CLEAR),
)
APP = AppRegistration(
    app="demo-bank",
    android=AndroidReference(packages=("com.example.bank",), signature_digests=(SIGNER,)),
    apple=AppleReference(app_ids=("A1B2C3D4E5.com.example.bank",), environment=AppleEnvironment.PRODUCTION),
)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def bank() -> AppRegistration:
    return APP


@pytest.fixture(scope="session")
def empty_list() -> StatusList:
    return StatusList({})


@pytest.fixture(scope="session")
def baseline_document() -> bytes:
    return compile_policy(POLICIES / "baseline.yaml")


@pytest.fixture(scope="session")
def baseline(baseline_document: bytes) -> Policy:
    return load_policy(baseline_document)


@pytest.fixture(scope="session")
def android() -> Callable[..., EvidenceSet]:
    """An enrolment of a sound phone, with these fields of `KeptAndroid` changed."""

    def build(*, rasp=REPORT, fresh=(Format.ANDROID_KEY,), **changes) -> EvidenceSet:
        kept = replace(ANDROID, **changes)
        return EvidenceSet(platform=kept, platform_attested_at=NOW, rasp=rasp, fresh_formats=fresh)

    return build


@pytest.fixture(scope="session")
def apple() -> Callable[..., EvidenceSet]:
    def build(*, rasp=REPORT, fresh=(Format.APPLE_ATTESTATION,), **changes) -> EvidenceSet:
        kept = replace(APPLE, **changes)
        return EvidenceSet(platform=kept, platform_attested_at=NOW, rasp=rasp, fresh_formats=fresh)

    return build


@pytest.fixture(scope="session")
def report() -> Callable[..., VerifiedRaspReport]:
    """A clean report, with these checks in another state and these members changed."""

    def build(*, checks=None, **changes) -> VerifiedRaspReport:
        return replace(REPORT, checks={**REPORT.checks, **(checks or {})}, **changes)

    return build
