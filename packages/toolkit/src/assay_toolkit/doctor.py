"""`assay doctor`: what is missing, and what was left open (docs/operations.md)."""

import json
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import click
import httpx

from assay_toolkit import aws_answers, documents_cli
from assay_toolkit.doctor_findings import Check, Finding, Level
from assay_toolkit.doctor_repository import Repository, observing_routes
from assay_toolkit.doctor_stage import InForce, log_findings, secret_findings, service_findings
from assay_toolkit.local.checkout import ROOT
from chalicelib.aws.documents import Documents
from chalicelib.aws.policy_cases import PolicyCases
from chalicelib.model.apps import AppRegistration
from chalicelib.model.outcome import Malfunction


@click.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=ROOT,
    help="The checkout with policies/ and .chalice/. Without it: the one that `assay` is installed from.",
)
@click.option(
    "--stage",
    help="The stage of .chalice/config.json: its secrets and logs are looked at, too. The secrets that apps name: with "
    "a table.",
)
@click.option("--url", help="The service's URL: its health, and the keys that it and its issuer publish.")
@click.option("--issuer", help="The static endpoint's origin. Without it: the stage's.")
@click.option(
    "--backend",
    "backends",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="Python sources of a relying party: which of its rules only observe.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@documents_cli.optional_store_options
def doctor(
    *,
    root: Path,
    stage: str | None,
    url: str | None,
    issuer: str | None,
    backends: tuple[Path, ...],
    as_json: bool,
    documents: Documents | None,
    cases_of: PolicyCases | None,
) -> None:
    """Say what is missing or left open, and what to do about it.

    Without a table and a stage it looks at the checkout alone. It changes nothing, and reads no secret. Exit code: 0
    nothing but notes, 1 something is open, 2 something is broken.
    """
    repository = Repository(root)
    found = [*repository.findings([stage] if stage else []), *observing_routes(backends)]
    with documents_cli.explained():
        found += _of_stage(repository, stage, documents, cases_of)
    if url is None:
        found.append(Finding(Check.NOT_EXAMINED, "health and published keys: no --url"))
    else:
        known = issuer or (repository.environment(stage).get("ASSAY_ISSUER") if stage else None)
        with httpx.Client() as client:
            found += service_findings(client, url.rstrip("/"), known, now=datetime.now(UTC))
    if not backends:
        found.append(Finding(Check.NOT_EXAMINED, "routes that only observe: no --backend"))
    found.sort(key=lambda finding: -finding.check.level)
    click.echo(_as_json(found) if as_json else "\n".join(_lines(found)))
    raise SystemExit(max((finding.check.level for finding in found), default=Level.NOTE))


def _of_stage(
    repository: Repository, stage: str | None, documents: Documents | None, cases_of: PolicyCases | None
) -> Iterator[Finding]:
    apps: Collection[AppRegistration] = ()
    if documents is None or cases_of is None:
        yield Finding(Check.NOT_EXAMINED, "what is in force, and the secrets of its apps: no --table and --bucket")
    else:
        in_force = InForce(documents, cases_of, repository, now=datetime.now(UTC))
        try:
            yield from in_force.findings()
        except Malfunction as error:
            yield Finding(Check.TABLE_UNREADABLE, f"what is in force: {aws_answers.sentence(error)}")
        # As far as it came: without a register there are no apps.
        apps = in_force.register.values()
    if stage is None:
        yield Finding(Check.NOT_EXAMINED, "secrets and log retention: no --stage")
    elif repository.environment(stage):
        yield from _around(stage, apps)


def _around(stage: str, apps: Collection[AppRegistration]) -> Iterator[Finding]:
    try:
        with aws_answers.making_clients():
            secrets, logs = boto3.client("secretsmanager"), boto3.client("logs")
    except click.ClickException as error:
        yield Finding(Check.NOT_EXAMINED, f"secrets and log retention: {error.message}")
        return
    yield from secret_findings(secrets, stage, apps)
    yield from log_findings(logs, stage)


def _lines(found: list[Finding]) -> Iterator[str]:
    for finding in found:
        yield f"{finding.check.level.name.lower()}: {finding.check.code}: {finding.said}"
        yield f"    {finding.check.todo}"
    counts = {level: sum(finding.check.level is level for finding in found) for level in Level}
    yield f"{counts[Level.BROKEN]} broken, {counts[Level.OPEN]} open, {counts[Level.NOTE]} notes"


def _as_json(found: list[Finding]) -> str:
    members = [
        {
            "code": finding.check.code,
            "level": finding.check.level.name.lower(),
            "found": finding.said,
            "to_do": finding.check.todo,
        }
        for finding in found
    ]
    return json.dumps(members, indent=2, ensure_ascii=False)
