"""What no phone may gain by: one more detection, evidence that it holds back, a claim that falls silent, a failure.

By the baseline, and by any policy that loads: `load_policy` refuses those for which it would be otherwise.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from chalicelib.appraisal import appraise
from chalicelib.appraisal.advice import is_milder
from chalicelib.appraisal.appraiser import judge
from chalicelib.appraisal.claims import REGISTRY, Evidence
from chalicelib.appraisal.collect import collect_claims
from chalicelib.endorsements.google_status import StatusList
from chalicelib.model.apps import AlternativeBootKey
from chalicelib.model.claims import (
    AndroidPackage,
    AppleEnvironment,
    AppleValidation,
    CheckState,
    EvidenceSet,
    KeptAndroid,
    KeptApple,
    Outage,
    PatchLevel,
    Provisioning,
    SecurityLevel,
    Unattested,
    VerifiedRaspReport,
)
from chalicelib.model.play_integrity import KeptPlayIntegrity, VerifiedPlayIntegrity
from chalicelib.model.rasp import CHECKS
from chalicelib.model.submission import Format, PlayIntegrityRequest, UnattestedCause
from chalicelib.model.trust import Tier
from tests.appraisal.conftest import APP, NOW, REPORT
from tests.appraisal.generated_policies import policies

BANK = replace(
    APP,
    android=replace(APP.android, alternative_boot_keys=(AlternativeBootKey(name="another system", key=b"\2" * 32),)),
)
EMPTY_LIST = StatusList({})
# The service's own words about what it could look up and have; no phone can take them back.
OURS = {"android.revoked", "play_integrity.status"}
SILENT = {
    "device_locked": None,
    "verified_boot_state_raw": None,
    "verified_boot_key": None,
    "os_patch_level": None,
    "packages": (),
    "signature_digests": (),
}
# The first draw of a policy looks for one that loads.
MANY_TRIES = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)

verdicts = st.builds(
    VerifiedPlayIntegrity,
    request=st.just(PlayIntegrityRequest.CLASSIC),
    requested_at=st.just(NOW),
    package=st.sampled_from(["com.example.bank", "org.attacker"]),
    app_recognition=st.sampled_from(["PLAY_RECOGNIZED", "UNRECOGNIZED_VERSION", None]),
    certificate_digests=st.sampled_from([(bytes(32),), ()]),
    version_code=st.just(71),
    device_recognition=st.sampled_from([("MEETS_DEVICE_INTEGRITY",), ("MEETS_BASIC_INTEGRITY",), ()]),
    device_activity=st.sampled_from(["LEVEL_1", "LEVEL_4", None]),
    device_sdk_version=st.none(),
    device_recall=st.none(),
    app_licensing=st.sampled_from(["LICENSED", None]),
    apps_detected=st.sampled_from([None, (), ("UNKNOWN_CONTROLLING",)]),
    play_protect=st.sampled_from(["NO_ISSUES", "HIGH_RISK", None]),
)
kept_verdicts = st.builds(
    lambda verdict, hours: KeptPlayIntegrity(verdict=verdict, verified_at=NOW - timedelta(hours=hours)),
    verdicts,
    st.sampled_from([0, 24, 25, 169]),
)
androids = st.builds(
    KeptAndroid,
    certificate_serials=st.sampled_from([(7,), (13,), ()]),
    security_level=st.sampled_from(SecurityLevel),
    provisioning=st.sampled_from(Provisioning),
    attestation_version=st.integers(1, 900),
    device_locked=st.sampled_from([True, False, None]),
    verified_boot_state_raw=st.sampled_from([0, 1, 2, 3, 9, None]),
    verified_boot_key=st.sampled_from([None, b"\1" * 32, b"\2" * 32]),
    os_version=st.none() | st.integers(0, 200000),
    os_patch_level=st.none() | st.builds(PatchLevel, st.integers(2015, 2027), st.integers(1, 12)),
    vendor_patch_level=st.none(),
    boot_patch_level=st.none(),
    packages=st.sampled_from([(AndroidPackage("com.example.bank", 1),), (AndroidPackage("org.attacker", 1),), ()]),
    signature_digests=st.sampled_from([(bytes(32),), (b"\1" * 32,), ()]),
    play_integrity=st.none() | kept_verdicts,
)
apples = st.builds(
    KeptApple,
    app_id=st.sampled_from(["A1B2C3D4E5.com.example.bank", "A1B2C3D4E5.org.attacker"]),
    environment=st.sampled_from(AppleEnvironment),
    certificate_serials=st.just(()),
    validation=st.builds(
        AppleValidation, validation_category=st.none() | st.integers(0, 11), bundle_version=st.none() | st.just("71")
    ),
)
reports = st.builds(
    VerifiedRaspReport,
    schema_version=st.just(1),
    known_schema=st.booleans(),
    provider=st.just("acme"),
    sdk_version=st.just("1"),
    app_version=st.sampled_from(["1", "9"]),
    checks=st.fixed_dictionaries(dict.fromkeys(CHECKS, st.sampled_from(CheckState))),
)


def sets(rasp, platform=androids | apples):
    return st.builds(
        EvidenceSet,
        platform=platform,
        platform_attested_at=st.just(NOW),
        rasp=rasp,
        fresh_formats=st.sampled_from([(), (Format.ANDROID_KEY, Format.APPLE_ATTESTATION)]),
    )


unattested = st.builds(Unattested, st.sampled_from(UnattestedCause))
everybody = sets(st.none() | reports, androids | apples | unattested)


def judged(evidence, policy, *, status_list=EMPTY_LIST, at=NOW):
    return appraise(evidence, app=BANK, policy=policy, status_list=status_list, status_list_at=at, now=NOW)


def no_better(worse, better):
    """Neither by tier, nor by advice for any action."""
    assert worse.tier.severity >= better.tier.severity
    for action, advice in better.advice.items():
        assert not is_milder(worse.advice[action], advice)


def submodule(verdict, format_):
    return next(item for item in verdict.submodules if item.format is format_)


@pytest.fixture(scope="session", params=["baseline", "any policy that loads"])
def ruled(request, baseline):
    """A strategy of policies."""
    return st.just(baseline) if request.param == "baseline" else policies()


class TestDetections:
    @MANY_TRIES
    @given(
        data=st.data(), evidence=sets(reports, androids | apples | unattested), check=st.sampled_from(sorted(CHECKS))
    )
    def test_one_more_never_improves(self, ruled, data, evidence, check):
        policy = data.draw(ruled)
        found = replace(evidence.rasp, checks={**evidence.rasp.checks, check: CheckState.DETECTED})
        no_better(judged(replace(evidence, rasp=found), policy), judged(evidence, policy))

    @given(evidence=sets(reports), check=st.sampled_from(sorted(CHECKS)))
    def test_a_check_that_is_held_back_never_beats_a_clear_one(self, baseline, evidence, check):
        def with_state(state):
            return replace(evidence, rasp=replace(evidence.rasp, checks={**evidence.rasp.checks, check: state}))

        held_back = judged(with_state(CheckState.NOT_RUN), baseline)
        no_better(held_back, judged(with_state(CheckState.CLEAR), baseline))

    @MANY_TRIES
    @given(data=st.data(), policy=policies(absent=False), evidence=sets(reports))
    def test_nor_a_detected_one_where_a_policy_says_nothing_of_absence(self, data, policy, evidence):
        check = data.draw(st.sampled_from(sorted(CHECKS)))
        states = {**evidence.rasp.checks, check: CheckState.NOT_RUN}
        no_better(
            judged(replace(evidence, rasp=replace(evidence.rasp, checks=states)), policy), judged(evidence, policy)
        )


class TestEvidenceThatIsHeldBack:
    @given(evidence=sets(reports))
    def test_a_hidden_report_never_beats_one_without_detections(self, baseline, evidence):
        states = evidence.rasp.checks.items()
        harmless = {name: CheckState.CLEAR if state is CheckState.DETECTED else state for name, state in states}
        shown = replace(evidence, rasp=replace(evidence.rasp, checks=harmless))
        no_better(judged(replace(evidence, rasp=None), baseline), judged(shown, baseline))

    @MANY_TRIES
    @given(policy=policies(trusts="rasp"), evidence=sets(reports, androids | apples | unattested))
    def test_nor_any_report_that_policy_has_nothing_against(self, policy, evidence):
        shown = judged(evidence, policy)
        assume(submodule(shown, Format.RASP).tier is Tier.AFFIRMING)
        no_better(judged(replace(evidence, rasp=None), policy), shown)

    @MANY_TRIES
    @given(policy=policies(trusts="play_integrity"), verdict=kept_verdicts, evidence=sets(st.just(REPORT), androids))
    def test_an_integrity_token_that_is_required_and_not_sent(self, policy, verdict, evidence):
        def with_verdict(kept):
            return judged(replace(evidence, platform=replace(evidence.platform, play_integrity=kept)), policy)

        shown = with_verdict(verdict)
        assume(submodule(shown, Format.PLAY_INTEGRITY).tier is Tier.AFFIRMING)
        no_better(with_verdict(None), shown)

    @given(evidence=sets(st.none() | reports, androids), field=st.sampled_from(sorted(SILENT)))
    def test_hardware_that_falls_silent(self, baseline, evidence, field):
        silent = replace(evidence, platform=replace(evidence.platform, **{field: SILENT[field]}))
        no_better(judged(silent, baseline), judged(evidence, baseline))

    @MANY_TRIES
    @given(data=st.data(), policy=policies(absent=False), evidence=sets(reports))
    def test_any_claim_where_a_policy_says_nothing_of_absence(self, data, policy, evidence):
        claims = collect_claims(
            evidence,
            app=BANK,
            attack_libraries=policy.attack_libraries,
            attack_packages=policy.attack_packages,
            status_list=EMPTY_LIST,
            status_list_at=NOW,
            now=NOW,
        )
        name = data.draw(st.sampled_from(sorted(claims.keys() - OURS)))
        silent = {known: value for known, value in claims.items() if known != name}
        platform = Format.INSTANCE if isinstance(evidence.platform, KeptAndroid) else Format.APPLE_ASSERTION
        # The last claim of a kind is the evidence itself, which is another test's.
        assume(any(REGISTRY[other].evidence is REGISTRY[name].evidence for other in silent))
        no_better(judge(silent, platform=platform, policy=policy), judge(claims, platform=platform, policy=policy))


class TestFailures:
    @MANY_TRIES
    @given(data=st.data(), evidence=sets(st.none() | reports, androids), outage=st.sampled_from(Outage))
    def test_a_verdict_that_could_not_be_had_never_beats_the_one_that_stands(self, ruled, data, evidence, outage):
        policy = data.draw(ruled)
        assume(evidence.platform.play_integrity is not None)
        vain = replace(evidence, unavailable={Format.PLAY_INTEGRITY: outage})
        no_better(judged(vain, policy), judged(evidence, policy))

    @MANY_TRIES
    @given(policy=st.one_of(policies(), policies(trusts="android")), evidence=everybody)
    def test_no_list_never_beats_a_list_that_names_nobody(self, policy, evidence):
        listed = judged(evidence, policy)
        first = listed.submodules[0]
        if first.format is not Format.UNATTESTED and first.tier is not Tier.AFFIRMING:
            return  # what is worse than that is not the list's doing, and may be no worse without it
        no_better(judged(evidence, policy, status_list=None, at=None), listed)

    @MANY_TRIES
    @given(data=st.data(), evidence=sets(st.none() | reports))
    def test_a_phone_is_not_better_off_without_its_platform(self, ruled, data, evidence):
        """Of an app that is on one platform alone, so that both are asked the same of its report."""
        policy = data.draw(ruled)
        android = isinstance(evidence.platform, KeptAndroid)
        app = replace(BANK, **{"apple" if android else "android": None})
        given_up = replace(evidence, platform=Unattested(UnattestedCause.PLATFORM_UNAVAILABLE), fresh_formats=())
        without = appraise(given_up, app=app, policy=policy, status_list=None, now=NOW)
        assert without.tier.severity >= Tier.NONE.severity
        assert submodule(without, Format.UNATTESTED).tier.severity >= Tier.NONE.severity


class TestSoftware:
    @MANY_TRIES
    @given(data=st.data(), evidence=sets(reports, androids | apples | unattested))
    def test_a_report_lifts_nothing_that_hardware_did_not_prove(self, ruled, data, evidence):
        policy = data.draw(ruled)
        told, silent = judged(evidence, policy), judged(replace(evidence, rasp=None), policy)
        hardware = told.submodules[0]
        assert told.tier.severity >= hardware.tier.severity
        # What the platform's evidence is worth does not hang on the report at all.
        assert hardware == silent.submodules[0]

    @MANY_TRIES
    @given(data=st.data(), evidence=everybody)
    def test_the_tier_is_the_worst_of_everything(self, ruled, data, evidence):
        policy = data.draw(ruled)
        verdict = judged(evidence, policy)
        assert all(verdict.tier.severity >= item.tier.severity for item in verdict.submodules)
        assert all(item.tier.severity >= item.vector.tier.severity for item in verdict.submodules if item.vector.values)


@given(evidence=everybody)
def test_below_high_there_is_a_reason_and_at_high_there_is_none(baseline, evidence):
    verdict = judged(evidence, baseline)
    assert bool(verdict.reasons) is (verdict.tier is not Tier.AFFIRMING)


@given(evidence=everybody)
def test_the_verdict_depends_on_its_arguments_alone(baseline, evidence):
    assert judged(evidence, baseline) == judged(evidence, baseline)


@given(evidence=everybody)
def test_every_vector_is_of_what_the_evidence_is_about(baseline, evidence):
    """A component stands in a vector because policy affirms it or a rule lowers it for that very kind of evidence."""
    for item in judged(evidence, baseline).submodules:
        kinds = {rule.evidence for rule in baseline.rules} if item.format is Format.UNATTESTED else set()
        if item.format in (Format.PLAY_INTEGRITY, Format.RASP):
            kinds = {Evidence(item.format)}
        elif not kinds:
            kinds = {Evidence.ANDROID, Evidence.APPLE, Evidence.HISTORY}
        about = {affirmed.component for affirmed in baseline.affirmations if affirmed.evidence in kinds}
        about |= {
            outcome.component
            for rule in baseline.rules
            if rule.evidence in kinds
            for outcome in (rule.outcome, rule.absent)
            if outcome
        }
        assert item.vector.values.keys() <= about
