"""The pure function that applies a policy to evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from chalicelib.appraisal.ar4si import NO_CLAIM
from chalicelib.appraisal.claims import BESIDE, REGISTRY, STATEMENTS, ClaimValue, Evidence
from chalicelib.appraisal.collect import collect_claims
from chalicelib.appraisal.conditions import Answer
from chalicelib.appraisal.policy import Outcome, Policy, Rule
from chalicelib.endorsements.google_status import StatusList
from chalicelib.model.apps import AppRegistration
from chalicelib.model.claims import EvidenceSet, KeptAndroid
from chalicelib.model.reasons import AppraisalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Tier, Vector
from chalicelib.model.verdict import AppliedRule, Submodule, Verdict

STATUS_LIST: Final = "google_status"


@dataclass(frozen=True, slots=True)
class _Finding:
    """Why, and how bad; `applied` is None where it was no rule."""

    reason: AppraisalReason
    tier: Tier
    applied: AppliedRule | None


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

    1. Every claim of the evidence is collected, by name. What the evidence does not bear is absent.
    2. Every rule is asked, of each piece of evidence by itself. One that holds applies; one that looks at an absent
       claim applies with its `absent` outcome.
    3. Each piece gets its own vector. A component that the policy affirms stands at the policy's value where all its
       conditions hold. Where one does not and no rule that applied looked at the same claim, it stands at 0: no claim
       is made, and the tier is `none` at most. Then the rules that applied lower their components; none raises any, so
       their order does not matter. A component that nothing spoke of is not in the vector.
    4. Required evidence that is missing caps the tier.
    5. The tier is the worst of all vectors and caps: software evidence lowers what hardware proved and never lifts it.
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
    ages = {} if status_list_at is None else {STATUS_LIST: int((now - status_list_at).total_seconds())}
    return replace(judge(claims, platform=_platform_format(evidence), policy=policy), ages=ages)


def judge(claims: Mapping[str, ClaimValue], *, platform: Format, policy: Policy) -> Verdict:
    """Steps 2 to 5 of `appraise`, on claims by name. What comes beside the platform's statement is there where there
    is a claim of it."""
    kind, purpose = STATEMENTS[platform]
    spoke = {REGISTRY[name].evidence for name in claims}
    pieces = [(kind, platform), *((Evidence(beside), beside) for beside in BESIDE[kind] if Evidence(beside) in spoke)]

    submodules: list[Submodule] = []
    findings: list[_Finding] = []
    for evidence, format_ in pieces:
        vector, found = _apply(policy, evidence, format_, claims)
        submodules.append(Submodule(format=format_, tier=vector.tier, vector=vector))
        findings += found

    present = {format_ for _, format_ in pieces}
    caps = [policy.missing[needed] for needed in policy.required[kind, purpose] if needed not in present]
    findings += [_Finding(cap.reason, cap.tier, None) for cap in caps]

    tier = Tier.worst([*(submodule.tier for submodule in submodules), *(cap.tier for cap in caps)])
    # The sort is stable: among equals, the policy's own order.
    worst_first = sorted(findings, key=lambda finding: -finding.tier.severity)
    return Verdict(
        tier=tier,
        submodules=tuple(submodules),
        reasons=tuple(dict.fromkeys(finding.reason for finding in worst_first)),
        applied=tuple(finding.applied for finding in worst_first if finding.applied is not None),
        advice=policy.advice[tier],
        policy_id=policy.id,
    )


def _apply(
    policy: Policy, kind: Evidence, format_: Format, claims: Mapping[str, ClaimValue]
) -> tuple[Vector, list[_Finding]]:
    applied = [
        (rule, outcome) for rule in policy.rules if rule.evidence is kind and (outcome := _outcome(rule, claims))
    ]
    looked_at = {name for rule, _ in applied for name in rule.when.claims}

    values = {}
    findings = []
    for affirmation in policy.affirmations:
        if affirmation.evidence is not kind:
            continue
        open_ = affirmation.when.unmet(claims)
        if not open_:
            values[affirmation.component] = affirmation.value
        elif not open_ <= looked_at:
            values[affirmation.component] = NO_CLAIM
            findings.append(_Finding(AppraisalReason.NOT_CONFIRMED, Tier.NONE, None))

    if not values and not applied:
        # A policy of before there was such evidence: nothing in it says what the evidence is worth.
        findings.append(_Finding(AppraisalReason.NOT_CONFIRMED, Tier.NONE, None))

    vector = Vector(values)
    for rule, outcome in applied:
        vector = vector.lowered(outcome.component, outcome.value)
        record = AppliedRule(rule=rule.name, reason=outcome.reason, format=format_)
        findings.append(_Finding(outcome.reason, Tier.of_value(outcome.value), record))
    return vector, findings


def _outcome(rule: Rule, claims: Mapping[str, ClaimValue]) -> Outcome | None:
    match rule.when.ask(claims):
        case Answer.HOLDS:
            return rule.outcome
        case Answer.ABSENT:
            return rule.absent
        case Answer.FAILS:
            return None


def _platform_format(evidence: EvidenceSet) -> Format:
    """An Android renewal has no statement of its own: then what the instance keeps is appraised. On Apple platforms
    there is always one: an assertion, where it is not an attestation."""
    if isinstance(evidence.platform, KeptAndroid):
        return Format.ANDROID_KEY if Format.ANDROID_KEY in evidence.fresh_formats else Format.INSTANCE
    attested = Format.APPLE_ATTESTATION in evidence.fresh_formats
    return Format.APPLE_ATTESTATION if attested else Format.APPLE_ASSERTION


def _is_recent(policy: Policy, status_list_at: datetime | None, now: datetime) -> bool:
    if policy.oldest_status_list is None:
        return True
    return status_list_at is not None and now - status_list_at <= policy.oldest_status_list
