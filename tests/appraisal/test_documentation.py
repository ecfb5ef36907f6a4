"""docs/policy.md names every claim, operator, value and reason that a policy may use, and says the same as the code."""

from pathlib import Path

import pytest

from chalicelib.appraisal.ar4si import VALUES
from chalicelib.appraisal.claims import REGISTRY
from chalicelib.appraisal.conditions import Operator
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.verdict import Decision, Obligation

PAGE = (Path(__file__).resolve().parents[2] / "docs/policy.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]


def row(name):
    (found,) = [cells for cells in ROWS if cells[0] == f"`{name}`"][:1]
    return found


@pytest.mark.parametrize("claim", REGISTRY.values(), ids=lambda claim: claim.name)
def test_claims(claim):
    _, value, sentence = row(claim.name)
    assert sentence == claim.sentence
    assert all(f"`{label}`" in value for label in claim.labels)


def test_no_claim_too_many():
    named = {
        cells[0].strip("`")
        for cells in ROWS
        if cells[0].startswith(("`android.", "`apple.", "`play_integrity.", "`rasp.", "`history."))
    }
    assert named == set(REGISTRY)


@pytest.mark.parametrize("component", VALUES)
def test_values(component):
    _, affirms, medium, low = next(cells for cells in ROWS if cells[0] == f"`{component}`" and len(cells) == 4)
    documented = {part.strip() for cell in (affirms, medium, low) for part in cell.split(",")} - {"none"}
    assert documented == {f"`{name}` {value}" for name, value in VALUES[component].items()}


@pytest.mark.parametrize("reason", AppraisalReason)
def test_reasons(reason):
    assert row(reason.value)[1] == reason.sentence


@pytest.mark.parametrize("word", [*(operator.value for operator in Operator), *Decision, *Obligation])
def test_words(word):
    assert f"`{word}`" in PAGE
