"""From a policy document to a `Policy`: every member is known, every name exists, and nothing means no."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from chalicelib.appraisal.ar4si import VALUES
from chalicelib.appraisal.check import check_whole
from chalicelib.appraisal.claims import BESIDE, REGISTRY, STATEMENTS, Claim, ClaimValue, Evidence, Kind
from chalicelib.appraisal.conditions import OPERATORS, ClaimTest, Condition, Operator
from chalicelib.appraisal.load_actions import load_actions
from chalicelib.appraisal.load_advice import load_advice
from chalicelib.appraisal.load_failures import load_failures
from chalicelib.appraisal.load_history import load_hard, load_limits
from chalicelib.appraisal.policy import Admission, Affirmation, AttackLibraries, Outcome, Policy, Rule
from chalicelib.endorsements.document import DocumentInvalid, Node, read_canonical
from chalicelib.model.descriptor import Purpose
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Component, Tier
from chalicelib.model.verdict import Advice

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_NAME_SHAPE: Final = "1 to 32 of a-z, 0-9 and -"
_TEXT: Final = re.compile(r"[\x20-\x7e]{1,256}")
_TEXT_SHAPE: Final = "1 to 256 printable ASCII characters"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
# https://developer.android.com/build/configure-app-module#set-application-id
_PACKAGE: Final = re.compile(r"(?=.{3,255}$)[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+")
_LARGEST_NUMBER: Final = (1 << 53) - 1  # RFC 8785 section 3.2.2.3: beyond it, JSON numbers lose digits
_MOST: Final = 256  # rules, affirmations, or values of one list: what a person can still review
_OLDEST_LIST_HOURS: Final = 24 * 365

_COMPONENTS: Final = {component.value: component for component in Component}
_REASONS: Final = {reason.value: reason for reason in AppraisalReason}
_ADMISSIONS: Final = {admission.value: admission for admission in Admission}
_OPERATORS: Final = {operator.value: operator for operator in Operator}


class PolicyInvalid(DocumentInvalid):
    """The document is no policy: `path` says where, `sentence` what to do about it."""


def load_policy(document: bytes) -> Policy:
    """Reads one canonical policy document. Raises `PolicyInvalid` and nothing else."""
    try:
        return _policy(read_canonical(document), digest=hashlib.sha256(document).hexdigest())
    except DocumentInvalid as error:
        raise PolicyInvalid(error.path, error.sentence) from error


def _policy(root: Node, *, digest: str) -> Policy:
    members = root.members(
        required=("version", "name", "required", "affirms", "rules", "advice"),
        optional=("failures", "admits", "attack_libraries", "attack_packages", "history", "limits", "revocation"),
    )
    members["version"].integer(lowest=1, highest=1)
    advice = load_advice(members["advice"])
    policy = Policy(
        name=members["name"].text(_NAME, _NAME_SHAPE),
        digest=digest,
        affirmations=_affirmations(members["affirms"]),
        rules=_rules(members["rules"], advice),
        required=_required(members["required"]),
        failures=load_failures(members.get("failures"), advice),
        advice=advice,
        attack_libraries=_attack_libraries(members.get("attack_libraries")),
        attack_packages=_attack_packages(members.get("attack_packages")),
        oldest_status_list=_oldest_status_list(members.get("revocation")),
        admits=_admits(members.get("admits")),
        hard=load_hard(members.get("history")),
        limits=load_limits(members.get("limits")),
    )
    check_whole(root, policy)
    return policy


def _affirmations(node: Node) -> tuple[Affirmation, ...]:
    seen: set[tuple[Evidence, Component]] = set()
    found = []
    for item in node.items(most=_MOST):
        members = item.members(required=("component", "as", "when"))
        evidence, when = _condition(members["when"])
        component = members["component"].choice(_COMPONENTS, "component")
        value = _value(members["as"], component)
        if Tier.of_value(value) is not Tier.AFFIRMING:
            members["as"].refuse("does not affirm anything; what lowers trust belongs under `rules`")
        if (evidence, component) in seen:
            item.refuse(f"affirms {component.value} of {evidence.value} evidence a second time")
        seen.add((evidence, component))
        found.append(Affirmation(evidence=evidence, component=component, value=value, when=when))
    return tuple(found)


def _rules(node: Node, advice: Mapping[Tier, Mapping[str, Advice]]) -> tuple[Rule, ...]:
    seen: set[str] = set()
    found = []
    for item in node.items(most=_MOST):
        members = item.members(required=("rule", "when", "lowers", "to", "reason"), optional=("absent", "actions"))
        name = members["rule"].text(_NAME, _NAME_SHAPE)
        if name in seen:
            members["rule"].refuse(f"is {name}, like an earlier rule; each needs a name of its own")
        seen.add(name)
        evidence, when = _condition(members["when"])
        # The strict default is against phones that keep something to themselves, and history is none of theirs.
        if when.on_history and "absent" not in members:
            item.refuse(
                "looks at the instance's history and does not say what follows where there is none: add "
                "`absent: ignored`, or every new instance is judged as if the rule held"
            )
        outcome = _outcome(members)
        absent = _absent(members["absent"], outcome) if "absent" in members else outcome
        actions = load_actions(members["actions"], outcome, absent, advice) if "actions" in members else {}
        found.append(Rule(name=name, evidence=evidence, when=when, outcome=outcome, absent=absent, actions=actions))
    return tuple(found)


def _outcome(members: dict[str, Node]) -> Outcome:
    component = members["lowers"].choice(_COMPONENTS, "component")
    return Outcome(component, _lowered(members["to"], component), members["reason"].choice(_REASONS, "reason"))


def _absent(node: Node, outcome: Outcome) -> Outcome | None:
    """`ignored`, or the rule's own outcome with what is given here in its place."""
    if isinstance(node.value, str):
        return node.choice({"ignored": None}, "outcome for an absent claim")
    members = node.members(optional=("lowers", "to", "reason"))
    if not members:
        node.refuse("says nothing; leave it out, say what differs from the rule's own outcome, or write `ignored`")
    if "lowers" in members and "to" not in members:
        node.refuse("lowers another component and so has to say to what: `to` is missing")
    component = members["lowers"].choice(_COMPONENTS, "component") if "lowers" in members else outcome.component
    return Outcome(
        component,
        _lowered(members["to"], component) if "to" in members else outcome.value,
        members["reason"].choice(_REASONS, "reason") if "reason" in members else outcome.reason,
    )


