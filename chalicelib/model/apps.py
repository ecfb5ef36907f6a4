"""Apps as a team registers them: reference values and audiences (`policies/apps/<app>.yaml`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.model.claims import AppleEnvironment
from chalicelib.model.submission import PlayIntegrityRequest
from chalicelib.model.trust import Tier


class AudienceKind(StrEnum):
    """`clear`: the token shows tiers. `confidential`: the verdict travels as a JWE to the audience's key.
    `gateway`: reads no verdict; below `minimum_tier` the token it would accept is not made."""

    CLEAR = "clear"
    CONFIDENTIAL = "confidential"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """`encryption_jwk`: the P-256 public JWK of a confidential audience, with its `kid`."""

    name: str
    kind: AudienceKind
    encryption_jwk: Mapping[str, str] | None = None
    minimum_tier: Tier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayIntegrityReference:
    """Which integrity tokens the app sends. `secret`: the name under which their keys and the service account are kept.
    `daily_calls`: decode calls to Google that the app may cost each day (UTC), for standard requests."""

    requests: tuple[PlayIntegrityRequest, ...]
    secret: str
    daily_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativeBootKey:
    """The verified boot key of a system that is not the phone maker's and that the team welcomes on its phones.

    `key`: the 32 bytes that hardware states as `verifiedBootKey`, SHA-256 of the public key.
    """

    name: str
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidReference:
    packages: tuple[str, ...]
    signature_digests: tuple[bytes, ...]  # SHA-256 of signing certificates, Play's re-signing one included
    play_integrity: PlayIntegrityReference | None = None
    alternative_boot_keys: tuple[AlternativeBootKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleReference:
    """`app_ids`: "<team>.<bundle>". `risk_metric_secret`: the name under which the team's key for Apple's risk metric
    is kept; None: it is not asked for."""

    app_ids: tuple[str, ...]
    environment: AppleEnvironment
    risk_metric_secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppVersion:
    """A released version of the app. `name`: as RASP reports name it. The platforms' own versions of it are what the
    platforms state; None: it was not released there. `required_checks`: "<group>.<check>", those that it has to run."""

    name: str
    android_version_code: int | None
    apple_bundle_version: str | None
    required_checks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRegistration:
    """`token_lifetime` in seconds; 300 unless the app wants less. `versions`: empty where the team lists none."""

    app: str
    android: AndroidReference | None
    apple: AppleReference | None
    audiences: Mapping[str, Audience] = field(default_factory=dict)
    token_lifetime: int = 300
    versions: tuple[AppVersion, ...] = ()
