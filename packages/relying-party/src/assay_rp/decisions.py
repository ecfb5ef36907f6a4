"""What a backend does with a verdict: the decision, from the route's own rule and from Assay's advice.

The stricter of the two wins. A tier of `none` counts as no attestation at all: nothing milder than a step-up can stand
on it, and a step-up only where Assay's policy advises it, since that asks the person and not the phone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from itertools import pairwise

from assay_rp.tokens import Advice, Decision, Tier, TokenKind, VerifiedRequest

# Seconds, for a `delay` that nobody gave a range: long enough to spoil automation, short enough for a person.
_DEFAULT_DELAY = (2, 8)


class Mode(Enum):
    """`OBSERVE_WITHOUT_ENFORCING` lets everything pass and logs what would have happened: for introducing rules."""

    ENFORCE = "enforce"
    OBSERVE_WITHOUT_ENFORCING = "observe"


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRule:
    """The lowest tier that each decision takes; what is below all of them is denied.

    `TierRule(allow=Tier.AFFIRMING, step_up=Tier.WARNING)`: high passes, medium steps up, low is denied.
    """

    allow: Tier
    delay: Tier | None = None
    step_up: Tier | None = None

    def __post_init__(self) -> None:
        named = [tier for tier in (self.allow, self.delay, self.step_up) if tier is not None]
        if Tier.NONE in named:
            raise ValueError("`none` is no tier to build on: it counts as no attestation")
        if any(later.trust >= earlier.trust for earlier, later in pairwise(named)):
            raise ValueError("each milder decision needs a higher tier than the next stricter one")

    def decide(self, tier: Tier) -> Decision:
        for decision, lowest in (
            (Decision.ALLOW, self.allow),
            (Decision.DELAY, self.delay),
            (Decision.STEP_UP, self.step_up),
        ):
            if lowest is not None and tier.trust >= lowest.trust:
                return decision
        return Decision.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """What one route wants. At least one of `action` and `tiers`.

    `path` is compared segment by segment with the decoded path; `{name}` stands for any one segment.
    `action` names the advice to take from the confidential part ("*" where it has none of that name). Without advice,
    `tiers` decides; without `tiers` as well, the request is denied. `token`: the kind that the route takes, and it
    takes no other. `delay_seconds`: lowest and highest, where the advice gives none.
    """

    method: str
    path: str
    action: str | None = None
    tiers: TierRule | None = None
    token: TokenKind = TokenKind.SESSION
    delay_seconds: tuple[int, int] = _DEFAULT_DELAY
    mode: Mode = Mode.ENFORCE

    def __post_init__(self) -> None:
        if self.action is None and self.tiers is None:
            raise ValueError("a rule with neither action nor tiers says nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnprotectedRoute:
    """A route that passes with no attestation at all, named so that its absence from the rules is no accident."""

    method: str
    path: str


class Source(StrEnum):
    """Whose word a decision is."""

    ADVICE = "advice"
    TIERS = "tiers"
    NO_EVIDENCE = "no_evidence"
    NO_BASIS = "no_basis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`missing`: the verdict is `none`, to be answered like a request without a token.

    `obligations` come from the advice whatever the decision is; unknown ones are kept.
    """

    decision: Decision
    source: Source
    obligations: tuple[str, ...] = ()
    acr: str | None = None
    delay_seconds: tuple[int, int] = _DEFAULT_DELAY

    @property
    def missing(self) -> bool:
        return self.source is Source.NO_EVIDENCE


def decide(request: VerifiedRequest, *, rule: RouteRule) -> Judgement:
    """Pure. The stricter of advice and tiers; with neither, deny. Of two denials, the advice's is the one named."""
    token = request.token
    advice = _advice(token.advice, action=rule.action)
    obligations = advice.obligations if advice else ()
    acr = advice.acr if advice else None
    delay = (advice.delay_seconds if advice else None) or rule.delay_seconds

    unproven = token.tier is Tier.NONE
    words = []
    if advice is not None:
        milder = advice.decision.severity < Decision.STEP_UP.severity
        words.append(_NO_EVIDENCE if unproven and milder else (advice.decision, Source.ADVICE))
    if rule.tiers is not None:
        words.append(_NO_EVIDENCE if unproven else (rule.tiers.decide(token.tier), Source.TIERS))
    if not words:
        words.append(_NO_EVIDENCE if unproven else (Decision.DENY, Source.NO_BASIS))
    decision, source = max(words, key=lambda word: word[0].severity)
    return Judgement(decision=decision, source=source, obligations=obligations, acr=acr, delay_seconds=delay)


_NO_EVIDENCE = (Decision.DENY, Source.NO_EVIDENCE)


def _advice(advice: Mapping[str, Advice] | None, *, action: str | None) -> Advice | None:
    if advice is None or action is None:
        return None
    return advice.get(action) or advice["*"]
