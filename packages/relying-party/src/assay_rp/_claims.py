"""Typed access to members of parsed JSON. Raises `Unreadable`, which names the member and never shows its value."""

from collections.abc import Mapping
from typing import Any

from assay_rp._strict import Unreadable
from assay_rp.tokens import Submodule, Tier


def text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{name} is not a string")
    return value


def optional_text(members: Mapping[str, Any], name: str) -> str | None:
    return text(members, name) if name in members else None


def whole(members: Mapping[str, Any], name: str) -> int:
    value = members.get(name)
    if type(value) is not int:  # bool is an int to isinstance
        raise Unreadable(f"{name} is not a whole number")
    return value


def texts(members: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The array `name`; absent counts as empty."""
    value = members.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unreadable(f"{name} is not an array of strings")
    return tuple(value)


def mapping(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = members.get(name)
    if not isinstance(value, dict):
        raise Unreadable(f"{name} is not an object")
    return value


def submodules(members: Mapping[str, Any]) -> dict[str, Submodule]:
    """`submods` of the token or of its confidential part; a status that is missing or unknown is `none`."""
    found = mapping(members, "submods")
    return {name: _submodule(mapping(found, name)) for name in found}


def _submodule(members: Mapping[str, Any]) -> Submodule:
    name = "ear_trustworthiness_vector"
    vector = mapping(members, name) if name in members else {}
    return Submodule(
        tier=Tier.of(members.get("ear_status")),
        policy_ids=texts(members, "ear_appraisal_policy_ids"),
        vector={component: whole(vector, component) for component in vector},
    )
