"""Events for people as JSON lines, in the log beside the decision records: metric filters match `event`."""

from datetime import UTC
from typing import TextIO

import msgspec

from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import Event


class JsonEventLog:
    """Implements `service.ports.EventLog`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def raise_event(self, event: Event) -> None:
        """Raises Malfunction(STORE_UNAVAILABLE): what goes wrong unseen is not put right."""
        members = {
            "event": event.kind.value,
            "time": event.time.astimezone(UTC).isoformat(timespec="milliseconds"),
            "subject": event.subject,
            "detail": event.detail,
        }
        try:
            # One write, line end included: lines of other threads do not get in between.
            self._stream.write(msgspec.json.encode(members).decode() + "\n")
            self._stream.flush()
        except OSError as error:
            raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "the event log takes no line") from error
