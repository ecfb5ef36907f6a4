"""Parts of a policy as a person reads them."""

from typing import Final

from chalicelib.appraisal.ar4si import VALUES
from chalicelib.appraisal.claims import ClaimValue
from chalicelib.appraisal.conditions import ClaimTest, Condition
from chalicelib.appraisal.policy import Outcome
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.trust import Component
from chalicelib.model.verdict import Advice

# draft-ietf-rats-ar4si-09 section 2.3.4.1: what every component can stand at.
_FOR_ALL: Final = {-1: "not judged", 0: "not claimed", 1: "of unexpected evidence", 99: "not proven by its signature"}


def condition(when: Condition) -> str:
    return " and ".join(_test(test) for test in when.tests)


def outcome(lowered: Outcome) -> str:
    return f"lowers {value(lowered.component, lowered.value)}, {reason(lowered.reason)}"


def absent(lowered: Outcome | None) -> str:
    return "ignored" if lowered is None else outcome(lowered)


def value(component: Component, number: int) -> str:
    """Such as `configuration to unsafe (32)`."""
    names = [name for name, known in VALUES[component].items() if known == number]
    return f"{component.value} to {names[0]} ({number})" if names else f"{component.value} to {number}"


def standing(component: Component, number: int) -> str:
    """Such as `configuration is unsafe (32)`; the values that are not for policies, by AR4SI's names."""
    named = {**{known: name for name, known in VALUES[component].items()}, **_FOR_ALL}
    return f"{component.value} is {named.get(number, 'at')} ({number})"


def reason(code: AppraisalReason) -> str:
    return f"{code.value}: {code.sentence}"


def advice(given: Advice) -> str:
    parts = [given.decision.value]
    if given.acr:
        parts.append(f"acr {given.acr}")
    if given.delay_seconds:
        parts.append("{} to {} s".format(*given.delay_seconds))
    return ", ".join([*parts, *given.obligations])


def _test(test: ClaimTest) -> str:
    operand = [_value(item) for item in test.operand]
    if test.operator.takes_list:
        return f"{test.claim.name} {test.operator.value.replace('_', ' ')} {', '.join(operand)}"
    return f"{test.claim.name} {test.operator.value.replace('_', ' ')} {operand[0]}"


def _value(stated: ClaimValue) -> str:
    return str(stated).lower() if isinstance(stated, bool) else str(stated)
