"""One test per lie: what a phone says about itself buys it nothing, by the baseline.

What it says and hardware contradicts counts as hardware has it; where hardware is silent, the strictest reading counts.
Which failure happened is the service's own word. Lies that the whole service sees through before anything is judged (a
clock, a level of hardware, a statement's platform) have their tests in tests/service and tests/android_key.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.appraisal import appraise
from chalicelib.appraisal.claims import REGISTRY
from chalicelib.endorsements.google_status import StatusList
from chalicelib.model.apps import AppVersion
from chalicelib.model.claims import (
    AndroidPackage,
    AppleValidation,
    CheckState,
    Outage,
    PatchLevel,
    Unattested,
)
from chalicelib.model.reasons import AppraisalReason as Reason
from chalicelib.model.submission import Format, UnattestedCause
from chalicelib.model.trust import Tier
from tests.appraisal.conftest import APP, NOW

OLD = AppVersion(
    name="6.0.0", android_version_code=60, apple_bundle_version="60", required_checks=("environment.root",)
)
NEW = AppVersion(
    name="7.1.0",
    android_version_code=71,
    apple_bundle_version="71",
    required_checks=("environment.root", "code.hooking", "application.tampering"),
)
RELEASED = replace(APP, versions=(OLD, NEW))
# The new version's checks were kept from running.
HELD_BACK = {"code.hooking": CheckState.NOT_RUN, "application.tampering": CheckState.NOT_RUN}


@pytest.fixture
def judged(baseline):
    def judge(evidence, *, app=RELEASED, **choices):
        given = {"status_list": StatusList({}), "status_list_at": NOW, **choices}
        return appraise(evidence, app=app, policy=baseline, now=NOW, **given)

    return judge


@given(provider=st.text(min_size=1, max_size=64), version=st.text(min_size=1, max_size=64))
def test_the_name_and_version_of_the_library(baseline, android, report, provider, version):
    def judge(**said):
        evidence = android(rasp=report(checks=HELD_BACK, **said))
        return appraise(evidence, app=APP, policy=baseline, status_list=StatusList({}), status_list_at=NOW, now=NOW)

    assert judge(provider=provider, sdk_version=version) == judge()


@pytest.mark.parametrize("claimed", ["6.0.0", "7.1.0", "5.0", "99", "7.1.0 "])
def test_the_version_of_the_app_where_android_states_it(judged, android, report, claimed):
    """An old version had fewer checks to run; Android says which version made the key."""
    verdict = judged(android(rasp=report(checks=HELD_BACK, app_version=claimed)))
    assert verdict.tier.severity >= Tier.WARNING.severity
    assert Reason.RASP_CHECK_NOT_RUN in verdict.reasons
    if claimed == "6.0.0":
        assert Reason.RASP_APP_VERSION_MISMATCH in verdict.reasons


@pytest.mark.parametrize("claimed", ["6.0.0", "5.0"])
def test_the_version_of_the_app_where_apple_states_it(judged, apple, report, claimed):
    verdict = judged(apple(rasp=report(checks=HELD_BACK, app_version=claimed)))
    assert verdict.tier.severity >= Tier.WARNING.severity
    assert Reason.RASP_CHECK_NOT_RUN in verdict.reasons


@pytest.mark.parametrize("claimed", ["6.0.0", "7.1.0", "5.0"])
def test_the_version_of_the_app_where_nobody_else_states_it(judged, apple, android, report, claimed):
    """Then the checks of all versions are required: the phone's word takes none away."""
    before_ios_27 = AppleValidation(validation_category=None, bundle_version=None)
    rasp = report(checks=HELD_BACK, app_version=claimed)
    shared = (AndroidPackage("com.example.bank", 71), AndroidPackage("com.example.bank", 60))
    for evidence in (apple(rasp=rasp, validation=before_ios_27), android(rasp=rasp, packages=shared)):
        verdict = judged(evidence)
        assert verdict.tier.severity >= Tier.WARNING.severity
        assert Reason.RASP_CHECK_NOT_RUN in verdict.reasons


