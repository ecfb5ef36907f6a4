"""Chains that no phone made: the vectors hold genuine ones, these are for what vectors lack."""

import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.asn1 import encode_der
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from chalicelib.endorsements.anchors import AnchorSet, TrustAnchor
from chalicelib.model.outcome import Refused
from chalicelib.model.submission import SubmittedAndroidKey
from chalicelib.verifiers.android_key import verify

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CHALLENGE = bytes(range(32))
KEY_DESCRIPTION = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.1.17")
PROVISIONING_INFO = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.1.30")

FACTORY_NAME = ((NameOID.SERIAL_NUMBER, "0123456789abcdef"), (NameOID.TITLE, "TEE"))
STRONGBOX_NAME = ((NameOID.SERIAL_NUMBER, "0123456789abcdef"), (NameOID.TITLE, "StrongBox"))
SILENT_NAME = ((NameOID.SERIAL_NUMBER, "0123456789abcdef"),)
REMOTE_NAME = ((NameOID.ORGANIZATION_NAME, "Google LLC"), (NameOID.COMMON_NAME, "Droid CA2"))
OTHER_NAME = ((NameOID.COMMON_NAME, "Somebody"),)


def tlv(tag: str, contents: bytes) -> bytes:
    size = len(contents)
    length = (
        bytes([size]) if size < 128 else b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")
    )
    return bytes.fromhex(tag) + length + contents


def integer(number: int, tag: str = "02") -> bytes:
    return tlv(tag, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def tagged(number: int, value: bytes) -> bytes:
    header = f"{0xA0 | number:02x}" if number < 31 else f"bf{0x80 | number >> 7:02x}{number & 0x7F:02x}"
    return tlv(header, value)


def root_of_trust(*, locked=b"\xff", state=0, key=bytes(32), boot_hash=bytes(32)) -> bytes:
    return tlv("30", tlv("04", key) + tlv("01", locked) + integer(state, "0a") + tlv("04", boot_hash))


def application_id(*, package=b"com.example.bank", version=7, digest=bytes(32)) -> bytes:
    return tlv("30", tlv("31", tlv("30", tlv("04", package) + integer(version))) + tlv("31", tlv("04", digest)))


APPLICATION_ID = application_id()
SOFTWARE = {701: integer(1_780_000_000_000), 709: tlv("04", APPLICATION_ID)}
HARDWARE = {
    1: tlv("31", integer(2)),
    2: integer(3),
    3: integer(256),
    10: integer(1),
    702: integer(0),
    704: root_of_trust(),
    705: integer(160000),
    706: integer(202605),
    718: integer(20260505),
    719: integer(20260505),
}


_CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}


@cache
def key(name: str, kind: str = "P-256"):
    """One key per name and kind: RSA keys are slow to make."""
    if kind == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert name
    return ec.generate_private_key(_CURVES[kind]())


def spki(private_key) -> bytes:
    return private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
EMPTY_NAME = tlv("30", b"")
# 2026-01-01 to 2049-01-01
VALIDITY = tlv("30", tlv("17", b"260101000000Z") + tlv("17", b"490101000000Z"))


def extension(oid: x509.ObjectIdentifier, value: bytes, *, critical: bytes = b"") -> bytes:
    """`critical`: the BOOLEAN as it stands; empty: left out."""
    return tlv("30", encode_der(oid) + critical + tlv("04", value))


def to_be_signed(
    *,
    subject_spki: bytes,
    extensions: bytes = b"",
    version: bytes = tagged(0, integer(2)),
    serial: bytes = integer(1),
    algorithm: bytes = ECDSA_SHA256,
    issuer: bytes = EMPTY_NAME,
    validity: bytes = VALIDITY,
    subject: bytes = EMPTY_NAME,
    unique_ids: bytes = b"",
    tail: bytes = b"",
) -> bytes:
    """A TBSCertificate of parts, each as DER: for certificates that no library writes. `extensions`: one by one."""
    listed = tagged(3, tlv("30", extensions)) if extensions else b""
    parts = (version, serial, algorithm, issuer, validity, subject, subject_spki, unique_ids, listed, tail)
    return tlv("30", b"".join(parts))


def signed(tbs: bytes, issuer_key, *, algorithm: bytes = ECDSA_SHA256, padding_bits: bytes = b"\x00") -> bytes:
    signature = b"\x01"
    while signature[-1] & 1:  # so that its last bit may count as unused
        signature = issuer_key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    return tlv("30", tbs + algorithm + tlv("03", padding_bits + signature))


