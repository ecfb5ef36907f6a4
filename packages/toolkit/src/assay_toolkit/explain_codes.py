"""What a reason means to the people at the telephone: what they may say, and what the phone was told."""

from collections.abc import Iterator
from enum import Enum
from typing import Final

from chalicelib.api.problems import Problem, of_malfunction, of_refusal
from chalicelib.model.reasons import AppraisalReason, MalfunctionReason, RefusalReason

Reason = RefusalReason | AppraisalReason | MalfunctionReason


class Help(Enum):
    """What support can tell a customer. Some findings are not named: whoever has them would try the next thing."""

    OURS = "It is our side, not the phone. The app tries again by itself; nothing has to be done."
    AGAIN = "Try again, on another network if it keeps happening, and keep the app open meanwhile."
    ANEW = "The app registers itself again. If it does not: delete the app and install it again."
    EVIDENCE = (
        "Install the newest version of the app from the store and try again, once. If it is the same again, "
        "this phone cannot be used; do not discuss why, and hand the case to the fraud desk."
    )
    NEWEST_APP = "Install the newest version of the app from the store, and try again."
    FROM_STORE = "Delete this copy of the app and install it from the store."
    TEST_BUILD = "This is a test build of the app. Install the app from the store."
    UPDATE_SYSTEM = "Install the newest system update. Where the maker has none any more, a newer phone is needed."
    OWN_SYSTEM = (
        "The phone's system was unlocked or replaced. With the maker's system and a locked bootloader it is good."
    )
    KNOWN_SYSTEM = "The phone runs another maker's system that we know. Some things want one more confirmation."
    BATCH = (
        "The key that phones of this batch were built with has leaked, which is not the customer's fault. A system "
        "update may bring a new one; otherwise another phone is needed."
    )
    SETTINGS = "A setting or another app on the phone makes attacks easier. Switch it off or remove it, and try again."
    REMOTE = (
        "Ask whether anybody is on the phone with the customer or helps from afar: that is how people are robbed. "
        "End that, remove the app that shares or controls the screen, and try again."
    )
    PLAY = "Open the Google Play Store, sign in, switch on Play Protect and install updates. Then try again."
    OTHER_PHONE = "This phone cannot be used for this. Another one can."
    QUIET = "Do not name the finding. Another phone can be used; hand the case to the fraud desk."
    BLOCKED = "This installation was blocked by us. Support does not unblock: the case goes to whoever blocked it."
    WAIT = "There were too many attempts. Wait an hour, and try again."
    LATER = "The phone behaved unusually lately. Use it as ever; a day later this is over by itself."
    NOBODY = "No phone is told of this, and no customer calls about it."


_OF_PROBLEM: Final = {
    Problem.CHALLENGE_NOT_USABLE: Help.AGAIN,
    Problem.ASSERTION_OVERTAKEN: Help.AGAIN,
    Problem.ENROLMENT_REQUIRED: Help.ANEW,
    Problem.EVIDENCE_REFUSED: Help.EVIDENCE,
    Problem.PHONE_NOT_SUPPORTED: Help.OTHER_PHONE,
    Problem.TOO_MANY_ATTEMPTS: Help.WAIT,
}
# The rest of the problems are the app's, which sends what it should not.
_OF_APPS: Final = Help.NEWEST_APP

_OF_REFUSAL: Final = {
    RefusalReason.INSTANCE_BLOCKED: Help.BLOCKED,
    RefusalReason.UNATTESTED_BUDGET_SPENT: Help.OTHER_PHONE,
    RefusalReason.APPLE_RECEIPT_MALFORMED: Help.NOBODY,
    RefusalReason.APPLE_RECEIPT_SIGNATURE: Help.NOBODY,
    RefusalReason.APPLE_RECEIPT_FOREIGN: Help.NOBODY,
    RefusalReason.APPLE_RECEIPT_EXPIRED: Help.NOBODY,
}

