"""Verification of an Android Key Attestation, step by step as Google documents it.

Source: https://developer.android.com/privacy-and-security/security-key-attestation ("Retrieve and verify a
hardware-backed key pair"); schema: https://source.android.com/docs/security/features/keystore/attestation
"""

from datetime import datetime
from typing import Final

from chalicelib.endorsements.anchors import AnchorSet, TrustAnchor
from chalicelib.model.claims import Provisioning, SecurityLevel, VerifiedAndroidKey
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import SubmittedAndroidKey
from chalicelib.verifiers.android_key import attest_key
from chalicelib.verifiers.android_key.certified_level import certified_level
from chalicelib.verifiers.android_key.chain import (
    UnverifiedChain,
    check_authorities,
    check_dates,
    check_signatures,
    check_sizes,
    read_chain,
    read_leaf,
)
from chalicelib.verifiers.android_key.key_description import (
    KEY_DESCRIPTION_OID,
    KeyDescription,
    read_key_description,
)
from chalicelib.verifiers.android_key.key_parameters import mismatch
from chalicelib.verifiers.android_key.patch_level import read_patch_level
from chalicelib.verifiers.android_key.provisioning import PROVISIONING_INFO_OID, provisioning_of
from chalicelib.verifiers.android_key.refusal import Refusal
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.public_keys import KeyKind, PublicKey, is_loadable
from chalicelib.verifiers.codec.x509 import UndatedCertificate

# Where the phone's own attestation key stands, leaf first: next to the leaf, or above the app's ATTEST_KEY.
_DIRECTLY: Final = 1
_THROUGH_ATTEST_KEY: Final = 2

# A statement as EAT (CBOR), which early drafts of KeyMint had: not read.
_EAT_OID: Final = "1.3.6.1.4.1.11129.2.1.25"
# Samsung's own statement (Knox attestation), which its phones write beside Android's: not read.
_KNOX_OID: Final = "1.3.6.1.4.1.236.11.3.23.7"
_OTHER_STATEMENTS: Final = (_EAT_OID, _KNOX_OID)


def verify(
    submitted: SubmittedAndroidKey,
    *,
    challenge: bytes,
    anchors: AnchorSet,
    now: datetime,
    admit_attest_keys: bool = False,
) -> VerifiedAndroidKey | Refused:
    """Whether a genuine phone's hardware attested a key for `challenge` (the 32 bytes issued). `now` is aware.

    Google's steps 1 and 2 (get the chain, send it to a server that you trust) are the phone's. Then:

    3. a. Read the chain: its length and its certificates' sizes are bounded, their structure is strict.
       b. The chain ends at a root whose public key is pinned.
       c. Each certificate is signed by the next, by one that may sign, and those whose dates count are within them.
    4. Revocation: not here. A revoked key is genuine evidence of low trust, and is judged again at each renewal by
       today's list; the serial numbers of all that was verified, the root's not, are among the claims.
    5. The provisioning information extension may stand beside the phone's own attestation key only. Its contents (CBOR,
       how many certificates the phone was issued) are not read: no rule uses them yet.
    6. The key description stands in the first certificate and nowhere else, and is well-formed. With
       `admit_attest_keys` it may stand in the second as well, when that holds an ATTEST_KEY of the same app and phone.
       Above, nothing says that the phone attested it, and there are as many authorities as provisioning makes: a key
       that the phone made, whatever its certificate looks like, would be one more.
    7. Its data are consistent and the expected ones:
       a. the challenge is ours,
       b. attestation and key come from hardware, and from no better one than the vendor certified,
       c. it describes the key that the certificate holds.

    The leaf and its challenge (6 and 7a) come first, because they are what a flood of copies fails, and signatures (3c)
    last, because they are the cost; no claim leaves before them.
    Boot state, patch levels and the application id are claims, for appraisal.
    """
    try:
        return _verify(submitted, challenge=challenge, anchors=anchors, now=now, admit_attest_keys=admit_attest_keys)
    except Refusal as refusal:
        return refusal.refused
    except Malformed as error:
        return Refused(RefusalReason.CHAIN_MALFORMED, str(error))


