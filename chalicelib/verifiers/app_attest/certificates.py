"""The two certificates of an App Attest attestation: credential certificate and Apple's intermediate."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from cryptography.hazmat import asn1

from chalicelib.endorsements.anchors import AnchorSet
from chalicelib.verifiers.app_attest.authorities import (
    MAX_CERTIFICATE_BYTES,
    ChainUntrusted,
    check_anchored,
    check_places,
    is_signed,
)
from chalicelib.verifiers.codec import der, public_keys
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.public_keys import KeyKind
from chalicelib.verifiers.codec.x509 import Certificate, read_certificate

# Apple's page, "Verify the attestation", step 4.
_NONCE: Final = "1.2.840.113635.100.8.2"


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


def read_chain(credential_der: bytes, intermediate_der: bytes, *, anchors: AnchorSet) -> UnverifiedChain:
    """Raises Malformed, and ChainUntrusted where a certificate is not fit for its place."""
    if max(len(credential_der), len(intermediate_der)) > MAX_CERTIFICATE_BYTES:
        raise Malformed("a certificate is too long")
    credential, intermediate = read_certificate(credential_der), read_certificate(intermediate_der)
    check_places(credential, intermediate, anchors=anchors)
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
    """Intermediate by one of the anchors, then credential by intermediate. Raises ChainUntrusted."""
    check_anchored(chain.intermediate_der, anchors=anchors)
    if not is_signed(chain.credential, issuer_spki=chain.intermediate.spki):
        raise ChainUntrusted("the credential certificate is not signed by the intermediate")
