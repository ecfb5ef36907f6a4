"""Judgement by Assay. Only `appraise` makes a `Verdict`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Tier, Vector


class Decision(StrEnum):
    """What a backend does, mildest first."""

    ALLOW = "allow"
    DELAY = "delay"
    STEP_UP = "step_up"
    DENY = "deny"

    @property
    def severity(self) -> int:
        """0 for the mildest."""
        return tuple(Decision).index(self)


class Obligation(StrEnum):
    NOTIFY = "notify"
    INVESTIGATE = "investigate"
    END_SESSION = "end_session"
    BLOCK_INSTANCE = "block_instance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """`acr`: the authentication context that a step-up wants (OpenID Connect). `delay_seconds`: lowest, highest."""

    decision: Decision
    obligations: tuple[Obligation, ...] = ()
    acr: str | None = None
    delay_seconds: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submodule:
    """The appraisal of one piece of evidence (an EAR submod)."""

    format: Format
    tier: Tier
    vector: Vector


@dataclass(frozen=True, slots=True)
class AppliedRule:
    """Which rule of the policy did what, for the decision record and `assay explain`."""

    rule: str
    reason: AppraisalReason
    format: Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`advice` maps action names to advice and always has "*", the default. `evidence_tier`: what the tier would be if
    the instance had no history."""

    tier: Tier
    evidence_tier: Tier
    submodules: tuple[Submodule, ...]
    reasons: tuple[AppraisalReason, ...]
    applied: tuple[AppliedRule, ...]
    advice: Mapping[str, Advice]
    policy_id: str  # "<name>@<digest>"
