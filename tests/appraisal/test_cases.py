"""policies/cases: claims and the verdict that analysts expect of them, and no reason without a case."""

from pathlib import Path

import pytest

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


def test_every_rule_of_the_baseline_has_a_case_where_it_holds(results):
    found = coverage(load_policy(compile_policy(BASELINE)), results)
    assert [line for line in found.unreached if line.endswith("where it holds")] == []
