"""Renewal: an enrolled instance proves that it is still itself, and is judged by today's lists and policy."""

from dataclasses import replace
from datetime import datetime

from chalicelib.model.claims import EvidenceSet, KeptAndroid, KeptApple, VerifiedProof, VerifiedRaspReport
from chalicelib.model.history import Past
from chalicelib.model.instances import Instance
from chalicelib.model.outcome import Malfunction, Refused
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.model.submission import Format, SubmittedAppleAssertion, SubmittedAttestation
from chalicelib.service.admission import Admitted, refused_as_it_stands
from chalicelib.service.ports import InstanceChange, Platform
from chalicelib.verifiers.app_attest import verify_assertion


def renew(
    submitted: SubmittedAttestation,
    *,
    proof: VerifiedProof,
    rasp: VerifiedRaspReport | None,
    standing: Instance | None,
    app: str,
    most_attestations: int | None,
    now: datetime,
) -> Admitted | Refused:
    """The instance as this renewal moves it, or why not. `standing`: the one that has the proof's key.

    1. The key is enrolled, for this app, unblocked, and below its limit.
    2. The evidence is that of the instance's platform: no statement beside the proof on Android, an assertion on
       Apple's.
    3. The assertion verifies under the App Attest key that enrolled with this instance key, and its counter rises.
    """
    # 1.
    if standing is None:
        return Refused(RefusalReason.INSTANCE_UNKNOWN)
    if refused := refused_as_it_stands(standing, app=app, most_attestations=most_attestations, now=now):
        return refused
    # 2. and 3.
    match standing.kept:
        case KeptAndroid():
            if submitted.statement is not None:
                return Refused(
                    RefusalReason.INSTANCE_PLATFORM_MISMATCH, "enrolled on Android, renewed with a statement"
                )
            # `attested_at` stays: the platform did not speak again, and policy may mind how long ago it did.
            return _admitted(standing, platform=Platform.ANDROID, format_=Format.INSTANCE, rasp=rasp)
        case KeptApple() as kept:
            moved = _asserted(submitted, proof=proof, standing=standing, kept=kept, now=now)
            if isinstance(moved, Refused):
                return moved
            return _admitted(moved, platform=Platform.APPLE, format_=Format.APPLE_ASSERTION, rasp=rasp)


def renewal_conflict(
    instance: Instance, *, standing: Instance | None, most_attestations: int | None, now: datetime
) -> Refused:
    """Why the commit of this renewal met a conflict: `standing` is what has its key now, read again.

    Raises Malfunction(BUSY) where nothing stands in the way any more: the same body is judged again.
    """
    if standing is None:
        return Refused(RefusalReason.INSTANCE_UNKNOWN)
    if refused := refused_as_it_stands(standing, app=instance.app, most_attestations=most_attestations, now=now):
        return refused
    if instance.app_attest and standing.app_attest and standing.app_attest.counter >= instance.app_attest.counter:
        return Refused(RefusalReason.COUNTER_OVERTAKEN)
    raise Malfunction(MalfunctionReason.BUSY, "a renewal met a conflict that is gone")


def _asserted(
    submitted: SubmittedAttestation, *, proof: VerifiedProof, standing: Instance, kept: KeptApple, now: datetime
) -> Instance | Refused:
    """`standing` with what the assertion says now in place of what earlier ones said."""
    if not isinstance(submitted.statement, SubmittedAppleAssertion) or standing.app_attest is None:
        return Refused(RefusalReason.INSTANCE_PLATFORM_MISMATCH, "enrolled on an Apple platform, renewed without it")
    # The instance key alone may be copied from where it lives. The enrolled App Attest key cannot, and signs for it.
    enrolled = standing.app_attest
    verified = verify_assertion(
        submitted.statement,
        client_data_hash=proof.binding,
        app_id=kept.app_id,
        key_id=enrolled.key_id,
        public_key=enrolled.public_key,
        stored_counter=enrolled.counter,
    )
    if isinstance(verified, Refused):
        return verified
    return replace(
        standing,
        kept=replace(kept, validation=verified.validation),
        attested_at=now,
        app_attest=replace(enrolled, counter=verified.counter),
    )


def _admitted(instance: Instance, *, platform: Platform, format_: Format, rasp: VerifiedRaspReport | None) -> Admitted:
    return Admitted(
        change=InstanceChange.RENEW,
        instance=instance,
        platform=platform,
        evidence=EvidenceSet(
            platform=instance.kept,
            platform_attested_at=instance.attested_at,
            rasp=rasp,
            past=Past(first_seen=instance.enrolled_at, history=instance.history),
            fresh_formats=(format_,) if rasp is None else (format_, Format.RASP),
        ),
    )
