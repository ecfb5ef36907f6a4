"""What both chains of App Attest have in common: two certificates under a root that is pinned by public key."""

from functools import lru_cache
from typing import Final

from cryptography.hazmat import asn1

from chalicelib.endorsements.anchors import AnchorSet
from chalicelib.verifiers.codec import der, public_keys
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.public_keys import KeyKind, PublicKey
from chalicelib.verifiers.codec.x509 import BASIC_CONSTRAINTS_OID, Certificate, read_certificate

MAX_CERTIFICATE_BYTES: Final = 8_192  # genuine ones have 600 to 1,100

_KEY_USAGE: Final = "2.5.29.15"  # RFC 5280 section 4.2.1.3
# Bits of its first octet, counted from the highest: bit 0 and bit 5.
_DIGITAL_SIGNATURE: Final = 0x80
_KEY_CERT_SIGN: Final = 0x04


class ChainUntrusted(Exception):  # noqa: N818 - the state of the chain, carried to the one place that refuses
    """The certificates are well-formed and do not make a chain to an anchor. The message names the rule."""


def check_places(subject: Certificate, issuer: Certificate, *, anchors: AnchorSet) -> None:
    """The one signs and certifies nothing, the other certifies, is named as its issuer, and is not the root itself.

    RFC 5280 section 4.2: basicConstraints and keyUsage are required of both, and a critical extension that is not
    understood refuses. Raises ChainUntrusted, and Malformed where a certificate does not state its place.
    """
    for certificate in (subject, issuer):
        if any(
            extension.critical and extension.oid not in {_KEY_USAGE, BASIC_CONSTRAINTS_OID}
            for extension in certificate.extensions
        ):
            raise ChainUntrusted("a critical extension is not understood")
        if certificate.extension(BASIC_CONSTRAINTS_OID) is None:
            raise Malformed("a certificate does not state its place")
    # Either word of a certification authority is one too many in the first place, and both are wanted in the second.
    if subject.authority_over() is not None or _key_usage(subject) & _KEY_CERT_SIGN:
        raise ChainUntrusted("the first certificate is an authority's")
    if not _key_usage(subject) & _DIGITAL_SIGNATURE:
        raise ChainUntrusted("the first certificate's key may not sign")
    if issuer.authority_over() is None or not _key_usage(issuer) & _KEY_CERT_SIGN:
        raise ChainUntrusted("the second certificate is no authority's")
    if subject.issuer != issuer.subject:
        raise ChainUntrusted("the first certificate names another issuer")
    if anchors.by_spki(issuer.spki) is not None:
        raise ChainUntrusted("the root stands in the intermediate's place")


def check_anchored(intermediate_der: bytes, *, anchors: AnchorSet) -> None:
    """One of the anchors signed it. Raises ChainUntrusted; without anchors, always.

    The anchor's own dates and name do not count: it is pinned by public key.
    """
    if not any(_is_anchored(intermediate_der, anchor.spki) for anchor in anchors):
        raise ChainUntrusted("the intermediate is not signed by a trusted root")


def is_signed(certificate: Certificate, *, issuer_spki: bytes) -> bool:
    """By a key on P-256 or P-384. Raises ChainUntrusted for another issuer's key, Malformed for another algorithm."""
    return public_keys.is_signed_by(
        _ec_key(issuer_spki),
        algorithm=public_keys.signature_algorithm(certificate.signature_algorithm),
        signature=certificate.signature,
        message=certificate.tbs,
    )


# Remembered by exact bytes and issuer's key, and only when it holds: a failure raises, so a flood cannot push the few
# live certificates out, and new anchors inherit nothing. Dates are checked each time. Only for what stands under an
# anchor, or under an intermediate that was seen to: then Apple alone can fill it.
@lru_cache(maxsize=8)
def check_signed_once(certificate_der: bytes, issuer_spki: bytes) -> None:
    """Raises ChainUntrusted and Malformed, as `is_signed` would say."""
    if not is_signed(read_certificate(certificate_der), issuer_spki=issuer_spki):
        raise ChainUntrusted("a certificate is not signed by its issuer")


def _is_anchored(intermediate_der: bytes, anchor_spki: bytes) -> bool:
    try:
        check_signed_once(intermediate_der, anchor_spki)
    except (ChainUntrusted, Malformed):  # Malformed: an anchor of a kind that signs no such chain, beside others
        return False
    return True


def _ec_key(spki: bytes) -> PublicKey:
    key = public_keys.read_public_key(spki)
    if key.kind not in {KeyKind.P256, KeyKind.P384}:
        raise ChainUntrusted("an issuer's key is neither P-256 nor P-384")
    return key


def _key_usage(certificate: Certificate) -> int:
    """The first octet; the second one holds a single bit, of use to nobody here."""
    usage = certificate.extension(_KEY_USAGE)
    if usage is None:
        raise Malformed("a certificate does not state what its key is for")
    bits = der.decode(asn1.BitString, usage.value, field="keyUsage").as_bytes()
    return bits[0] if bits else 0
