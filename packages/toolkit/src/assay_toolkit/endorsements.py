"""`assay endorsements`: Google's revocation list, as it was fetched, to the document that phones are judged by.

Nothing is fetched here: whoever fetches it (a pipeline, each day) decides over which network, and keeps the answer.
"""

from pathlib import Path

import click

from assay_toolkit import documents_cli
from chalicelib.aws.documents import Documents
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.google_status import StatusList, parse_status_list

KIND = "google_status"

_File = click.Path(path_type=Path, dir_okay=False)


@click.group()
def endorsements() -> None:
    """Check and put in force which attestation keys Google does not vouch for any more."""


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


endorsements.add_command(documents_cli.activate_command(kind=KIND, noun="revocation list", check=parse_status_list))


def _read(file: Path) -> tuple[bytes, StatusList]:
    """The file's very bytes, and what they say."""
    try:
        body = file.read_bytes()
        return body, parse_status_list(body)
    except (OSError, UnusableEndorsement) as error:
        raise click.ClickException(f"{file}: {error}") from error
