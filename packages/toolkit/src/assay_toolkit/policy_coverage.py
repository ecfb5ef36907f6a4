"""What of a policy no case reaches: rules that never apply, outcomes for absent claims that nobody looked at, and what
is affirmed or capped without a case to show it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from assay_toolkit.policy_cases import CaseResult
from chalicelib.appraisal import Policy
from chalicelib.appraisal.appraiser import spoke
from chalicelib.appraisal.claims import Evidence
from chalicelib.appraisal.conditions import Answer


@dataclass(frozen=True, slots=True)
class Coverage:
    """Lines for people, in the policy's own order; `whole`: how many there could be."""

    unreached: tuple[str, ...]
    whole: int


def coverage(policy: Policy, results: Iterable[CaseResult]) -> Coverage:
    """A case counts for the rule of the same name where its file amends the policy, too."""
    reached = {item for result in results for item in _reached(result)}
    items = list(_items(policy))
    return Coverage(tuple(item for item in items if item not in reached), len(items))


def _items(policy: Policy) -> Iterator[str]:
    for affirmation in policy.affirmations:
        yield _affirmed(affirmation.evidence, affirmation.component.value)
    for rule in policy.rules:
        yield _applies(rule.name)
        if rule.absent is not None:
            yield _absent(rule.name)
    for platform, failure in policy.failures:
        yield _failed(f"failures.{platform.value}.{failure.value}")


def _reached(result: CaseResult) -> Iterator[str]:
    policy, verdict, claims = result.policy, result.verdict, result.case.claims
    if policy is None or verdict is None:
        return
    judged = {evidence for evidence in Evidence if spoke(evidence, claims)}
    for affirmation in policy.affirmations:
        if affirmation.evidence in judged and not affirmation.when.unmet(claims):
            yield _affirmed(affirmation.evidence, affirmation.component.value)
    for rule in policy.rules:
        if rule.evidence in judged:
            match rule.when.ask(claims):
                case Answer.HOLDS:
                    yield _applies(rule.name)
                case Answer.ABSENT if rule.absent is not None:
                    yield _absent(rule.name)
                case _:
                    pass
    configured = {f"failures.{platform.value}.{failure.value}" for platform, failure in policy.failures}
    yield from (_failed(applied.rule) for applied in verdict.applied if applied.rule in configured)


def _affirmed(evidence: Evidence, component: str) -> str:
    return f"affirms {component} of {evidence.value}: no case where it holds"


def _applies(rule: str) -> str:
    return f"rule {rule}: no case where it holds"


def _absent(rule: str) -> str:
    return f"rule {rule}: no case where a claim that it looks at is absent"


def _failed(name: str) -> str:
    return f"{name}: no case where it happens"
