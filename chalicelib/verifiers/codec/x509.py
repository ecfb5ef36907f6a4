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
_MAX_SERIAL_OCTETS: Final = 20  # RFC 5280 section 4.1.2.2, where it is positive too
_MAX_EXTENSIONS: Final = 16  # genuine certificates have at most six on Android, ten at Apple
_MAX_ATTRIBUTES: Final = 16  # of a name; genuine ones have at most five
_VERSION: Final = b"\xa0"
_TIMES: Final = frozenset({b"\x17", b"\x18"})  # UTCTime, GeneralizedTime
_SPKI_AT: Final = 5  # the field of a TBSCertificate, after a version that is left out in v1
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
    serial: asn1.TLV
    signature_algorithm: asn1.TLV
    issuer: asn1.TLV
    validity: asn1.TLV
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
class UndatedCertificate:
    """What one certificate states; nothing of it is verified. `bytes` fields are DER, header included.

    Serial number and dates are not judged: `serial` is any number, and the dates stay unread.
    """

    tbs: bytes
    serial: int
    issuer: bytes
    subject: bytes
    validity: bytes
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(UndatedCertificate):
    """One whose serial number and dates are as RFC 5280 wants them."""

    not_before: datetime
    not_after: datetime


def read_certificate(data: bytes) -> Certificate:
    """A v3 certificate with nothing after it. Raises Malformed."""
    read = read_undated_certificate(data)
    if not 0 < read.serial < 1 << (8 * _MAX_SERIAL_OCTETS - 1):
        raise Malformed("the certificate's serial number is not positive, or longer than 20 octets")
    validity = der.decode(_Validity, read.validity, field="validity")
    return Certificate(
        tbs=read.tbs,
        serial=read.serial,
        issuer=read.issuer,
        subject=read.subject,
        validity=read.validity,
        not_before=validity.not_before.as_datetime().replace(tzinfo=UTC),
        not_after=validity.not_after.as_datetime().replace(tzinfo=UTC),
        spki=read.spki,
        extensions=read.extensions,
        signature_algorithm=read.signature_algorithm,
        signature=read.signature,
    )


def read_spki(data: bytes) -> bytes:
    """The subject public key of a certificate of any version, and nothing else of it. Raises Malformed."""
    outer = der.decode(_Certificate, data, field="certificate")
    fields = der.members(outer.tbs_certificate, tag=der.SEQUENCE, field="tbsCertificate")
    at = _SPKI_AT + (fields[0].tag_bytes == _VERSION if fields else 0)
    if len(fields) <= at:
        raise Malformed("the certificate has too few fields")
    return _sequence(fields[at], field="subjectPublicKeyInfo")


def read_undated_certificate(data: bytes) -> UndatedCertificate:
    """A v3 certificate with nothing after it, of whatever serial number and dates. Raises Malformed."""
    outer = der.decode(_Certificate, data, field="certificate")
    tbs = der.raw(outer.tbs_certificate)
    inner, extensions = _tbs(tbs)
    algorithm = der.raw(outer.signature_algorithm)
    if inner.version != _V3:
        raise Malformed("the certificate is not of version 3")
    # RFC 5280 section 4.1.1.2: one algorithm, stated inside and outside of what is signed.
    if der.raw(inner.signature_algorithm) != algorithm:
        raise Malformed("the certificate states two signature algorithms")
    if outer.signature.padding_bits():
        raise Malformed("the certificate's signature is not whole octets")
    return UndatedCertificate(
        tbs=tbs,
        serial=der.integer(inner.serial, field="serialNumber", max_octets=len(tbs)),
        issuer=_sequence(inner.issuer, field="issuer"),
        subject=_sequence(inner.subject, field="subject"),
        validity=_two_times(inner.validity),
        spki=_sequence(inner.spki, field="subjectPublicKeyInfo"),
        extensions=extensions,
        signature_algorithm=algorithm,
        signature=outer.signature.as_bytes(),
    )


def attributes(name: bytes) -> tuple[tuple[str, bytes], ...]:
    """The types, dotted, and values of a DER Name (RFC 5280 section 4.1.2.4), in the order sent. Raises Malformed."""
    found: list[tuple[str, bytes]] = []
    relatives = der.members(der.one(name, field="name"), tag=der.SEQUENCE, field="name")
    if len(relatives) > _MAX_ATTRIBUTES:
        raise Malformed("a name has too many attributes")
    for relative in relatives:
        values = der.members(relative, tag=der.SET, field="name")
        if len(found) + len(values) > _MAX_ATTRIBUTES:
            raise Malformed("a name has too many attributes")
        for value in values:
            parts = der.members(value, tag=der.SEQUENCE, field="name")
            if len(parts) != 2:
                raise Malformed("an attribute of a name is not a type and a value")
            found.append((der.oid(parts[0], field="name"), bytes(parts[1].data)))
    return tuple(found)


def _two_times(value: der.Tlv) -> bytes:
    times = der.members(value, tag=der.SEQUENCE, field="validity")
    if len(times) != 2 or any(time.tag_bytes not in _TIMES for time in times):
        raise Malformed("validity is not two times")
    return der.raw(value)


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
