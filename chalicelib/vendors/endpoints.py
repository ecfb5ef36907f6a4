"""Where the vendors' servers are. Nothing that is configured moves them, but for the local stage's stand-ins."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """URLs. `google_play_integrity` is a base without trailing slash, which `/v1/{package}:…` follows."""

    google_token: str
    google_play_integrity: str
    google_status_list: str
    google_roots: str
    apple_production: str
    apple_development: str


# https://developers.google.com/identity/protocols/oauth2/service-account
# https://developer.android.com/google/play/integrity/standard
# https://developer.android.com/privacy-and-security/security-key-attestation
# https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk
VENDORS: Final = Endpoints(
    google_token="https://oauth2.googleapis.com/token",  # noqa: S106 - a URL
    google_play_integrity="https://playintegrity.googleapis.com",
    google_status_list="https://android.googleapis.com/attestation/status",
    google_roots="https://android.googleapis.com/attestation/root",
    apple_production="https://data.appattest.apple.com/v1/attestationData",
    apple_development="https://data-development.appattest.apple.com/v1/attestationData",
)


def stand_ins(origin: str) -> Endpoints:
    """All of them at one origin of this machine (`http://host:port`), told apart by path."""
    return Endpoints(
        google_token=f"{origin}/google/token",
        google_play_integrity=f"{origin}/google/play-integrity",
        google_status_list=f"{origin}/google/attestation/status",
        google_roots=f"{origin}/google/attestation/root",
        apple_production=f"{origin}/apple/production/v1/attestationData",
        apple_development=f"{origin}/apple/development/v1/attestationData",
    )
