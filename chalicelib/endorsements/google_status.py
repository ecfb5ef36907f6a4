"""Google's revocation list for Android attestation keys: parse and look up; fetching is not done here.

Source: https://android.googleapis.com/attestation/status, described at
https://developer.android.com/privacy-and-security/security-key-attestation#certificate_status
"""

import json
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NoReturn

from chalicelib.endorsements.errors import UnusableEndorsement

# The list of January 2025 has 467 entries in 58 KiB: there is room for 33,000 of the kind.
_MAX_BYTES: Final = 4 * 1024 * 1024
_MAX_SERIAL_DIGITS: Final = 40  # RFC 5280 section 4.1.2.2: 20 octets
_HEX: Final = frozenset(string.hexdigits)


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """`status`: REVOKED or SUSPENDED today; any other word counts as not good too. `reason`: open."""

    status: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StatusList:
    """Only certificates that are not good are listed. Keys are serial numbers."""

    entries: Mapping[int, StatusEntry]

    def lookup(self, serials: Iterable[int]) -> tuple[StatusEntry, ...]:
        """What the list says of these serials; empty when it lists none of them."""
        return tuple(self.entries[serial] for serial in serials if serial in self.entries)


def parse_status_list(data: bytes) -> StatusList:
    """The published JSON document. An empty `entries` is a list that revokes nothing; an absent one is unusable.

    Keys are lowercase hex without leading zeros, *even when they have decimal digits only*: compared as integers, so
    that neither zeros nor case hide a revoked key. Members that this service does not know are ignored.
    Raises UnusableEndorsement.
    """
    if len(data) > _MAX_BYTES:
        raise UnusableEndorsement(f"the status list is larger than {_MAX_BYTES} bytes")
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_no_twins, parse_constant=_no_constants)
    except (ValueError, RecursionError) as error:
        if isinstance(error, UnusableEndorsement):
            raise
        raise UnusableEndorsement("the status list is not JSON in UTF-8") from error
    if not isinstance(document, dict) or not isinstance(document.get("entries"), dict):
        raise UnusableEndorsement("the status list has no object `entries`")
    entries: dict[int, StatusEntry] = {}
    for key, value in document["entries"].items():
        serial = _serial(key)
        if serial in entries:
            raise UnusableEndorsement("the status list has two entries for one serial number")
        entries[serial] = _entry(value)
    return StatusList(MappingProxyType(entries))


def _serial(key: str) -> int:
    if not 1 <= len(key) <= _MAX_SERIAL_DIGITS or not _HEX.issuperset(key):
        raise UnusableEndorsement("a key of the status list is not a serial number in hex")
    return int(key, 16)


def _entry(value: object) -> StatusEntry:
    if not isinstance(value, dict):
        raise UnusableEndorsement("an entry of the status list is not an object")
    status, reason = value.get("status"), value.get("reason")
    if not isinstance(status, str) or not status:
        raise UnusableEndorsement("an entry of the status list has no status")
    if reason is not None and not isinstance(reason, str):
        raise UnusableEndorsement("an entry of the status list has a reason that is not text")
    return StatusEntry(status, reason)


def _no_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnusableEndorsement("the status list has a repeated member")
    return members


def _no_constants(name: str) -> NoReturn:
    raise UnusableEndorsement(f"the status list has {name}, which is not JSON")
