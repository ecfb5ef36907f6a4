"""What an App Attest receipt states: a SET of numbered fields, decoded to types and believed in nothing.

Source: https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk, and for the environment, which that
page does not list, every receipt seen (2020 to 2026). Field by field:

required and verified   2 App ID, 3 attested key, 12 creation time, 21 expiration time
required and relayed    6 type
relayed where stated    7 environment, 17 risk metric, 19 not before
ignored                 4 client data hash (garbled in genuine receipts of type RECEIPT), 5 token (Apple's own)
reported by number      any other
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat import asn1

from chalicelib.model.claims import AppleEnvironment, AppleReceiptKind
from chalicelib.verifiers.codec import der, public_keys
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.x509 import read_certificate

_APP_ID: Final = 2
_KEY: Final = 3
_KIND: Final = 6
_ENVIRONMENT: Final = 7
_CREATED: Final = 12
_RISK_METRIC: Final = 17
_NOT_BEFORE: Final = 19
_EXPIRES: Final = 21
_REQUIRED: Final = frozenset({_APP_ID, _KEY, _KIND, _CREATED, _EXPIRES})
_KNOWN: Final = _REQUIRED | {4, 5, _ENVIRONMENT, _RISK_METRIC, _NOT_BEFORE}

_ENVIRONMENTS: Final = {b"production": AppleEnvironment.PRODUCTION, b"sandbox": AppleEnvironment.DEVELOPMENT}

# RFC 3339 in UTC; Apple leaves trailing zeros of the milliseconds out ("22:41:40.46Z").
_TIME: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")
_NUMBER: Final = re.compile(rb"[0-9]{1,9}")

_MAX_FIELDS: Final = 64  # bound of ours: genuine receipts have 8 to 10


@asn1.sequence
class _Field:
    number: int
    version: int  # 1 in all receipts seen, documented nowhere: read and ignored
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedFields:
    """`key_point`: the attested key, SEC 1 uncompressed. For the others see `VerifiedReceipt`."""

    kind: AppleReceiptKind
    app_id: bytes
    key_point: bytes
    created_at: datetime
    expires_at: datetime
    not_before: datetime | None
    risk_metric: int | None
    environment: AppleEnvironment | None
    fields: Mapping[int, bytes]
    unknown: tuple[int, ...]


def parse_fields(payload: bytes) -> UnverifiedFields:
    """Raises Malformed."""
    # Not sorted as DER would have it: Apple's server writes the risk metric first.
    items = der.members(der.one(payload, field="receipt"), tag=der.SET, field="receipt")
    if len(items) > _MAX_FIELDS:
        raise Malformed("receipt: too many fields")
    fields: dict[int, bytes] = {}
    for item in items:
        field = der.decode(_Field, der.raw(item), field="receipt field")
        if field.number in fields:
            raise Malformed("receipt: the same field twice")
        fields[field.number] = field.value
    if not fields.keys() >= _REQUIRED:
        raise Malformed("receipt: a required field is missing")
    return UnverifiedFields(
        kind=_kind(fields[_KIND]),
        app_id=fields[_APP_ID],
        key_point=_point(fields[_KEY]),
        created_at=_time(fields[_CREATED]),
        expires_at=_time(fields[_EXPIRES]),
        not_before=_time(fields[_NOT_BEFORE]) if _NOT_BEFORE in fields else None,
        risk_metric=_risk_metric(fields[_RISK_METRIC]) if _RISK_METRIC in fields else None,
        environment=_ENVIRONMENTS.get(fields.get(_ENVIRONMENT, b"")),
        fields=fields,
        unknown=tuple(sorted(fields.keys() - _KNOWN)),
    )


def _kind(value: bytes) -> AppleReceiptKind:
    for kind in AppleReceiptKind:
        if value == kind.value.encode():
            return kind
    raise Malformed("receipt: neither ATTEST nor RECEIPT")


def _point(value: bytes) -> bytes:
    """The page says "public key"; every receipt seen holds the certificate of the attested key."""
    point = public_keys.read_public_key(read_certificate(value).spki).point
    if point is None:
        raise Malformed("receipt: the attested key is not on an elliptic curve")
    return point


def _time(value: bytes) -> datetime:
    if not _TIME.fullmatch(value):
        raise Malformed("receipt: a time is not RFC 3339 in UTC")
    try:
        return datetime.fromisoformat(value.decode("ascii"))
    except ValueError:
        raise Malformed("receipt: a time that does not exist") from None


def _risk_metric(value: bytes) -> int:
    if not _NUMBER.fullmatch(value):
        raise Malformed("receipt: the risk metric is not a small number")
    return int(value)
