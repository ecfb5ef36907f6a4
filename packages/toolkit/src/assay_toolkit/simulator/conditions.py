"""What can be the matter with a phone, as data: the cast of the demonstration and of the tests."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from assay_toolkit.simulator.android import REVOKED_BATCH_SERIAL, Provisioned
from assay_toolkit.simulator.key_description import (
    SELF_SIGNED,
    SOFTWARE,
    STRONGBOX,
    TRUSTED_ENVIRONMENT,
    UNVERIFIED,
    VERIFIED,
)
from assay_toolkit.simulator.rasp import APP_VERSION, Dialect, Observation


class Platform(StrEnum):
    ANDROID = "android"
    APPLE = "apple"


_BOTH = frozenset(Platform)
_ANDROID = frozenset({Platform.ANDROID})

# SHA-256 that stands for the signing certificate of whoever repackaged the app.
FOREIGN_SIGNER = bytes.fromhex("f0" * 32)
# A team that is not the registered one: Apple gives a repackaged app the App ID of whoever signed it again.
FOREIGN_TEAM = "Z9Y8X7W6V5"
# Stands for the file of the library that a hooked phone has loaded; hex.
FRIDA_AGENT_DIGEST = hashlib.sha256(b"frida-agent").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidCondition:
    """What the hardware states, where it differs from a sound phone's. `patch_age_months`: how old the system is."""

    provisioned: Provisioned = Provisioned.FACTORY
    security_level: int = TRUSTED_ENVIRONMENT
    device_locked: bool = True
    verified_boot_state: int = VERIFIED
    patch_age_months: int = 1
    batch_serial: int | None = None
    foreign_signer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`how`: one sentence. `detected`: RASP checks, by "<group>.<check>".

    `reported_version`: which version of the app the report names; the platform says what the phone's parameters say.
    `attested` False: the app says that the platform gives no statement. `foreign_team`: an Apple app signed again.
    """

    name: str
    how: str
    platforms: frozenset[Platform] = _BOTH
    android: AndroidCondition = field(default_factory=AndroidCondition)
    foreign_team: bool = False
    detected: frozenset[str] = frozenset()
    not_run: frozenset[str] = frozenset()
    observations: tuple[Observation, ...] = ()
    reports: bool = True
    dialect: Dialect = Dialect.ASSAY
    reported_version: str = APP_VERSION
    attested: bool = True


SOUND = Condition(name="sound", how="A locked phone with a recent system, and an app that sees nothing wrong.")

# What self-protection sees and is no condition of its own: one for each check.
_SEEN = (
    ("environment.developer_mode", _BOTH, "Developer mode is switched on."),
    ("environment.adb", _ANDROID, "Android's debug bridge is switched on."),
    ("environment.bootloader", _ANDROID, "The app sees an unlocked bootloader where the hardware sees a locked one."),
    ("environment.passcode", _BOTH, "The phone has no screen lock."),
    ("environment.secure_hardware", _BOTH, "The app sees no secure hardware where the platform vouches for it."),
    ("environment.vpn", _BOTH, "The phone uses a VPN."),
    ("environment.proxy", _BOTH, "A proxy reads the app's traffic."),
    ("environment.unsecured_wifi", _BOTH, "The phone is on an open Wi-Fi network."),
    ("environment.time_spoofing", _BOTH, "Somebody set the phone's clock by hand."),
    ("environment.location_spoofing", _BOTH, "An app makes the phone's location up."),
    ("environment.screen_recording", _BOTH, "The user shares the screen with somebody."),
    ("environment.screenshot", _BOTH, "The user took a screenshot."),
    ("environment.overlay", _ANDROID, "Another app draws over this one."),
    ("environment.accessibility", _ANDROID, "An accessibility service that the app does not know reads the screen."),
    ("environment.keyboard", _BOTH, "The user types on a keyboard from elsewhere."),
    ("environment.active_call", _BOTH, "The user is on the phone."),
    ("environment.automation", _BOTH, "Appium works the app's screens."),
    ("environment.malware", _ANDROID, "Another app looks like malware."),
    ("application.integrity", _BOTH, "The app's assets were changed."),
    ("application.device_binding", _BOTH, "The app's data was copied from another phone."),
    ("application.unofficial_store", _BOTH, "The app was not installed by a store that it trusts."),
    ("application.multiple_instances", _BOTH, "The app runs as a clone of itself."),
    ("application.obfuscation", _ANDROID, "The app was built without obfuscation."),
)

CONDITIONS: dict[str, Condition] = {
    condition.name: condition
    for condition in (
        SOUND,
        Condition(
            name="strongbox",
            how="A sound phone whose keys live in a separate secure element.",
            platforms=_ANDROID,
            android=AndroidCondition(security_level=STRONGBOX),
        ),
        Condition(
            name="remotely_provisioned",
            how="A sound phone whose attestation key was certified two days ago, as new phones do.",
            platforms=_ANDROID,
            android=AndroidCondition(provisioned=Provisioned.REMOTE),
        ),
        Condition(
            name="old_patch_level",
            how="A locked phone that got its last security patch five years ago.",
            platforms=_ANDROID,
            android=AndroidCondition(patch_age_months=60),
        ),
        Condition(
            name="unlocked",
            how="The bootloader is unlocked and the owner's own system runs; the app sees nothing wrong.",
            platforms=_ANDROID,
            android=AndroidCondition(device_locked=False, verified_boot_state=UNVERIFIED),
        ),
        Condition(
            name="own_system",
            how="The bootloader is locked again, with a system that the owner signed.",
            platforms=_ANDROID,
            android=AndroidCondition(verified_boot_state=SELF_SIGNED),
        ),
        Condition(
            name="rooted",
            how="The phone is rooted or jailbroken, and the app sees it; on Android the bootloader is unlocked.",
            android=AndroidCondition(device_locked=False, verified_boot_state=UNVERIFIED),
            detected=frozenset({"environment.root"}),
        ),
        Condition(
            name="hooked",
            how="Frida sits in the app's process and hooks its functions.",
            detected=frozenset({"code.hooking", "code.injection"}),
            observations=(
                Observation(check="code.injection", kind="library", value="frida-agent", digest=FRIDA_AGENT_DIGEST),
            ),
        ),
        Condition(
            name="debugger",
            how="A debugger is attached to the app.",
            detected=frozenset({"environment.debugger", "code.tracing"}),
        ),
        Condition(
            name="repackaged",
            how="The app was changed and signed by somebody else.",
            android=AndroidCondition(foreign_signer=True),
            foreign_team=True,
            detected=frozenset({"application.tampering"}),
            observations=(Observation(check="application.tampering", kind="signer", digest=FOREIGN_SIGNER.hex()),),
        ),
        Condition(
            name="emulator",
            how="An emulator: its keys, and the root above them, are software.",
            platforms=_ANDROID,
            android=AndroidCondition(
                provisioned=Provisioned.SOFTWARE,
                security_level=SOFTWARE,
                device_locked=False,
                verified_boot_state=UNVERIFIED,
            ),
            detected=frozenset({"environment.virtual_environment"}),
        ),
        Condition(
            name="virtual_environment",
            how="The app runs in a virtual space on a genuine phone, so that the hardware's word is good.",
            detected=frozenset({"environment.virtual_environment"}),
        ),
        Condition(
            name="revoked_batch",
            how="A sound phone whose attestation key leaked from another phone of its batch and is revoked.",
            platforms=_ANDROID,
            android=AndroidCondition(batch_serial=REVOKED_BATCH_SERIAL),
        ),
        *(
            Condition(name=check.partition(".")[2], how=how, platforms=platforms, detected=frozenset({check}))
            for check, platforms, how in _SEEN
        ),
        Condition(
            name="listed_package",
            how="An app that serves to change other apps is installed.",
            platforms=_ANDROID,
            detected=frozenset({"environment.malware"}),
            observations=(Observation(check="environment.malware", kind="package", value="com.chelpus.lackypatch"),),
        ),
        Condition(
            name="blinded",
            how="The self-protection SDK runs, but somebody keeps its checks on code from running.",
            not_run=frozenset({"code.hooking", "code.tracing", "code.injection"}),
        ),
        Condition(
            name="other_version",
            how="The report names an older version of the app than the platform does, one that runs fewer checks.",
            not_run=frozenset({"environment.automation"}),
            reported_version="7.0.0",
        ),
        Condition(
            name="freerasp",
            how="A sound phone whose app forwards what freeRASP says.",
            dialect=Dialect.FREERASP,
        ),
        Condition(
            name="plain",
            how="A sound phone whose app has checks of its own and names them.",
            dialect=Dialect.PLAIN,
        ),
        Condition(name="silent", how="No RASP report comes with the platform's word.", reports=False),
        Condition(
            name="unattested",
            how="The phone has no platform attestation, or says so.",
            attested=False,
        ),
    )
}
