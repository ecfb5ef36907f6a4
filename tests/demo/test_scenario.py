"""The demonstration holds, notices when it does not, and refuses scenarios that cannot be played."""

import json
from itertools import combinations, count
from pathlib import Path

import httpx
import pytest
import yaml
from click.testing import CliRunner
from msgspec import structs

from assay_toolkit.demo.cast import Company
from assay_toolkit.demo.command import demo
from assay_toolkit.demo.scenario import SHIPPED, ScenarioInvalid, load
from assay_toolkit.demo.stage import stage


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


def test_a_phone_that_gets_no_token_is_a_line_of_the_table(tmp_path, acts):
    genuine, emulator = acts[0], next(act for act in acts if act.get("condition") == "emulator")
    genuine["condition"], emulator["condition"] = emulator["condition"], genuine["condition"]
    result, report = play(tmp_path, [genuine, emulator])
    assert result.exit_code == 1
    assert "enrol: phone-not-supported, not token" in report["acts"][0]["wrong"]
    assert "login: attestation-missing, not allow" in report["acts"][0]["wrong"]


def test_no_two_phones_can_swap_evidence_unnoticed():
    """Every pair of acts whose phones differ, each with the other's phone, over one stage."""
    attesting = [act for act in load(SHIPPED) if act.platform and act.says and not act.analyst]
    number = count()
    with (
        stage() as here,
        httpx.Client(base_url=here.assay, timeout=30) as service,
        httpx.Client(base_url=here.bank, timeout=30) as bank,
    ):
        company = Company(stage=here, service=service, bank=bank)

        def holds(act, phone):
            lent = {"platform": phone.platform, "condition": phone.condition}
            # Each under a name of its own: the bank remembers whom it notified.
            return not company.play(structs.replace(act, who=f"{act.who} {next(number)}", **lent)).wrong

        assert all(holds(act, act) for act in attesting)
        unnoticed = [
            (first.who, second.who)
            for first, second in combinations(attesting, 2)
            if (first.platform, first.condition) != (second.platform, second.condition)
            and holds(first, second)
            and holds(second, first)
        ]
    assert unnoticed == []


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
