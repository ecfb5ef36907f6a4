"""Conditions on claims: a closed set of operators, and three answers. There is no expression language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chalicelib.appraisal.claims import Claim, ClaimValue, Evidence, Kind


class Answer(Enum):
    HOLDS = "holds"
    FAILS = "fails"
    ABSENT = "absent"  # a claim that the answer depends on is not there


class Operator(Enum):
    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    IN = "in"
    NOT_IN = "not_in"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    MORE_THAN = "more_than"
    LESS_THAN = "less_than"

    @property
    def takes_list(self) -> bool:
        return self in {Operator.IN, Operator.NOT_IN}


_EXACT: Final = frozenset({Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN, Operator.NOT_IN})
_ORDER: Final = frozenset({Operator.AT_LEAST, Operator.AT_MOST, Operator.MORE_THAN, Operator.LESS_THAN})

# Text has no order here: "10.0" sorts before "9.0".
OPERATORS: Final[Mapping[Kind, frozenset[Operator]]] = {
    Kind.TRUTH: frozenset({Operator.EQUALS}),
    Kind.NUMBER: _EXACT | _ORDER,
    Kind.TEXT: _EXACT,
    Kind.LABEL: _EXACT,
    Kind.LEVEL: _EXACT | _ORDER,
}

_COMPARE: Final[Mapping[Operator, Callable[[int, int], bool]]] = {
    Operator.AT_LEAST: lambda stated, bound: stated >= bound,
    Operator.AT_MOST: lambda stated, bound: stated <= bound,
    Operator.MORE_THAN: lambda stated, bound: stated > bound,
    Operator.LESS_THAN: lambda stated, bound: stated < bound,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTest:
    """One claim against one operator; `operand` has one value, or several for `in` and `not_in`."""

    claim: Claim
    operator: Operator
    operand: tuple[ClaimValue, ...]

    def ask(self, claims: Mapping[str, ClaimValue]) -> Answer:
        stated = claims.get(self.claim.name)
        if stated is None:
            return Answer.ABSENT
        return Answer.HOLDS if self._holds(stated) else Answer.FAILS

    def _holds(self, stated: ClaimValue) -> bool:
        match self.operator:
            case Operator.EQUALS | Operator.IN:
                return stated in self.operand
            case Operator.NOT_EQUALS | Operator.NOT_IN:
                return stated not in self.operand
            case _:
                return _COMPARE[self.operator](self._rank(stated), self._rank(self.operand[0]))

    def _rank(self, value: ClaimValue) -> int:
        return self.claim.labels.index(value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Condition:
    """All tests together. One that fails settles it; otherwise one whose claim is absent leaves it open."""

    tests: tuple[ClaimTest, ...]

    @property
    def claims(self) -> frozenset[str]:
        """The names that it looks at."""
        return frozenset(test.claim.name for test in self.tests)

    @property
    def on_history(self) -> bool:
        return any(test.claim.evidence is Evidence.HISTORY for test in self.tests)

    def unmet(self, claims: Mapping[str, ClaimValue]) -> frozenset[str]:
        """The names whose tests do not hold."""
        return frozenset(test.claim.name for test in self.tests if test.ask(claims) is not Answer.HOLDS)

    def ask(self, claims: Mapping[str, ClaimValue]) -> Answer:
        answers = {test.ask(claims) for test in self.tests}
        if Answer.FAILS in answers:
            return Answer.FAILS
        return Answer.ABSENT if Answer.ABSENT in answers else Answer.HOLDS
