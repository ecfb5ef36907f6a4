"""What no part of a policy shows by itself: that the parts fit, and that no phone gains by what speaks against it."""

from collections.abc import Iterator
from typing import Final

from chalicelib.appraisal.advice import is_milder
from chalicelib.appraisal.budget import CONFIDENTIAL_SIZE, largest_confidential_part
from chalicelib.appraisal.claims import NOT_REQUIRED, Claim, ClaimValue, Evidence, Kind, Revocation
from chalicelib.appraisal.conditions import Answer, ClaimTest
from chalicelib.appraisal.failures import NOT_CONFIGURED
from chalicelib.appraisal.load_history import check_history
from chalicelib.appraisal.policy import Affirmation, Policy, Rule
from chalicelib.endorsements.document import Node
from chalicelib.model.claims import CheckState
from chalicelib.model.rasp import CHECKS
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.trust import Tier

_CHECKS: Final = frozenset(f"rasp.{check}" for check in CHECKS)
# What a claim may also state without a rule on it, because it is a class of failure.
_FAILURES: Final = frozenset({("android.revoked", Revocation.UNKNOWN.value)})
_PLATFORMS: Final = frozenset({Evidence.ANDROID, Evidence.APPLE})
_ANOTHER_TEXT: Final = "\x00"  # no operand can be it


def check_whole(root: Node, policy: Policy) -> None:
    """Raises `DocumentInvalid`.

    1. Every kind of evidence is affirmed and ruled on, and rules on lists have their list.
    2. A detection never improves: what looks at a self-protection check lowers where it is `detected`, and no more
       where it did not run; and nothing is affirmed by a detection.
    3. What is affirmed is known or explained: where a rule says what follows of one value of the claim, rules say it of
       every value that is not affirmed, and of its absence. Otherwise such a phone would get `none`, and be better off
       with the worse value that somebody thought of.
    4. Every verdict fits the confidential part.
    """
    _check_evidence(root, policy)
    _check_lists(root, policy)
    check_history(root, policy)
    for index, rule in enumerate(policy.rules):
        _check_detections(rule, root.member("rules").item(index))
    for index, affirmation in enumerate(policy.affirmations):
        _check_affirmed(policy, affirmation, root.member("affirms").item(index).member("when"))
    _check_acrs(root, policy)
    _check_size(root, policy)


def _check_acrs(root: Node, policy: Policy) -> None:
    """Where two rules meet and both step up, one `acr` stands: nobody can say which of two is the stronger one."""
    given = [outcome.actions for outcome in policy.failures.values()]
    for index, rule in enumerate(policy.rules):
        for action, advice in rule.actions.items():
            others = {actions[action].acr for actions in given if action in actions}
            if advice.acr and others - {None, advice.acr}:
                root.member("rules").item(index).member("actions").member(action).refuse(
                    f"steps up with `acr` {advice.acr}, and other `actions` with another one for {action}"
                )
        given.append(rule.actions)


def _check_evidence(root: Node, policy: Policy) -> None:
    for evidence in Evidence:
        if evidence is Evidence.HISTORY:
            continue  # no evidence of a submission: `check_history` has its own rules
        affirmed = any(item.evidence is evidence for item in policy.affirmations)
        ruled = any(item.evidence is evidence for item in policy.rules)
        # A policy may leave integrity tokens out altogether, as those do that are older than them: their tier is then
        # `none`. Without this, no policy could be in force while the service is brought from one version to the next.
        if evidence is Evidence.PLAY_INTEGRITY and not affirmed and not ruled:
            continue
        if not affirmed:
            root.refuse(f"affirms nothing about {evidence.value} evidence, so that it could never be trusted")
        if not ruled:
            root.refuse(f"has no rule on {evidence.value} evidence, so that nothing in it could lower a verdict")


def _check_lists(root: Node, policy: Policy) -> None:
    """A rule on a list that the policy does not have would never apply."""
    given = {
        ("rasp.library_listed", "attack_libraries"): policy.attack_libraries.names | policy.attack_libraries.digests,
        ("rasp.package_listed", "attack_packages"): policy.attack_packages,
    }
    for (claim, member), listed in given.items():
        for index, rule in enumerate(policy.rules):
            if not listed and claim in rule.when.claims:
                root.member("rules").item(index).member("when").refuse(
                    f"asks for `{claim}`, but the policy lists no `{member}`"
                )


