"""The dialect of Talsec's freeRASP: its callbacks, forwarded as the SDK or one of its plugins names them.

What the app forwards, this file translates, so that a mapping is mended here and not by a release of the app.
Names, codes and platforms: https://docs.talsec.app/freerasp, https://github.com/talsec/Free-RASP-Flutter (threat.dart)
and https://github.com/talsec/Free-RASP-ReactNative (threat.ts), SDKs Android 20.0.1 and iOS 8.0.1.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chalicelib.model.claims import CheckState, Observation, VerifiedRaspReport
from chalicelib.model.rasp import RaspDialect
from chalicelib.verifiers.rasp.members import (
    MOST,
    Document,
    Label,
    Members,
    Observations,
    observation_of,
    report_of,
)

_Version = tuple[int, ...]
_MALWARE: Final = "environment.malware"
_VERSION: Final = re.compile(r"\d{1,5}(?:\.\d{1,5}){0,3}", re.ASCII)
_AT_ONCE: Final[_Version] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Threat:
    """`names`: as `_key` writes them. `code`: of the Flutter plugin; React Native's are new at each start.

    `android`, `ios`: the version of the native SDK from which on its silence, once it finished, means that the check
    ran and found nothing; None: its silence never does. Where the release that brought the check could not be made
    out, it is the first one whose callbacks are known to have it.
    """

    check: str
    names: tuple[str, ...]
    code: int | None
    android: _Version | None
    ios: _Version | None


_THREATS: Final = (
    _Threat(
        check="environment.root",
        names=("privilegedaccess", "root", "jailbreak"),
        code=44506749,
        android=_AT_ONCE,
        ios=_AT_ONCE,
    ),
    _Threat(check="environment.debugger", names=("debug", "debugger"), code=1268968002, android=_AT_ONCE, ios=_AT_ONCE),
    _Threat(
        check="environment.virtual_environment",
        names=("simulator", "emulator"),
        code=477190884,
        android=_AT_ONCE,
        ios=_AT_ONCE,
    ),
    _Threat(
        check="application.tampering",
        names=("appintegrity", "tamper", "signature"),
        code=1115787534,
        android=_AT_ONCE,
        ios=_AT_ONCE,
    ),
    # Hooking frameworks. What else was loaded into the app it does not tell, so that code.injection is not run.
    _Threat(
        check="code.hooking",
        names=("hooks", "hook", "runtimemanipulation"),
        code=209533833,
        android=_AT_ONCE,
        ios=_AT_ONCE,
    ),
    _Threat(
        check="environment.passcode",
        names=("passcode", "unlockeddevice"),
        code=1293399086,
        android=_AT_ONCE,
        ios=_AT_ONCE,
    ),
    _Threat(
        check="environment.secure_hardware",
        names=("securehardwarenotavailable", "hardwarebackedkeystorenotavailable", "missingsecureenclave"),
        code=1564314755,
        android=_AT_ONCE,
        ios=_AT_ONCE,
    ),
    _Threat(
        check="application.device_binding",
        names=("devicebinding", "devicechange"),
        code=1806586319,
        android=_AT_ONCE,
        ios=_AT_ONCE,
    ),
    _Threat(
        check="application.unofficial_store",
        names=("unofficialstore", "untrustedinstallationsource"),
        code=629780916,
        android=_AT_ONCE,
        ios=_AT_ONCE,
    ),
    _Threat(check="application.obfuscation", names=("obfuscationissues",), code=1001443554, android=_AT_ONCE, ios=None),
    _Threat(
        check="environment.developer_mode",
        names=("devmode", "developermode"),
        code=45291047,
        android=(13,),
        ios=None,
    ),
    _Threat(check="environment.adb", names=("adbenabled",), code=379769839, android=(13,), ios=None),
    _Threat(check="environment.vpn", names=("systemvpn",), code=659382561, android=(13,), ios=(6, 6, 3)),
    _Threat(check="application.multiple_instances", names=("multiinstance",), code=859307284, android=(17,), ios=None),
    _Threat(check="environment.time_spoofing", names=("timespoofing",), code=189105221, android=(17,), ios=None),
    _Threat(check="environment.automation", names=("automation",), code=298453120, android=(18, 0, 1), ios=None),
    _Threat(check="environment.bootloader", names=("bootloader",), code=None, android=(19, 2, 1), ios=None),
    # Android tells apps of captures from version 14 on (screenshots) and 15 on (recordings), with a permission each.
    _Threat(check="environment.screenshot", names=("screenshot",), code=705651459, android=None, ios=(6, 8)),
    _Threat(check="environment.screen_recording", names=("screenrecording",), code=64690214, android=None, ios=(6, 8)),
    # Neither is looked at without the user's permission to locate the phone, of which the SDK says nothing.
    _Threat(check="environment.location_spoofing", names=("locationspoofing",), code=653273273, android=None, ios=None),
    _Threat(check="environment.unsecured_wifi", names=("unsecurewifi",), code=363588890, android=None, ios=None),
    # Looked at where the app configured it, which the member `malware` tells.
    _Threat(check=_MALWARE, names=("malware",), code=None, android=None, ios=None),
)

# What is no threat: that checks of some kind are done (`checks_finished` says it); that the app was installed anew,
# which a challenge for enrolment tells, too; and that the owner changed the screen lock.
_IGNORED: Final = frozenset(
    {
        "allchecksfinished",
        "allchecksdone",
        "criticalchecksfinished",
        "fastchecksfinished",
        "postponedchecksfinished",
        "deviceid",
        "passcodechange",
    }
)
_IGNORED_CODES: Final = frozenset({1514211414})  # deviceId

_BY_NAME: Final[Mapping[str, _Threat]] = {name: threat for threat in _THREATS for name in threat.names}
_BY_CODE: Final[Mapping[int, _Threat]] = {threat.code: threat for threat in _THREATS if threat.code is not None}

_Callback = Label | Annotated[int, Meta(ge=0)]


class _Report(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`malware`: the suspicious packages that the SDK named; absent where the app did not configure it to look."""

    dialect: Literal["freerasp"]
    platform: Literal["android", "ios"]
    callbacks: Annotated[list[_Callback], Meta(max_length=MOST)]
    checks_finished: bool
    malware: Annotated[list[Annotated[str, Meta(min_length=1, max_length=256)]], Meta(max_length=MOST)] | UnsetType = (
        UNSET
    )
    observations: Observations = msgspec.field(default_factory=list)


