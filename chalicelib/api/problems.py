"""The closed table of docs/wire.md section 5, and the one place where reasons become problems.

Both mappings are total: the type checker refuses a reason without a problem, and a test counts them. Precise reasons
stay in the decision record; what a phone learns is what it can act on.
"""

from enum import Enum, StrEnum
from typing import Final

from chalicelib.model.reasons import MalfunctionReason, RefusalReason

URN: Final = "urn:assay:problem:"


class Remedy(StrEnum):
    """What an app can do about it."""

    RETRY = "retry"
    RETRY_LATER = "retry_later"
    NEW_CHALLENGE = "new_challenge"
    RE_ENROL = "re_enrol"
    FIX_CLOCK = "fix_clock"
    UPDATE_APP = "update_app"
    CONTACT_SUPPORT = "contact_support"


class Problem(Enum):
    """Name, HTTP status, title, remedy, and seconds for `Retry-After` where there is one."""

    MALFORMED_REQUEST = ("malformed-request", 400, "The request is not of the documented form", Remedy.CONTACT_SUPPORT)
    NOT_FOUND = ("not-found", 404, "There is nothing at this path", Remedy.CONTACT_SUPPORT)
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "The path does not take this method", Remedy.CONTACT_SUPPORT)
    REQUEST_TOO_LARGE = ("request-too-large", 413, "The request body is too large", Remedy.CONTACT_SUPPORT)
    UNSUPPORTED_MEDIA_TYPE = (
        "unsupported-media-type",
        415,
        "The body must be application/json",
        Remedy.CONTACT_SUPPORT,
    )
    UNKNOWN_APP = ("unknown-app", 403, "The app or its audience is not registered", Remedy.CONTACT_SUPPORT)
    CHALLENGE_NOT_USABLE = ("challenge-not-usable", 409, "The challenge cannot be used", Remedy.NEW_CHALLENGE)
    ASSERTION_OVERTAKEN = ("assertion-overtaken", 409, "A later assertion came first", Remedy.NEW_CHALLENGE)
    ENROLMENT_REQUIRED = ("enrolment-required", 403, "This key is not enrolled", Remedy.RE_ENROL)
    EVIDENCE_REFUSED = ("evidence-refused", 403, "The evidence was refused", Remedy.NEW_CHALLENGE)
    PHONE_NOT_SUPPORTED = ("phone-not-supported", 403, "This phone cannot be attested", Remedy.CONTACT_SUPPORT)
    # Until the hour of the limit is over: an hour at most, and the edge says how much is left of it.
    TOO_MANY_ATTEMPTS = ("too-many-attempts", 429, "Too many attempts in this hour", Remedy.RETRY_LATER, 3600)
    # A twin is at work: mostly for milliseconds, for the function's timeout at most.
    BUSY = ("busy", 503, "The service is busy", Remedy.RETRY, 1)
    # Long enough not to hammer what is down, short against a token's last fifth (60 s of 300).
    MALFUNCTION = ("malfunction", 503, "The service cannot judge at the moment", Remedy.RETRY_LATER, 10)

    def __init__(self, name: str, status: int, title: str, remedy: Remedy, retry_after: int | None = None) -> None:
        self.type = URN + name
        self.status = status
        self.title = title
        self.remedy = remedy
        self.retry_after = retry_after


