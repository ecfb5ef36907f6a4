"""`actions` of a rule: what it advises at an action in place of its tier's advice."""

from collections.abc import Mapping

from chalicelib.appraisal.advice import is_milder
from chalicelib.appraisal.load_advice import load_one_advice, refuse_other_acr
from chalicelib.appraisal.policy import Outcome
from chalicelib.endorsements.document import Node
from chalicelib.model.trust import Tier
from chalicelib.model.verdict import Advice


def load_actions(
    node: Node, outcome: Outcome, absent: Outcome | None, advice: Mapping[Tier, Mapping[str, Advice]]
) -> dict[str, Advice]:
    """`outcome` and `absent` are the rule's, `advice` that of the tiers.

    The rule's advice may be milder than its tier's: that is what it is for. Two floors hold, so that nobody gains by
    being worse: the advice of medium, and that of the tier which a phone gets that keeps the claim to itself.
    """
    floors = {Tier.WARNING: "medium gets"}
    if absent is not None and absent != outcome:
        floors.setdefault(Tier.of_value(absent.value), "a phone gets where the claim is absent")
    found = {}
    actions = advice[Tier.AFFIRMING]
    for action, item in node.entries(most=len(actions)).items():
        Node(action, item.path).choice(actions, "action that has `advice`")
        given = load_one_advice(item)
        for tier, whose in floors.items():
            if is_milder(given, advice[tier][action]):
                item.refuse(
                    f"advises {given.decision.value}, which is milder than {advice[tier][action].decision.value}, "
                    f"what {whose}"
                )
        refuse_other_acr(item, given, advice, action)
        found[action] = given
    return found
