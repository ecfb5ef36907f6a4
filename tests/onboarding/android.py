"""APKs and AABs written from the formats' documents, with nothing of the readers'."""

import base64
import copy
import datetime as dt
import hashlib
import io
import struct
import zipfile
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

PACKAGE = "com.example.onboarded"
V2, V3, V31 = 0x7109871A, 0xF05368C0, 0x1B93AD61
RSA_PSS_SHA256, RSA_SHA256, RSA_SHA512, EC_SHA256, VERITY_RSA = 0x0101, 0x0103, 0x0104, 0x0201, 0x0421
NO_STRING = 0xFFFFFFFF
ANDROID = "http://schemas.android.com/apk/res/android"


class Owner:
    """Somebody with a signing key and a certificate for it."""

    def __init__(self, name, key=None):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.x509 = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
            .not_valid_after(dt.datetime(2050, 1, 1, tzinfo=dt.UTC))
            .sign(self.key, hashes.SHA256())
        )
        self.certificate = self.x509.public_bytes(serialization.Encoding.DER)
        self.digest = hashlib.sha256(self.certificate).hexdigest()
        self.public_key = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def with_key_of(self, other):
        """The certificate of one and the key of another."""
        forged = copy.copy(self)
        forged.key = other.key
        return forged

    @property
    def algorithm(self):
        return RSA_SHA256 if isinstance(self.key, rsa.RSAPrivateKey) else EC_SHA256

    def sign(self, message, algorithm=None):
        match algorithm or self.algorithm:
            case 0x0101:
                return self.key.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
            case 0x0104:
                return self.key.sign(message, padding.PKCS1v15(), hashes.SHA512())
            case 0x0103 | 0x0421:
                return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
            case _:
                return self.key.sign(message, ec.ECDSA(hashes.SHA256()))


# Binary XML --------------------------------------------------------------------------------------------------------


def chunk(kind, head, body):
    return struct.pack("<HHI", kind, 8 + len(head), 8 + len(head) + len(body)) + head + body


def string_pool(texts, *, utf8=False):
    offsets, data = b"", b""
    for text in texts:
        offsets += struct.pack("<I", len(data))
        if utf8:
            encoded = text.encode()
            for size in (len(text), len(encoded)):
                data += struct.pack("<B", size) if size < 0x80 else struct.pack("<BB", 0x80 | size >> 8, size & 0xFF)
            data += encoded + b"\x00"
        else:
            data += struct.pack("<H", len(text)) + text.encode("utf-16-le") + b"\x00\x00"
    data += bytes(-len(data) % 4)
    head = struct.pack("<5I", len(texts), 0, 0x100 if utf8 else 0, 28 + len(offsets), 0)
    return chunk(0x0001, head, offsets + data)


def attribute(name, value, *, namespace=NO_STRING, raw=NO_STRING, kind=0x03):
    return struct.pack("<3IHBBI", namespace, name, raw, 8, 0, kind, value)


def manifest(*, package=PACKAGE, code=70100, name="7.1.0", major=None, utf8=False, root="manifest", more=()):
    """AndroidManifest.xml; `more`: attributes as `attribute` makes them."""
    texts = ["versionCode", "versionName", "versionCodeMajor", "package", ANDROID, root, package, name]
    attributes = [
        attribute(0, code, namespace=4, kind=0x10),
        attribute(1, 7, namespace=4, raw=7),
        *([attribute(2, major, namespace=4, kind=0x11)] if major is not None else []),
        attribute(3, 6, raw=6),
        *more,
    ]
    element = struct.pack("<2I6H", NO_STRING, 5, 20, 20, len(attributes), 0, 0, 0) + b"".join(attributes)
    body = (
        string_pool(texts, utf8=utf8)
        + chunk(0x0180, b"", struct.pack("<3I", 0x0101021B, 0x0101021C, 0x01010576))
        + chunk(0x0100, struct.pack("<2I", 1, NO_STRING), struct.pack("<2I", NO_STRING, 4))
        + chunk(0x0102, struct.pack("<2I", 2, NO_STRING), element)
    )
    return chunk(0x0003, b"", body)


# Protobuf XML ------------------------------------------------------------------------------------------------------


def varint(value):
    octets = b""
    while value > 0x7F:
        octets, value = octets + bytes([value & 0x7F | 0x80]), value >> 7
    return octets + bytes([value])


def member(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    encoded = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(encoded)) + encoded


def bundle_manifest(*, package=PACKAGE, code="70100", name="7.1.0", root="manifest", more=b""):
    def attr(name, value, namespace=""):
        # With a compiled value beside the text, as aapt2 writes it.
        return member(4, member(1, namespace) + member(2, name) + member(3, value) + member(6, member(7, member(6, 1))))

    element = (
        member(1, member(1, "android") + member(2, ANDROID))
        + member(3, root)
        + attr("versionCode", code, ANDROID)
        + attr("versionName", name, ANDROID)
        + attr("package", package)
        + member(5, member(1, member(3, "application")))
        + more
    )
    return member(1, element) + member(3, member(1, 2))


# Archives and signatures -------------------------------------------------------------------------------------------


