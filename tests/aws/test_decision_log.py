"""One line per decision, with what an analyst needs and nothing that a thief could use."""

import io
import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest

from chalicelib.aws.decision_log import JsonDecisionLog
from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import AppraisalReason, MalfunctionReason, RefusalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Component, Tier, Vector
from chalicelib.model.verdict import AppliedRule
from chalicelib.service.ports import DecisionOutcome, DecisionRecord, Platform

TIME = datetime(2026, 3, 1, 14, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=2)))
REFUSAL = DecisionRecord(
    reference="1b4e28ba-2fa1-11d2-883f-0016d3cca427",
    time=TIME,
    outcome=DecisionOutcome.REFUSED,
    app="bank",
    purpose=Purpose.ENROL,
    refusal=RefusalReason.PROOF_SIGNATURE,
    detail='a "quoted"\nline\u2028 of ours',
)
TOKEN = DecisionRecord(
    reference="1b4e28ba-2fa1-11d2-883f-0016d3cca427",
    time=TIME,
    outcome=DecisionOutcome.TOKEN,
    app="bank",
    purpose=Purpose.RENEW,
    audience="https://api.bank.example",
    platform=Platform.APPLE,
    jkt="a" * 43,
    jti="b" * 22,
    tier=Tier.CONTRAINDICATED,
    reasons=(AppraisalReason.RASP_HOOKING, AppraisalReason.RASP_ROOTED),
    applied=(AppliedRule("no-hooks", AppraisalReason.RASP_HOOKING, Format.RASP),),
    policy_id="standard@0123",
    endorsements_id="status@4567",
    endorsement_ages={"status": 300},
    formats=(Format.APPLE_ASSERTION, Format.RASP),
    vectors={Format.RASP: Vector({Component.EXECUTABLES: 96})},
)


def written(*records):
    stream = io.StringIO()
    log = JsonDecisionLog(stream)
    for record in records:
        log.record(record)
    text = stream.getvalue()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")]


def test_a_refusal():
    assert written(REFUSAL) == [
        {
            "event": "decision",
            "time": "2026-03-01T12:00:00.123+00:00",
            "reference": REFUSAL.reference,
            "outcome": "refused",
            "app": "bank",
            "purpose": "enrol",
            "refusal": "proof_signature",
            "detail": REFUSAL.detail,
        }
    ]


def test_a_token():
    [line] = written(TOKEN)
    assert line["tier"] == "contraindicated"
    assert line["reasons"] == ["rasp_hooking", "rasp_rooted"]
    assert line["applied"] == [{"rule": "no-hooks", "reason": "rasp_hooking", "format": "rasp"}]
    assert line["endorsement_ages"] == {"status": 300}
    assert line["formats"] == ["apple_assertion", "rasp"]
    assert line["vectors"] == {"rasp": {"executables": 96}}


def test_every_field_of_a_record_is_in_the_line_or_empty():
    lines = written(REFUSAL, TOKEN)
    seen = {name for line in lines for name in line}
    assert seen == {field.name for field in fields(DecisionRecord)} | {"event"}


def test_lines_of_many_threads_stay_whole(race):
    stream = io.StringIO()
    log = JsonDecisionLog(stream)
    race(32, lambda _: log.record(TOKEN))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 32
    assert all(json.loads(line)["time"] == TIME.astimezone(UTC).isoformat(timespec="milliseconds") for line in lines)


def test_a_log_that_takes_no_line_is_a_malfunction():
    class Full(io.StringIO):
        def flush(self):
            raise OSError(28, "No space left on device")

    with pytest.raises(Malfunction) as raised:
        JsonDecisionLog(Full()).record(REFUSAL)
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
