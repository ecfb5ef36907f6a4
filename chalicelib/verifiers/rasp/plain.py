"""The dialect for home-made checks: the names of those that found something, and of those that did not."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chalicelib.model.claims import CheckState, VerifiedRaspReport
from chalicelib.model.rasp import RaspDialect
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.rasp.members import (
    MOST,
    Document,
    Members,
    Observations,
    known_check,
    observation_of,
    report_of,
)

_Names = Annotated[list[str], Meta(max_length=MOST)]


class _Report(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Both lists are there, even where one is empty: whoever forgets one has not said that nothing was found."""

    dialect: Literal["plain"]
    detected: _Names
    clear: _Names
    observations: Observations = msgspec.field(default_factory=list)


def read(document: Document) -> VerifiedRaspReport:
    """Raises Malformed, and msgspec's ValidationError where a member is not as the schema wants it."""
    report = msgspec.convert(document, _Report)
    named = [*report.detected, *report.clear]
    if len(set(named)) < len(named):
        raise Malformed("a check that is named twice")
    return report_of(
        report,
        dialect=RaspDialect.PLAIN,
        checks={known_check(name): CheckState.CLEAR for name in report.clear}
        | {known_check(name): CheckState.DETECTED for name in report.detected},
        observations=map(observation_of, report.observations),
    )
