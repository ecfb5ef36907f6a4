"""A loaded policy: rules of judgement as data. Only `load_policy` makes one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from chalicelib.appraisal.claims import Evidence
from chalicelib.appraisal.conditions import Condition
from chalicelib.appraisal.failures import FailureOutcomes
from chalicelib.appraisal.history import DEFAULT_LIMITS, Limits
from chalicelib.model.descriptor import Purpose
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Component, Tier
from chalicelib.model.verdict import Advice


@dataclass(frozen=True, slots=True)
class Outcome:
    """The component of the vector that is lowered, to what, and the reason that goes with it."""

    component: Component
    value: int
    reason: AppraisalReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`absent`: the outcome where a claim that the rule looks at is not there; None: the rule is then ignored.
    `actions`: advice, by action, in place of that of the outcome's tier; not where the claim is absent."""

    name: str
    evidence: Evidence
    when: Condition
    outcome: Outcome
    absent: Outcome | None
    actions: Mapping[str, Advice] = field(default_factory=dict)

    def explains(self, claim: str) -> bool:
        """Whether the rule is about this claim alone, so that it says what the claim means whatever others are."""
        return len(self.when.tests) == 1 and claim in self.when.claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Affirmation:
    """The component stands at `value` where `when` holds. What does not hold is for a rule to weigh, or else nothing
    is known: the component then stands at AR4SI's 0."""

    evidence: Evidence
    component: Component
    value: int
    when: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackLibraries:
    """`names` are case-folded, `digests` hex SHA-256 in lower case."""

    names: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()


class Admission(StrEnum):
    """Evidence that is refused unless a policy admits it by name."""

    ANDROID_ATTEST_KEYS = "android_attest_keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`digest`: hex SHA-256 of the document. `advice`: by tier, then by action, with "*" always there;
    never milder for a worse tier. `failures`: what is configured; the rest means no.
    `attack_packages`: application ids, exactly as apps are installed under them.
    `oldest_status_list`: beyond it, revocation is unknown; None: the policy sets no bound. `hard`: reasons whose last
    time is kept with an instance."""

    name: str
    digest: str
    affirmations: tuple[Affirmation, ...]
    rules: tuple[Rule, ...]
    required: Mapping[tuple[Evidence, Purpose], tuple[Format, ...]]
    failures: FailureOutcomes
    advice: Mapping[Tier, Mapping[str, Advice]]
    attack_libraries: AttackLibraries
    attack_packages: frozenset[str]
    oldest_status_list: timedelta | None
    admits: frozenset[Admission] = frozenset()
    hard: frozenset[AppraisalReason] = frozenset()
    limits: Limits = DEFAULT_LIMITS

    @property
    def id(self) -> str:
        """As it stands in tokens and decision records."""
        return f"{self.name}@{self.digest}"
