"""The pure function that applies a policy to evidence."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Final

from chalicelib.appraisal.advice import is_milder, stricter
from chalicelib.appraisal.ar4si import NO_CLAIM
from chalicelib.appraisal.claims import BESIDE, REGISTRY, STATEMENTS, ClaimValue, Evidence
from chalicelib.appraisal.collect import collect_claims
from chalicelib.appraisal.conditions import Answer
from chalicelib.appraisal.failures import NOT_CONFIGURED, Failure, FailureOutcome, outcome_of, seen
from chalicelib.appraisal.history import collect_history
from chalicelib.appraisal.policy import Outcome, Policy, Rule
from chalicelib.endorsements.google_status import StatusList
from chalicelib.model.apps import AppRegistration
from chalicelib.model.claims import EvidenceSet, KeptAndroid, KeptEvidence, Unattested
from chalicelib.model.descriptor import Purpose
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format, UnattestedCause
from chalicelib.model.trust import Tier, Vector
from chalicelib.model.verdict import Advice, AppliedRule, Submodule, Verdict

_CLAIMED: Final = {
    UnattestedCause.UNSUPPORTED: AppraisalReason.PLATFORM_UNSUPPORTED,
    UnattestedCause.PLATFORM_UNAVAILABLE: AppraisalReason.PLATFORM_UNAVAILABLE_CLAIMED,
}


# Whose word it is, and under which name; None: nobody's.
_Piece = tuple[Evidence | None, Format]


@dataclass(frozen=True, slots=True)
class _Finding:
    """Why, and how bad; `applied` is None where it was no rule. `actions`: the rule's own advice."""

    reason: AppraisalReason
    tier: Tier
    applied: AppliedRule | None
    actions: Mapping[str, Advice] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Failed:
    """A class of failure, the evidence that it is about, and what policy says of it on a platform."""

    failure: Failure
    format: Format
    platform: Evidence
    outcome: FailureOutcome

    @property
    def finding(self) -> _Finding:
        # No rule can have this name: the grammar of names has no dot.
        name = f"failures.{self.platform.value}.{self.failure.value}"
        record = AppliedRule(rule=name, reason=self.outcome.reason, format=self.format)
        return _Finding(self.outcome.reason, self.outcome.tier, record)


def appraise(
    evidence: EvidenceSet,
    *,
    app: AppRegistration,
    policy: Policy,
    status_list: StatusList | None,
    now: datetime,
    status_list_at: datetime | None = None,
) -> Verdict:
    """The verdict of `policy` on `evidence`. Nothing but the arguments counts, and it does not raise.

    `status_list_at`: when Google last gave the list. Where the policy bounds its age, None is too old.

    1. Every claim of the evidence is collected, by name, and of what stood before it. What is not stated is absent.
    2. Every rule is asked, of each piece of evidence by itself. One that holds applies; one that looks at an absent
       claim applies with its `absent` outcome.
    3. Each piece gets its own vector. A component that the policy affirms stands at the policy's value where all its
       conditions hold. Where one does not and no rule that applied is about that claim alone, it stands at 0: no claim
       is made, and the tier is `none` at most. Then the rules that applied lower their components; none raises any, so
       their order does not matter. A component that nothing spoke of is not in the vector, and evidence that nobody
       could verify has an empty one.
    4. What could not be had or checked caps the tier, as policy says of its class, and may make the advice stricter.
    5. The tier is the worst of all vectors and caps: software evidence lowers what hardware proved and never lifts it.
       History has no vector of its own: its rules lower the platform's.
    6. The advice is the tier's. Where a rule has advice of its own at an action, everything that was found is advised
       by itself there, and the strictest stands.
    """
    claims = collect_claims(
        evidence,
        app=app,
        attack_libraries=policy.attack_libraries,
        attack_packages=policy.attack_packages,
        status_list=status_list if _is_recent(policy, status_list_at, now) else None,
        now=now,
        status_list_at=status_list_at,
    )
    if evidence.past is not None:
        history = collect_history(evidence.past, hard=policy.hard, now=now)
        claims |= {name: value for name, value in history.items() if value is not None}
    if isinstance(evidence.platform, Unattested):
        return judge_unattested(
            claims, cause=evidence.platform.claimed_cause, platforms=_registered_platforms(app), policy=policy
        )
    return judge(claims, platform=_platform_format(evidence, evidence.platform), policy=policy)


