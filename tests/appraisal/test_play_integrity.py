"""From what Google says to claims: each documented word is one, and no other confirms anything."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.appraisal import appraise
from chalicelib.appraisal.claims import REGISTRY, Evidence
from chalicelib.appraisal.collect import collect_claims
from chalicelib.appraisal.play_labels import ACCESS_WORDS, DEVICE_WORDS, WORDS
from chalicelib.appraisal.policy import AttackLibraries
from chalicelib.model.claims import KeptRiskMetric, Outage
from chalicelib.model.play_integrity import KeptPlayIntegrity, VerifiedPlayIntegrity
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format, PlayIntegrityRequest
from chalicelib.model.trust import Tier

FRESH = (Format.ANDROID_KEY, Format.PLAY_INTEGRITY)


@pytest.fixture
def verdict(now):
    """All that Google can say, of a phone and an app that are as they should be."""
    return VerifiedPlayIntegrity(
        request=PlayIntegrityRequest.STANDARD,
        requested_at=now,
        package="com.example.bank",
        app_recognition="PLAY_RECOGNIZED",
        certificate_digests=(bytes(32),),
        version_code=71,
        device_recognition=("MEETS_BASIC_INTEGRITY", "MEETS_DEVICE_INTEGRITY", "MEETS_STRONG_INTEGRITY"),
        device_activity="LEVEL_1",
        device_sdk_version=36,
        device_recall=(True, False, None),
        device_recall_months=(202605, 202312, None),
        app_licensing="LICENSED",
        apps_detected=("KNOWN_INSTALLED", "UNKNOWN_CONTROLLING"),
        play_protect="NO_ISSUES",
        account_activity="TYPICAL_BASIC",
    )


@pytest.fixture
def claims(android, bank, now, empty_list):
    def collect(verdict, *, age=timedelta(0), fresh=FRESH, unavailable=None, app=bank):
        kept = KeptPlayIntegrity(verdict=verdict, verified_at=now - age) if verdict else None
        found = collect_claims(
            replace(android(play_integrity=kept, fresh=fresh), unavailable=unavailable or {}),
            app=app,
            attack_libraries=AttackLibraries(),
            attack_packages=(),
            status_list=empty_list,
            status_list_at=now,
            now=now,
        )
        prefix = "play_integrity."
        return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}

    return collect


def test_every_claim_of_the_registry_is_one_that_google_can_make(claims, verdict):
    whole = replace(verdict, device_recall=(True, False, True), device_recall_months=(202605, 202312, 202601))
    named = {name.partition(".")[2] for name, claim in REGISTRY.items() if claim.evidence is Evidence.PLAY_INTEGRITY}
    assert claims(whole).keys() == named


def test_a_whole_verdict(claims, verdict):
    assert claims(verdict) == {
        "status": "fresh",
        "age_hours": 0,
        "request": "standard",
        "package_registered": True,
        "signer_registered": True,
        "app_recognition": "play_recognized",
        "version_code": 71,
        "meets_basic_integrity": True,
        "meets_device_integrity": True,
        "meets_strong_integrity": True,
        "meets_virtual_integrity": False,
        "device_word_unknown": False,
        "device_sdk_version": 36,
        "device_activity": "level_1",
        "recall_1": True,
        "recall_2": False,
        "recall_1_months": 2,
        "recall_2_months": 31,
        "account_activity": "typical_basic",
        "app_licensing": "licensed",
        "play_protect": "no_issues",
        "known_installed": True,
        "known_capturing": False,
        "known_controlling": False,
        "known_overlays": False,
        "unknown_installed": False,
        "unknown_capturing": False,
        "unknown_controlling": True,
        "unknown_overlays": False,
        "access_word_unknown": False,
        "testing": False,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"device_recognition": ()}, {f"{word.lower()}": False for word in DEVICE_WORDS}),
        (
            {"device_recognition": ("MEETS_COSMIC_INTEGRITY",)},
            {"device_word_unknown": True, "meets_basic_integrity": False, "meets_device_integrity": False},
        ),
        # A word in another spelling is another word.
        ({"device_recognition": ("meets_device_integrity",)}, {"meets_device_integrity": False}),
        ({"apps_detected": ()}, dict.fromkeys([*map(str.lower, ACCESS_WORDS), "access_word_unknown"], False)),
        ({"apps_detected": ("UNKNOWN_DREAMING",)}, {"access_word_unknown": True, "unknown_controlling": False}),
        ({"device_recall_months": (202613, 0, -1)}, {"recall_1": True}),
        *[({name: None}, {name: "unevaluated"}) for name in WORDS],
        *[({name: "A_WORD_OF_NEXT_YEAR"}, {name: "other"}) for name in WORDS],
        *[({name: word}, {name: word.lower()}) for name, words in WORDS.items() for word in words],
    ],
)
def test_words(claims, verdict, changes, expected):
    found = claims(replace(verdict, **changes))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        ({"apps_detected": None}, {*map(str.lower, ACCESS_WORDS), "access_word_unknown"}),
        ({"certificate_digests": ()}, {"signer_registered"}),
        ({"version_code": None, "device_sdk_version": None}, {"version_code", "device_sdk_version"}),
        ({"device_recall": None, "device_recall_months": None}, {"recall_1", "recall_2", "recall_1_months"}),
        ({"device_recall_months": (202613, 0, -1)}, {"recall_1_months", "recall_2_months", "recall_3_months"}),
    ],
)
def test_what_google_did_not_look_at_is_absent(claims, verdict, changes, absent):
    assert not absent & claims(replace(verdict, **changes)).keys()


def test_a_kept_verdict_ages_and_is_held_against_todays_register(claims, verdict, bank):
    found = claims(verdict, age=timedelta(hours=30, minutes=59), fresh=())
    assert (found["status"], found["age_hours"]) == ("kept", 30)
    moved = replace(bank, android=replace(bank.android, packages=("com.example.other",), signature_digests=()))
    found = claims(verdict, fresh=(), app=moved)
    assert (found["package_registered"], found["signer_registered"]) == (False, False)


def test_without_a_token_and_a_kept_verdict_nothing_is_claimed(claims):
    assert claims(None, fresh=()) == {}


def test_what_nobody_could_verify_is_unavailable_beside_what_is_kept(claims, verdict):
    for outage in Outage:
        unavailable = {Format.PLAY_INTEGRITY: outage}
        assert claims(None, fresh=(), unavailable=unavailable) == {"status": outage.value}
        found = claims(verdict, fresh=(), unavailable=unavailable, age=timedelta(hours=2))
        assert (found["status"], found["age_hours"], found["meets_device_integrity"]) == (outage.value, 2, True)


def test_the_verdict_is_a_submodule_of_its_own(android, baseline, bank, empty_list, now, verdict):
    kept = KeptPlayIntegrity(verdict=replace(verdict, device_recognition=(), apps_detected=()), verified_at=now)
    judged = appraise(
        android(play_integrity=kept, fresh=FRESH),
        app=bank,
        policy=baseline,
        status_list=empty_list,
        status_list_at=now,
        now=now,
    )
    tiers = {submodule.format: submodule.tier for submodule in judged.submodules}
    assert tiers == {
        Format.ANDROID_KEY: Tier.AFFIRMING,
        Format.PLAY_INTEGRITY: Tier.CONTRAINDICATED,
        Format.RASP: Tier.AFFIRMING,
    }
    assert judged.reasons == (AppraisalReason.PLAY_DEVICE_INTEGRITY,)


def test_an_attested_attestation_key_and_apples_count_are_claims(android, apple, bank, now, empty_list):
    given = {
        "app": bank,
        "attack_libraries": AttackLibraries(),
        "attack_packages": (),
        "status_list": empty_list,
        "status_list_at": now,
    }
    assert collect_claims(android(attest_key=True), now=now, **given)["android.attest_key"] is True
    metric = KeptRiskMetric(value=12, measured_at=now - timedelta(hours=5, minutes=1))
    found = collect_claims(apple(risk_metric=metric), now=now, **given)
    assert (found["apple.risk_metric"], found["apple.risk_metric_age_hours"]) == (12, 5)
    assert "apple.risk_metric" not in collect_claims(apple(), now=now, **given)
