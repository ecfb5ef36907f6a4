"""Outcomes against `expected`, and the two ways to print them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from assay_toolkit.vectors.index import Entry
from assay_toolkit.vectors.run import UNSUPPORTED, VERIFIED, Outcome

# Stated by a folder and not by the verifiers: the receipt's type.
_NOT_CLAIMED: Final = {"receipt_type"}
_APPLE_CLAIMS: Final = ("counter", "aaguid", "public_key_x962_b64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One vector's result. `mismatches`: names of what is not as expected; None where nothing is expected."""

    entry: Entry
    outcome: Outcome
    mismatches: tuple[str, ...] | None


def compare(entry: Entry, outcome: Outcome) -> Line:
    mismatches: tuple[str, ...] | None
    if entry.expected is None or outcome.verification == UNSUPPORTED:
        mismatches = None
    else:
        mismatches = tuple(_mismatches(entry.expected, outcome))
    return Line(entry=entry, outcome=outcome, mismatches=mismatches)


def _mismatches(expected: Mapping[str, Any], outcome: Outcome) -> list[str]:
    verification = expected.get("verification", outcome.verification)
    # `either`: owners of verifiers disagree, and both answers are defensible.
    if verification not in (outcome.verification, "either"):
        return ["verification"]
    if outcome.verification != VERIFIED:
        return []
    found = []
    if outcome.baseline is not None and expected.get("baseline", outcome.baseline) != outcome.baseline:
        found.append("baseline")
    parsed = expected.get("parsed") or {name: expected[name] for name in _APPLE_CLAIMS if name in expected}
    found.extend(_differences(parsed, outcome.claims, "claims"))
    if expected.get("fields"):  # of a receipt: compared whole, so that one more than expected is a mismatch too
        numbers = sorted(expected["fields"].keys() | outcome.claims.keys(), key=str)
        found.extend(
            f"fields.{number}" for number in numbers if expected["fields"].get(number) != outcome.claims.get(number)
        )
    return found


def _differences(expected: Mapping[str, Any], claims: Mapping[str, Any], path: str) -> list[str]:
    found = []
    for name, value in expected.items():
        if name in _NOT_CLAIMED:
            continue
        claimed = claims.get(name)
        if isinstance(value, dict) and isinstance(claimed, dict):
            found.extend(_differences(value, claimed, f"{path}.{name}"))
        elif claimed != value:
            found.append(f"{path}.{name}")
    return found


def summary(lines: Sequence[Line]) -> dict[str, Any]:
    """Counts; an unsupported vector is neither compared nor a pass."""
    compared = [line for line in lines if line.mismatches is not None]
    return {
        "vectors": len(lines),
        "verification": dict(sorted(Counter(line.outcome.verification for line in lines).items())),
        "compared": len(compared),
        "as_expected": sum(not line.mismatches for line in compared),
        "mismatches": sum(bool(line.mismatches) for line in compared),
        "unsupported": sum(line.outcome.verification == UNSUPPORTED for line in lines),
    }


def as_json(lines: Sequence[Line]) -> str:
    return json.dumps({"vectors": [_members(line) for line in lines], "summary": summary(lines)}, indent=1)


def as_text(line: Line) -> str:
    members = _members(line)
    parts = [
        members["id"],
        f"kind={members['kind']}",
        f"verification={members['verification']}",
        *([] if members["baseline"] is None else [f"baseline={members['baseline']}"]),
        f"reasons={','.join(members['reasons']) or '-'}",
        f"claims={json.dumps(members['claims'], separators=(',', ':'))}",
        *([f"MISMATCH={','.join(line.mismatches)}"] if line.mismatches else []),
    ]
    return "  ".join(parts)


def summary_text(lines: Sequence[Line]) -> str:
    counts = summary(lines)
    by_verification = ", ".join(f"{count} {name}" for name, count in counts["verification"].items())
    against = (
        f"{counts['compared']} compared with what is expected: {counts['as_expected']} agree, "
        f"{counts['mismatches']} do not"
        if counts["compared"]
        else "nothing is expected, so nothing was compared"
    )
    return f"{counts['vectors']} vectors: {by_verification or 'none'}\n{against}; {counts['unsupported']} unsupported"


def _members(line: Line) -> dict[str, Any]:
    members: dict[str, Any] = {
        "id": line.entry.id,
        "kind": line.entry.kind,
        "verification": line.outcome.verification,
        "baseline": line.outcome.baseline,
        "reasons": list(line.outcome.reasons),
        "claims": dict(line.outcome.claims),
    }
    if line.mismatches is not None:
        members["mismatches"] = list(line.mismatches)
    return members
