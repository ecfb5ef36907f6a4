"""The `assay verify-vectors` command."""

from pathlib import Path

import click

from assay_toolkit.policy import compile_policy
from assay_toolkit.vectors import report
from assay_toolkit.vectors.baseline import Baseline, merged_status_list
from assay_toolkit.vectors.index import Folder, FolderError, load
from assay_toolkit.vectors.run import Verifiers
from chalicelib.appraisal import Policy, load_policy
from chalicelib.endorsements.anchors import AnchorSet, anchors_from_pem
from chalicelib.endorsements.apple_roots import APPLE_ANCHORS, APPLE_RECEIPT_ANCHORS
from chalicelib.endorsements.google_roots import GOOGLE_ANCHORS

# Where a checkout has it: the toolkit runs from one.
_BASELINE = Path(__file__).resolve().parents[5] / "policies" / "baseline.yaml"


class _Unusable(click.ClickException):
    """What was given cannot be used: 2, so that 1 keeps meaning a mismatch."""

    exit_code = 2


@click.command("verify-vectors")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document with `vectors` and `summary`.")
@click.option(
    "--anchors",
    "anchors_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Trust the keys of this PEM file too, for this run only and for every kind of evidence.",
)
@click.option(
    "--policy",
    "policy_file",
    metavar="FILE",
    default=_BASELINE,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Hold Android chains against this policy instead of the shipped baseline.",
)
def verify_vectors(folder: Path, *, as_json: bool, anchors_file: Path | None, policy_file: Path) -> None:
    """Verify every vector of DIR, which has an `index.json`, and compare with what it expects.

    Exit code 1: a vector came out other than expected. 2: the folder or the anchors cannot be used.
    """
    try:
        vectors = load(folder)
        verifiers = verifiers_for(vectors, anchors_file=anchors_file, policy_file=policy_file)
        lines = [report.compare(entry, verifiers.run(entry)) for entry in vectors.entries]
    except FolderError as error:
        raise _Unusable(str(error)) from None
    if as_json:
        click.echo(report.as_json(lines))
    else:
        for line in lines:
            click.echo(report.as_text(line))
        click.echo(report.summary_text(lines))
    if any(line.mismatches for line in lines):
        raise click.exceptions.Exit(1)


def verifiers_for(vectors: Folder, *, anchors_file: Path | None = None, policy_file: Path = _BASELINE) -> Verifiers:
    """The vendors' own anchors and the shipped policy, unless files say otherwise. Raises FolderError."""
    android_anchors, apple_anchors, apple_receipt_anchors = _anchors(anchors_file)
    return Verifiers(
        android_anchors=android_anchors,
        apple_anchors=apple_anchors,
        apple_receipt_anchors=apple_receipt_anchors,
        baseline=Baseline(policy=_policy(policy_file), status_list=merged_status_list(vectors.status_lists)),
    )


def _anchors(file: Path | None) -> tuple[AnchorSet, AnchorSet, AnchorSet]:
    """Android's, then Apple's for attestations and for receipts: the vendor's own and those of `file`."""
    if file is None:
        return GOOGLE_ANCHORS, APPLE_ANCHORS, APPLE_RECEIPT_ANCHORS
    try:
        extra = anchors_from_pem(file.read_bytes(), name=file.name)
        return GOOGLE_ANCHORS + extra, APPLE_ANCHORS + extra, APPLE_RECEIPT_ANCHORS + extra
    except (OSError, ValueError) as error:
        raise _Unusable(f"{file.name}: {error}") from None


def _policy(file: Path) -> Policy:
    try:
        return load_policy(compile_policy(file))
    except click.ClickException as error:
        raise _Unusable(error.format_message()) from None
