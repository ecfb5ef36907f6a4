"""The two certificates of an App Attest attestation: credential certificate and Apple's intermediate."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Final

from cryptography.hazmat import asn1

from chalicelib.endorsements.anchors import AnchorSet
from chalicelib.verifiers.codec import der, public_keys
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.public_keys import KeyKind, PublicKey
from chalicelib.verifiers.codec.x509 import BASIC_CONSTRAINTS_OID, Certificate, read_certificate

# Apple's page, "Verify the attestation", step 4.
_NONCE: Final = "1.2.840.113635.100.8.2"
_KEY_USAGE: Final = "2.5.29.15"  # RFC 5280 section 4.2.1.3
_KEY_CERT_SIGN: Final = 0x04  # bit 5 of the first octet, counted from its highest

_MAX_CERTIFICATE_BYTES: Final = 8_192  # genuine ones have 600 to 1,100


class ChainUntrusted(Exception):  # noqa: N818 - the state of the chain, carried to the one place that refuses
    """The certificates are well-formed and do not make a chain to an anchor. The message names the rule."""


@asn1.sequence
class _Nonce:
    """Apple's page shows it: SEQUENCE { [1] EXPLICIT OCTET STRING (SIZE (32)) }."""

    nonce: Annotated[bytes, asn1.Explicit(1), asn1.Size(32, 32)]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedChain:
    """Two certificates of the right shape, each fit for its place. Dates and signatures are not checked.

    `credential_point`: SEC 1 uncompressed point of the credential's key, on P-256. `nonce`: its extension's 32 bytes.
    """

    credential: Certificate
    credential_point: bytes
    nonce: bytes
    intermediate: Certificate
    intermediate_der: bytes

    def within_dates(self, *, now: datetime) -> bool:
        return all(
            certificate.not_before <= now <= certificate.not_after
            for certificate in (self.credential, self.intermediate)
        )


def read_chain(credential_der: bytes, intermediate_der: bytes) -> UnverifiedChain:
    """Raises Malformed, and ChainUntrusted where a certificate is not fit for its place."""
    if max(len(credential_der), len(intermediate_der)) > _MAX_CERTIFICATE_BYTES:
        raise Malformed("a certificate is too long")
    credential, intermediate = read_certificate(credential_der), read_certificate(intermediate_der)
    if _is_authority(credential) or not _is_authority(intermediate):
        raise ChainUntrusted("a certificate stands in the wrong place")
    if credential.issuer != intermediate.subject:
        raise ChainUntrusted("the credential certificate names another issuer")
    key = public_keys.read_public_key(credential.spki)
    if key.kind is not KeyKind.P256 or key.point is None or not public_keys.is_loadable(key):
        raise ChainUntrusted("the credential's key is not on P-256")
    nonce = credential.extension(_NONCE)
    if nonce is None:
        raise Malformed("the credential certificate has no nonce")
    return UnverifiedChain(
        credential=credential,
        credential_point=key.point,
        nonce=der.decode(_Nonce, nonce.value, field="nonce").nonce,
        intermediate=intermediate,
        intermediate_der=intermediate_der,
    )


def check_signatures(chain: UnverifiedChain, *, anchors: AnchorSet) -> None:
    """Credential by intermediate, intermediate by one of the anchors. Raises ChainUntrusted; without anchors, always.

    The anchor's own dates and name do not count: it is pinned by public key.
    """
    if not any(_is_anchored(chain.intermediate_der, anchor.spki) for anchor in anchors):
        raise ChainUntrusted("the intermediate is not signed by a trusted root")
    if not _is_signed(chain.credential, issuer_spki=chain.intermediate.spki):
        raise ChainUntrusted("the credential certificate is not signed by the intermediate")


def _is_anchored(intermediate_der: bytes, anchor_spki: bytes) -> bool:
    try:
        _verify_to_anchor(intermediate_der, anchor_spki)
    except (ChainUntrusted, Malformed):  # Malformed: an anchor of a kind that signs no such chain, beside others
        return False
    return True


# Remembered by exact bytes and anchor, and only when it holds: a failure raises, so a flood cannot push the one live
# intermediate out, and new anchors inherit nothing. It is half of an attestation's cost. Dates are checked each time.
@lru_cache(maxsize=8)
def _verify_to_anchor(intermediate_der: bytes, anchor_spki: bytes) -> None:
    if not _is_signed(read_certificate(intermediate_der), issuer_spki=anchor_spki):
        raise ChainUntrusted("the intermediate is not signed by this anchor")


def _is_signed(certificate: Certificate, *, issuer_spki: bytes) -> bool:
    return public_keys.is_signed_by(
        _ec_key(issuer_spki),
        algorithm=public_keys.signature_algorithm(certificate.signature_algorithm),
        signature=certificate.signature,
        message=certificate.tbs,
    )


def _ec_key(spki: bytes) -> PublicKey:
    key = public_keys.read_public_key(spki)
    if key.kind not in {KeyKind.P256, KeyKind.P384}:
        raise ChainUntrusted("an issuer's key is neither P-256 nor P-384")
    return key


def _is_authority(certificate: Certificate) -> bool:
    """RFC 5280 section 4.2: both extensions are required, and a critical one that is not understood refuses."""
    if any(
        extension.critical and extension.oid not in {_KEY_USAGE, BASIC_CONSTRAINTS_OID}
        for extension in certificate.extensions
    ):
        raise ChainUntrusted("a critical extension is not understood")
    usage = certificate.extension(_KEY_USAGE)
    if certificate.extension(BASIC_CONSTRAINTS_OID) is None or usage is None:
        raise Malformed("a certificate does not state its place")
    bits = der.decode(asn1.BitString, usage.value, field="keyUsage").as_bytes()
    return certificate.authority_over() is not None and bool(bits[:1]) and bool(bits[0] & _KEY_CERT_SIGN)
