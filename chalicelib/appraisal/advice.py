"""Which of two pieces of advice is the stricter one, and what holds where both do."""

from typing import Final

from chalicelib.model.verdict import Advice, Obligation

DEFAULT_ACTION: Final = "*"


def is_milder(advice: Advice, than: Advice) -> bool:
    """By decision, and between two delays by either bound. Obligations come with a decision and make it no stricter."""
    if advice.decision is not than.decision:
        return advice.decision.severity < than.decision.severity
    if advice.delay_seconds is None or than.delay_seconds is None:
        return False
    return any(mine < other for mine, other in zip(advice.delay_seconds, than.delay_seconds, strict=True))


def stricter(one: Advice, other: Advice) -> Advice:
    """The stricter decision with the obligations of both. Two delays make the longer one by each bound; where both step
    up, the first one's `acr` stands."""
    obligations = tuple(item for item in Obligation if item in {*one.obligations, *other.obligations})
    leading = other if other.decision.severity > one.decision.severity else one
    delay = leading.delay_seconds
    if one.delay_seconds is not None and other.delay_seconds is not None:
        (a, b), (c, d) = one.delay_seconds, other.delay_seconds
        delay = max(a, c), max(b, d)
    return Advice(decision=leading.decision, obligations=obligations, acr=leading.acr, delay_seconds=delay)
