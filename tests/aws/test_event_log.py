"""An event is a JSON line of its own, with a name that alarms match."""

import io
import json
from datetime import UTC, datetime

import pytest

from chalicelib.aws.event_log import JsonEventLog
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import Event, EventKind

EVENT = Event(
    kind=EventKind.ENDORSEMENT_REFUSED,
    subject="google_status",
    time=datetime(2026, 11, 20, 12, tzinfo=UTC),
    detail="a line\nof two",
)


def test_one_line_each():
    stream = io.StringIO()
    log = JsonEventLog(stream)
    for _ in range(2):
        log.raise_event(EVENT)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0]) == {
        "event": "endorsement_refused",
        "time": "2026-11-20T12:00:00.000+00:00",
        "subject": "google_status",
        "detail": "a line\nof two",
    }


def test_an_event_that_nobody_hears_of_is_a_malfunction():
    class Full(io.StringIO):
        def write(self, _text):
            raise OSError

    with pytest.raises(Malfunction) as raised:
        JsonEventLog(Full()).raise_event(EVENT)
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
