"""Cases: claims of phones and the verdicts that analysts expect of them, which are the tests of a policy.

People write them as YAML in `policies/cases`; compiled, they are one canonical document (RFC 8785) that is stored with
its policy, so that an activation can run them again. A case changes what the file's `sound` phone states.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import rfc8785

from assay_toolkit.yaml_source import Source, SourceInvalid
from chalicelib.appraisal import Policy, PolicyInvalid, load_policy
from chalicelib.appraisal.appraiser import judge, judge_unattested
from chalicelib.appraisal.claims import REGISTRY, STATEMENTS, Claim, ClaimValue, Evidence, Kind
from chalicelib.appraisal.load_advice import TIERS
from chalicelib.endorsements.document import DocumentInvalid, Node, read_canonical
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format, UnattestedCause
from chalicelib.model.trust import Component, Tier
from chalicelib.model.verdict import Decision, Verdict

_MOST_FILES: Final = 64
_MOST_CASES: Final = 1_000  # a file; all together stay below what a document may have (1 MiB)
_MOST_OMITTED: Final = 16
_LARGEST_NUMBER: Final = (1 << 53) - 1  # RFC 8785 section 3.2.2.3

_SENTENCE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_MEMBER: Final = re.compile(r"[a-z_]{1,32}")
_TEXT: Final = re.compile(r"[\x20-\x7e]{1,256}")
_PLATFORMS: Final = {platform.value: platform for platform in (*STATEMENTS, Format.UNATTESTED)}
_CAUSES: Final = {cause.value: cause for cause in UnattestedCause}
_REGISTERED: Final = {platform.value: platform for platform in (Evidence.ANDROID, Evidence.APPLE)}
_FORMATS: Final = {format_.value: format_ for format_ in Format}
_EVIDENCE: Final = {evidence.value: evidence for evidence in Evidence}
_REASONS: Final = {reason.value: reason for reason in AppraisalReason}
_COMPONENTS: Final = {component.value: component for component in Component}
_DECISIONS: Final = {decision.value: decision for decision in Decision}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`vector` and `advice` are compared as far as they are written out, `tier` and `reasons` exactly.

    `unattested`: of a phone that no platform vouches for: what it claims, and where its app is registered.
    """

    name: str
    platform: Format
    claims: Mapping[str, ClaimValue]
    tier: Tier
    reasons: tuple[AppraisalReason, ...]
    vector: Mapping[Format, Mapping[Component, int]]
    advice: Mapping[str, Decision]
    unattested: tuple[UnattestedCause, tuple[Evidence, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """`omit`: members that a team is supposed to have taken out of the policy; `amend`: what it then changed, member by
    member. Mostly nothing."""

    name: str
    omit: tuple[str, ...]
    amend: Mapping[str, object]
    cases: tuple[Case, ...]

    def policy(self, document: bytes) -> Policy:
        """The policy that the cases are judged by. Raises `PolicyInvalid`."""
        if not self.amend and not self.omit:
            return load_policy(document)
        whole = json.loads(document)
        amended = _merged({name: value for name, value in whole.items() if name not in self.omit}, self.amend)
        return load_policy(rfc8785.dumps(amended))  # type: ignore[arg-type]  # JSON values with JSON values in them


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """`differs`: a sentence for each thing that is not as expected; empty: the case holds. `policy` and `verdict` None:
    the file's amended policy does not load."""

    file: str
    case: Case
    policy: Policy | None
    verdict: Verdict | None
    differs: tuple[str, ...]


def run_cases(files: Iterable[CaseFile], policy_document: bytes) -> tuple[CaseResult, ...]:
    """Every case of `files`, judged by the policy. Raises `PolicyInvalid` where that does not load as it is."""
    load_policy(policy_document)
    results: list[CaseResult] = []
    for file in files:
        try:
            policy = file.policy(policy_document)
        except PolicyInvalid as error:
            said = f"the policy does not load with the file's `amend`: {error}"
            results += [
                CaseResult(file=file.name, case=case, policy=None, verdict=None, differs=(said,)) for case in file.cases
            ]
        else:
            results += [_run(file.name, case, policy) for case in file.cases]
    return tuple(results)


def verdict_of(case: Case, policy: Policy) -> Verdict:
    if case.unattested is None:
        return judge(case.claims, platform=case.platform, policy=policy)
    cause, platforms = case.unattested
    return judge_unattested(case.claims, cause=cause, platforms=platforms, policy=policy)


def compile_cases(paths: Iterable[Path]) -> bytes:
    """The canonical document of these YAML files; it loads. Raises `click.ClickException` with file and line."""
    files: dict[str, object] = {}
    for path in sorted(paths):
        source = Source(path)
        try:
            _file(path.stem, source.root)
        except DocumentInvalid as error:
            raise source.complain(error) from error
        if path.stem in files:
            raise SourceInvalid(path, 1, f"has the name {path.stem}, as another file of cases does")
        # Where the policy lies on its author's disk means nothing beside the policy itself.
        files[path.stem] = {member: value for member, value in _members(source).items() if member != "policy"}
    if not files:
        raise click.ClickException("no file of cases is named")
    document = rfc8785.dumps({"version": 1, "files": files})  # type: ignore[dict-item]  # Source reads JSON values only
    load_cases(document)
    return document


def load_cases(document: bytes) -> tuple[CaseFile, ...]:
    """Raises `DocumentInvalid`."""
    root = read_canonical(document).members(required=("version", "files"))
    root["version"].integer(lowest=1, highest=1)
    return tuple(_file(name, node) for name, node in root["files"].entries(most=_MOST_FILES).items())


def cases_about(policy_file: Path) -> list[Path]:
    """The files in `cases` beside the policy that name it as theirs."""
    found = []
    for path in sorted((policy_file.parent / "cases").glob("*.yaml")):
        named = _members(Source(path)).get("policy")
        if isinstance(named, str) and (path.parent / named).resolve() == policy_file.resolve():
            found.append(path)
    return found


def case_places(paths: Iterable[Path]) -> dict[tuple[str, str], str]:
    """`<file>:<line>` of every case, by the names of its file and itself. The files compile."""
    return {
        (path.stem, case.name): f"{path}:{source.line(f'$.cases[{index}]')}"
        for path in paths
        for source in [Source(path)]
        for index, case in enumerate(_file(path.stem, source.root).cases)
    }


def _members(source: Source) -> dict[str, object]:
    value = source.root.value
    return value if isinstance(value, dict) else {}


def _file(name: str, node: Node) -> CaseFile:
    members = node.members(required=("platform", "sound", "cases"), optional=("policy", "omit", "amend"))
    platform = members["platform"].choice(_PLATFORMS, "platform's statement")
    sound = _claims(members["sound"])
    cases = tuple(_case(item, platform=platform, sound=sound) for item in members["cases"].items(most=_MOST_CASES))
    seen: set[str] = set()
    for case, item in zip(cases, members["cases"].items(most=_MOST_CASES), strict=True):
        if case.name in seen:
            item.refuse(f"is `{case.name}`, like an earlier case; each needs a name of its own")
        seen.add(case.name)
    amend = members.get("amend")
    omit = members["omit"].items(most=_MOST_OMITTED) if "omit" in members else []
    return CaseFile(
        name=name,
        omit=tuple(item.text(_MEMBER, "a member of a policy") for item in omit),
        amend=_object(amend) if amend else {},
        cases=cases,
    )


def _object(node: Node) -> Mapping[str, object]:
    return {name: item.value for name, item in node.entries(most=64).items()}


def _case(node: Node, *, platform: Format, sound: Mapping[str, ClaimValue]) -> Case:
    members = node.members(
        required=("case", "tier", "reasons"),
        optional=("platform", "cause", "registered", "change", "absent", "without", "vector", "advice"),
    )
    if "platform" in members:
        platform = members["platform"].choice(_PLATFORMS, "platform's statement")
    return Case(
        name=members["case"].text(_SENTENCE, "a sentence of up to 200 characters"),
        platform=platform,
        unattested=_unattested(node, members, platform),
        claims=_changed(members, sound),
        tier=members["tier"].choice(TIERS, "tier"),
        reasons=_reasons(members["reasons"]),
        vector=_vector(members["vector"]) if "vector" in members else {},
        advice={
            action: item.choice(_DECISIONS, "decision") for action, item in members["advice"].entries(most=64).items()
        }
        if "advice" in members
        else {},
    )


def _unattested(
    node: Node, members: Mapping[str, Node], platform: Format
) -> tuple[UnattestedCause, tuple[Evidence, ...]] | None:
    claims = "cause" in members
    if claims is not (platform is Format.UNATTESTED) or ("registered" in members and not claims):
        node.refuse("wants `cause` for an unattested phone, perhaps with `registered`, and for no other")
    if "cause" not in members:
        return None
    registered = members["registered"].items(most=len(_REGISTERED)) if "registered" in members else []
    platforms = tuple(item.choice(_REGISTERED, "platform") for item in registered) or tuple(_REGISTERED.values())
    return members["cause"].choice(_CAUSES, "cause"), platforms


def _changed(members: Mapping[str, Node], sound: Mapping[str, ClaimValue]) -> dict[str, ClaimValue]:
    """The sound phone's claims with the case's changes. What is no claim of the sound phone is a slip of the pen."""
    changed = _claims(members["change"]) if "change" in members else {}
    absent = members["absent"].items(most=len(REGISTRY)) if "absent" in members else []
    gone = {item.choice({name: name for name in sound}, "claim of the sound phone") for item in absent}
    for name in changed:
        Node(name, members["change"].member(name).path).choice(
            {stated: stated for stated in sound}, "claim of the sound phone"
        )
    without = set()
    if "without" in members:
        without = {item.choice(_EVIDENCE, "evidence") for item in members["without"].items(most=len(_EVIDENCE))}
    return {
        name: value
        for name, value in {**sound, **changed}.items()
        if name not in gone and REGISTRY[name].evidence not in without
    }


def _claims(node: Node) -> dict[str, ClaimValue]:
    found = {}
    for name, item in node.entries(most=len(REGISTRY)).items():
        found[name] = _value(Node(name, item.path).choice(REGISTRY, "claim"), item)
    return found


def _value(claim: Claim, node: Node) -> ClaimValue:
    match claim.kind:
        case Kind.TRUTH:
            return node.boolean()
        case Kind.NUMBER:
            return node.integer(lowest=-_LARGEST_NUMBER, highest=_LARGEST_NUMBER)
        case Kind.TEXT:
            return node.text(_TEXT, "1 to 256 printable ASCII characters")
        case Kind.LABEL | Kind.LEVEL:
            return node.choice({str(label): str(label) for label in claim.labels}, f"value of {claim.name}")


def _reasons(node: Node) -> tuple[AppraisalReason, ...]:
    if node.value == []:  # the one list that may say nothing: nothing speaks against the phone
        return ()
    return tuple(item.choice(_REASONS, "reason") for item in node.items(most=len(_REASONS)))


def _vector(node: Node) -> dict[Format, dict[Component, int]]:
    return {
        Node(format_, item.path).choice(_FORMATS, "evidence format"): {
            Node(component, value.path).choice(_COMPONENTS, "component"): value.integer(lowest=-128, highest=127)
            for component, value in item.entries(most=len(_COMPONENTS)).items()
        }
        for format_, item in node.entries(most=len(_FORMATS)).items()
    }


def _run(file: str, case: Case, policy: Policy) -> CaseResult:
    verdict = verdict_of(case, policy)
    return CaseResult(
        file=file, case=case, policy=policy, verdict=verdict, differs=tuple(_differences(case, verdict, policy))
    )


def _differences(case: Case, verdict: Verdict, policy: Policy) -> Iterable[str]:
    people = {tier: name for name, tier in TIERS.items()}
    if verdict.tier is not case.tier:
        yield f"tier: expected {people[case.tier]}, and it is {people[verdict.tier]}"
    if verdict.reasons != case.reasons:
        yield f"reasons: expected {_listed(case.reasons)}, and they are {_listed(verdict.reasons)}"
    vectors = {submodule.format: submodule.vector.values for submodule in verdict.submodules}
    for format_, expected in case.vector.items():
        for component, value in expected.items():
            found = vectors.get(format_, {}).get(component)
            if found != value:
                said = "nothing" if found is None else str(found)
                yield f"vector: {format_.value} {component.value}: expected {value}, and it is {said}"
    for action, decision in case.advice.items():
        if action not in policy.advice[verdict.tier]:
            yield f"advice: the policy has no action {action}"
        elif verdict.advice[action].decision is not decision:
            yield f"advice: {action}: expected {decision.value}, and it is {verdict.advice[action].decision.value}"


def _listed(reasons: Iterable[AppraisalReason]) -> str:
    return ", ".join(reason.value for reason in reasons) or "none"


def _merged(value: object, changes: object) -> object:
    """`changes` in `value`, member by member, as a team would edit the policy."""
    if not isinstance(value, dict) or not isinstance(changes, Mapping):
        return changes
    return value | {name: _merged(value.get(name), change) for name, change in changes.items()}
