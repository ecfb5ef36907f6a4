"""The demonstration holds, notices when it does not, and refuses scenarios that cannot be played."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from assay_toolkit.demo.command import demo
from assay_toolkit.demo.scenario import SHIPPED, ScenarioInvalid, load


def play(folder: Path, acts: list[dict[str, object]]):
    """The command over these acts: its result and its report."""
    scenario, report = folder / "scenario.yaml", folder / "report.json"
    scenario.write_text(yaml.safe_dump({"acts": acts}), encoding="utf-8")
    result = CliRunner().invoke(demo, ["--scenario", str(scenario), "--json", str(report)])
    return result, json.loads(report.read_text(encoding="utf-8"))


@pytest.fixture
def acts():
    return yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["acts"]


def test_everyone_gets_what_the_scenario_says(tmp_path, acts):
    result, report = play(tmp_path, acts)
    assert result.exit_code == 0, result.output
    assert report["ok"] is True
    assert [act["who"] for act in report["acts"]] == [act["who"] for act in acts]
    assert all(act["who"] in result.output for act in acts)


def test_two_phones_that_swap_evidence_make_it_fail(tmp_path, acts):
    genuine, rooted = acts[0], next(act for act in acts if act["who"] == "rooted phone")
    genuine["condition"], rooted["condition"] = rooted["condition"], genuine["condition"]
    result, report = play(tmp_path, [genuine, rooted])
    assert result.exit_code == 1
    assert report["ok"] is False
    first, second = report["acts"]
    assert "login: attestation-denied, not allow" in first["wrong"]
    assert "Assay said affirming, not contraindicated" in second["wrong"]
    assert "not reported" in second["wrong"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"condition": "haunted"}, "no such condition"),
        ({"platform": "fax"}, "no such platform"),
        ({"platform": "apple", "condition": "unlocked"}, "cannot be unlocked"),
        ({"steps": []}, "length >= 1"),
        ({"steps": [{"juggle": "token"}]}, "not one known step"),
        ({"steps": [{"enrol": "token", "login": "allow"}]}, "not one known step"),
        ({"steps": [{"steal": "proof-signature"}]}, "nobody to steal from"),
        ({"steps": [{"analyst": "in force"}]}, "nothing to change"),
        ({"victim": "nobody"}, "has to play before"),
        ({"platform": None}, "needs a platform"),
        ({"mood": "good"}, "unknown field"),
    ],
)
def test_what_cannot_be_played_is_refused(tmp_path, acts, change, sentence):
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(yaml.safe_dump({"acts": [acts[0] | change]}), encoding="utf-8")
    with pytest.raises(ScenarioInvalid, match=sentence):
        load(scenario)


def test_nobody_plays_twice(tmp_path, acts):
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(yaml.safe_dump({"acts": [acts[0], acts[0]]}), encoding="utf-8")
    with pytest.raises(ScenarioInvalid, match="plays twice"):
        load(scenario)
