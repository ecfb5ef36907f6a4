"""Advice: for each action and each tier, what a backend should do."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from chalicelib.appraisal.advice import DEFAULT_ACTION, is_milder
from chalicelib.endorsements.document import DocumentInvalid, Node
from chalicelib.model.trust import Tier
from chalicelib.model.verdict import Advice, Decision, Obligation

# The tiers as people say them.
TIERS: Final = {
    "high": Tier.AFFIRMING,
    "medium": Tier.WARNING,
    "low": Tier.CONTRAINDICATED,
    "none": Tier.NONE,
}
PEOPLE: Final = {tier: name for name, tier in TIERS.items()}

_ACTION: Final = re.compile(r"\*|[a-z0-9][a-z0-9._-]{0,31}")
_ACR: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}")
_MOST_ACTIONS: Final = 8
_LONGEST_DELAY: Final = 300  # seconds; a request that waits longer has been given up

_DECISIONS: Final = {decision.value: decision for decision in Decision}
_OBLIGATIONS: Final = {obligation.value: obligation for obligation in Obligation}

# Advice for a worse tier is never milder, so that no phone gains by a worse verdict.
_ORDER: Final = (("high", "medium"), ("medium", "none"), ("none", "low"))


def load_advice(node: Node) -> dict[Tier, dict[str, Advice]]:
    """By tier, then by action."""
    by_action = {}
    for action, item in node.entries(most=_MOST_ACTIONS).items():
        Node(action, item.path).text(_ACTION, "an action: 1 to 32 of a-z, 0-9, `.`, `_` and `-`, or `*`")
        by_action[action] = _by_tier(item)
    if DEFAULT_ACTION not in by_action:
        node.refuse("lacks the action `*`, which stands for every action that has no entry of its own")
    return {tier: {action: advice[name] for action, advice in by_action.items()} for name, tier in TIERS.items()}


def _by_tier(node: Node) -> dict[str, Advice]:
    members = node.members(required=tuple(TIERS))
    advice = {name: load_one_advice(item) for name, item in members.items()}
    for milder, stricter in _ORDER:
        if is_milder(advice[stricter], advice[milder]):
            members[stricter].refuse(
                f"advises {_said(advice[stricter])}, which is milder than {_said(advice[milder])} for {milder}"
            )
    return advice


def _said(advice: Advice) -> str:
    delay = " of {} to {} seconds".format(*advice.delay_seconds) if advice.delay_seconds else ""
    return advice.decision.value + delay


def load_one_advice(node: Node) -> Advice:
    members = node.members(required=("decision",), optional=("obligations", "acr", "delay"))
    decision = members["decision"].choice(_DECISIONS, "decision")
    for member, owner in (("acr", Decision.STEP_UP), ("delay", Decision.DELAY)):
        if (member in members) is not (decision is owner):
            node.refuse(f"wants `{member}` with the decision {owner.value}, and only with it")
    return Advice(
        decision=decision,
        obligations=_obligations(members["obligations"]) if "obligations" in members else (),
        acr=members["acr"].text(_ACR, "1 to 64 printable ASCII characters without space, quote and backslash")
        if "acr" in members
        else None,
        delay_seconds=_delay(members["delay"]) if "delay" in members else None,
    )


def refuse_other_acr(node: Node, given: Advice, advice: Mapping[Tier, Mapping[str, Advice]], action: str) -> None:
    """Where two pieces of advice meet and both step up, one `acr` stands."""
    if given.decision is not Decision.STEP_UP:
        return
    for tier, by_action in advice.items():
        standing = by_action.get(action, by_action[DEFAULT_ACTION])
        if standing.decision is Decision.STEP_UP and standing.acr != given.acr:
            node.refuse(
                f"steps up with `acr` {given.acr}, and `advice` for {PEOPLE[tier]} with {standing.acr}: nobody can say "
                "which is the stronger one"
            )


def _obligations(node: Node) -> tuple[Obligation, ...]:
    found = tuple(item.choice(_OBLIGATIONS, "obligation") for item in node.items(most=len(_OBLIGATIONS)))
    if len(set(found)) < len(found):
        node.refuse("names the same obligation twice")
    return found


def _delay(node: Node) -> tuple[int, int]:
    bounds = [item.integer(lowest=0, highest=_LONGEST_DELAY) for item in node.items(most=2)]
    if len(bounds) != 2 or any(lowest > highest for lowest, highest in pairwise(bounds)):
        raise DocumentInvalid(node.path, "wants two numbers of seconds, the lowest and the highest")
    return bounds[0], bounds[1]
