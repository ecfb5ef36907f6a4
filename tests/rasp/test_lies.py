"""What a phone may write into its report, and what it does not gain by it: the whole way from bytes to the verdict."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay_toolkit.policy import compile_policy
from chalicelib.appraisal import appraise, load_policy
from chalicelib.endorsements.google_status import StatusList
from chalicelib.model.apps import AndroidReference, AppleReference, AppRegistration, AppVersion
from chalicelib.model.claims import (
    AndroidPackage,
    AppleEnvironment,
    AppleValidation,
    EvidenceSet,
    KeptAndroid,
    KeptApple,
    PatchLevel,
    Provisioning,
    SecurityLevel,
)
from chalicelib.model.outcome import Refused
from chalicelib.model.play_integrity import KeptPlayIntegrity, VerifiedPlayIntegrity
from chalicelib.model.rasp import CHECKS
from chalicelib.model.reasons import AppraisalReason, RefusalReason
from chalicelib.model.submission import Format, PlayIntegrityRequest
from chalicelib.model.trust import Tier

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
CORE = ("application.tampering", "code.hooking", "environment.root")
NEWER = (*CORE, "environment.accessibility", "environment.automation")
APP = AppRegistration(
    app="demo-bank",
    android=AndroidReference(packages=("com.example.bank",), signature_digests=(bytes(32),)),
    apple=AppleReference(app_ids=("A1B2C3D4E5.com.example.bank",), environment=AppleEnvironment.PRODUCTION),
    versions=(
        AppVersion(name="7.0.0", android_version_code=70, apple_bundle_version="70", required_checks=CORE),
        AppVersion(name="7.1.0", android_version_code=71, apple_bundle_version="71", required_checks=NEWER),
    ),
)
ANDROID = KeptAndroid(
    certificate_serials=(7,),
    security_level=SecurityLevel.TRUSTED_ENVIRONMENT,
    provisioning=Provisioning.FACTORY,
    attestation_version=300,
    device_locked=True,
    verified_boot_state_raw=0,
    verified_boot_key=bytes(32),
    os_version=160000,
    os_patch_level=PatchLevel(2026, 6),
    vendor_patch_level=None,
    boot_patch_level=None,
    packages=(AndroidPackage("com.example.bank", 71),),
    signature_digests=(bytes(32),),
)
APPLE = KeptApple(
    app_id="A1B2C3D4E5.com.example.bank",
    environment=AppleEnvironment.PRODUCTION,
    certificate_serials=(),
    validation=AppleValidation(validation_category=4, bundle_version="71"),
)
MISMATCH, NOT_RUN = AppraisalReason.RASP_APP_VERSION_MISMATCH, AppraisalReason.RASP_CHECK_NOT_RUN


@pytest.fixture(scope="module")
def policy():
    return load_policy(compile_policy(Path(__file__).resolve().parents[2] / "policies" / "baseline.yaml"))


@pytest.fixture
def judge(verify, policy):
    def judge(report, *, platform=ANDROID, fresh=(Format.ANDROID_KEY,), app=APP):
        verified = verify(report)
        assert not isinstance(verified, Refused)
        evidence = EvidenceSet(platform=platform, platform_attested_at=NOW, rasp=verified, fresh_formats=fresh)
        return appraise(evidence, app=app, policy=policy, status_list=StatusList({}), status_list_at=NOW, now=NOW)

    return judge


def enrolled(version):
    return replace(ANDROID, packages=(AndroidPackage("com.example.bank", version),))


def plain(ran, *, detected=(), **changes):
    return {
        "schema": 1,
        "provider": "ours",
        "sdk_version": "1",
        "app_version": "7.1.0",
        "dialect": "plain",
        "detected": list(detected),
        "clear": [check for check in ran if check not in detected],
        **changes,
    }


def test_an_honest_report_of_each_version(judge):
    assert judge(plain(NEWER)).tier is Tier.AFFIRMING
    assert judge(plain(CORE, app_version="7.0.0"), platform=enrolled(70)).tier is Tier.AFFIRMING
    apple = replace(APPLE, validation=AppleValidation(validation_category=4, bundle_version="70"))
    judged = judge(plain(CORE, app_version="7.0.0"), platform=apple, fresh=(Format.APPLE_ASSERTION,))
    assert judged.tier is Tier.AFFIRMING


@pytest.mark.parametrize(
    ("platform", "fresh"),
    [(ANDROID, Format.ANDROID_KEY), (ANDROID, Format.INSTANCE), (APPLE, Format.APPLE_ASSERTION)],
)
def test_lie_an_older_version_with_fewer_checks(judge, platform, fresh):
    judged = judge(plain(CORE, app_version="7.0.0"), platform=platform, fresh=(fresh,))
    assert judged.tier is Tier.WARNING
    assert set(judged.reasons) == {MISMATCH, NOT_RUN}


def test_lie_a_version_that_nobody_released(judge):
    judged = judge(plain(CORE, app_version="0.0.1"))
    assert set(judged.reasons) == {MISMATCH, NOT_RUN}
    silent = judge(plain(CORE, app_version="0.0.1"), platform=replace(ANDROID, packages=(), signature_digests=()))
    assert NOT_RUN in silent.reasons


def test_lie_the_version_of_a_phone_whose_platform_states_none(judge):
    """An iPhone before iOS 27: the checks of all versions are wanted, whatever the report says."""
    before = replace(APPLE, validation=AppleValidation(validation_category=None, bundle_version=None))
    apple = {"platform": before, "fresh": (Format.APPLE_ASSERTION,)}
    assert judge(plain(CORE, app_version="7.0.0"), **apple).reasons == (NOT_RUN,)
    assert judge(plain(NEWER, app_version="7.1.0"), **apple).tier is Tier.AFFIRMING


def test_lie_a_version_of_an_app_that_is_newer_than_the_register(judge):
    assert NOT_RUN in judge(plain(CORE, app_version="9.0.0"), platform=enrolled(90)).reasons
    assert judge(plain(NEWER, app_version="9.0.0"), platform=enrolled(90)).tier is Tier.AFFIRMING


def test_an_update_after_enrolment_is_no_lie_and_brings_its_checks(judge):
    renewal = {"platform": enrolled(70), "fresh": (Format.INSTANCE,)}
    assert judge(plain(NEWER), **renewal).tier is Tier.AFFIRMING
    assert judge(plain(CORE), **renewal).reasons == (NOT_RUN,)
    assert judge(plain(CORE, app_version="7.0.0"), **renewal).tier is Tier.AFFIRMING


def test_lie_the_version_before_an_update_that_google_play_saw(judge):
    verdict = VerifiedPlayIntegrity(
        request=PlayIntegrityRequest.CLASSIC,
        requested_at=NOW,
        testing=False,
        package="com.example.bank",
        app_recognition="PLAY_RECOGNIZED",
        certificate_digests=(bytes(32),),
        version_code=71,
        device_recognition=("MEETS_DEVICE_INTEGRITY",),
        device_activity=None,
        device_sdk_version=None,
        device_recall=None,
        apps_detected=None,
        app_licensing="LICENSED",
        play_protect=None,
    )
    seen = replace(enrolled(70), play_integrity=KeptPlayIntegrity(verdict=verdict, verified_at=NOW))
    for fresh in ((Format.INSTANCE, Format.PLAY_INTEGRITY), (Format.INSTANCE,)):
        judged = judge(plain(CORE, app_version="7.0.0"), platform=seen, fresh=fresh)
        assert set(judged.reasons) == {MISMATCH, NOT_RUN}
        assert judge(plain(NEWER), platform=seen, fresh=fresh).tier is Tier.AFFIRMING
    # What Google says now is the version that runs; what it said once may be that of before an update.
    unheard_of = plain(NEWER, app_version="9.0.0")
    assert judge(unheard_of, platform=seen, fresh=(Format.INSTANCE, Format.PLAY_INTEGRITY)).reasons == (MISMATCH,)
    assert judge(unheard_of, platform=seen, fresh=(Format.INSTANCE,)).tier is Tier.AFFIRMING


def test_lie_a_newer_schema(judge):
    newer = {"schema": 2, "provider": "ours", "sdk_version": "1", "app_version": "7.1.0", "clear": sorted(CHECKS)}
    judged = judge(newer)
    assert judged.tier is Tier.WARNING
    assert {AppraisalReason.RASP_SCHEMA_UNKNOWN, NOT_RUN} <= set(judged.reasons)
    # Nobody can say that it left out for good what the version need not run.
    assert "rasp-tracing" in {applied.rule for applied in judged.applied}


def test_lie_another_provider_that_finds_nothing(judge):
    """Its word is as good as any, and lifts nothing that hardware speaks against."""
    judged = judge(plain(CHECKS, provider="Trusted By All"), platform=replace(ANDROID, device_locked=False))
    assert judged.tier is Tier.CONTRAINDICATED
    assert judged.reasons == (AppraisalReason.ANDROID_BOOTLOADER_UNLOCKED,)


@pytest.mark.parametrize("left_out", NEWER)
def test_lie_a_check_that_is_left_out(judge, left_out):
    judged = judge(plain([check for check in NEWER if check != left_out]))
    assert judged.tier is not Tier.AFFIRMING
    assert NOT_RUN in judged.reasons


def test_lie_the_dialect_with_fewer_checks(judge):
    freerasp = {
        "schema": 1,
        "provider": "talsec",
        "sdk_version": "20.0.1",
        "app_version": "7.1.0",
        "dialect": "freerasp",
        "platform": "android",
        "callbacks": [],
        "checks_finished": True,
    }
    assert judge(freerasp).reasons == (NOT_RUN,)  # it does not look at accessibility services
    assert judge({**freerasp, "platform": "ios"}).reasons == (NOT_RUN,)
    assert judge({**freerasp, "app_version": "7.0.0"}, platform=enrolled(70)).tier is Tier.AFFIRMING
    unfinished = {**freerasp, "app_version": "7.0.0", "checks_finished": False}
    assert judge(unfinished, platform=enrolled(70)).reasons == (NOT_RUN,)


def test_lie_a_callback_by_a_name_of_its_own(judge):
    freerasp = {
        "schema": 1,
        "provider": "talsec",
        "sdk_version": "20.0.1",
        "app_version": "7.0.0",
        "dialect": "freerasp",
        "platform": "android",
        "callbacks": ["onHоoks"],  # noqa: RUF001 - with a Cyrillic letter, as the lie has it
        "checks_finished": True,
    }
    assert judge(freerasp, platform=enrolled(70)).reasons == (AppraisalReason.RASP_SIGNAL_UNKNOWN,)


def test_lie_clear_and_detected_at_once(verify):
    report = plain(NEWER, detected=["code.hooking"])
    report["clear"].append("code.hooking")
    refused = verify(report)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.RASP_MALFORMED


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(plain(NEWER, detected=["code.hooking"])).replace('"detected":', '"detected": [], "detected":', 1),
        json.dumps(plain(NEWER)).replace('"dialect":', '"dialect": "assay", "dialect":', 1),
        json.dumps(plain((*NEWER, "code.hooking"))),
    ],
)
def test_lie_a_second_reading(verify, raw):
    assert isinstance(verify(raw.encode()), Refused)


def test_what_need_not_run_may_still_speak(judge):
    judged = judge(plain(NEWER, detected=["environment.root"]))
    assert judged.tier is Tier.CONTRAINDICATED
    more = plain(NEWER, detected=["code.injection"])
    assert judge(more).reasons == (AppraisalReason.RASP_INJECTION,)


def test_several_packages_under_one_user_id_state_no_version(judge):
    """One of them is not the app that reports; which, nobody says. All versions' checks are wanted then."""
    app = replace(
        APP, android=AndroidReference(packages=("com.example.bank", "com.example.pay"), signature_digests=(bytes(32),))
    )
    both = replace(ANDROID, packages=(AndroidPackage("com.example.bank", 70), AndroidPackage("com.example.pay", 71)))
    assert judge(plain(CORE, app_version="7.0.0"), platform=both, app=app).reasons == (NOT_RUN,)
    assert judge(plain(NEWER), platform=both, app=app).tier is Tier.AFFIRMING


def test_without_versions_every_check_that_rules_look_at_counts(judge):
    judged = judge(plain(NEWER), app=replace(APP, versions=()))
    assert judged.reasons == (NOT_RUN,)


def test_versions_of_the_other_platform_ask_nothing(judge):
    apple_alone = replace(APP, versions=(replace(APP.versions[0], android_version_code=None),))
    assert judge(plain(CHECKS), app=apple_alone).tier is Tier.AFFIRMING
    assert judge(plain(CORE), app=apple_alone).reasons == (NOT_RUN,)


def test_a_listed_app_that_is_installed(judge):
    seen = [{"check": "environment.malware", "kind": "package", "value": "com.chelpus.lackypatch"}]
    assert judge(plain(NEWER, observations=seen)).reasons == (AppraisalReason.RASP_PACKAGE_LISTED,)
    library = [{**seen[0], "kind": "library"}]
    assert judge(plain(NEWER, observations=library)).tier is Tier.AFFIRMING
