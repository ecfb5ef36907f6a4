"""What no phone may gain by: one more detection, a check that is held back, a report that is hidden, a silent claim."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.appraisal import appraise
from chalicelib.endorsements.google_status import StatusList
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
    VerifiedRaspReport,
)
from chalicelib.model.rasp import CHECKS
from chalicelib.model.submission import Format
from chalicelib.model.trust import Tier
from chalicelib.model.verdict import Decision

DECISIONS = list(Decision)
SILENT = {
    "device_locked": None,
    "verified_boot_state_raw": None,
    "os_patch_level": None,
    "packages": (),
    "signature_digests": (),
}

androids = st.builds(
    KeptAndroid,
    certificate_serials=st.just((7,)),
    security_level=st.sampled_from(SecurityLevel),
    provisioning=st.sampled_from(Provisioning),
    attestation_version=st.integers(1, 900),
    device_locked=st.sampled_from([True, False, None]),
    verified_boot_state_raw=st.sampled_from([0, 1, 2, 3, 9, None]),
    verified_boot_key=st.none(),
    os_version=st.none() | st.integers(0, 200000),
    os_patch_level=st.none() | st.builds(PatchLevel, st.integers(2015, 2027), st.integers(1, 12)),
    vendor_patch_level=st.none(),
    boot_patch_level=st.none(),
    packages=st.sampled_from([(AndroidPackage("com.example.bank", 1),), (AndroidPackage("org.attacker", 1),), ()]),
    signature_digests=st.sampled_from([(bytes(32),), (b"\1" * 32,), ()]),
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
    app_version=st.just("1"),
    checks=st.fixed_dictionaries(dict.fromkeys(CHECKS, st.sampled_from(CheckState))),
)


def sets(rasp):
    return st.builds(
        EvidenceSet,
        platform=androids | apples,
        platform_attested_at=st.just(None),
        rasp=rasp,
        fresh_formats=st.sampled_from([(), (Format.ANDROID_KEY, Format.APPLE_ATTESTATION)]),
    )


def judged(evidence, fixtures):
    baseline, bank, now = fixtures
    placed = replace(evidence, platform_attested_at=now)
    return appraise(placed, app=bank, policy=baseline, status_list=StatusList({}), status_list_at=now, now=now)


def no_better(worse, better):
    assert worse.tier.severity >= better.tier.severity


def no_better_advice(worse, better):
    for action, advice in better.advice.items():
        assert DECISIONS.index(worse.advice[action].decision) >= DECISIONS.index(advice.decision)


@given(evidence=sets(reports), check=st.sampled_from(sorted(CHECKS)))
def test_one_more_detection_never_improves(baseline, bank, now, evidence, check):
    before = judged(evidence, (baseline, bank, now))
    found = replace(evidence.rasp, checks={**evidence.rasp.checks, check: CheckState.DETECTED})
    after = judged(replace(evidence, rasp=found), (baseline, bank, now))
    no_better(after, before)
    # Advice for `none` stands apart: it is about not knowing, and may be stricter than that for a known bad phone.
    if before.tier is not Tier.NONE:
        no_better_advice(after, before)


@given(evidence=sets(reports), check=st.sampled_from(sorted(CHECKS)))
def test_a_check_that_is_held_back_never_beats_a_clear_one(baseline, bank, now, evidence, check):
    def with_state(state):
        return replace(evidence, rasp=replace(evidence.rasp, checks={**evidence.rasp.checks, check: state}))

    held_back = judged(with_state(CheckState.NOT_RUN), (baseline, bank, now))
    no_better(held_back, judged(with_state(CheckState.CLEAR), (baseline, bank, now)))


@given(evidence=sets(reports))
def test_a_hidden_report_never_beats_a_report_without_detections(baseline, bank, now, evidence):
    states = evidence.rasp.checks.items()
    harmless = {name: CheckState.CLEAR if state is CheckState.DETECTED else state for name, state in states}
    shown = replace(evidence, rasp=replace(evidence.rasp, checks=harmless))
    no_better(judged(replace(evidence, rasp=None), (baseline, bank, now)), judged(shown, (baseline, bank, now)))


@given(evidence=sets(st.none() | reports), field=st.sampled_from(sorted(SILENT)))
def test_hardware_that_falls_silent_never_improves(baseline, bank, now, evidence, field):
    if isinstance(evidence.platform, KeptAndroid):
        silent = replace(evidence, platform=replace(evidence.platform, **{field: SILENT[field]}))
        no_better(judged(silent, (baseline, bank, now)), judged(evidence, (baseline, bank, now)))


@given(evidence=sets(reports))
def test_software_never_lifts_above_hardware(baseline, bank, now, evidence):
    verdict = judged(evidence, (baseline, bank, now))
    assert verdict.tier.severity >= verdict.submodules[0].tier.severity


@given(evidence=sets(st.none() | reports))
def test_below_high_there_is_a_reason_and_at_high_there_is_none(baseline, bank, now, evidence):
    verdict = judged(evidence, (baseline, bank, now))
    assert bool(verdict.reasons) is (verdict.tier is not Tier.AFFIRMING)


@given(evidence=sets(st.none() | reports))
def test_the_verdict_depends_on_its_arguments_alone(baseline, bank, now, evidence):
    assert judged(evidence, (baseline, bank, now)) == judged(evidence, (baseline, bank, now))
