"""The checks of a self-protection report and the dialects that reports are written in (docs/wire.md section 10)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class RaspDialect(StrEnum):
    """Whose words a report uses: Assay's own, those of Talsec's freeRASP, or two flat lists of Assay's names."""

    ASSAY = "assay"
    FREERASP = "freerasp"
    PLAIN = "plain"


# Every check, as "<group>.<check>", and what `detected` means.
CHECKS: Final[Mapping[str, str]] = {
    "environment.debugger": "A debugger is attached.",
    "environment.virtual_environment": "The app runs in an emulator or a virtual environment.",
    "environment.root": "The phone is rooted or jailbroken.",
    "environment.developer_mode": "Developer mode is switched on.",
    "environment.adb": "Android's debug bridge is switched on, over USB or Wi-Fi.",
    "environment.bootloader": "The bootloader is unlocked, as far as the app can see.",
    "environment.passcode": "The phone has no screen lock.",
    "environment.secure_hardware": "The phone has no secure hardware for keys, as far as the app can see.",
    "environment.vpn": "The phone's traffic goes through a VPN.",
    "environment.proxy": "The app's traffic is intercepted, or goes through a proxy.",
    "environment.unsecured_wifi": "The phone is on a Wi-Fi network without encryption.",
    "environment.time_spoofing": "The phone's clock was set by hand, or is wrong.",
    "environment.location_spoofing": "The phone's location is made up.",
    "environment.screen_recording": "The screen is being recorded, mirrored or shared.",
    "environment.screenshot": "A screenshot of the app was taken.",
    "environment.overlay": "Another app draws over this one.",
    "environment.accessibility": "An accessibility service that the app does not trust can read or control the screen.",
    "environment.keyboard": "The keyboard is one that the app does not trust.",
    "environment.active_call": "A phone call is going on.",
    "environment.automation": "A tool works the app's screens in place of a person.",
    "environment.malware": "An app that is known for attacks, or looks like one, is installed.",
    "application.tampering": "The app was tampered with or repackaged.",
    "application.integrity": "The app's configuration, assets or user interface were changed.",
    "application.device_binding": "The app's data came from another phone.",
    "application.unofficial_store": "The app was not installed by a store that it trusts.",
    "application.multiple_instances": "The app runs as a clone: in a second profile, or inside another app.",
    "application.obfuscation": "The app's code is not obfuscated, as in a test build.",
    "code.hooking": "Functions of the app are hooked.",
    "code.tracing": "The app's code is being traced.",
    "code.injection": "Foreign code was loaded into the app.",
}
