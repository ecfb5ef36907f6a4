"""Policies made up at random: any rules, affirmations, failures and advice that load, each from its own number."""

from functools import cache
from random import Random

import rfc8785
from hypothesis import strategies as st

from chalicelib.appraisal import Policy, PolicyInvalid, load_policy
from chalicelib.appraisal.ar4si import VALUES
from chalicelib.appraisal.claims import REGISTRY, Kind
from chalicelib.appraisal.conditions import OPERATORS
from chalicelib.appraisal.failures import OF_PLATFORM, OF_VENDORS, Failure
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.trust import Tier
from chalicelib.model.verdict import Obligation

# Enough of each kind of evidence for claims to meet each other in rules and affirmations.
CLAIMS = {
    "android": (
        "android.package_registered",
        "android.device_locked",
        "android.verified_boot_state",
        "android.security_level",
        "android.os_patch_age_days",
        "android.revoked",
        "android.boot_key_registered",
    ),
    "apple": (
        "apple.app_registered",
        "apple.environment",
        "apple.validation_category",
        "apple.bundle_version",
    ),
    "play_integrity": (
        "play_integrity.meets_device_integrity",
        "play_integrity.app_recognition",
        "play_integrity.device_activity",
        "play_integrity.age_hours",
    ),
    "rasp": (
        "rasp.environment.root",
        "rasp.environment.debugger",
        "rasp.code.hooking",
        "rasp.app_version",
        "rasp.schema_known",
    ),
}
# The one thing that a policy wants of evidence which it otherwise has nothing against.
WANTED = {
    "android": ("android.package_registered", True, False),
    "play_integrity": ("play_integrity.meets_device_integrity", True, False),
    "rasp": ("rasp.environment.root", "clear", "detected"),
}
# What may look at a self-protection check, and what may affirm one: all else is refused.
LOWERING = ({"equals": "detected"}, {"in": ["detected", "not_required"]}, {"not_equals": "clear"})
AFFIRMING = ({"equals": "clear"}, {"in": ["clear", "not_required"]}, {"not_equals": "detected"})
REASONS = [reason.value for reason in AppraisalReason]
OBLIGATIONS = [item.value for item in Obligation]
DECISIONS = ("allow", "delay", "step_up", "deny")

_HOW_MANY = 400


def policies(*, absent: bool = True, trusts: str | None = None) -> st.SearchStrategy[Policy]:
    """`absent` False: no rule says anything of its own about absent claims, which is the strictest. `trusts`: a kind of
    evidence that the policy has one affirmation and one rule about, so that phones without a fault satisfy it."""
    return st.integers(1, _HOW_MANY).map(lambda seed: made_up(seed, absent=absent, trusts=trusts))


@cache
def made_up(seed: int, *, absent: bool, trusts: str | None) -> Policy:
    draw = Random(f"{seed} {absent} {trusts}")  # noqa: S311 - a test's own choice, the same each time
    while True:
        try:
            return load_policy(rfc8785.dumps(_document(draw, absent=absent, trusts=trusts)))
        except PolicyInvalid:
            continue


def _document(draw: Random, *, absent: bool, trusts: str | None) -> dict[str, object]:
    # A policy looks at two claims of each kind, so that its rules and affirmations are about the same ones.
    claims = {kind: draw.sample(named, 2) for kind, named in CLAIMS.items()}
    kinds = [kind for kind in CLAIMS if kind != trusts]
    rules = [_rule(draw, claims[kind], absent=absent) for kind in kinds for _ in range(draw.randint(1, 3))]
    affirmed = [item for kind in kinds for item in _affirmations(draw, claims[kind])]
    if trusts is not None:
        claim, good, bad = WANTED[trusts]
        affirmed.append({"component": "hardware", "as": "genuine", "when": {claim: {"equals": good}}})
        rules.append({"when": {claim: {"equals": bad}}, **_outcome(draw)})
    document = {
        "version": 1,
        "name": "made-up",
        "required": {
            "android": {
                "enrol": ["android_key", "rasp", "play_integrity"],
                "renew": ["instance", "rasp", "play_integrity"],
            },
            "apple": {"enrol": ["apple_attestation", "rasp"], "renew": ["apple_assertion", "rasp"]},
        },
        "affirms": affirmed,
        "rules": [{"rule": f"rule-{number}", **rule} for number, rule in enumerate(rules)],
        "advice": {"pay": _advice(draw), "*": _advice(draw)},
        "failures": _failures(draw),
    }
    return {name: value for name, value in document.items() if value}


