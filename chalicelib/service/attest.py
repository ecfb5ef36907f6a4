"""Use case: a phone attests (docs/wire.md, section 4). The one place that knows the order of the stages."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.appraisal import appraise
from chalicelib.model.apps import AppRegistration, Audience
from chalicelib.model.claims import VerifiedProof, VerifiedRaspReport
from chalicelib.model.descriptor import Purpose
from chalicelib.model.instances import Instance
from chalicelib.model.outcome import Malfunction, Refused
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.model.submission import SubmittedAttestation, SubmittedUnattested
from chalicelib.model.verdict import Verdict
from chalicelib.results import (
    AttestationToken,
    SigningInput,
    assemble,
    check_token,
    claims_for,
    signing_input,
)
from chalicelib.service import records
from chalicelib.service.admission import Admitted, AdmittedUnattested
from chalicelib.service.beliefs import Beliefs, InForce
from chalicelib.service.challenges import new_challenge, new_reference
from chalicelib.service.enrolment import enrol, enrolment_conflict, refused_for_platform
from chalicelib.service.history import Enrolments, mark_of
from chalicelib.service.play_integrity import PlayIntegrity, refused_integrity_token
from chalicelib.service.ports import (
    AnswerRenderer,
    ChallengeStore,
    Claimed,
    Clock,
    CommitOutcome,
    DecisionLog,
    InProgress,
    InstanceChange,
    InstanceStore,
    NewChallenge,
    Randomness,
    Signer,
    StoredAnswer,
)
from chalicelib.service.renewal import renew, renewal_conflict
from chalicelib.service.unattested import UnattestedPhones
from chalicelib.verifiers.rasp import verify_report
from chalicelib.verifiers.submission import verify_proof

# Seconds that a twin waits for the first arrival's answer: docs/wire.md, "Once only, and retries". A judgement takes
# well under one; the looks in between are consistent reads of one item.
TWIN_WAITS = 2.0
_BETWEEN_LOOKS = 0.1

_JTI_SIZE = 16  # bytes, docs/wire.md section 6

# Renewals that no renewal can follow: the phone has to enrol, and gets the challenge for it.
_ENROLS_NEXT = frozenset(
    {
        RefusalReason.INSTANCE_UNKNOWN,
        RefusalReason.INSTANCE_OTHER_APP,
        RefusalReason.INSTANCE_PLATFORM_MISMATCH,
        RefusalReason.APP_ATTEST_KEY_ID,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A submission that holds its challenge. `now` is the one time that everything about it is judged by; `network`
    is where it came from."""

    submitted: SubmittedAttestation
    network: str
    registration: AppRegistration
    audience: Audience
    believed: InForce
    held: Claimed
    now: datetime
    reference: str

    @property
    def enrols(self) -> bool:
        return self.submitted.descriptor.purpose is Purpose.ENROL


