"""policies/cases: claims and the verdict that analysts expect of them, and no reason without a case."""

import json
from pathlib import Path

import pytest
import rfc8785

from assay_toolkit.policy import compile_policy
from assay_toolkit.yaml_source import Source
from chalicelib.appraisal import load_policy
from chalicelib.appraisal.appraiser import judge
from chalicelib.appraisal.claims import REGISTRY, Evidence, Kind
from chalicelib.appraisal.load_advice import TIERS
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format

FOLDER = Path(__file__).resolve().parents[2] / "policies/cases"
FILES = sorted(FOLDER.glob("*.yaml"))
CASE_MEMBERS = {
    "case", "platform", "change", "absent", "without", "tier", "reasons", "vector", "advice",
}  # fmt: skip
TYPES = {Kind.TRUTH: bool, Kind.NUMBER: int, Kind.TEXT: str, Kind.LABEL: str, Kind.LEVEL: str}


def cases():
    found = []
    for file in FILES:
        document = Source(file).root.value
        assert set(document) - {"amend"} == {"policy", "platform", "sound", "cases"}
        found += [pytest.param(document, case, id=f"{file.stem}: {case['case']}") for case in document["cases"]]
    return found


def claims_of(document, case):
    changed = case.get("change", {})
    absent = set(case.get("absent", []))
    assert changed.keys() <= document["sound"].keys(), "a case changes what the sound phone states"
    assert absent <= document["sound"].keys()
    claims = {name: value for name, value in {**document["sound"], **changed}.items() if name not in absent}
    without = {Evidence(kind) for kind in case.get("without", [])}
    claims = {name: value for name, value in claims.items() if REGISTRY[name].evidence not in without}
    for name, value in claims.items():
        claim = REGISTRY[name]
        assert type(value) is TYPES[claim.kind], name
        assert not claim.labels or value in claim.labels, name
    return claims


def merged(value, changes):
    """`changes` in `value`, member by member, as a team would edit the policy."""
    if not isinstance(value, dict) or not isinstance(changes, dict):
        return changes
    return value | {name: merged(value.get(name), change) for name, change in changes.items()}


def policy_of(document):
    policy = compile_policy(FOLDER / document["policy"])
    return load_policy(rfc8785.dumps(merged(json.loads(policy), document.get("amend", {}))))


@pytest.mark.parametrize(("document", "case"), cases())
def test_the_verdict_is_the_expected_one(document, case):
    assert case.keys() <= CASE_MEMBERS
    policy = policy_of(document)
    platform = Format(case.get("platform", document["platform"]))
    verdict = judge(claims_of(document, case), platform=platform, policy=policy)

    assert verdict.tier is TIERS[case["tier"]]
    assert list(verdict.reasons) == case["reasons"]
    vectors = {submodule.format: dict(submodule.vector.values) for submodule in verdict.submodules}
    for format_, expected in case.get("vector", {}).items():
        assert vectors[format_] | expected == vectors[format_]
    for action, decision in case.get("advice", {}).items():
        assert verdict.advice[action].decision == decision


def test_every_reason_has_a_case():
    seen = {reason for _, case in (param.values for param in cases()) for reason in case["reasons"]}
    assert seen == set(AppraisalReason)


def test_every_rule_of_the_baseline_has_a_case_where_it_applies():
    policy = load_policy(compile_policy(FOLDER.parent / "baseline.yaml"))
    applied = set()
    for document, case in (param.values for param in cases()):
        platform = Format(case.get("platform", document["platform"]))
        verdict = judge(claims_of(document, case), platform=platform, policy=policy)
        applied |= {rule.rule for rule in verdict.applied}
    assert applied == {rule.name for rule in policy.rules}
