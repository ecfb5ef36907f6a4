"""Decision records as JSON lines: on Lambda, standard output is the log group (infra/data.yaml sets its retention)."""

from datetime import UTC
from typing import Any, TextIO

import msgspec

from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import DecisionRecord


class JsonDecisionLog:
    """Implements `service.ports.DecisionLog`. `stream` gets one line per record, members that say nothing left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def record(self, record: DecisionRecord) -> None:
        """Raises Malfunction(STORE_UNAVAILABLE): a decision that cannot be recorded is not taken."""
        line = msgspec.json.encode(_members(record)).decode()
        try:
            # One write, line end included: lines of other threads and of the logger do not get in between.
            self._stream.write(line + "\n")
            self._stream.flush()
        except OSError as error:
            raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "the decision log takes no line") from error


def _members(record: DecisionRecord) -> dict[str, Any]:
    """Written out: a field that is added to the record stays out of the log until someone decides that it may be in."""
    members = {
        "event": "decision",
        "time": record.time.astimezone(UTC).isoformat(timespec="milliseconds"),
        "reference": record.reference,
        "outcome": record.outcome,
        "app": record.app,
        "purpose": record.purpose,
        "audience": record.audience,
        "platform": record.platform,
        "jkt": record.jkt,
        "refusal": record.refusal,
        "detail": record.detail,
        "jti": record.jti,
        "tier": record.tier.ear_status if record.tier else None,
        "reasons": record.reasons,
        "applied": [{"rule": rule.rule, "reason": rule.reason, "format": rule.format} for rule in record.applied],
        "policy_id": record.policy_id,
        "endorsements_id": record.endorsements_id,
        "endorsement_ages": dict(record.endorsement_ages),
        "formats": record.formats,
        "vectors": {format_: dict(vector.values) for format_, vector in record.vectors.items()},
    }
    return {name: value for name, value in members.items() if value not in (None, "", (), [], {})}
