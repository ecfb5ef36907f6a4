"""`assay endorsements`: what vendors publish and a team believes: the revocation list, and the anchors of trust.

The list refreshes by itself (docs/endorsements.md); here it is put in force by hand, which stands until the next
refresh. Anchors come from a file that people review.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from assay_toolkit import documents_cli
from assay_toolkit.lifecycle import add_lifecycle
from assay_toolkit.yaml_source import Source
from chalicelib.aws.documents import Documents
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.google_status import StatusList, parse_status_list
from chalicelib.endorsements.trust_anchors import BUILT_IN, AnchorDocument, load_trust_anchors
from chalicelib.service.ports import ActiveDocument

KIND = "google_status"
ANCHORS_KIND = "trust_anchors"

_File = click.Path(path_type=Path, dir_okay=False)


def compile_trust_anchors(path: Path) -> bytes:
    """The canonical document of a YAML file of anchors; it loads as it would outside the local stage. Raises
    `click.ClickException` with file and line."""
    source = Source(path)
    document = source.canonical()
    try:
        load_trust_anchors(document)
    except UnusableEndorsement as error:
        place = str(error).partition(": ")[0]
        line = source.line(place) if place.startswith("$") else 1
        raise click.ClickException(f"{path}:{line}: {error}") from error
    return document


@click.group()
def endorsements() -> None:
    """Show, check and put in force whose word counts, and which attestation keys nobody vouches for any more."""


@endorsements.command()
@documents_cli.store_options
def show(documents: Documents) -> None:
    """Print what is in force, since when, and where it comes from."""
    with documents_cli.explained():
        active = documents.active()
        for line in (
            *_list_lines(documents, active.get(KIND)),
            "",
            *_anchor_lines(documents, active.get(ANCHORS_KIND)),
        ):
            click.echo(line)


@endorsements.command()
@click.argument("file", type=_File)
def lint(file: Path) -> None:
    """Check a list as https://android.googleapis.com/attestation/status gives it."""
    _, listed = _read(file)
    click.echo(f"{file}: {len(listed.entries)} serial numbers")


@endorsements.command()
@click.argument("file", type=_File)
@documents_cli.store_options
def publish(file: Path, documents: Documents) -> None:
    """Store a list, which does not put it in force yet, and print its digest."""
    body, _ = _read(file)
    click.echo(documents_cli.publish(documents, kind=KIND, body=body))


add_lifecycle(endorsements, kind=KIND, noun="revocation list", check=parse_status_list, fetched=True)


@endorsements.group()
def anchors() -> None:
    """Check and put in force which roots phones' platforms are trusted by."""


@anchors.command("lint")
@click.argument("file", type=_File)
def lint_anchors(file: Path) -> None:
    """Check a file of anchors: each key is of the fingerprint beside it."""
    for line in _documented(load_trust_anchors(compile_trust_anchors(file))):
        click.echo(line)


@anchors.command("publish")
@click.argument("file", type=_File)
@documents_cli.store_options
def publish_anchors(file: Path, documents: Documents) -> None:
    """Store anchors, which does not put them in force yet, and print their digest."""
    click.echo(documents_cli.publish(documents, kind=ANCHORS_KIND, body=compile_trust_anchors(file)))


add_lifecycle(anchors, kind=ANCHORS_KIND, noun="document of trust anchors", check=load_trust_anchors)


def _read(file: Path) -> tuple[bytes, StatusList]:
    """The file's very bytes, and what they say."""
    try:
        body = file.read_bytes()
        return body, parse_status_list(body)
    except (OSError, UnusableEndorsement) as error:
        raise click.ClickException(f"{file}: {error}") from error


def _list_lines(documents: Documents, active: ActiveDocument | None) -> Iterator[str]:
    if active is None:
        yield f"{KIND}: none in force; whether a key is revoked is unknown"
        return
    yield from _activation(documents, KIND, active)
    hours = (datetime.now(UTC) - active.fetched_at).total_seconds() / 3_600
    yield f"  fetched {_time(active.fetched_at)}, {hours:.1f} hours ago"
    try:
        yield f"  {len(parse_status_list(documents.read(active.digest)).entries)} serial numbers"
    except UnusableEndorsement as error:
        yield f"  DOES NOT PARSE, phones are answered 503: {error}"


def _anchor_lines(documents: Documents, active: ActiveDocument | None) -> Iterator[str]:
    if active is None:
        yield f"{ANCHORS_KIND}: none in force; the built-in ones hold"
        named = frozenset[str]()
    else:
        yield from _activation(documents, ANCHORS_KIND, active)
        try:
            loaded = load_trust_anchors(documents.read(active.digest))
        except UnusableEndorsement as error:
            yield f"  DOES NOT PARSE, phones are answered 503: {error}"
            return
        yield from _documented(loaded)
        named = frozenset(loaded.by_use())
    for use, built_in in BUILT_IN.items():
        if use not in named:
            yield from (f"  {use}: {anchor.name} {anchor.spki_sha256}, built in" for anchor in built_in)


def _documented(loaded: AnchorDocument) -> Iterator[str]:
    for entry in loaded.documented:
        yield f"  {entry.use}: {entry.anchor.name} {entry.anchor.spki_sha256}"
        yield f"    seen {entry.seen} at {entry.source}"
        for certificate in entry.certificates:
            until = f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
            yield f"    certificate {certificate.sha256}, {until}"


def _activation(documents: Documents, kind: str, active: ActiveDocument) -> Iterator[str]:
    yield f"{kind}@{active.digest}"
    last = documents.activation(kind=kind, revision=active.revision)
    yield f"  put in force {_time(active.activated_at)} by {last.author}: {last.reason}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
