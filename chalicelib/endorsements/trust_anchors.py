"""Trust anchors as data: which keys a team trusts for what, where they were seen, and since when.

Compiled from `policies/endorsements/trust-anchors.yaml` by the `assay` command. What is in force replaces the built-in
anchors of each use that it names; a use that it does not name keeps them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from chalicelib.endorsements.anchors import AnchorSet, TrustAnchor, anchors_from_pem
from chalicelib.endorsements.apple_roots import APPLE_ANCHORS, APPLE_RECEIPT_ANCHORS
from chalicelib.endorsements.document import DocumentInvalid, Node, read_canonical
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.google_roots import GOOGLE_ANCHORS
from chalicelib.endorsements.known_keys import require_private_keys


class AnchorUse(StrEnum):
    """What an anchor is trusted to vouch for. A key that serves two uses stands in the document twice."""

    ANDROID_KEY = "android_key"
    APP_ATTEST = "app_attest"
    APP_ATTEST_RECEIPT = "app_attest_receipt"


# What holds where no document is in force. policies/endorsements/trust-anchors.yaml says the same, with provenance.
BUILT_IN: Final[Mapping[AnchorUse, AnchorSet]] = MappingProxyType(
    {
        AnchorUse.ANDROID_KEY: GOOGLE_ANCHORS,
        AnchorUse.APP_ATTEST: APPLE_ANCHORS,
        AnchorUse.APP_ATTEST_RECEIPT: APPLE_RECEIPT_ANCHORS,
    }
)

# The bound of `AnchorSet`, here for all uses together; and how many certificates of one key: Google's has four.
_MOST_ANCHORS: Final = 64
_MOST_CERTIFICATES: Final = 16

_USES: Final = {use.value: use for use in AnchorUse}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PEM: Final = re.compile(
    r"-----BEGIN (CERTIFICATE|PUBLIC KEY)-----\n[A-Za-z0-9+/=\n]{1,8192}\n-----END \1-----\n?"
)  # RFC 7468 section 3, without explanatory text
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SOURCE: Final = re.compile(r"https://[\x21-\x7e]{1,500}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")

# What verifiers take for a signer's key (`verifiers.codec.public_keys`); an anchor of another kind would never match.
_RSA_BITS: Final = range(2048, 8192 + 1)
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCertificate:
    """One that carries an anchor's key. Its validity is told and not enforced: phones send roots that have expired.

    `sha256`: of its DER, lowercase hex. Times are aware UTC.
    """

    sha256: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedAnchor:
    """`source`: the URL where somebody saw it, on `seen`."""

    anchor: TrustAnchor
    use: AnchorUse
    source: str
    seen: date
    certificates: tuple[RootCertificate, ...]
    note: str | None


@dataclass(frozen=True, slots=True)
class AnchorDocument:
    """The anchors of a document, in its order."""

    documented: tuple[DocumentedAnchor, ...]

    def by_use(self) -> dict[AnchorUse, AnchorSet]:
        """A use that the document does not name is not there."""
        return {
            use: AnchorSet(tuple(entry.anchor for entry in self.documented if entry.use is use))
            for use in AnchorUse
            if any(entry.use is use for entry in self.documented)
        }


def load_trust_anchors(document: bytes, *, simulated_phones: bool = False) -> AnchorDocument:
    """The anchors of a canonical document. Each key is of the fingerprint that stands beside it.

    `simulated_phones`: as `require_private_keys` says. Raises `UnusableEndorsement` with the place and a sentence.
    """
    try:
        root = read_canonical(document).members(required=("version", "anchors"))
        root["version"].integer(lowest=1, highest=1)
        entries = tuple(_anchor(node) for node in root["anchors"].items(most=_MOST_ANCHORS))
        _each_once(root["anchors"], [entry.anchor.name for entry in entries], "name")
        _each_once(root["anchors"], [(entry.use, entry.anchor.spki) for entry in entries], "key for the same use")
    except DocumentInvalid as error:
        raise UnusableEndorsement(str(error)) from error
    require_private_keys((entry.anchor for entry in entries), simulated_phones=simulated_phones)
    return AnchorDocument(entries)


def _anchor(node: Node) -> DocumentedAnchor:
    members = node.members(
        required=("name", "use", "pem", "spki_sha256", "source", "seen", "certificates"), optional=("note",)
    )
    name = members["name"].text(_NAME, "1 to 64 of a-z, 0-9 and `-`")
    anchor = _key(members["pem"], name)
    if members["spki_sha256"].text(_SHA256, "a SHA-256 digest in 64 hex digits, lower case") != anchor.spki_sha256:
        members["spki_sha256"].refuse("is not the fingerprint of the key beside it")
    certificates = tuple(_certificate(item) for item in members["certificates"].items(most=_MOST_CERTIFICATES))
    itself = _certificate_of(members["pem"])
    if itself is not None and itself not in certificates:
        members["certificates"].refuse("lacks the certificate in `pem`, or its validity is another one")
    return DocumentedAnchor(
        anchor=anchor,
        use=members["use"].choice(_USES, "use of a trust anchor"),
        source=members["source"].text(_SOURCE, "an https:// URL where the anchor is published"),
        seen=_moment(members["seen"], _DATE, "a date such as 2026-01-31").date(),
        certificates=certificates,
        note=members["note"].text(_TEXT, "one line of text") if "note" in members else None,
    )


def _key(node: Node, name: str) -> TrustAnchor:
    pem = node.text(_PEM, "one certificate or public key in PEM")
    try:
        (anchor,) = anchors_from_pem(pem.encode("ascii"), name=name)
        key = load_der_public_key(anchor.spki)
    except ValueError as error:
        raise DocumentInvalid(node.path, "does not load as a certificate or a public key") from error
    rsa_fits = isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS
    if not rsa_fits and not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)):
        node.refuse("has a key that no chain is verified with; those are RSA of 2048 to 8192 bits, P-256 and P-384")
    return anchor


def _certificate_of(node: Node) -> RootCertificate | None:
    """What stands in `pem`, where that is not the bare key."""
    pem = str(node.value).encode("ascii")
    if b"BEGIN CERTIFICATE" not in pem:
        return None
    certificate = x509.load_pem_x509_certificate(pem)
    return RootCertificate(
        sha256=certificate.fingerprint(SHA256()).hex(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _certificate(node: Node) -> RootCertificate:
    members = node.members(required=("sha256", "not_before", "not_after"))
    shape = "a time in UTC such as 2026-01-31T12:00:00Z"
    certificate = RootCertificate(
        sha256=members["sha256"].text(_SHA256, "a SHA-256 digest in 64 hex digits, lower case"),
        not_before=_moment(members["not_before"], _TIME, shape),
        not_after=_moment(members["not_after"], _TIME, shape),
    )
    if certificate.not_before >= certificate.not_after:
        node.refuse("ends before it begins")
    return certificate


def _moment(node: Node, pattern: re.Pattern[str], shape: str) -> datetime:
    text = node.text(pattern, shape)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise DocumentInvalid(node.path, f"is not {shape}") from error


def _each_once(node: Node, values: Sequence[object], noun: str) -> None:
    if len(set(values)) < len(values):
        node.refuse(f"has the same {noun} twice")
