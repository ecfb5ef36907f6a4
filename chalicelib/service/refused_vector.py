"""What a refusal says in the words of AR4SI: that cryptography failed, where it did, and otherwise nothing.

Source: draft-ietf-rats-ar4si-09, section 2.3.2: 99, cryptographic validation of the evidence has failed.
"""

from typing import Final

from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import (
    Format,
    SubmittedAndroidKey,
    SubmittedAppleAssertion,
    SubmittedAppleAttestation,
    SubmittedAttestation,
    SubmittedUnattested,
)
from chalicelib.model.trust import Component, Vector

CRYPTOGRAPHY_FAILED: Final = 99


def vector_of_refusal(submitted: SubmittedAttestation, reason: RefusalReason) -> dict[Format, Vector]:
    """The vector of the evidence whose cryptography failed, or nothing: what was not checked is not claimed."""
    if not cryptography_failed(reason):
        return {}
    about = Format.PLAY_INTEGRITY if reason in _GOOGLES else _platform_format(submitted)
    return {about: Vector({Component.INSTANCE_IDENTITY: CRYPTOGRAPHY_FAILED})}


_GOOGLES: Final = frozenset({RefusalReason.PLAY_INTEGRITY_ENCRYPTION, RefusalReason.PLAY_INTEGRITY_SIGNATURE})


def _platform_format(submitted: SubmittedAttestation) -> Format:
    match submitted.statement:
        case SubmittedAndroidKey():
            return Format.ANDROID_KEY
        case SubmittedAppleAttestation():
            return Format.APPLE_ATTESTATION
        case SubmittedAppleAssertion():
            return Format.APPLE_ASSERTION
        case SubmittedUnattested():
            return Format.UNATTESTED
        case None:
            return Format.INSTANCE


def cryptography_failed(reason: RefusalReason) -> bool:
    """Whether a signature or a decryption failed, or signatures hold and lead to nobody who is trusted. Total: a new
    reason is put on one of the two sides, or the type checker refuses.

    Evidence that verifies and is about something else (another challenge, key, app or environment) is not among them:
    its cryptography is sound.
    """
    match reason:
        case (
            RefusalReason.PROOF_SIGNATURE
            | RefusalReason.CHAIN_SIGNATURE
            | RefusalReason.CHAIN_ROOT_UNKNOWN
            | RefusalReason.CHAIN_ROOT_SOFTWARE  # its private key is public
            | RefusalReason.APP_ATTEST_CHAIN
            | RefusalReason.APP_ATTEST_SIGNATURE
            | RefusalReason.PLAY_INTEGRITY_ENCRYPTION
            | RefusalReason.PLAY_INTEGRITY_SIGNATURE
        ):
            return True
        case (
            RefusalReason.BODY_TOO_LARGE
            | RefusalReason.BODY_NOT_JSON
            | RefusalReason.BODY_SCHEMA
            | RefusalReason.MEDIA_TYPE
            | RefusalReason.APP_UNKNOWN
            | RefusalReason.AUDIENCE_UNKNOWN
            | RefusalReason.DESCRIPTOR_INVALID
            | RefusalReason.EVIDENCE_COMBINATION
            | RefusalReason.PLATFORM_STATEMENT_MISSING
            | RefusalReason.UNATTESTED_BUDGET_SPENT
            | RefusalReason.CHALLENGE_UNKNOWN
            | RefusalReason.CHALLENGE_EXPIRED
            | RefusalReason.CHALLENGE_WRONG_APP
            | RefusalReason.CHALLENGE_WRONG_PURPOSE
            | RefusalReason.CHALLENGE_SPENT
            | RefusalReason.PROOF_MALFORMED
            | RefusalReason.PROOF_KEY_UNSUPPORTED
            | RefusalReason.PROOF_BINDING_MISMATCH
            | RefusalReason.INSTANCE_UNKNOWN
            | RefusalReason.INSTANCE_OTHER_APP
            | RefusalReason.INSTANCE_KEY_MISMATCH
            | RefusalReason.INSTANCE_KEY_UNFIT
            | RefusalReason.INSTANCE_PLATFORM_MISMATCH
            | RefusalReason.ATTESTATION_LIMIT
            | RefusalReason.ENROLMENT_LIMIT
            | RefusalReason.APP_ATTEST_KEY_TAKEN
            | RefusalReason.INSTANCE_KEY_TAKEN
            | RefusalReason.INSTANCE_BLOCKED
            | RefusalReason.COUNTER_OVERTAKEN
            | RefusalReason.CHAIN_MALFORMED
            | RefusalReason.CHAIN_LENGTH
            | RefusalReason.CHAIN_KEY_UNSUPPORTED
            | RefusalReason.CHAIN_EXPIRED
            | RefusalReason.CHAIN_EXTENDED
            | RefusalReason.KEY_DESCRIPTION_MISSING
            | RefusalReason.KEY_DESCRIPTION_MALFORMED
            | RefusalReason.KEY_DESCRIPTION_CHALLENGE
            | RefusalReason.KEY_NOT_IN_HARDWARE
            | RefusalReason.KEY_PARAMETERS_MISMATCH
            | RefusalReason.KEY_LEVEL_OVERSTATED
            | RefusalReason.APP_ATTEST_MALFORMED
            | RefusalReason.APP_ATTEST_EXPIRED
            | RefusalReason.APP_ATTEST_NONCE
            | RefusalReason.APP_ATTEST_KEY_ID
            | RefusalReason.APP_ATTEST_APP_ID
            | RefusalReason.APP_ATTEST_ENVIRONMENT
            | RefusalReason.APP_ATTEST_COUNTER
            | RefusalReason.APPLE_RECEIPT_MALFORMED
            | RefusalReason.APPLE_RECEIPT_FOREIGN
            | RefusalReason.APPLE_RECEIPT_EXPIRED
            | RefusalReason.PLAY_INTEGRITY_NOT_CONFIGURED
            | RefusalReason.PLAY_INTEGRITY_MALFORMED
            | RefusalReason.PLAY_INTEGRITY_BINDING
            | RefusalReason.PLAY_INTEGRITY_PACKAGE
            | RefusalReason.PLAY_INTEGRITY_CERTIFICATE
            | RefusalReason.PLAY_INTEGRITY_TIME
            | RefusalReason.PLAY_INTEGRITY_TESTING
            | RefusalReason.RASP_MALFORMED
            # Receipts cost the risk metric alone, and no phone is answered with them.
            | RefusalReason.APPLE_RECEIPT_SIGNATURE
        ):
            return False
