"""Receipts: what came inside an attestation, or what Apple's server gave for one, verified as Apple's page tells.

Source: https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk, "Verify the receipt".
"""

from datetime import datetime
from typing import Final

from chalicelib.endorsements.anchors import AnchorSet
from chalicelib.model.claims import VerifiedReceipt
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.app_attest.authorities import (
    ChainUntrusted,
    check_anchored,
    check_places,
    check_signed_once,
)
from chalicelib.verifiers.app_attest.receipt_fields import parse_fields
from chalicelib.verifiers.codec import cms, public_keys
from chalicelib.verifiers.codec.cms import SignedData
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.public_keys import PublicKey
from chalicelib.verifiers.codec.x509 import read_certificate

# The extension of the certificates that sign App Attest receipts, and of no other kind. Not documented; in every
# receipt seen (2020 to 2026, three certificates named "Application Attestation Fraud Receipt Signing").
_RECEIPT_SIGNING: Final = "1.2.840.113635.100.12.15"

_MAX_RECEIPT: Final = 16_384  # bytes; genuine ones have 3,700 to 4,000


def verify_receipt(
    unverified: bytes, *, app_id: str, public_key: EcPublicJwk, anchors: AnchorSet, now: datetime
) -> VerifiedReceipt | Refused:
    """What Apple says in it, or why not. `public_key`: the key that the attestation proved; empty `anchors` refuse.

    Apple's steps:

    1. The PKCS #7 signature holds.
    2. Its certificate verifies to Apple's root.
    3. The payload is parsed (`receipt_fields`).
    4. Field 2 is the App ID.
    5. Field 12, the creation time, is at most five minutes ago. Left to the caller: it hinders a replay, which step 6
       and the times in the claims do as well; and a phone may bring its attestation up to an hour after Apple made it.
    6. Field 3 is the key of the attestation.

    Steps 1 and 2 come last: they are the cost. Added: the certificate is one that signs receipts, because the root
    certifies developers' keys as well; and the receipt is not past its end (field 21). The certificates' dates are
    judged at the creation time: a signing certificate lives 13 months, a receipt that it signed must not end with it.
    """
    try:
        signed = cms.read_signed_data(unverified, max_bytes=_MAX_RECEIPT)
        stated = parse_fields(signed.content)

        if stated.app_id != app_id.encode():
            return Refused(RefusalReason.APPLE_RECEIPT_FOREIGN, "step 4: App ID")
        if stated.key_point != public_key.x962:
            return Refused(RefusalReason.APPLE_RECEIPT_FOREIGN, "step 6: attested key")
        if now > stated.expires_at:
            return Refused(RefusalReason.APPLE_RECEIPT_EXPIRED, "added: expiration time")

        signer = _trusted_signer(signed, anchors=anchors, at=stated.created_at)  # step 2
        if not cms.is_signed_by(signed, signer):
            return Refused(RefusalReason.APPLE_RECEIPT_SIGNATURE, "step 1: signature")
    except Malformed as error:
        return Refused(RefusalReason.APPLE_RECEIPT_MALFORMED, str(error))
    except ChainUntrusted as error:
        return Refused(RefusalReason.APPLE_RECEIPT_SIGNATURE, f"step 2: {error}")
    return VerifiedReceipt(
        kind=stated.kind,
        app_id=app_id,
        created_at=stated.created_at,
        expires_at=stated.expires_at,
        not_before=stated.not_before,
        risk_metric=stated.risk_metric,
        environment=stated.environment,
        fields=stated.fields,
        unknown_fields=stated.unknown,
    )


def unverified_creation_time(unverified: bytes) -> datetime | Refused:
    """What a receipt says of itself, for who has no better clock: recorded receipts come without one."""
    try:
        return parse_fields(cms.read_signed_data(unverified, max_bytes=_MAX_RECEIPT).content).created_at
    except Malformed as error:
        return Refused(RefusalReason.APPLE_RECEIPT_MALFORMED, str(error))


def _trusted_signer(signed: SignedData, *, anchors: AnchorSet, at: datetime) -> PublicKey:
    """The key of the one certificate that the signer names, by way of the one that issued it.

    Others that came along, the root among them, are not read. Raises Malformed and ChainUntrusted.
    """
    certificates = [(der, read_certificate(der)) for der in signed.certificates]
    named = [pair for pair in certificates if pair[1].issuer == signed.issuer and pair[1].serial == signed.serial]
    if len(named) != 1:
        raise ChainUntrusted("the signer's certificate is not there exactly once")
    signer_der, signer = named[0]
    issuers = [pair for pair in certificates if pair[1].subject == signer.issuer]
    if len(issuers) != 1:
        raise ChainUntrusted("the issuer's certificate is not there exactly once")
    issuer_der, issuer = issuers[0]

    check_places(signer, issuer, anchors=anchors)
    if signer.extension(_RECEIPT_SIGNING) is None:
        raise ChainUntrusted("the certificate is for something else than receipts")
    if not all(certificate.not_before <= at <= certificate.not_after for certificate in (signer, issuer)):
        raise ChainUntrusted("a certificate is outside its dates")
    check_anchored(issuer_der, anchors=anchors)
    check_signed_once(signer_der, issuer.spki)
    return public_keys.read_public_key(signer.spki)