def judge(claims: Mapping[str, ClaimValue], *, platform: Format, policy: Policy) -> Verdict:
    """Steps 2 to 6 of `appraise`, on claims by name. What comes beside the platform's statement is there where there
    is a claim of it."""
    kind, purpose = STATEMENTS[platform]
    shown = seen(claims, platform=kind, required=policy.required[kind, purpose], failures=policy.failures)
    failures = [
        _Failed(failure, about or platform, kind, outcome_of(policy.failures, kind, failure))
        for failure, about in shown
    ]
    pieces: list[_Piece] = [(kind, platform), *_beside(kind, claims)]
    verdict = _verdict(claims, pieces, failures, policy)
    looks_back = {rule.name for rule in policy.rules if rule.when.on_history}
    if looks_back.isdisjoint(item.rule for item in verdict.applied):
        return verdict
    of_today = replace(policy, rules=tuple(rule for rule in policy.rules if rule.name not in looks_back))
    return replace(verdict, evidence_tier=_verdict(claims, pieces, failures, of_today).tier)


def judge_unattested(
    claims: Mapping[str, ClaimValue], *, cause: UnattestedCause, platforms: Collection[Evidence], policy: Policy
) -> Verdict:
    """The same of a phone that no platform vouches for: nothing says which one it is, so that it meets what policy says
    of every platform that the app is registered for."""
    reason = _CLAIMED[cause]
    failures = []
    for kind in platforms:
        outcome = outcome_of(policy.failures, kind, Failure.UNSUPPORTED_PHONE)
        if outcome is not NOT_CONFIGURED:
            outcome = replace(outcome, reason=reason)
        failures.append(_Failed(Failure.UNSUPPORTED_PHONE, Format.UNATTESTED, kind, outcome))
        if Format.RASP in policy.required[kind, Purpose.ENROL] and not spoke(Evidence.RASP, claims):
            missing = outcome_of(policy.failures, kind, Failure.MISSING_REPORT)
            failures.append(_Failed(Failure.MISSING_REPORT, Format.RASP, kind, missing))
    pieces: list[_Piece] = [(None, Format.UNATTESTED)]
    if spoke(Evidence.RASP, claims):
        pieces.append((Evidence.RASP, Format.RASP))
    return _verdict(claims, pieces, failures, policy)


def _verdict(
    claims: Mapping[str, ClaimValue],
    pieces: Sequence[_Piece],
    failures: Sequence["_Failed"],
    policy: Policy,
) -> Verdict:
    submodules: list[Submodule] = []
    findings: list[_Finding] = []
    for evidence, format_ in pieces:
        failed = [failure for failure in failures if failure.format is format_]
        vector, found = _apply(policy, evidence, format_, claims, failed)
        findings += found
        tier = Tier.worst(
            [*([vector.tier] if vector.values or not failed else []), *(item.outcome.tier for item in failed)]
        )
        submodules.append(Submodule(format=format_, tier=tier, vector=vector))
    findings += [failed.finding for failed in failures]

    tier = Tier.worst([*(submodule.tier for submodule in submodules), *(failed.outcome.tier for failed in failures)])
    # The sort is stable: among equals, the policy's own order.
    worst_first = sorted(findings, key=lambda finding: -finding.tier.severity)
    return Verdict(
        tier=tier,
        evidence_tier=tier,
        submodules=tuple(submodules),
        reasons=tuple(dict.fromkeys(finding.reason for finding in worst_first)),
        applied=tuple(finding.applied for finding in worst_first if finding.applied is not None),
        advice=_advice(_advice_of(findings, tier, policy), failures),
        policy_id=policy.id,
    )


def _advice_of(findings: Sequence[_Finding], tier: Tier, policy: Policy) -> Mapping[str, Advice]:
    """That of the tier, where no rule has advice of its own. Otherwise each finding behind the tier is advised by
    itself, and the strictest stands; what is less bad and asks for more has its say too."""
    advice = {}
    for action, of_tier in policy.advice[tier].items():
        behind = [finding.actions.get(action, of_tier) for finding in findings if finding.tier is tier] or [of_tier]
        standing = reduce(stricter, behind)
        for finding in findings:
            own = finding.actions.get(action, policy.advice[finding.tier][action])
            if is_milder(standing, own):
                standing = stricter(standing, own)
        advice[action] = standing
    return advice


def _advice(of_tier: Mapping[str, Advice], failures: Sequence["_Failed"]) -> Mapping[str, Advice]:
    advice = dict(of_tier)
    for failed in failures:
        for action, standing in advice.items():
            wanted = failed.outcome.advice_for(action)
            advice[action] = standing if wanted is None else stricter(standing, wanted)
    return advice


