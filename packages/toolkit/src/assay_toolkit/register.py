"""`assay app`: from one YAML file per app to the register that the service knows its apps by."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import click
import rfc8785

from assay_toolkit import documents_cli
from assay_toolkit.lazy_group import LazyGroup
from assay_toolkit.lifecycle import add_lifecycle
from assay_toolkit.yaml_source import Source, SourceInvalid
from chalicelib.aws.documents import Documents
from chalicelib.endorsements.document import Node
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.register import load_register

KIND = "apps"

# By app and audience: the public key that replaces the one in the file.
AudienceKeys = Mapping[tuple[str, str], Mapping[str, str]]

_File = click.Path(path_type=Path, dir_okay=False)
_NO_KEYS: AudienceKeys = {}


def compile_register(paths: Iterable[Path], *, audience_keys: AudienceKeys = _NO_KEYS) -> bytes:
    """The canonical register of these app files; it loads. Raises `click.ClickException` with file and line.

    `audience_keys`: public JWKs that take the place of an audience's `encryption_jwk`. Each must find its audience.
    """
    apps: dict[str, object] = {}
    unused = set(audience_keys)
    for path in sorted(paths):
        source = Source(path)
        name, entry = _entry(source)
        if name in apps:
            raise SourceInvalid(path, source.line("$.app"), f"registers the app {name}, as another file does")
        replaced = {key for key in unused if key[0] == name and _replace(entry, key[1], audience_keys[key])}
        unused -= replaced
        _check(source, name, entry)
        apps[name] = entry
    if unused:
        app_name, audience = min(unused)
        raise click.ClickException(f"no confidential audience {audience} of an app {app_name} to give a key to")
    document = rfc8785.dumps({"version": 1, "apps": apps})  # type: ignore[dict-item]  # Source reads JSON values only
    try:
        load_register(document)
    except UnusableEndorsement as error:
        raise click.ClickException(str(error)) from error
    return document


def _entry(source: Source) -> tuple[str, dict[str, object]]:
    value = source.root.value
    if not isinstance(value, dict) or not isinstance(value.get("app"), str):
        raise SourceInvalid(source.file, 1, "wants the member `app`, the app's id")
    return value["app"], {member: item for member, item in value.items() if member != "app"}


def _replace(entry: dict[str, object], audience: str, key: Mapping[str, str]) -> bool:
    audiences = entry.get("audiences")
    registered = audiences.get(audience) if isinstance(audiences, dict) else None
    if not isinstance(registered, dict) or registered.get("kind") != "confidential":
        return False
    registered["encryption_jwk"] = dict(key)
    return True


def _check(source: Source, name: str, entry: dict[str, object]) -> None:
    """Loads the app by itself, so that a complaint can name its file and line."""
    document = rfc8785.dumps({"version": 1, "apps": {name: entry}})  # type: ignore[dict-item]  # as above
    try:
        load_register(document)
    except UnusableEndorsement as error:
        path, _, sentence = str(error).partition(": ")
        inside = "$" + path.removeprefix(Node(None).member("apps").member(name).path)
        raise SourceInvalid(source.file, source.line(inside), f"{inside}: {sentence}") from error


def _audience_keys(given: tuple[tuple[str, str, Path], ...]) -> dict[tuple[str, str], dict[str, str]]:
    keys = {}
    for app_name, audience, file in given:
        try:
            keys[app_name, audience] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise click.ClickException(f"{file}: no JWK can be read from it") from error
    return keys


_audience_key_option = click.option(
    "--audience-key",
    "given",
    type=(str, str, _File),
    multiple=True,
    metavar="APP AUDIENCE FILE",
    help="Use the public JWK in FILE for this confidential audience.",
)


# Loaded when asked for: it compiles registers, with what is above.
@click.group(cls=LazyGroup, lazy={"add": "assay_toolkit.onboarding.app_command:add"})
def app() -> None:
    """Register apps, check them, and put in force which ones Assay knows."""


@app.command()
@click.argument("files", nargs=-1, required=True, type=_File)
@_audience_key_option
def lint(files: tuple[Path, ...], given: tuple[tuple[str, str, Path], ...]) -> None:
    """Check app registrations, together."""
    for name, registration in load_register(compile_register(files, audience_keys=_audience_keys(given))).items():
        click.echo(f"{name}: {len(registration.audiences)} audiences")


@app.command()
@click.argument("files", nargs=-1, required=True, type=_File)
@_audience_key_option
@documents_cli.store_options
def publish(files: tuple[Path, ...], given: tuple[tuple[str, str, Path], ...], documents: Documents) -> None:
    """Store the register of ALL apps, which does not put it in force yet, and print its digest."""
    body = compile_register(files, audience_keys=_audience_keys(given))
    click.echo(documents_cli.publish(documents, kind=KIND, body=body))


add_lifecycle(app, kind=KIND, noun="register", check=load_register)
