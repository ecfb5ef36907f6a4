"""The two CBOR objects of App Attest, decoded to types and believed in nothing.

Every member is accounted for. Attestation: `fmt`, `attStmt` {`x5c`, `receipt`} and `authData`. Assertion: `signature`
and `authenticatorData`. All are required; the receipt is relayed, whatever it holds, and all others are verified. No
signature covers these outer maps, so that a further member would be anybody's word: it is refused, not ignored.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from chalicelib.verifiers.codec import cbor
from chalicelib.verifiers.codec.errors import Malformed

_FORMAT: Final = "apple-appattest"

# The wire contract's bounds (docs/wire.md section 4), in bytes; genuine objects have 5.5 KB and 142 bytes.
_MAX_ATTESTATION: Final = 32_768
_MAX_ASSERTION: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedAttestation:
    """`x5c`: DER certificates, credential certificate first, as many as came."""

    x5c: tuple[bytes, ...]
    receipt: bytes
    authenticator_data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedAssertion:
    """`signature`: DER, as far as it is one."""

    signature: bytes
    authenticator_data: bytes


def decode_attestation(data: bytes) -> UnverifiedAttestation:
    """Raises Malformed."""
    members = _map(cbor.loads(data, max_bytes=_MAX_ATTESTATION), "attestation", required={"fmt", "attStmt", "authData"})
    if members["fmt"] != _FORMAT:
        raise Malformed("attestation: fmt is not apple-appattest")
    statement = _map(members["attStmt"], "attStmt", required={"x5c", "receipt"})
    x5c = statement["x5c"]
    if not isinstance(x5c, list):
        raise Malformed("attStmt: x5c is not an array")
    return UnverifiedAttestation(
        x5c=tuple(_bytes(certificate, "x5c") for certificate in x5c),
        receipt=_bytes(statement["receipt"], "receipt"),
        authenticator_data=_bytes(members["authData"], "authData"),
    )


def decode_assertion(data: bytes) -> UnverifiedAssertion:
    """Raises Malformed."""
    members = _map(cbor.loads(data, max_bytes=_MAX_ASSERTION), "assertion", required={"signature", "authenticatorData"})
    return UnverifiedAssertion(
        signature=_bytes(members["signature"], "signature"),
        authenticator_data=_bytes(members["authenticatorData"], "authenticatorData"),
    )


def _map(value: cbor.CborValue, name: str, *, required: AbstractSet[str]) -> dict[int | str, cbor.CborValue]:
    if not isinstance(value, dict):
        raise Malformed(f"{name}: not a map")
    if value.keys() != required:
        raise Malformed(f"{name}: a member is missing or not of the schema")
    return value


def _bytes(value: cbor.CborValue, name: str) -> bytes:
    if not isinstance(value, bytes):
        raise Malformed(f"{name}: not a byte string")
    return value
