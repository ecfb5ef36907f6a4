"""freeRASP's words: every callback that it has is a check, silence is clear only where the check ran, and what nobody
here knows is kept."""

import pytest

from chalicelib.model.claims import CheckState, Observation, VerifiedRaspReport
from chalicelib.model.outcome import Refused
from chalicelib.model.rasp import CHECKS, RaspDialect
from chalicelib.model.reasons import RefusalReason


def report(forwarded=(), **changes):
    return {
        "schema": 1,
        "provider": "talsec",
        "sdk_version": "20.0.1",
        "app_version": "7.1.0",
        "dialect": "freerasp",
        "platform": "android",
        "callbacks": list(forwarded),
        "checks_finished": True,
        **changes,
    }


def ran(verified):
    return {check for check, state in verified.checks.items() if state is not CheckState.NOT_RUN}


# One row for each threat: its check, its code in the Flutter plugin, and its names in Flutter's, React Native's,
# Android's and iOS's interface.
THREATS = [
    ("environment.root", 44506749, "onPrivilegedAccess privilegedAccess onRootDetected jailbreak"),
    ("environment.debugger", 1268968002, "onDebug debug onDebuggerDetected debugger"),
    ("environment.virtual_environment", 477190884, "onSimulator simulator onEmulatorDetected"),
    ("application.tampering", 1115787534, "onAppIntegrity appIntegrity onTamperDetected signature"),
    ("code.hooking", 209533833, "onHooks hooks onHookDetected runtimeManipulation"),
    ("environment.passcode", 1293399086, "onPasscode passcode onUnlockedDeviceDetected"),
    (
        "environment.secure_hardware",
        1564314755,
        "onSecureHardwareNotAvailable onHardwareBackedKeystoreNotAvailableDetected missingSecureEnclave",
    ),
    ("application.device_binding", 1806586319, "onDeviceBinding deviceBinding onDeviceBindingDetected deviceChange"),
    (
        "application.unofficial_store",
        629780916,
        "onUnofficialStore unofficialStore onUntrustedInstallationSourceDetected",
    ),
    ("application.obfuscation", 1001443554, "onObfuscationIssues obfuscationIssues onObfuscationIssuesDetected"),
    ("environment.developer_mode", 45291047, "onDevMode devMode onDeveloperModeDetected"),
    ("environment.adb", 379769839, "onADBEnabled adbEnabled onADBEnabledDetected"),
    ("environment.vpn", 659382561, "onSystemVPN systemVPN onSystemVPNDetected"),
    ("application.multiple_instances", 859307284, "onMultiInstance multiInstance onMultiInstanceDetected"),
    ("environment.time_spoofing", 189105221, "onTimeSpoofing timeSpoofing onTimeSpoofingDetected"),
    ("environment.location_spoofing", 653273273, "onLocationSpoofing locationSpoofing onLocationSpoofingDetected"),
    ("environment.unsecured_wifi", 363588890, "onUnsecureWiFi unsecureWifi onUnsecureWifiDetected"),
    ("environment.screenshot", 705651459, "onScreenshot screenshot onScreenshotDetected"),
    ("environment.screen_recording", 64690214, "onScreenRecording screenRecording onScreenRecordingDetected"),
    ("environment.automation", 298453120, "onAutomation automation onAutomationDetected"),
    ("environment.bootloader", None, "onBootloader bootloader onBootloaderDetected"),
    ("environment.malware", None, "onMalware malware onMalwareDetected"),
]
SPELLED = [(check, name) for check, _, names in THREATS for name in names.split()]
CODED = [(check, code) for check, code, _ in THREATS if code is not None]


# What bridges between languages make of names and codes.
BENT = [(check, name.lower()) for check, name in SPELLED] + [(check, str(code)) for check, code in CODED]


@pytest.mark.parametrize(("check", "callback"), SPELLED + CODED + BENT)
@pytest.mark.parametrize("platform", ["android", "ios"])
def test_a_callback_is_its_check(verify, schema, check, callback, platform):
    submitted = report([callback], platform=platform, checks_finished=False)
    schema.validate(submitted)
    verified = verify(submitted)
    assert verified.dialect is RaspDialect.FREERASP
    assert verified.checks == dict.fromkeys(CHECKS, CheckState.NOT_RUN) | {check: CheckState.DETECTED}
    assert verified.unknown_signals == ()


def test_nothing_is_clear_before_the_checks_finished(verify):
    assert ran(verify(report(checks_finished=False, malware=[]))) == set()


ALWAYS = {
    "environment.root", "environment.debugger", "environment.virtual_environment", "application.tampering",
    "code.hooking", "environment.passcode", "environment.secure_hardware", "application.device_binding",
    "application.unofficial_store",
}  # fmt: skip
STATES = {"environment.developer_mode", "environment.adb", "environment.vpn"}


