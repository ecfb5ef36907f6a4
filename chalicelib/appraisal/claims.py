"""The closed registry of claims that a policy may ask about: names, types, and one sentence each for analysts.

A claim that is not there is not false and not zero: it is absent, and a rule that looks at it takes its `absent`
outcome. A self-protection check that did not run is absent, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from chalicelib.appraisal import play_labels
from chalicelib.model.claims import AppleEnvironment, CheckState, Provisioning, SecurityLevel, VerifiedBootState
from chalicelib.model.descriptor import Purpose
from chalicelib.model.rasp import CHECKS, RaspDialect
from chalicelib.model.submission import Format, PlayIntegrityRequest

ClaimValue = bool | int | str


class Evidence(StrEnum):
    """Whose word a claim is; also the first part of its name. HISTORY is the service's own, about the instance: it is
    no evidence of a submission, and what it lowers is the platform's."""

    ANDROID = "android"
    APPLE = "apple"
    PLAY_INTEGRITY = "play_integrity"
    RASP = "rasp"
    HISTORY = "history"


# What a platform submits for each purpose (docs/wire.md section 4).
STATEMENTS: Final[Mapping[Format, tuple[Evidence, Purpose]]] = {
    Format.ANDROID_KEY: (Evidence.ANDROID, Purpose.ENROL),
    Format.INSTANCE: (Evidence.ANDROID, Purpose.RENEW),
    Format.APPLE_ATTESTATION: (Evidence.APPLE, Purpose.ENROL),
    Format.APPLE_ASSERTION: (Evidence.APPLE, Purpose.RENEW),
}

# What may come beside it.
BESIDE: Final[Mapping[Evidence, tuple[Format, ...]]] = {
    Evidence.ANDROID: (Format.PLAY_INTEGRITY, Format.RASP),
    Evidence.APPLE: (Format.RASP,),
}


class Kind(Enum):
    TRUTH = "true or false"
    NUMBER = "a whole number"
    TEXT = "a text"
    LABEL = "one of a closed list"
    LEVEL = "one of a closed list, weakest first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`labels`: the values of a LABEL or LEVEL, a LEVEL's from weakest to strongest."""

    name: str
    kind: Kind
    sentence: str
    labels: tuple[str, ...] = ()

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.name.partition(".")[0])


class Revocation(StrEnum):
    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class PlayIntegrityStatus(StrEnum):
    FRESH = "fresh"
    KEPT = "kept"
    UNAVAILABLE = "unavailable"
    BUDGET_SPENT = "budget_spent"


BOOT_STATE_OTHER: Final = "other"

# A self-protection check that did not run, and that the app's version need not run.
NOT_REQUIRED: Final = "not_required"

RECALL_BITS: Final = (1, 2, 3)

_PATCH = (
    "Days since the date of the {} security patch level; absent where the phone states none that can be read, "
    "or one more than two months ahead."
)
_AGE = "Days since the platform last vouched for this instance."

