"""X.509 certificates (RFC 5280 section 4.1), read without judging them.

Libraries refuse a third of genuine Android certificates, or fail on their extensions. This reader is strict about
structure and leaves names, keys and the insides of extensions raw.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from chalicelib.verifiers.codec import der
from chalicelib.verifiers.codec.errors import Malformed

BASIC_CONSTRAINTS_OID: Final = "2.5.29.19"  # RFC 5280 section 4.2.1.9

_V3: Final = 2
_MAX_SERIAL: Final = 1 << 159  # RFC 5280 section 4.1.2.2: positive, at most 20 octets
_MAX_EXTENSIONS: Final = 32  # genuine certificates have at most six
_UNLIMITED: Final = 1 << 16


@asn1.sequence
class _Certificate:
    tbs_certificate: asn1.TLV
    signature_algorithm: asn1.TLV
    signature: asn1.BitString


@asn1.sequence
class _Validity:
    not_before: asn1.UTCTime | asn1.GeneralizedTime
    not_after: asn1.UTCTime | asn1.GeneralizedTime


@asn1.sequence
class _Extension:
    oid: ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    value: bytes


@asn1.sequence
class _TbsFields:
    # Unique identifiers (tags 1 and 2) are not declared, hence refused: no vendor writes them since X.509 v3.
    version: Annotated[int, asn1.Explicit(0)]
    serial: int
    signature_algorithm: asn1.TLV
    issuer: asn1.TLV
    validity: _Validity
    subject: asn1.TLV
    spki: asn1.TLV


@asn1.sequence
class _TbsCertificate(_TbsFields):
    extensions: Annotated[list[_Extension] | None, asn1.Explicit(3)]


@asn1.sequence
class _TolerantTbsCertificate(_TbsFields):
    extensions: Annotated[list[asn1.TLV] | None, asn1.Explicit(3)]


@asn1.sequence
class _BasicConstraints:
    is_authority: Annotated[bool, asn1.Default(False)]
    path_length: int | None


@dataclass(frozen=True, slots=True)
class Extension:
    """`value`: the contents of extnValue, usually DER of their own."""

    oid: str
    critical: bool
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What one certificate states; nothing of it is verified. `bytes` fields are DER, header included."""

    tbs: bytes
    serial: int
    issuer: bytes
    subject: bytes
    not_before: datetime
    not_after: datetime
    spki: bytes
    extensions: tuple[Extension, ...]
    signature_algorithm: bytes
    signature: bytes

    def authority_over(self) -> int | None:
        """How many certification authorities basicConstraints lets stand below this one; None: it is none itself.

        Raises Malformed.
        """
        extension = self.extension(BASIC_CONSTRAINTS_OID)
        if extension is None:
            return None
        constraints = der.decode(_BasicConstraints, extension.value, field="basicConstraints")
        if not constraints.is_authority:
            return None
        return _UNLIMITED if constraints.path_length is None else constraints.path_length

    def extension(self, oid: str) -> Extension | None:
        return next((extension for extension in self.extensions if extension.oid == oid), None)


def read_certificate(data: bytes) -> Certificate:
    """A v3 certificate with nothing after it. Raises Malformed."""
    outer = der.decode(_Certificate, data, field="certificate")
    tbs = der.raw(outer.tbs_certificate)
    inner, extensions = _tbs(tbs)
    algorithm = der.raw(outer.signature_algorithm)
    if inner.version != _V3:
        raise Malformed("the certificate is not of version 3")
    if not 0 < inner.serial < _MAX_SERIAL:
        raise Malformed("the certificate's serial number is not positive, or longer than 20 octets")
    # RFC 5280 section 4.1.1.2: one algorithm, stated inside and outside of what is signed.
    if der.raw(inner.signature_algorithm) != algorithm:
        raise Malformed("the certificate states two signature algorithms")
    if outer.signature.padding_bits():
        raise Malformed("the certificate's signature is not whole octets")
    return Certificate(
        tbs=tbs,
        serial=inner.serial,
        issuer=_sequence(inner.issuer, field="issuer"),
        subject=_sequence(inner.subject, field="subject"),
        not_before=inner.validity.not_before.as_datetime().replace(tzinfo=UTC),
        not_after=inner.validity.not_after.as_datetime().replace(tzinfo=UTC),
        spki=_sequence(inner.spki, field="subjectPublicKeyInfo"),
        extensions=extensions,
        signature_algorithm=algorithm,
        signature=outer.signature.as_bytes(),
    )


def attributes(name: bytes) -> tuple[tuple[str, bytes], ...]:
    """The types, dotted, and values of a DER Name (RFC 5280 section 4.1.2.4), in the order sent. Raises Malformed."""
    found = []
    for relative in der.members(der.one(name, field="name"), tag=der.SEQUENCE, field="name"):
        for value in der.members(relative, tag=der.SET, field="name"):
            parts = der.members(value, tag=der.SEQUENCE, field="name")
            if len(parts) != 2:
                raise Malformed("an attribute of a name is not a type and a value")
            found.append((der.oid(parts[0], field="name"), bytes(parts[1].data)))
    return tuple(found)


def _sequence(value: der.Tlv, *, field: str) -> bytes:
    if value.tag_bytes != der.SEQUENCE:
        raise Malformed(f"{field} is not a SEQUENCE")
    return der.raw(value)


def _tbs(tbs: bytes) -> tuple[_TbsFields, tuple[Extension, ...]]:
    try:
        strict = der.decode(_TbsCertificate, tbs, field="tbsCertificate")
        extensions = tuple(
            Extension(oid=extension.oid.dotted_string, critical=extension.critical, value=extension.value)
            for extension in strict.extensions or []
        )
        fields: _TbsFields = strict
    except Malformed:
        # Extension by extension in Python costs ten times as much: only where the strict shape, which nearly every
        # certificate has, does not fit.
        tolerant = der.decode(_TolerantTbsCertificate, tbs, field="tbsCertificate")
        extensions = tuple(_extension(value) for value in (tolerant.extensions or [])[: _MAX_EXTENSIONS + 1])
        fields = tolerant
    if len(extensions) > _MAX_EXTENSIONS:
        raise Malformed("the certificate has too many extensions")
    if len({extension.oid for extension in extensions}) != len(extensions):
        raise Malformed("the certificate has the same extension twice")
    return fields, extensions


def _extension(value: der.Tlv) -> Extension:
    """Tolerated: a critical BOOLEAN of 0x01, as two StrongBox leaves of 2018 have it (Pixel 3, Pixel 3 XL); and a FALSE
    that X.690 section 11.5 leaves out, as simple writers do (https://github.com/pyca/cryptography/issues/12665)."""
    parts = der.members(value, tag=der.SEQUENCE, field="extension")
    if len(parts) not in {2, 3}:
        raise Malformed("an extension has too few or too many fields")
    critical = len(parts) == 3 and der.boolean(parts[1], field="critical")
    return Extension(
        oid=der.oid(parts[0], field="extnID"), critical=critical, value=der.octets(parts[-1], field="extnValue")
    )
