"""DynamoDB items as plain values, read back strictly: what is in a table was written by us, or is not believed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec

from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Value = str | int | bytes | bool | Mapping[str, "Value"]

# Since 1970, up to the year 9999, where datetime ends: a stored time beyond it is none of ours.
LATEST_MS = 253_402_300_800_000
Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=LATEST_MS)]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970, rounded down: what a condition compares as a number."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * _MILLISECOND


def to_item(values: Mapping[str, Value]) -> "dict[str, AttributeValueTypeDef]":
    return {name: _wrap(value) for name, value in values.items()}


def from_item(item: Mapping[str, Any], shape: object, *, of: str) -> Any:  # noqa: ANN401 - a union has no type[]
    """`item` as `shape`, a msgspec Struct or a union of them; `of` says what it is an item of, for the detail.
    Raises Malfunction(STORE_UNAVAILABLE) where it is not exactly that."""
    try:
        return msgspec.convert({name: _unwrap(value) for name, value in item.items()}, type=shape, strict=True)
    except ValueError as error:  # msgspec.ValidationError is one
        raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, f"{of}: the stored item is not of its form") from error


def _wrap(value: Value) -> "AttributeValueTypeDef":
    match value:
        case bool():  # before int: True is one
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case _:
            return {"M": to_item(value)}


def _unwrap(attribute: object) -> object:
    match attribute:
        case {"S": str(text)}:
            return text
        case {"N": str(number)}:
            return int(number)
        case {"B": bytes(data)}:
            return data
        case {"BOOL": bool(flag)}:
            return flag
        case {"M": dict(members)}:
            return {name: _unwrap(member) for name, member in cast("dict[str, object]", members).items()}
        case _:
            raise ValueError("an attribute of a type that is never written")
