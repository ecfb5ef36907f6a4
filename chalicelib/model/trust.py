"""Trust tiers and the trustworthiness vector (draft-ietf-rats-ar4si, draft-ietf-rats-ear).

AR4SI gives each component of the vector a value in [-128, 127]; its tier follows from the value's range.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Self


class Tier(Enum):
    """How far a claim or a whole result is to be trusted; `severity` orders them for worst-of.

    NONE is worse than WARNING: who could not be judged gets no better for being odd as well.
    """

    AFFIRMING = ("affirming", 0)  # "high"
    WARNING = ("warning", 1)  # "medium"
    NONE = ("none", 2)  # not enough evidence to say; a relying party treats it as missing
    CONTRAINDICATED = ("contraindicated", 3)  # "low"

    def __init__(self, ear_status: str, severity: int) -> None:
        self.ear_status = ear_status
        self.severity = severity

    @classmethod
    def worst(cls, tiers: Iterable["Tier"]) -> "Tier":
        """The worst of `tiers`; of nothing, NONE: an empty set of claims affirms nothing."""
        return max(tiers, key=lambda tier: tier.severity, default=cls.NONE)

    @classmethod
    def of_value(cls, value: int) -> "Tier":
        """AR4SI section 2.3.2: -1..1 say nothing, -32..31 affirm, -96..95 warn, the rest contraindicates."""
        if -1 <= value <= 1:
            return cls.NONE
        if -32 <= value <= 31:
            return cls.AFFIRMING
        if -96 <= value <= 95:
            return cls.WARNING
        if -128 <= value <= 127:
            return cls.CONTRAINDICATED
        raise ValueError(f"{value} is outside AR4SI's range")


class Component(StrEnum):
    """AR4SI's eight components, by the names that EAR's JSON uses."""

    INSTANCE_IDENTITY = "instance-identity"
    CONFIGURATION = "configuration"
    EXECUTABLES = "executables"
    FILE_SYSTEM = "file-system"
    HARDWARE = "hardware"
    RUNTIME_OPAQUE = "runtime-opaque"
    STORAGE_OPAQUE = "storage-opaque"
    SOURCED_DATA = "sourced-data"


@dataclass(frozen=True, slots=True)
class Vector:
    """A trustworthiness vector: only components that were looked at have a value."""

    values: Mapping[Component, int] = field(default_factory=dict)

    @property
    def tier(self) -> Tier:
        return Tier.worst(Tier.of_value(value) for value in self.values.values())

    def lowered(self, component: Component, value: int) -> Self:
        """The same vector with `component` at `value`, unless it already stands at something worse."""
        standing = self.values.get(component)
        if standing is not None and _rank(standing) >= _rank(value):
            return self
        return type(self)({**self.values, component: value})


def _rank(value: int) -> tuple[int, int]:
    return (Tier.of_value(value).severity, abs(value))
