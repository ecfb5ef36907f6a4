"""Google Play's word beside an Android submission: who may send it, what it costs, and what is left where it fails."""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.model.apps import AndroidReference, AppRegistration, PlayIntegrityReference
from chalicelib.model.claims import KeptAndroid, KeptApple, Outage, VerifiedProof
from chalicelib.model.instances import Instance
from chalicelib.model.outcome import Refused, Unavailable
from chalicelib.model.play_integrity import KeptPlayIntegrity, VerifiedPlayIntegrity
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import (
    Format,
    PlayIntegrityRequest,
    SubmittedAppleAssertion,
    SubmittedAppleAttestation,
    SubmittedAttestation,
    SubmittedPlayIntegrity,
    SubmittedUnattested,
)
from chalicelib.service.admission import Admitted
from chalicelib.service.ports import (
    CallBudget,
    Event,
    EventKind,
    EventLog,
    PlayIntegrityDecoder,
    Secrets,
    UnusableCredentials,
)
from chalicelib.verifiers.play_integrity import (
    PlayIntegritySecret,
    UnusableSecret,
    open_classic,
    read_secret,
    verify_payload,
)

_CALL = "play_integrity"
# Calls a day (UTC) for one instance, which would spend the app's whole day otherwise. An app asks when it enrols, and
# then days apart (docs/evidence/play-integrity.md): ten leave room for whatever fails.
DAILY_CALLS_OF_AN_INSTANCE = 10


