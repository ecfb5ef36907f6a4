"""AttestationApplicationId: which packages share the key's user id, and who signed them.

Source: https://source.android.com/docs/security/features/keystore/attestation#attestationapplicationid-schema
"""

from typing import Final

from cryptography.hazmat import asn1

from chalicelib.model.claims import AndroidApplicationId, AndroidPackage
from chalicelib.verifiers.codec import der
from chalicelib.verifiers.codec.errors import Malformed

# Android cuts the whole structure at 1,024 bytes (KEY_ATTESTATION_APPLICATION_ID_MAX_SIZE).
_MAX_MEMBERS: Final = 64
_FIELD: Final = "attestationApplicationId"


@asn1.sequence
class _ApplicationId:
    packages: asn1.TLV
    signature_digests: asn1.TLV


@asn1.sequence
class _Package:
    name: bytes
    version: asn1.TLV


def read_application_id(data: bytes) -> AndroidApplicationId:
    """Raises Malformed. Packages and digests stand in the order sent."""
    decoded = der.decode(_ApplicationId, data, field=_FIELD)
    return AndroidApplicationId(
        packages=tuple(_package(value) for value in _set(decoded.packages)),
        signature_digests=tuple(der.octets(value, field=_FIELD) for value in _set(decoded.signature_digests)),
    )


def _set(value: der.Tlv) -> list[der.Tlv]:
    listed = der.members(value, tag=der.SET, field=_FIELD)
    if len(listed) > _MAX_MEMBERS:
        raise Malformed(f"{_FIELD} has too many members")
    return listed


def _package(value: der.Tlv) -> AndroidPackage:
    package = der.decode(_Package, der.raw(value), field=_FIELD)
    try:
        name = package.name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("a package name is not UTF-8") from error
    return AndroidPackage(name, der.integer(package.version, field=_FIELD))
