"""What a policy says of the past: its members, its claims, and what it may not say."""

import json
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest
import rfc8785

from chalicelib.appraisal import Limits, PolicyInvalid, load_policy
from chalicelib.appraisal.appraiser import judge
from chalicelib.appraisal.history import DEFAULT_LIMITS, collect_history
from chalicelib.model.history import History, Past, hour_of
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Component, Tier

SOUND = MappingProxyType(
    {
        "android.security_level": "trusted_environment",
        "android.provisioning": "remote",
        "android.device_locked": True,
        "android.verified_boot_state": "verified",
        "android.os_patch_age_days": 40,
        "android.package_registered": True,
        "android.signer_registered": True,
        "android.revoked": "good",
        "rasp.schema_known": True,
        "rasp.library_listed": False,
        "rasp.package_listed": False,
        "rasp.unknown_signals": False,
        **dict.fromkeys(
            (
                "rasp.environment.debugger", "rasp.environment.virtual_environment", "rasp.environment.root",
                "rasp.application.tampering", "rasp.application.integrity",
                "rasp.code.hooking", "rasp.code.tracing", "rasp.code.injection",
            ),
            "clear",
        ),
    }
)  # fmt: skip


@pytest.fixture
def document(baseline_document):
    return json.loads(baseline_document)


def loaded(document):
    return load_policy(rfc8785.dumps(document))


def complaint(document):
    with pytest.raises(PolicyInvalid) as refused:
        loaded(document)
    return refused.value.path, refused.value.sentence


def rule(document, name="history-hard-detection"):
    index = next(i for i, item in enumerate(document["rules"]) if item["rule"] == name)
    return index, document["rules"][index]


def test_a_policy_that_says_nothing_of_limits_has_the_baselines(document):
    assert loaded(document).limits == DEFAULT_LIMITS
    del document["limits"]
    assert loaded(document).limits == DEFAULT_LIMITS


def test_a_limit_is_lifted_by_a_word_and_by_nothing_else(document):
    document["limits"] = {"enrolments_per_batch_key_hour": {"remote": "none"}, "enrolments_per_network_hour": 3}
    lifted = replace(DEFAULT_LIMITS, enrolments_per_remote_key=None, enrolments_per_network=3)
    assert loaded(document).limits == lifted
    document["limits"] = {
        "attestations_per_instance_hour": "none",
        "enrolments_per_batch_key_hour": {"factory": "none", "remote": "none"},
        "enrolments_per_network_hour": "none",
    }
    assert loaded(document).limits == Limits(
        attestations_per_instance=None,
        enrolments_per_factory_key=None,
        enrolments_per_remote_key=None,
        enrolments_per_network=None,
    )


@pytest.mark.parametrize(
    ("limits", "place"),
    [
        ({}, ""),
        ("none", ""),
        ({"attestations": 5}, ".attestations"),
        ({"attestations_per_instance_hour": 0}, ".attestations_per_instance_hour"),
        ({"attestations_per_instance_hour": -1}, ".attestations_per_instance_hour"),
        ({"attestations_per_instance_hour": True}, ".attestations_per_instance_hour"),
        ({"attestations_per_instance_hour": None}, ".attestations_per_instance_hour"),
        ({"attestations_per_instance_hour": "unlimited"}, ".attestations_per_instance_hour"),
        ({"enrolments_per_network_hour": 1_000_001}, ".enrolments_per_network_hour"),
        ({"enrolments_per_batch_key_hour": 5}, ".enrolments_per_batch_key_hour"),
        ({"enrolments_per_batch_key_hour": {}}, ".enrolments_per_batch_key_hour"),
        ({"enrolments_per_batch_key_hour": {"apple": 5}}, ".enrolments_per_batch_key_hour.apple"),
    ],
)
def test_limits_that_are_none_are_refused_where_they_stand(document, limits, place):
    document["limits"] = limits
    assert complaint(document)[0] == f"$.limits{place}"


@pytest.mark.parametrize(
    ("history", "place"),
    [
        ({}, ""),
        ({"hard": []}, ".hard"),
        ({"hard": ["rasp_rooted", "rasp_rooted"]}, ".hard"),
        ({"hard": ["rasp_roted"]}, ".hard[0]"),
        ({"hard": ["rasp_rooted"], "keep": 24}, ".keep"),
    ],
)
def test_history_that_is_none_is_refused_where_it_stands(document, history, place):
    document["history"] = history
    assert complaint(document)[0] == f"$.history{place}"


def test_a_rule_on_hard_detections_wants_their_list(document):
    del document["history"]
    index, _ = rule(document)
    assert complaint(document) == (
        f"$.rules[{index}].when",
        "asks for `history.hard_detection_age_hours`, but the policy lists nothing under `history`",
    )


