"""How long until a judgement follows an activation and a rollback: `python benchmarks/time_to_effect.py [rounds]`.

Two warm worker processes and moto in a third; `assay policy` is a process of its own. Counted from the activation's
time in the history (before its transaction) to the end of the first answer of each worker that names the new policy,
asked without a pause. What a worker may believe for longest is 2 s (`chalicelib/service/beliefs.py`).
"""

import io
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import jwt

from assay_toolkit.local.aws import environment
from assay_toolkit.local.checkout import ROOT
from assay_toolkit.local.stack import LocalStack, local_stack
from assay_toolkit.simulator.answers import Attested
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.phone import AndroidPhone

BASELINE = Path(ROOT, "policies", "baseline.yaml")
AUDIENCE = "https://api.bank.example"
QUIET = {"POWERTOOLS_METRICS_DISABLED": "true"}
BY = ("--author", "benchmark", "--reason", "time to effect")
GIVEN_UP = 30.0  # seconds


def start_worker(stack: LocalStack) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "assay_toolkit.local.worker"],
        env={**os.environ, **environment(stack.endpoint), **stack.configuration, **QUIET},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def assay(stack: LocalStack, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-m", "assay_toolkit", *arguments],
        env={**os.environ, **stack.operator_environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def publish(stack: LocalStack, file: Path) -> str:
    """The baseline under the file's name, without the limit that a phone meets which asks without a pause."""
    text = BASELINE.read_text(encoding="utf-8").replace("name: baseline", f"name: {file.stem}", 1)
    unlimited = re.sub(r"attestations_per_instance_hour: \d+", "attestations_per_instance_hour: none", text)
    file.write_text(unlimited, encoding="utf-8")
    return assay(stack, "policy", "publish", str(file), "--cases", str(BASELINE.parent / "cases"))


def judged_by(phone: PhoneClient) -> str:
    answer = phone.renew()
    if not isinstance(answer, Attested):
        raise TypeError(answer)
    claims = jwt.decode(answer.token, options={"verify_signature": False})
    return str(next(iter(claims["submods"].values()))["ear_appraisal_policy_ids"][0].partition("@")[2])


def follow(phone: PhoneClient, wanted: str, seen: list[float]) -> None:
    begun = time.monotonic()
    while judged_by(phone) != wanted:
        if time.monotonic() - begun > GIVEN_UP:
            raise TimeoutError(wanted)
    seen.append(time.time())


def measure(stack: LocalStack, phones: list[PhoneClient], wanted: str, *arguments: str) -> list[float]:
    """Milliseconds at each worker."""
    seen: list[list[float]] = [[] for _ in phones]
    threads = [
        threading.Thread(target=follow, args=(phone, wanted, times)) for phone, times in zip(phones, seen, strict=True)
    ]
    for thread in threads:
        thread.start()
    assay(stack, "policy", *arguments, *BY)
    for thread in threads:
        thread.join()
    activated_at = stack.documents.history(kind="policy")[-1].activated_at.timestamp()
    return [(times[0] - activated_at) * 1_000 for times in seen]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with local_stack(log=io.StringIO()) as stack, tempfile.TemporaryDirectory() as folder:
        first, second = (publish(stack, Path(folder, f"{name}.yaml")) for name in ("first", "second"))
        assay(stack, "policy", "activate", first, *BY)
        workers = [start_worker(stack) for _ in range(2)]
        try:
            phones = [
                PhoneClient(
                    phone=AndroidPhone(app="demo-bank", audience=AUDIENCE),
                    service=httpx.Client(base_url=worker.stdout.readline().strip() if worker.stdout else ""),
                )
                for worker in workers
            ]
            for phone in phones:
                phone.enrol()
            measured: dict[str, list[float]] = {"activate": [], "rollback": []}
            for _ in range(rounds):
                measured["activate"] += measure(stack, phones, second, "activate", second)
                measured["rollback"] += measure(stack, phones, first, "rollback")
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait()
    for name, times in measured.items():
        middle, longest = statistics.median(times), max(times)
        print(f"{name}: {len(times)} times, median {middle:.0f} ms, longest {longest:.0f} ms")  # noqa: T201 - a report


if __name__ == "__main__":
    main()
