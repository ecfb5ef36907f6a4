"""`history` and `limits`, and what a policy may not say of an instance's past."""

from typing import Final

from chalicelib.appraisal.history import DEFAULT_LIMITS, Limits
from chalicelib.appraisal.policy import Policy
from chalicelib.endorsements.document import Node
from chalicelib.model.reasons import AppraisalReason

# Beyond what one counter of DynamoDB's can count in an hour, a limit is none.
_HIGHEST_LIMIT: Final = 1_000_000
_UNLIMITED: Final = "none"
_HARD_AGE: Final = "history.hard_detection_age_hours"

_REASONS: Final = {reason.value: reason for reason in AppraisalReason}


def load_hard(node: Node | None) -> frozenset[AppraisalReason]:
    """`history`: the reasons whose last time is kept with an instance."""
    if node is None:
        return frozenset()
    listed = node.members(required=("hard",))["hard"]
    hard = [item.choice(_REASONS, "reason") for item in listed.items(most=len(_REASONS))]
    if len(set(hard)) < len(hard):
        listed.refuse("names the same reason twice")
    return frozenset(hard)


def load_limits(node: Node | None) -> Limits:
    """What is left out has its default: a policy that says nothing is no policy without limits."""
    if node is None:
        return DEFAULT_LIMITS
    members = node.members(
        optional=("attestations_per_instance_hour", "enrolments_per_batch_key_hour", "enrolments_per_network_hour")
    )
    if not members:
        node.refuse("limits nothing; name a limit, or leave it out for the defaults")
    keys: dict[str, Node] = {}
    if (by_provisioning := members.get("enrolments_per_batch_key_hour")) is not None:
        keys = by_provisioning.members(optional=("factory", "remote"))
        if not keys:
            by_provisioning.refuse("says nothing; name `factory` or `remote`, or leave it out for the defaults")
    return Limits(
        attestations_per_instance=_limit(
            members.get("attestations_per_instance_hour"), DEFAULT_LIMITS.attestations_per_instance
        ),
        enrolments_per_factory_key=_limit(keys.get("factory"), DEFAULT_LIMITS.enrolments_per_factory_key),
        enrolments_per_remote_key=_limit(keys.get("remote"), DEFAULT_LIMITS.enrolments_per_remote_key),
        enrolments_per_network=_limit(
            members.get("enrolments_per_network_hour"), DEFAULT_LIMITS.enrolments_per_network
        ),
    )


def _limit(node: Node | None, default: int | None) -> int | None:
    """A number, or the word that lifts the limit: nobody does so by leaving something out."""
    if node is None:
        return default
    if node.value == _UNLIMITED:
        return None
    if isinstance(node.value, str):
        node.refuse("is neither a whole number nor `none`, which means that there is no limit")
    return node.integer(lowest=1, highest=_HIGHEST_LIMIT)


def check_history(root: Node, policy: Policy) -> None:
    """Raises `DocumentInvalid`.

    1. History affirms nothing: what an instance did before proves nothing of today.
    2. A rule on hard detections has its list, and leads to none of them: it would feed itself, and never end.
    """
    for index, affirmation in enumerate(policy.affirmations):
        if affirmation.when.on_history:
            root.member("affirms").item(index).member("when").refuse(
                "asks for the instance's history, which affirms nothing; a rule may lower by it"
            )
    for index, rule in enumerate(policy.rules):
        node = root.member("rules").item(index)
        if _HARD_AGE in rule.when.claims and not policy.hard:
            node.member("when").refuse(f"asks for `{_HARD_AGE}`, but the policy lists nothing under `history`")
        if not rule.when.on_history:
            continue
        for outcome in filter(None, (rule.outcome, rule.absent)):
            if outcome.reason in policy.hard:
                node.member("reason").refuse(
                    f"is {outcome.reason.value}, which `history` lists as hard: it would keep itself alive for ever"
                )
