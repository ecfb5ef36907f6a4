"""Google's documented words of an integrity verdict, and how they become labels and truths that a policy can name.

Source: https://developer.android.com/google/play/integrity/verdicts
"""

from collections.abc import Collection, Mapping
from typing import Final

UNEVALUATED: Final = "unevaluated"
# A word that is not documented: whatever it means, it is none of those that confirm something.
OTHER: Final = "other"

# By claim: the values of fields that hold one word.
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "app_recognition": ("PLAY_RECOGNIZED", "UNRECOGNIZED_VERSION", "UNEVALUATED"),
    "account_activity": ("TYPICAL_BASIC", "TYPICAL_STRONG", "UNUSUAL", "UNKNOWN", "UNEVALUATED"),
    "app_licensing": ("LICENSED", "UNLICENSED", "UNEVALUATED"),
    "device_activity": ("LEVEL_1", "LEVEL_2", "LEVEL_3", "LEVEL_4", "UNEVALUATED"),
    "play_protect": ("NO_ISSUES", "NO_DATA", "POSSIBLE_RISK", "MEDIUM_RISK", "HIGH_RISK", "UNEVALUATED"),
}

# Fields that hold several words: a truth for each, and one for any word beyond them.
DEVICE_WORDS: Final[Mapping[str, str]] = {
    "MEETS_BASIC_INTEGRITY": "The phone passes Google's basic checks; stated only where the app opted in to it.",
    "MEETS_DEVICE_INTEGRITY": "Google vouches for a certified phone with its maker's system.",
    "MEETS_STRONG_INTEGRITY": "Google vouches by hardware, and for a security update within the last year; "
    "stated only where the app opted in to it.",
    "MEETS_VIRTUAL_INTEGRITY": "The app runs on an emulator of Google Play's that passes its checks.",
}
ACCESS_WORDS: Final[Mapping[str, str]] = {
    f"{origin}_{what}": f"{sentence} {where}."
    for origin, where in (
        ("KNOWN", "from Google Play or the phone's maker"),
        ("UNKNOWN", "from elsewhere"),
    )
    for what, sentence in (
        ("INSTALLED", "Other apps are installed"),
        ("CAPTURING", "A running app may see the screen; it is"),
        ("CONTROLLING", "A running app may control the phone; it is"),
        ("OVERLAYS", "A running app may draw over the screen; it is"),
    )
}


def labels(claim: str) -> tuple[str, ...]:
    return (*(word.lower() for word in WORDS[claim]), OTHER)


def label(claim: str, stated: str | None) -> str:
    """What is absent was not evaluated: Google leaves out what it did not look at."""
    if stated is None:
        return UNEVALUATED
    return stated.lower() if stated in WORDS[claim] else OTHER


def truths(words: Mapping[str, str], stated: Collection[str]) -> dict[str, bool]:
    """By lower-case name, one for each documented word."""
    return {word.lower(): word in stated for word in words}
