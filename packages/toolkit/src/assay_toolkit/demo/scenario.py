"""The scenario file: who plays, what is done, and what must come of it."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from assay_toolkit.simulator.conditions import CONDITIONS, Condition

SHIPPED = Path(__file__).with_name("scenario.yaml")

STEPS = frozenset(
    {
        *("enrol", "renew", "replay", "splice", "analyst"),
        *("login", "quote", "transfer", "step_up", "step_up_wrong", "steal", "no_token", "later"),
    }
)


class ScenarioInvalid(ValueError):  # noqa: N818 - says what is the case
    """The file says something that cannot be played. The message says where."""


class Says(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What Assay's decision record must have: `tier` is an EAR status or "refused"; `reasons` are all that it gave.

    `evidence`: the formats that were appraised, so that no other phone's good evidence will do; absent for refusals.
    """

    tier: str
    reasons: frozenset[str] = frozenset()
    evidence: frozenset[str] = frozenset()


class RuleChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One edit of the baseline policy: the rule of this name now lowers its component `to` this value.

    `case` is what the analyst then expects of a phone, in the words of policies/cases: a policy without a case that
    holds is not put in force.
    """

    rule: str
    to: str
    case: dict[str, Any]


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One phone (or somebody without one) and its steps, in order: each maps what is done to what must come of it."""

    who: str
    steps: Annotated[list[dict[str, str | int]], msgspec.Meta(min_length=1)]
    platform: str | None = None
    condition: str | list[str] | None = None
    victim: str | None = None
    analyst: RuleChange | None = None
    says: Says | None = None
    reported: bool = False
    notified: bool = False
    delayed: bool = False

    @property
    def state(self) -> Condition:
        """The condition; of several, the hardware's word of the first and all that the report detects."""
        names = [self.condition] if isinstance(self.condition, str) else self.condition or ["sound"]
        first, *others = (CONDITIONS[name] for name in names)
        return replace(first, detected=first.detected.union(*(other.detected for other in others)))


class _Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    acts: Annotated[list[Act], msgspec.Meta(min_length=1)]


def load(path: Path) -> list[Act]:
    """Raises ScenarioInvalid."""
    try:
        acts = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), _Scenario).acts
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ScenarioInvalid(f"{path}: {error}") from error
    played: set[str] = set()
    for act in acts:
        _check(act, played, path)
        played.add(act.who)
    return acts


def _check(act: Act, played: set[str], path: Path) -> None:
    where = f"{path}: {act.who}"
    if act.who in played:
        raise ScenarioInvalid(f"{where}: plays twice")
    if act.platform not in {"android", "apple", None}:
        raise ScenarioInvalid(f"{where}: no such platform: {act.platform}")
    for name in [act.condition] if isinstance(act.condition, str) else act.condition or []:
        if name not in CONDITIONS:
            raise ScenarioInvalid(f"{where}: no such condition: {name}")
    if act.platform and act.platform not in act.state.platforms:
        raise ScenarioInvalid(f"{where}: a phone of {act.platform} cannot be {act.condition}")
    if act.victim is not None and act.victim not in played:
        raise ScenarioInvalid(f"{where}: the victim has to play before: {act.victim}")
    for step in act.steps:
        if len(step) != 1 or not step.keys() <= STEPS:
            raise ScenarioInvalid(f"{where}: not one known step: {step}")
        if "analyst" in step and act.analyst is None:
            raise ScenarioInvalid(f"{where}: the analyst has nothing to change")
        if "steal" in step and act.victim is None:
            raise ScenarioInvalid(f"{where}: nobody to steal from")
        if act.platform is None and "no_token" not in step:
            raise ScenarioInvalid(f"{where}: needs a platform")