def _verify(
    submitted: SubmittedAndroidKey, *, challenge: bytes, anchors: AnchorSet, now: datetime, admit_attest_keys: bool
) -> VerifiedAndroidKey:
    """Raises Refusal; Malformed is of a certificate."""
    # 3a, as far as 6 and 7a want it
    check_sizes(submitted.x5c)
    leaf = read_leaf(submitted.x5c[0])
    # 6 and 7a
    description = _description(leaf)
    if not challenge or description.challenge != challenge:
        raise Refusal(RefusalReason.KEY_DESCRIPTION_CHALLENGE)

    # 3a, and the cheap parts of 3b and 3c
    chain = read_chain(leaf, unverified_x5c=submitted.x5c, anchors=anchors)
    certificates = chain.certificates
    # 5 and 6. Google says: take the description nearest to the root, and ignore later ones. We refuse a chain that has
    # later ones: whoever extends a chain is not to be enrolled.
    attested_by = _attested_by(certificates, admit_attest_keys=admit_attest_keys)
    _check_provisioning_info(certificates, attested_by=attested_by)
    provisioning = provisioning_of(certificates)
    check_authorities(chain, attested_by=attested_by, provisioning=provisioning)
    attestation = certificates[attested_by]

    # 7b
    if SecurityLevel.SOFTWARE in {description.attestation_security_level, description.key_security_level}:
        raise Refusal(RefusalReason.KEY_NOT_IN_HARDWARE)
    certified = certified_level(attestation)
    if certified is not None and certified < max(
        description.attestation_security_level, description.key_security_level
    ):
        raise Refusal(RefusalReason.KEY_LEVEL_OVERSTATED)
    # 7c
    key = chain.links[0].key
    contradiction = mismatch(description, key)
    if contradiction is not None:
        raise Refusal(RefusalReason.KEY_PARAMETERS_MISMATCH, contradiction)
    if attested_by == _THROUGH_ATTEST_KEY:
        attest_key.check(_description(certificates[1]), key=chain.links[1].key, leaf=description)

    # 3c
    check_dates(chain.issuers[attested_by - 1 :], provisioning=provisioning, now=now)
    anchor = check_signatures(chain, attested_by=attested_by)
    if not is_loadable(key):
        raise Refusal(RefusalReason.CHAIN_KEY_UNSUPPORTED, "the attested key is not a key of its kind")
    return _claims(
        description,
        chain=chain,
        provisioning=provisioning,
        anchor=anchor,
        certified=certified,
        through_attest_key=attested_by == _THROUGH_ATTEST_KEY,
    )


def _attested_by(certificates: tuple[UndatedCertificate, ...], *, admit_attest_keys: bool) -> int:
    """Where the phone's own attestation key stands: below the root, and what it is. Raises Refusal."""
    described = [index for index, certificate in enumerate(certificates) if certificate.extension(KEY_DESCRIPTION_OID)]
    if described == [0]:
        attested_by = _DIRECTLY
    elif admit_attest_keys and described == [0, 1]:
        attested_by = _THROUGH_ATTEST_KEY
    else:
        raise Refusal(RefusalReason.CHAIN_EXTENDED)
    if len(certificates) <= attested_by:
        raise Refusal(RefusalReason.CHAIN_LENGTH, "no attestation key between the phone's and the root")
    if any(certificate.extension(oid) for certificate in certificates[attested_by:] for oid in _OTHER_STATEMENTS):
        raise Refusal(RefusalReason.CHAIN_EXTENDED, "attested by a key that the phone attested in another form")
    return attested_by


def _check_provisioning_info(certificates: tuple[UndatedCertificate, ...], *, attested_by: int) -> None:
    for index, certificate in enumerate(certificates):
        if index != attested_by and certificate.extension(PROVISIONING_INFO_OID):
            raise Refusal(RefusalReason.CHAIN_EXTENDED, "provisioning information is not beside the attestation key")


def _description(certificate: UndatedCertificate) -> KeyDescription:
    extension = certificate.extension(KEY_DESCRIPTION_OID)
    if extension is None:
        form = "it has the EAT form" if certificate.extension(_EAT_OID) else ""
        raise Refusal(RefusalReason.KEY_DESCRIPTION_MISSING, form)
    try:
        return read_key_description(extension.value)
    except Malformed as error:
        raise Refusal(RefusalReason.KEY_DESCRIPTION_MALFORMED, str(error)) from error


def _claims(
    description: KeyDescription,
    *,
    chain: UnverifiedChain,
    provisioning: Provisioning,
    anchor: TrustAnchor,
    certified: SecurityLevel | None,
    through_attest_key: bool,
) -> VerifiedAndroidKey:
    key = chain.links[0].key
    return VerifiedAndroidKey(
        spki=key.spki,
        jwk=_jwk(key),
        attestation_version=description.attestation_version,
        attestation_security_level=description.attestation_security_level,
        key_mint_version=description.key_mint_version,
        key_security_level=description.key_security_level,
        challenge=description.challenge,
        certificate_serials=tuple(certificate.serial for certificate in chain.certificates),
        provisioning=provisioning,
        anchor=anchor.spki_sha256,
        root_of_trust=description.root_of_trust,
        application_id=description.application_id,
        purposes=description.purposes,
        algorithm=description.algorithm,
        key_size=description.key_size,
        ec_curve=description.ec_curve,
        origin=description.origin,
        os_version=description.os_version,
        os_patch_level_raw=description.os_patch_level,
        vendor_patch_level_raw=description.vendor_patch_level,
        boot_patch_level_raw=description.boot_patch_level,
        os_patch_level=read_patch_level(description.os_patch_level),
        vendor_patch_level=read_patch_level(description.vendor_patch_level),
        boot_patch_level=read_patch_level(description.boot_patch_level),
        creation_time_ms=description.creation_time_ms,
        module_hash=description.module_hash,
        unknown_tags=description.unknown_tags,
        model=description.model,
        attest_key=through_attest_key,
        certified_level=certified,
    )


def _jwk(key: PublicKey) -> EcPublicJwk | None:
    if key.kind is not KeyKind.P256 or key.point is None:
        return None
    return EcPublicJwk(x=key.point[1:33], y=key.point[33:])
