"""From verified evidence to a verdict: how claims come about, and how pieces of evidence are weighed together."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import rfc8785

from chalicelib.appraisal import appraise, load_policy
from chalicelib.endorsements.google_status import StatusEntry, StatusList
from chalicelib.model.claims import (
    AndroidPackage,
    AppleEnvironment,
    AppleValidation,
    CheckState,
    Observation,
    PatchLevel,
)
from chalicelib.model.reasons import AppraisalReason as Reason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Component, Tier
from chalicelib.model.verdict import Decision, Obligation


@pytest.fixture
def judged(baseline, bank, empty_list, now):
    def judge(evidence, **changes):
        given = {"app": bank, "policy": baseline, "status_list": empty_list, "status_list_at": now, "now": now}
        return appraise(evidence, **(given | changes))

    return judge


@pytest.fixture
def changed_baseline(baseline_document):
    def change(edit):
        document = json.loads(baseline_document)
        edit(document)
        return load_policy(rfc8785.dumps(document))

    return change


def test_a_sound_android_phone(judged, android, baseline):
    verdict = judged(android())
    assert verdict.tier is Tier.AFFIRMING
    assert [submodule.format for submodule in verdict.submodules] == [Format.ANDROID_KEY, Format.RASP]
    assert verdict.reasons == ()
    assert verdict.applied == ()
    assert verdict.policy_id == f"baseline@{baseline.digest}"
    assert verdict.advice["transfer"].decision is Decision.ALLOW


def test_a_sound_apple_phone(judged, apple):
    verdict = judged(apple())
    assert verdict.tier is Tier.AFFIRMING
    assert [submodule.format for submodule in verdict.submodules] == [Format.APPLE_ATTESTATION, Format.RASP]


def test_renewals_name_what_was_judged(judged, android, apple):
    assert judged(android(fresh=())).submodules[0].format is Format.INSTANCE
    assert judged(android(fresh=(Format.RASP,))).submodules[0].format is Format.INSTANCE
    assert judged(apple(fresh=(Format.APPLE_ASSERTION,))).submodules[0].format is Format.APPLE_ASSERTION


@pytest.mark.parametrize(
    ("changes", "tier", "reasons"),
    [
        ({"device_locked": False}, Tier.CONTRAINDICATED, [Reason.ANDROID_BOOTLOADER_UNLOCKED]),
        ({"device_locked": None}, Tier.CONTRAINDICATED, [Reason.ANDROID_ROOT_OF_TRUST_MISSING]),
        (
            {"verified_boot_state_raw": 1},
            Tier.CONTRAINDICATED,
            [Reason.ANDROID_BOOT_NOT_VERIFIED, Reason.ANDROID_SYSTEM_ALTERNATIVE],
        ),
        ({"verified_boot_state_raw": 77}, Tier.CONTRAINDICATED, [Reason.ANDROID_BOOT_NOT_VERIFIED]),
        ({"verified_boot_state_raw": None}, Tier.CONTRAINDICATED, [Reason.ANDROID_ROOT_OF_TRUST_MISSING]),
        ({"packages": (AndroidPackage("org.attacker", 1),)}, Tier.CONTRAINDICATED, [Reason.ANDROID_PACKAGE_FOREIGN]),
        (
            {"packages": (AndroidPackage("com.example.bank", 71), AndroidPackage("org.attacker", 1))},
            Tier.CONTRAINDICATED,
            [Reason.ANDROID_PACKAGE_FOREIGN],
        ),
        ({"packages": ()}, Tier.CONTRAINDICATED, [Reason.ANDROID_APP_ID_MISSING]),
        ({"signature_digests": (b"\1" * 32,)}, Tier.CONTRAINDICATED, [Reason.ANDROID_SIGNER_FOREIGN]),
        ({"signature_digests": (bytes(32), b"\1" * 32)}, Tier.CONTRAINDICATED, [Reason.ANDROID_SIGNER_FOREIGN]),
        ({"signature_digests": ()}, Tier.CONTRAINDICATED, [Reason.ANDROID_APP_ID_MISSING]),
        # A year before 2026-07-01, to the day, and the month before it.
        ({"os_patch_level": PatchLevel(2025, 7)}, Tier.AFFIRMING, []),
        ({"os_patch_level": PatchLevel(2025, 6, 30)}, Tier.WARNING, [Reason.ANDROID_PATCH_LEVEL_OLD]),
        ({"os_patch_level": PatchLevel(2026, 9)}, Tier.AFFIRMING, []),
        ({"os_patch_level": PatchLevel(2026, 9, 2)}, Tier.WARNING, [Reason.ANDROID_PATCH_LEVEL_UNKNOWN]),
        ({"os_patch_level": PatchLevel(2099, 1)}, Tier.WARNING, [Reason.ANDROID_PATCH_LEVEL_UNKNOWN]),
        ({"os_patch_level": None}, Tier.WARNING, [Reason.ANDROID_PATCH_LEVEL_UNKNOWN]),
        ({"os_patch_level": PatchLevel(2019, 13)}, Tier.WARNING, [Reason.ANDROID_PATCH_LEVEL_UNKNOWN]),
        ({"certificate_serials": ()}, Tier.WARNING, [Reason.ANDROID_REVOCATION_UNKNOWN]),
    ],
)
def test_android_claims(judged, android, changes, tier, reasons):
    verdict = judged(android(**changes))
    assert (verdict.tier, list(verdict.reasons)) == (tier, reasons)


@pytest.mark.parametrize(
    ("changes", "tier", "reasons"),
    [
        ({"app_id": "A1B2C3D4E5.org.attacker"}, Tier.CONTRAINDICATED, [Reason.APPLE_APP_FOREIGN]),
        (
            {"environment": AppleEnvironment.DEVELOPMENT},
            Tier.CONTRAINDICATED,
            [Reason.APPLE_ENVIRONMENT_FOREIGN, Reason.APPLE_DEVELOPMENT_ENVIRONMENT],
        ),
        ({"validation": AppleValidation(validation_category=None, bundle_version=None)}, Tier.AFFIRMING, []),
        (
            {"validation": AppleValidation(validation_category=10, bundle_version="71")},
            Tier.WARNING,
            [Reason.APPLE_LAUNCH_CATEGORY],
        ),
    ],
)
def test_apple_claims(judged, apple, changes, tier, reasons):
    verdict = judged(apple(**changes))
    assert (verdict.tier, list(verdict.reasons)) == (tier, reasons)


def test_a_platform_that_the_app_is_not_registered_for(judged, android, apple, bank):
    assert Reason.ANDROID_PACKAGE_FOREIGN in judged(android(), app=replace(bank, android=None)).reasons
    assert Reason.APPLE_APP_FOREIGN in judged(apple(), app=replace(bank, apple=None)).reasons


@pytest.mark.parametrize("status", ["REVOKED", "SUSPENDED", "A_WORD_OF_NEXT_YEAR"])
def test_any_listed_serial_of_the_chain_counts(judged, android, status):
    listed = StatusList({0xC0FFEE: StatusEntry(status)})
    verdict = judged(android(fresh=()), status_list=listed)
    assert (verdict.tier, verdict.reasons) == (Tier.CONTRAINDICATED, (Reason.ANDROID_BATCH_KEY_REVOKED,))


def test_without_a_list_revocation_is_unknown(judged, android):
    verdict = judged(android(), status_list=None)
    assert (verdict.tier, verdict.reasons) == (Tier.WARNING, (Reason.ANDROID_REVOCATION_UNKNOWN,))


@pytest.mark.parametrize(
    ("age", "tier"),
    [
        (timedelta(hours=24), Tier.AFFIRMING),
        (timedelta(hours=24, seconds=1), Tier.WARNING),
        (None, Tier.WARNING),  # a list of unknown age is too old for a policy that bounds it
    ],
)
def test_a_list_older_than_the_bound_of_the_policy(judged, android, now, changed_baseline, age, tier):
    policy = changed_baseline(lambda document: document.update(revocation={"oldest_list_hours": 24}))
    verdict = judged(android(), policy=policy, status_list_at=None if age is None else now - age)
    assert verdict.tier is tier


@pytest.mark.parametrize(("hours", "reasons"), [(168, ()), (169, (Reason.ANDROID_REVOCATION_UNKNOWN,))])
def test_a_list_that_nobody_renewed_for_a_week_is_unknown_and_locks_nobody_out(judged, android, now, hours, reasons):
    listed = StatusList({1: StatusEntry("REVOKED")})
    verdict = judged(android(), status_list=listed, status_list_at=now - timedelta(hours=hours))
    assert verdict.reasons == reasons
    assert verdict.tier is (Tier.WARNING if reasons else Tier.AFFIRMING)


@pytest.mark.parametrize(
    ("observation", "listed"),
    [
        (Observation(check="code.injection", kind="library", value="Frida-Agent"), True),
        (Observation(check="code.injection", kind="library", value="my-frida-agent-viewer"), False),
        (Observation(check="code.injection", kind="file", value="frida-agent"), False),
        (Observation(check="code.injection", kind="library", value="renamed.so", digest="AB" * 32), True),
        (Observation(check="code.injection", kind="library", digest="cd" * 32), False),
    ],
)
def test_listed_libraries(judged, android, report, changed_baseline, observation, listed):
    policy = changed_baseline(lambda document: document["attack_libraries"].update(digests=["ab" * 32]))
    verdict = judged(android(rasp=report(observations=(observation,))), policy=policy)
    assert (Reason.RASP_LIBRARY_LISTED in verdict.reasons) is listed


def test_a_check_that_the_report_leaves_out_did_not_run(judged, android, report):
    rasp = report()
    partial = replace(rasp, checks={name: state for name, state in rasp.checks.items() if name != "code.hooking"})
    verdict = judged(android(rasp=partial))
    assert (verdict.tier, verdict.reasons) == (Tier.WARNING, (Reason.RASP_CHECK_NOT_RUN,))


def test_no_report_is_no_submodule(judged, android):
    verdict = judged(android(rasp=None))
    assert [submodule.format for submodule in verdict.submodules] == [Format.ANDROID_KEY]
    assert verdict.submodules[0].tier is Tier.AFFIRMING
    assert verdict.tier is Tier.WARNING


def test_a_policy_may_do_without_a_report_at_renewals_alone(judged, android, changed_baseline):
    policy = changed_baseline(lambda document: document["required"]["android"].update(renew=["instance"]))
    assert judged(android(rasp=None, fresh=()), policy=policy).tier is Tier.AFFIRMING
    assert judged(android(rasp=None), policy=policy).tier is Tier.WARNING


def test_software_lowers_and_its_own_vector_says_so(judged, android, report):
    verdict = judged(android(rasp=report(checks={"environment.root": CheckState.DETECTED})))
    hardware, software = verdict.submodules
    assert (hardware.tier, software.tier, verdict.tier) == (Tier.AFFIRMING, *[Tier.CONTRAINDICATED] * 2)
    assert software.vector.values[Component.CONFIGURATION] == 96
    assert verdict.advice["transfer"].obligations == (Obligation.INVESTIGATE, Obligation.END_SESSION)


def test_applied_rules_name_the_evidence_that_they_judged(judged, android, report):
    verdict = judged(android(rasp=report(checks={"code.tracing": CheckState.DETECTED}), device_locked=False, fresh=()))
    assert {(rule.rule, rule.format) for rule in verdict.applied} == {
        ("android-bootloader", Format.INSTANCE),
        ("rasp-tracing", Format.RASP),
    }


def test_the_age_of_the_list_can_be_asked_for_also_where_it_is_too_old_to_be_looked_at(
    judged, android, now, changed_baseline
):
    def bounded(document):
        document["revocation"] = {"oldest_list_hours": 2}
        document["rules"].append(
            {
                "rule": "old-list",
                "when": {"android.status_list_age_hours": {"at_least": 6}},
                "absent": "ignored",
                "lowers": "configuration",
                "to": "unsupportable",
                "reason": "android_revocation_unknown",
            }
        )

    policy = changed_baseline(bounded)
    just_below = now - timedelta(hours=6) + timedelta(seconds=1)
    assert judged(android(), policy=policy, status_list_at=just_below).tier is Tier.WARNING
    assert judged(android(), policy=policy, status_list_at=now - timedelta(hours=6)).tier is Tier.CONTRAINDICATED
    assert judged(android(), policy=policy, status_list=None, status_list_at=None).tier is Tier.WARNING


def test_the_age_of_the_statement_can_be_asked_for(judged, android, now, changed_baseline):
    def bounded(document):
        document["rules"].append(
            {
                "rule": "old-statement",
                "when": {"android.statement_age_days": {"more_than": 90}},
                "lowers": "configuration",
                "to": "unavailable",
                "reason": "android_patch_level_unknown",
            }
        )

    policy = changed_baseline(bounded)
    old = replace(android(fresh=()), platform_attested_at=now - timedelta(days=91))
    assert judged(android(fresh=()), policy=policy).tier is Tier.AFFIRMING
    assert judged(old, policy=policy).tier is Tier.WARNING
