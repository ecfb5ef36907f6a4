"""Enrolment: a fresh statement of the platform ties an instance key to a genuine phone and app, once."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.appraisal import Admission
from chalicelib.model.apps import AppleReference, AppRegistration
from chalicelib.model.claims import (
    EvidenceSet,
    KeptAndroid,
    KeptApple,
    KeptEvidence,
    SecurityLevel,
    VerifiedAndroidKey,
    VerifiedProof,
    VerifiedRaspReport,
)
from chalicelib.model.history import History, Past
from chalicelib.model.instances import AppAttestKey, Instance
from chalicelib.model.outcome import Malfunction, Refused
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.model.submission import (
    Format,
    SubmittedAndroidKey,
    SubmittedAppleAssertion,
    SubmittedAppleAttestation,
    SubmittedAttestation,
    SubmittedUnattested,
)
from chalicelib.service.admission import Admitted, TrustAnchors, refused_as_it_stands
from chalicelib.service.ports import MAX_KEPT_RECEIPT, InstanceChange, KeptReceipt, Platform
from chalicelib.verifiers.android_key import verify as verify_android_key
from chalicelib.verifiers.app_attest import verify_attestation

# KeyMint's KeyPurpose and KeyOrigin:
# https://source.android.com/docs/security/features/keystore/attestation#schema
_SIGN, _ATTEST_KEY = 2, 7
_GENERATED = 0


def refused_for_platform(submitted: SubmittedAttestation, *, registration: AppRegistration) -> Refused | None:
    """An app enrols on the platforms that it is registered for. A statement that enrols names its platform by itself.

    A renewal is not asked: its instance enrolled while its platform was registered, and appraisal judges what is left.
    """
    match submitted.statement:
        case SubmittedAndroidKey() if registration.android is None:
            return Refused(RefusalReason.APP_UNKNOWN, "the app is not registered for Android")
        case SubmittedAppleAttestation() if registration.apple is None:
            return Refused(RefusalReason.APP_UNKNOWN, "the app is not registered for Apple platforms")
        case _:
            return None


def enrol(
    submitted: SubmittedAttestation,
    *,
    proof: VerifiedProof,
    rasp: VerifiedRaspReport | None,
    standing: Instance | None,
    registration: AppRegistration,
    anchors: TrustAnchors,
    admits: Collection[Admission],
    most_attestations: int | None,
    now: datetime,
) -> Admitted | Refused:
    """The instance that `submitted` makes, or why it makes none. `standing`: the one that has the proof's key already.
    `submitted` is of a platform that the app is registered for. `admits`: policy's word on evidence that is refused by
    default.

    1. The key is new, or stands enrolled for the same app, unblocked, and below its limit.
    2. The platform's statement verifies.
    3. The statement vouches for the key that signed the proof, and the key is fit.
    4. A key that stands enrolled already keeps its platform key.
    """
    # 1. Before the statement: a look at a record costs less than its signatures.
    if standing is not None and (
        refused := refused_as_it_stands(standing, app=registration.app, most_attestations=most_attestations, now=now)
    ):
        return refused
    # 2. and 3.
    vouched = _vouch(submitted, proof=proof, registration=registration, anchors=anchors, admits=admits, now=now)
    if isinstance(vouched, Refused):
        return vouched
    # 4.
    if standing is not None and _platform_key(standing.app_attest) != _platform_key(vouched.app_attest):
        return Refused(RefusalReason.INSTANCE_KEY_TAKEN)

    kept = _with_what_is_known(vouched.kept, standing=standing)
    # Enrolling the same key again is no new beginning.
    history = History() if standing is None else standing.history
    return Admitted(
        change=InstanceChange.ENROL,
        instance=Instance(
            jwk=proof.jwk,
            app=registration.app,
            kept=kept,
            enrolled_at=now,
            attested_at=now,
            app_attest=vouched.app_attest,
            history=history,
        ),
        receipt=_receipt(vouched, jkt=proof.jwk.jkt, registration=registration, now=now),
        platform=vouched.platform,
        evidence=EvidenceSet(
            platform=kept,
            platform_attested_at=now,
            rasp=rasp,
            past=Past(first_seen=now if standing is None else standing.enrolled_at, history=history),
            fresh_formats=(vouched.format,) if rasp is None else (vouched.format, Format.RASP),
        ),
    )


def enrolment_conflict(
    instance: Instance, *, standing: Instance | None, contended: bool, most_attestations: int | None, now: datetime
) -> Refused:
    """Why the commit of this enrolment met a conflict: `standing` is what has its key now, read again. `contended`: no
    condition failed, another transaction was at work.

    Raises Malfunction(BUSY) where nothing stands in the way, or not any more: the same body is judged again.
    """
    if standing is not None:
        if refused := refused_as_it_stands(standing, app=instance.app, most_attestations=most_attestations, now=now):
            return refused
        if _platform_key(standing.app_attest) != _platform_key(instance.app_attest):
            return Refused(RefusalReason.INSTANCE_KEY_TAKEN)
    elif instance.app_attest is not None and not contended:
        # The instance key is free, so it was the other condition that failed; and that tie is for good.
        return Refused(RefusalReason.APP_ATTEST_KEY_TAKEN)
    raise Malfunction(MalfunctionReason.BUSY, "an enrolment met a conflict that is gone")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vouched:
    """The platform's word on the key that signed the proof."""

    platform: Platform
    format: Format
    kept: KeptEvidence
    app_attest: AppAttestKey | None
    receipt: bytes | None = None


