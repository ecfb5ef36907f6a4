"""`assay simulate`: one phone against a running Assay, and what came of it."""

import base64
import json
from collections.abc import Callable
from typing import Any, TypedDict, TypeVar, Unpack

import click
import httpx

from assay_toolkit.simulator import listing
from assay_toolkit.simulator.answers import Attested, Problem, UnexpectedAnswer
from assay_toolkit.simulator.apple_parameters import AppleParameters, Launch
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.conditions import CONDITIONS, SOUND, Condition, Platform
from assay_toolkit.simulator.defect import Outcome, Purpose, Tamper
from assay_toolkit.simulator.key_description import KeyParameters
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone, Phone
from assay_toolkit.simulator.play_integrity import VERDICTS, PlayServices
from assay_toolkit.simulator.tamper import TAMPERS, find

_EVERY_DEFECT = "all"

_TIMEOUT = 35  # seconds: API Gateway gives up on Assay after 29

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


class _Run(TypedDict):
    """The options that both platforms have."""

    service: str
    app: str
    audience: str
    condition: str
    tamper: str | None
    renewals: int
    call: str | None


@click.group()
def simulate() -> None:
    """Run one simulated phone against a running Assay. Its root must be an anchor there: the local stack's it is."""


@simulate.command("list")
@click.option("--markdown", is_flag=True, help="As the tables of docs/simulator.md.")
def list_all(*, markdown: bool) -> None:
    """What can be the matter with a phone, and with its evidence."""
    for line in listing.as_markdown() if markdown else listing.as_text():
        click.echo(line)


