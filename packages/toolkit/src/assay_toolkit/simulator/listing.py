"""What can be the matter with a phone and with its evidence, for a terminal and for docs/simulator.md."""

from collections.abc import Iterable, Iterator

from assay_toolkit.simulator.conditions import CONDITIONS, Platform
from assay_toolkit.simulator.defect import Outcome, Tamper
from assay_toolkit.simulator.tamper import TAMPERS

_COMES_OUT = {
    Outcome.REFUSED: "refused",
    Outcome.APPRAISED: "verdict",
    Outcome.RECEIPT_REFUSED: "receipt refused",
}


def as_text() -> Iterator[str]:
    yield "--condition"
    for condition in CONDITIONS.values():
        yield f"  {condition.name:<32}{_platforms(condition.platforms):<16}{condition.how}"
    yield "--tamper"
    for tamper in TAMPERS:
        yield f"  {tamper.name:<32}{_platforms(tamper.platforms):<16}{tamper.how}"
        yield f"  {'':<48}{tamper.purpose} -> {_comes_out(tamper)}: {tamper.expected}"


def as_markdown() -> Iterator[str]:
    """Two tables, as they stand in docs/simulator.md."""
    yield "### Conditions"
    yield ""
    yield from _table(
        ("`--condition`", "platform", "what is the matter"),
        ((f"`{each.name}`", _platforms(each.platforms), each.how) for each in CONDITIONS.values()),
    )
    yield ""
    yield "### Defects"
    yield ""
    yield from _table(
        ("`--tamper`", "platform", "when", "what is wrong", "comes out", "reason"),
        (_row(tamper) for tamper in TAMPERS),
    )


def _row(tamper: Tamper) -> tuple[str, ...]:
    return (
        f"`{tamper.name}`",
        _platforms(tamper.platforms),
        tamper.purpose.value,
        tamper.how,
        _comes_out(tamper),
        f"`{tamper.expected}`",
    )


def _comes_out(tamper: Tamper) -> str:
    return _COMES_OUT[tamper.outcome] + (", but in test stages" if tamper.unless_tested else "")


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _line(heading)
    yield _line(("---",) * len(heading))
    yield from map(_line, rows)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _platforms(platforms: frozenset[Platform]) -> str:
    return "both" if platforms == frozenset(Platform) else ", ".join(sorted(platforms))
