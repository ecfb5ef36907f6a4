"""Certification authorities of the simulator: a key, its certificate, and the chain above it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """`certificates`: its own first, then those above it up to the root."""

    key: ec.EllipticCurvePrivateKey
    certificates: tuple[x509.Certificate, ...]

    @property
    def subject(self) -> x509.Name:
        return self.certificates[0].subject

    @property
    def chain_der(self) -> tuple[bytes, ...]:
        return tuple(certificate.public_bytes(serialization.Encoding.DER) for certificate in self.certificates)

    @property
    def root_pem(self) -> bytes:
        return self.certificates[-1].public_bytes(serialization.Encoding.PEM)

    @property
    def root_spki(self) -> bytes:
        """DER SubjectPublicKeyInfo."""
        return (
            self.certificates[-1]
            .public_key()
            .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        )


def name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def make_root(
    *, key: ec.EllipticCurvePrivateKey, subject: x509.Name, serial: int, valid: tuple[datetime, datetime]
) -> Authority:
    builder = _certificate(subject=subject, issuer=subject, public_key=key.public_key(), serial=serial, valid=valid)
    return Authority(key=key, certificates=(_sign(_as_authority(builder, key, key, path_length=None), key),))


def make_intermediate(
    *,
    issuer: Authority,
    key: ec.EllipticCurvePrivateKey,
    subject: x509.Name,
    serial: int,
    valid: tuple[datetime, datetime],
    path_length: int | None = None,
    extra: Mapping[str, bytes] | None = None,
) -> Authority:
    """`extra`: further extensions, not critical, by dotted OID."""
    builder = _certificate(
        subject=subject, issuer=issuer.subject, public_key=key.public_key(), serial=serial, valid=valid
    )
    builder = _as_authority(builder, key, issuer.key, path_length=path_length)
    for oid, value in (extra or {}).items():
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical=False)
    return Authority(key=key, certificates=(_sign(builder, issuer.key), *issuer.certificates))


def make_leaf(
    *,
    issuer: Authority,
    public_key: ec.EllipticCurvePublicKey,
    subject: x509.Name,
    serial: int,
    valid: tuple[datetime, datetime],
    extensions: tuple[tuple[x509.ExtensionType, bool], ...],
) -> x509.Certificate:
    """`extensions`: each with whether it is critical, in this order. Signed with SHA-256, as both platforms do."""
    builder = _certificate(subject=subject, issuer=issuer.subject, public_key=public_key, serial=serial, valid=valid)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer.key, hashes.SHA256(), ecdsa_deterministic=True)


def key_usage(*, signs: bool = False, certifies: bool = False, all_four: bool = False) -> x509.KeyUsage:
    """`all_four`: what Apple's leaves claim, the first four bits."""
    return x509.KeyUsage(
        digital_signature=signs or all_four,
        content_commitment=all_four,
        key_encipherment=all_four,
        data_encipherment=all_four,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def serial_of(label: bytes) -> int:
    """16 octets, positive (RFC 5280 section 4.1.2.2)."""
    return int.from_bytes(hashlib.sha256(label).digest()[:16]) >> 1


def titled_name(title: str, serial_number: str) -> x509.Name:
    """How factory-provisioned Android intermediates are called."""
    return name((NameOID.TITLE, title), (NameOID.SERIAL_NUMBER, serial_number))


def _certificate(
    *,
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    serial: int,
    valid: tuple[datetime, datetime],
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )


def _as_authority(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    path_length: int | None,
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(key_usage(certifies=True), critical=True)
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    digest = hashes.SHA384() if key.curve.key_size == 384 else hashes.SHA256()
    # RFC 6979, so that the same root certificate comes out everywhere and each time.
    return builder.sign(key, digest, ecdsa_deterministic=True)
