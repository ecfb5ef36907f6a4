"""CMS SignedData (RFC 5652 section 5) with content, certificates and exactly one signer, as Apple's receipts have it.

`cryptography` reads certificates out of such a structure and verifies none. Judged here: the structure, and whether a
key signed the content. Whose key it is, is for the caller.
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Final

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from chalicelib.verifiers.codec import ber, der, public_keys
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.public_keys import PublicKey

_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"  # RFC 5652 section 5.1
_DATA: Final = "1.2.840.113549.1.7.1"  # section 4
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"  # section 11.1
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"  # section 11.2
# id-sha256, with and without NULL: RFC 5754 section 2 wants both to be taken.
_SHA256: Final = (bytes.fromhex("300b0609608648016503040201"), bytes.fromhex("300d06096086480165030402010500"))
_VERSION_1: Final = 1  # sections 5.1 and 5.3: plain data, a signer by issuer and serial, no attribute certificates
_CONTEXT_0: Final = b"\xa0"

# Bounds of ours. A genuine receipt has 21 values around its three certificates, six of indefinite length in each other.
_MAX_DEPTH: Final = 8
_MAX_ELEMENTS: Final = 128
_MAX_CERTIFICATES: Final = 8
_MAX_ATTRIBUTES: Final = 16


@asn1.sequence
class _ContentInfo:
    content_type: ObjectIdentifier
    content: Annotated[asn1.TLV, asn1.Explicit(0)]


@asn1.sequence
class _Encapsulated:
    content_type: ObjectIdentifier
    content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class _SignedData:
    # CRLs are not declared, hence refused: none was seen, and nothing here would read them.
    version: int
    digest_algorithms: asn1.TLV
    encapsulated: _Encapsulated
    certificates: asn1.TLV
    signers: asn1.TLV


@asn1.sequence
class _IssuerAndSerial:
    issuer: asn1.TLV
    serial: int


@asn1.sequence
class _Attribute:
    kind: ObjectIdentifier
    values: asn1.TLV


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedData:
    """`certificates`: DER, in the order sent. `issuer`: the DER name in the signer's certificate, `serial` its number.

    `attributes`: what was signed in the content's place, in the DER that is signed; `digest`: what they say about it.
    Both None where the content itself was signed, as in every receipt of Apple's seen so far.
    """

    content: bytes
    certificates: tuple[bytes, ...]
    issuer: bytes
    serial: int
    attributes: bytes | None
    digest: bytes | None
    algorithm: bytes
    signature: bytes


def read_signed_data(data: bytes, *, max_bytes: int) -> SignedData:
    """From BER or DER. Raises Malformed."""
    outer = der.decode(
        _ContentInfo,
        ber.to_der(data, max_bytes=max_bytes, max_depth=_MAX_DEPTH, max_elements=_MAX_ELEMENTS),
        field="contentInfo",
    )
    if outer.content_type.dotted_string != _SIGNED_DATA:
        raise Malformed("contentInfo is not signed data")
    signed = der.decode(_SignedData, der.raw(outer.content), field="signedData")
    if signed.version != _VERSION_1 or signed.encapsulated.content_type.dotted_string != _DATA:
        raise Malformed("signedData is of another version or content type")
    digests = der.members(signed.digest_algorithms, tag=der.SET, field="digestAlgorithms")
    if len(digests) != 1 or der.raw(digests[0]) not in _SHA256:
        raise Malformed("signedData is digested by something else than SHA-256")
    certificates = der.members(signed.certificates, tag=_CONTEXT_0, field="certificates")
    if len(certificates) > _MAX_CERTIFICATES:
        raise Malformed("signedData has too many certificates")
    signers = der.members(signed.signers, tag=der.SET, field="signerInfos")
    if len(signers) != 1:
        raise Malformed("signedData has not exactly one signer")
    return _signer(
        signers[0], content=signed.encapsulated.content, certificates=tuple(der.raw(item) for item in certificates)
    )


def is_signed_by(signed: SignedData, key: PublicKey) -> bool:
    """Whether `key` signed the content (RFC 5652 section 5.6). False as well for an algorithm that is not accepted."""
    if signed.attributes is not None and hashlib.sha256(signed.content).digest() != signed.digest:
        return False
    try:
        algorithm = public_keys.signature_algorithm(signed.algorithm)
    except Malformed:
        return False
    return public_keys.is_signed_by(
        key,
        algorithm=algorithm,
        signature=signed.signature,
        message=signed.content if signed.attributes is None else signed.attributes,
    )


def _signer(value: der.Tlv, *, content: bytes, certificates: tuple[bytes, ...]) -> SignedData:
    """SignerInfo, section 5.3. Unsigned attributes would be anybody's word: they are refused."""
    parts = der.members(value, tag=der.SEQUENCE, field="signerInfo")
    attributes = parts.pop(3) if len(parts) == 6 and parts[3].tag_bytes == _CONTEXT_0 else None
    if len(parts) != 5:
        raise Malformed("signerInfo has too few or too many fields")
    version, identifier, digest_algorithm, algorithm, signature = parts
    if der.integer(version, field="signerInfo's version") != _VERSION_1 or der.raw(digest_algorithm) not in _SHA256:
        raise Malformed("signerInfo is of another version or digest")
    name = der.decode(_IssuerAndSerial, der.raw(identifier), field="issuerAndSerialNumber")
    return SignedData(
        content=content,
        certificates=certificates,
        issuer=der.raw(name.issuer),
        serial=name.serial,
        # Section 5.4: signed is the DER of a SET OF, not the tag that stands here.
        attributes=None if attributes is None else der.SET + der.raw(attributes)[1:],
        digest=None if attributes is None else _stated_digest(attributes),
        algorithm=der.raw(algorithm),
        signature=der.octets(signature, field="signature"),
    )


def _stated_digest(attributes: der.Tlv) -> bytes:
    """Section 5.3: content type and digest are there, once each. Others, a signing time say, are not read."""
    stated: dict[str, der.Tlv] = {}
    listed = der.members(attributes, tag=_CONTEXT_0, field="signedAttrs")
    if len(listed) > _MAX_ATTRIBUTES:
        raise Malformed("signerInfo has too many attributes")
    for item in listed:
        attribute = der.decode(_Attribute, der.raw(item), field="attribute")
        if attribute.kind.dotted_string in stated:
            raise Malformed("signerInfo has the same attribute twice")
        stated[attribute.kind.dotted_string] = attribute.values
    if not {_CONTENT_TYPE, _MESSAGE_DIGEST} <= stated.keys():
        raise Malformed("signerInfo's attributes do not state the content's type and digest")
    values = der.members(stated[_CONTENT_TYPE], tag=der.SET, field="contentType")
    digests = der.members(stated[_MESSAGE_DIGEST], tag=der.SET, field="messageDigest")
    if len(values) != 1 or len(digests) != 1 or der.oid(values[0], field="contentType") != _DATA:
        raise Malformed("signerInfo's attributes are of another content type")
    return der.octets(digests[0], field="messageDigest")
