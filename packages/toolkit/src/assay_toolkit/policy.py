"""`assay policy`: from the YAML that analysts write to the document that the service judges by."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from assay_toolkit import documents_cli, policy_words
from assay_toolkit.lifecycle import add_lifecycle
from assay_toolkit.policy_cases import (
    CaseFile,
    CaseResult,
    case_places,
    cases_about,
    compile_cases,
    load_cases,
    run_cases,
)
from assay_toolkit.policy_coverage import coverage
from assay_toolkit.policy_diff import changed_verdicts, differences, united
from assay_toolkit.policy_schema import policy_schema, rendered
from assay_toolkit.yaml_source import Source
from chalicelib.appraisal import Policy, PolicyInvalid, load_policy
from chalicelib.aws.documents import Documents
from chalicelib.aws.policy_cases import CASES_KIND, PolicyCases
from chalicelib.endorsements.document import DocumentInvalid

KIND = "policy"

_File = click.Path(path_type=Path, dir_okay=False)
_FileOrFolder = click.Path(path_type=Path, exists=True)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_IN_FORCE: Final = "active"


def compile_policy(path: Path) -> bytes:
    """The canonical document of a YAML policy; it loads. Raises `click.ClickException` with file and line."""
    source = Source(path)
    document = source.canonical()
    try:
        load_policy(document)
    except PolicyInvalid as error:
        raise source.complain(error) from error
    return document


def publish_policy(documents: Documents, cases_of: PolicyCases, *, policy: bytes, cases: bytes) -> str:
    """Stores a policy and the cases that show what it does, which puts nothing in force; the policy's digest.
    Raises `click.ClickException` where a case does not hold."""
    _require(run_cases(load_cases(cases), policy), "not published")
    digest = documents_cli.publish(documents, kind=KIND, body=policy)
    shown_by = documents_cli.publish(documents, kind=CASES_KIND, body=cases)
    with documents_cli.explained():
        cases_of.link(policy=digest, cases=shown_by)
    return digest


def _cases_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--cases",
        "given",
        type=_FileOrFolder,
        multiple=True,
        metavar="FILE|DIR",
        help="Cases, or a folder of them, whatever policy they name. Without this option: the files in `cases` beside "
        "the policy that name it.",
    )(command)


@click.group()
def policy() -> None:
    """Check, compare and put in force what Assay judges phones by."""


@policy.command()
@click.argument("files", nargs=-1, required=True, type=_File)
def lint(files: tuple[Path, ...]) -> None:
    """Check policies, and name the digest of each."""
    invalid = False
    for file in files:
        try:
            click.echo(f"{file}: {load_policy(compile_policy(file)).id}")
        except click.ClickException as error:
            error.show()
            invalid = True
    if invalid:
        raise SystemExit(1)


@policy.command()
@click.argument("file", type=_File)
@_cases_option
@click.option("--complete", is_flag=True, help="Fail where the cases leave something of the policy out, too.")
def test(file: Path, given: tuple[Path, ...], *, complete: bool) -> None:
    """Judge every case by a policy, and print what differs and what no case reaches."""
    document = compile_policy(file)
    paths = _cases_for(file, given)
    results = run_cases(load_cases(compile_cases(paths)), document)
    failed = [result for result in results if result.differs]
    places = case_places(paths) if failed else {}
    for result in failed:
        for line in _failure(result, place=places[result.file, result.case.name]):
            click.echo(line)
    click.echo(f"{len(results)} cases, {len(failed)} with another verdict than expected")
    found = coverage(load_policy(document), results)
    click.echo(f"{found.whole - len(found.unreached)} of {found.whole} outcomes of the policy have a case")
    for line in found.unreached:
        click.echo(f"  {line}")
    if failed or (complete and found.unreached):
        raise SystemExit(1)


@policy.command()
@click.argument("before")
@click.argument("after")
@_cases_option
@documents_cli.optional_store_options
def diff(
    before: str, after: str, given: tuple[Path, ...], documents: Documents | None, cases_of: PolicyCases | None
) -> None:
    """Print in words what the policy AFTER does otherwise than BEFORE, and which cases it judges otherwise.

    Each is a file, a digest, or `active` for the one in force.
    """
    if documents is None or cases_of is None:
        sides = [_from_file(name, given) for name in (before, after)]
    else:
        with documents_cli.explained():
            sides = [_from_anywhere(name, given, documents, cases_of) for name in (before, after)]
    (old, old_cases), (new, new_cases) = sides
    lines = differences(old, new)
    for line in lines or ["the policies do the same"]:
        click.echo(line)
    files = united(old_cases, new_cases)
    changed = changed_verdicts(files, old, new)
    count = sum(len(file.cases) for file in files)
    click.echo(f"\n{len(changed)} of {count} cases are judged otherwise" + (":" if changed else "."))
    for line in changed:
        click.echo(f"  {line}")


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
@_cases_option
@documents_cli.case_store_options
def publish(file: Path, given: tuple[Path, ...], documents: Documents, cases_of: PolicyCases) -> None:
    """Store a policy with its cases, which does not put it in force yet, and print its digest.

    A policy whose cases fail is not stored. Published again with other cases, it is shown by those from then on.
    """
    cases = _compiled_cases(file, given)
    click.echo(publish_policy(documents, cases_of, policy=compile_policy(file), cases=cases))


def _shown_by_its_cases(documents: Documents, cases_of: PolicyCases, digest: str) -> str:
    """The digest of the policy's cases, all of which hold with today's code."""
    shown_by = cases_of.of(digest)
    if shown_by is None:
        raise click.ClickException(
            f"not activated: no cases are stored with {digest}; `assay policy publish` stores a policy with its cases"
        )
    try:
        files = load_cases(documents.read(shown_by))
    except DocumentInvalid as error:
        raise click.ClickException(f"not activated: its cases {shown_by} do not load: {error}") from error
    _require(run_cases(files, documents.read(digest)), "not activated")
    return shown_by


def _name_of(document: bytes) -> str:
    """Also of a policy that today's code refuses. Raises ValueError where it is no JSON object with a name."""
    members = json.loads(document)
    if isinstance(members, dict) and isinstance(members.get("name"), str):
        return str(members["name"])
    raise ValueError("no name")