_OF_APPRAISAL: Final[dict[AppraisalReason, Help]] = {
    AppraisalReason.ANDROID_BOOTLOADER_UNLOCKED: Help.OWN_SYSTEM,
    AppraisalReason.ANDROID_BOOT_NOT_VERIFIED: Help.OWN_SYSTEM,
    AppraisalReason.ANDROID_SYSTEM_ALTERNATIVE: Help.KNOWN_SYSTEM,
    AppraisalReason.ANDROID_ROOT_OF_TRUST_MISSING: Help.OTHER_PHONE,
    AppraisalReason.ANDROID_BATCH_KEY_REVOKED: Help.BATCH,
    AppraisalReason.ANDROID_REVOCATION_UNKNOWN: Help.OURS,
    AppraisalReason.ANDROID_PACKAGE_FOREIGN: Help.FROM_STORE,
    AppraisalReason.ANDROID_SIGNER_FOREIGN: Help.FROM_STORE,
    AppraisalReason.ANDROID_APP_ID_MISSING: Help.OTHER_PHONE,
    AppraisalReason.ANDROID_PATCH_LEVEL_OLD: Help.UPDATE_SYSTEM,
    AppraisalReason.ANDROID_PATCH_LEVEL_UNKNOWN: Help.UPDATE_SYSTEM,
    AppraisalReason.APPLE_APP_FOREIGN: Help.FROM_STORE,
    AppraisalReason.APPLE_ENVIRONMENT_FOREIGN: Help.TEST_BUILD,
    AppraisalReason.APPLE_LAUNCH_CATEGORY: Help.FROM_STORE,
    AppraisalReason.APPLE_DEVELOPMENT_ENVIRONMENT: Help.TEST_BUILD,
    AppraisalReason.APPLE_RISK_METRIC: Help.QUIET,
    AppraisalReason.PLAY_INTEGRITY_MISSING: Help.PLAY,
    AppraisalReason.PLAY_INTEGRITY_UNAVAILABLE: Help.OURS,
    AppraisalReason.PLAY_INTEGRITY_OLD: Help.PLAY,
    AppraisalReason.PLAY_APP_UNRECOGNIZED: Help.FROM_STORE,
    AppraisalReason.PLAY_DEVICE_INTEGRITY: Help.OWN_SYSTEM,
    AppraisalReason.PLAY_DEVICE_VIRTUAL: Help.QUIET,
    AppraisalReason.PLAY_DEVICE_ACTIVITY: Help.QUIET,
    AppraisalReason.PLAY_APP_UNLICENSED: Help.FROM_STORE,
    AppraisalReason.PLAY_APP_ACCESS: Help.REMOTE,
    AppraisalReason.PLAY_PROTECT: Help.PLAY,
    AppraisalReason.RASP_MISSING: Help.NEWEST_APP,
    AppraisalReason.RASP_SCHEMA_UNKNOWN: Help.OURS,
    AppraisalReason.RASP_CHECK_NOT_RUN: Help.NEWEST_APP,
    AppraisalReason.RASP_SIGNAL_UNKNOWN: Help.OURS,
    AppraisalReason.RASP_APP_VERSION_MISMATCH: Help.FROM_STORE,
    AppraisalReason.RASP_DEBUGGER: Help.QUIET,
    AppraisalReason.RASP_VIRTUAL_ENVIRONMENT: Help.QUIET,
    AppraisalReason.RASP_ROOTED: Help.OWN_SYSTEM,
    AppraisalReason.RASP_BOOTLOADER: Help.OWN_SYSTEM,
    AppraisalReason.RASP_SECURE_HARDWARE: Help.OTHER_PHONE,
    AppraisalReason.RASP_DEVELOPER_MODE: Help.SETTINGS,
    AppraisalReason.RASP_ADB: Help.SETTINGS,
    AppraisalReason.RASP_PASSCODE: Help.SETTINGS,
    AppraisalReason.RASP_VPN: Help.SETTINGS,
    AppraisalReason.RASP_PROXY: Help.SETTINGS,
    AppraisalReason.RASP_UNSECURED_WIFI: Help.SETTINGS,
    AppraisalReason.RASP_TIME_SPOOFING: Help.SETTINGS,
    AppraisalReason.RASP_LOCATION_SPOOFING: Help.SETTINGS,
    AppraisalReason.RASP_SCREEN_RECORDING: Help.REMOTE,
    AppraisalReason.RASP_SCREENSHOT: Help.SETTINGS,
    AppraisalReason.RASP_OVERLAY: Help.SETTINGS,
    AppraisalReason.RASP_ACCESSIBILITY: Help.REMOTE,
    AppraisalReason.RASP_KEYBOARD: Help.SETTINGS,
    AppraisalReason.RASP_ACTIVE_CALL: Help.REMOTE,
    AppraisalReason.RASP_AUTOMATION: Help.QUIET,
    AppraisalReason.RASP_MALWARE: Help.SETTINGS,
    AppraisalReason.RASP_PACKAGE_LISTED: Help.SETTINGS,
    AppraisalReason.RASP_TAMPERED: Help.FROM_STORE,
    AppraisalReason.RASP_INTEGRITY: Help.FROM_STORE,
    AppraisalReason.RASP_DEVICE_BINDING: Help.ANEW,
    AppraisalReason.RASP_UNOFFICIAL_STORE: Help.FROM_STORE,
    AppraisalReason.RASP_MULTIPLE_INSTANCES: Help.FROM_STORE,
    AppraisalReason.RASP_OBFUSCATION: Help.TEST_BUILD,
    AppraisalReason.RASP_HOOKING: Help.QUIET,
    AppraisalReason.RASP_TRACING: Help.QUIET,
    AppraisalReason.RASP_INJECTION: Help.QUIET,
    AppraisalReason.RASP_LIBRARY_LISTED: Help.QUIET,
    AppraisalReason.PLATFORM_UNSUPPORTED: Help.OTHER_PHONE,
    AppraisalReason.PLATFORM_UNAVAILABLE_CLAIMED: Help.AGAIN,
    AppraisalReason.FAILURE_NOT_CONFIGURED: Help.OURS,
    AppraisalReason.HISTORY_UNSTEADY: Help.LATER,
    AppraisalReason.HISTORY_UNUSUAL: Help.LATER,
    AppraisalReason.HISTORY_HARD_DETECTION: Help.QUIET,
    AppraisalReason.NOT_CONFIRMED: Help.NEWEST_APP,
}


