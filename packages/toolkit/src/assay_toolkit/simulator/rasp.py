"""RASP reports, version 1 (docs/wire.md, section 10): what the app sees of its surroundings, in each dialect."""

import json
from dataclasses import dataclass
from enum import StrEnum

CLEAR, DETECTED, NOT_RUN = "clear", "detected", "not_run"

APP_VERSION = "7.1.0"

# Every check of the schema, in its order.
CHECKS = {
    "environment": (
        "debugger",
        "virtual_environment",
        "root",
        "developer_mode",
        "adb",
        "bootloader",
        "passcode",
        "secure_hardware",
        "vpn",
        "proxy",
        "unsecured_wifi",
        "time_spoofing",
        "location_spoofing",
        "screen_recording",
        "screenshot",
        "overlay",
        "accessibility",
        "keyboard",
        "active_call",
        "automation",
        "malware",
    ),
    "application": (
        "tampering",
        "integrity",
        "device_binding",
        "unofficial_store",
        "multiple_instances",
        "obfuscation",
    ),
    "code": (
        "hooking",
        "tracing",
        "injection",
    ),
}

# The callback of freeRASP's Flutter plugin for each check that it has.
FREERASP_CALLBACKS = {
    "environment.debugger": "debug",
    "environment.virtual_environment": "simulator",
    "environment.root": "privilegedAccess",
    "environment.developer_mode": "devMode",
    "environment.adb": "adbEnabled",
    "environment.bootloader": "bootloader",
    "environment.passcode": "passcode",
    "environment.secure_hardware": "secureHardwareNotAvailable",
    "environment.vpn": "systemVPN",
    "environment.unsecured_wifi": "unsecureWiFi",
    "environment.time_spoofing": "timeSpoofing",
    "environment.location_spoofing": "locationSpoofing",
    "environment.screen_recording": "screenRecording",
    "environment.screenshot": "screenshot",
    "environment.automation": "automation",
    "environment.malware": "malware",
    "application.tampering": "appIntegrity",
    "application.device_binding": "deviceBinding",
    "application.unofficial_store": "unofficialStore",
    "application.multiple_instances": "multiInstance",
    "application.obfuscation": "obfuscationIssues",
    "code.hooking": "hooks",
}


class Dialect(StrEnum):
    """Whose words the app uses."""

    ASSAY = "assay"
    FREERASP = "freerasp"
    PLAIN = "plain"


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
    """`detected` and `not_run`: checks by "<group>.<check>"; every other one is clear.

    freeRASP says of no single check whether it ran: any in `not_run` is for it a run that did not finish. What it has
    no check for, it does not report. `platform`: "android" or "ios", which it says and the other dialects do not.
    """

    provider: str = "assay-simulator"
    sdk_version: str = "20.0.1"
    app_version: str = APP_VERSION
    dialect: Dialect = Dialect.ASSAY
    platform: str = "android"
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
        match self.dialect:
            case Dialect.ASSAY:
                for group, checks in CHECKS.items():
                    report[group] = {check: self._state(f"{group}.{check}") for check in checks}
            case Dialect.PLAIN:
                named = [f"{group}.{check}" for group, checks in CHECKS.items() for check in checks]
                report["dialect"] = self.dialect
                report["detected"] = [check for check in named if self._state(check) == DETECTED]
                report["clear"] = [check for check in named if self._state(check) == CLEAR]
            case Dialect.FREERASP:
                seen = [callback for check, callback in FREERASP_CALLBACKS.items() if check in self.detected]
                report["dialect"] = self.dialect
                report["platform"] = self.platform
                report["callbacks"] = seen
                report["checks_finished"] = not self.not_run
                report["malware"] = []
        report["observations"] = [observation.members() for observation in self.observations]
        return json.dumps(report, separators=(",", ":")).encode()

    def _state(self, check: str) -> str:
        if check in self.detected:
            return DETECTED
        return NOT_RUN if check in self.not_run else CLEAR