add_lifecycle(policy, kind=KIND, noun="policy", check=load_policy, proof=_shown_by_its_cases, name=_name_of)


def _require(results: Sequence[CaseResult], refused: str) -> None:
    failed = [result for result in results if result.differs]
    if failed:
        lines = [line for result in failed for line in _failure(result)]
        raise click.ClickException(
            "\n".join([f"{refused}: {len(failed)} of {len(results)} cases have another verdict than expected", *lines])
        )


def _failure(result: CaseResult, *, place: str | None = None) -> list[str]:
    """`place`: where the case stands, for those who have its file; without it, the file's name."""
    return [f"{place or result.file}: {result.case.name}", *(f"  {said}" for said in result.differs)]


def _compiled_cases(file: Path, given: tuple[Path, ...]) -> bytes:
    return compile_cases(_cases_for(file, given))


def _cases_for(file: Path, given: tuple[Path, ...]) -> list[Path]:
    paths = _case_files(given) if given else cases_about(file)
    if not paths:
        raise click.ClickException(f"no cases are about {file}: name some with --cases")
    return paths


def _case_files(given: tuple[Path, ...]) -> list[Path]:
    return [path for item in given for path in (sorted(item.glob("*.yaml")) if item.is_dir() else [item])]


def _from_file(name: str, given: tuple[Path, ...]) -> tuple[bytes, tuple[CaseFile, ...]]:
    if name == _IN_FORCE or _DIGEST.fullmatch(name):
        raise click.UsageError(f"{name} is in a table: name it with --table and --bucket")
    path = Path(name)
    paths = _case_files(given) if given else cases_about(path)
    return compile_policy(path), load_cases(compile_cases(paths)) if paths else ()


def _from_anywhere(
    name: str, given: tuple[Path, ...], documents: Documents, cases_of: PolicyCases
) -> tuple[bytes, tuple[CaseFile, ...]]:
    if name == _IN_FORCE:
        active = documents.active().get(KIND)
        if active is None:
            raise click.ClickException("no policy is in force")
        name = active.digest
    if not _DIGEST.fullmatch(name):
        return _from_file(name, given)
    shown_by = cases_of.of(name)
    document = documents.read(name)
    try:
        load_policy(document)
        if given:
            return document, load_cases(compile_cases(_case_files(given)))
        return document, load_cases(documents.read(shown_by)) if shown_by else ()
    except DocumentInvalid as error:
        raise click.ClickException(f"{name} does not load: {error}") from error


def _described(loaded: Policy) -> list[str]:
    lines = [loaded.id, "", "Rules:"]
    for rule in loaded.rules:
        lines.append(f"  {rule.name}: {policy_words.outcome(rule.outcome)}")
        if rule.absent != rule.outcome:
            lines.append(f"  {rule.name}: absent: {policy_words.absent(rule.absent)}")
        lines += [f"    {action}: {policy_words.advice(given)}" for action, given in rule.actions.items()]
    lines += ["", "What could not be had or checked (where nothing is said: none, and deny):"]
    for (platform, failure), outcome in loaded.failures.items():
        said = f"  {platform.value}: {failure.value}: at most {outcome.tier.ear_status}, "
        lines.append(said + policy_words.reason(outcome.reason))
        lines += [f"    {action}: {policy_words.advice(given)}" for action, given in outcome.actions.items()]
    lines += ["", f"Admits: {', '.join(sorted(loaded.admits)) or 'nothing that is refused by default'}"]
    lines += ["", f"Kept as hard: {', '.join(sorted(loaded.hard)) or 'nothing'}"]
    lines += ["", "Limits, in an hour of the clock:"]
    lines += [
        f"  {name.replace('_', ' ')}: {'none' if most is None else most}"
        for name, most in asdict(loaded.limits).items()
    ]
    lines += ["", "Advice:"]
    for tier, by_action in loaded.advice.items():
        lines += [f"  {tier.ear_status}: {action}: {policy_words.advice(given)}" for action, given in by_action.items()]
    return lines
