"""The certificate chain: bounded, ended at a pinned key, dated by its kind, and signed link by link.

Not RFC 5280 path validation: a third of genuine chains fails it (no keyCertSign, attestation keys that are no
authority, empty distribution points). Names are not compared: a link is a signature by the next certificate's key, and
nothing else is one.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
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
from chalicelib.verifiers.codec.x509 import (
    BASIC_CONSTRAINTS_OID,
    Certificate,
    UndatedCertificate,
    read_certificate,
    read_spki,
    read_undated_certificate,
)

# docs/wire.md, section 4. Genuine chains have four or five certificates of at most 2,570 bytes; with an ATTEST_KEY and
# every certificate of the root nine.
_MAX_CERTIFICATES: Final = 10
_MAX_CERTIFICATE_BYTES: Final = 8192
# A leaf and whoever signed it: a leaf alone is never signed by the phone's attestation key.
_MIN_CERTIFICATES: Final = 2

# Certification authorities between a phone's attestation key and the root. In the factory, the vendor's intermediate
# has certified the batch's key; remotely, one of Google's authorities the other (Droid CA2, Droid CA3), and that one
# the phone's key. Google's verifier counts them as well, and takes what is of neither kind for a factory's.
# Source: https://github.com/android/keyattestation, provider/KeyAttestationCertPathValidator.kt
_AUTHORITIES: Final = {Provisioning.FACTORY: 1, Provisioning.REMOTE: 2, Provisioning.UNKNOWN: 1}
# Below the root: the attested key, an ATTEST_KEY, the phone's attestation key, and its authorities.
_MAX_LINKS: Final = 3 + max(_AUTHORITIES.values())

# Paths of certificates above an attestation, each remembered with all the shorter ones it ends in: some 4 KB a
# phone's. A factory batch shares one path among 100,000 phones, remote provisioning its upper half among all.
_REMEMBERED_PATHS: Final = 256

# RFC 5280 section 4.2: a critical extension that is not understood refuses the certificate. These are read here, or
# say what this chain's rules do not ask for.
_UNDERSTOOD_CRITICAL: Final = frozenset(
    {
        KEY_DESCRIPTION_OID,
        PROVISIONING_INFO_OID,
        "2.5.29.15",  # keyUsage: genuine attestation keys lack keyCertSign
        BASIC_CONSTRAINTS_OID,
        "2.5.29.31",  # cRLDistributionPoints: revocation is by Google's status list
        "2.5.29.32",  # certificatePolicies: no policy is asked for
        "2.5.29.35",  # authorityKeyIdentifier: the signature says which key it was
        # Not nameConstraints, which would have names compared, and not extKeyUsage, of which a critical one says that
        # the key is for something else. Genuine ones are neither critical nor anywhere but on batch keys.
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedLink:
    """A certificate, the key that it holds and how it is signed. Two are the same when their bytes are."""

    encoded: bytes
    certificate: UndatedCertificate = field(compare=False)
    key: PublicKey = field(compare=False)
    algorithm: SignatureAlgorithm = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedChain:
    """`links`: leaf first, *without* the root. `issuers`: the certificates of all but the first.

    `root`: the pinned key that the phone named by sending its certificate; None: it sent none, and any of `anchors` may
    have signed the last link. They are no more than an `AnchorSet` takes, and each is tried once.
    """

    links: tuple[UnverifiedLink, ...]
    issuers: tuple[Certificate, ...]
    anchors: AnchorSet
    root: TrustAnchor | None

    @property
    def certificates(self) -> tuple[UndatedCertificate, ...]:
        return tuple(link.certificate for link in self.links)


def check_sizes(unverified_x5c: Sequence[bytes]) -> None:
    """Raises Refusal, Malformed."""
    if not _MIN_CERTIFICATES <= len(unverified_x5c) <= _MAX_CERTIFICATES:
        raise Refusal(RefusalReason.CHAIN_LENGTH, f"{len(unverified_x5c)} certificates")
    if any(len(data) > _MAX_CERTIFICATE_BYTES for data in unverified_x5c):
        raise Malformed(f"a certificate is larger than {_MAX_CERTIFICATE_BYTES} bytes")


def read_leaf(data: bytes) -> UndatedCertificate:
    """The first certificate, by structure alone. Raises Malformed.

    Its serial number and dates are the app's choice, or the phone's clock: nothing is decided by them.
    """
    certificate = read_undated_certificate(data)
    _check_understood(certificate)
    return certificate


def read_chain(leaf: UndatedCertificate, *, unverified_x5c: Sequence[bytes], anchors: AnchorSet) -> UnverifiedChain:
    """The certificates up to the first pinned key, with their keys and algorithms. Raises Refusal, Malformed.

    The first certificate is never the root, whatever key it holds: somebody has to have signed it. A root's
    certificates may follow each other, as two of three recorded ATTEST_KEY chains have all four of Google's, and so may
    one that another root signed: the lowest pinned key is the root, nothing but the key is taken from its certificate,
    and nothing but pinned keys may stand behind it.
    """
    issuers, root = _issuers(unverified_x5c, anchors=anchors)
    last = issuers[-1] if issuers else leaf
    if root is None and hashlib.sha256(last.spki).hexdigest() in AOSP_SOFTWARE_SPKI_SHA256:
        raise Refusal(RefusalReason.CHAIN_ROOT_SOFTWARE)
    try:
        links = tuple(
            UnverifiedLink(
                encoded=data,
                certificate=certificate,
                key=read_public_key(certificate.spki),
                algorithm=signature_algorithm(certificate.signature_algorithm),
            )
            for data, certificate in zip(unverified_x5c, (leaf, *issuers), strict=False)
        )
        if root is not None:
            read_public_key(root.spki)
    except Malformed as error:
        raise Refusal(RefusalReason.CHAIN_KEY_UNSUPPORTED, str(error)) from error
    if not any(True for _ in _candidates(anchors, root, links[-1].algorithm)):
        raise Refusal(RefusalReason.CHAIN_ROOT_UNKNOWN, "no trusted root can have signed it")
    if not all(fits(issuer.key, link.algorithm) for link, issuer in pairwise(links)):
        raise Refusal(RefusalReason.CHAIN_SIGNATURE, "a signature is of another kind than its issuer's key")
    return UnverifiedChain(links=links, issuers=issuers, anchors=anchors, root=root)


def _issuers(
    unverified_x5c: Sequence[bytes], *, anchors: AnchorSet
) -> tuple[tuple[Certificate, ...], TrustAnchor | None]:
    """What stands between the first certificate and the root. Raises Refusal, Malformed.

    More than any phone has are not read: only who extends a chain has them.
    """
    issuers: list[Certificate] = []
    for at, data in enumerate(unverified_x5c[1:], start=1):
        root = anchors.by_spki(read_spki(data))
        if root is not None:
            if any(anchors.by_spki(read_spki(behind)) is None for behind in unverified_x5c[at + 1 :]):
                raise Refusal(RefusalReason.CHAIN_LENGTH, "certificates follow the root")
            return tuple(issuers), root
        if at >= _MAX_LINKS:
            raise Refusal(RefusalReason.CHAIN_EXTENDED, "more certificates than a phone has")
        certificate = read_certificate(data)
        _check_understood(certificate)
        issuers.append(certificate)
    return tuple(issuers), None


def _check_understood(certificate: UndatedCertificate) -> None:
    if any(entry.critical and entry.oid not in _UNDERSTOOD_CRITICAL for entry in certificate.extensions):
        raise Malformed("a certificate has a critical extension that is not understood")


def check_authorities(chain: UnverifiedChain, *, attested_by: int, provisioning: Provisioning) -> None:
    """Raises Refusal, Malformed. As many authorities as this kind of phone has, and each of them may be one.

    `attested_by`: where the phone's own attestation key stands. It signs attestations and nothing else; genuine ones
    state cA FALSE, nothing, or cA TRUE. All that stands above it is the vendor's, and every genuine one states cA TRUE.

    Counted from the root, because what the root's owner certified is the one thing that an app cannot choose: a key
    that the phone made can sign a certificate of any contents, and its own may look like an attestation key's, as apps
    choose subjects. It always makes the chain longer. A shorter one is nobody's extension.

    RFC 5280 does not count self-issued certificates against the path length; here all that state cA TRUE count, as
    names are not compared.
    """
    above = chain.certificates[attested_by + 1 :]
    if len(above) > _AUTHORITIES[provisioning]:
        if chain.root is None:  # the last may be a root of somebody else's: then that is the reason
            anchor_of(chain.links[-1:], anchors=chain.anchors, root=None)
        raise Refusal(RefusalReason.CHAIN_EXTENDED, "more authorities than this kind of phone has")
    below = int(_may_be_authority(chain.certificates[attested_by]))
    for certificate in above:
        allowed = certificate.authority_over()
        if allowed is None or below > allowed:
            raise Refusal(RefusalReason.CHAIN_SIGNATURE, "a certificate signs another signer and may not")
        below += 1


def _may_be_authority(attestation: UndatedCertificate) -> bool:
    """Unless it says no, or nothing, in DER. It is not asked to be one, so that what it says is no ground to refuse."""
    try:
        return attestation.authority_over() is not None
    except Malformed:
        return True


def check_dates(issuers: Sequence[Certificate], *, provisioning: Provisioning, now: datetime) -> None:
    """Raises Refusal. Both ends of a validity period belong to it (RFC 5280 section 4.1.2.5).

    `issuers`: from the phone's attestation key on, without the root. The dates below are the phone's own clock's, and
    the root's are those of a certificate, not of the pinned key: they are ignored. Factory keys cannot be renewed in a
    phone that was sold, so their certificates may be expired; remotely provisioned ones live for weeks and may not.
    """
    for certificate in issuers:
        if now < certificate.not_before:
            raise Refusal(RefusalReason.CHAIN_EXPIRED, "an intermediate is not yet valid")
        if provisioning is not Provisioning.FACTORY and now > certificate.not_after:
            raise Refusal(RefusalReason.CHAIN_EXPIRED, "an intermediate has expired")


def check_signatures(chain: UnverifiedChain, *, attested_by: int) -> TrustAnchor:
    """The anchor that the chain hangs from. Raises Refusal.

    From the root down, so that a chain made up under a copied root costs one signature check. What the vendor signed is
    remembered, what the phone signed never: any app can have its phone make more of that.
    """
    anchor = anchor_of(chain.links[attested_by:], anchors=chain.anchors, root=chain.root)
    for index in range(attested_by - 1, -1, -1):
        if not _signed(chain.links[index], chain.links[index + 1].key):
            raise Refusal(RefusalReason.CHAIN_SIGNATURE, f"certificate {index}")
    return anchor


# Remembered by exact bytes, by all anchors that were asked, and by the root that was named, and only when it holds: a
# failure raises, so that a flood of made-up chains pushes nothing out, and new anchors inherit nothing. Dates,
# positions and authorities are no part of it: they are checked each time.
@lru_cache(maxsize=_REMEMBERED_PATHS)
def anchor_of(path: tuple[UnverifiedLink, ...], *, anchors: AnchorSet, root: TrustAnchor | None) -> TrustAnchor:
    """The anchor that the last of `path`, which is not empty, is signed by, each of the others by the next.

    `root`: the only one to ask, when it is given. Raises Refusal.
    """
    if len(path) == 1:
        for anchor, key in _candidates(anchors, root, path[0].algorithm):
            if _signed(path[0], key):
                return anchor
        raise Refusal(RefusalReason.CHAIN_ROOT_UNKNOWN, "not signed by a trusted root")
    anchor = anchor_of(path[1:], anchors=anchors, root=root)
    if not _signed(path[0], path[1].key):
        raise Refusal(RefusalReason.CHAIN_SIGNATURE, "a certificate at or above the attestation key's")
    return anchor


def _candidates(
    anchors: AnchorSet, root: TrustAnchor | None, algorithm: SignatureAlgorithm
) -> Iterator[tuple[TrustAnchor, PublicKey]]:
    """Those that can have made a signature of this kind. An anchor whose key is of no accepted kind can have signed
    nothing that is accepted here, and says nothing about a chain that does not hold it."""
    for anchor in anchors if root is None else (root,):
        try:
            key = read_public_key(anchor.spki)
        except Malformed:
            continue
        if fits(key, algorithm):
            yield anchor, key


def _signed(link: UnverifiedLink, key: PublicKey) -> bool:
    return is_signed_by(
        key, algorithm=link.algorithm, signature=link.certificate.signature, message=link.certificate.tbs
    )