def _vouch(
    submitted: SubmittedAttestation,
    *,
    proof: VerifiedProof,
    registration: AppRegistration,
    anchors: TrustAnchors,
    admits: Collection[Admission],
    now: datetime,
) -> _Vouched | Refused:
    match submitted.statement:
        case SubmittedAndroidKey() as statement:
            return _android(
                statement, challenge=submitted.challenge, proof=proof, anchors=anchors, admits=admits, now=now
            )
        case SubmittedAppleAttestation() as statement if registration.apple is not None:
            return _apple(statement, proof=proof, reference=registration.apple, anchors=anchors, now=now)
        case SubmittedAppleAttestation() | SubmittedAppleAssertion() | SubmittedUnattested() | None:
            return Refused(RefusalReason.EVIDENCE_COMBINATION, "an enrolment without a statement that enrols this app")


def _android(
    statement: SubmittedAndroidKey,
    *,
    challenge: bytes,
    proof: VerifiedProof,
    anchors: TrustAnchors,
    admits: Collection[Admission],
    now: datetime,
) -> _Vouched | Refused:
    verified = verify_android_key(
        statement,
        challenge=challenge,
        anchors=anchors.android,
        now=now,
        admit_attest_keys=Admission.ANDROID_ATTEST_KEYS in admits,
    )
    if isinstance(verified, Refused):
        return verified
    # The challenge inside the statement was fixed before the key existed, so nothing but this comparison ties the
    # statement to the proof, and through it to report, descriptor and audience.
    if verified.jwk is not None and verified.jwk != proof.jwk:
        return Refused(RefusalReason.INSTANCE_KEY_MISMATCH)
    unfit = _unfit(verified)
    if unfit is not None:
        return Refused(RefusalReason.INSTANCE_KEY_UNFIT, unfit)
    return _Vouched(
        platform=Platform.ANDROID, format=Format.ANDROID_KEY, kept=KeptAndroid.of(verified), app_attest=None
    )


def _unfit(verified: VerifiedAndroidKey) -> str | None:
    """What keeps the attested key from being an instance key, if anything does."""
    if verified.jwk is None:
        return "not a P-256 key"
    if _SIGN not in verified.purposes:
        return "not a key for signing"
    # It would vouch for other keys, whose descriptions its holder writes.
    if _ATTEST_KEY in verified.purposes:
        return "an attestation key"
    # An imported key existed outside the hardware, and may still.
    if verified.origin != _GENERATED:
        return "not generated where it is kept"
    if verified.security_level < SecurityLevel.TRUSTED_ENVIRONMENT:
        return "not kept in hardware"
    return None


def _apple(
    statement: SubmittedAppleAttestation,
    *,
    proof: VerifiedProof,
    reference: AppleReference,
    anchors: TrustAnchors,
    now: datetime,
) -> _Vouched | Refused:
    # The binding is the statement's client data, and covers the proof's key: no comparison of keys is left to do.
    verified = verify_attestation(
        statement,
        client_data_hash=proof.binding,
        app_ids=reference.app_ids,
        environment=reference.environment,
        anchors=anchors.apple,
        now=now,
    )
    if isinstance(verified, Refused):
        return verified
    app_attest = AppAttestKey(key_id=verified.key_id, public_key=verified.public_key, counter=verified.counter)
    return _Vouched(
        platform=Platform.APPLE,
        format=Format.APPLE_ATTESTATION,
        kept=KeptApple.of(verified),
        app_attest=app_attest,
        receipt=verified.receipt,
    )


def _receipt(vouched: _Vouched, *, jkt: str, registration: AppRegistration, now: datetime) -> KeptReceipt | None:
    """Kept unread: a bad receipt costs the risk metric, never the attestation. Apple exchanges it at once."""
    wanted = registration.apple is not None and registration.apple.risk_metric_secret is not None
    match vouched:
        case _Vouched(kept=KeptApple() as kept, app_attest=AppAttestKey() as key, receipt=bytes() as receipt) if (
            wanted and len(receipt) <= MAX_KEPT_RECEIPT
        ):
            return KeptReceipt(
                public_key=key.public_key,
                jkt=jkt,
                app=registration.app,
                app_id=kept.app_id,
                environment=kept.environment,
                receipt=receipt,
                due_at=now,
            )
        case _:
            return None


def _with_what_is_known(kept: KeptEvidence, *, standing: Instance | None) -> KeptEvidence:
    """A phone that enrols the same keys again does not shake off what Apple or Google said of it."""
    match kept, standing and standing.kept:
        case KeptApple(), KeptApple(risk_metric=metric):
            return replace(kept, risk_metric=metric)
        case KeptAndroid(), KeptAndroid(play_integrity=verdict):
            return replace(kept, play_integrity=verdict)
        case _:
            return kept


def _platform_key(app_attest: AppAttestKey | None) -> bytes | None:
    return None if app_attest is None else app_attest.key_id
