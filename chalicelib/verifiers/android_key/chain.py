"""The certificate chain: bounded, ended at a pinned key, dated by its kind, and signed link by link.

Not RFC 5280 path validation: a third of genuine chains fails it (no keyCertSign, attestation keys that are no
authority, empty distribution points). Names are not compared: a link is a signature by the next certificate's key, and
nothing else is one.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chalicelib.endorsements.anchors import AnchorSet, TrustAnchor
from chalicelib.endorsements.google_roots import AOSP_SOFTWARE_SPKI_SHA256
from chalicelib.model.claims import Provisioning
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.android_key.key_description import KEY_DESCRIPTION_OID
from chalicelib.verifiers.android_key.provisioning import PROVISIONING_INFO_OID
from chalicelib.verifiers.android_key.refusal import Refusal
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.public_keys import (
    PublicKey,
    SignatureAlgorithm,
    fits,
    is_signed_by,
    read_public_key,
    signature_algorithm,
)
from chalicelib.verifiers.codec.x509 import BASIC_CONSTRAINTS_OID, Certificate, read_certificate

# docs/wire.md, section 4. Genuine chains have four or five certificates of at most 2,570 bytes.
_MAX_CERTIFICATES: Final = 10
_MAX_CERTIFICATE_BYTES: Final = 8192
# A leaf and whoever signed it: a leaf alone is never signed by the phone's attestation key.
_MIN_CERTIFICATES: Final = 2

# RFC 5280 section 4.2: a critical extension that is not understood refuses the certificate. These are read here, or
# say what this chain's rules do not ask for.
_UNDERSTOOD_CRITICAL: Final = frozenset(
    {
        KEY_DESCRIPTION_OID,
        PROVISIONING_INFO_OID,
        "2.5.29.15",  # keyUsage: genuine attestation keys lack keyCertSign
        BASIC_CONSTRAINTS_OID,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedChain:
    """`certificates`: leaf first, *without* the root. `roots`: the pinned keys that may have signed the last.

    They are no more than an `AnchorSet` takes: a chain without its root is tried against each.
    """

    certificates: tuple[Certificate, ...]
    keys: tuple[PublicKey, ...]
    algorithms: tuple[SignatureAlgorithm, ...]
    roots: tuple[tuple[TrustAnchor, PublicKey], ...]


def read_chain(unverified_x5c: Sequence[bytes]) -> tuple[Certificate, ...]:
    """Every certificate, by structure alone. Raises Refusal, Malformed."""
    if not _MIN_CERTIFICATES <= len(unverified_x5c) <= _MAX_CERTIFICATES:
        raise Refusal(RefusalReason.CHAIN_LENGTH, f"{len(unverified_x5c)} certificates")
    if any(len(data) > _MAX_CERTIFICATE_BYTES for data in unverified_x5c):
        raise Malformed(f"a certificate is larger than {_MAX_CERTIFICATE_BYTES} bytes")
    certificates = tuple(read_certificate(data) for data in unverified_x5c)
    for certificate in certificates:
        if any(entry.critical and entry.oid not in _UNDERSTOOD_CRITICAL for entry in certificate.extensions):
            raise Malformed("a certificate has a critical extension that is not understood")
    return certificates


def end_at_root(certificates: tuple[Certificate, ...], *, anchors: AnchorSet) -> UnverifiedChain:
    """Find the pinned key that the chain ends at, and the keys and algorithms on the way. Raises Refusal.

    The first certificate is never the root, whatever key it holds: somebody has to have signed it.
    """
    pinned = [anchors.by_spki(certificate.spki) for certificate in certificates[1:]]
    if any(pinned[:-1]):
        raise Refusal(RefusalReason.CHAIN_LENGTH, "certificates follow the root")
    root = pinned[-1]
    below = certificates if root is None else certificates[:-1]
    if root is None and hashlib.sha256(certificates[-1].spki).hexdigest() in AOSP_SOFTWARE_SPKI_SHA256:
        raise Refusal(RefusalReason.CHAIN_ROOT_SOFTWARE)
    try:
        keys = tuple(read_public_key(certificate.spki) for certificate in below)
        algorithms = tuple(signature_algorithm(certificate.signature_algorithm) for certificate in below)
        candidates = tuple(_readable(anchors)) if root is None else ((root, read_public_key(root.spki)),)
    except Malformed as error:
        raise Refusal(RefusalReason.CHAIN_KEY_UNSUPPORTED, str(error)) from error
    roots = tuple((anchor, key) for anchor, key in candidates if fits(key, algorithms[-1]))
    if not roots:
        raise Refusal(RefusalReason.CHAIN_ROOT_UNKNOWN, "no trusted root can have signed it")
    if not all(fits(key, algorithm) for key, algorithm in zip(keys[1:], algorithms[:-1], strict=True)):
        raise Refusal(RefusalReason.CHAIN_SIGNATURE, "a signature is of another kind than its issuer's key")
    return UnverifiedChain(
        certificates=below,
        keys=keys,
        algorithms=algorithms,
        roots=roots,
    )


def check_authorities(certificates: tuple[Certificate, ...]) -> None:
    """Raises Refusal, Malformed. Whatever signs another signer is a certification authority, in its bounds.

    The phone's own attestation key signs the leaf and nothing else; genuine ones state cA FALSE, or nothing. All that
    stands above it is the vendor's, and every genuine one states cA TRUE. RFC 5280 does not count self-issued
    certificates against the path length; here they count, as names are not compared.
    """
    for below, certificate in enumerate(certificates[2:], start=1):
        allowed = certificate.authority_over()
        if allowed is None or below > allowed:
            raise Refusal(RefusalReason.CHAIN_SIGNATURE, "a certificate signs another signer and may not")


def check_dates(certificates: tuple[Certificate, ...], *, provisioning: Provisioning, now: datetime) -> None:
    """Raises Refusal. Both ends of a validity period belong to it (RFC 5280 section 4.1.2.5).

    The leaf's dates are the phone's own clock's, and the root's are those of a certificate, not of the pinned key: both
    are ignored. Factory keys cannot be renewed in a phone that was sold, so their certificates may be expired; remotely
    provisioned ones live for weeks and may not.
    """
    for certificate in certificates[1:]:
        if now < certificate.not_before:
            raise Refusal(RefusalReason.CHAIN_EXPIRED, "an intermediate is not yet valid")
        if provisioning is not Provisioning.FACTORY and now > certificate.not_after:
            raise Refusal(RefusalReason.CHAIN_EXPIRED, "an intermediate has expired")


def check_signatures(chain: UnverifiedChain) -> TrustAnchor:
    """The anchor that the chain hangs from. Raises Refusal.

    From the root down, so that a chain made up under a copied root costs one signature check.
    """
    last = chain.certificates[-1]
    anchor = next(
        (anchor for anchor, key in chain.roots if _signed(last, chain.algorithms[-1], key)),
        None,
    )
    if anchor is None:
        raise Refusal(RefusalReason.CHAIN_ROOT_UNKNOWN, "not signed by a trusted root")
    for index in range(len(chain.certificates) - 2, -1, -1):
        if not _signed(chain.certificates[index], chain.algorithms[index], chain.keys[index + 1]):
            raise Refusal(RefusalReason.CHAIN_SIGNATURE, f"certificate {index}")
    return anchor


def _readable(anchors: AnchorSet) -> Iterator[tuple[TrustAnchor, PublicKey]]:
    """Those whose key is of an accepted kind: the others can have signed nothing that is accepted here, and one of them
    says nothing about a chain that does not hold it."""
    for anchor in anchors:
        try:
            key = read_public_key(anchor.spki)
        except Malformed:
            continue
        yield anchor, key


def _signed(certificate: Certificate, algorithm: SignatureAlgorithm, key: PublicKey) -> bool:
    return is_signed_by(key, algorithm=algorithm, signature=certificate.signature, message=certificate.tbs)
