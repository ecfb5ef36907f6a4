"""Authenticator data of App Attest: WebAuthn's layout (Level 3, section 6.1) with Apple's own ending.

Flags are not read: genuine attestations and assertions carry AT (0x40) alone, iOS 27 sets ED for its ending or does
not, and assertions carry AT without a credential. The layout follows from the kind of object; the ending is nothing
or exactly one map.
"""

from dataclasses import dataclass
from typing import Final

from chalicelib.model.claims import AppleValidation
from chalicelib.verifiers.codec import cbor
from chalicelib.verifiers.codec.errors import Malformed

# Offsets in bytes: App ID hash, flags, counter; then, in attestations, aaguid, length of the credential id, the id.
_COUNTER: Final = 33
_HEADER_END: Final = 37
_AAGUID_END: Final = _HEADER_END + 16
_ID_LENGTH_END: Final = _AAGUID_END + 2
_ID_END: Final = _ID_LENGTH_END + 32  # Apple's page: the credential id is a SHA-256

# COSE (RFC 9052 section 7, RFC 9053 sections 2.1 and 7.1.1): kty EC2, alg ES256, crv P-256, x, y. No other member.
_COSE_FIXED: Final = {1: 2, 3: -7, -1: 1}
_COSE_X: Final = -2
_COSE_Y: Final = -3
_COSE_MEMBERS: Final = {*_COSE_FIXED, _COSE_X, _COSE_Y}

# The ending's members (Apple's page, iOS 27). Both are relayed to appraisal; any other name is reported.
_VALIDATION_CATEGORY: Final = "apple_validation_category_01"
_BUNDLE_VERSION: Final = "apple_bundle_version_01"

# Bounds of ours: the genuine ending has 63 bytes and two members.
_MAX_ENDING_BYTES: Final = 1_024
_MAX_ENDING_DEPTH: Final = 8
_MAX_MEMBERS: Final = 16
_MAX_NAME_CHARACTERS: Final = 64
_MAX_VERSION_CHARACTERS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertedData:
    """What an assertion states. `app_id_hash`: SHA-256 of "<team>.<bundle>"."""

    app_id_hash: bytes
    counter: int
    validation: AppleValidation


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedData:
    """What an attestation states. `public_key_x962` is the COSE key's point, not yet seen to be on the curve."""

    app_id_hash: bytes
    counter: int
    aaguid: bytes
    credential_id: bytes
    public_key_x962: bytes
    validation: AppleValidation


def parse_asserted(data: bytes) -> AssertedData:
    """Raises Malformed."""
    if len(data) < _HEADER_END:
        raise Malformed("authenticator data: too short")
    return AssertedData(
        app_id_hash=data[:32],
        counter=int.from_bytes(data[_COUNTER:_HEADER_END], "big"),
        validation=_ending(data, _HEADER_END),
    )


def parse_attested(data: bytes) -> AttestedData:
    """Raises Malformed."""
    if len(data) < _ID_END:
        raise Malformed("authenticator data: too short")
    if int.from_bytes(data[_AAGUID_END:_ID_LENGTH_END], "big") != _ID_END - _ID_LENGTH_END:
        raise Malformed("authenticator data: the credential id is not 32 bytes")
    public_key_x962, end = _cose_key(data)
    return AttestedData(
        app_id_hash=data[:32],
        counter=int.from_bytes(data[_COUNTER:_HEADER_END], "big"),
        aaguid=data[_HEADER_END:_AAGUID_END],
        credential_id=data[_ID_LENGTH_END:_ID_END],
        public_key_x962=public_key_x962,
        validation=_ending(data, end),
    )


def _cose_key(data: bytes) -> tuple[bytes, int]:
    """The key as SEC 1 uncompressed point, and the offset after it."""
    key, end = cbor.read_item(data, offset=_ID_END, max_bytes=_MAX_ENDING_BYTES + 256, max_depth=1)
    if not isinstance(key, dict) or key.keys() != _COSE_MEMBERS:
        raise Malformed("COSE key: not the five members of an EC2 key")
    if any(key[label] != value for label, value in _COSE_FIXED.items()):
        raise Malformed("COSE key: not ES256 on P-256")
    x, y = key[_COSE_X], key[_COSE_Y]
    if not isinstance(x, bytes) or not isinstance(y, bytes) or len(x) != 32 or len(y) != 32:
        raise Malformed("COSE key: a coordinate is not 32 bytes")
    return b"\x04" + x + y, end


def _ending(data: bytes, offset: int) -> AppleValidation:
    if offset == len(data):
        return AppleValidation(validation_category=None, bundle_version=None)
    # Apple signs it and may add to it in any release: what an unknown name holds is not for us to mind, or the next iOS
    # would lock everybody out, as the one of 2026 did elsewhere.
    members = cbor.loads(data[offset:], max_bytes=_MAX_ENDING_BYTES, max_depth=_MAX_ENDING_DEPTH, simple=True)
    if not isinstance(members, dict) or len(members) > _MAX_MEMBERS:
        raise Malformed("authenticator data: the ending is not one small map")
    # Names are text: a map with integer keys is a second COSE key, not an ending.
    names = [name for name in members if isinstance(name, str) and len(name) <= _MAX_NAME_CHARACTERS]
    if len(names) != len(members):
        raise Malformed("authenticator data: a name in the ending is not a short text")
    return AppleValidation(
        validation_category=_category(members[_VALIDATION_CATEGORY]) if _VALIDATION_CATEGORY in members else None,
        bundle_version=_version(members[_BUNDLE_VERSION]) if _BUNDLE_VERSION in members else None,
        unknown_members=tuple(sorted(set(names) - {_VALIDATION_CATEGORY, _BUNDLE_VERSION})),
    )


def _version(value: cbor.CborValue) -> str:
    if not isinstance(value, str) or len(value) > _MAX_VERSION_CHARACTERS:
        raise Malformed("authenticator data: the bundle version is not a short text")
    return value


def _category(value: cbor.CborValue) -> int:
    """A UInt32. Apple's page describes an integer; the objects (its own sample, 2026-04) hold 4 bytes, low first."""
    if isinstance(value, bytes) and len(value) == 4:
        return int.from_bytes(value, "little")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32:
        return value
    raise Malformed("authenticator data: the validation category is not 32 bits")