def _apply(
    policy: Policy,
    kind: Evidence | None,
    format_: Format,
    claims: Mapping[str, ClaimValue],
    failed: Sequence["_Failed"],
) -> tuple[Vector, list[_Finding]]:
    """`kind` None: nothing vouches for anything here. So does evidence that could not be verified and of which no
    earlier one is kept: what is left of it is that it failed."""
    if kind is None or (failed and not spoke(kind, claims)):
        return Vector(), []
    judges = {kind, Evidence.HISTORY} if format_ in STATEMENTS else {kind}
    applied = [
        (rule, outcome) for rule in policy.rules if rule.evidence in judges and (outcome := _outcome(rule, claims))
    ]
    explained = {name for rule, _ in applied for name in rule.when.claims if rule.explains(name)}
    if any(item.failure is Failure.STALE_LIST for item in failed):
        explained.add("android.revoked")

    values = {}
    findings = []
    for affirmation in policy.affirmations:
        if affirmation.evidence is not kind:
            continue
        open_ = affirmation.when.unmet(claims)
        if not open_:
            values[affirmation.component] = affirmation.value
        elif not open_ <= explained:
            values[affirmation.component] = NO_CLAIM
            findings.append(_Finding(AppraisalReason.NOT_CONFIRMED, Tier.NONE, None))

    if not values and not applied and not failed:
        # A policy of before there was such evidence: nothing in it says what the evidence is worth.
        findings.append(_Finding(AppraisalReason.NOT_CONFIRMED, Tier.NONE, None))

    vector = Vector(values)
    for rule, outcome in applied:
        vector = vector.lowered(outcome.component, outcome.value)
        record = AppliedRule(rule=rule.name, reason=outcome.reason, format=format_)
        actions = rule.actions if outcome == rule.outcome else {}
        findings.append(_Finding(outcome.reason, Tier.of_value(outcome.value), record, actions))
    return vector, findings


def _outcome(rule: Rule, claims: Mapping[str, ClaimValue]) -> Outcome | None:
    match rule.when.ask(claims):
        case Answer.HOLDS:
            return rule.outcome
        case Answer.ABSENT:
            return rule.absent
        case Answer.FAILS:
            return None


def daily_unattested(policy: Policy, app: AppRegistration) -> int | None:
    """How many phones that no platform vouches for the app admits a day (UTC); None: none. Such a phone may be of any
    platform that the app is registered for, so that the strictest of them counts."""
    outcomes = [
        outcome_of(policy.failures, platform, Failure.UNSUPPORTED_PHONE) for platform in _registered_platforms(app)
    ]
    daily = [outcome.daily for outcome in outcomes if outcome.daily is not None]
    return min(daily) if daily and len(daily) == len(outcomes) else None


def _registered_platforms(app: AppRegistration) -> tuple[Evidence, ...]:
    registered = {Evidence.ANDROID: app.android, Evidence.APPLE: app.apple}
    return tuple(kind for kind, reference in registered.items() if reference is not None)


def _beside(kind: Evidence, claims: Mapping[str, ClaimValue]) -> list[_Piece]:
    """What came beside the platform's statement, be it that nobody could verify it."""
    came = {REGISTRY[name].evidence for name in claims}
    return [(Evidence(beside), beside) for beside in BESIDE[kind] if Evidence(beside) in came]


def spoke(kind: Evidence, claims: Mapping[str, ClaimValue]) -> bool:
    """Whether the evidence states anything but how it fared."""
    return any(REGISTRY[name].evidence is kind for name in claims if name != "play_integrity.status")


def _platform_format(evidence: EvidenceSet, platform: KeptEvidence) -> Format:
    """An Android renewal has no statement of its own: then what the instance keeps is appraised. On Apple platforms
    there is always one: an assertion, where it is not an attestation."""
    if isinstance(platform, KeptAndroid):
        return Format.ANDROID_KEY if Format.ANDROID_KEY in evidence.fresh_formats else Format.INSTANCE
    attested = Format.APPLE_ATTESTATION in evidence.fresh_formats
    return Format.APPLE_ATTESTATION if attested else Format.APPLE_ASSERTION


def _is_recent(policy: Policy, status_list_at: datetime | None, now: datetime) -> bool:
    if policy.oldest_status_list is None:
        return True
    return status_list_at is not None and now - status_list_at <= policy.oldest_status_list
