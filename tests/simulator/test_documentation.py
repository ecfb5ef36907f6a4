"""docs/simulator.md has the list as it is."""

from pathlib import Path

from click.testing import CliRunner

from assay_toolkit.simulator.command import simulate
from assay_toolkit.simulator.tamper import TAMPERS

PAGE = Path(__file__).resolve().parents[2] / "docs/simulator.md"
BEGIN, END = "<!-- begin: assay simulate list --markdown -->\n", "<!-- end -->\n"


def test_the_page_has_the_tables_that_the_command_prints():
    printed = CliRunner().invoke(simulate, ["list", "--markdown"]).output
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    tables, _, after = rest.partition(END)
    assert (tables, after) == (printed, "")


def test_a_platform_knows_a_defect_by_one_name():
    named = [(tamper.name, platform) for tamper in TAMPERS for platform in tamper.platforms]
    assert len(set(named)) == len(named)