def _value(node: Node, component: Component) -> int:
    return node.choice(VALUES[component], f"value of {component.value}")


def _lowered(node: Node, component: Component) -> int:
    value = _value(node, component)
    if Tier.of_value(value) is Tier.AFFIRMING:
        node.refuse("affirms, and a rule can only lower; what raises trust belongs under `affirms`")
    return value


def _condition(node: Node) -> tuple[Evidence, Condition]:
    tests = []
    for name, item in node.entries(most=16).items():
        claim = Node(name, item.path).choice(REGISTRY, "claim")
        tests.append(_test(claim, item))
    kinds = {test.claim.evidence for test in tests}
    # History is judged with the platform's evidence, so that its claims may stand beside a platform's.
    if Evidence.HISTORY in kinds and kinds & {platform for platform, _ in STATEMENTS.values()}:
        kinds.remove(Evidence.HISTORY)
    if len(kinds) > 1:
        node.refuse("mixes claims of different evidence; each piece of evidence is judged by itself")
    return kinds.pop(), Condition(tuple(tests))


def _test(claim: Claim, node: Node) -> ClaimTest:
    fitting = {name: operator for name, operator in _OPERATORS.items() if operator in OPERATORS[claim.kind]}
    if isinstance(node.value, str | int):
        written = node.value if isinstance(node.value, str) else json.dumps(node.value)
        node.refuse(f"wants an operator, such as `{{{Operator.EQUALS.value}: {written[:80]}}}`")
    entries = node.entries(most=len(_OPERATORS))
    if len(entries) > 1:
        node.refuse("wants exactly one operator; a second test on the same claim belongs into a rule of its own")
    ((name, operand),) = entries.items()
    operator = Node(name, operand.path).choice(fitting, f"operator for {claim.name}, which is {claim.kind.value}")
    operands = operand.items(most=_MOST) if operator.takes_list else [operand]
    return ClaimTest(claim=claim, operator=operator, operand=tuple(_operand(claim, item) for item in operands))


def _operand(claim: Claim, node: Node) -> ClaimValue:
    match claim.kind:
        case Kind.TRUTH:
            return node.boolean()
        case Kind.NUMBER:
            return node.integer(lowest=-_LARGEST_NUMBER, highest=_LARGEST_NUMBER)
        case Kind.TEXT:
            return node.text(_TEXT, _TEXT_SHAPE)
        case Kind.LABEL | Kind.LEVEL:
            return node.choice({str(label): str(label) for label in claim.labels}, f"value of {claim.name}")


def _required(node: Node) -> dict[tuple[Evidence, Purpose], tuple[Format, ...]]:
    platforms = node.members(required=(Evidence.ANDROID.value, Evidence.APPLE.value))
    found = {}
    for statement, (platform, purpose) in STATEMENTS.items():
        bears = (statement, *BESIDE[platform])
        listed = platforms[platform.value].members(required=tuple(Purpose))[purpose.value]
        formats = tuple(
            item.choice({format_.value: format_ for format_ in bears}, f"evidence of {platform.value} {purpose.value}")
            for item in listed.items(most=len(bears))
        )
        if len(set(formats)) < len(formats):
            listed.refuse("names the same evidence twice")
        if statement not in formats:
            listed.refuse(f"lacks `{statement.value}`, without which there is nothing to judge")
        found[platform, purpose] = formats
    return found


def _admits(node: Node | None) -> frozenset[Admission]:
    if node is None:
        return frozenset()
    named = [item.choice(_ADMISSIONS, "admission") for item in node.items(most=len(_ADMISSIONS))]
    if len(set(named)) < len(named):
        node.refuse("names the same admission twice")
    return frozenset(named)


def _attack_libraries(node: Node | None) -> AttackLibraries:
    if node is None:
        return AttackLibraries()
    members = node.members(optional=("names", "digests"))
    if not members:
        node.refuse("lists nothing; give `names` or `digests`, or leave it out")
    names = members["names"].items(most=_MOST) if "names" in members else []
    digests = members["digests"].items(most=_MOST) if "digests" in members else []
    return AttackLibraries(
        names=frozenset(item.text(_TEXT, _TEXT_SHAPE).casefold() for item in names),
        digests=frozenset(item.text(_DIGEST, "a SHA-256 digest in 64 hex digits, lower case") for item in digests),
    )


def _attack_packages(node: Node | None) -> frozenset[str]:
    items = [] if node is None else node.items(most=_MOST)
    return frozenset(item.text(_PACKAGE, "an Android application id such as com.example.app") for item in items)


def _oldest_status_list(node: Node | None) -> timedelta | None:
    if node is None:
        return None
    members = node.members(required=("oldest_list_hours",))
    return timedelta(hours=members["oldest_list_hours"].integer(lowest=1, highest=_OLDEST_LIST_HOURS))
