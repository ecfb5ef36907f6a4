"""What reports of every dialect have in common: who made them, and what checks saw."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.model.claims import CheckState, Observation, VerifiedRaspReport
from chalicelib.model.rasp import CHECKS, RaspDialect
from chalicelib.verifiers.codec.errors import Malformed

KNOWN_SCHEMA = 1
MOST = 64  # observations, or names of one list

Document = Mapping[str, Any]  # a JSON object as strict_json gives it
Label = Annotated[str, Meta(min_length=1, max_length=64)]


class SubmittedObservation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    check: str
    kind: Literal["library", "package", "file", "property", "signer", "asset"]
    value: Annotated[str, Meta(max_length=256)] | UnsetType = UNSET
    digest: Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{64}\Z")] | UnsetType = UNSET


Observations = Annotated[list[SubmittedObservation], Meta(max_length=MOST)]


class Members(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The members of every report of schema 1; a dialect adds its own."""

    schema: Literal[1]
    provider: Label
    sdk_version: Label
    app_version: Label


def report_of(
    members: Members,
    *,
    dialect: RaspDialect,
    checks: Mapping[str, CheckState],
    observations: Iterable[Observation],
    unknown_signals: tuple[str, ...] = (),
) -> VerifiedRaspReport:
    """`checks`: those that ran; every other one of the schema did not."""
    return VerifiedRaspReport(
        schema_version=members.schema,
        known_schema=True,
        dialect=dialect,
        provider=members.provider,
        sdk_version=members.sdk_version,
        app_version=members.app_version,
        checks={check: checks.get(check, CheckState.NOT_RUN) for check in CHECKS},
        observations=tuple(observations),
        unknown_signals=unknown_signals,
    )


def observation_of(submitted: SubmittedObservation) -> Observation:
    """Raises Malformed."""
    known_check(submitted.check)
    if submitted.value is UNSET and submitted.digest is UNSET:
        raise Malformed("an observation with neither value nor digest")
    return Observation(
        check=submitted.check,
        kind=submitted.kind,
        value=None if submitted.value is UNSET else submitted.value,
        digest=None if submitted.digest is UNSET else submitted.digest.lower(),
    )


def known_check(name: str) -> str:
    """Raises Malformed."""
    if name not in CHECKS:
        raise Malformed("a check that the schema does not have")
    return name
