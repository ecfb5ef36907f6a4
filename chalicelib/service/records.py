"""Decision records of attestations: one shape per outcome, and nothing in them that a log must not hold."""

from datetime import datetime

from chalicelib.model.claims import VerifiedProof
from chalicelib.model.descriptor import Descriptor
from chalicelib.model.outcome import Refused
from chalicelib.model.submission import (
    SubmittedAndroidKey,
    SubmittedAppleAssertion,
    SubmittedAppleAttestation,
    SubmittedAttestation,
)
from chalicelib.model.verdict import Verdict
from chalicelib.service.beliefs import InForce
from chalicelib.service.ports import DecisionOutcome, DecisionRecord, Platform
from chalicelib.service.refused_vector import vector_of_refusal


def token(
    descriptor: Descriptor,
    *,
    reference: str,
    time: datetime,
    platform: Platform | None,
    verdict: Verdict,
    jti: str,
    jkt: str,
    believed: InForce,
) -> DecisionRecord:
    """The intent to sign. `platform` None: nobody vouches for any."""
    return DecisionRecord(
        reference=reference,
        time=time,
        outcome=DecisionOutcome.TOKEN,
        app=descriptor.app,
        purpose=descriptor.purpose,
        audience=descriptor.aud,
        platform=platform,
        jkt=jkt,
        jti=jti,
        tier=verdict.tier,
        reasons=verdict.reasons,
        applied=verdict.applied,
        policy_id=verdict.policy_id,
        endorsements_id=believed.endorsements_id,
        endorsement_ages=believed.ages(time),
        formats=tuple(submodule.format for submodule in verdict.submodules),
        vectors={submodule.format: submodule.vector for submodule in verdict.submodules},
    )


def refusal(
    submitted: SubmittedAttestation,
    refused: Refused,
    *,
    reference: str,
    time: datetime,
    proof: VerifiedProof | None = None,
    believed: InForce | None = None,
) -> DecisionRecord:
    """`proof` None: refused before or by it, so that no key is proven to belong to whoever submitted. `believed` None:
    nothing was judged."""
    return DecisionRecord(
        reference=reference,
        time=time,
        outcome=DecisionOutcome.REFUSED,
        app=submitted.descriptor.app,
        purpose=submitted.descriptor.purpose,
        audience=submitted.descriptor.aud,
        platform=_submitted_platform(submitted),
        jkt=proof.jwk.jkt if proof else None,
        refusal=refused.reason,
        detail=refused.detail,
        policy_id=believed.policy.id if believed else None,
        endorsements_id=believed.endorsements_id if believed else None,
        endorsement_ages=believed.ages(time) if believed else {},
        vectors=vector_of_refusal(submitted, refused.reason),
    )


def discarded(
    submitted: SubmittedAttestation, *, reference: str, time: datetime, proof: VerifiedProof | None
) -> DecisionRecord:
    """What was recorded before under `reference` never left."""
    return DecisionRecord(
        reference=reference,
        time=time,
        outcome=DecisionOutcome.DISCARDED,
        app=submitted.descriptor.app,
        purpose=submitted.descriptor.purpose,
        audience=submitted.descriptor.aud,
        platform=_submitted_platform(submitted),
        jkt=proof.jwk.jkt if proof else None,
    )


def _submitted_platform(submitted: SubmittedAttestation) -> Platform | None:
    """What the phone says it is. An Android renewal says nothing."""
    match submitted.statement:
        case SubmittedAndroidKey():
            return Platform.ANDROID
        case SubmittedAppleAttestation() | SubmittedAppleAssertion():
            return Platform.APPLE
        case _:
            return None
