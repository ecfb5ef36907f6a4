"""`assay app add`: an app registered by its artefact."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from assay_toolkit.onboarding import new_file, store
from assay_toolkit.onboarding.app_file import AppFile, CannotEdit, Scalar
from assay_toolkit.onboarding.artefact import AndroidArtefact, AppleArtefact, ArtefactUnusable, printable
from assay_toolkit.onboarding.certificates import certificate_digest
from assay_toolkit.onboarding.origin import ORIGIN
from assay_toolkit.onboarding.public_key import digest_of
from assay_toolkit.onboarding.reading import read_artefact
from assay_toolkit.onboarding.registration import AndroidApp, AppleApp, Differs, Draft
from chalicelib.model.claims import AppleEnvironment

_File = click.Path(path_type=Path, dir_okay=False)

_PLAY_REMARK: Final = "Google Play's app signing certificate"
_GIVEN_REMARK: Final = "named by a person"
_ENVIRONMENTS: Final = click.Choice([environment.label for environment in AppleEnvironment])


class _Certificate(click.ParamType[str]):
    """The SHA-256 digest, in hex."""

    name = "file|hex"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return certificate_digest(str(value)).hex()
        except ArtefactUnusable as error:
            self.fail(f"{str(value)[:80]!a} {error}", param, ctx)


_CERTIFICATE: Final = _Certificate()


@dataclass(frozen=True, slots=True)
class _Person:
    """Answers what no artefact and no option said, unless nobody is there."""

    is_there: bool

    def ask(self, question: str, option: str, kind: click.ParamType[str]) -> str:
        if not self.is_there:
            raise click.ClickException(f"{question} is not known; give {option}")
        return str(click.prompt(question[0].upper() + question[1:], type=kind))

    def agree(self, question: str) -> None:
        if self.is_there:
            click.confirm(question, default=True, abort=True)


@click.command("add")
@click.argument("artefact", type=_File)
@click.option("--app", "name", help="The app's id: what phones ask challenges for.")
@click.option("--audience", "audiences", type=ORIGIN, multiple=True, help="The origin of a backend; repeatable.")
@click.option(
    "--play-certificate",
    "play",
    type=_CERTIFICATE,
    multiple=True,
    help="Google Play's app signing certificate: a file, or its SHA-256 as Play Console shows it.",
)
@click.option(
    "--signing-certificate", "others", type=_CERTIFICATE, multiple=True, help="Another certificate that signs the app."
)
@click.option("--app-id", help="Apple's App ID, team and bundle id, where the IPA does not say it.")
@click.option("--environment", type=_ENVIRONMENTS, help="Of App Attest, where the IPA does not say it or says another.")
@click.option("--output", type=_File, help="The app's file.  [default: policies/apps/NAME.yaml]")
@click.option("--replace", "may_replace", is_flag=True, help="Replace what is registered and differs.")
@click.option("--no-input", is_flag=True, help="Ask nothing: refuse where something is missing, then write.")
def add(
    artefact: Path,
    name: str | None,
    audiences: tuple[str, ...],
    play: tuple[str, ...],
    others: tuple[str, ...],
    app_id: str | None,
    environment: str | None,
    output: Path | None,
    *,
    may_replace: bool,
    no_input: bool,
) -> None:
    """Register an app by its APK, AAB or IPA, or add one to the app's file.

    Shows what it found and where, then what it would write.
    """
    person = _Person(not no_input)
    found = _read(artefact)
    name = name or person.ask("the app's id", "--app", click.STRING)
    path = store.file_of(name, output)
    existing = store.load(path, name)
    draft = Draft(existing or _head(name, path))
    try:
        if isinstance(found, AndroidArtefact):
            _refuse_options("an IPA", app_id=app_id, environment=environment)
            given = [*(Scalar(item, _PLAY_REMARK) for item in play), *(Scalar(item, _GIVEN_REMARK) for item in others)]
            has_signers = "android" in draft.file.value
            android = _android(artefact, found, given, person, has_signers=has_signers)
            draft.add_android(android, may_replace=may_replace)
        else:
            _refuse_options("an Android app", play_certificate=play, signing_certificate=others)
            draft.add_apple(_apple(artefact, found, app_id, environment, person), may_replace=may_replace)
        if not audiences and existing is None:
            audiences = (person.ask("the origin of a backend that tokens are for", "--audience", ORIGIN),)
        draft.add_audiences(audiences)
    except Differs as error:
        raise click.ClickException(f"{store.shown(path)} {error}") from error
    except CannotEdit as error:
        raise click.ClickException(f"{store.shown(path)}: {error}; change it by hand") from error
    _remind_of_versions(draft.file, found)
    _write(path, draft, person, is_new=existing is None)


def _remind_of_versions(file: AppFile, found: AndroidArtefact | AppleArtefact) -> None:
    """Which checks a version must run is not in the artefact, so that no version is listed from it."""
    member, number = (
        ("android_version_code", found.version_code)
        if isinstance(found, AndroidArtefact)
        else ("apple_bundle_version", found.build)
    )
    listed = [version.get(member) for version in file.value.get("versions", [])]
    if listed and number not in listed:
        click.echo(f"  `versions` has no entry with {member} {number}: phones with it owe every check of the others.")


def _head(name: str, path: Path) -> AppFile:
    return AppFile(new_file.head(name, has_schema=(path.parent / "app.schema.json").exists()))


def _write(path: Path, draft: Draft, person: _Person, *, is_new: bool) -> None:
    if not draft.news:
        click.echo(f"\n{store.shown(path)} has all of that already")
        return
    click.echo(f"\n{store.shown(path)}{', a new file' if is_new else ''}:")
    for line in draft.news:
        click.echo(f"  {line}")
    person.agree("Write it?")
    store.save(path, draft.file)
    click.echo(f"written: {store.shown(path)}")


def _read(artefact: Path) -> AndroidArtefact | AppleArtefact:
    """Shows what it found."""
    try:
        found = read_artefact(artefact)
    except ArtefactUnusable as error:
        raise click.ClickException(f"{artefact} {error}") from error
    rows: list[tuple[str, str, str]]
    match found:
        case AndroidArtefact():
            rows = [("package", found.package, "its manifest"), ("version", found.version, "its manifest")]
            rows += [("signer", digest, "; ".join(sources)) for digest, sources in _signers(found).items()]
        case AppleArtefact():
            stated = found.environment.label if found.environment else "not said"
            rows = [
                ("App ID", found.app_id or "not said", "its entitlements"),
                ("bundle id", found.bundle_id, "Info.plist"),
                ("version", found.version, "Info.plist"),
                ("environment", stated, found.environment_source),
            ]
    click.echo(f"{artefact}:")
    for label, value, source in rows:
        click.echo(f"  {label:<12}{value}  ({source})")
    for note in found.notes:
        click.echo(f"  {note}")
    return found


def _signers(found: AndroidArtefact) -> dict[str, list[str]]:
    """Who says so, by digest."""
    sources: dict[str, list[str]] = {}
    for signer in found.signers:
        sources.setdefault(digest_of(signer.certificate).hex(), []).append(signer.source)
    return sources


def _refuse_options(artefact: str, **given: object) -> None:
    for name, value in given.items():
        if value:
            raise click.UsageError(f"--{name.replace('_', '-')} is for {artefact}")


def _android(
    artefact: Path, found: AndroidArtefact, given: list[Scalar], person: _Person, *, has_signers: bool
) -> AndroidApp:
    """`has_signers`: some are registered, so that nothing is missing where the artefact names none."""
    signers = tuple(Scalar(digest, sources[-1]) for digest, sources in _signers(found).items())
    if not signers and not given and not has_signers:
        question = "the SHA-256 digest, or the file, of a certificate that signs what phones install"
        given = [
            Scalar(person.ask(question, "--play-certificate or --signing-certificate", _CERTIFICATE), _GIVEN_REMARK)
        ]
    return AndroidApp(
        package=found.package, signers=signers, named=tuple(given), read_from=_origin(artefact, found.version)
    )


def _apple(
    artefact: Path, found: AppleArtefact, app_id: str | None, environment: str | None, person: _Person
) -> AppleApp:
    """What a person says goes before what the artefact says."""
    app_id = app_id or found.app_id or person.ask("the App ID, team and bundle id", "--app-id", click.STRING)
    if not app_id.endswith(f".{found.bundle_id}"):
        raise click.ClickException(f"the App ID {app_id!a} is not one of {found.bundle_id}, which the IPA has")
    if environment is None:
        environment = (
            found.environment.label
            if found.environment
            else person.ask("the App Attest environment", "--environment", _ENVIRONMENTS)
        )
    return AppleApp(app_id=app_id, environment=environment, read_from=_origin(artefact, found.version))


def _origin(artefact: Path, version: str) -> str:
    """For a comment, on one line whatever the file is called."""
    return f"{printable(artefact.name) or 'a file'}, version {version}"
