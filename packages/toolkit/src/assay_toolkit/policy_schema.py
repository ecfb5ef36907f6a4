"""The JSON Schema for editors, made from the same registries that the service loads policies with.

It helps while typing; `assay policy lint` has the last word, and knows more (that names are unique, that a value is
one of its component, that advice gets no milder).
"""

import json
from typing import Any, Final

from chalicelib.appraisal.ar4si import VALUES
from chalicelib.appraisal.claims import BESIDE, REGISTRY, STATEMENTS, Claim, Evidence, Kind
from chalicelib.appraisal.conditions import OPERATORS
from chalicelib.appraisal.failures import OF_PLATFORM, OF_VENDORS, Failure
from chalicelib.appraisal.load_advice import TIERS
from chalicelib.appraisal.policy import Admission
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.trust import Component, Tier
from chalicelib.model.verdict import Decision, Obligation

_Schema = dict[str, Any]

# Advice by action, of a rule or of a class of failure.
_ACTIONS: Final[_Schema] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"$ref": "#/$defs/advice"},
}


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
                "affirms": _list(_object({"component": _ref("component"), "as": _ref("value"), "when": _ref("when")})),
                "rules": _list(
                    _object(
                        {"rule": {"type": "string"}, "when": _ref("when"), **lowers},
                        optional={
                            "absent": {"anyOf": [{"const": "ignored"}, _object({}, optional=lowers)]},
                            "actions": _ACTIONS,
                        },
                    )
                ),
                "advice": {
                    "type": "object",
                    "required": ["*"],
                    "additionalProperties": _object(dict.fromkeys(TIERS, _ref("advice"))),
                },
            },
            optional={
                "failures": _object(
                    {},
                    optional={
                        platform.value: _object({}, optional={item.value: _failure(item) for item in classes})
                        for platform, classes in OF_PLATFORM.items()
                    },
                ),
                "admits": _list({"enum": list(Admission)}),
                "attack_libraries": _object(
                    {}, optional={"names": _list({"type": "string"}), "digests": _list({"type": "string"})}
                ),
                "attack_packages": _list({"type": "string"}),
                "history": _object({"hard": _list(_ref("reason"))}),
                "limits": _object(
                    {},
                    optional={
                        "attestations_per_instance_hour": _ref("limit"),
                        "enrolments_per_batch_key_hour": _object(
                            {}, optional={"factory": _ref("limit"), "remote": _ref("limit")}
                        ),
                        "enrolments_per_network_hour": _ref("limit"),
                    },
                ),
                "revocation": _object({"oldest_list_hours": {"type": "integer", "minimum": 1}}),
            },
        ),
        "$defs": {
            "component": {"enum": list(Component)},
            "limit": {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "none"}]},
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


def _failure(failure: Failure) -> _Schema:
    claimed = failure is Failure.UNSUPPORTED_PHONE
    best = Tier.NONE if claimed else Tier.WARNING
    tier = {"tier": {"enum": [name for name, tier in TIERS.items() if tier.severity >= best.severity]}}
    optional: _Schema = {"actions": _ACTIONS}
    if failure in OF_VENDORS:
        optional["earlier_hours"] = {"type": "integer", "minimum": 1}
    return _object(
        {**tier, "daily": {"type": "integer", "minimum": 1}} if claimed else {**tier, "reason": _ref("reason")},
        optional=optional,
    )


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