@pytest.mark.parametrize(
    ("platform", "version", "found"),
    [
        ("android", "6.0.0", ALWAYS | {"application.obfuscation"}),
        ("android", "not a version", ALWAYS | {"application.obfuscation"}),
        ("android", "12.9.9", ALWAYS | {"application.obfuscation"}),
        ("android", "13.0.0", ALWAYS | {"application.obfuscation"} | STATES),
        (
            "android",
            "18.0.0",
            ALWAYS
            | {"application.obfuscation", "application.multiple_instances", "environment.time_spoofing"}
            | STATES,
        ),
        (
            "android",
            "20.0.1",
            ALWAYS
            | {"application.obfuscation", "application.multiple_instances", "environment.time_spoofing"}
            | {"environment.automation", "environment.bootloader"}
            | STATES,
        ),
        ("ios", "6.6.2", ALWAYS),
        ("ios", "6.6.3", ALWAYS | {"environment.vpn"}),
        ("ios", "8.0.1", ALWAYS | {"environment.vpn", "environment.screenshot", "environment.screen_recording"}),
    ],
)
def test_silence_is_clear_for_what_this_sdk_has_on_this_platform(verify, platform, version, found):
    verified = verify(report(platform=platform, sdk_version=version))
    assert ran(verified) == found
    assert {verified.checks[check] for check in found} == {CheckState.CLEAR}


def test_what_freerasp_has_no_check_for_never_ran(verify):
    verified = verify(report([names.split()[0] for _, _, names in THREATS], malware=["org.evil.app"]))
    assert set(CHECKS) - ran(verified) == {
        "environment.proxy", "environment.overlay", "environment.accessibility", "environment.keyboard",
        "environment.active_call", "application.integrity", "code.tracing", "code.injection",
    }  # fmt: skip


def test_malware_ran_where_it_is_configured(verify):
    assert verify(report()).checks["environment.malware"] is CheckState.NOT_RUN
    assert verify(report(malware=[])).checks["environment.malware"] is CheckState.CLEAR
    found = verify(report(malware=["org.evil.app"], checks_finished=False))
    assert found.checks["environment.malware"] is CheckState.DETECTED
    assert found.observations == (Observation(check="environment.malware", kind="package", value="org.evil.app"),)


def test_what_the_sdk_repeats_counts_once(verify):
    assert verify(report(["hooks", "hooks", 209533833])).checks == verify(report(["hooks"])).checks


def test_what_is_not_known_is_kept_and_clears_nothing(verify):
    verified = verify(report(["onQuantumTunnel", "onQuantumTunnel", 7]))
    assert verified.unknown_signals == ("onQuantumTunnel", "7")
    assert verified.checks == verify(report()).checks


@pytest.mark.parametrize(
    "callback",
    ["onAllChecksFinished", "onAllChecksDone", "onCriticalChecksFinished", "onFastChecksFinished",
     "onPostponedChecksFinished", "deviceID", 1514211414, "passcodeChange"],
)  # fmt: skip
def test_what_is_no_threat_says_nothing(verify, callback):
    assert verify(report([callback])) == verify(report())


REFUSED = [
    {"callbacks": None}, {"callbacks": "hooks"}, {"callbacks": [None]}, {"callbacks": [True]}, {"callbacks": [1.5]},
    {"callbacks": [["hooks"]]}, {"callbacks": [""]}, {"callbacks": ["c" * 65]}, {"callbacks": [-1]},
    {"callbacks": ["hooks"] * 65}, {"platform": "windows"}, {"platform": None}, {"checks_finished": "true"},
    {"checks_finished": 1}, {"checks_finished": None}, {"malware": None}, {"malware": [""]}, {"malware": ["m" * 257]},
    {"malware": ["m"] * 65}, {"malware": [{"packageName": "m"}]}, {"clear": []}, {"environment": {"root": "clear"}},
    {"code": {}}, {"more": 1},
]  # fmt: skip


@pytest.mark.parametrize("changes", REFUSED)
def test_schema_and_code_refuse(verify, schema, changes):
    submitted = report(**changes)
    assert not schema.is_valid(submitted)
    refused = verify(submitted)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.RASP_MALFORMED


@pytest.mark.parametrize("member", ["platform", "callbacks", "checks_finished", "provider", "sdk_version"])
def test_nothing_that_is_wanted_may_be_left_out(verify, schema, member):
    submitted = report()
    del submitted[member]
    assert not schema.is_valid(submitted)
    assert isinstance(verify(submitted), Refused)


@pytest.mark.parametrize("changes", [{"callbacks": ["c" * 64] * 64}, {"malware": ["m" * 256] * 64}])
def test_bounds_are_taken_whole(verify, schema, changes):
    submitted = report(**changes)
    schema.validate(submitted)
    assert isinstance(verify(submitted), VerifiedRaspReport)