def all_reasons() -> Iterator[Reason]:
    yield from RefusalReason
    yield from AppraisalReason
    yield from MalfunctionReason


def reason_of(code: str) -> Reason | None:
    return next((reason for reason in all_reasons() if reason.value == code), None)


def help_of(reason: Reason) -> Help:
    match reason:
        case AppraisalReason():
            return _OF_APPRAISAL[reason]
        case RefusalReason():
            return _OF_REFUSAL.get(reason) or _OF_PROBLEM.get(of_refusal(reason), _OF_APPS)
        case MalfunctionReason():
            return Help.OURS


def registry_of(reason: Reason) -> str:
    """Which of the three it stands in, as a sentence of what that means."""
    match reason:
        case AppraisalReason():
            return "Reason of a verdict: the evidence is genuine, and policy weighs what it says"
        case RefusalReason():
            return "Refusal: the evidence could not be tied to a genuine platform and to this submission, so no token"
        case MalfunctionReason():
            return "Malfunction: Assay could not judge, which says nothing about the phone"


def answered(reason: Reason) -> str:
    """What the phone heard; the reason itself never."""
    match reason:
        case AppraisalReason():
            return "200 with a token"
        case RefusalReason() if help_of(reason) is Help.NOBODY:
            return "nothing"
        case RefusalReason():
            return _problem(of_refusal(reason))
        case MalfunctionReason():
            return _problem(of_malfunction(reason))


def table() -> list[str]:
    """Markdown, for docs/reasons.md: registry by registry, in their own order."""
    lines = []
    for registry, title in (
        (RefusalReason, "Refusals"),
        (AppraisalReason, "Reasons of a verdict"),
        (MalfunctionReason, "Malfunctions"),
    ):
        lines += [f"## {title}", "", "| code | means | the phone heard | support can say |", "|---|---|---|---|"]
        lines += [
            f"| `{reason.value}` | {reason.sentence} | {answered(reason)} | {help_of(reason).value} |"
            for reason in registry
        ]
        lines.append("")
    return lines[:-1]


def _problem(problem: Problem) -> str:
    return f"{problem.status} `{problem.type.rpartition(':')[2]}`, remedy `{problem.remedy.value}`"
