"""Trust anchors, pinned by public key: a root's certificate may be renewed or expire, its key is what signs."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_CERTIFICATE_BEGINS = b"-----BEGIN CERTIFICATE-----"
_PUBLIC_KEY_BEGINS = b"-----BEGIN PUBLIC KEY-----"
_END = b"-----END "

# Google has two keys today, Apple one; a folder of vectors may bring dozens of test roots. A chain that was sent
# without its root costs one signature check for each that could have signed it, so that their number bounds what a
# made-up chain costs: 64 checks of RSA-4096 or P-384 stay well below a second.
_MOST_ANCHORS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchor:
    """`spki`: the DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7); `name` is for decision records and people."""

    name: str
    spki: bytes

    @property
    def spki_sha256(self) -> str:
        """Lowercase hex."""
        return hashlib.sha256(self.spki).hexdigest()


@dataclass(frozen=True, slots=True)
class AnchorSet:
    """Trusted public keys. An empty set trusts nothing; more than 64 raise ValueError, not that some go unheard."""

    anchors: tuple[TrustAnchor, ...]
    _by_spki: dict[bytes, TrustAnchor] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.anchors) > _MOST_ANCHORS:
            raise ValueError(f"{len(self.anchors)} trust anchors, and at most {_MOST_ANCHORS} are taken")
        object.__setattr__(self, "_by_spki", {anchor.spki: anchor for anchor in self.anchors})

    def by_spki(self, spki: bytes) -> TrustAnchor | None:
        """The anchor with exactly this DER SubjectPublicKeyInfo."""
        return self._by_spki.get(spki)

    def __iter__(self) -> Iterator[TrustAnchor]:
        return iter(self.anchors)

    def __add__(self, other: Self) -> Self:
        return type(self)((*self.anchors, *(anchor for anchor in other.anchors if anchor.spki not in self._by_spki)))


def anchors_from_pem(pem: bytes, *, name: str) -> AnchorSet:
    """Every certificate and public key in `pem`, once per key; a second and further key is named `<name>-2` and so on.

    Raises ValueError when there is none, when there are too many, or when one of them does not load.
    """
    spkis: list[bytes] = []
    for block in _blocks(pem):
        spki = _spki(block)
        if spki not in spkis:
            spkis.append(spki)
    if not spkis:
        raise ValueError(f"no certificate and no public key for trust anchor {name}")
    return AnchorSet(
        tuple(
            TrustAnchor(name=name if number == 1 else f"{name}-{number}", spki=spki)
            for number, spki in enumerate(spkis, start=1)
        )
    )


def _blocks(pem: bytes) -> Iterator[bytes]:
    lines: list[bytes] = []
    for line in pem.splitlines():
        if line.startswith(b"-----BEGIN "):
            lines = []
        lines.append(line)
        if line.startswith(_END):
            yield b"\n".join(lines) + b"\n"


def _spki(block: bytes) -> bytes:
    try:
        key: PublicKeyTypes
        if block.startswith(_CERTIFICATE_BEGINS):
            key = x509.load_pem_x509_certificate(block).public_key()
        elif block.startswith(_PUBLIC_KEY_BEGINS):
            key = load_pem_public_key(block)
        else:
            raise ValueError("a trust anchor is a certificate or a public key")
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except UnsupportedAlgorithm as error:
        raise ValueError("a trust anchor has a key of an unknown kind") from error
    except x509.InvalidVersion as error:  # no ValueError, unlike all else that does not load
        raise ValueError("a trust anchor's certificate is of an unknown version") from error
