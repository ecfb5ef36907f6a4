"""The dialect of Assay's own: three groups of checks, each with its state."""

from typing import Literal

import msgspec

from chalicelib.model.claims import CheckState, VerifiedRaspReport
from chalicelib.model.rasp import RaspDialect
from chalicelib.verifiers.rasp.members import (
    Document,
    Members,
    Observations,
    known_check,
    observation_of,
    report_of,
)


class _Report(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    dialect: Literal["assay"] = "assay"
    environment: dict[str, CheckState] = msgspec.field(default_factory=dict)
    application: dict[str, CheckState] = msgspec.field(default_factory=dict)
    code: dict[str, CheckState] = msgspec.field(default_factory=dict)
    observations: Observations = msgspec.field(default_factory=list)


def read(document: Document) -> VerifiedRaspReport:
    """Raises Malformed, and msgspec's ValidationError where a member is not as the schema wants it."""
    report = msgspec.convert(document, _Report)
    groups = {"environment": report.environment, "application": report.application, "code": report.code}
    return report_of(
        report,
        dialect=RaspDialect.ASSAY,
        checks={
            known_check(f"{group}.{check}"): state
            for group, checks in groups.items()
            for check, state in checks.items()
        },
        observations=map(observation_of, report.observations),
    )
