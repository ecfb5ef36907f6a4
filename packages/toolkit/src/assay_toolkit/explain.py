"""`assay explain`: what a reason means, and what was decided of one phone, in sentences."""

import difflib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from assay_toolkit import documents_cli, policy_words
from assay_toolkit.explain_codes import Reason, all_reasons, answered, help_of, reason_of, registry_of, table
from assay_toolkit.explain_record import Record, RecordInvalid, read_records, sentences
from assay_toolkit.local.checkout import ROOT
from assay_toolkit.policy import KIND, compile_policy
from chalicelib.appraisal import Policy, PolicyInvalid, load_policy
from chalicelib.aws.documents import Documents
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import AppraisalReason

_STDIN: Final = "-"
_LONGEST: Final = 1 << 22  # characters of records; a line has some thousand
_URN: Final = "urn:uuid:"  # RFC 9562 section 4; before the UUID in what the phone is answered
_BASELINE: Final = Path(ROOT, "policies", "baseline.yaml")


@click.command()
@click.argument("subject", metavar="CODE|FILE|-", required=False)
@click.option("--all", "everything", is_flag=True, help="Print every code, as Markdown.")
@click.option(
    "--reference",
    help="Of several records, the one of this reference; `urn:uuid:…` as the phone shows it is fine, too.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Which rules lead to the code: of this file. Without it: of the policy in force where a table is named, else "
    "of policies/baseline.yaml.",
)
@documents_cli.optional_store_options
def explain(
    *,
    subject: str | None,
    everything: bool,
    reference: str | None,
    policy_file: Path | None,
    documents: Documents | None,
    cases_of: object,  # noqa: ARG001 - the option's, which gives both stores
) -> None:
    """Say what a reason code means, or what a decision record says.

    A record is JSON as it stands in the log: a file of one, of lines, or `-` for standard input.
    """
    if everything is (subject is not None):
        raise click.UsageError("wants a code, a file of records or `-`; or --all")
    if subject is None:
        for line in table():
            click.echo(line)
    elif (reason := reason_of(subject)) is not None:
        with documents_cli.explained():
            for line in _described(reason, _policy_document(policy_file, documents)):
                click.echo(line)
    else:
        with documents_cli.explained():
            _explain_records(subject, reference, policy_file, documents)


def _described(reason: Reason, policy: bytes) -> Iterator[str]:
    yield f"{reason.value}: {reason.sentence}"
    yield f"{registry_of(reason)}."
    yield f"The phone was answered: {answered(reason)}. It never hears the code."
    yield f"To the customer: {help_of(reason).value}"
    if isinstance(reason, AppraisalReason):
        loaded = load_policy(policy)
        yield f"In the policy {loaded.id} it comes from:"
        places = list(_places(reason, loaded, policy)) or ["nothing: no rule has this reason"]
        yield from (f"  {place}" for place in places)


def _places(reason: AppraisalReason, loaded: Policy, document: bytes) -> Iterator[str]:
    for rule in loaded.rules:
        said = f"rule {rule.name}, when {policy_words.condition(rule.when)}"
        if rule.outcome.reason is reason:
            yield f"{said}: {policy_words.value(rule.outcome.component, rule.outcome.value)}"
        if rule.absent is not None and rule.absent.reason is reason and rule.absent != rule.outcome:
            absent = policy_words.value(rule.absent.component, rule.absent.value)
            yield f"rule {rule.name}, where what it asks for is not there: {absent}"
    others = {name: value for name, value in json.loads(document).items() if name != "rules"}
    yield from _elsewhere(reason, others, ())
    if reason is AppraisalReason.NOT_CONFIRMED:
        yield "affirms: where a condition does not hold and no rule says what that means"
    if reason is AppraisalReason.FAILURE_NOT_CONFIGURED:
        yield "failures: where something fails that has no entry there"


def _elsewhere(reason: AppraisalReason, value: object, place: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("reason") == reason.value:
            yield ".".join(place)
        for name, member in value.items():
            yield from _elsewhere(reason, member, (*place, name))


def _policy_document(file: Path | None, documents: Documents | None) -> bytes:
    if file is not None:
        return compile_policy(file)
    active = documents.active().get(KIND) if documents else None
    return documents.read(active.digest) if documents and active else compile_policy(_BASELINE)


def _explain_records(subject: str, reference: str | None, file: Path | None, documents: Documents | None) -> None:
    try:
        records = read_records(_text(subject))
    except RecordInvalid as error:
        raise click.ClickException(f"{subject}: {error}") from error
    wanted = None if reference is None else reference.lower().removeprefix(_URN)
    chosen = [record for record in records if wanted in (None, record.reference.lower())]
    if not chosen:
        raise click.ClickException(f"{subject}: no record has the reference {reference}")
    in_force = documents.active().get(KIND) if documents else None
    for number, record in enumerate(chosen):
        if number:
            click.echo("")
        still = None if documents is None else in_force is not None and in_force.digest == record.policy_digest
        for sentence in sentences(record, policy=_policy_of(record, file, documents), still_in_force=still):
            click.echo(sentence)


def _policy_of(record: Record, file: Path | None, documents: Documents | None) -> Policy | None:
    """Exactly the one that the record names, or none: another one's rules explain nothing."""
    digest = record.policy_digest
    if digest is None:
        return None
    for candidate in _candidates(digest, file, documents):
        try:
            loaded = load_policy(candidate)
        except PolicyInvalid:
            continue
        if loaded.digest == digest:
            return loaded
    return None


def _candidates(digest: str, file: Path | None, documents: Documents | None) -> Iterator[bytes]:
    if file is not None:
        yield compile_policy(file)
    if documents is not None:
        try:
            yield documents.read(digest)
        except Malfunction:
            return
    elif file is None and _BASELINE.is_file():
        yield compile_policy(_BASELINE)


def _text(subject: str) -> str:
    try:
        text = sys.stdin.read(_LONGEST) if subject == _STDIN else Path(subject).read_text(encoding="utf-8")[:_LONGEST]
    except (OSError, UnicodeDecodeError) as error:
        close = difflib.get_close_matches(subject, [reason.value for reason in all_reasons()], n=3)
        guess = f"; did you mean {', '.join(close)}?" if close else ""
        raise click.ClickException(f"{subject} is neither a reason code nor a file of records{guess}") from error
    return text