_ALL: Final = (
    Claim(
        name="android.security_level",
        kind=Kind.LEVEL,
        labels=tuple(level.name.lower() for level in sorted(SecurityLevel)),
        sentence="Where the key lives: the weaker of what the key and its attestation say.",
    ),
    Claim(
        name="android.provisioning",
        kind=Kind.LABEL,
        labels=tuple(Provisioning),
        sentence="How the phone came to its attestation key.",
    ),
    Claim(
        name="android.attestation_version",
        kind=Kind.NUMBER,
        sentence="The version of the key description; an open number of the vendor's.",
    ),
    Claim(name="android.device_locked", kind=Kind.TRUTH, sentence="The bootloader is locked, says the hardware."),
    Claim(
        name="android.verified_boot_state",
        kind=Kind.LABEL,
        labels=(*(state.name.lower() for state in VerifiedBootState), BOOT_STATE_OTHER),
        sentence="What verified boot found, says the hardware; `other`: a state that is not documented.",
    ),
    Claim(
        name="android.boot_key_registered",
        kind=Kind.TRUTH,
        sentence="The key that verified the system is one of the app's `alternative_boot_keys`.",
    ),
    Claim(
        name="android.os_version",
        kind=Kind.NUMBER,
        sentence="Android's version as two digits each for major, minor and patch: 140000 is Android 14.",
    ),
    Claim(name="android.os_patch_age_days", kind=Kind.NUMBER, sentence=_PATCH.format("system's")),
    Claim(name="android.vendor_patch_age_days", kind=Kind.NUMBER, sentence=_PATCH.format("vendor's")),
    Claim(name="android.boot_patch_age_days", kind=Kind.NUMBER, sentence=_PATCH.format("boot image's")),
    Claim(
        name="android.package_registered",
        kind=Kind.TRUTH,
        sentence="Every package that shares the key's user id is registered for the app.",
    ),
    Claim(
        name="android.signer_registered",
        kind=Kind.TRUTH,
        sentence="Every certificate that signed the app is registered for it.",
    ),
    Claim(
        name="android.revoked",
        kind=Kind.LABEL,
        labels=tuple(Revocation),
        sentence="What Google's list says of the phone's attestation key; `unknown`: no list, or one that is too old.",
    ),
    Claim(
        name="android.app_version_code",
        kind=Kind.NUMBER,
        sentence="The app's version code when its key was attested; absent where more than one package shares its user "
        "id.",
    ),
    Claim(
        name="android.attest_key",
        kind=Kind.TRUTH,
        sentence="The key was attested by another key of the phone's apps, not by the phone's own attestation key.",
    ),
    Claim(
        name="android.status_list_age_hours",
        kind=Kind.NUMBER,
        sentence="Whole hours since Google last gave the list that is in force; absent where there is none.",
    ),
    Claim(name="android.statement_age_days", kind=Kind.NUMBER, sentence=_AGE),
    Claim(name="apple.app_registered", kind=Kind.TRUTH, sentence="The App ID is registered for the app."),
    Claim(
        name="apple.environment",
        kind=Kind.LABEL,
        labels=tuple(environment.label for environment in AppleEnvironment),
        sentence="Apple's production or development environment.",
    ),
    Claim(
        name="apple.environment_registered",
        kind=Kind.TRUTH,
        sentence="The environment is the one that the app is registered for.",
    ),
    Claim(
        name="apple.instance_key_in_hardware",
        kind=Kind.TRUTH,
        sentence="The platform says that the instance key lives in hardware: never, App Attest only says whose it is.",
    ),
    Claim(
        name="apple.validation_category",
        kind=Kind.NUMBER,
        sentence="How the running app was signed and distributed, as a number of Apple's; absent before iOS 27.",
    ),
    Claim(
        name="apple.bundle_version",
        kind=Kind.TEXT,
        sentence="The version of the running app, says the platform; absent before iOS 27.",
    ),
    Claim(
        name="apple.risk_metric",
        kind=Kind.NUMBER,
        sentence="How many App Attest keys this phone made for the app lately, says Apple, approximately; "
        "absent where Apple was not asked, or has not said yet.",
    ),
    Claim(
        name="apple.risk_metric_age_hours",
        kind=Kind.NUMBER,
        sentence="Hours since Apple said so.",
    ),
    Claim(name="apple.statement_age_days", kind=Kind.NUMBER, sentence=_AGE),
    Claim(
        name="play_integrity.status",
        kind=Kind.LABEL,
        labels=tuple(PlayIntegrityStatus),
        sentence="Where Google Play's verdict comes from: this submission, or an earlier one. Where the phone sent a "
        "token that could not be verified, why: `unavailable`, or today's calls are spent (`budget_spent`).",
    ),
    Claim(
        name="play_integrity.age_hours",
        kind=Kind.NUMBER,
        sentence="Hours since the verdict was verified. All claims but the status are absent where there is none.",
    ),
    Claim(
        name="play_integrity.request",
        kind=Kind.LABEL,
        labels=tuple(PlayIntegrityRequest),
        sentence="How the app asked for it.",
    ),
    Claim(
        name="play_integrity.package_registered",
        kind=Kind.TRUTH,
        sentence="The package that the verdict is about is registered for the app, today.",
    ),
    Claim(
        name="play_integrity.signer_registered",
        kind=Kind.TRUTH,
        sentence="Every certificate that signed the app is registered for it, today; absent where Google names none.",
    ),
    Claim(
        name="play_integrity.app_recognition",
        kind=Kind.LABEL,
        labels=play_labels.labels("app_recognition"),
        sentence="Whether the app is one that Google Play distributes.",
    ),
    Claim(name="play_integrity.version_code", kind=Kind.NUMBER, sentence="The app's version code."),
    *(
        Claim(name=f"play_integrity.{word.lower()}", kind=Kind.TRUTH, sentence=sentence)
        for word, sentence in play_labels.DEVICE_WORDS.items()
    ),
    Claim(
        name="play_integrity.device_word_unknown",
        kind=Kind.TRUTH,
        sentence="Google says something of the phone's integrity that is not documented.",
    ),
    Claim(
        name="play_integrity.device_sdk_version",
        kind=Kind.NUMBER,
        sentence="The phone's Android SDK version, where the app opted in to it.",
    ),
    Claim(
        name="play_integrity.device_activity",
        kind=Kind.LABEL,
        labels=play_labels.labels("device_activity"),
        sentence="How many integrity tokens the phone asked for lately, from few to very many.",
    ),
    *(
        Claim(
            name=f"play_integrity.recall_{number}",
            kind=Kind.TRUTH,
            sentence=f"Bit {number} of what the app's owner stored for the phone with Google; absent where Google "
            "does not say.",
        )
        for number in RECALL_BITS
    ),
    *(
        Claim(
            name=f"play_integrity.recall_{number}_months",
            kind=Kind.NUMBER,
            sentence=f"Calendar months since bit {number} was written.",
        )
        for number in RECALL_BITS
    ),
    Claim(
        name="play_integrity.account_activity",
        kind=Kind.LABEL,
        labels=play_labels.labels("account_activity"),
        sentence="Whether the phone's account looks like a person's, for the few apps that Google tells it.",
    ),
    Claim(
        name="play_integrity.app_licensing",
        kind=Kind.LABEL,
        labels=play_labels.labels("app_licensing"),
        sentence="Whether the phone's account got the app from Google Play.",
    ),
    Claim(
        name="play_integrity.play_protect",
        kind=Kind.LABEL,
        labels=play_labels.labels("play_protect"),
        sentence="What Google Play Protect found; `possible_risk`: it is switched off.",
    ),
    *(
        Claim(
            name=f"play_integrity.{word.lower()}",
            kind=Kind.TRUTH,
            sentence=f"{sentence} Absent where Google did not look.",
        )
        for word, sentence in play_labels.ACCESS_WORDS.items()
    ),
    Claim(
        name="play_integrity.access_word_unknown",
        kind=Kind.TRUTH,
        sentence="Google says something of other apps that is not documented. Absent where Google did not look.",
    ),
    Claim(
        name="play_integrity.testing",
        kind=Kind.TRUTH,
        sentence="The verdict is a test response, which only test stages take.",
    ),
    Claim(
        name="rasp.schema_known",
        kind=Kind.TRUTH,
        sentence="The report's schema is one that this service reads.",
    ),
    Claim(name="rasp.provider", kind=Kind.TEXT, sentence="Who made the self-protection library, says the report."),
    Claim(name="rasp.sdk_version", kind=Kind.TEXT, sentence="The library's version, says the report."),
    Claim(name="rasp.app_version", kind=Kind.TEXT, sentence="The app's version, says the report."),
    Claim(
        name="rasp.dialect",
        kind=Kind.LABEL,
        labels=tuple(RaspDialect),
        sentence="Whose words the report uses; absent where its schema is newer than this service.",
    ),
    Claim(
        name="rasp.library_listed",
        kind=Kind.TRUTH,
        sentence="The report observed a library of the policy's `attack_libraries`.",
    ),
    Claim(
        name="rasp.package_listed",
        kind=Kind.TRUTH,
        sentence="The report observed an installed app of the policy's `attack_packages`.",
    ),
    Claim(
        name="rasp.unknown_signals",
        kind=Kind.TRUTH,
        sentence="The self-protection library reported something by a name that this service does not know.",
    ),
    Claim(
        name="rasp.required_checks_ran",
        kind=Kind.TRUTH,
        sentence="Every check ran that the register wants of the version that the platform states; absent where the "
        "register lists no versions.",
    ),
    Claim(
        name="rasp.app_version_agrees",
        kind=Kind.TRUTH,
        sentence="The report and the platform speak of the same version; absent where the platform states none, or the "
        "register knows neither.",
    ),
    Claim(
        name="rasp.app_version_listed",
        kind=Kind.TRUTH,
        sentence="The register lists the version that the report names; absent where it lists none.",
    ),
    *(
        Claim(
            name=f"rasp.{check}",
            kind=Kind.LABEL,
            labels=(CheckState.CLEAR, CheckState.DETECTED, NOT_REQUIRED),
            sentence=f"{sentence} Absent where the check should have run and did not.",
        )
        for check, sentence in CHECKS.items()
    ),
    Claim(
        name="history.first_seen_days",
        kind=Kind.NUMBER,
        sentence="Days since the instance enrolled first; 0 where it does so now.",
    ),
    Claim(
        name="history.worst_tier_24h",
        kind=Kind.LEVEL,
        labels=("low", "none", "medium", "high"),
        sentence="The worst tier of the last 24 hours, by what the evidence alone was worth; absent where there was no "
        "verdict.",
    ),
    Claim(
        name="history.tier_flips_24h",
        kind=Kind.NUMBER,
        sentence="How often the tier was another than the time before, in this hour and the 23 before it, by what the "
        "evidence alone was worth.",
    ),
    Claim(
        name="history.attestations_this_hour",
        kind=Kind.NUMBER,
        sentence="Tokens that the instance got in this hour of the clock (UTC) before this one.",
    ),
    Claim(
        name="history.enrolments_per_batch_key_this_hour",
        kind=Kind.NUMBER,
        sentence="Enrolments of this hour before this one, for the app, by phones with the same attestation key; "
        "absent in renewals and on Apple platforms.",
    ),
    Claim(
        name="history.enrolments_per_network_this_hour",
        kind=Kind.NUMBER,
        sentence="Enrolments of this hour before this one, for the app, from the same network (IPv4 /24, IPv6 /48); "
        "absent in renewals.",
    ),
    Claim(
        name="history.hard_detection_age_hours",
        kind=Kind.NUMBER,
        sentence="Whole hours since an earlier judgement found a reason that `history` lists as hard; absent where "
        "none did.",
    ),
)

REGISTRY: Final[Mapping[str, Claim]] = {claim.name: claim for claim in _ALL}
