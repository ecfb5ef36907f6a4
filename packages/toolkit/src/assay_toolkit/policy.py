"""`assay policy`: from the YAML that analysts write to the document that the service judges by."""

from pathlib import Path

import click

from assay_toolkit import documents_cli
from assay_toolkit.policy_schema import policy_schema, rendered
from assay_toolkit.yaml_source import Source
from chalicelib.appraisal import Policy, PolicyInvalid, load_policy
from chalicelib.appraisal.policy import Outcome
from chalicelib.aws.documents import Documents
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.verdict import Advice

KIND = "policy"

_File = click.Path(path_type=Path, dir_okay=False)


def compile_policy(path: Path) -> bytes:
    """The canonical document of a YAML policy; it loads. Raises `click.ClickException` with file and line."""
    source = Source(path)
    document = source.canonical()
    try:
        load_policy(document)
    except PolicyInvalid as error:
        raise source.complain(error) from error
    return document


@click.group()
def policy() -> None:
    """Check, show and put in force what Assay judges phones by."""


@policy.command()
@click.argument("files", nargs=-1, required=True, type=_File)
def lint(files: tuple[Path, ...]) -> None:
    """Check policies, and name the digest of each."""
    for file in files:
        click.echo(f"{file}: {load_policy(compile_policy(file)).id}")


@policy.command()
@click.argument("file", type=_File)
@click.option("--canonical", is_flag=True, help="Print the canonical document itself.")
def show(file: Path, *, canonical: bool) -> None:
    """Print what a policy does, rule by rule and action by action."""
    document = compile_policy(file)
    if canonical:
        click.echo(document, nl=False)
        return
    for line in _described(load_policy(document)):
        click.echo(line)


@policy.command()
def schema() -> None:
    """Print the JSON Schema that editors check policies with."""
    click.echo(rendered(policy_schema()), nl=False)


@policy.command()
@click.argument("file", type=_File)
@documents_cli.store_options
def publish(file: Path, documents: Documents) -> None:
    """Store a policy, which does not put it in force yet, and print its digest."""
    click.echo(documents_cli.publish(documents, kind=KIND, body=compile_policy(file)))


policy.add_command(documents_cli.activate_command(kind=KIND, noun="policy", check=load_policy))


def _described(loaded: Policy) -> list[str]:
    lines = [loaded.id, "", "Rules:"]
    for rule in loaded.rules:
        lines.append(f"  {rule.name}: {_outcome(rule.outcome)}")
        if rule.absent != rule.outcome:
            lines.append(f"  {rule.name}: absent: {_outcome(rule.absent) if rule.absent else 'ignored'}")
    lines += ["", "Where it is required and missing:"]
    lines += [
        f"  {format_.value}: at most {cap.tier.ear_status}, {_reason(cap.reason)}"
        for format_, cap in loaded.missing.items()
    ]
    lines += ["", f"Admits: {', '.join(sorted(loaded.admits)) or 'nothing that is refused by default'}"]
    lines += ["", "Advice:"]
    for tier, by_action in loaded.advice.items():
        lines += [f"  {tier.ear_status}: {action}: {_advice(advice)}" for action, advice in by_action.items()]
    return lines


def _outcome(outcome: Outcome) -> str:
    return f"{outcome.component.value} {outcome.value}, {_reason(outcome.reason)}"


def _reason(reason: AppraisalReason) -> str:
    return f"{reason.value}: {reason.sentence}"


def _advice(advice: Advice) -> str:
    parts = [advice.decision.value]
    if advice.acr:
        parts.append(f"acr {advice.acr}")
    if advice.delay_seconds:
        parts.append("{} to {} s".format(*advice.delay_seconds))
    return ", ".join([*parts, *advice.obligations])
