"""`failures`: for each platform, what it means that something could not be had or checked."""

from collections.abc import Mapping
from typing import Final

from chalicelib.appraisal.advice import is_milder
from chalicelib.appraisal.failures import OF_PLATFORM, OF_VENDORS, Failure, FailureOutcome, FailureOutcomes
from chalicelib.appraisal.load_advice import PEOPLE, TIERS, load_one_advice, refuse_other_acr
from chalicelib.endorsements.document import Node
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.trust import Tier
from chalicelib.model.verdict import Advice

# Unattested enrolments of one app in a day; more than the phones that a large bank has in a country.
_MOST_DAILY: Final = 1_000_000
# A week: after it, a verdict says little about a phone of today.
_EARLIEST_HOURS: Final = 168

_REASONS: Final = {reason.value: reason for reason in AppraisalReason}


def load_failures(node: Node | None, advice: Mapping[Tier, Mapping[str, Advice]]) -> FailureOutcomes:
    """By platform and class. `advice`: that of the tiers, which that of a class may not undercut."""
    if node is None:
        return {}
    found = {}
    for platform, classes in OF_PLATFORM.items():
        listed = node.members(optional=tuple(OF_PLATFORM)).get(platform.value)
        if listed is None:
            continue
        known = {failure.value: failure for failure in classes}
        for name, item in listed.entries(most=len(Failure)).items():
            failure = Node(name, item.path).choice(known, f"class of failure of {platform.value} phones")
            found[platform, failure] = _outcome(item, failure, advice)
    if not found:
        node.refuse("is empty; leave it out, and every failure means the tier none and the advice deny")
    return found


def _outcome(node: Node, failure: Failure, advice: Mapping[Tier, Mapping[str, Advice]]) -> FailureOutcome:
    if failure is Failure.UNSUPPORTED_PHONE:
        # What the phone claims is the reason, so that none stands here.
        members = node.members(required=("tier", "daily"), optional=("actions",))
        tier = members["tier"].choice(TIERS, "tier")
        if tier.severity < Tier.NONE.severity:
            members["tier"].refuse("is better than none, and nothing but its own word speaks for such a phone")
        reason = AppraisalReason.PLATFORM_UNSUPPORTED
    else:
        optional = ("actions", "earlier_hours") if failure in OF_VENDORS else ("actions",)
        members = node.members(required=("tier", "reason"), optional=optional)
        tier = members["tier"].choice(TIERS, "tier")
        if tier is Tier.AFFIRMING:
            members["tier"].refuse("is high, and a failure lowers: say medium, low or none")
        reason = members["reason"].choice(_REASONS, "reason")
    return FailureOutcome(
        tier=tier,
        reason=reason,
        actions=_actions(members["actions"], tier, advice) if "actions" in members else {},
        daily=members["daily"].integer(lowest=1, highest=_MOST_DAILY) if "daily" in members else None,
        earlier_hours=members["earlier_hours"].integer(lowest=1, highest=_EARLIEST_HOURS)
        if "earlier_hours" in members
        else None,
    )


def _actions(node: Node, tier: Tier, advice: Mapping[Tier, Mapping[str, Advice]]) -> dict[str, Advice]:
    of_tier = advice[tier]
    found = {}
    for action, item in node.entries(most=len(of_tier)).items():
        Node(action, item.path).choice(of_tier, "action that has `advice`")
        given = load_one_advice(item)
        if is_milder(given, of_tier[action]):
            item.refuse(
                f"advises {given.decision.value}, which is milder than {of_tier[action].decision.value} for "
                f"{PEOPLE[tier]}, and the stricter one would win; say something stricter, or leave it out"
            )
        refuse_other_acr(item, given, advice, action)
        found[action] = given
    return found