def refused_integrity_token(
    submitted: SubmittedAttestation, *, standing: Instance | None, registration: AppRegistration
) -> Refused | None:
    """Why no integrity token may come with this submission, if one does: what can be said without reading it.

    `standing`: the instance that has the proof's key; it tells the platform of a renewal, which names none itself.
    """
    if submitted.play_integrity is None:
        return None
    if isinstance(submitted.statement, SubmittedUnattested):
        return Refused(RefusalReason.EVIDENCE_COMBINATION, "an integrity token beside no statement of the platform's")
    apples_statement = isinstance(submitted.statement, SubmittedAppleAttestation | SubmittedAppleAssertion)
    if apples_statement or (standing is not None and isinstance(standing.kept, KeptApple)):
        return Refused(RefusalReason.EVIDENCE_COMBINATION, "an integrity token of Google Play's from an Apple platform")
    reference = registration.android.play_integrity if registration.android else None
    if reference is None or submitted.play_integrity.request not in reference.requests:
        return Refused(RefusalReason.PLAY_INTEGRITY_NOT_CONFIGURED)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayIntegrity:
    """`allow_test_responses`: in test stages, verdicts that the app's owner set for testers in the Play Console."""

    secrets: Secrets
    decoder: PlayIntegrityDecoder
    budget: CallBudget
    events: EventLog
    allow_test_responses: bool = False

    def weigh(
        self,
        submitted: SubmittedPlayIntegrity,
        *,
        admitted: Admitted,
        proof: VerifiedProof,
        registration: AppRegistration,
        judged_before: bool,
        now: datetime,
    ) -> Admitted | Refused:
        """`admitted` with what Google says beside it. Everything else about the submission held: this is the last
        evidence that is looked at, because a standard token costs a call that is limited and takes its time.

        1. A standard token is new to Google. `judged_before`: an attempt at this submission ended without an answer,
           perhaps after Google had decoded the token, and what Google decodes again it says nothing good of.
        2. The app's secret is read, and has what this kind of request needs.
        3. The token is opened: a classic one here, with the app's keys; a standard one by Google, once an access token
           is at hand and the day's budgets, the instance's and then the app's, have room for the call.
        4. The payload is held against this submission.

        What nobody says no to (1 to 3) leaves the verdict unavailable, and the one that stands untouched, and never
        fails the submission: policy says what that means. It raises an event, but for what a phone does to itself alone
        (1, which was a malfunction, and the instance's budget). The events of an outage are as many as the phones that
        met it, which is how large it is.

        No token is remembered to be refused a second time. Its hash or nonce is the binding, which covers a challenge
        that is spent once and the key that proved it: a second submission of the same token has another binding.

        Raises Malfunction(STORE_UNAVAILABLE): the budget's table is the one that every submission needs.
        """
        android = registration.android
        kept = admitted.instance.kept
        # `refused_integrity_token` looked before; this tells the type checker, and what is wired wrongly.
        if android is None or android.play_integrity is None or not isinstance(kept, KeptAndroid):
            raise ValueError("an integrity token of an app or an instance that sends none")
        verified = self._verify(
            submitted,
            app=registration.app,
            android=android,
            reference=android.play_integrity,
            package=_package(kept, android),
            proof=proof,
            judged_before=judged_before,
            now=now,
        )
        match verified:
            case Refused():
                return verified
            case Unavailable(why=why):
                unavailable = {**admitted.evidence.unavailable, Format.PLAY_INTEGRITY: why}
                return replace(admitted, evidence=replace(admitted.evidence, unavailable=unavailable))
            case VerifiedPlayIntegrity():
                brought = KeptPlayIntegrity(verdict=verified, verified_at=now)
                moved = replace(kept, play_integrity=brought)
                return replace(
                    admitted,
                    instance=replace(admitted.instance, kept=moved),
                    play_integrity=brought,
                    evidence=replace(
                        admitted.evidence,
                        platform=moved,
                        fresh_formats=(*admitted.evidence.fresh_formats, Format.PLAY_INTEGRITY),
                    ),
                )

    def _verify(
        self,
        submitted: SubmittedPlayIntegrity,
        *,
        app: str,
        android: AndroidReference,
        reference: PlayIntegrityReference,
        package: str,
        proof: VerifiedProof,
        judged_before: bool,
        now: datetime,
    ) -> VerifiedPlayIntegrity | Refused | Unavailable:
        # 1.
        if judged_before and submitted.request is PlayIntegrityRequest.STANDARD:
            return Unavailable("Google may have decoded the token before")
        # 2.
        secret = self._secret(reference, app=app, now=now)
        if isinstance(secret, Unavailable):
            return secret
        # 3.
        opened: bytes | Refused | Unavailable
        if submitted.request is PlayIntegrityRequest.CLASSIC:
            opened = self._open_classic(submitted.token, secret, app=app, now=now)
        else:
            opened = self._decode(
                submitted.token,
                secret,
                app=app,
                jkt=proof.jwk.jkt,
                package=package,
                limit=reference.daily_calls,
                now=now,
            )
        if not isinstance(opened, bytes):
            return opened
        # 4.
        return verify_payload(
            opened,
            request=submitted.request,
            binding=proof.binding,
            packages=android.packages,
            signature_digests=android.signature_digests,
            now=now,
            allow_test_responses=self.allow_test_responses,
        )

    def _secret(
        self, reference: PlayIntegrityReference, *, app: str, now: datetime
    ) -> PlayIntegritySecret | Unavailable:
        document = self.secrets.read(reference.secret)
        if isinstance(document, Unavailable):
            return self._unavailable(EventKind.SECRET_UNUSABLE, app=app, detail=document.detail, now=now)
        try:
            return read_secret(document)
        except UnusableSecret as error:
            return self._unavailable(EventKind.SECRET_UNUSABLE, app=app, detail=str(error), now=now)

    def _open_classic(
        self, token: str, secret: PlayIntegritySecret, *, app: str, now: datetime
    ) -> bytes | Refused | Unavailable:
        if secret.classic is None:
            return self._unavailable(
                EventKind.SECRET_UNUSABLE, app=app, detail="the secret has no keys for classic requests", now=now
            )
        return open_classic(token, keys=secret.classic)

    def _decode(
        self,
        token: str,
        secret: PlayIntegritySecret,
        *,
        app: str,
        jkt: str,
        package: str,
        limit: int,
        now: datetime,
    ) -> bytes | Refused | Unavailable:
        if secret.service_account is None:
            return self._unavailable(
                EventKind.SECRET_UNUSABLE, app=app, detail="the secret has no service account", now=now
            )
        call = self.decoder.access(service_account=secret.service_account)
        if isinstance(call, Unavailable | UnusableCredentials):
            return self._not_decoded(call, app=app, now=now)
        # The instance's first: what it may not spend is left to the others.
        if not self.budget.spend(app=app, call=f"{_CALL}#{jkt}", limit=DAILY_CALLS_OF_AN_INSTANCE, now=now):
            return Unavailable("the instance's calls of today are spent", Outage.BUDGET_SPENT)
        if not self.budget.spend(app=app, call=_CALL, limit=limit, now=now):
            return self._unavailable(EventKind.BUDGET_SPENT, app=app, detail=_CALL, now=now)
        decoded = call.decode(package=package, token=token)
        if isinstance(decoded, Unavailable | UnusableCredentials):
            return self._not_decoded(decoded, app=app, now=now)
        return decoded

    def _not_decoded(self, why: Unavailable | UnusableCredentials, *, app: str, now: datetime) -> Unavailable:
        ours = isinstance(why, UnusableCredentials)
        kind = EventKind.SECRET_UNUSABLE if ours else EventKind.VENDOR_UNAVAILABLE
        return self._unavailable(kind, app=app, detail=why.detail, now=now)

    def _unavailable(self, kind: EventKind, *, app: str, detail: str, now: datetime) -> Unavailable:
        self.events.raise_event(Event(kind=kind, subject=app, time=now, detail=detail))
        return Unavailable(detail, Outage.BUDGET_SPENT if kind is EventKind.BUDGET_SPENT else Outage.UNAVAILABLE)


def _package(kept: KeptAndroid, android: AndroidReference) -> str:
    """The one that Google is asked about: whichever registered package the hardware says the app is. Where it says
    none of them, the first: then Google says no, or the payload's own package does."""
    stated = {package.name for package in kept.packages}
    return next((name for name in android.packages if name in stated), android.packages[0])
