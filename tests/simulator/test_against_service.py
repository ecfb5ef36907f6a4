"""Phones against the whole of Assay on loopback: every named defect, and what only revocation can change."""

import io
import json

import httpx
import pytest

from assay_toolkit.local.stack import local_stack
from assay_toolkit.simulator.android import REVOKED_BATCH_SERIAL
from assay_toolkit.simulator.answers import Attested, Problem
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.conditions import CONDITIONS, SOUND, Platform
from assay_toolkit.simulator.defect import Outcome, Purpose
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.tamper import TAMPERS

PHONES = {Platform.ANDROID: AndroidPhone, Platform.APPLE: ApplePhone}

CASES = [(tamper, platform) for tamper in TAMPERS for platform in sorted(tamper.platforms)]


@pytest.fixture(scope="module")
def assay():
    log = io.StringIO()
    with local_stack(log=log) as stack, httpx.Client(base_url=stack.url) as service:
        revoked = {"entries": {f"{REVOKED_BATCH_SERIAL:x}": {"status": "REVOKED", "reason": "KEY_COMPROMISE"}}}
        stack.put_in_force(kind="google_status", body=json.dumps(revoked).encode())
        yield service, log


def make_phone(platform, condition=SOUND):
    """A new phone each time: instances outlive a test here."""
    return PHONES[platform](app="demo-bank", audience="https://api.bank.example", condition=condition)


def _last_decision(log):
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return next(line for line in reversed(lines) if line.get("event") == "decision")


@pytest.mark.parametrize(("tamper", "platform"), CASES, ids=[f"{t.name}-{p}" for t, p in CASES])
def test_a_defect_shows_as_its_reason_in_the_decision_record(assay, tamper, platform):
    service, log = assay
    client = PhoneClient(phone=make_phone(platform), service=service)
    if tamper.purpose is Purpose.RENEW:
        assert isinstance(client.enrol(), Attested)
    challenge = client.take_challenge(tamper.purpose)
    answer = client.submit(tamper.build(phone=client.phone, stranger=make_phone(platform), challenge=challenge))
    record = _last_decision(log)
    match tamper.outcome:
        case Outcome.REFUSED if tamper.unless_tested:  # as here: test_against_verifiers.py has what others say
            assert isinstance(answer, Attested)
        case Outcome.REFUSED:
            assert isinstance(answer, Problem)
            assert record["refusal"] == tamper.expected
        case Outcome.APPRAISED:
            assert isinstance(answer, Attested)
            assert tamper.expected in record["reasons"]
        case Outcome.RECEIPT_REFUSED:  # read when its risk metric is fetched: test_against_verifiers.py
            assert isinstance(answer, Attested)


@pytest.mark.parametrize("platform", list(Platform))
def test_a_phone_enrols_and_renews_with_the_challenge_it_was_given(assay, platform):
    service, log = assay
    client = PhoneClient(phone=make_phone(platform), service=service)
    assert isinstance(client.enrol(), Attested)
    assert isinstance(client.renew(), Attested)
    assert (_last_decision(log)["purpose"], _last_decision(log)["tier"]) == ("renew", "affirming")


def test_a_phone_that_is_hooked_after_it_enrolled_is_found_out_when_it_renews(assay):
    service, log = assay
    client = PhoneClient(phone=make_phone(Platform.APPLE), service=service)
    client.enrol()
    client.phone.condition = CONDITIONS["hooked"]
    assert isinstance(client.renew(), Attested)
    assert _last_decision(log)["tier"] == "contraindicated"
    assert "rasp_hooking" in _last_decision(log)["reasons"]


def test_a_leaked_batch_is_found_out_by_its_serial(assay):
    service, log = assay
    phone = make_phone(Platform.ANDROID, CONDITIONS["revoked_batch"])
    assert isinstance(PhoneClient(phone=phone, service=service).enrol(), Attested)
    assert "android_batch_key_revoked" in _last_decision(log)["reasons"]
