"""What one policy does otherwise than another, in words, and which cases it judges otherwise."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from assay_toolkit import policy_words
from assay_toolkit.policy_cases import CaseFile, CaseResult, run_cases
from chalicelib.appraisal import Policy, load_policy
from chalicelib.appraisal.load_advice import TIERS
from chalicelib.appraisal.policy import Affirmation, Rule

# Told apart in words of their own; every other member is compared as it is written.
_IN_WORDS: Final = ("rules", "affirms", "advice")
_PEOPLE: Final = {tier: name for name, tier in TIERS.items()}


def differences(before: bytes, after: bytes) -> list[str]:
    """A line for each; empty where both do the same. Raises `PolicyInvalid`."""
    old, new = load_policy(before), load_policy(after)
    return [
        *_written(before, after),
        *_affirmations(old, new),
        *_rules(old, new),
        *_advice(old, new),
    ]


def changed_verdicts(files: Iterable[CaseFile], before: bytes, after: bytes) -> list[str]:
    """A line for each case whose verdict is another. Raises `PolicyInvalid`."""
    files = tuple(files)
    lines = []
    for old, new in zip(run_cases(files, before), run_cases(files, after), strict=True):
        if changes := list(_verdict(old, new)):
            lines.append(f"{new.file}: {new.case.name}: {'; '.join(changes)}")
    return lines


def united(before: Iterable[CaseFile], after: Iterable[CaseFile]) -> tuple[CaseFile, ...]:
    """The cases of both; where both have one of the same file and name, the later policy's."""
    after = tuple(after)
    known = {(file.name, case.name) for file in after for case in file.cases}
    older = (
        replace(file, cases=tuple(case for case in file.cases if (file.name, case.name) not in known))
        for file in before
    )
    return (*after, *older)


def _written(before: bytes, after: bytes) -> Iterator[str]:
    old, new = (
        dict(_flat({name: value for name, value in json.loads(document).items() if name not in _IN_WORDS}))
        for document in (before, after)
    )
    for place in sorted({*old, *new}):
        if old.get(place) != new.get(place):
            yield f"{place}: {_quoted(old.get(place))} → {_quoted(new.get(place))}"


def _flat(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _flat(member, f"{place}.{name}" if place else name)
    else:
        yield place, value


def _quoted(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "not there" if value is None else str(value)


def _rules(old: Policy, new: Policy) -> Iterator[str]:
    yield from _named({rule.name: rule for rule in old.rules}, {rule.name: rule for rule in new.rules})


def _named(before: Mapping[str, Rule], after: Mapping[str, Rule]) -> Iterator[str]:
    for name, rule in before.items():
        if name not in after:
            yield f"rule {name}: removed; it said: {_rule(rule)}"
    for name, rule in after.items():
        if name not in before:
            yield f"rule {name}: added: {_rule(rule)}"
        elif rule != before[name]:
            yield from _changed_rule(before[name], rule)


def _changed_rule(old: Rule, new: Rule) -> Iterator[str]:
    for part, before, after in (
        ("when", policy_words.condition(old.when), policy_words.condition(new.when)),
        ("then", policy_words.outcome(old.outcome), policy_words.outcome(new.outcome)),
        ("absent", policy_words.absent(old.absent), policy_words.absent(new.absent)),
        ("actions", _own_advice(old), _own_advice(new)),
    ):
        if before != after:
            yield f"rule {new.name}: {part}: {before} → {after}"


def _rule(rule: Rule) -> str:
    said = f"when {policy_words.condition(rule.when)}, {policy_words.outcome(rule.outcome)}"
    if rule.absent != rule.outcome:
        said += f"; absent: {policy_words.absent(rule.absent)}"
    return f"{said}; actions: {_own_advice(rule)}" if rule.actions else said


def _own_advice(rule: Rule) -> str:
    return (
        "; ".join(f"{action}: {policy_words.advice(given)}" for action, given in rule.actions.items()) or "its tier's"
    )


def _affirmations(old: Policy, new: Policy) -> Iterator[str]:
    before, after = ({(item.evidence, item.component): item for item in side.affirmations} for side in (old, new))
    for key in {**before, **after}:
        was, is_ = before.get(key), after.get(key)
        if was != is_:
            evidence, component = key
            yield f"affirms {component.value} of {evidence.value}: {_affirmed(was)} → {_affirmed(is_)}"


def _affirmed(item: Affirmation | None) -> str:
    if item is None:
        return "never"
    return f"{policy_words.value(item.component, item.value)} when {policy_words.condition(item.when)}"


def _advice(old: Policy, new: Policy) -> Iterator[str]:
    for name, tier in TIERS.items():
        before, after = old.advice[tier], new.advice[tier]
        for action in {**before, **after}:
            was, is_ = before.get(action), after.get(action)
            if was != is_:
                yield (
                    f"advice: {action}, {name}: "
                    f"{policy_words.advice(was) if was else 'as for *'} → "
                    f"{policy_words.advice(is_) if is_ else 'as for *'}"
                )


def _verdict(old: CaseResult, new: CaseResult) -> Iterator[str]:
    if old.verdict is None or new.verdict is None:
        if (old.verdict is None) is not (new.verdict is None):
            yield (new if new.verdict is None else old).differs[0]
        return
    before, after = old.verdict, new.verdict
    if before.tier is not after.tier:
        yield f"{_PEOPLE[before.tier]} → {_PEOPLE[after.tier]}"
    if before.reasons != after.reasons:
        yield f"reasons {', '.join(before.reasons) or 'none'} → {', '.join(after.reasons) or 'none'}"
    for action in {**before.advice, **after.advice}:
        was, is_ = (side.get(action, side["*"]) for side in (before.advice, after.advice))
        if was != is_:
            yield f"{action} {policy_words.advice(was)} → {policy_words.advice(is_)}"