def test_a_hard_detection_that_history_leads_to_would_never_end(document):
    index, _ = rule(document)
    document["history"]["hard"].append("history_hard_detection")
    path, sentence = complaint(document)
    assert path == f"$.rules[{index}].reason"
    assert "for ever" in sentence


@pytest.mark.parametrize("name", ["history-hard-detection", "history-unsteady", "history-enrolments"])
def test_a_rule_on_history_says_what_none_means(document, name):
    index, item = rule(document, name)
    del item["absent"]
    path, sentence = complaint(document)
    assert path == f"$.rules[{index}]"
    assert "`absent: ignored`" in sentence


def test_history_affirms_nothing(document):
    document["affirms"][1]["when"] = {"history.first_seen_days": {"at_least": 30}}
    path, sentence = complaint(document)
    assert path == "$.affirms[1].when"
    assert "affirms nothing" in sentence


@pytest.mark.parametrize("beside", ["rasp.environment.root", "play_integrity.testing"])
def test_history_stands_beside_a_platforms_claims_and_no_others(document, beside):
    index, item = rule(document, "history-enrolments")
    item["when"] = {**item["when"], beside: {"equals": True if beside.startswith("play") else "detected"}}
    assert complaint(document)[0] == f"$.rules[{index}].when"


def test_its_rules_lower_the_platforms_evidence_on_either_platform(document):
    apple = {
        "apple.app_registered": True,
        "apple.environment": "production",
        "apple.environment_registered": True,
        **{name: value for name, value in SOUND.items() if name.startswith("rasp.")},
    }
    for claims, platform in ((SOUND, Format.INSTANCE), (apple, Format.APPLE_ASSERTION)):
        verdict = judge({**claims, "history.hard_detection_age_hours": 3}, platform=platform, policy=loaded(document))
        assert [submodule.format for submodule in verdict.submodules] == [platform, Format.RASP]
        lowered, report = verdict.submodules
        assert lowered.vector.values[Component.CONFIGURATION] == 96
        assert report.tier is Tier.AFFIRMING
        assert (verdict.tier, verdict.evidence_tier) == (Tier.CONTRAINDICATED, Tier.AFFIRMING)
        [applied] = verdict.applied
        assert applied.format is platform


def test_what_the_evidence_was_worth_is_not_lifted_by_leaving_history_out(document):
    claims = {**SOUND, "android.device_locked": False, "history.hard_detection_age_hours": 3}
    assert judge(claims, platform=Format.INSTANCE, policy=loaded(document)).evidence_tier is Tier.CONTRAINDICATED


@pytest.fixture
def past(now):
    def stood(**history):
        return Past(first_seen=now - timedelta(days=3, hours=5), history=History(**history))

    return stood


def claims_of(past, now, *hard):
    return collect_history(past, hard=hard, now=now)


def test_an_instance_without_marks(past, now):
    assert claims_of(past(), now) == {
        "history.first_seen_days": 3,
        "history.worst_tier_24h": None,
        "history.tier_flips_24h": 0,
        "history.attestations_this_hour": 0,
        "history.enrolments_per_batch_key_this_hour": None,
        "history.enrolments_per_network_this_hour": None,
        "history.hard_detection_age_hours": None,
    }


@pytest.mark.parametrize(
    ("low", "none", "worst"),
    [(23.99, 1, "low"), (24, 1, "none"), (24, 24, "high"), (1, 24, "low")],
)
def test_the_worst_tier_of_a_day(past, now, low, none, worst):
    tiers = {
        Tier.CONTRAINDICATED: now - timedelta(hours=low),
        Tier.NONE: now - timedelta(hours=none),
        Tier.AFFIRMING: now - timedelta(minutes=1),
    }
    assert claims_of(past(tiers=tiers), now)["history.worst_tier_24h"] == worst


def test_counts_are_of_their_hours(past, now):
    hour = hour_of(now)
    stood = past(
        attested={hour - 1: 200, hour: 4},
        flipped={hour - 24: 100, hour - 23: 3, hour - 1: 2, hour: 1},
    )
    found = claims_of(replace(stood, enrolments_per_network=7, enrolments_per_batch_key=0), now)
    assert found["history.attestations_this_hour"] == 4
    assert found["history.tier_flips_24h"] == 6
    assert found["history.enrolments_per_network_this_hour"] == 7
    assert found["history.enrolments_per_batch_key_this_hour"] == 0


def test_the_latest_of_the_detections_that_are_hard_today(past, now):
    stood = past(hard={"rasp_rooted": now - timedelta(hours=9.5), "rasp_hooking": now - timedelta(hours=2.5)})
    both = (AppraisalReason.RASP_ROOTED, AppraisalReason.RASP_HOOKING)
    assert claims_of(stood, now, *both)["history.hard_detection_age_hours"] == 2
    assert claims_of(stood, now, both[0])["history.hard_detection_age_hours"] == 9
    assert claims_of(stood, now)["history.hard_detection_age_hours"] is None
