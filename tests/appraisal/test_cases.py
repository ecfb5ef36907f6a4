"""policies/cases: claims and the verdict that analysts expect of them, and no reason without a case."""

import json
from pathlib import Path

import pytest
import rfc8785

from assay_toolkit.policy import compile_policy
from assay_toolkit.policy_cases import cases_about, compile_cases, load_cases, run_cases
from assay_toolkit.policy_coverage import coverage
from chalicelib.appraisal import load_policy
from chalicelib.model.reasons import AppraisalReason

BASELINE = Path(__file__).resolve().parents[2] / "policies/baseline.yaml"
FILES = cases_about(BASELINE)


@pytest.fixture(scope="module")
def results():
    return run_cases(load_cases(compile_cases(FILES)), compile_policy(BASELINE))


def test_every_file_of_cases_is_about_the_baseline():
    assert sorted((BASELINE.parent / "cases").glob("*.yaml")) == FILES


def test_every_verdict_is_the_expected_one(results):
    assert {f"{result.file}: {result.case.name}": result.differs for result in results if result.differs} == {}
    assert len(results) > 70


def test_every_reason_has_a_case(results):
    assert {reason for result in results for reason in result.case.reasons} == set(AppraisalReason)


def test_no_outcome_of_the_baseline_is_without_a_case(results):
    found = coverage(load_policy(compile_policy(BASELINE)), results)
    assert found.unreached == ()
    assert found.whole > 100


def test_a_part_that_no_case_reaches_is_reported():
    document = json.loads(compile_policy(BASELINE))
    document["rules"] += [
        {**document["rules"][0], "rule": "unheard-of", "when": {"android.attestation_version": {"equals": 7}}},
        {**document["rules"][0], "rule": "unthought-of", "when": {"android.os_version": {"equals": 7}}},
    ]
    document["failures"]["android"]["unsupported_phone"] = {"tier": "none", "daily": 1}
    policy = rfc8785.dumps(document)
    few = load_cases(compile_cases([file for file in FILES if file.stem == "android"]))
    found = coverage(load_policy(policy), run_cases(few, policy))
    assert {
        "rule unheard-of: no case where it holds",
        "rule unthought-of: no case where it holds",
        "rule rasp-hooking: no case where it holds",
        "rule rasp-hooking: no case where a claim that it looks at is absent",
        "affirms instance-identity of apple: no case where it holds",
        "failures.android.unsupported_phone: no case where it happens",
        "failures.android.platform_outage: no case where it happens",
    } <= set(found.unreached)
    assert "rule android-bootloader: no case where it holds" not in found.unreached
