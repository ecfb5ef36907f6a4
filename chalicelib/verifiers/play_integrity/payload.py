"""The decoded payload: every member that Google documents, typed and bounded, and believed in nothing yet.

https://developer.android.com/google/play/integrity/verdicts and the API's discovery document
(https://playintegrity.googleapis.com/$discovery/rest?version=v1), which has the types.
"""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.verifiers.codec import strict_json
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.strict_json import JsonValue

_LARGEST_PAYLOAD: Final = 16_384  # bytes; one with every documented member has less than 2,000
_MOST_UNKNOWN: Final = 32
_LONGEST_UNKNOWN: Final = 128  # characters of a dotted path; the rest is cut off
_WRAPPING: Final = "tokenPayloadExternal"

# Open texts of Google's. 64 is twice the longest that is documented.
_Label = Annotated[str, Meta(min_length=1, max_length=64)]
_Labels = Annotated[tuple[_Label, ...], Meta(max_length=32)]
_Name = Annotated[str, Meta(min_length=1, max_length=255)]  # Android's limit for a package's name
_Bound = Annotated[str, Meta(min_length=1, max_length=500)]  # both pages: nonce and requestHash have at most 500
# protobuf's JSON has 64-bit integers as text: https://protobuf.dev/programming-guides/json/
_Int64 = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,17})\Z")]


class _Members(Struct, frozen=True, kw_only=True, rename="camel"):
    """Unknown members are left to `_unknown`: Google adds some each year."""


class RequestDetails(_Members, frozen=True):
    request_package_name: _Name
    timestamp_millis: _Int64
    nonce: _Bound | UnsetType = UNSET
    request_hash: _Bound | UnsetType = UNSET


class AppIntegrity(_Members, frozen=True):
    app_recognition_verdict: _Label | UnsetType = UNSET
    package_name: _Name | UnsetType = UNSET
    certificate_sha256_digest: _Labels = ()
    version_code: _Int64 | UnsetType = UNSET


class _RecentDeviceActivity(_Members, frozen=True):
    device_activity_level: _Label | UnsetType = UNSET


class _DeviceAttributes(_Members, frozen=True):
    sdk_version: int | UnsetType = UNSET


class _RecallValues(_Members, frozen=True):
    bit_first: bool | UnsetType = UNSET
    bit_second: bool | UnsetType = UNSET
    bit_third: bool | UnsetType = UNSET


class _RecallDates(_Members, frozen=True):
    """YYYYMM, in UTC."""

    yyyymm_first: int | UnsetType = UNSET
    yyyymm_second: int | UnsetType = UNSET
    yyyymm_third: int | UnsetType = UNSET


class _DeviceRecall(_Members, frozen=True):
    values: _RecallValues = msgspec.field(default_factory=_RecallValues)
    write_dates: _RecallDates = msgspec.field(default_factory=_RecallDates)


class DeviceIntegrity(_Members, frozen=True):
    device_recognition_verdict: _Labels = ()
    # What the rules before 2025 would have said, for apps that opted in to the new ones; Google will remove it. Typed
    # and ignored: the older rules are the weaker ones.
    legacy_device_recognition_verdict: _Labels = ()
    recent_device_activity: _RecentDeviceActivity = msgspec.field(default_factory=_RecentDeviceActivity)
    device_attributes: _DeviceAttributes = msgspec.field(default_factory=_DeviceAttributes)
    device_recall: _DeviceRecall = msgspec.field(default_factory=_DeviceRecall)


class _AccountActivity(_Members, frozen=True):
    activity_level: _Label | UnsetType = UNSET


class AccountDetails(_Members, frozen=True):
    app_licensing_verdict: _Label | UnsetType = UNSET
    account_activity: _AccountActivity = msgspec.field(default_factory=_AccountActivity)


class _AppAccessRiskVerdict(_Members, frozen=True):
    apps_detected: _Labels | UnsetType = UNSET


class EnvironmentDetails(_Members, frozen=True):
    app_access_risk_verdict: _AppAccessRiskVerdict = msgspec.field(default_factory=_AppAccessRiskVerdict)
    play_protect_verdict: _Label | UnsetType = UNSET


class TestingDetails(_Members, frozen=True):
    # The member's presence says that this is a test response; one that is none would have to say so.
    is_testing_response: bool = True


class Payload(_Members, frozen=True):
    """Whatever is absent, but for `requestDetails`, Google did not evaluate."""

    request_details: RequestDetails
    app_integrity: AppIntegrity = msgspec.field(default_factory=AppIntegrity)
    device_integrity: DeviceIntegrity = msgspec.field(default_factory=DeviceIntegrity)
    account_details: AccountDetails = msgspec.field(default_factory=AccountDetails)
    environment_details: EnvironmentDetails = msgspec.field(default_factory=EnvironmentDetails)
    testing_details: TestingDetails = msgspec.field(default_factory=lambda: TestingDetails(is_testing_response=False))


def read_payload(unverified_payload: bytes, *, may_be_wrapped: bool) -> tuple[Payload, tuple[str, ...]]:
    """The payload, and the dotted paths of members that are not documented: the first 32, 128 characters of each.

    `may_be_wrapped`: also as `{"tokenPayloadExternal": …}`, the whole answer of Google's decode call. Raises Malformed.
    """
    if len(unverified_payload) > _LARGEST_PAYLOAD:
        raise Malformed(f"the payload is longer than {_LARGEST_PAYLOAD} bytes")
    value = strict_json.loads(unverified_payload)
    beside: tuple[str, ...] = ()
    if may_be_wrapped and isinstance(value, dict) and _WRAPPING in value:
        beside = tuple(name for name in value if name != _WRAPPING)
        value = value[_WRAPPING]
    if not isinstance(value, dict):
        raise Malformed("the payload is not an object")
    try:
        payload = msgspec.convert(value, Payload)
    except msgspec.ValidationError as error:
        # Names of documented members and rules only: others are not looked at.
        raise Malformed(str(error)) from None
    unknown = islice((*beside, *_unknown(value, Payload, "")), _MOST_UNKNOWN)
    return payload, tuple(path[:_LONGEST_UNKNOWN] for path in unknown)


@cache
def _known(struct: type[Struct]) -> dict[str, type[Struct]]:
    """Documented members by name. Only the types of those that are objects are ever looked at."""
    return {member.encode_name: member.type for member in msgspec.structs.fields(struct)}


def _unknown(value: dict[str, JsonValue], struct: type[Struct], above: str) -> Iterator[str]:
    known = _known(struct)
    for name, member in value.items():
        path = f"{above}{name}"
        if name not in known:
            yield path
        elif isinstance(member, dict):
            yield from _unknown(member, known[name], f"{path}.")