def _check_detections(rule: Rule, node: Node) -> None:
    checks = [test for test in rule.when.tests if test.claim.name in _CHECKS]
    for test in checks:
        if not _holds(test, CheckState.DETECTED.value):
            node.member("when").member(test.claim.name).refuse(
                "does not hold where the check has `detected` something: a detection would then improve the verdict"
            )
    if checks and rule.absent and _tier(rule.absent.value).severity > _tier(rule.outcome.value).severity:
        node.member("absent").refuse(
            "is worse than the rule's own outcome: a detection would then be better than a check that did not run"
        )


def _check_affirmed(policy: Policy, affirmation: Affirmation, node: Node) -> None:
    for test in affirmation.when.tests:
        place = node.member(test.claim.name)
        if test.claim.name in _CHECKS and _holds(test, CheckState.DETECTED.value):
            place.refuse("holds where the check has `detected` something: a detection would then improve the verdict")
        explaining = [rule for rule in policy.rules if rule.explains(test.claim.name)]
        if not explaining:
            continue
        if not any(rule.absent for rule in explaining):
            place.refuse(
                f"is affirmed, and where it is absent no rule says what follows: {_named(explaining)} ignores it, and "
                "the tier would be none"
            )
        for value in _witnesses(test.claim, [test, *(rule.when.tests[0] for rule in explaining)]):
            if _holds(test, value) or (test.claim.name, value) in _FAILURES:
                continue
            # The register decides on it and no phone; then none does no harm where a detection gets worse than that.
            if value == NOT_REQUIRED and all(
                _tier(rule.outcome.value).severity > Tier.NONE.severity and not _is_milder_than_none(rule, policy)
                for rule in explaining
            ):
                continue
            if not any(_holds(rule.when.tests[0], value) for rule in explaining):
                place.refuse(
                    f"is affirmed, and where it is {_said(value)} no rule says what follows: {_named(explaining)} does "
                    "not apply, and the tier would be none"
                )


def _is_milder_than_none(rule: Rule, policy: Policy) -> bool:
    return any(is_milder(given, policy.advice[Tier.NONE][action]) for action, given in rule.actions.items())


def _witnesses(claim: Claim, tests: list[ClaimTest]) -> Iterator[ClaimValue]:
    """One value for each way in which the claim can pass some of the tests and fail the others."""
    match claim.kind:
        case Kind.TRUTH:
            yield from (False, True)
        case Kind.LABEL | Kind.LEVEL:
            yield from (str(label) for label in claim.labels)
        case Kind.NUMBER:
            bounds = {bound for test in tests for bound in test.operand if isinstance(bound, int)}
            yield from sorted({bound + step for bound in bounds for step in (-1, 0, 1)})
        case Kind.TEXT:
            yield from sorted({str(text) for test in tests for text in test.operand})
            yield _ANOTHER_TEXT


def _check_size(root: Node, policy: Policy) -> None:
    touched = {(item.evidence, item.component) for item in policy.affirmations}
    reasons = [AppraisalReason.NOT_CONFIRMED, NOT_CONFIGURED.reason, AppraisalReason.PLATFORM_UNAVAILABLE_CLAIMED]
    reasons += [outcome.reason for outcome in policy.failures.values()]
    for rule in policy.rules:
        for outcome in filter(None, (rule.outcome, rule.absent)):
            lowered = _PLATFORMS if rule.evidence is Evidence.HISTORY else {rule.evidence}
            touched |= {(evidence, outcome.component) for evidence in lowered}
            reasons.append(outcome.reason)
    size = largest_confidential_part(
        components={evidence: [part for kind, part in touched if kind is evidence] for evidence in Evidence},
        reasons=reasons,
        advice=policy.advice,
        failures=policy.failures,
        actions=[rule.actions for rule in policy.rules if rule.actions],
    )
    if size > CONFIDENTIAL_SIZE:
        root.refuse(
            f"makes verdicts of up to {size} bytes, and a confidential verdict has {CONFIDENTIAL_SIZE}: "
            "use fewer actions, shorter names, fewer obligations or fewer components"
        )


def _holds(test: ClaimTest, value: ClaimValue) -> bool:
    return test.ask({test.claim.name: value}) is Answer.HOLDS


def _tier(value: int) -> Tier:
    return Tier.of_value(value)


def _named(rules: list[Rule]) -> str:
    return "rule " + ", ".join(f"`{rule.name}`" for rule in rules)


def _said(value: ClaimValue) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "another text" if value == _ANOTHER_TEXT else f"`{value}`"
