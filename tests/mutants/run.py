"""`make mutants`: every mutant of every specimen, on two processes. Exit code 1 where one survives.

python -m tests.mutants.run
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import click

from assay_toolkit.vectors.run import REFUSED, VERIFIED, Verifiers
from tests.mutants.specimens import HAS_VECTORS, Mutant, Specimen, specimens, verifiers

_PROCESSES = 2


@cache
def _setting() -> tuple[list[Specimen], Verifiers]:
    return specimens(), verifiers()


def survivors_of(number: int) -> tuple[int, list[Mutant]]:
    """How many mutants the specimen has, and those that were not refused. Lets a verifier's exception through."""
    every, run = _setting()
    specimen = every[number]
    if specimen.verification(run) != VERIFIED:
        raise SystemExit(f"{specimen.entry.id}: does not verify unchanged, so that a refusal would mean nothing")
    mutants = list(specimen.mutants())
    return len(mutants), [mutant for mutant in mutants if specimen.verification(run, mutant) != REFUSED]


def main() -> int:
    if not HAS_VECTORS:
        click.echo("the shared vectors are not beside the repository")
        return 2
    started = time.monotonic()
    every, _ = _setting()
    total, survived = 0, 0
    with ProcessPoolExecutor(_PROCESSES) as pool:
        for specimen, (count, survivors) in zip(every, pool.map(survivors_of, range(len(every))), strict=True):
            click.echo(f"{specimen.entry.id:<64}{count:>8} mutants{len(survivors):>4} survived")
            for mutant in survivors:
                click.echo(f"    {mutant}")
            total += count
            survived += len(survivors)
    minutes = (time.monotonic() - started) / 60
    click.echo(f"{len(every)} vectors, {total} mutants, {survived} survived, {minutes:.1f} minutes")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
