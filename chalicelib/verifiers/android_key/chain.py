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
from chalicelib.verifiers.codec.x509 import BASIC_CONSTRAINTS_OID, Certificate, read_certificate

# docs/wire.md, section 4. Genuine chains have four or five certificates of at most 2,570 bytes.
_MAX_CERTIFICATES: Final = 10
_MAX_CERTIFICATE_BYTES: Final = 8192
# A leaf and whoever signed it: a leaf alone is never signed by the phone's attestation key.
_MIN_CERTIFICATES: Final = 2

# Paths of certificates above an attestation, each of one to nine, remembered with all the shorter ones it ends in: some
# 4 KB a phone's. A factory batch shares one path among 100,000 phones, remote provisioning its upper half among all.
_REMEMBERED_PATHS: Final = 256

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
class UnverifiedLink:
    """A certificate, the key that it holds and how it is signed. Two are the same when their bytes are."""

    encoded: bytes
    certificate: Certificate = field(compare=False)
    key: PublicKey = field(compare=False)
    algorithm: SignatureAlgorithm = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedChain:
    """`links`: leaf first, *without* the root.

    `root`: the pinned key that the phone named by sending its certificate; None: it sent none, and any of `anchors` may
    have signed the last link. They are no more than an `AnchorSet` takes, and each is tried once.
    """

    links: tuple[UnverifiedLink, ...]
    anchors: AnchorSet
    root: TrustAnchor | None

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        return tuple(link.certificate for link in self.links)


def check_sizes(unverified_x5c: Sequence[bytes]) -> None:
    """Raises Refusal, Malformed."""
    if not _MIN_CERTIFICATES <= len(unverified_x5c) <= _MAX_CERTIFICATES:
        raise Refusal(RefusalReason.CHAIN_LENGTH, f"{len(unverified_x5c)} certificates")
    if any(len(data) > _MAX_CERTIFICATE_BYTES for data in unverified_x5c):
        raise Malformed(f"a certificate is larger than {_MAX_CERTIFICATE_BYTES} bytes")


def read_link(data: bytes) -> Certificate:
    """One certificate of the chain, by structure alone. Raises Malformed."""
    certificate = read_certificate(data)
    if any(entry.critical and entry.oid not in _UNDERSTOOD_CRITICAL for entry in certificate.extensions):
        raise Malformed("a certificate has a critical extension that is not understood")
    return certificate


def end_at_root(
    certificates: tuple[Certificate, ...], *, encoded: Sequence[bytes], anchors: AnchorSet
) -> UnverifiedChain:
    """Find the pinned key that the chain ends at, and the keys and algorithms on the way. Raises Refusal.

    The first certificate is never the root, whatever key it holds: somebody has to have signed it. A root's
    certificates may follow each other, as two of three recorded ATTEST_KEY chains have all four of Google's: they are
    one pinned key, and nothing but that key is taken from any of them.
    """
    at = next((at for at, found in enumerate(certificates) if at and anchors.by_spki(found.spki)), len(certificates))
    below, above = certificates[:at], certificates[at:]
    root = anchors.by_spki(above[0].spki) if above else None
    if any(certificate.spki != above[0].spki for certificate in above):
        raise Refusal(RefusalReason.CHAIN_LENGTH, "certificates follow the root")
    if root is None and hashlib.sha256(certificates[-1].spki).hexdigest() in AOSP_SOFTWARE_SPKI_SHA256:
        raise Refusal(RefusalReason.CHAIN_ROOT_SOFTWARE)
    try:
        links = tuple(
            UnverifiedLink(
                encoded=data,
                certificate=certificate,
                key=read_public_key(certificate.spki),
                algorithm=signature_algorithm(certificate.signature_algorithm),
            )
            for data, certificate in zip(encoded, below, strict=False)
        )
        if root is not None:
            read_public_key(root.spki)
    except Malformed as error:
        raise Refusal(RefusalReason.CHAIN_KEY_UNSUPPORTED, str(error)) from error
    if not any(True for _ in _candidates(anchors, root, links[-1].algorithm)):
        raise Refusal(RefusalReason.CHAIN_ROOT_UNKNOWN, "no trusted root can have signed it")
    if not all(fits(issuer.key, link.algorithm) for link, issuer in pairwise(links)):
        raise Refusal(RefusalReason.CHAIN_SIGNATURE, "a signature is of another kind than its issuer's key")
    return UnverifiedChain(links=links, anchors=anchors, root=root)


def check_authorities(certificates: tuple[Certificate, ...], *, attested_by: int) -> None:
    """Raises Refusal, Malformed. Whatever signs another signer is a certification authority, in its bounds.

    `attested_by`: where the phone's own attestation key stands. It signs attestations and nothing else; genuine ones
    state cA FALSE, or nothing. All that stands above it is the vendor's, and every genuine one states cA TRUE. RFC 5280
    does not count self-issued certificates against the path length; here they count, as names are not compared.
    """
    for below, certificate in enumerate(certificates[attested_by + 1 :], start=1):
        allowed = certificate.authority_over()
        if allowed is None or below > allowed:
            raise Refusal(RefusalReason.CHAIN_SIGNATURE, "a certificate signs another signer and may not")


def check_dates(
    certificates: tuple[Certificate, ...], *, attested_by: int, provisioning: Provisioning, now: datetime
) -> None:
    """Raises Refusal. Both ends of a validity period belong to it (RFC 5280 section 4.1.2.5).

    The dates below the attestation key's are the phone's own clock's, and the root's are those of a certificate, not of
    the pinned key: they are ignored. Factory keys cannot be renewed in a phone that was sold, so their certificates may
    be expired; remotely provisioned ones live for weeks and may not.
    """
    for certificate in certificates[attested_by:]:
        if now < certificate.not_before:
            raise Refusal(RefusalReason.CHAIN_EXPIRED, "an intermediate is not yet valid")
        if provisioning is not Provisioning.FACTORY and now > certificate.not_after:
            raise Refusal(RefusalReason.CHAIN_EXPIRED, "an intermediate has expired")


def check_signatures(chain: UnverifiedChain, *, attested_by: int) -> TrustAnchor:
    """The anchor that the chain hangs from. Raises Refusal.

    From the root down, so that a chain made up under a copied root costs one signature check. What the vendor signed is
    remembered, what the phone signed never: any app can have its phone make more of that.
    """
    remembered = min(attested_by, len(chain.links) - 1)  # a leaf directly below the root is the root's own word
    anchor = anchor_of(chain.links[remembered:], anchors=chain.anchors, root=chain.root)
    for index in range(remembered - 1, -1, -1):
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