class AttestService:
    """`issuer`: the static endpoint's origin."""

    def __init__(
        self,
        *,
        beliefs: Beliefs,
        challenges: ChallengeStore,
        instances: InstanceStore,
        signer: Signer,
        renderer: AnswerRenderer,
        decisions: DecisionLog,
        play_integrity: PlayIntegrity,
        unattested: UnattestedPhones,
        enrolments: Enrolments,
        clock: Clock,
        randomness: Randomness,
        issuer: str,
    ) -> None:
        self._beliefs = beliefs
        self._challenges = challenges
        self._instances = instances
        self._signer = signer
        self._renderer = renderer
        self._decisions = decisions
        self._play_integrity = play_integrity
        self._unattested = unattested
        self._enrolments = enrolments
        self._clock = clock
        self._randomness = randomness
        self._issuer = issuer

    def attest(self, submitted: SubmittedAttestation, *, network: str) -> StoredAnswer:
        """The one answer to a decoded submission: a token, or a refusal. Raises Malfunction, and then nothing stands.
        `network`: the prefix of the network that it came from, as the edge saw it; no more is kept than a keyed hash.

        1. App, platform and audience are registered. Nothing is spent on an app that nobody knows.
        2. Claim the challenge: one conditional write, before any costly work, so that a flood of copies pays for one
           judgement and no two workers judge the same submission.
        3. Verify, from cheap to costly: the proof (it ties all pieces together, so nothing else is worth reading
           without it), the RASP report, the platform's statement against the instance as it stands (and whether it has
           room in its hour), how many enrolled beside one that enrols, and last an integrity token, which may cost a
           call to Google.
        4. Appraise what was verified: pure, by what is in force, and by what stood before.
        5. Write the token's claims, and record the decision *before* it is signed: a token without a record is a hole
           in the audit, a record without a token is a line to explain.
        6. Sign, and verify the token against itself: nothing leaves that a backend would have to reject.
        7. Commit answer, instance, its history and next challenge in one transaction, *after* signing: whoever loses it
           throws the token away, so that at most one answer ever leaves, and no challenge is spent without one. A
           refusal moves no instance, and leaves no mark on one.
        """
        # 1.
        believed = self._beliefs.in_force()
        asked = submitted.descriptor
        now = self._clock.now()
        registration = believed.apps.get(asked.app)
        if registration is None:
            return self._refuse_unspent(submitted, Refused(RefusalReason.APP_UNKNOWN), now=now)
        if elsewhere := refused_for_platform(submitted, registration=registration):
            return self._refuse_unspent(submitted, elsewhere, now=now)
        audience = registration.audiences.get(asked.aud)
        if audience is None:
            return self._refuse_unspent(submitted, Refused(RefusalReason.AUDIENCE_UNKNOWN), now=now)
        # 2.
        claimed = self._challenges.claim(
            challenge=submitted.challenge,
            app=asked.app,
            purpose=asked.purpose,
            body_digest=submitted.body_digest,
            now=now,
        )
        if isinstance(claimed, StoredAnswer):
            return claimed
        if isinstance(claimed, InProgress):
            return self._answer_of_another(submitted)
        if isinstance(claimed, RefusalReason):
            return self._refuse_unspent(submitted, Refused(claimed), now=now)
        case = _Case(
            submitted=submitted,
            network=network,
            registration=registration,
            audience=audience,
            believed=believed,
            held=claimed,
            now=now,
            reference=new_reference(self._randomness),
        )
        # 3. to 7.
        try:
            return self._judge(case)
        except Malfunction:
            self._release(claimed)
            raise

    def _judge(self, case: _Case) -> StoredAnswer:
        # 3.
        proof = verify_proof(case.submitted)
        if isinstance(proof, Refused):
            return self._refuse(case, proof)
        admitted = self._admit(case, proof)
        if isinstance(admitted, Refused):
            return self._refuse(case, admitted, proof=proof)
        # 4.
        verdict = appraise(
            admitted.evidence,
            app=case.registration,
            policy=case.believed.policy,
            status_list=case.believed.status_list,
            status_list_at=case.believed.status_list_at,
            now=case.now,
        )
        # 5.
        prepared = self._prepare(case, proof, verdict)
        if isinstance(prepared, Refused):
            return self._refuse(case, prepared, proof=proof)
        self._decisions.record(
            records.token(
                case.submitted.descriptor,
                reference=case.reference,
                time=case.now,
                platform=admitted.platform if isinstance(admitted, Admitted) else None,
                verdict=verdict,
                jti=prepared.claims.jti,
                jkt=proof.jwk.jkt,
                believed=case.believed,
            )
        )
        # 6.
        signature = self._signer.sign(prepared.value)
        token = check_token(assemble(prepared, signature), public_jwk=self._signer.public_jwk)
        # 7.
        return self._commit(case, proof, admitted, verdict, token)

    def _admit(self, case: _Case, proof: VerifiedProof) -> Admitted | AdmittedUnattested | Refused:
        rasp = verify_report(proof)
        if isinstance(rasp, Refused):
            return rasp
        standing = self._instances.by_jkt(proof.jwk.jkt)
        misplaced = refused_integrity_token(case.submitted, standing=standing, registration=case.registration)
        if misplaced is not None:
            return misplaced
        if isinstance(case.submitted.statement, SubmittedUnattested) and case.enrols:
            return self._unattested.admit(
                case.submitted.statement,
                rasp=rasp,
                standing=standing,
                registration=case.registration,
                policy=case.believed.policy,
                now=case.now,
            )
        admitted = self._vouched(case, proof, rasp, standing)
        if isinstance(admitted, Admitted) and admitted.change is InstanceChange.ENROL:
            admitted = self._enrolments.weigh(
                admitted,
                app=case.registration.app,
                network=case.network,
                limits=case.believed.policy.limits,
                now=case.now,
            )
        if isinstance(admitted, Refused) or case.submitted.play_integrity is None:
            return admitted
        return self._play_integrity.weigh(
            case.submitted.play_integrity,
            admitted=admitted,
            proof=proof,
            registration=case.registration,
            judged_before=case.held.taken_over,
            now=case.now,
        )

    def _vouched(
        self, case: _Case, proof: VerifiedProof, rasp: VerifiedRaspReport | None, standing: Instance | None
    ) -> Admitted | Refused:
        most_attestations = case.believed.policy.limits.attestations_per_instance
        if not case.enrols:
            return renew(
                case.submitted,
                proof=proof,
                rasp=rasp,
                standing=standing,
                app=case.registration.app,
                most_attestations=most_attestations,
                now=case.now,
            )
        return enrol(
            case.submitted,
            proof=proof,
            rasp=rasp,
            standing=standing,
            registration=case.registration,
            admits=case.believed.policy.admits,
            anchors=case.believed.anchors,
            most_attestations=most_attestations,
            now=case.now,
        )

    def _prepare(self, case: _Case, proof: VerifiedProof, verdict: Verdict) -> SigningInput | Refused:
        claims = claims_for(
            verdict,
            registration=case.registration,
            audience=case.audience,
            descriptor=proof.descriptor,
            jwk=proof.jwk,
            issuer=self._issuer,
            jti=self._randomness.token_bytes(_JTI_SIZE),
            now=case.now,
        )
        return signing_input(claims, kid=self._signer.kid)

    def _commit(
        self,
        case: _Case,
        proof: VerifiedProof,
        admitted: Admitted | AdmittedUnattested,
        verdict: Verdict,
        token: AttestationToken,
    ) -> StoredAnswer:
        # Who has no instance renews nothing.
        following = self._next_challenge(case, Purpose.RENEW if isinstance(admitted, Admitted) else Purpose.ENROL)
        answer = self._renderer.success(
            token=token.text,
            token_kind=token.kind,
            expires_in=token.expires_in,
            next_challenge=following,
            server_time=case.now,
        )
        policy = case.believed.policy
        if isinstance(admitted, AdmittedUnattested):
            return self._commit_answer(case, proof, answer, following)
        outcome = self._challenges.commit(
            held=case.held,
            answer=answer,
            next_challenge=following,
            change=(admitted.change, admitted.instance),
            receipt=admitted.receipt,
            play_integrity=admitted.play_integrity,
            mark=mark_of(verdict, standing=admitted.instance.history, policy=policy, now=case.now),
            enrolments=admitted.enrolments,
        )
        if outcome is CommitOutcome.DONE:
            return answer
        self._record_discarded(case, proof)
        if outcome is CommitOutcome.LOST:
            return self._answer_of_another(case.submitted)
        # The instance, or a count of enrolments, moved between reading it and now; the challenge is still held.
        if outcome is CommitOutcome.ENROLMENT_LIMIT:
            reached = Refused(RefusalReason.ENROLMENT_LIMIT, "enrolments of this hour, reached meanwhile")
            return self._refuse(case, reached, proof=proof)
        standing = self._instances.by_jkt(admitted.instance.jkt)
        most = policy.limits.attestations_per_instance
        if admitted.change is InstanceChange.ENROL:
            contended = outcome is CommitOutcome.INSTANCE_CONTENDED
            refused = enrolment_conflict(
                admitted.instance, standing=standing, contended=contended, most_attestations=most, now=case.now
            )
        else:
            refused = renewal_conflict(admitted.instance, standing=standing, most_attestations=most, now=case.now)
        return self._refuse(case, refused, proof=proof)

    def _refuse(self, case: _Case, refused: Refused, *, proof: VerifiedProof | None = None) -> StoredAnswer:
        """Refusals spend the challenge like tokens do, and stand like them: asking again gives the same answer."""
        enrols = case.enrols or refused.reason in _ENROLS_NEXT
        following = self._next_challenge(case, Purpose.ENROL if enrols else Purpose.RENEW)
        answer = self._renderer.refusal(
            refused=refused, reference=case.reference, next_challenge=following, server_time=case.now
        )
        self._decisions.record(
            records.refusal(
                case.submitted,
                refused,
                reference=case.reference,
                time=case.now,
                proof=proof,
                believed=case.believed,
            )
        )
        return self._commit_answer(case, proof, answer, following)

    def _commit_answer(
        self, case: _Case, proof: VerifiedProof | None, answer: StoredAnswer, following: NewChallenge
    ) -> StoredAnswer:
        """An answer that moves no instance."""
        outcome = self._challenges.commit(held=case.held, answer=answer, next_challenge=following, change=None)
        if outcome is CommitOutcome.DONE:
            return answer
        self._record_discarded(case, proof)
        return self._answer_of_another(case.submitted)

    def _refuse_unspent(self, submitted: SubmittedAttestation, refused: Refused, *, now: datetime) -> StoredAnswer:
        """A refusal that spent nothing: not stored, and no challenge is given away with it."""
        reference = new_reference(self._randomness)
        self._decisions.record(records.refusal(submitted, refused, reference=reference, time=now))
        return self._renderer.refusal(refused=refused, reference=reference, next_challenge=None, server_time=now)

    def _answer_of_another(self, submitted: SubmittedAttestation) -> StoredAnswer:
        """Another worker holds this very submission, or did: its answer, once it stands."""
        deadline = self._clock.monotonic() + TWIN_WAITS
        while True:
            now = self._clock.now()
            seen = self._challenges.look(challenge=submitted.challenge, body_digest=submitted.body_digest, now=now)
            if isinstance(seen, StoredAnswer):
                return seen
            if isinstance(seen, RefusalReason):
                return self._refuse_unspent(submitted, Refused(seen), now=now)
            if self._clock.monotonic() >= deadline:
                raise Malfunction(MalfunctionReason.BUSY, "another worker did not answer in time")
            self._clock.sleep(_BETWEEN_LOOKS)

    def _release(self, held: Claimed) -> None:
        try:
            self._challenges.release(held)
        except Malfunction:
            # The lease runs out by itself; what the phone is told stays the first malfunction.
            return

    def _next_challenge(self, case: _Case, purpose: Purpose) -> NewChallenge:
        return new_challenge(registration=case.registration, purpose=purpose, now=case.now, randomness=self._randomness)

    def _record_discarded(self, case: _Case, proof: VerifiedProof | None) -> None:
        self._decisions.record(records.discarded(case.submitted, reference=case.reference, time=case.now, proof=proof))
