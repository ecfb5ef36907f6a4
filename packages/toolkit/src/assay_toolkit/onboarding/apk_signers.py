"""Who signed an APK, by APK Signature Schemes v2, v3 and v3.1.

For each scheme that the file has, as https://source.android.com/docs/security/features/apksigning/v2#verification and
…/v3, …/v3-1 want it:

1. each signer lists digests and signatures of the same algorithms, in the same order, at least one of them known
2. each signature of a known algorithm is by the signer's public key, over its signed data
3. each digest of a known algorithm is that of the file: a signer's block taken from another file is noticed here
4. the first certificate is for that public key
5. v3: the SDK versions outside the signed data are those inside
6. a rotation's lineage: each certificate is signed by the one before it, and the last is the signer's
7. what a signer says of a newer scheme's block is so: a block that was cut out is noticed

Not done: which of the schemes a phone uses depends on its Android version. Every scheme's signers are read, so that
phones of every version are known. Algorithms with DSA or fs-verity digests count as unknown.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from assay_toolkit.onboarding.archive import Archive
from assay_toolkit.onboarding.artefact import ArtefactUnusable, Signer
from assay_toolkit.onboarding.content_digests import content_digest
from assay_toolkit.onboarding.fields import Fields
from assay_toolkit.onboarding.public_key import digest_of, is_signed_by, read_certificate

_MOST_SIGNERS: Final = 10  # what the platform takes
_MOST_LISTED: Final = 32  # digests, signatures, certificates, attributes, steps of a lineage


@dataclass(frozen=True, slots=True)
class _Algorithm:
    """`digest`: of the signature and of the contents, by hashlib's name. `salt`: RSASSA-PSS, in bytes."""

    digest: str
    salt: int | None = None

    @property
    def hash(self) -> hashes.HashAlgorithm:
        return hashes.SHA256() if self.digest == "sha256" else hashes.SHA512()


# https://source.android.com/docs/security/features/apksigning/v2#signature-algorithm-ids
_ALGORITHMS: Final = {
    0x0101: _Algorithm("sha256", salt=32),
    0x0102: _Algorithm("sha512", salt=64),
    0x0103: _Algorithm("sha256"),
    0x0104: _Algorithm("sha512"),
    0x0201: _Algorithm("sha256"),
    0x0202: _Algorithm("sha512"),
}


@dataclass(frozen=True, slots=True)
class _Scheme:
    name: str
    block: int
    has_sdk_versions: bool


_V2: Final = _Scheme("v2", 0x7109871A, has_sdk_versions=False)
_V3: Final = _Scheme("v3", 0xF05368C0, has_sdk_versions=True)
_V31: Final = _Scheme("v3.1", 0x1B93AD61, has_sdk_versions=True)
_SCHEMES: Final = (_V2, _V3, _V31)
# Hybrid signatures with a post-quantum key, of Android 17 and later (V3SchemeConstants.java of apksig). Not read.
_V32_BLOCK: Final = 0x70E1C89F
_HYBRID_NOTE: Final = (
    "It has a hybrid signature (APK Signature Scheme v3.2), which is not read here. Should phones with Android 17 "
    "report another certificate, name it with --signing-certificate."
)

_PROOF_OF_ROTATION: Final = 0x3BA06F8C
_LINEAGE_VERSION: Final = 1
# Attribute → the scheme whose block must then be there: in v2 the scheme's number, in v3 the SDK that rotation starts
# with (V2SchemeConstants.java and V3SchemeConstants.java of apksig).
_STRIPPING: Final = {0xBEEFF00D: _V3, 0x559F8B02: _V31}

_Digest = Callable[[str], bytes]


def read_signers(
    archive: Archive, *, start: int, blocks: dict[int, bytes]
) -> tuple[tuple[Signer, ...], tuple[str, ...]]:
    """Everybody whose certificate phones may report, and notes for people. Empty: none of these schemes was used.

    `start`: where the signing block is. `blocks`: its values by id. Raises ArtefactUnusable.
    """

    @cache
    def digest(algorithm: str) -> bytes:
        return content_digest(archive, block=start, algorithm=algorithm)

    signers: list[Signer] = []
    notes = [_HYBRID_NOTE] if _V32_BLOCK in blocks else []
    for scheme in _SCHEMES:
        if scheme.block not in blocks:
            continue
        listed = Fields(blocks[scheme.block], of=f"the {scheme.name} signature").sequence(most=_MOST_SIGNERS)
        if not listed:
            raise ArtefactUnusable(f"is broken: its {scheme.name} signature names no signer")
        for fields in listed:
            certificate, lineage = _signer(fields, scheme, blocks, digest)
            source = f"APK Signature Scheme {scheme.name}"
            if lineage and lineage[0] != certificate:
                notes.append(_rotated(scheme, lineage))
                signers.append(Signer(certificate=lineage[0], source=f"{source}, the oldest of its lineage"))
            signers.append(Signer(certificate=certificate, source=source))
    return tuple(signers), tuple(dict.fromkeys(notes))


