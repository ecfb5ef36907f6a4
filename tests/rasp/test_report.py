"""RASP reports: v1 is closed, newer ones are known by four members, and nothing left out counts as clear."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from chalicelib.model.claims import CheckState, Observation, VerifiedProof, VerifiedRaspReport
from chalicelib.model.descriptor import Descriptor, Purpose, TokenKind
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.rasp import CHECKS, RaspDialect
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.rasp import verify_report

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "rasp-report-v1.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
LABELS = {"provider": "acme-shield", "sdk_version": "4.2.0", "app_version": "7.1.0"}
FULL = {
    "schema": 1,
    **LABELS,
    "environment": {"debugger": "clear", "virtual_environment": "clear", "root": "detected", "developer_mode": "clear"},
    "application": {"tampering": "clear", "integrity": "clear"},
    "code": {"hooking": "clear", "tracing": "clear", "injection": "not_run"},
    "observations": [{"check": "code.injection", "kind": "library", "value": "frida-agent", "digest": "AB" * 32}],
}


def verify(report):
    raw = report if isinstance(report, bytes | None) else json.dumps(report).encode()
    return verify_report(
        VerifiedProof(
            jwk=EcPublicJwk(x=bytes(32), y=bytes(32)),
            binding=bytes(32),
            descriptor=Descriptor(app="bank", purpose=Purpose.ENROL, aud="a", token=TokenKind.SESSION),
            rasp_report=raw,
        )
    )


def changed(path, value):
    report = copy.deepcopy(FULL)
    *parents, last = path
    target = report
    for name in parents:
        target = target[name]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return report


def test_a_full_report():
    verified = verify(FULL)
    assert isinstance(verified, VerifiedRaspReport)
    assert verified.known_schema
    assert verified.checks["environment.root"] is CheckState.DETECTED
    assert verified.checks["code.injection"] is CheckState.NOT_RUN
    assert verified.checks["code.hooking"] is CheckState.CLEAR
    assert set(verified.checks) == set(CHECKS)
    assert verified.dialect is RaspDialect.ASSAY
    assert verified.observations == (
        Observation(check="code.injection", kind="library", value="frida-agent", digest="ab" * 32),
    )


def test_no_report_is_no_report():
    assert verify(None) is None


def test_what_is_left_out_did_not_run():
    verified = verify({"schema": 1, **LABELS, "code": {"hooking": "clear"}})
    assert isinstance(verified, VerifiedRaspReport)
    assert verified.checks == dict.fromkeys(CHECKS, CheckState.NOT_RUN) | {"code.hooking": CheckState.CLEAR}


def test_every_check_can_be_reported():
    groups = {}
    for check in CHECKS:
        group, _, name = check.partition(".")
        groups.setdefault(group, {})[name] = "detected"
    report = {"schema": 1, **LABELS, **groups}
    VALIDATOR.validate(report)
    assert set(verify(report).checks.values()) == {CheckState.DETECTED}


def test_a_newer_schema_is_known_by_four_members():
    verified = verify({**FULL, "schema": 2, "environment": "anything", "more": [[[{}]]]})
    assert isinstance(verified, VerifiedRaspReport)
    assert not verified.known_schema
    assert verified.schema_version == 2
    assert set(verified.checks.values()) == {CheckState.NOT_RUN}
    assert verified.observations == ()


ADMITTED = [
    FULL,
    {"schema": 1, **LABELS},
    changed(["observations", 0, "value"], ...),
    changed(["observations", 0, "digest"], ...),
    changed(["observations", 0, "value"], ""),
    changed(["observations", 0, "value"], "\U0001f600" * 256),
    changed(["observations"], []),
    changed(["observations"], FULL["observations"] * 64),
    changed(["provider"], "p" * 64),
    changed(["environment"], {}),
    changed(["dialect"], "assay"),
    changed(["code"], {"hooking": "not_run"}),
]
REFUSED = [
    [], "report", 1, None, {}, {"schema": 1},
    changed(["schema"], "1"), changed(["schema"], 0), changed(["schema"], -1), changed(["schema"], True),
    changed(["schema"], None), changed(["schema"], ...), changed(["more"], 1),
    changed(["provider"], ""), changed(["provider"], "p" * 65), changed(["provider"], None), changed(["provider"], ...),
    changed(["sdk_version"], 4), changed(["app_version"], ...),
    changed(["environment"], []), changed(["environment", "root"], "unknown"), changed(["environment", "root"], None),
    changed(["environment", "root"], False), changed(["environment", "jailbreak"], "clear"),
    changed(["code", "root"], "clear"), changed(["observations"], None), changed(["observations"], {}),
    changed(["observations"], FULL["observations"] * 65),
    changed(["observations", 0, "check"], "injection"), changed(["observations", 0, "check"], "code.frida"),
    changed(["observations", 0, "kind"], "process"), changed(["observations", 0, "extra"], 1),
    changed(["observations", 0, "value"], "v" * 257), changed(["observations", 0, "value"], None),
    changed(["observations", 0, "digest"], "ab" * 31), changed(["observations", 0, "digest"], "zz" * 32),
    changed(["observations"], [{"check": "code.injection", "kind": "library"}]),
    changed(["observations"], [[]]),
    changed(["dialect"], "talsec"), changed(["dialect"], None), changed(["dialect"], ["plain"]),
    changed(["dialect"], "plain"), changed(["dialect"], "freerasp"), changed(["callbacks"], []),
    changed(["platform"], "ios"), changed(["clear"], ["code.hooking"]),
]  # fmt: skip


@pytest.mark.parametrize("report", ADMITTED)
def test_schema_and_code_admit(report):
    VALIDATOR.validate(report)
    assert isinstance(verify(report), VerifiedRaspReport)


@pytest.mark.parametrize("report", REFUSED)
def test_schema_and_code_refuse(report):
    assert not VALIDATOR.is_valid(report)
    outcome = verify(json.dumps(report).encode())
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.RASP_MALFORMED


def test_schema_and_code_name_the_same_checks():
    own = SCHEMA["$defs"]["assay"]["properties"]
    named = {
        f"{group}.{check}": entry["description"]
        for group in ("environment", "application", "code")
        for check, entry in own[group]["properties"].items()
    }
    assert named == CHECKS
    assert SCHEMA["$defs"]["check"]["enum"] == list(CHECKS)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b'{"schema":1,"schema":1}', b"\xef\xbb\xbf{}", b'{"schema":1.0}', b'{"schema":2.0,"provider":"p"}',
     b'{"schema":1e400}', b"[" * 1000],
)  # fmt: skip
def test_bytes_that_are_no_report(raw):
    outcome = verify(raw)
    assert isinstance(outcome, Refused)
    assert outcome.reason is RefusalReason.RASP_MALFORMED
