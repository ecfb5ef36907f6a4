"""Signing certificates that a person names: a file as keytool or the Play Console write it, or the digest they show."""

import re
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from assay_toolkit.onboarding.artefact import ArtefactUnusable
from assay_toolkit.onboarding.public_key import digest_of, read_certificate

_LARGEST_FILE: Final = 64 * 1024  # bytes
_PEM: Final = b"-----BEGIN CERTIFICATE-----"
_PRIVATE: Final = b"PRIVATE KEY"
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_BETWEEN: Final = re.compile(r"[:\s]")
_SHA256, _SHA1, _MD5 = 64, 40, 32  # hex digits


def certificate_digest(given: str) -> bytes:
    """From a digest in hex, with or without colons, or from the name of a file with one certificate, PEM or DER.

    Raises ArtefactUnusable.
    """
    digits = _BETWEEN.sub("", given)
    if _HEX.fullmatch(digits) and len(digits) in (_SHA256, _SHA1, _MD5):
        if len(digits) != _SHA256:
            raise ArtefactUnusable("is a SHA-1 or MD5 digest; the one wanted is SHA-256, 64 hex digits, beside it")
        return bytes.fromhex(digits)
    try:
        with Path(given).open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise ArtefactUnusable("is neither a SHA-256 digest of 64 hex digits nor a file that can be read") from error
    return digest_of(_one_certificate(data))


def _one_certificate(data: bytes) -> bytes:
    if len(data) > _LARGEST_FILE:
        raise ArtefactUnusable(f"is larger than {_LARGEST_FILE} bytes, which no certificate is")
    if _PRIVATE in data:
        raise ArtefactUnusable(
            "holds a private key; only the certificate is wanted, and nobody should have the key here"
        )
    if data.count(_PEM) > 1:
        raise ArtefactUnusable("holds several certificates; give the signing certificate alone")
    if _PEM in data:
        try:
            return x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)
        except (ValueError, x509.InvalidVersion) as error:
            raise ArtefactUnusable("holds a certificate that cannot be read") from error
    return read_certificate(data).public_bytes(Encoding.DER)
