"""The JSON Schema for editors, made from the same registries that the service loads policies with.

It helps while typing; `assay policy lint` has the last word, and knows more (that names are unique, that a value is
one of its component, that advice gets no milder).
"""

import json
from typing import Any

from chalicelib.appraisal.ar4si import VALUES
from chalicelib.appraisal.claims import BESIDE, REGISTRY, STATEMENTS, Claim, Evidence, Kind
from chalicelib.appraisal.conditions import OPERATORS
from chalicelib.appraisal.load_advice import TIERS
from chalicelib.appraisal.policy import Admission
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Component, Tier
from chalicelib.model.verdict import Decision, Obligation

_Schema = dict[str, Any]


def policy_schema() -> _Schema:
    lowers = {"lowers": _ref("component"), "to": _ref("value"), "reason": _ref("reason")}
    platforms = sorted({evidence for evidence, _ in STATEMENTS.values()})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Assay appraisal policy",
        **_object(
            {
                "version": {"const": 1},
                "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,31}$"},
                "required": _object({platform.value: _purposes(platform) for platform in platforms}),
                "missing": _object(
                    {Format.RASP.value: _ref("cap")}, optional={Format.PLAY_INTEGRITY.value: _ref("cap")}
                ),
                "affirms": _list(_object({"component": _ref("component"), "as": _ref("value"), "when": _ref("when")})),
                "rules": _list(
                    _object(
                        {"rule": {"type": "string"}, "when": _ref("when"), **lowers},
                        optional={"absent": {"anyOf": [{"const": "ignored"}, _object({}, optional=lowers)]}},
                    )
                ),
                "advice": {
                    "type": "object",
                    "required": ["*"],
                    "additionalProperties": _object(dict.fromkeys(TIERS, _ref("advice"))),
                },
            },
            optional={
                "admits": _list({"enum": list(Admission)}),
                "attack_libraries": _object(
                    {}, optional={"names": _list({"type": "string"}), "digests": _list({"type": "string"})}
                ),
                "attack_packages": _list({"type": "string"}),
                "revocation": _object({"oldest_list_hours": {"type": "integer", "minimum": 1}}),
            },
        ),
        "$defs": {
            "cap": _object({"tier": _cap_tiers(), "reason": _ref("reason")}),
            "component": {"enum": list(Component)},
            "value": {"enum": sorted({name for values in VALUES.values() for name in values})},
            "reason": {
                "oneOf": [{"const": reason.value, "description": reason.sentence} for reason in AppraisalReason]
            },
            "when": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": {name: _test(claim) for name, claim in REGISTRY.items()},
            },
            "advice": _object(
                {"decision": {"enum": list(Decision)}},
                optional={
                    "obligations": _list({"enum": list(Obligation)}),
                    "acr": {"type": "string"},
                    "delay": _list({"type": "integer", "minimum": 0}) | {"minItems": 2, "maxItems": 2},
                },
            ),
        },
    }


def rendered(schema: _Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/$defs/{name}"}


def _object(required: _Schema, *, optional: _Schema | None = None) -> _Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: _Schema) -> _Schema:
    return {"type": "array", "minItems": 1, "items": items}


def _purposes(platform: Evidence) -> _Schema:
    return _object(
        {
            purpose.value: _list({"enum": [statement.value, *BESIDE[platform]]})
            for statement, (evidence, purpose) in STATEMENTS.items()
            if evidence is platform
        }
    )


def _cap_tiers() -> _Schema:
    return {"enum": [name for name, tier in TIERS.items() if tier is not Tier.AFFIRMING]}


def _test(claim: Claim) -> _Schema:
    operand: _Schema
    match claim.kind:
        case Kind.TRUTH:
            operand = {"type": "boolean"}
        case Kind.NUMBER:
            operand = {"type": "integer"}
        case Kind.TEXT:
            operand = {"type": "string"}
        case Kind.LABEL | Kind.LEVEL:
            operand = {"enum": list(claim.labels)}
    operators = sorted(OPERATORS[claim.kind], key=lambda operator: operator.value)
    return {
        "description": claim.sentence,
        **_object({}, optional={item.value: _list(operand) if item.takes_list else operand for item in operators}),
        "minProperties": 1,
        "maxProperties": 1,
    }
