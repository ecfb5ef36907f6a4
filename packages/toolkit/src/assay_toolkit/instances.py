"""`assay instance`: what is known of one installed copy of an app, and blocking it (docs/operations.md)."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

import boto3
import click

from assay_toolkit import aws_answers
from chalicelib.aws.blocks import Blocks, InstanceUnknown, NotedInstance
from chalicelib.model.claims import KeptAndroid, KeptApple, PatchLevel
from chalicelib.model.instances import Instance
from chalicelib.model.outcome import Malfunction
from chalicelib.model.play_integrity import KeptPlayIntegrity

_F = TypeVar("_F", bound=Callable[..., Any])

# RFC 7638 with SHA-256, in base64url: 32 bytes.
_JKT: Final = re.compile(r"[A-Za-z0-9_-]{43}")
# Both stand in the instance's item, which every renewal reads.
_LONGEST_NOTE: Final = 500  # characters

# One thumbprint in 64 begins with a hyphen, and is no option.
_HYPHENS_ARE_FINE: Final = {"ignore_unknown_options": True}


def _thumbprint(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not _JKT.fullmatch(value):
        raise click.BadParameter("is not a jkt: 43 characters of base64url, as decision records have it")
    return value


def _bounded(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not 0 < len(value.strip()) <= len(value) <= _LONGEST_NOTE:
        raise click.BadParameter(f"wants 1 to {_LONGEST_NOTE} characters")
    return value


_jkt_argument = click.argument("jkt", callback=_thumbprint)


def _table_option(command: _F) -> _F:
    return click.option(
        "--table",
        envvar="ASSAY_INSTANCES_TABLE",
        show_envvar=True,
        required=True,
        help="The DynamoDB table of instances.",
    )(command)


def _note_options(command: _F) -> _F:
    for name, said in (("--reason", "Why; no personal data."), ("--author", "Who answers for it.")):
        command = click.option(name, required=True, callback=_bounded, help=said)(command)
    return command


@click.group()
def instance() -> None:
    """Look at one installed copy of an app, and block it."""


@instance.command(context_settings=_HYPHENS_ARE_FINE)
@_jkt_argument
@_table_option
def show(jkt: str, table: str) -> None:
    """What is known of the instance JKT, as JSON. No key and no evidence."""
    with _explained():
        click.echo(_json(_summary(_blocks(table).look(jkt))))


@instance.command(context_settings=_HYPHENS_ARE_FINE)
@_jkt_argument
@_note_options
@_table_option
def block(jkt: str, author: str, reason: str, table: str) -> None:
    """Refuse the instance JKT from now on. Tokens that it has live on for their few minutes."""
    _change(jkt, blocked=True, author=author, reason=reason, table=table)


@instance.command(context_settings=_HYPHENS_ARE_FINE)
@_jkt_argument
@_note_options
@_table_option
def unblock(jkt: str, author: str, reason: str, table: str) -> None:
    """Judge the instance JKT by its evidence again."""
    _change(jkt, blocked=False, author=author, reason=reason, table=table)


def _change(jkt: str, *, blocked: bool, author: str, reason: str, table: str) -> None:
    """Prints what stands afterwards, for the ticket, and whether this did it."""
    with _explained():
        blocks = _blocks(table)
        changed = blocks.change(jkt, blocked=blocked, author=author, reason=reason)
        stands = blocks.look(jkt)
    click.echo(_json({"jkt": jkt, "app": stands.instance.app, "changed": changed, **_block(stands)}))


def _blocks(table: str) -> Blocks:
    with aws_answers.making_clients():
        return Blocks(boto3.client("dynamodb"), table)


def _summary(noted: NotedInstance) -> dict[str, object]:
    """Written out: what the service keeps one day is not shown until someone decides that it may be."""
    shown = noted.instance
    return {
        "jkt": shown.jkt,
        "app": shown.app,
        "enrolled_at": _time(shown.enrolled_at),
        "attested_at": _time(shown.attested_at),
        **_block(noted),
        "history": {
            "tiers": {tier.ear_status: _time(at) for tier, at in shown.history.tiers.items()},
            "hard_detections": {reason: _time(at) for reason, at in shown.history.hard.items()},
        },
        **_platform(shown),
    }


def _platform(shown: Instance) -> dict[str, object]:
    match shown.kept:
        case KeptAndroid() as kept:
            return {"platform": "android", "android": _android(kept)}
        case KeptApple() as kept:
            return {"platform": "apple", "apple": _apple(shown, kept)}


def _block(noted: NotedInstance) -> dict[str, object]:
    note = noted.note
    return {
        "blocked": noted.instance.blocked,
        "last_change": note and {"author": note.author, "reason": note.reason, "changed_at": _time(note.changed_at)},
    }


def _android(kept: KeptAndroid) -> dict[str, object]:
    return {
        "security_level": kept.security_level.name.lower(),
        "provisioning": kept.provisioning.value,
        "attestation_version": kept.attestation_version,
        "device_locked": kept.device_locked,
        "verified_boot_state": kept.verified_boot_state_raw,
        "os_version": kept.os_version,
        "os_patch_level": _patch(kept.os_patch_level),
        "vendor_patch_level": _patch(kept.vendor_patch_level),
        "boot_patch_level": _patch(kept.boot_patch_level),
        "packages": [{"name": package.name, "version": package.version} for package in kept.packages],
        "signature_digests": [digest.hex() for digest in kept.signature_digests],
        # As Google's list of revoked keys writes them. They are batches' and not the phone's.
        "certificate_serials": [format(serial, "x") for serial in kept.certificate_serials],
        "play_integrity": kept.play_integrity and _play_integrity(kept.play_integrity),
    }


def _play_integrity(kept: KeptPlayIntegrity) -> dict[str, object]:
    verdict = kept.verdict
    return {
        "verified_at": _time(kept.verified_at),
        "app_recognition": verdict.app_recognition,
        "device_recognition": list(verdict.device_recognition),
        "device_activity": verdict.device_activity,
        "app_licensing": verdict.app_licensing,
        "apps_detected": None if verdict.apps_detected is None else list(verdict.apps_detected),
        "play_protect": verdict.play_protect,
        "testing": verdict.testing,
    }


def _apple(shown: Instance, kept: KeptApple) -> dict[str, object]:
    metric = kept.risk_metric
    return {
        "app_id": kept.app_id,
        "environment": kept.environment.label,
        "validation_category": kept.validation.validation_category,
        "bundle_version": kept.validation.bundle_version,
        "counter": shown.app_attest.counter if shown.app_attest else None,
        "risk_metric": metric and {"value": metric.value, "measured_at": _time(metric.measured_at)},
    }


def _patch(level: PatchLevel | None) -> str | None:
    if level is None:
        return None
    month = f"{level.year}-{level.month:02}"
    return month if level.day is None else f"{month}-{level.day:02}"


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _json(members: dict[str, object]) -> str:
    return json.dumps(members, indent=2, ensure_ascii=False)


@contextmanager
def _explained() -> Iterator[None]:
    """Turns what the store says into one line for the operator."""
    try:
        yield
    except InstanceUnknown as error:
        raise click.ClickException(str(error)) from error
    except Malfunction as error:
        raise click.ClickException(aws_answers.sentence(error)) from error
