"""`make fuzz`: the targets under libFuzzer, one after the other, each for its share of the time.

    python -m tests.fuzz.run [--seconds 3600] [--target NAME]…

Needs atheris (requirements-fuzz.txt), hence CPython 3.11. Each target starts from its seeds and from what earlier runs
found worth keeping. An exception other than the refusal, an input that takes five seconds, or more memory than allowed
ends a target; the input then lies in `.fuzz/findings` and the exit code is 1.
"""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import click

_WORK = Path(__file__).resolve().parents[2] / ".fuzz"
_AN_HOUR = 3600

# For one input: seconds, MiB and octets. The interpreter with all that is imported takes some 150 MiB; bodies are
# 128 KiB at most, and what a fuzzer changes in large inputs it finds in small ones.
_TIMEOUT = 5
_MEMORY = 1024
_LARGEST_INPUT = 16_384

_EXECUTED = re.compile(r"stat::number_of_executed_units: (\d+)")


@click.command()
@click.option("--seconds", default=_AN_HOUR, show_default=True, help="For all targets together.")
@click.option("--target", "names", multiple=True, metavar="NAME", help="These only.")
def fuzz(seconds: int, names: tuple[str, ...]) -> None:
    """Run the targets under libFuzzer."""
    from tests.fuzz.targets import TARGETS

    if unknown := set(names) - TARGETS.keys():
        raise click.BadParameter(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    chosen = names or tuple(TARGETS)
    findings = _WORK / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    crashed = []
    for name in chosen:
        corpus = _WORK / "corpus" / name
        corpus.mkdir(parents=True, exist_ok=True)
        for seed in TARGETS[name].seeds():
            (corpus / hashlib.sha256(seed).hexdigest()).write_bytes(seed)
        log = _WORK / f"{name}.log"
        with log.open("w") as output:
            status = subprocess.call(
                [
                    *(sys.executable, "-m", "tests.fuzz.child", name, str(corpus)),
                    f"-max_total_time={max(1, seconds // len(chosen))}",
                    f"-timeout={_TIMEOUT}",
                    f"-rss_limit_mb={_MEMORY}",
                    f"-max_len={_LARGEST_INPUT}",
                    f"-artifact_prefix={findings / name}-",
                    "-print_final_stats=1",
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        executed = _EXECUTED.search(log.read_text(errors="replace"))
        click.echo(f"{name:<24}{executed[1] if executed else '?':>12} inputs  {'ok' if status == 0 else f'see {log}'}")
        if status:
            crashed.append(name)
    raise click.exceptions.Exit(1 if crashed else 0)


if __name__ == "__main__":
    fuzz()