def test_an_old_version_that_is_one_is_asked_for_its_own_checks(judged, android, report):
    """The counterpart: otherwise the tests above would hold for any policy that trusts nobody."""
    evidence = android(rasp=report(checks={**HELD_BACK, "environment.root": CheckState.NOT_RUN}, app_version="6.0.0"))
    old = replace(evidence, platform=replace(evidence.platform, packages=(AndroidPackage("com.example.bank", 60),)))
    assert Reason.RASP_CHECK_NOT_RUN in judged(old).reasons
    clean = android(rasp=report(), packages=(AndroidPackage("com.example.bank", 71),))
    assert judged(clean).tier is Tier.AFFIRMING


def test_the_version_of_the_system_is_nobodys_word_but_the_hardwares(judged, android, report):
    """No report and no descriptor has a place for it, and what the hardware states is not the app's to write."""
    assert {name for name in REGISTRY if "os_version" in name or "os_patch" in name} == {
        "android.os_version",
        "android.os_patch_age_days",
    }
    old = android(os_patch_level=PatchLevel(2020, 1), rasp=report(app_version="16", sdk_version="36"))
    assert Reason.ANDROID_PATCH_LEVEL_OLD in judged(old).reasons


@pytest.mark.parametrize("level", [PatchLevel(2026, 10), PatchLevel(2030, 1), PatchLevel(9999, 12)])
def test_a_patch_level_of_the_future(judged, android, level):
    assert judged(android(os_patch_level=level)).reasons == (Reason.ANDROID_PATCH_LEVEL_UNKNOWN,)


def test_a_newer_schema_does_not_hide_what_ran(judged, android, report):
    newer = report(known_schema=False, dialect=None, checks=dict.fromkeys(report().checks, CheckState.NOT_RUN))
    verdict = judged(android(rasp=newer))
    assert verdict.tier.severity >= Tier.WARNING.severity
    assert {Reason.RASP_SCHEMA_UNKNOWN, Reason.RASP_CHECK_NOT_RUN} <= set(verdict.reasons)


def test_a_root_that_hides_from_the_app_does_not_hide_from_the_hardware(judged, android, report):
    evidence = android(rasp=report(), device_locked=False, verified_boot_state_raw=2)
    assert judged(evidence).tier is Tier.CONTRAINDICATED


@pytest.mark.parametrize("cause", UnattestedCause)
@pytest.mark.parametrize("app", [RELEASED, replace(RELEASED, apple=None), replace(RELEASED, android=None)])
def test_why_there_is_no_statement(judged, android, cause, app):
    """`platform_unavailable` sounds like an outage. It is the phone that says so, and an outage it is not."""
    evidence = replace(android(fresh=()), platform=Unattested(cause))
    verdict = judged(evidence, app=app)
    assert verdict.tier.severity >= Tier.NONE.severity
    assert {advice.decision.value for advice in verdict.advice.values()} == {"deny"}


def test_a_platform_that_it_is_not_on(judged, android, apple):
    """Of an app that is on one platform alone, the other one's genuine statement is a stranger's."""
    assert judged(android(), app=replace(RELEASED, android=None)).tier is Tier.CONTRAINDICATED
    assert judged(apple(), app=replace(RELEASED, apple=None)).tier is Tier.CONTRAINDICATED


def test_a_token_that_it_did_not_send_is_no_outage(judged, android):
    """An outage has milder words in some policies than a missing token; which it was, the service saw."""
    sent_none, met_an_outage = android(), replace(android(), unavailable={Format.PLAY_INTEGRITY: Outage.UNAVAILABLE})
    assert Reason.PLAY_INTEGRITY_UNAVAILABLE not in judged(sent_none).reasons
    assert judged(met_an_outage).reasons == (Reason.PLAY_INTEGRITY_UNAVAILABLE,)


def test_the_clock(judged, android, apple, report):
    """Nothing that is judged has a time of the phone's in it: setting its clock makes no statement younger or older."""
    for phone in (android, apple):
        wrong = phone(rasp=report(checks={"environment.time_spoofing": CheckState.DETECTED}))
        assert judged(wrong) == judged(phone())
