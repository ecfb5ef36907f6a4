"""RASP report v1, held to docs/rasp-report-v1.schema.json; newer reports by four members alone."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.model.claims import CheckState, Observation, VerifiedProof, VerifiedRaspReport
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.codec import strict_json
from chalicelib.verifiers.codec.errors import Malformed

_KNOWN_SCHEMA = 1

_Label = Annotated[str, Meta(min_length=1, max_length=64)]


class _Newer(Struct, frozen=True, kw_only=True):
    """The members that every schema has; others are not looked at."""

    schema: Annotated[int, Meta(gt=_KNOWN_SCHEMA)]
    provider: _Label
    sdk_version: _Label
    app_version: _Label


class _Environment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    debugger: CheckState = CheckState.NOT_RUN
    virtual_environment: CheckState = CheckState.NOT_RUN
    root: CheckState = CheckState.NOT_RUN
    developer_mode: CheckState = CheckState.NOT_RUN


class _Application(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tampering: CheckState = CheckState.NOT_RUN
    integrity: CheckState = CheckState.NOT_RUN


class _Code(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    hooking: CheckState = CheckState.NOT_RUN
    tracing: CheckState = CheckState.NOT_RUN
    injection: CheckState = CheckState.NOT_RUN


_GROUPS: dict[str, type[Struct]] = {"environment": _Environment, "application": _Application, "code": _Code}

# Every check of the schema, as "<group>.<check>".
CHECKS = tuple(f"{group}.{check}" for group, members in _GROUPS.items() for check in members.__struct_fields__)


class _Observation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    check: str
    kind: Literal["library", "package", "file", "property", "signer", "asset"]
    value: Annotated[str, Meta(max_length=256)] | UnsetType = UNSET
    digest: Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{64}\Z")] | UnsetType = UNSET


class _V1(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: Literal[1]
    provider: _Label
    sdk_version: _Label
    app_version: _Label
    environment: _Environment = _Environment()
    application: _Application = _Application()
    code: _Code = _Code()
    observations: Annotated[list[_Observation], Meta(max_length=64)] = msgspec.field(default_factory=list)


def verify_report(proof: VerifiedProof) -> VerifiedRaspReport | Refused | None:
    """The report that `proof` covers; None where there is none. What it says is the phone's word about itself.

    1. The bytes are the ones that the proof covers: they come from it, and their length was bounded when decoded.
    2. They are a strict JSON object with an integer `schema` of at least 1.
    3. Schema 1 is held to its closed schema; a check that is left out did not run.
    4. A newer schema is held to the four members that every schema has; all its checks count as not run, so that a
       newer SDK is accepted and no guess is made about what it says.

    Not checked here: whether a check's answer is believable, or wanted. That is appraisal's.
    """
    # 1.
    if proof.rasp_report is None:
        return None
    try:
        # 2.
        report = strict_json.loads(proof.rasp_report)
        if not isinstance(report, dict):
            return Refused(RefusalReason.RASP_MALFORMED, "not an object")
        if report.get("schema") == _KNOWN_SCHEMA:
            # 3.
            return _known(msgspec.convert(report, _V1))
        # 4.
        return _unknown(msgspec.convert(report, _Newer))
    except Malformed as error:
        return Refused(RefusalReason.RASP_MALFORMED, str(error))
    except msgspec.ValidationError:
        # Without the library's sentence: it may quote the report.
        return Refused(RefusalReason.RASP_MALFORMED, "schema")


def _known(report: _V1) -> VerifiedRaspReport | Refused:
    observations = []
    for entry in report.observations:
        if entry.check not in CHECKS:
            return Refused(RefusalReason.RASP_MALFORMED, "an observation of a check that the schema does not have")
        if entry.value is UNSET and entry.digest is UNSET:
            return Refused(RefusalReason.RASP_MALFORMED, "an observation with neither value nor digest")
        observations.append(
            Observation(
                check=entry.check,
                kind=entry.kind,
                value=None if entry.value is UNSET else entry.value,
                digest=None if entry.digest is UNSET else entry.digest.lower(),
            )
        )
    groups = {"environment": report.environment, "application": report.application, "code": report.code}
    checks = {
        f"{group}.{check}": state
        for group, members in groups.items()
        for check, state in msgspec.structs.asdict(members).items()
    }
    return VerifiedRaspReport(
        schema_version=report.schema,
        known_schema=True,
        provider=report.provider,
        sdk_version=report.sdk_version,
        app_version=report.app_version,
        checks=checks,
        observations=tuple(observations),
    )


def _unknown(report: _Newer) -> VerifiedRaspReport:
    return VerifiedRaspReport(
        schema_version=report.schema,
        known_schema=False,
        provider=report.provider,
        sdk_version=report.sdk_version,
        app_version=report.app_version,
        checks=dict.fromkeys(CHECKS, CheckState.NOT_RUN),
    )