def read(document: Document) -> VerifiedRaspReport:
    """Raises Malformed, and msgspec's ValidationError where a member is not as the schema wants it.

    1. A check whose callback came is detected, whatever else the report says. The SDK repeats itself, so that a
       callback may be there several times.
    2. Of the others those are clear that this SDK has on this platform, once it said that all checks finished.
    3. A callback that is not known here is kept by its name or code, and is nothing that could be clear.
    """
    report = msgspec.convert(document, _Report)
    packages = () if report.malware is UNSET else tuple(report.malware)
    checks = dict.fromkeys(_silent(report), CheckState.CLEAR)
    unknown = []
    for callback in map(_as_code, report.callbacks):
        threat = _BY_CODE.get(callback) if isinstance(callback, int) else _BY_NAME.get(_key(callback))
        if threat is not None:
            checks[threat.check] = CheckState.DETECTED
        elif not _is_ignored(callback):
            unknown.append(str(callback))
    if packages:
        checks[_MALWARE] = CheckState.DETECTED
    return report_of(
        report,
        dialect=RaspDialect.FREERASP,
        checks=checks,
        observations=(
            *(Observation(check=_MALWARE, kind="package", value=name) for name in packages),
            *map(observation_of, report.observations),
        ),
        unknown_signals=tuple(dict.fromkeys(unknown)),
    )


def _silent(report: _Report) -> Iterable[str]:
    """The checks whose silence means that they found nothing."""
    if not report.checks_finished:
        return
    running = _version(report.sdk_version)
    for threat in _THREATS:
        since = threat.android if report.platform == "android" else threat.ios
        if since is not None and since <= running:
            yield threat.check
    if report.malware is not UNSET:
        yield _MALWARE


def _version(text: str) -> _Version:
    """The native SDK's. What is no version is taken for the oldest, whose checks are fewest."""
    found = _VERSION.match(text)
    return tuple(int(part) for part in found[0].split(".")) if found else _AT_ONCE


def _as_code(callback: str | int) -> str | int:
    """A code is one, also where a bridge between languages made a text of it."""
    return int(callback) if isinstance(callback, str) and callback.isascii() and callback.isdigit() else callback


def _key(name: str) -> str:
    """`onRootDetected` is what Android's SDK calls what another plugin calls `onRoot`, `root` or `Root`."""
    return name.casefold().removeprefix("on").removesuffix("detected")


def _is_ignored(callback: str | int) -> bool:
    return callback in _IGNORED_CODES if isinstance(callback, int) else _key(callback) in _IGNORED