def _rotated(scheme: _Scheme, lineage: tuple[bytes, ...]) -> str:
    return (
        f"Its key was rotated ({scheme.name}): {' → '.join(digest_of(step).hex()[:8] for step in lineage)}. "
        "Android's key attestation names the oldest certificate of such an app; both are registered."
    )


def _signer(
    fields: Fields, scheme: _Scheme, blocks: dict[int, bytes], digest: _Digest
) -> tuple[bytes, tuple[bytes, ...]]:
    """The signer's certificate, and its lineage, oldest first."""
    signed_data = fields.prefixed()
    sdk_versions = fields.take(8) if scheme.has_sdk_versions else b""
    signatures = _by_algorithm(fields.sequence(most=_MOST_LISTED))
    public_key = fields.prefixed()

    signed = Fields(signed_data, of=f"the {scheme.name} signature")
    digests = _by_algorithm(signed.sequence(most=_MOST_LISTED))
    known = [algorithm for algorithm in signatures if algorithm in _ALGORITHMS]
    if list(digests) != list(signatures) or not known:  # 1
        raise ArtefactUnusable(f"has a {scheme.name} signature by no algorithm that is known here")
    key = _load(public_key)
    for algorithm in known:
        if not _verifies(key, algorithm, signatures[algorithm], signed_data):  # 2
            raise ArtefactUnusable(f"has a {scheme.name} signature that is not by the certificate beside it")
        if digests[algorithm] != digest(_ALGORITHMS[algorithm].digest):  # 3
            raise ArtefactUnusable(
                f"has a {scheme.name} signature of other contents: the file was changed after it was signed"
            )

    certificates = signed.sequence(most=_MOST_LISTED)
    certificate = certificates[0].take(certificates[0].left) if certificates else b""
    if read_certificate(certificate).public_key() != key:  # 4
        raise ArtefactUnusable(f"has a {scheme.name} signature that is not by the certificate beside it")
    if scheme.has_sdk_versions and signed.take(8) != sdk_versions:  # 5
        raise ArtefactUnusable(f"is broken: its {scheme.name} signature is for other Android versions than it says")
    lineage: tuple[bytes, ...] = ()
    for attribute in signed.sequence(most=_MOST_LISTED):
        kind = attribute.uint32()
        if kind == _PROOF_OF_ROTATION:
            lineage = _lineage(attribute, certificate)  # 6
        elif kind in _STRIPPING and _STRIPPING[kind].block not in blocks:  # 7
            raise ArtefactUnusable(f"had a {_STRIPPING[kind].name} signature, which somebody took out")
    return certificate, lineage


def _lineage(fields: Fields, certificate: bytes) -> tuple[bytes, ...]:
    """V3SigningCertificateLineage.java of apksig: each step is signed by the certificate of the step before."""
    if fields.uint32() != _LINEAGE_VERSION:
        raise ArtefactUnusable("has a key rotation in a form that is not known here")
    steps: list[bytes] = []
    algorithm = 0
    while fields.left:
        step = fields.inner()
        signed_data = step.prefixed()
        step.uint32()  # what the old key may still do, which phones do not report
        next_algorithm = step.uint32()
        signed = Fields(signed_data, of="the key rotation")
        encoded, stated_algorithm = signed.prefixed(), signed.uint32()
        if steps:
            previous = read_certificate(steps[-1]).public_key()
            if stated_algorithm != algorithm or not _verifies(previous, algorithm, step.prefixed(), signed_data):
                raise ArtefactUnusable("has a key rotation that the old key did not sign")
        if len(steps) == _MOST_LISTED or encoded in steps:
            raise ArtefactUnusable("has a key rotation that goes in a circle or on for too long")
        steps.append(encoded)
        algorithm = next_algorithm
    if not steps or steps[-1] != certificate:
        raise ArtefactUnusable("has a key rotation that does not lead to its signer")
    return tuple(steps)


def _by_algorithm(listed: Iterable[Fields]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for fields in listed:
        algorithm = fields.uint32()
        if algorithm in found:
            raise ArtefactUnusable("is broken: a signer lists the same algorithm twice")
        found[algorithm] = fields.prefixed()
    return found


def _load(public_key: bytes) -> object:
    try:
        return load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ArtefactUnusable("has a signer whose public key cannot be read") from error


def _verifies(key: object, algorithm: int, signature: bytes, message: bytes) -> bool:
    known = _ALGORITHMS.get(algorithm)
    if known is None:
        return False
    return is_signed_by(key, signature=signature, message=message, digest=known.hash, salt=known.salt)
