"""Assay and the bank as processes of their own, on loopback ports, and the operator's command line."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

APP = "demo-bank"
# The confidential audience of policies/apps/demo-bank.yaml: the bank reads the verdict, the phones cannot.
AUDIENCE = "https://payments.bank.example"

_READY_WITHIN = 60  # seconds; moto's server and clients take about 3 on an idle machine
_LOOK_EVERY = 0.02  # seconds


class StageFailed(Exception):  # noqa: N818 - says what is the case
    """A process ended or did not get ready. The message holds what it printed last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where everything is. `decisions`: Assay's log of decision records, as an analyst would find it."""

    assay: str
    control: str
    issuer: str
    bank: str
    operator: dict[str, str]
    decisions: Path
    folder: Path

    def records(self, member: str, value: str | None) -> list[dict[str, Any]]:
        """Decision records with this value of a member, oldest first."""
        lines = self.decisions.read_text(encoding="utf-8").splitlines()
        # Log lines of the app are JSON too; a decision says that it is one.
        records = (json.loads(line) for line in lines if '"event":"decision"' in line)
        return [record for record in records if record.get(member) == value]

    def run_assay(self, *arguments: str) -> str:
        """The `assay` command with the operator's credentials; what it printed. Raises StageFailed."""
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "assay_toolkit", *arguments],
            env={**os.environ, **self.operator},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StageFailed(f"assay {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()


@contextmanager
def stage() -> Iterator[Stage]:
    """Inside, both processes answer. Raises StageFailed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-demo-")))
        private, public = folder / "audience-private.json", folder / "audience-public.json"
        key = ECKey.generate_key("P-256", auto_kid=True)
        private.write_text(json.dumps(key.as_dict(private=True)), encoding="utf-8")
        public.write_text(json.dumps(key.as_dict(private=False)), encoding="utf-8")

        decisions = folder / "assay.log"
        serve = ("serve", "--port", "0", "--log", str(decisions), "--audience-key", APP, AUDIENCE, str(public))
        assay = stack.enter_context(_process("assay_toolkit", *serve, folder=folder, name="assay"))
        bank = stack.enter_context(
            _process(
                "assay_toolkit.bank",
                *("--issuer", assay["issuer"], "--jwks-url", assay["jwks"], "--audience", AUDIENCE),
                *("--confidential-key", str(private)),
                folder=folder,
                name="bank",
            )
        )
        yield Stage(
            assay=assay["service"],
            control=assay["control"],
            issuer=assay["issuer"],
            bank=bank["origin"],
            operator=assay["environment"],
            decisions=decisions,
            folder=folder,
        )


@contextmanager
def _process(module: str, *arguments: str, folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """A module as a process that writes where it is into its ready file; what it wrote."""
    ready, output = folder / f"{name}.json", folder / f"{name}.out"
    with output.open("wb") as printed:
        child = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", module, *arguments, "--ready-file", str(ready)],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + _READY_WITHIN
        while not ready.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                raise StageFailed(f"{name} did not start:\n{output.read_text(encoding='utf-8')[-2_000:]}")
            time.sleep(_LOOK_EVERY)
        yield json.loads(ready.read_text(encoding="utf-8"))
    finally:
        child.terminate()
        child.wait()
