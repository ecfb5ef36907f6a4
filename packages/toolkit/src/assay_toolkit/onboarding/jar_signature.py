"""Who signed an archive as a JAR (APK Signature Scheme v1, and app bundles), as far as one of its entries is concerned.

https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html#signed-jar-file, from the certificate down:

1. the signature block (CMS, RFC 5652) is by one of its certificates, over the signature file
2. the signature file names the digest of the whole META-INF/MANIFEST.MF
3. META-INF/MANIFEST.MF names the digest of the entry
4. the signature file does not say that there was a newer scheme's signature, which must then have been taken out

Not done: the digests of all other entries. The entry is the manifest that everything else is read from.
`cryptography` reads certificates out of a CMS structure and verifies none. SHA-1 counts as no digest.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from assay_toolkit.onboarding.archive import Archive
from assay_toolkit.onboarding.artefact import ArtefactUnusable
from assay_toolkit.onboarding.public_key import is_signed_by, read_certificate
from chalicelib.verifiers.codec import der
from chalicelib.verifiers.codec.errors import Malformed

_FOLDER: Final = "META-INF/"
_MANIFEST: Final = "META-INF/MANIFEST.MF"
_BLOCKS: Final = (".RSA", ".EC", ".DSA")
_LARGEST_TEXT: Final = 32 * 1024**2  # bytes; some 100 for each of at most 65,535 entries
_LARGEST_BLOCK: Final = 1024**2
_MOST_SIGNERS: Final = 10

# RFC 5754 section 2, and the names that JAR files have for the same.
_DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_JAR_NAMES: Final = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"  # RFC 5652 section 11.2
_CONTEXT_0: Final = b"\xa0"
_NEWER_SCHEMES: Final = "X-Android-APK-Signed"  # V1SchemeConstants.java of apksig


def read_certificates(archive: Archive, *, entry: str, contents: bytes) -> tuple[bytes, ...]:
    """The DER certificates of everybody who signed `entry`; none: the archive is not signed so.

    Raises ArtefactUnusable.
    """
    names = {name.upper(): name for name in archive.names if name.upper().startswith(_FOLDER)}
    stems = sorted(name.removesuffix(".SF") for name in names if name.endswith(".SF") and name.count("/") == 1)
    if len(stems) > _MOST_SIGNERS:
        raise ArtefactUnusable(f"has more than {_MOST_SIGNERS} JAR signatures")
    certificates: list[bytes] = []
    for stem in stems:
        blocks = [names[stem + suffix] for suffix in _BLOCKS if stem + suffix in names]
        if len(blocks) != 1 or _MANIFEST not in archive.names:
            raise ArtefactUnusable("has a JAR signature of which a part is missing")
        signed = archive.read(names[stem + ".SF"], most=_LARGEST_TEXT)
        certificates.append(_certificate(archive.read(blocks[0], most=_LARGEST_BLOCK), signed))  # 1
        listing = archive.read(_MANIFEST, most=_LARGEST_TEXT)
        head = next(_sections(signed), {})
        if not _has_digest(head, "-Digest-Manifest", listing):  # 2
            raise _changed()
        described = [section for section in _sections(listing) if section.get("Name") == entry]
        if len(described) != 1 or not _has_digest(described[0], "-Digest", contents):  # 3
            raise _changed()
        if _NEWER_SCHEMES in head:  # 4
            raise ArtefactUnusable("had a newer signature than the JAR signature, which somebody took out")
    return tuple(dict.fromkeys(certificates))


def _changed() -> ArtefactUnusable:
    return ArtefactUnusable(
        "has a JAR signature without a SHA-2 digest of its manifest as it is: it was changed after it was signed, or "
        "signed with SHA-1"
    )


def _certificate(block: bytes, signed: bytes) -> bytes:
    """The one certificate in the CMS structure whose key made its signature."""
    try:
        digest, attributes, signature = _signer_info(block)
        message = _signed_bytes(attributes, digest, signed)
        certificates = pkcs7.load_der_pkcs7_certificates(block)
        encoded = [certificate.public_bytes(Encoding.DER) for certificate in certificates]
    except (Malformed, ValueError, UnsupportedAlgorithm) as error:
        raise ArtefactUnusable("has a JAR signature that cannot be read") from error
    for candidate in encoded:
        key = read_certificate(candidate).public_key()
        if is_signed_by(key, signature=signature, message=message, digest=digest):
            return candidate
    raise ArtefactUnusable("has a JAR signature that is by none of the certificates beside it")


def _signer_info(block: bytes) -> tuple[hashes.HashAlgorithm, der.Tlv | None, bytes]:
    """RFC 5652 sections 5.1 and 5.3: digest, signed attributes, signature of the only signer. Raises Malformed."""
    outer = der.members(der.one(block, field="contentInfo"), tag=der.SEQUENCE, field="contentInfo")
    (content,) = der.members(outer[-1], tag=_CONTEXT_0, field="contentInfo")
    signers = der.members(der.members(content, tag=der.SEQUENCE, field="signedData")[-1], tag=der.SET, field="signers")
    if len(signers) != 1:
        raise Malformed("signedData has not exactly one signer")
    parts = der.members(signers[0], tag=der.SEQUENCE, field="signerInfo")
    attributes = parts.pop(3) if len(parts) > 3 and parts[3].tag_bytes == _CONTEXT_0 else None
    if len(parts) not in (5, 6):  # the sixth: unsigned attributes, such as a time stamp
        raise Malformed("signerInfo has too few or too many fields")
    algorithm = der.members(parts[2], tag=der.SEQUENCE, field="digestAlgorithm")
    digest = _DIGESTS.get(der.oid(algorithm[0], field="digestAlgorithm")) if algorithm else None
    if digest is None:
        raise Malformed("signerInfo is of another digest")
    return digest, attributes, der.octets(parts[4], field="signature")


def _signed_bytes(attributes: der.Tlv | None, digest: hashes.HashAlgorithm, signed: bytes) -> bytes:
    """RFC 5652 section 5.4: what was signed is the file, or attributes that name its digest. Raises Malformed."""
    if attributes is None:
        return signed
    expected = hashlib.new(digest.name, signed).digest()
    for item in der.members(attributes, tag=_CONTEXT_0, field="signedAttrs"):
        attribute = der.members(item, tag=der.SEQUENCE, field="signedAttrs")
        if len(attribute) == 2 and der.oid(attribute[0], field="signedAttrs") == _MESSAGE_DIGEST:
            values = der.members(attribute[1], tag=der.SET, field="messageDigest")
            if len(values) == 1 and der.octets(values[0], field="messageDigest") == expected:
                return der.SET + der.raw(attributes)[1:]
    raise Malformed("signedAttrs do not name the content's digest")


def _sections(text: bytes) -> Iterator[dict[str, str]]:
    """Headers section by section; long lines go on after a space. What is no header is passed over."""
    section: dict[str, str] = {}
    name = ""
    for line in [*text.decode("utf-8", errors="replace").splitlines(), ""]:
        if not line:
            if section:
                yield section
            section, name = {}, ""
        elif line.startswith(" ") and name:
            section[name] += line[1:]
        else:
            name, _, value = line.partition(": ")
            section[name] = value


def _has_digest(section: dict[str, str], suffix: str, contents: bytes) -> bool:
    """Whether the section names digests of `contents` that are not broken, and every one of them is right."""
    named = {name.removesuffix(suffix): value for name, value in section.items() if name.endswith(suffix)}
    known = [(algorithm, value) for name, value in named.items() if (algorithm := _JAR_NAMES.get(name))]
    return bool(known) and all(_decoded(value) == hashlib.new(name, contents).digest() for name, value in known)


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return b""
