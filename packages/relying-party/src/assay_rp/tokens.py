"""What verification proves, as types. Only `Verifier` makes `VerifiedToken` and `VerifiedRequest`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from assay_rp._jwk import PublicKey


class Tier(Enum):
    """Trust tier, by EAR's `ear_status`; `trust` orders them. `NONE` says nothing, so nothing can be built on it."""

    AFFIRMING = ("affirming", 3)  # high
    WARNING = ("warning", 2)  # medium
    CONTRAINDICATED = ("contraindicated", 1)  # low
    NONE = ("none", 0)

    def __init__(self, ear_status: str, trust: int) -> None:
        self.ear_status = ear_status
        self.trust = trust

    @classmethod
    def of(cls, ear_status: object) -> "Tier":
        """docs/wire.md section 6: a missing or unknown status is `none`."""
        return next((tier for tier in cls if tier.ear_status == ear_status), cls.NONE)


class Decision(StrEnum):
    """What a backend does with a request; `severity` by order of declaration."""

    ALLOW = "allow"
    DELAY = "delay"
    STEP_UP = "step_up"
    DENY = "deny"

    @property
    def severity(self) -> int:
        return list(Decision).index(self)


class Obligation(StrEnum):
    """Obligations known today. The wire's list is open: an advice keeps words that are not here."""

    NOTIFY = "notify"
    INVESTIGATE = "investigate"
    END_SESSION = "end_session"
    BLOCK_INSTANCE = "block_instance"


class TokenKind(Enum):
    """The two kinds of docs/wire.md section 6, with the `typ` that keeps them apart and the longest life in seconds."""

    SESSION = ("oauth-client-attestation+jwt", 300)
    REQUEST = ("assay-request+jwt", 60)

    def __init__(self, typ: str, max_lifetime: int) -> None:
        self.typ = typ
        self.max_lifetime = max_lifetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What Assay's policy would do for one action. `delay_seconds`: lowest, highest."""

    decision: Decision
    obligations: tuple[str, ...] = ()
    acr: str | None = None
    delay_seconds: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submodule:
    """The appraisal of one piece of evidence. `vector`: EAR's names, only in a confidential part."""

    tier: Tier
    policy_ids: tuple[str, ...] = ()
    vector: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidentialVerdict:
    """The confidential part, opened. It must not reach the app, its logs or its error messages.

    `reasons`: codes, worst first; `more_reasons` when the list was cut. `advice` always has "*".
    """

    tier: Tier
    submodules: Mapping[str, Submodule]
    reasons: tuple[str, ...]
    more_reasons: bool
    advice: Mapping[str, Advice]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBinding:
    """The one request that a request token is for; digests are base64url SHA-256."""

    htm: str
    htu: str
    query_digest: str | None
    content_digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """An attestation token that the issuer signed, for this audience, alive now.

    `app`: the app id, the same for every instance; `jkt`: RFC 7638 thumbprint of the instance key, the one stable id of
    an instance. Times are seconds since the epoch. `clear_tier` and `submodules` are what the app can read too.
    Not proven here: that whoever presents it holds the instance key. `VerifiedRequest` says that.
    """

    kind: TokenKind
    app: str
    jti: str
    issued_at: int
    expires_at: int
    instance_key: PublicKey
    clear_tier: Tier
    submodules: Mapping[str, Submodule]
    confidential: ConfidentialVerdict | None
    binding: RequestBinding | None

    @property
    def jkt(self) -> str:
        return self.instance_key.thumbprint

    @property
    def tier(self) -> Tier:
        """The tier to act on: the confidential one where it was opened."""
        return self.confidential.tier if self.confidential else self.clear_tier

    @property
    def advice(self) -> Mapping[str, Advice] | None:
        return self.confidential.advice if self.confidential else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedRequest:
    """A request as it came in; nothing in it is proven.

    `htu`: scheme, host and path as the client sees them, no query. `query`: the raw query string without its `?`.
    """

    method: str
    htu: str
    query: bytes
    body: bytes
    unverified_token: str = field(repr=False)
    unverified_proof: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRequest:
    """A request whose method, URL, query and body the instance's own key signed, for the first time."""

    token: VerifiedToken
    method: str
    htu: str
    proof_jti: str
    proof_issued_at: int
