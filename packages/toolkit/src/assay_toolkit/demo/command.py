"""`assay demo`: the scenario, played."""

import json
import sys
from pathlib import Path

import click
import httpx

from assay_toolkit.demo.cast import Company
from assay_toolkit.demo.report import document, table
from assay_toolkit.demo.scenario import SHIPPED, ScenarioInvalid, load
from assay_toolkit.demo.stage import StageFailed, stage

_TIMEOUT = 30  # seconds; a loopback answer takes milliseconds, a loaded machine more

_NEXT = """
Where to look next
  make serve                        the same stack, kept running, with what to type
  {report}            the table above as JSON
  packages/toolkit/src/assay_toolkit/demo/scenario.yaml
                                    the cast: change a condition and play again
  policies/baseline.yaml            why each phone was judged as it was
  docs/wire.md, docs/architecture.md, docs/threat-model.md
"""


@click.command()
@click.option("--scenario", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=SHIPPED)
@click.option(
    "--json",
    "report",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("demo-report.json"),
    show_default=True,
    help="Where the report goes as JSON.",
)
def demo(scenario: Path, report: Path) -> None:
    """Show the main job, end to end: phones, Assay and a bank, with only HTTP between them.

    Ends with 1 unless each of the cast got what the scenario says.
    """
    report.unlink(missing_ok=True)  # an earlier report must not speak for a demonstration that broke off
    try:
        acts = load(scenario)
        with (
            stage() as here,
            httpx.Client(base_url=here.assay, timeout=_TIMEOUT) as service,
            httpx.Client(base_url=here.bank, timeout=_TIMEOUT) as bank,
        ):
            click.echo(f"Assay at {here.assay}, its keys at {here.issuer}, the bank at {here.bank}\n")
            company = Company(stage=here, service=service, bank=bank)
            played = [company.play(act) for act in acts]
    except (ScenarioInvalid, StageFailed) as error:
        raise click.ClickException(str(error)) from error
    report.write_text(json.dumps(document(played), indent=2) + "\n", encoding="utf-8")
    click.echo(table(played))
    wrong = [act.act.who for act in played if act.wrong]
    click.echo(f"\n{len(played) - len(wrong)} of {len(played)} got what the scenario says.")
    if wrong:
        click.echo(f"Not so: {', '.join(wrong)}", err=True)
        sys.exit(1)
    click.echo(_NEXT.format(report=str(report).ljust(22)))
