"""`assay audience`: who tokens are for, and the keys of those who get the whole verdict."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from assay_toolkit.onboarding import audience_key, store
from assay_toolkit.onboarding.app_file import AppFile, CannotEdit
from assay_toolkit.onboarding.origin import ORIGIN
from chalicelib.model.apps import AudienceKind

_File = click.Path(path_type=Path, dir_okay=False)
_TIERS: Final = click.Choice(["high", "medium"])  # a gateway that takes every tier is a clear audience

_REMARKS: Final = {
    AudienceKind.CLEAR: "It reads the tier in the token, and so does the app.",
    AudienceKind.CONFIDENTIAL: "It gets the whole verdict, encrypted to this key. The private half is its own.",
    AudienceKind.GATEWAY: "It checks the signature and reads no verdict: below the tier there is no token for it.",
}


@click.group()
def audience() -> None:
    """Register who tokens are for."""


@audience.command()
@click.argument("origin", type=ORIGIN)
@click.option("--app", "name", required=True, help="The app, as registered.")
@click.option(
    "--kind",
    type=click.Choice(list(AudienceKind), case_sensitive=False),
    required=True,
    help="clear: reads the tier, as the app can. confidential: gets the whole verdict encrypted. gateway: reads none.",
)
@click.option("--minimum-tier", type=_TIERS, help="Of a gateway: below it there is no token.")
@click.option("--public-key", type=_File, help="Of a confidential audience: the key it has already, JWK or PEM.")
@click.option(
    "--private-key-out",
    type=_File,
    help="Of a confidential audience: make a key pair, the private half into this file.",
)
@click.option("--file", "output", type=_File, help="The app's file.  [default: policies/apps/NAME.yaml]")
@click.option("--replace", "may_replace", is_flag=True, help="Replace the audience if it is registered already.")
def add(
    origin: str,
    name: str,
    kind: AudienceKind,
    minimum_tier: str | None,
    public_key: Path | None,
    private_key_out: Path | None,
    output: Path | None,
    *,
    may_replace: bool,
) -> None:
    """Register the backend at ORIGIN, and make its key pair where it needs one."""
    _check_options(kind, minimum_tier, public_key, private_key_out)
    path = store.file_of(name, output)
    file = store.load(path, name)
    if file is None:
        raise click.ClickException(f"{store.shown(path)} does not exist; `assay app add` makes it")
    registered = file.value["audiences"].get(origin)
    if registered is not None and not may_replace:
        raise click.ClickException(f"{origin} is registered already, as {registered['kind']}; --replace replaces it")
    # The file may be one that is not changed here: known before there is a key that nobody would look for.
    _changed(path, file, origin, {"kind": kind.value})
    entry: dict[str, object] = {"kind": kind.value}
    if minimum_tier:
        entry["minimum_tier"] = minimum_tier
    if public_key:
        entry["encryption_jwk"] = audience_key.read_public(public_key)
    if private_key_out:
        entry["encryption_jwk"] = audience_key.make(private_key_out)
    try:
        store.save(path, _changed(path, file, origin, entry))
    except click.ClickException:
        if private_key_out:
            private_key_out.unlink()
        raise
    click.echo(f"{store.shown(path)}: {origin}, {kind.value}")
    if private_key_out:
        click.echo(f"{private_key_out}: the private key. It belongs to the backend, and nowhere else.")


def _check_options(
    kind: AudienceKind, minimum_tier: str | None, public_key: Path | None, private_key_out: Path | None
) -> None:
    if (minimum_tier is not None) is not (kind is AudienceKind.GATEWAY):
        raise click.UsageError("--minimum-tier goes with --kind gateway, and only with it")
    given = [option for option in (public_key, private_key_out) if option is not None]
    if kind is AudienceKind.CONFIDENTIAL:
        if len(given) != 1:
            raise click.UsageError("--kind confidential wants either --public-key or --private-key-out")
    elif given:
        raise click.UsageError("a key goes with --kind confidential, and only with it")


def _changed(path: Path, file: AppFile, origin: str, entry: Mapping[str, object]) -> AppFile:
    try:
        if origin in file.value["audiences"]:
            return file.set(("audiences", origin), dict(entry))
        return file.add_entry(("audiences",), origin, dict(entry), remark=_REMARKS[AudienceKind(str(entry["kind"]))])
    except CannotEdit as error:
        raise click.ClickException(f"{store.shown(path)}: {error}; change it by hand") from error
