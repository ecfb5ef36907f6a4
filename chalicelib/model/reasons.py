"""Why: three closed registries, one sentence each.

`RefusalReason`     evidence could not be tied to a genuine platform root and to this submission: 4xx, no token.
`AppraisalReason`   evidence is genuine and says something that policy weighs: it appears in a verdict.
`MalfunctionReason` Assay could not judge: always 503, never stored.

A value is stable once released: it is stored in decision records and matched by analysts. Renaming one is a new one.
"""

from enum import StrEnum
from typing import Self


class _Explained(StrEnum):
    """A reason with the sentence that a support engineer can read out."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member


class RefusalReason(_Explained):
    # the request
    BODY_TOO_LARGE = "body_too_large", "The request body is larger than 128 KiB."
    BODY_NOT_JSON = "body_not_json", "The request body is not strict JSON in UTF-8."
    BODY_SCHEMA = "body_schema", "The request body has an unknown, missing, repeated or mistyped member."
    MEDIA_TYPE = "media_type", "The request body is not declared as application/json."
    APP_UNKNOWN = "app_unknown", "The app is not registered here."
    AUDIENCE_UNKNOWN = "audience_unknown", "The audience is not registered for this app."
    DESCRIPTOR_INVALID = (
        "descriptor_invalid",
        "The descriptor contradicts itself or the submission around it.",
    )
    EVIDENCE_COMBINATION = (
        "evidence_combination",
        "The pieces of evidence are not the ones that this purpose takes.",
    )
    PLATFORM_STATEMENT_MISSING = (
        "platform_statement_missing",
        "The phone sent no platform statement, and policy does not admit that for this app.",
    )
    UNATTESTED_BUDGET_SPENT = (
        "unattested_budget_spent",
        "The phone sent no platform statement, and as many such phones as policy admits in a day were admitted.",
    )

    # the challenge
    CHALLENGE_UNKNOWN = (
        "challenge_unknown",
        "The challenge was never issued here, or was deleted long after its end.",
    )
    CHALLENGE_EXPIRED = "challenge_expired", "The challenge is older than its lifetime."
    CHALLENGE_WRONG_APP = "challenge_wrong_app", "The challenge was issued to another app."
    CHALLENGE_WRONG_PURPOSE = "challenge_wrong_purpose", "The challenge was issued for another purpose."
    CHALLENGE_SPENT = (
        "challenge_spent",
        "The challenge was already spent by another submission, or too long ago.",
    )

    # the proof over the binding
    PROOF_MALFORMED = "proof_malformed", "The proof is not a compact JWS of the documented form."
    PROOF_KEY_UNSUPPORTED = "proof_key_unsupported", "The proof's key is not a valid P-256 public key."
    PROOF_BINDING_MISMATCH = (
        "proof_binding_mismatch",
        "The proof covers another challenge, key, RASP report or descriptor than the ones submitted.",
    )
    PROOF_SIGNATURE = "proof_signature", "The proof's signature does not verify."

    # the instance
    INSTANCE_UNKNOWN = "instance_unknown", "No enrolled instance has this key."
    INSTANCE_OTHER_APP = "instance_other_app", "The instance key is enrolled for another app."
    INSTANCE_KEY_MISMATCH = (
        "instance_key_mismatch",
        "The platform vouches for another key than the one that signed the proof.",
    )
    INSTANCE_KEY_UNFIT = (
        "instance_key_unfit",
        "The attested key is not a P-256 signing key that was generated in hardware.",
    )
    INSTANCE_PLATFORM_MISMATCH = (
        "instance_platform_mismatch",
        "The renewal comes with evidence of another platform than the instance enrolled with.",
    )
    ATTESTATION_LIMIT = (
        "attestation_limit",
        "The instance attested as often in this hour as policy allows.",
    )
    ENROLMENT_LIMIT = (
        "enrolment_limit",
        "As many instances enrolled in this hour as policy allows, by the phone's attestation key or from its network.",
    )
    APP_ATTEST_KEY_TAKEN = (
        "app_attest_key_taken",
        "The App Attest key already belongs to another instance key.",
    )
    INSTANCE_KEY_TAKEN = (
        "instance_key_taken",
        "The instance key is already enrolled with another platform key.",
    )
    INSTANCE_BLOCKED = "instance_blocked", "The instance was blocked by the team that runs this service."
    COUNTER_OVERTAKEN = "counter_overtaken", "This assertion, or a later one of the same key, was accepted before."

    # Android Key Attestation
    CHAIN_MALFORMED = "chain_malformed", "A certificate of the chain is not well-formed."
    CHAIN_LENGTH = "chain_length", "The chain has too few or too many certificates."
    CHAIN_KEY_UNSUPPORTED = (
        "chain_key_unsupported",
        "A certificate of the chain has a key or algorithm not accepted.",
    )
    CHAIN_SIGNATURE = "chain_signature", "A certificate of the chain is not signed by the next one."
    CHAIN_ROOT_UNKNOWN = "chain_root_unknown", "The chain does not end at a trusted root."
    CHAIN_ROOT_SOFTWARE = "chain_root_software", "The chain ends at a published software root."
    CHAIN_EXPIRED = "chain_expired", "A certificate of the chain whose dates count is outside them."
    CHAIN_EXTENDED = (
        "chain_extended",
        "A certificate other than the first carries a key description: a genuine key was used to forge another.",
    )
    KEY_DESCRIPTION_MISSING = "key_description_missing", "The first certificate carries no key description."
    KEY_DESCRIPTION_MALFORMED = "key_description_malformed", "The key description is not well-formed."
    KEY_DESCRIPTION_CHALLENGE = "key_description_challenge", "The key was attested for another challenge."
    KEY_NOT_IN_HARDWARE = "key_not_in_hardware", "The key or its attestation comes from software."
    KEY_PARAMETERS_MISMATCH = (
        "key_parameters_mismatch",
        "The key description describes another key than the certificate holds.",
    )
    KEY_LEVEL_OVERSTATED = (
        "key_level_overstated",
        "The phone states StrongBox, and its attestation key is certified for less.",
    )

    # App Attest
    APP_ATTEST_MALFORMED = "app_attest_malformed", "The App Attest object is not well-formed."
    APP_ATTEST_CHAIN = "app_attest_chain", "The App Attest certificates do not verify to Apple's root."
    APP_ATTEST_EXPIRED = "app_attest_expired", "An App Attest certificate is outside its dates."
    APP_ATTEST_NONCE = "app_attest_nonce", "The App Attest nonce covers other data than the submission's."
    APP_ATTEST_KEY_ID = (
        "app_attest_key_id",
        "The App Attest key id, credential and certificate are not one key.",
    )
    APP_ATTEST_APP_ID = "app_attest_app_id", "The App Attest object was made for another app."
    APP_ATTEST_ENVIRONMENT = "app_attest_environment", "The App Attest object is of another environment."
    APP_ATTEST_COUNTER = "app_attest_counter", "The App Attest counter of a new key is not 0."
    APP_ATTEST_SIGNATURE = "app_attest_signature", "The assertion's signature does not verify."

    # receipts; they cost the risk metric, never the attestation, so that no phone is answered with these
    APPLE_RECEIPT_MALFORMED = "apple_receipt_malformed", "The App Attest receipt is not well-formed."
    APPLE_RECEIPT_SIGNATURE = "apple_receipt_signature", "The App Attest receipt does not verify to Apple's root."
    APPLE_RECEIPT_FOREIGN = "apple_receipt_foreign", "The App Attest receipt is of another app or key."
    APPLE_RECEIPT_EXPIRED = "apple_receipt_expired", "The App Attest receipt is past its end."

    # Play Integrity
    PLAY_INTEGRITY_NOT_CONFIGURED = (
        "play_integrity_not_configured",
        "The app is not registered for integrity tokens of this kind.",
    )
    PLAY_INTEGRITY_MALFORMED = "play_integrity_malformed", "The integrity token is not well-formed."
    PLAY_INTEGRITY_ENCRYPTION = (
        "play_integrity_encryption",
        "The integrity token is not encrypted to the app's key in the documented way.",
    )
    PLAY_INTEGRITY_SIGNATURE = "play_integrity_signature", "The integrity token is not signed by Google Play's key."
    PLAY_INTEGRITY_BINDING = (
        "play_integrity_binding",
        "The integrity token was requested for other data than the submission's.",
    )
    PLAY_INTEGRITY_PACKAGE = "play_integrity_package", "The integrity token was made for another package."
    PLAY_INTEGRITY_CERTIFICATE = (
        "play_integrity_certificate",
        "The integrity token names a signing certificate that is not registered.",
    )
    PLAY_INTEGRITY_TIME = "play_integrity_time", "The integrity token was not requested just now."
    PLAY_INTEGRITY_TESTING = (
        "play_integrity_testing",
        "The integrity token is a test response, and this is no test stage.",
    )

    # RASP
    RASP_MALFORMED = "rasp_malformed", "The RASP report is not a report of the documented schema."


class AppraisalReason(_Explained):
    # Android Key Attestation
    ANDROID_BOOTLOADER_UNLOCKED = "android_bootloader_unlocked", "The bootloader is unlocked."
    ANDROID_BOOT_NOT_VERIFIED = (
        "android_boot_not_verified",
        "The phone did not boot the maker's verified system.",
    )
    ANDROID_SYSTEM_ALTERNATIVE = (
        "android_system_alternative",
        "The phone runs a system that is not its maker's, and verified it by that system's key.",
    )
    ANDROID_ROOT_OF_TRUST_MISSING = "android_root_of_trust_missing", "The hardware states no root of trust."
    ANDROID_BATCH_KEY_REVOKED = (
        "android_batch_key_revoked",
        "The phone's attestation key is on the revocation list.",
    )
    ANDROID_REVOCATION_UNKNOWN = (
        "android_revocation_unknown",
        "No usable revocation list was at hand, so the attestation key could not be checked.",
    )
    ANDROID_PACKAGE_FOREIGN = "android_package_foreign", "The app's package is not the registered one."
    ANDROID_SIGNER_FOREIGN = "android_signer_foreign", "The app is not signed by a registered certificate."
    ANDROID_APP_ID_MISSING = "android_app_id_missing", "The platform does not say which app made the key."
    ANDROID_PATCH_LEVEL_OLD = (
        "android_patch_level_old",
        "The phone's security patch level is older than policy wants.",
    )
    ANDROID_PATCH_LEVEL_UNKNOWN = (
        "android_patch_level_unknown",
        "The phone's security patch level is unreadable.",
    )

    # App Attest
    APPLE_APP_FOREIGN = "apple_app_foreign", "The app's App ID is not, or no longer, a registered one."
    APPLE_ENVIRONMENT_FOREIGN = (
        "apple_environment_foreign",
        "The evidence is of another App Attest environment than the app is registered for.",
    )
    APPLE_LAUNCH_CATEGORY = (
        "apple_launch_category",
        "The app was launched in a way that policy does not want.",
    )
    APPLE_DEVELOPMENT_ENVIRONMENT = (
        "apple_development_environment",
        "The evidence is of Apple's test environment.",
    )

    APPLE_RISK_METRIC = (
        "apple_risk_metric",
        "Apple counts more keys that this phone made for the app than policy wants.",
    )

    # Play Integrity
    PLAY_INTEGRITY_MISSING = "play_integrity_missing", "The phone sent no integrity token of Google Play's."
    PLAY_INTEGRITY_UNAVAILABLE = (
        "play_integrity_unavailable",
        "Google Play's verdict could not be had: its server did not answer, or the day's budget of calls is spent.",
    )
    PLAY_INTEGRITY_OLD = "play_integrity_old", "Google Play's last verdict on this phone is older than policy wants."
    PLAY_APP_UNRECOGNIZED = "play_app_unrecognized", "Google Play does not recognise the app as one it distributes."
    PLAY_DEVICE_INTEGRITY = "play_device_integrity", "Google Play does not vouch for the phone's integrity."
    PLAY_DEVICE_VIRTUAL = "play_device_virtual", "Google Play says that the app runs on an emulator."
    PLAY_DEVICE_ACTIVITY = (
        "play_device_activity",
        "The phone asked Google Play for more integrity tokens lately than a person's use explains.",
    )
    PLAY_APP_UNLICENSED = (
        "play_app_unlicensed",
        "Google Play does not say that the phone's account got the app there.",
    )
    PLAY_APP_ACCESS = (
        "play_app_access",
        "Google Play sees an app that can capture the screen or control the phone.",
    )
    PLAY_PROTECT = "play_protect", "Google Play Protect found harmful apps on the phone, or is switched off."

    # RASP, environment
    RASP_MISSING = "rasp_missing", "The phone sent no RASP report."
    RASP_SCHEMA_UNKNOWN = "rasp_schema_unknown", "The RASP report has a newer schema than this service knows."
    RASP_CHECK_NOT_RUN = "rasp_check_not_run", "A required self-protection check did not run."
    RASP_DEBUGGER = "rasp_debugger", "A debugger is attached to the app."
    RASP_VIRTUAL_ENVIRONMENT = (
        "rasp_virtual_environment",
        "The app runs in an emulator or a virtual environment.",
    )
    RASP_ROOTED = "rasp_rooted", "The phone is rooted or jailbroken."
    RASP_DEVELOPER_MODE = "rasp_developer_mode", "Developer mode is switched on."
    RASP_ADB = "rasp_adb", "Android's debug bridge is switched on."
    RASP_BOOTLOADER = "rasp_bootloader", "The app sees an unlocked bootloader."
    RASP_PASSCODE = "rasp_passcode", "The phone has no screen lock."
    RASP_SECURE_HARDWARE = "rasp_secure_hardware", "The app sees no secure hardware for keys."
    RASP_VPN = "rasp_vpn", "The phone's traffic goes through a VPN."
    RASP_PROXY = "rasp_proxy", "The app's traffic is intercepted, or goes through a proxy."
    RASP_UNSECURED_WIFI = "rasp_unsecured_wifi", "The phone is on a Wi-Fi network without encryption."
    RASP_TIME_SPOOFING = "rasp_time_spoofing", "The phone's clock was set by hand, or is wrong."
    RASP_LOCATION_SPOOFING = "rasp_location_spoofing", "The phone's location is made up."
    RASP_SCREEN_RECORDING = "rasp_screen_recording", "The screen is being recorded, mirrored or shared."
    RASP_SCREENSHOT = "rasp_screenshot", "A screenshot of the app was taken."
    RASP_OVERLAY = "rasp_overlay", "Another app draws over this one."
    RASP_ACCESSIBILITY = (
        "rasp_accessibility",
        "An accessibility service that the app does not trust can read or control the screen.",
    )
    RASP_KEYBOARD = "rasp_keyboard", "The keyboard is one that the app does not trust."
    RASP_ACTIVE_CALL = "rasp_active_call", "A phone call was going on."
    RASP_AUTOMATION = "rasp_automation", "A tool works the app's screens in place of a person."
    RASP_MALWARE = "rasp_malware", "The app sees another app that is known for attacks, or looks like one."
    RASP_PACKAGE_LISTED = "rasp_package_listed", "An app that is known for attacks is installed."
    RASP_SIGNAL_UNKNOWN = (
        "rasp_signal_unknown",
        "The self-protection library reports something that this service does not know.",
    )
    RASP_APP_VERSION_MISMATCH = (
        "rasp_app_version_mismatch",
        "The RASP report names another version of the app than the platform does.",
    )
    # RASP, application
    RASP_TAMPERED = "rasp_tampered", "The app was tampered with or repackaged."
    RASP_INTEGRITY = "rasp_integrity", "The app's configuration, assets or user interface were changed."
    RASP_DEVICE_BINDING = "rasp_device_binding", "The app's data came from another phone."
    RASP_UNOFFICIAL_STORE = "rasp_unofficial_store", "The app was not installed by a store that it trusts."
    RASP_MULTIPLE_INSTANCES = (
        "rasp_multiple_instances",
        "The app runs as a clone: in a second profile, or inside another app.",
    )
    RASP_OBFUSCATION = "rasp_obfuscation", "The app's code is not obfuscated, as in a test build."
    # RASP, code
    RASP_HOOKING = "rasp_hooking", "Functions of the app are hooked."
    RASP_TRACING = "rasp_tracing", "The app's code is being traced."
    RASP_INJECTION = "rasp_injection", "Foreign code was loaded into the app."
    RASP_LIBRARY_LISTED = "rasp_library_listed", "A library known for attacks is loaded into the app."

    # no evidence
    PLATFORM_UNSUPPORTED = (
        "platform_unsupported",
        "No platform vouches for the phone, and it says that it has none that could.",
    )
    PLATFORM_UNAVAILABLE_CLAIMED = (
        "platform_unavailable_claimed",
        "No platform vouches for the phone, and it says that the platform did not answer.",
    )
    FAILURE_NOT_CONFIGURED = (
        "failure_not_configured",
        "Something could not be had or checked, and policy does not say what that means.",
    )

    # the instance's history
    HISTORY_HARD_DETECTION = (
        "history_hard_detection",
        "Something grave was found on this phone not long ago, even if it is not there now.",
    )
    HISTORY_UNSTEADY = (
        "history_unsteady",
        "What this phone's evidence is worth was worse, or changed more often, in the last day than policy wants.",
    )
    HISTORY_UNUSUAL = (
        "history_unusual",
        "The instance is newer, attested more often, or enrolled beside more others in this hour, than policy wants.",
    )

    # any evidence
    NOT_CONFIRMED = (
        "not_confirmed",
        "Nothing speaks against the evidence, but what policy wants confirmed is not.",
    )


class MalfunctionReason(_Explained):
    STORE_UNAVAILABLE = "store_unavailable", "A table did not answer."
    POLICY_UNAVAILABLE = "policy_unavailable", "No policy is in force, or the one in force does not parse."
    APPS_UNAVAILABLE = "apps_unavailable", "No app register is in force, or the one in force does not parse."
    ENDORSEMENTS_UNAVAILABLE = "endorsements_unavailable", "The endorsements in force do not parse."
    SECRET_UNAVAILABLE = "secret_unavailable", "A secret of the service's own could not be read, or is none."
    SIGNER_UNAVAILABLE = "signer_unavailable", "The signing key did not answer."
    TOKEN_SELF_CHECK = "token_self_check", "The token that was made does not pass its own check."
    CONFIGURATION = "configuration", "The configuration contradicts itself."
    BUSY = "busy", "Another worker holds the same submission, or writes to the same items."
