"""One installed copy of an app with its attested key."""

from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.model.claims import KeptEvidence
from chalicelib.model.history import History
from chalicelib.model.keys import EcPublicJwk


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAttestKey:
    """The Apple key behind an instance key: one App Attest key, one instance key, for good."""

    key_id: bytes
    public_key: EcPublicJwk
    counter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """`attested_at`: when the platform last vouched (enrolment, or an assertion)."""

    jwk: EcPublicJwk
    app: str
    kept: KeptEvidence
    enrolled_at: datetime
    attested_at: datetime
    app_attest: AppAttestKey | None = None
    blocked: bool = False
    history: History = field(default_factory=History)

    @property
    def jkt(self) -> str:
        return self.jwk.jkt