@dataclass(frozen=True, kw_only=True)
class AttestKey:
    """What the second certificate says when the leaf is attested by an ATTEST_KEY. `described` False: nothing."""

    challenge: bytes = b"of last month"
    attestation_level: int = 1
    key_level: int = 1
    attestation_version: int = 300
    software: dict = field(default_factory=lambda: SOFTWARE)
    hardware: dict = field(default_factory=lambda: {**HARDWARE, 1: tlv("31", integer(7))})
    described: bool = True
    kind: str = "P-256"
    signer: str = "attestation"
    dates: tuple = (datetime(1970, 1, 1, tzinfo=UTC), datetime(1980, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A chain of four that verifies as it stands; a test changes one thing."""

    challenge: bytes = CHALLENGE
    attestation_level: int = 1
    key_level: int = 1
    attestation_version: int = 300
    software: dict = field(default_factory=lambda: SOFTWARE)
    hardware: dict = field(default_factory=lambda: HARDWARE)
    extra_hardware: bytes = b""
    extra_description: bytes = b""
    description: bytes | None = None
    with_description: bool = True
    description_in: tuple[int, ...] = ()
    provisioning_in: tuple[int, ...] = ()
    critical_unknown_in: tuple[int, ...] = ()
    name: tuple = FACTORY_NAME
    attestation_name: tuple = FACTORY_NAME
    leaf_name: tuple = OTHER_NAME
    root: str = "root"
    root_kind: str = "P-384"
    leaf_kind: str = "P-256"
    with_root: bool = True
    leaf_dates: tuple = (NOW - timedelta(days=1), NOW + timedelta(days=1))
    attestation_dates: tuple | None = None  # None: as the intermediate's
    intermediate_dates: tuple = (NOW - timedelta(days=1), NOW + timedelta(days=1))
    root_dates: tuple = (NOW - timedelta(days=1), NOW + timedelta(days=1))
    leaf_signer: str = "attestation"
    attest_key: "AttestKey | None" = None
    attestation: x509.BasicConstraints | None = None
    authority: x509.BasicConstraints | None = field(
        default_factory=lambda: x509.BasicConstraints(ca=True, path_length=None)
    )

    def key_description(self) -> bytes:
        if self.description is not None:
            return self.description
        software = b"".join(tagged(tag, value) for tag, value in self.software.items())
        hardware = b"".join(tagged(tag, value) for tag, value in self.hardware.items()) + self.extra_hardware
        return tlv(
            "30",
            integer(self.attestation_version)
            + integer(self.attestation_level, "0a")
            + integer(self.attestation_version)
            + integer(self.key_level, "0a")
            + tlv("04", self.challenge)
            + tlv("04", b"")
            + tlv("30", software)
            + tlv("30", hardware)
            + self.extra_description,
        )

    def x5c(self) -> tuple[bytes, ...]:
        root = key(self.root, self.root_kind)
        plan = (
            (key("leaf", self.leaf_kind), key(self.leaf_signer), self.leaf_name, self.leaf_dates),
            (
                key("attestation"),
                key("intermediate"),
                self.attestation_name,
                self.attestation_dates or self.intermediate_dates,
            ),
            (key("intermediate"), root, self.name, self.intermediate_dates),
            (root, root, FACTORY_NAME, self.root_dates),
        )
        chain = [self._certificate(index, *entry) for index, entry in enumerate(plan)]
        if self.attest_key is not None:
            chain[:1] = self._through_attest_key(self.attest_key)
        return tuple(chain if self.with_root else chain[:-1])

    def _through_attest_key(self, stated: AttestKey) -> list[bytes]:
        middle = key("attest key", stated.kind)
        evidence = replace(
            self,
            challenge=stated.challenge,
            attestation_level=stated.attestation_level,
            key_level=stated.key_level,
            attestation_version=stated.attestation_version,
            software=stated.software,
            hardware=stated.hardware,
            with_description=stated.described,
            description=None,
        )
        return [
            self._certificate(0, key("leaf", self.leaf_kind), middle, self.leaf_name, self.leaf_dates),
            evidence._certificate(0, middle, key(stated.signer), OTHER_NAME, stated.dates),
        ]

    def _certificate(self, index, subject_key, issuer_key, name, dates) -> bytes:
        subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in name])
        builder = (
            x509.CertificateBuilder(subject_name=subject, issuer_name=subject, public_key=subject_key.public_key())
            .serial_number(1000 + index)
            .not_valid_before(dates[0])
            .not_valid_after(dates[1])
        )
        if (index == 0 and self.with_description) or index in self.description_in:
            builder = builder.add_extension(
                x509.UnrecognizedExtension(KEY_DESCRIPTION, self.key_description()), critical=False
            )
        authority = {1: self.attestation, 2: self.authority, 3: x509.BasicConstraints(ca=True, path_length=None)}.get(
            index
        )
        if authority is not None:
            builder = builder.add_extension(authority, critical=True)
        if index in self.provisioning_in:
            builder = builder.add_extension(x509.UnrecognizedExtension(PROVISIONING_INFO, b"\xa0"), critical=False)
        if index in self.critical_unknown_in:
            builder = builder.add_extension(
                x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), critical=True
            )
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.DER)

    def verify(self, *, challenge=CHALLENGE, anchors=None, now=NOW, **options):
        if anchors is None:
            anchors = AnchorSet((TrustAnchor(name="test", spki=spki(key("root", self.root_kind))),))
        return verify(SubmittedAndroidKey(x5c=self.x5c()), challenge=challenge, anchors=anchors, now=now, **options)


@pytest.fixture
def kit():
    """This file's builders: a test module cannot import a conftest."""
    return sys.modules[__name__]


@pytest.fixture
def make():
    """Evidence with some fields changed."""
    return lambda **changes: replace(Evidence(), **changes)


@pytest.fixture
def reason_of(make):
    """The reason why evidence with these changes is refused; the evidence without them verifies."""

    def reason(**changes):
        outcome = make(**changes).verify()
        assert isinstance(outcome, Refused), "the evidence verified"
        return outcome.reason

    return reason
