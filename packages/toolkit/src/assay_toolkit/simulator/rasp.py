"""RASP reports, version 1 (docs/wire.md, section 10): what the app sees of its surroundings."""

import json
from dataclasses import dataclass

CLEAR, DETECTED, NOT_RUN = "clear", "detected", "not_run"

# Every check of the schema, in its order.
CHECKS = {
    "environment": ("debugger", "virtual_environment", "root", "developer_mode"),
    "application": ("tampering", "integrity"),
    "code": ("hooking", "tracing", "injection"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """`check`: "<group>.<check>". `digest`: hex SHA-256. At least one of value and digest."""

    check: str
    kind: str
    value: str | None = None
    digest: str | None = None

    def members(self) -> dict[str, str]:
        stated = {"check": self.check, "kind": self.kind, "value": self.value, "digest": self.digest}
        return {member: value for member, value in stated.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class RaspReport:
    """`detected` and `not_run`: checks by "<group>.<check>"; every other one is clear."""

    provider: str = "assay-simulator"
    sdk_version: str = "1.0.0"
    app_version: str = "7.1.0"
    detected: frozenset[str] = frozenset()
    not_run: frozenset[str] = frozenset()
    observations: tuple[Observation, ...] = ()

    def encode(self) -> bytes:
        """The report's exact bytes, which the binding covers."""
        report: dict[str, object] = {
            "schema": 1,
            "provider": self.provider,
            "sdk_version": self.sdk_version,
            "app_version": self.app_version,
        }
        for group, checks in CHECKS.items():
            report[group] = {check: self._state(f"{group}.{check}") for check in checks}
        report["observations"] = [observation.members() for observation in self.observations]
        return json.dumps(report, separators=(",", ":")).encode()

    def _state(self, check: str) -> str:
        if check in self.detected:
            return DETECTED
        return NOT_RUN if check in self.not_run else CLEAR
