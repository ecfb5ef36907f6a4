"""What was played, for people (a table) and for machines (JSON)."""

import textwrap
from itertools import zip_longest
from typing import Any

from assay_toolkit.demo.cast import Played

_TIERS = {
    "affirming": "high",
    "warning": "medium",
    "contraindicated": "low",
    "none": "none",
    "refused": "refused",
    "": "was not asked",
}
_HEADINGS = ("", "who", "Assay said", "because", "what the bank did, and who heard", "ms")
_WIDTHS = (1, 37, 13, 28, 62, 4)  # characters; longer texts go on in the next line


def table(played: list[Played]) -> str:
    """Plain text, a block of lines per act."""
    lines = [*_lines(_HEADINGS), *_lines(tuple("─" * width for width in _WIDTHS))]
    for act in played:
        lines += _lines(_row(act))
        lines += [f"   !! {sentence}" for sentence in act.wrong]
    return "\n".join(lines)


def document(played: list[Played]) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "ok": not any(act.wrong for act in played),
        "acts": [
            {
                "who": act.act.who,
                "platform": act.act.platform,
                "assay": {
                    "said": _TIERS[act.said.tier],
                    "reasons": list(act.said.reasons),
                    "evidence": list(act.said.evidence),
                },
                "steps": [
                    {"done": step.done, "came": step.came, "wanted": step.wanted, "ms": round(step.milliseconds, 1)}
                    for step in act.steps
                ],
                "effects": list(act.effects),
                "wrong": list(act.wrong),
            }
            for act in played
        ],
    }


def _row(act: Played) -> tuple[str, ...]:
    at_the_bank = [f"{step.done}: {step.came}" for step in act.steps if step.done not in {"enrol", "renew"}]
    return (
        "✗" if act.wrong else "✓",
        act.act.who,
        _TIERS[act.said.tier],
        ", ".join(act.said.reasons[:2]) + (", …" if len(act.said.reasons) > 2 else ""),
        "; ".join(at_the_bank) + (f" ({', '.join(act.effects)})" if act.effects else ""),
        f"{act.milliseconds:.0f}",
    )


def _lines(cells: tuple[str, ...]) -> list[str]:
    wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, _WIDTHS, strict=True)]
    rows = zip_longest(*wrapped, fillvalue="")
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, _WIDTHS, strict=True)).rstrip() for row in rows]
