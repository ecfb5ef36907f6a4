"""Patch levels: YYYYMM or YYYYMMDD, as an INTEGER.

Source: https://source.android.com/docs/security/features/keystore/attestation#authorizationlist-fields
"""

from datetime import date
from typing import Final

from chalicelib.model.claims import PatchLevel

_MONTHS: Final = range(100001, 999913)
_DAYS: Final = range(10000101, 99991232)


def read_patch_level(number: int | None) -> PatchLevel | None:
    """None for garbage as well as for nothing: genuine phones state 0 and 20190700, and policy judges an unknown."""
    if number is None:
        return None
    if number in _MONTHS:
        year, month, day = number // 100, number % 100, None
    elif number in _DAYS:
        year, month, day = number // 10000, number // 100 % 100, number % 100
    else:
        return None
    try:
        date(year, month, 1 if day is None else day)
    except ValueError:
        return None
    return PatchLevel(year, month, day)
