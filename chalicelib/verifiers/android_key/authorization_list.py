"""AuthorizationList: a SEQUENCE of `[tag] EXPLICIT` values, all optional (see `tags` for the source)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chalicelib.verifiers.android_key import tags
from chalicelib.verifiers.codec import der
from chalicelib.verifiers.codec.errors import Malformed

_MAX_MEMBERS: Final = 64  # the schema has 39 members; genuine lists at most 20
_MAX_SET: Final = 32
_MAX_VALUES: Final = 192  # in all members and in one another; genuine lists hold at most 25


@dataclass(frozen=True, slots=True)
class AuthorizationList:
    """Values by tag, still raw; the getters type one, and raise Malformed where it is of another type."""

    values: Mapping[int, der.Tlv]

    def integer(self, tag: int) -> int | None:
        value = self.values.get(tag)
        return None if value is None else der.integer(value, field=_field(tag))

    def integers(self, tag: int) -> tuple[int, ...]:
        """A SET OF INTEGER, ascending; empty where it is absent."""
        value = self.values.get(tag)
        if value is None:
            return ()
        listed = der.members(value, tag=der.SET, field=_field(tag))
        if len(listed) > _MAX_SET:
            raise Malformed(f"{_field(tag)} has too many values")
        numbers = sorted(der.integer(member, field=_field(tag)) for member in listed)
        if len(set(numbers)) != len(numbers):
            raise Malformed(f"{_field(tag)} has a value twice")
        return tuple(numbers)

    def octets(self, tag: int) -> bytes | None:
        value = self.values.get(tag)
        return None if value is None else der.octets(value, field=_field(tag))

    @property
    def unknown_tags(self) -> tuple[int, ...]:
        return tuple(sorted(self.values.keys() - tags.KNOWN))


def read_authorization_list(value: der.Tlv, *, field: str) -> AuthorizationList:
    """Tags once each, every one wrapping exactly one value, in DER whether it is read or not. Raises Malformed.

    Tolerated: tags that do not ascend (X.680 section 8.6 wants it); Google's own verifier notes and accepts them.
    """
    listed = der.members(value, tag=der.SEQUENCE, field=field)
    if len(listed) > _MAX_MEMBERS:
        raise Malformed(f"{field} has too many members")
    values: dict[int, der.Tlv] = {}
    for member in listed:
        tag = der.explicit_tag(member, field=field)
        if tag in values:
            raise Malformed(f"{field} has tag {tag} twice")
        values[tag] = der.one(bytes(member.data), field=_field(tag))
    der.check_well_formed(values.values(), field=field, max_values=_MAX_VALUES)
    return AuthorizationList(values)


def _field(tag: int) -> str:
    return f"tag {tag}"