def archive(entries, *, compression=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as target:
        for name, contents in entries.items():
            target.writestr(name, contents)
    return packed.getvalue()


def unsigned_apk(**stated):
    return archive({"AndroidManifest.xml": manifest(**stated), "classes.dex": b"dex\n035\x00" + bytes(3_000_000)})


def prefixed(data):
    return struct.pack("<I", len(data)) + data


def sequence(elements):
    return prefixed(b"".join(prefixed(element) for element in elements))


def split(apk):
    """Entries, directory and end of an archive without a comment."""
    end = len(apk) - 22
    (offset,) = struct.unpack_from("<I", apk, end + 16)
    return apk[:offset], apk[offset:end], apk[end:]


def contents_digest(apk, algorithm="sha256"):
    pieces = [
        section[start : start + 2**20] for section in split(apk) for start in range(0, max(len(section), 1), 2**20)
    ]
    digests = [hashlib.new(algorithm, b"\xa5" + prefixed(piece)).digest() for piece in pieces]
    return hashlib.new(algorithm, b"\x5a" + struct.pack("<I", len(digests)) + b"".join(digests)).digest()


@dataclass(kw_only=True)
class Signature:
    """One signer's part of one scheme; what is None is as it should be."""

    scheme: int
    owner: Owner
    algorithms: tuple = ()
    lineage: tuple = ()  # owners, oldest first
    attributes: tuple = ()  # (id, value)
    certificate: bytes | None = None
    digest: bytes | None = None
    signer: Owner | None = None
    outer_sdk: tuple = (28, 0x7FFFFFFF)
    inner_sdk: tuple = (28, 0x7FFFFFFF)
    listed: tuple | None = None  # the algorithms that the digests are said to be of
    signatures: dict = field(default_factory=dict)

    def encode(self, apk):
        algorithms = self.algorithms or (self.owner.algorithm,)
        versions = (lambda sdk: struct.pack("<2I", *sdk)) if self.scheme != V2 else (lambda _: b"")
        digests = [
            struct.pack("<I", algorithm) + prefixed(self._digest(apk, algorithm))
            for algorithm in self.listed or algorithms
        ]
        attributes = [struct.pack("<I", kind) + value for kind, value in self.attributes]
        if self.lineage:
            attributes.append(struct.pack("<I", 0x3BA06F8C) + lineage(self.lineage))
        signed = (
            sequence(digests)
            + sequence([self.owner.certificate if self.certificate is None else self.certificate])
            + versions(self.inner_sdk)
            + sequence(attributes)
            # apksigner ends v2's signed data so
            + (prefixed(b"") if self.scheme == V2 else b"")
        )
        signatures = [
            struct.pack("<I", algorithm) + prefixed((self.signer or self.owner).sign(signed, algorithm))
            for algorithm in algorithms
        ]
        return prefixed(signed) + versions(self.outer_sdk) + sequence(signatures) + prefixed(self.owner.public_key)

    def _digest(self, apk, algorithm):
        if self.digest is not None:
            return self.digest
        return contents_digest(apk, "sha512" if algorithm == RSA_SHA512 else "sha256")


def lineage(owners, *, signers=None):
    """`signers`: who signed each step but the first, if not the one before it."""
    steps = []
    for index, owner in enumerate(owners):
        algorithm = owners[index - 1].algorithm if index else 0
        signed = prefixed(owner.certificate) + struct.pack("<I", algorithm)
        by = (signers or owners)[index - 1] if index else None
        signature = by.sign(signed, algorithm) if by else b""
        steps.append(prefixed(signed) + struct.pack("<2I", 31, owner.algorithm) + prefixed(signature))
    return struct.pack("<I", 1) + b"".join(prefixed(step) for step in steps)


def signing_block(values):
    """`values`: pairs of id and value."""
    pairs = b"".join(struct.pack("<QI", 4 + len(value), kind) + value for kind, value in values)
    size = struct.pack("<Q", len(pairs) + 24)
    return size + pairs + size + b"APK Sig Block 42"


def with_block(apk, block):
    entries, directory, end = split(apk)
    moved = end[:16] + struct.pack("<I", len(entries) + len(block)) + end[20:]
    return entries + block + directory + moved


def signed(apk, *signatures, more=()):
    """`more`: further values of the block."""
    values = {}
    for signature in signatures:
        values.setdefault(signature.scheme, []).append(signature.encode(apk))
    return with_block(apk, signing_block([*((kind, sequence(found)) for kind, found in values.items()), *more]))


def jar_signed(
    entries, owner, *, digest=None, head="", manifest_digest=None, entry_digest=None, name="CERT", block=None
):
    """APK Signature Scheme v1. `head`: more headers of the signature file. `block`: in place of the signature."""
    digest = digest or hashes.SHA256()
    algorithm, label = digest.name, {"sha256": "SHA-256", "sha512": "SHA-512", "sha1": "SHA1"}[digest.name]

    def b64(data):
        return base64.b64encode(hashlib.new(algorithm, data).digest()).decode()

    listing = "Manifest-Version: 1.0\r\n\r\n" + "".join(
        f"Name: {path}\r\n{label}-Digest: {entry_digest or b64(contents)}\r\n\r\n" for path, contents in entries.items()
    )
    file = (
        f"Signature-Version: 1.0\r\n{label}-Digest-Manifest: {manifest_digest or b64(listing.encode())}\r\n{head}\r\n"
    )
    hashed = digest if digest.name != "sha1" else hashes.SHA256()
    block = block or (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(file.encode())
        .add_signer(owner.x509, owner.key, hashed)
        .sign(
            serialization.Encoding.DER,
            [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities],
        )
    )
    return archive(
        {
            **entries,
            "META-INF/MANIFEST.MF": listing,
            f"META-INF/{name}.SF": file,
            f"META-INF/{name}.{'RSA' if isinstance(owner.key, rsa.RSAPrivateKey) else 'EC'}": block,
        }
    )
