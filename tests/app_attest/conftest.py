"""Objects of the genuine format under a root of this test run: everything that a recorded one cannot show."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from chalicelib.endorsements.anchors import anchors_from_pem
from chalicelib.model.claims import AppleEnvironment
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.submission import SubmittedAppleAssertion, SubmittedAppleAttestation

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
APP_ID = "ABCDE12345.com.example.bank"
CLIENT_DATA_HASH = hashlib.sha256(b"what the app and the server agreed on").digest()
NONCE_OID = x509.ObjectIdentifier("1.2.840.113635.100.8.2")

ROOT_KEY = ec.generate_private_key(ec.SECP384R1())
INTERMEDIATE_KEY = ec.generate_private_key(ec.SECP384R1())
CREDENTIAL_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def point(key) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def cose(key) -> dict:
    return {1: 2, 3: -7, -1: 1, -2: point(key)[1:33], -3: point(key)[33:]}


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def key_usage(*, authority: bool, signs: bool | None = None, certifies: bool | None = None) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority if signs is None else signs,
        key_cert_sign=authority if certifies is None else certifies,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def tree(der: bytes) -> list:
    """[tag, contents] of one DER value; the contents of a constructed one are such pairs. Tag numbers to 30."""
    (node,) = _nodes(der)
    return node


def _nodes(der: bytes) -> list:
    nodes, at = [], 0
    while at < len(der):
        size, start = der[at + 1], at + 2
        if size > 0x80:
            start += size - 0x80
            size = int.from_bytes(der[at + 2 : start], "big")
        content = der[start : start + size]
        nodes.append([der[at], _nodes(content) if der[at] & 0x20 else content])
        at = start + size
    return nodes


def encode(node) -> bytes:
    """The DER of a tree; bytes in the place of a node go in as they are."""
    if isinstance(node, bytes):
        return node
    tag, content = node
    if not isinstance(content, bytes):
        content = b"".join(encode(inner) for inner in content)
    return bytes([tag]) + length(len(content)) + content


def length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


@dataclass
class Certificate:
    """One certificate to make; `extra` are (OID, DER, critical).

    `edit` changes the tree of what is signed before it is signed, `outer` the tree of the certificate afterwards.
    """

    subject: str
    issuer: str
    key: object
    signer: object
    authority: bool
    algorithm: object
    not_before: datetime = NOW - timedelta(days=1)
    not_after: datetime = NOW + timedelta(days=2)
    extra: list = field(default_factory=list)
    basic_constraints: bool = True
    path_length: int | None = None
    usage: dict = field(default_factory=dict)
    key_usage: bool = True
    edit: object = None
    outer: object = None

    def der(self) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(self.subject))
            .issuer_name(name(self.issuer))
            .public_key(self.key.public_key())
            .serial_number(1000 + len(self.subject))
            .not_valid_before(self.not_before)
            .not_valid_after(self.not_after)
        )
        if self.key_usage:
            usage = key_usage(**{"authority": self.authority, **self.usage})
            builder = builder.add_extension(usage, critical=True)
        if self.basic_constraints:
            constraints = x509.BasicConstraints(ca=self.authority, path_length=self.path_length)
            builder = builder.add_extension(constraints, critical=True)
        for oid, value, critical in self.extra:
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=critical)
        der = builder.sign(self.signer, self.algorithm).public_bytes(Encoding.DER)
        if self.edit is None and self.outer is None:
            return der
        certificate = tree(der)
        if self.edit is not None:
            signed, _, signature = certificate[1]
            self.edit(signed[1])
            signature[1] = b"\x00" + self.signer.sign(encode(signed), ec.ECDSA(self.algorithm))
        if self.outer is not None:
            self.outer(certificate[1])
        return encode(certificate)


def intermediate(**changes) -> Certificate:
    made = Certificate(
        subject="Test App Attestation CA 1",
        issuer="Test App Attestation Root CA",
        key=INTERMEDIATE_KEY,
        signer=ROOT_KEY,
        authority=True,
        algorithm=hashes.SHA384(),
    )
    return replace(made, **changes)


def root(**changes) -> Certificate:
    return intermediate(subject="Test App Attestation Root CA", key=ROOT_KEY, **changes)


def credential(nonce: bytes, **changes) -> Certificate:
    made = Certificate(
        subject="credential",
        issuer="Test App Attestation CA 1",
        key=CREDENTIAL_KEY,
        signer=INTERMEDIATE_KEY,
        authority=False,
        algorithm=hashes.SHA256(),
        extra=[(NONCE_OID, b"\x30\x24\xa1\x22\x04\x20" + nonce, False)],
    )
    return replace(made, **changes)


@dataclass
class Attestation:
    """An attestation and what its verifier is told; every part can be changed, and the rest follows it."""

    app_id: str = APP_ID
    flags: int = 0x40
    counter: int = 0
    aaguid: bytes = AppleEnvironment.PRODUCTION.value
    credential_id: bytes = field(default_factory=lambda: hashlib.sha256(point(CREDENTIAL_KEY)).digest())
    credential_id_length: int = 32
    cose_key: object = field(default_factory=lambda: cbor2.dumps(cose(CREDENTIAL_KEY)))
    ending: bytes = b""
    client_data_hash: bytes = CLIENT_DATA_HASH
    nonce: bytes | None = None
    leaf: dict = field(default_factory=dict)
    issuer: dict = field(default_factory=dict)
    x5c: list | None = None
    statement: dict = field(default_factory=dict)
    members: dict = field(default_factory=dict)
    raw: bytes | None = None
    key_id: bytes | None = None
    told: dict = field(default_factory=dict)

    def authenticator_data(self) -> bytes:
        return (
            hashlib.sha256(self.app_id.encode()).digest()
            + bytes([self.flags])
            + self.counter.to_bytes(4, "big")
            + self.aaguid
            + self.credential_id_length.to_bytes(2, "big")
            + self.credential_id
            + self.cose_key
            + self.ending
        )

    def certificates(self) -> list[bytes]:
        nonce = self.nonce or hashlib.sha256(self.authenticator_data() + self.client_data_hash).digest()
        return [credential(nonce, **self.leaf).der(), intermediate(**self.issuer).der()]

    def encoded(self) -> bytes:
        if self.raw is not None:
            return self.raw
        statement = {"x5c": self.x5c or self.certificates(), "receipt": b"a receipt", **self.statement}
        made = {"fmt": "apple-appattest", "attStmt": statement, "authData": self.authenticator_data()}
        return cbor2.dumps({**made, **self.members})

    def submitted(self) -> SubmittedAppleAttestation:
        key_id = self.key_id or hashlib.sha256(point(CREDENTIAL_KEY)).digest()
        return SubmittedAppleAttestation(key_id=key_id, attestation=self.encoded())

    def arguments(self) -> dict:
        return {
            "client_data_hash": CLIENT_DATA_HASH,
            "app_ids": ("ABCDE12345.com.example.other", APP_ID),
            "environment": AppleEnvironment.PRODUCTION,
            "anchors": anchors_from_pem(ROOT_PEM, name="test root"),
            "now": NOW,
            **self.told,
        }


@dataclass
class Assertion:
    app_id: str = APP_ID
    flags: int = 0x40
    counter: int = 8
    ending: bytes = b""
    client_data_hash: bytes = CLIENT_DATA_HASH
    key: object = CREDENTIAL_KEY
    hash_nonce_again: bool = True
    members: dict = field(default_factory=dict)
    raw: bytes | None = None
    key_id: bytes | None = None
    told: dict = field(default_factory=dict)

    def encoded(self) -> bytes:
        if self.raw is not None:
            return self.raw
        data = (
            hashlib.sha256(self.app_id.encode()).digest()
            + bytes([self.flags])
            + self.counter.to_bytes(4, "big")
            + self.ending
        )
        message = data + self.client_data_hash
        if self.hash_nonce_again:
            message = hashlib.sha256(message).digest()
        signature = self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        return cbor2.dumps({"signature": signature, "authenticatorData": data, **self.members})

    def submitted(self) -> SubmittedAppleAssertion:
        enrolled = hashlib.sha256(point(CREDENTIAL_KEY)).digest()
        return SubmittedAppleAssertion(key_id=self.key_id or enrolled, assertion=self.encoded())

    def arguments(self) -> dict:
        public = point(CREDENTIAL_KEY)
        return {
            "client_data_hash": CLIENT_DATA_HASH,
            "app_id": APP_ID,
            "key_id": hashlib.sha256(public).digest(),
            "public_key": EcPublicJwk(x=public[1:33], y=public[33:]),
            "stored_counter": 7,
            **self.told,
        }


ROOT_PEM = ROOT_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="session")
def forge():
    """The makers above: test modules cannot import each other under importlib mode."""
    return SimpleNamespace(
        Assertion=Assertion,
        Attestation=Attestation,
        CREDENTIAL_KEY=CREDENTIAL_KEY,
        INTERMEDIATE_KEY=INTERMEDIATE_KEY,
        NONCE_OID=NONCE_OID,
        NOW=NOW,
        OTHER_KEY=OTHER_KEY,
        ROOT_KEY=ROOT_KEY,
        ROOT_PEM=ROOT_PEM,
        cose=cose,
        credential=credential,
        encode=encode,
        intermediate=intermediate,
        length=length,
        point=point,
        root=root,
        tree=tree,
    )
