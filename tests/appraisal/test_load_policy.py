"""What is no policy is refused, and the complaint says where and why."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
import rfc8785

from assay_toolkit.policy import compile_policy
from chalicelib.appraisal import Admission, PolicyInvalid, load_policy
from chalicelib.appraisal.appraiser import judge
from chalicelib.appraisal.budget import CONFIDENTIAL_SIZE, largest_confidential_part
from chalicelib.appraisal.claims import BESIDE, REGISTRY, STATEMENTS, Evidence
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Tier, Vector
from chalicelib.model.verdict import Submodule, Verdict
from chalicelib.results.confidential import PLAINTEXT_SIZE, plaintext

POLICIES = Path(__file__).resolve().parents[2] / "policies"
RULES = [rule.name for rule in load_policy(compile_policy(POLICIES / "baseline.yaml")).rules]


@pytest.fixture
def draft(baseline_document):
    return json.loads(baseline_document)


def rule(draft, name):
    return next(item for item in draft["rules"] if item["rule"] == name)


def first_rule(**members):
    return lambda draft: draft["rules"][0].update(members)


def when(condition):
    return first_rule(when=condition)


def login(**members):
    return lambda draft: draft["advice"]["login"].update(members)


def outage(**members):
    return lambda draft: draft["failures"]["android"]["platform_outage"].update(members)


def unsupported(**members):
    return lambda draft: draft["failures"]["android"].update(unsupported_phone=members)


def affirmed(draft, claim):
    return next(item for item in draft["affirms"] if claim in item["when"])


def dropped(*names):
    def edit(draft):
        for name in names:
            del draft[name]

    return edit


BROKEN = {
    # nothing means no
    "nothing at all": (lambda draft: draft.clear(), "$", "lacks the member `version`"),
    "no rules": (lambda draft: draft.update(rules=[]), "$.rules", "empty list"),
    "no affirmations": (lambda draft: draft.update(affirms=[]), "$.affirms", "empty list"),
    "no advice": (lambda draft: draft.update(advice={}), "$.advice", "is empty"),
    "no default action": (lambda draft: draft["advice"].pop("*"), "$.advice", "lacks the action `*`"),
    "a rule without conditions": (when({}), "$.rules[0].when", "is empty"),
    "a claim without a test": (when({"android.revoked": {}}), '$.rules[0].when["android.revoked"]', "is empty"),
    "a list of no values": (
        when({"android.verified_boot_state": {"in": []}}),
        '$.rules[0].when["android.verified_boot_state"].in',
        "empty list",
    ),
    "no rule on a platform": (
        lambda draft: draft.update(rules=[item for item in draft["rules"] if not item["rule"].startswith("apple")]),
        "$",
        "has no rule on apple evidence",
    ),
    "nothing affirmed of a platform": (
        lambda draft: draft.update(affirms=[item for item in draft["affirms"] if "android.revoked" not in item["when"]
                                            and not any(name.startswith("android") for name in item["when"])]),
        "$",
        "affirms nothing about android evidence",
    ),
    "libraries are asked for and none is listed": (
        lambda draft: (
            draft.pop("attack_libraries"),
            draft["rules"].sort(key=lambda item: item["rule"] != "rasp-library"),
        ),
        "$.rules[0].when",
        "lists no `attack_libraries`",
    ),
    "apps are asked for and none is listed": (
        dropped("attack_packages"),
        f"$.rules[{RULES.index('rasp-package')}].when",
        "no `attack_packages`",
    ),
    "an app that is none": (
        lambda draft: draft.update(attack_packages=["magisk"]),
        "$.attack_packages[0]",
        "an Android application id",
    ),
    "an empty absent": (first_rule(absent={}), "$.rules[0].absent", "says nothing"),
    # names that nobody knows
    "an unknown member": (lambda draft: draft.update(rule=[]), "$.rule", "did you mean `rules`?"),
    "an unknown member of a rule": (first_rule(absnt="ignored"), "$.rules[0].absnt", "did you mean `absent`?"),
    "an unknown claim": (
        when({"android.device_lock": {"equals": True}}),
        '$.rules[0].when["android.device_lock"]',
        "did you mean `android.device_locked`?",
    ),
    "a claim of nobody": (when({"weather": {"equals": "fair"}}), "$.rules[0].when.weather", "no claim"),
    "an unknown operator": (
        when({"android.device_locked": {"is": False}}),
        '$.rules[0].when["android.device_locked"].is',
        "no operator",
    ),
    "a regular expression": (
        when({"rasp.app_version": {"matches": "7.*"}}),
        '$.rules[0].when["rasp.app_version"].matches',
        "no operator",
    ),
    "an unknown reason": (
        first_rule(reason="android_bootloader_open"), "$.rules[0].reason", "did you mean `android_boot"
    ),
    "an unknown component": (first_rule(lowers="config"), "$.rules[0].lowers", "did you mean `configuration`?"),
    "a value of another component": (first_rule(to="visible"), "$.rules[0].to", "no value of configuration"),
    "a value as a number": (first_rule(to=96), "$.rules[0].to", "no value of configuration"),
    "an unknown way to be absent": (first_rule(absent="ignore"), "$.rules[0].absent", "did you mean `ignored`?"),
    "another component without a value": (
        first_rule(absent={"lowers": "hardware"}), "$.rules[0].absent", "`to` is missing"
    ),
    "an unknown decision": (
        login(low={"decision": "block"}), "$.advice.login.low.decision", "is no decision"
    ),
    "an unknown obligation": (
        login(medium={"decision": "allow", "obligations": ["notfiy"]}),
        "$.advice.login.medium.obligations[0]",
        "did you mean `notify`?",
    ),
    "an unknown tier": (
        outage(tier="lowish"), "$.failures.android.platform_outage.tier", "did you mean `low`?"
    ),
    "evidence of another platform": (
        lambda draft: draft["required"]["android"].update(enrol=["android_key", "apple_attestation"]),
        "$.required.android.enrol[1]",
        "no evidence of android enrol",
    ),
    "a version of the future": (lambda draft: draft.update(version=2), "$.version", "it must be 1"),
    # tests that make no sense
    "an order of labels without one": (
        when({"android.revoked": {"at_least": "good"}}),
        '$.rules[0].when["android.revoked"].at_least',
        "no operator for android.revoked",
    ),
    "an order of texts": (
        when({"rasp.sdk_version": {"less_than": "4.0"}}),
        '$.rules[0].when["rasp.sdk_version"].less_than',
        "no operator for rasp.sdk_version",
    ),
    "an unknown label": (
        when({"android.verified_boot_state": {"equals": "green"}}),
        '$.rules[0].when["android.verified_boot_state"].equals',
        "no value of android.verified_boot_state",
    ),
    "a check that did not run as a value": (
        when({"rasp.code.hooking": {"equals": "not_run"}}),
        '$.rules[0].when["rasp.code.hooking"].equals',
        "no value of rasp.code.hooking",
    ),
    "a number for a truth": (
        when({"android.device_locked": {"equals": 0}}),
        '$.rules[0].when["android.device_locked"].equals',
        "wants true or false, not a number",
    ),
    "a truth for a number": (
        when({"android.os_patch_age_days": {"more_than": True}}),
        '$.rules[0].when["android.os_patch_age_days"].more_than',
        "wants a whole number, not true or false",
    ),
    "a fraction": (
        when({"android.os_patch_age_days": {"more_than": 0.5}}),
        '$.rules[0].when["android.os_patch_age_days"].more_than',
        "wants a whole number",
    ),
    "one value where a list belongs": (
        when({"android.attestation_version": {"in": 3}}),
        '$.rules[0].when["android.attestation_version"].in',
        "wants a list, not a number",
    ),
    "two operators": (
        when({"android.attestation_version": {"at_least": 3, "at_most": 500}}),
        '$.rules[0].when["android.attestation_version"]',
        "exactly one operator",
    ),
    "claims of different evidence": (
        when({"android.device_locked": {"equals": True}, "rasp.environment.root": {"equals": "detected"}}),
        "$.rules[0].when",
        "mixes claims of different evidence",
    ),
    # what would raise trust, or say nothing
    "a rule that affirms": (first_rule(to="safe"), "$.rules[0].to", "a rule can only lower"),
    "an affirmation that does not": (
        lambda draft: draft["affirms"][0].update({"as": "untrustworthy"}),
        "$.affirms[0].as",
        "does not affirm anything",
    ),
    "a component affirmed twice": (
        lambda draft: draft["affirms"].append(deepcopy(draft["affirms"][0])),
        "$.affirms[10]",
        "a second time",
    ),
    "a rule's name twice": (
        lambda draft: draft["rules"].insert(1, deepcopy(draft["rules"][0])),
        "$.rules[1].rule",
        "like an earlier rule",
    ),
    "integrity tokens are affirmed and no rule weighs them": (
        lambda draft: draft.update(rules=[item for item in draft["rules"] if not item["rule"].startswith("play")]),
        "$",
        "has no rule on play_integrity evidence",
    ),
    "integrity tokens of Apple phones": (
        lambda draft: draft["required"]["apple"]["renew"].append("play_integrity"),
        "$.required.apple.renew",
        "2 at most",
    ),
    "an unknown admission": (
        lambda draft: draft.update(admits=["software_keys"]), "$.admits[0]", "is no admission"
    ),
    "an admission twice": (
        lambda draft: draft.update(admits=["android_attest_keys"] * 2), "$.admits", "1 at most"
    ),
    "nothing admitted": (lambda draft: draft.update(admits=[]), "$.admits", "empty list"),
    # failures
    "no failures": (lambda draft: draft.update(failures={}), "$.failures", "leave it out"),
    "a platform without failures": (
        lambda draft: draft.update(failures={"android": {}}), "$.failures.android", "is empty"
    ),
    "failures of a platform that there is none of": (
        lambda draft: draft["failures"].update(windows={}), "$.failures.windows", "no member"
    ),
    "a failure that there is none of": (
        lambda draft: draft["failures"]["android"].update(platform_outages={}),
        "$.failures.android.platform_outages",
        "did you mean `platform_outage`?",
    ),
    "a failure that Apple's phones cannot meet": (
        lambda draft: draft["failures"]["apple"].update(stale_list={"tier": "medium", "reason": "rasp_missing"}),
        "$.failures.apple.stale_list",
        "no class of failure of apple phones",
    ),
    "a failure that lowers nothing": (
        outage(tier="high"), "$.failures.android.platform_outage.tier", "a failure lowers"
    ),
    "a failure without a reason": (
        lambda draft: draft["failures"]["android"]["platform_outage"].pop("reason"),
        "$.failures.android.platform_outage",
        "lacks the member `reason`",
    ),
    "a report that an earlier one stands in for": (
        lambda draft: draft["failures"]["android"]["missing_report"].update(earlier_hours=1),
        "$.failures.android.missing_report.earlier_hours",
        "no member",
    ),
    "a verdict that stands in for a year": (
        outage(earlier_hours=8760), "$.failures.android.platform_outage.earlier_hours", "between 1 and 168"
    ),
    "milder advice for a failure than for its tier": (
        outage(actions={"transfer": {"decision": "allow"}}),
        "$.failures.android.platform_outage.actions.transfer",
        "milder than step_up for medium",
    ),
    "a shorter delay for a failure than for its tier": (
        outage(actions={"search": {"decision": "delay", "delay": [1, 2]}}),
        "$.failures.android.platform_outage.actions.search",
        "milder than delay for medium",
    ),
    "another way to step up for a failure": (
        outage(actions={"transfer": {"decision": "step_up", "acr": "pin"}}),
        "$.failures.android.platform_outage.actions.transfer",
        "nobody can say which is the stronger one",
    ),
    "a failure's advice for an action that there is none of": (
        outage(actions={"transfers": {"decision": "deny"}}),
        "$.failures.android.platform_outage.actions.transfers",
        "did you mean `transfer`?",
    ),
    "unsupported phones that are better than none": (
        unsupported(tier="medium", daily=1), "$.failures.android.unsupported_phone.tier", "better than none"
    ),
    "unsupported phones without a budget": (
        unsupported(tier="none"), "$.failures.android.unsupported_phone", "lacks the member `daily`"
    ),
    "no unsupported phones a day": (
        unsupported(tier="none", daily=0), "$.failures.android.unsupported_phone.daily", "between 1 and"
    ),
    "unsupported phones with a reason of somebody's": (
        unsupported(tier="none", daily=1, reason="rasp_missing"),
        "$.failures.android.unsupported_phone.reason",
        "no member",
    ),
    # what would let a phone gain by what speaks against it
    "a rule that a detection ends": (
        when({"rasp.code.hooking": {"equals": "clear"}}),
        '$.rules[0].when["rasp.code.hooking"]',
        "a detection would then improve",
    ),
    "a check that did not run is worse than its detection": (
        first_rule(
            when={"rasp.code.hooking": {"equals": "detected"}},
            to="unsafe",
            absent={"lowers": "hardware", "to": "contraindicated"},
        ),
        "$.rules[0].absent",
        "is worse than the rule's own outcome",
    ),
    "an affirmation by a detection": (
        lambda draft: affirmed(draft, "rasp.environment.root").update(
            when={"rasp.environment.root": {"equals": "detected"}}
        ),
        '$.affirms[9].when["rasp.environment.root"]',
        "a detection would then improve",
    ),
    "a value of something affirmed that no rule thought of": (
        lambda draft: rule(draft, "android-boot-state").update(
            when={"android.verified_boot_state": {"equals": "failed"}}
        ),
        '$.affirms[2].when["android.verified_boot_state"]',
        "where it is `unverified` no rule says what follows",
    ),
    "something affirmed whose absence every rule ignores": (
        lambda draft: rule(draft, "android-bootloader").update(absent="ignored"),
        '$.affirms[3].when["android.device_locked"]',
        "where it is absent no rule says what follows",
    ),
    "a platform's statement that is not required": (
        lambda draft: draft["required"]["apple"].update(renew=["rasp"]),
        "$.required.apple.renew",
        "lacks `apple_assertion`",
    ),
    "the same evidence twice": (
        lambda draft: draft["required"]["apple"].update(renew=["apple_assertion", "apple_assertion"]),
        "$.required.apple.renew",
        "twice",
    ),
    # advice
    "a tier without advice": (lambda draft: draft["advice"]["login"].pop("none"), "$.advice.login", "`none`"),
    "milder advice for a worse tier": (
        login(medium={"decision": "deny"}, none={"decision": "step_up", "acr": "phr"}),
        "$.advice.login.none",
        "milder than deny for medium",
    ),
    "milder advice for low than for none": (
        login(none={"decision": "deny"}, low={"decision": "step_up", "acr": "phr"}),
        "$.advice.login.low",
        "milder than deny for none",
    ),
    "a shorter delay for a worse tier": (
        lambda draft: draft["advice"]["search"].update(low={"decision": "delay", "delay": [1, 15]}),
        "$.advice.search.low",
        "milder than delay of 5 to 15 seconds for none",
    ),
    "milder advice for none than for medium": (
        lambda draft: draft["advice"]["transfer"].update(none={"decision": "allow"}),
        "$.advice.transfer.none",
        "milder than step_up for medium",
    ),
    "a step-up to nothing": (login(low={"decision": "step_up"}), "$.advice.login.low", "wants `acr`"),
    "an acr without a step-up": (login(low={"decision": "deny", "acr": "phr"}), "$.advice.login.low", "wants `acr`"),
    "a delay without a range": (login(low={"decision": "delay"}), "$.advice.login.low", "wants `delay`"),
    "a delay with its range reversed": (
        login(low={"decision": "delay", "delay": [9, 3]}), "$.advice.login.low.delay", "the lowest and the highest"
    ),
    "a delay of one number": (
        login(low={"decision": "delay", "delay": [9]}), "$.advice.login.low.delay", "wants two numbers"
    ),
    "a delay of a day": (
        login(low={"decision": "delay", "delay": [1, 86400]}), "$.advice.login.low.delay[1]", "between 0 and 300"
    ),
    "an obligation twice": (
        login(low={"decision": "deny", "obligations": ["notify", "notify"]}),
        "$.advice.login.low.obligations",
        "same obligation twice",
    ),
    "an action with a space": (
        lambda draft: draft["advice"].update({"log in": draft["advice"]["login"]}), '$.advice["log in"]', "an action"
    ),
    "too many actions": (
        lambda draft: draft["advice"].update({f"a{index}": draft["advice"]["*"] for index in range(8)}),
        "$.advice",
        "8 at most",
    ),
    # bounds
    "an acr that is a paragraph": (
        login(low={"decision": "step_up", "acr": "a" * 65}), "$.advice.login.low.acr", "1 to 64"
    ),
    "a name with a line break": (lambda draft: draft.update(name="base\nline"), "$.name", "1 to 32"),
    "a digest in upper case": (
        lambda draft: draft.update(attack_libraries={"digests": ["AB" * 32]}),
        "$.attack_libraries.digests[0]",
        "lower case",
    ),
    "a list that may be a century old": (
        lambda draft: draft.update(revocation={"oldest_list_hours": 876_000}),
        "$.revocation.oldest_list_hours",
        "between 1 and",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_policy_is_refused_with_its_place(draft, name):
    edit, path, sentence = BROKEN[name]
    edit(draft)
    with pytest.raises(PolicyInvalid) as refused:
        load_policy(rfc8785.dumps(draft))
    assert refused.value.path == path
    assert sentence in refused.value.sentence


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"version":1,"version":1}',
        b'\xef\xbb\xbf{"version":1}',
        '{"version":1}'.encode("utf-16"),
        b'{"version": 1}',
        b'{"version":NaN}',
        b'{"version":1e400}',
        b'{"version":"\\ud800"}',
        b"\xff",
        b"[" * 100_000,
        b'"' + b"a" * (1 << 20) + b'"',
    ],
    ids=lambda document: repr(document[:24]),
)
def test_what_is_not_a_canonical_object_is_refused_at_the_root(document):
    with pytest.raises(PolicyInvalid) as refused:
        load_policy(document)
    assert refused.value.path == "$"


def without_integrity_tokens(draft):
    for part in ("affirms", "rules"):
        draft[part] = [item for item in draft[part] if not any(name.startswith("play_") for name in item["when"])]


def test_a_policy_older_than_integrity_tokens_still_loads_and_gives_them_nothing(draft):
    without_integrity_tokens(draft)
    claims = {"play_integrity.status": "fresh", "play_integrity.meets_device_integrity": True}
    verdict = judge(claims, platform=Format.INSTANCE, policy=load_policy(rfc8785.dumps(draft)))
    tiers = {submodule.format: submodule.tier for submodule in verdict.submodules}
    assert tiers[Format.PLAY_INTEGRITY] is Tier.NONE
    assert AppraisalReason.NOT_CONFIRMED in verdict.reasons


def test_nothing_is_admitted_unless_it_is_named(draft, baseline):
    assert baseline.admits == frozenset()
    draft["admits"] = ["android_attest_keys"]
    assert load_policy(rfc8785.dumps(draft)).admits == {Admission.ANDROID_ATTEST_KEYS}


def test_members_in_another_order_are_another_text(baseline_document):
    reordered = json.dumps(dict(reversed(json.loads(baseline_document).items())), separators=(",", ":")).encode()
    with pytest.raises(PolicyInvalid, match="not canonical"):
        load_policy(reordered)


def test_an_absent_claim_takes_the_outcome_of_the_rule_itself_by_default(draft):
    del rule(draft, "android-bootloader")["absent"]
    loaded = next(item for item in load_policy(rfc8785.dumps(draft)).rules if item.name == "android-bootloader")
    assert loaded.absent == loaded.outcome


def outcomes(policy):
    return [(item, outcome) for item in policy.rules for outcome in (item.outcome, item.absent) if outcome]


def touched(policy, kind):
    affirmed = {item.component for item in policy.affirmations if item.evidence is kind}
    return affirmed | {outcome.component for item, outcome in outcomes(policy) if item.evidence is kind}


def largest(policy):
    return largest_confidential_part(
        components={kind: touched(policy, kind) for kind in Evidence},
        reasons=[outcome.reason for _, outcome in outcomes(policy)],
        advice=policy.advice,
        failures=policy.failures,
        actions=[rule.actions for rule in policy.rules],
    )


def test_every_verdict_of_the_baseline_fits_the_confidential_part(baseline):
    assert largest(baseline) < CONFIDENTIAL_SIZE


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("platform", STATEMENTS)
def test_no_verdict_with_one_reason_is_longer_than_the_budget_says(baseline, platform, tier):
    """The budget and what is really encoded are written apart, as stages do not know each other: here they meet."""
    kind, _ = STATEMENTS[platform]
    submodules = tuple(
        Submodule(format=format_, tier=tier, vector=Vector(dict.fromkeys(touched(baseline, evidence), 97)))
        for evidence, format_ in ((kind, platform), *((Evidence(beside), beside) for beside in BESIDE[kind]))
    )
    longest = max((outcome.reason for _, outcome in outcomes(baseline)), key=len)
    verdict = Verdict(
        tier=tier,
        evidence_tier=tier,
        submodules=submodules,
        reasons=(longest,),
        applied=(),
        advice=baseline.advice[tier],
        policy_id=baseline.id,
    )
    told = plaintext(verdict, jti="A" * 22)
    assert len(told) == PLAINTEXT_SIZE == CONFIDENTIAL_SIZE
    assert json.loads(told)["reasons"] == [longest]
    assert len(told.rstrip(b" ")) <= largest(baseline)


def long_advice(draft, actions):
    tier = {"decision": "step_up", "acr": "urn:bank:authentication:two-people-and-a-hardware-token"}
    draft["advice"] |= {f"action-number-{index}": dict.fromkeys(("high", "medium", "low", "none"), tier)
                        for index in range(actions)}  # fmt: skip


def test_a_policy_whose_verdicts_might_not_fit_is_refused(draft):
    long_advice(draft, actions=4)
    with pytest.raises(PolicyInvalid, match="a confidential verdict has 1024"):
        load_policy(rfc8785.dumps(draft))


def test_a_verdict_near_the_bound_is_told_whole_with_its_worst_reason(draft):
    draft["advice"]["an-action-of-our-own-to-fill-up"] = draft["advice"]["transfer"]
    policy = load_policy(rfc8785.dumps(draft))
    claims = {name: "detected" for name, claim in REGISTRY.items() if "detected" in claim.labels}
    claims |= {"apple.app_registered": False, "apple.environment_registered": False, "apple.environment": "development"}
    verdict = judge(claims, platform=Format.APPLE_ATTESTATION, policy=policy)
    told = json.loads(plaintext(verdict, jti="A" * 22))
    assert told["reasons"][0] == verdict.reasons[0]
    assert told["more"] is True
    assert set(told["advice"]) == set(verdict.advice)
    assert {name: submodule["ear_trustworthiness_vector"] for name, submodule in told["submods"].items()} == {
        submodule.format: submodule.vector.values for submodule in verdict.submodules
    }
