"""What a phone sent, decoded to types and bounded in size, and otherwise believed in nothing."""

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.model.descriptor import Descriptor


class Format(StrEnum):
    """Evidence formats, as they stand in submissions and in the token's submods."""

    ANDROID_KEY = "android_key"
    APPLE_ATTESTATION = "apple_attestation"
    APPLE_ASSERTION = "apple_assertion"
    PLAY_INTEGRITY = "play_integrity"
    RASP = "rasp"
    # A renewal by proof alone: what is appraised is what the instance keeps from its enrolment.
    INSTANCE = "instance"
    # No platform vouches for the phone: what is appraised is its report, and what policy says of such phones.
    UNATTESTED = "unattested"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedAndroidKey:
    """`x5c`: DER certificates, leaf first; the root may be absent."""

    x5c: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedAppleAttestation:
    """What `DCAppAttestService.attestKey` gave: key id (SHA-256 of the public key) and the CBOR object."""

    key_id: bytes
    attestation: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedAppleAssertion:
    """What `DCAppAttestService.generateAssertion` gave."""

    key_id: bytes
    assertion: bytes


class UnattestedCause(StrEnum):
    UNSUPPORTED = "unsupported"
    PLATFORM_UNAVAILABLE = "platform_unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedUnattested:
    """The phone says why it has no platform statement. A claim of its own."""

    cause: UnattestedCause


class PlayIntegrityRequest(StrEnum):
    """How the app asked Google Play, which decides who can read the answer.

    https://developer.android.com/google/play/integrity/overview
    """

    CLASSIC = "classic"  # encrypted and signed for keys that the app's owner has
    STANDARD = "standard"  # readable by Google alone, which decodes it on request


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedPlayIntegrity:
    """The integrity token, as Google Play gave it to the app. It comes beside an Android enrolment or renewal."""

    request: PlayIntegrityRequest
    token: str


SubmittedStatement = SubmittedAndroidKey | SubmittedAppleAttestation | SubmittedAppleAssertion | SubmittedUnattested


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedAttestation:
    """One body of POST /v1/attestations. `body_digest` is SHA-256 of its exact bytes."""

    challenge: bytes
    descriptor: Descriptor
    proof: str
    rasp_report: bytes | None
    statement: SubmittedStatement | None
    body_digest: bytes
    play_integrity: SubmittedPlayIntegrity | None = None
