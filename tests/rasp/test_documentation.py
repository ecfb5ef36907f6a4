"""docs/evidence/rasp.md says of each check what the code and the baseline do."""

import json
import re
from pathlib import Path

import pytest

from assay_toolkit.policy import compile_policy
from chalicelib.appraisal import load_policy
from chalicelib.model.claims import CheckState, VerifiedRaspReport
from chalicelib.model.rasp import CHECKS
from chalicelib.model.trust import Tier

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/evidence/rasp.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]
BY_CHECK = {cells[0].strip("`"): cells for cells in ROWS if len(cells) == 5}
CALLBACKS = {cells[0].strip("`"): cells[1:] for cells in ROWS if len(cells) == 4}
EXAMPLES = re.findall(r"```json\n(\{.*?\n\})\n```", PAGE, re.DOTALL)


def test_every_check_has_its_row():
    assert {check: cells[1] for check, cells in BY_CHECK.items()} == CHECKS


def test_what_the_baseline_makes_of_it():
    weights = dict.fromkeys(CHECKS, "no rule")
    for rule in load_policy(compile_policy(ROOT / "policies/baseline.yaml")).rules:
        for name in rule.when.claims & {f"rasp.{check}" for check in CHECKS}:
            medium = Tier.of_value(rule.outcome.value) is Tier.WARNING
            weights[name.removeprefix("rasp.")] = "medium" if medium else "low"
    assert {check: cells[2] for check, cells in BY_CHECK.items()} == weights


def freerasp(version, platform, **members):
    labels = {"schema": 1, "provider": "p", "sdk_version": version, "app_version": "1", "dialect": "freerasp"}
    return {**labels, "platform": platform, "callbacks": [], "checks_finished": True, **members}


@pytest.mark.parametrize("callback", CALLBACKS)
def test_what_freerasp_s_callback_is(verify, callback):
    check, android, ios = CALLBACKS[callback]
    check = check.strip("`")
    assert BY_CHECK[check][3] == f"`{callback}`"
    found = verify(freerasp("99", "ios", callbacks=[callback])).checks
    assert {name for name, state in found.items() if state is CheckState.DETECTED} == {check}
    for platform, said in (("android", android), ("ios", ios)):
        oldest = said.removeprefix("from ") if said.startswith("from ") else "0"
        states = {version: verify(freerasp(version, platform)).checks[check] for version in (oldest, "99")}
        is_clear = said == "always" or said.startswith("from ")
        assert set(states.values()) == ({CheckState.CLEAR} if is_clear else {CheckState.NOT_RUN})
        if said.startswith("from "):
            assert verify(freerasp("0", platform)).checks[check] is CheckState.NOT_RUN


def test_the_table_has_every_callback():
    assert {cells[3].strip("`") for cells in BY_CHECK.values()} - {""} == set(CALLBACKS)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_reports(verify, schema, example):
    schema.validate(json.loads(example))
    assert isinstance(verify(example.encode()), VerifiedRaspReport)


def test_there_is_an_example_of_each_dialect():
    assert {json.loads(example).get("dialect", "assay") for example in EXAMPLES} == {"assay", "freerasp", "plain"}
