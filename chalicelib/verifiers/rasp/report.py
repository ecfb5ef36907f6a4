"""RASP reports, held to docs/rasp-report-v1.schema.json; newer ones by four members alone."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from chalicelib.model.claims import CheckState, VerifiedProof, VerifiedRaspReport
from chalicelib.model.outcome import Refused
from chalicelib.model.rasp import CHECKS, RaspDialect
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.codec import strict_json
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.rasp import assay, freerasp, plain
from chalicelib.verifiers.rasp.members import KNOWN_SCHEMA, Document, Label

_READERS: Final[Mapping[str, Callable[[Document], VerifiedRaspReport]]] = {
    RaspDialect.ASSAY.value: assay.read,
    RaspDialect.FREERASP.value: freerasp.read,
    RaspDialect.PLAIN.value: plain.read,
}


class _Newer(Struct, frozen=True, kw_only=True):
    """The members that every schema has; others are not looked at."""

    schema: Annotated[int, Meta(gt=KNOWN_SCHEMA)]
    provider: Label
    sdk_version: Label
    app_version: Label


def verify_report(proof: VerifiedProof) -> VerifiedRaspReport | Refused | None:
    """The report that `proof` covers; None where there is none. What it says is the phone's word about itself.

    1. The bytes are the ones that the proof covers: they come from it, and their length was bounded when decoded.
    2. They are a strict JSON object with an integer `schema` of at least 1.
    3. Schema 1 is held to the closed schema of its dialect, Assay's own where it names none; a check that is left out
       did not run.
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
        if report.get("schema") == KNOWN_SCHEMA:
            # 3.
            return _known(report)
        # 4.
        return _unknown(msgspec.convert(report, _Newer))
    except Malformed as error:
        return Refused(RefusalReason.RASP_MALFORMED, str(error))
    except msgspec.ValidationError:
        # Without the library's sentence: it may quote the report.
        return Refused(RefusalReason.RASP_MALFORMED, "schema")


def _known(report: Document) -> VerifiedRaspReport:
    dialect = report.get("dialect", RaspDialect.ASSAY.value)
    if not isinstance(dialect, str) or dialect not in _READERS:
        raise Malformed("a dialect that is not known here")
    return _READERS[dialect](report)


def _unknown(report: _Newer) -> VerifiedRaspReport:
    return VerifiedRaspReport(
        schema_version=report.schema,
        known_schema=False,
        dialect=None,
        provider=report.provider,
        sdk_version=report.sdk_version,
        app_version=report.app_version,
        checks=dict.fromkeys(CHECKS, CheckState.NOT_RUN),
    )
