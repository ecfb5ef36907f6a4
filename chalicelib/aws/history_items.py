"""How the history of an instance is stored: attributes of its own item, each of which one kind of judgement writes.

    history_tier_<ear_status>    when the evidence alone was worth this tier last
    history_hard_<reason>        when this detection was found last
    history_attested_<hour>      tokens in that hour, counted from 1970
    history_flipped_<hour>       changes of tier in that hour

Attributes and not members of a map: an update can set or count one that is not there yet, without reading first, and
two that come at once do not meet. What a clean judgement writes is none of what a bad one wrote, and a count is
`ADD`ed to, so that nothing is lost whoever commits last. Each update removes hours that no claim looks at any more.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.aws.items import LATEST_MS, Value, from_ms, to_ms
from chalicelib.model.history import History, HistoryMark, hour_of
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.model.trust import Tier

_PREFIX: Final = "history_"
_TIER, _HARD, _ATTESTED, _FLIPPED = (f"{_PREFIX}{kind}_" for kind in ("tier", "hard", "attested", "flipped"))

# Hours that are kept. Of tokens the hour before is kept as well: a commit that began in it may still be on its way.
_HOURS_OF_TOKENS: Final = 2
_HOURS_OF_FLIPS: Final = 24

_TIERS: Final = {tier.ear_status: tier for tier in Tier}
_REASON: Final = re.compile(r"[a-z0-9_]{1,64}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,14}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryUpdate:
    """The parts of an update expression that a mark is: attributes to set, to count up by one, and to remove; and the
    condition, where there is one, with its value."""

    sets: Mapping[str, Value] = field(default_factory=dict)
    counts: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    condition: str | None = None
    values: Mapping[str, Value] = field(default_factory=dict)


def update_of(mark: HistoryMark | None, *, standing: History) -> HistoryUpdate:
    """`standing`: the history as it was read, for what may be forgotten of it."""
    if mark is None:
        return HistoryUpdate()
    hour = hour_of(mark.at)
    attested = f"{_ATTESTED}{hour}"
    bounded = mark.most_attestations is not None
    return HistoryUpdate(
        sets={
            f"{_TIER}{mark.tier.ear_status}": to_ms(mark.at),
            **{f"{_HARD}{reason.value}": to_ms(mark.at) for reason in mark.hard},
        },
        counts=(attested, f"{_FLIPPED}{hour}") if mark.flipped else (attested,),
        removes=(
            *(f"{_ATTESTED}{past}" for past in standing.attested if past <= hour - _HOURS_OF_TOKENS),
            *(f"{_FLIPPED}{past}" for past in standing.flipped if past <= hour - _HOURS_OF_FLIPS),
        ),
        condition=f"(attribute_not_exists({attested}) OR {attested} < :most_attestations)" if bounded else None,
        values={} if mark.most_attestations is None else {":most_attestations": mark.most_attestations},
    )


def split(item: Mapping[str, Any]) -> tuple[dict[str, Any], History]:
    """The item without its history, and that. Raises Malfunction(STORE_UNAVAILABLE) where an attribute is of no kind
    that is written."""
    rest = {name: value for name, value in item.items() if not name.startswith(_PREFIX)}
    marks = [(name, _number(value)) for name, value in item.items() if name.startswith(_PREFIX)]
    tiers, hard, attested, flipped = (
        {name.removeprefix(kind): number for name, number in marks if name.startswith(kind)}
        for kind in (_TIER, _HARD, _ATTESTED, _FLIPPED)
    )
    well_formed = (
        len(tiers) + len(hard) + len(attested) + len(flipped) == len(marks)
        and tiers.keys() <= _TIERS.keys()
        and all(_REASON.fullmatch(reason) for reason in hard)
        and all(_NUMBER.fullmatch(hour) for hour in (*attested, *flipped))
    )
    if not well_formed:
        raise _not_of_its_form()
    return rest, History(
        tiers={_TIERS[status]: from_ms(at) for status, at in tiers.items()},
        hard={reason: from_ms(at) for reason, at in hard.items()},
        attested={int(hour): count for hour, count in attested.items()},
        flipped={int(hour): count for hour, count in flipped.items()},
    )


def _number(attribute: object) -> int:
    match attribute:
        case {"N": str(text)} if _NUMBER.fullmatch(text) and int(text) < LATEST_MS:
            return int(text)
        case _:
            raise _not_of_its_form()


def _not_of_its_form() -> Malfunction:
    return Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "instance: the stored history is not of its form")