def of_refusal(reason: RefusalReason) -> Problem:
    """Total over RefusalReason."""
    match reason:
        case RefusalReason.BODY_TOO_LARGE:
            return Problem.REQUEST_TOO_LARGE
        case RefusalReason.MEDIA_TYPE:
            return Problem.UNSUPPORTED_MEDIA_TYPE
        case (
            RefusalReason.BODY_NOT_JSON
            | RefusalReason.BODY_SCHEMA
            | RefusalReason.DESCRIPTOR_INVALID
            | RefusalReason.EVIDENCE_COMBINATION
            | RefusalReason.PLAY_INTEGRITY_NOT_CONFIGURED
        ):
            return Problem.MALFORMED_REQUEST
        case RefusalReason.APP_UNKNOWN | RefusalReason.AUDIENCE_UNKNOWN:
            return Problem.UNKNOWN_APP
        case (
            RefusalReason.CHALLENGE_UNKNOWN
            | RefusalReason.CHALLENGE_EXPIRED
            | RefusalReason.CHALLENGE_WRONG_APP
            | RefusalReason.CHALLENGE_WRONG_PURPOSE
            | RefusalReason.CHALLENGE_SPENT
        ):
            return Problem.CHALLENGE_NOT_USABLE
        case RefusalReason.ATTESTATION_LIMIT | RefusalReason.ENROLMENT_LIMIT:
            return Problem.TOO_MANY_ATTEMPTS
        case RefusalReason.COUNTER_OVERTAKEN:
            return Problem.ASSERTION_OVERTAKEN
        case (
            # A key that is enrolled elsewhere, or as something else, is of no use here: fresh keys are.
            RefusalReason.INSTANCE_UNKNOWN
            | RefusalReason.INSTANCE_OTHER_APP
            | RefusalReason.INSTANCE_KEY_TAKEN
            | RefusalReason.INSTANCE_PLATFORM_MISMATCH
            | RefusalReason.APP_ATTEST_KEY_TAKEN
            # A phone that was restored has the instance key from its backup, and no App Attest key to it any more.
            | RefusalReason.APP_ATTEST_KEY_ID
        ):
            return Problem.ENROLMENT_REQUIRED
        case (
            # Trying again with the same hardware gives the same answer.
            RefusalReason.INSTANCE_BLOCKED
            | RefusalReason.PLATFORM_STATEMENT_MISSING
            # Nor is a phone without a platform told whether others like it are let in.
            | RefusalReason.UNATTESTED_BUDGET_SPENT
            | RefusalReason.INSTANCE_KEY_UNFIT
            | RefusalReason.CHAIN_ROOT_SOFTWARE
            | RefusalReason.KEY_NOT_IN_HARDWARE
        ):
            return Problem.PHONE_NOT_SUPPORTED
        case (
            RefusalReason.PROOF_MALFORMED
            | RefusalReason.PROOF_KEY_UNSUPPORTED
            | RefusalReason.PROOF_BINDING_MISMATCH
            | RefusalReason.PROOF_SIGNATURE
            | RefusalReason.INSTANCE_KEY_MISMATCH
            | RefusalReason.CHAIN_MALFORMED
            | RefusalReason.CHAIN_LENGTH
            | RefusalReason.CHAIN_KEY_UNSUPPORTED
            | RefusalReason.CHAIN_SIGNATURE
            | RefusalReason.CHAIN_ROOT_UNKNOWN
            | RefusalReason.CHAIN_EXPIRED
            | RefusalReason.CHAIN_EXTENDED
            | RefusalReason.KEY_DESCRIPTION_MISSING
            | RefusalReason.KEY_DESCRIPTION_MALFORMED
            | RefusalReason.KEY_DESCRIPTION_CHALLENGE
            | RefusalReason.KEY_PARAMETERS_MISMATCH
            | RefusalReason.KEY_LEVEL_OVERSTATED
            | RefusalReason.APP_ATTEST_MALFORMED
            | RefusalReason.APP_ATTEST_CHAIN
            | RefusalReason.APP_ATTEST_EXPIRED
            | RefusalReason.APP_ATTEST_NONCE
            | RefusalReason.APP_ATTEST_APP_ID
            | RefusalReason.APP_ATTEST_ENVIRONMENT
            | RefusalReason.APP_ATTEST_COUNTER
            | RefusalReason.APP_ATTEST_SIGNATURE
            | RefusalReason.APPLE_RECEIPT_MALFORMED
            | RefusalReason.APPLE_RECEIPT_SIGNATURE
            | RefusalReason.APPLE_RECEIPT_FOREIGN
            | RefusalReason.APPLE_RECEIPT_EXPIRED
            | RefusalReason.PLAY_INTEGRITY_MALFORMED
            | RefusalReason.PLAY_INTEGRITY_ENCRYPTION
            | RefusalReason.PLAY_INTEGRITY_SIGNATURE
            | RefusalReason.PLAY_INTEGRITY_BINDING
            | RefusalReason.PLAY_INTEGRITY_PACKAGE
            | RefusalReason.PLAY_INTEGRITY_CERTIFICATE
            | RefusalReason.PLAY_INTEGRITY_TIME
            | RefusalReason.PLAY_INTEGRITY_TESTING
            | RefusalReason.RASP_MALFORMED
        ):
            return Problem.EVIDENCE_REFUSED


def of_malfunction(reason: MalfunctionReason) -> Problem:
    """Total: whatever we cannot do, the phone tries again."""
    return Problem.BUSY if reason is MalfunctionReason.BUSY else Problem.MALFUNCTION
