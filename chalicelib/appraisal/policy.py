"""A loaded policy: rules of judgement as data. Only `load_policy` makes one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from chalicelib.appraisal.claims import Evidence
from chalicelib.appraisal.conditions import Condition
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
    """`absent`: the outcome where a claim that the rule looks at is not there; None: the rule is then ignored."""

    name: str
    evidence: Evidence
    when: Condition
    outcome: Outcome
    absent: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Affirmation:
    """The component stands at `value` where `when` holds. What does not hold is for a rule to weigh, or else nothing
    is known: the component then stands at AR4SI's 0."""

    evidence: Evidence
    component: Component
    value: int
    when: Condition


@dataclass(frozen=True, slots=True)
class Cap:
    """Without the evidence, the tier is no better than this."""

    tier: Tier
    reason: AppraisalReason


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
    """`digest`: hex SHA-256 of the document. `advice`: by tier, then by action, with "*" always there.
    `attack_packages`: application ids, exactly as apps are installed under them.
    `oldest_status_list`: beyond it, revocation is unknown; None: the policy sets no bound."""

    name: str
    digest: str
    affirmations: tuple[Affirmation, ...]
    rules: tuple[Rule, ...]
    required: Mapping[tuple[Evidence, Purpose], tuple[Format, ...]]
    missing: Mapping[Format, Cap]
    advice: Mapping[Tier, Mapping[str, Advice]]
    attack_libraries: AttackLibraries
    attack_packages: frozenset[str]
    oldest_status_list: timedelta | None
    admits: frozenset[Admission] = frozenset()

    @property
    def id(self) -> str:
        """As it stands in tokens and decision records."""
        return f"{self.name}@{self.digest}"
