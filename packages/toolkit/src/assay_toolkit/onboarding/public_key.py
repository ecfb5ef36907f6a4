"""Certificates out of artefacts, and signatures by their keys."""

import hashlib
import warnings

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.utils import CryptographyDeprecationWarning

from assay_toolkit.onboarding.artefact import ArtefactUnusable


def read_certificate(der: bytes) -> x509.Certificate:
    """Raises ArtefactUnusable."""
    try:
        with warnings.catch_warnings():
            # Old keystores have certificates with a serial number of zero, which the library means to refuse one day.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            certificate = x509.load_der_x509_certificate(der)
            certificate.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise ArtefactUnusable("has a signing certificate that cannot be read") from error
    return certificate


def digest_of(certificate: bytes) -> bytes:
    """SHA-256 of the DER, which is what Android reports."""
    return hashlib.sha256(certificate).digest()


def is_signed_by(
    key: object, *, signature: bytes, message: bytes, digest: hashes.HashAlgorithm, salt: int | None = None
) -> bool:
    """RSASSA-PKCS1-v1_5, RSASSA-PSS where there is a `salt` of that many bytes, or ECDSA in DER. False as well for a
    key of another kind."""
    try:
        match key:
            case rsa.RSAPublicKey() if salt is None:
                key.verify(signature, message, padding.PKCS1v15(), digest)
            case rsa.RSAPublicKey() if salt is not None:
                key.verify(signature, message, padding.PSS(padding.MGF1(digest), salt), digest)
            case ec.EllipticCurvePublicKey() if salt is None:
                key.verify(signature, message, ec.ECDSA(digest))
            case _:
                return False
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True