def _common(command: _Decorated) -> _Decorated:
    options = (
        click.option("--service", required=True, metavar="URL", help="Where Assay listens."),
        click.option("--app", required=True, help="The app, as registered."),
        click.option("--audience", required=True, help="Whom the token is for."),
        click.option(
            "--condition", type=click.Choice(sorted(CONDITIONS)), default=SOUND.name, help="The phone's condition."
        ),
        click.option(
            "--tamper",
            metavar="NAME",
            help="A defect of its evidence, see `assay simulate list`; `all`: each of them, with a new phone.",
        ),
        click.option("--renewals", default=1, show_default=True, help="How often it renews after enrolling."),
        click.option("--call", metavar="URL", help="Then get this from a backend, with token and proof."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@simulate.command()
@_common
@click.option("--package", default=KeyParameters().package_name, show_default=True, help="The app's package name.")
@click.option(
    "--signer", metavar="HEX", default=KeyParameters().signature_digests[0].hex(), help="SHA-256 of its signer."
)
@click.option(
    "--play",
    type=click.Choice(sorted(VERDICTS)),
    help="Send a classic integrity token too, in which Google Play says this.",
)
def android(package: str, signer: str, play: str | None, **run: Unpack[_Run]) -> None:
    """An Android phone with Key Attestation."""
    services = PlayServices(verdict=VERDICTS[play]) if play else None
    try:
        parameters = KeyParameters(package_name=package, signature_digests=(bytes.fromhex(signer),))
    except ValueError as error:
        raise click.BadParameter("not hex", param_hint="--signer") from error

    def make(condition: Condition) -> Phone:
        return AndroidPhone(
            app=run["app"],
            audience=run["audience"],
            condition=condition,
            parameters=parameters,
            play_integrity=services,
        )

    _run(Platform.ANDROID, make, run)


@simulate.command()
@_common
@click.option("--app-id", default=AppleParameters().app_id, show_default=True, help="<team>.<bundle>.")
@click.option("--ios-27", is_flag=True, help="State launch category and bundle version, as iOS 27 does.")
def apple(app_id: str, *, ios_27: bool, **run: Unpack[_Run]) -> None:
    """An iPhone with App Attest."""
    parameters = AppleParameters(app_id=app_id, launch=Launch() if ios_27 else None)

    def make(condition: Condition) -> Phone:
        return ApplePhone(app=run["app"], audience=run["audience"], condition=condition, parameters=parameters)

    _run(Platform.APPLE, make, run)


def _run(platform: Platform, make: Callable[[Condition], Phone], run: _Run) -> None:
    condition = CONDITIONS[run["condition"]]
    if platform not in condition.platforms:
        raise click.BadParameter(f"{condition.name} is not a condition of {platform}", param_hint="--condition")
    tampers = _tampers(run["tamper"], platform)
    with httpx.Client(base_url=run["service"], timeout=_TIMEOUT) as service:
        try:
            good = [
                _phone(PhoneClient(phone=make(condition), service=service), make(SOUND), tamper, run)
                for tamper in tampers
            ]
        except (UnexpectedAnswer, httpx.TransportError) as error:
            raise click.ClickException(f"{run['service']} does not answer as Assay does: {error}") from error
    if not all(good):
        raise click.exceptions.Exit(1)


def _phone(client: PhoneClient, stranger: Phone, tamper: Tamper | None, run: _Run) -> bool:
    good = _converse(client, stranger, tamper, run["renewals"])
    if good and run["call"] and client.token:
        _call(client, run["call"])
    return good


def _tampers(name: str | None, platform: Platform) -> tuple[Tamper | None, ...]:
    """One for each phone; None: a phone without a defect."""
    if name is None:
        return (None,)
    if name == _EVERY_DEFECT:
        return tuple(tamper for tamper in TAMPERS if platform in tamper.platforms)
    try:
        return (find(name, platform=platform),)
    except KeyError as error:
        raise click.BadParameter(f"{name} is not a defect of {platform}", param_hint="--tamper") from error


def _converse(client: PhoneClient, stranger: Phone, tamper: Tamper | None, renewals: int) -> bool:
    """Whether everything went as it should."""
    if tamper and tamper.purpose is Purpose.ENROL:
        return _tampered(client, stranger, tamper)
    if not _tell("enrolment", client.enrol()):
        return False
    if tamper:
        return _tampered(client, stranger, tamper)
    return all(_tell(f"renewal {number}", client.renew()) for number in range(1, renewals + 1))


def _tampered(client: PhoneClient, stranger: Phone, tamper: Tamper) -> bool:
    click.echo(f"{tamper.name}: {tamper.how}")
    challenge = client.take_challenge(tamper.purpose)
    if isinstance(challenge, Problem):
        return _tell("challenge", challenge)
    body = tamper.build(phone=client.phone, stranger=stranger, challenge=challenge)
    got_token = _tell(f"tampered {tamper.purpose}", client.submit(body))
    record = "event of its refresh" if tamper.outcome is Outcome.RECEIPT_REFUSED else "decision record"
    click.echo(f"  the {record} should say {tamper.expected}")
    return tamper.unless_tested or got_token is (tamper.outcome is not Outcome.REFUSED)


def _call(client: PhoneClient, url: str) -> None:
    with httpx.Client(timeout=_TIMEOUT) as backend:
        response = client.call(backend=backend, method="GET", url=url)
    click.echo(f"backend: {response.status_code}")


def _tell(step: str, answer: Attested | Problem) -> bool:
    """Print the answer; whether it is a token."""
    if isinstance(answer, Problem):
        click.echo(f"{step}: {answer.status} {answer.kind}, remedy {answer.remedy}, reference {answer.reference}")
        return False
    click.echo(f"{step}: {answer.token_type} token for {answer.expires_in} s")
    unverified_claims = _peek(answer.token)
    click.echo(f"  ear_status {unverified_claims.get('ear_status')}")
    for name, submodule in unverified_claims.get("submods", {}).items():
        click.echo(f"  {name}: {submodule.get('ear_status')}")
    if "assay_verdict" in unverified_claims:
        click.echo("  the verdict is for the audience's eyes only")
    return True


def _peek(token: str) -> dict[str, Any]:
    """The claims as they stand: for people to look at, not to be believed."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