def _rule(draw: Random, claims: list[str], *, absent: bool) -> dict[str, object]:
    rule = {"when": _condition(draw, claims, LOWERING), **_outcome(draw)}
    match draw.choice(["nothing", "ignored", "other"]) if absent else "nothing":
        case "ignored":
            rule["absent"] = "ignored"
        case "other":
            rule["absent"] = _outcome(draw)
    if draw.random() < 0.3:
        rule["actions"] = {draw.choice(["pay", "*"]): _one(draw, draw.choice(DECISIONS))}
    return rule


def _outcome(draw: Random) -> dict[str, object]:
    component = draw.choice(list(VALUES))
    return {"lowers": component.value, "to": _value(draw, component, affirming=False), "reason": draw.choice(REASONS)}


def _affirmations(draw: Random, claims: list[str]) -> list[dict[str, object]]:
    return [
        {
            "component": component.value,
            "as": _value(draw, component, affirming=True),
            "when": _condition(draw, claims, AFFIRMING),
        }
        for component in draw.sample(list(VALUES), draw.randint(1, 2))
    ]


def _value(draw: Random, component, *, affirming: bool) -> str:
    named = VALUES[component].items()
    return draw.choice([name for name, value in named if (Tier.of_value(value) is Tier.AFFIRMING) is affirming])


def _condition(draw: Random, claims: list[str], of_checks) -> dict[str, object]:
    names = draw.sample(claims, draw.randint(1, 2))
    return {name: _test(draw, name, of_checks) for name in names}


def _test(draw: Random, name: str, of_checks) -> dict[str, object]:
    claim = REGISTRY[name]
    if "detected" in claim.labels:
        return draw.choice(of_checks)
    operator = draw.choice(sorted(OPERATORS[claim.kind], key=lambda item: item.value))

    def operand():
        match claim.kind:
            case Kind.TRUTH:
                return draw.choice([True, False])
            case Kind.NUMBER:
                return draw.randint(-1, 400)
            case Kind.TEXT:
                return draw.choice(["1", "71", "9"])
            case _:
                return str(draw.choice(claim.labels))

    return {operator.value: [operand() for _ in range(draw.randint(1, 2))] if operator.takes_list else operand()}


def _advice(draw: Random) -> dict[str, object]:
    """From mild to strict, as it has to be."""
    chosen = sorted((draw.choice(DECISIONS) for _ in range(4)), key=DECISIONS.index)
    return {tier: _one(draw, kind) for tier, kind in zip(("high", "medium", "none", "low"), chosen, strict=True)}


def _one(draw: Random, decision: str) -> dict[str, object]:
    obligations = draw.sample(OBLIGATIONS, draw.randint(0, 2))
    with_it = {"delay": {"delay": [1, 3]}, "step_up": {"acr": "phr"}}.get(decision, {})
    return {"decision": decision, **({"obligations": obligations} if obligations else {}), **with_it}


def _failures(draw: Random) -> dict[str, object]:
    found: dict[str, dict[str, object]] = {}
    for platform, classes in OF_PLATFORM.items():
        for failure in draw.sample(classes, draw.randint(0, len(classes))):
            claimed = failure is Failure.UNSUPPORTED_PHONE
            outcome = {"tier": draw.choice(["none", "low"] if claimed else ["medium", "none", "low"])}
            outcome |= {"daily": 10} if claimed else {"reason": draw.choice(REASONS)}
            if draw.random() < 0.5:
                # The strictest, which undercuts no tier.
                outcome["actions"] = {draw.choice(["pay", "*"]): _one(draw, "deny")}
            if failure in OF_VENDORS and draw.random() < 0.5:
                outcome["earlier_hours"] = draw.randint(1, 168)
            found.setdefault(platform.value, {})[failure.value] = outcome
    return found
