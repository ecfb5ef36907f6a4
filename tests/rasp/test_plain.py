"""Home-made checks: two lists of names, and nothing in between."""

import pytest

from chalicelib.model.claims import CheckState, Observation
from chalicelib.model.outcome import Refused
from chalicelib.model.rasp import CHECKS, RaspDialect
from chalicelib.model.reasons import RefusalReason


def report(**changes):
    return {
        "schema": 1,
        "provider": "ours",
        "sdk_version": "1",
        "app_version": "7.1.0",
        "dialect": "plain",
        "detected": ["environment.vpn"],
        "clear": ["environment.root", "code.hooking"],
        **changes,
    }


def test_what_is_named_ran(verify, schema):
    submitted = report(observations=[{"check": "code.injection", "kind": "library", "value": "frida-agent"}])
    schema.validate(submitted)
    verified = verify(submitted)
    assert verified.dialect is RaspDialect.PLAIN
    assert verified.checks == dict.fromkeys(CHECKS, CheckState.NOT_RUN) | {
        "environment.vpn": CheckState.DETECTED,
        "environment.root": CheckState.CLEAR,
        "code.hooking": CheckState.CLEAR,
    }
    assert verified.observations == (Observation(check="code.injection", kind="library", value="frida-agent"),)


def test_nothing_named_is_nothing_run(verify):
    assert set(verify(report(detected=[], clear=[])).checks.values()) == {CheckState.NOT_RUN}


def test_a_check_is_not_clear_and_detected_at_once(verify):
    refused = verify(report(clear=["environment.vpn"]))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.RASP_MALFORMED


REFUSED = [
    {"detected": None}, {"clear": None}, {"detected": "environment.root"}, {"detected": ["root"]},
    {"clear": ["environment.jailbreak"]}, {"clear": ["code.hooking", "code.hooking"]},
    {"detected": ["code.tracing", "code.tracing"]}, {"clear": [1]}, {"clear": [None]}, {"detected": {}},
    {"clear": ["code.hooking"] * 65}, {"callbacks": []}, {"environment": {}}, {"more": 1}, {"observations": None},
]  # fmt: skip


@pytest.mark.parametrize("changes", REFUSED)
def test_schema_and_code_refuse(verify, schema, changes):
    submitted = report(**changes)
    assert not schema.is_valid(submitted)
    refused = verify(submitted)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.RASP_MALFORMED


@pytest.mark.parametrize("member", ["detected", "clear"])
def test_neither_list_may_be_left_out(verify, schema, member):
    submitted = report()
    del submitted[member]
    assert not schema.is_valid(submitted)
    assert isinstance(verify(submitted), Refused)
