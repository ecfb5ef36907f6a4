"""docs/policy.md names every claim, operator, value and reason that a policy may use, and says the same as the code."""

from itertools import pairwise
from pathlib import Path

import pytest

from chalicelib.appraisal.ar4si import VALUES
from chalicelib.appraisal.claims import REGISTRY
from chalicelib.appraisal.conditions import Operator
from chalicelib.appraisal.failures import Failure
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.trust import Tier
from chalicelib.model.verdict import Decision, Obligation

PAGE = (Path(__file__).resolve().parents[2] / "docs/policy.md").read_text(encoding="utf-8")
BASELINE = (Path(__file__).resolve().parents[2] / "policies/baseline.yaml").read_text(encoding="utf-8")
(HEAD,) = [line for line in BASELINE.splitlines() if line.startswith("#   component ")]
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


@pytest.mark.parametrize("component", VALUES)
def test_the_table_of_values_at_the_top_of_the_baseline(component):
    """Whoever has only the policies reads off it which tier a value means."""
    (line,) = [line for line in BASELINE.splitlines() if line.startswith(f"#   {component.value} ")]
    columns = [0, *(HEAD.index(f" {tier}") + 1 for tier in ("high", "medium", "low")), None]
    cells = [line[start:end] for start, end in pairwise(columns)][1:]
    tiers = (Tier.AFFIRMING, Tier.WARNING, Tier.CONTRAINDICATED)
    for cell, tier in zip(cells, tiers, strict=True):
        named = {name.strip() for name in cell.split(",")} - {""}
        assert named == {name for name, value in VALUES[component].items() if Tier.of_value(value) is tier}


@pytest.mark.parametrize("failure", Failure)
def test_failures(failure):
    assert row(failure.value)


@pytest.mark.parametrize("reason", AppraisalReason)
def test_reasons(reason):
    assert row(reason.value)[1] == reason.sentence


@pytest.mark.parametrize("word", [*(operator.value for operator in Operator), *Decision, *Obligation])
def test_words(word):
    assert f"`{word}`" in PAGE
