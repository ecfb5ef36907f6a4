"""Two warm worker processes that share nothing but the tables, and a third that moves what is in force."""

import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import boto3
import httpx
import jwt
import pytest

from assay_toolkit.local.aws import environment
from assay_toolkit.local.stack import local_stack
from assay_toolkit.policy import compile_policy
from assay_toolkit.simulator.answers import Attested, Problem
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.phone import AndroidPhone
from chalicelib.aws.document_bodies import S3Bodies
from chalicelib.aws.documents import Documents
from chalicelib.service.ports import ActivationConflict
from tests.races import racing

POLICIES = Path(__file__).resolve().parents[2] / "policies"
BASELINE = (POLICIES / "baseline.yaml").read_text(encoding="utf-8")
AUDIENCE = "https://api.bank.example"
WORKERS = 2
ROUNDS = 100
PROMISED_WITHIN = 5  # seconds


@dataclass(frozen=True)
class Worker:
    process: subprocess.Popen
    phone: PhoneClient

    def pass_time(self):
        """As long as a judgement may take to follow, says docs/policy.md."""
        self.process.stdin.write(f"{PROMISED_WITHIN}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "\n"

    def judges_by(self):
        """The policy that a renewal at this worker names, or the problem."""
        answer = self.phone.renew()
        if isinstance(answer, Problem):
            return answer.kind
        assert isinstance(answer, Attested)
        claims = jwt.decode(answer.token, options={"verify_signature": False})
        (policy,) = {name for part in claims["submods"].values() for name in part["ear_appraisal_policy_ids"]}
        return policy.partition("@")[2], claims["ear_status"]


@pytest.fixture
def stack():
    with local_stack(log=io.StringIO()) as running:
        yield running


@pytest.fixture
def workers(stack):
    """Both warm: the one phone renewed at each of them."""
    given = {**os.environ, **environment(stack.endpoint), **stack.configuration, "POWERTOOLS_METRICS_DISABLED": "true"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "assay_toolkit.local.worker"],
            env=given,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(WORKERS)
    ]
    phone = AndroidPhone(app="demo-bank", audience=AUDIENCE)
    try:
        urls = [process.stdout.readline().strip() for process in started]
        clients = [httpx.Client(base_url=url) for url in urls]
        assert isinstance(PhoneClient(phone=phone, service=clients[0]).enrol(), Attested)
        found = [
            Worker(process, PhoneClient(phone=phone, service=client))
            for process, client in zip(started, clients, strict=True)
        ]
        for worker in found:
            assert worker.judges_by()[1] == "affirming"
        yield found
        for client in clients:
            client.close()
    finally:
        for process in started:
            process.stdin.close()
            assert process.wait(timeout=30) == 0
            process.stdout.close()


@pytest.fixture
def assay(stack):
    """The command as a process of its own, with an operator's environment."""

    def run(*arguments, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "assay_toolkit", *map(str, arguments)],
            env={**os.environ, **stack.operator_environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return (done.stdout + done.stderr).strip()

    return run


@pytest.fixture
def stricter(tmp_path):
    """A policy by which a patch level of any age is old, and its one case."""
    policy, cases = tmp_path / "stricter.yaml", tmp_path / "cases"
    assert BASELINE.count("{more_than: 365}") == 1
    changed = BASELINE.replace("{more_than: 365}", "{more_than: -90}").replace("name: baseline", "name: stricter", 1)
    policy.write_text(changed, encoding="utf-8")
    cases.mkdir()
    android = (POLICIES / "cases/android.yaml").read_text(encoding="utf-8")
    head = android[: android.index("\ncases:\n")].replace("../baseline.yaml", "../stricter.yaml")
    case = "\ncases:\n  - case: any patch level is old\n    tier: medium\n    reasons: [android_patch_level_old]\n"
    Path(cases, "android.yaml").write_text(head + case, encoding="utf-8")
    return policy


def test_both_follow_an_activation_and_a_rollback_of_a_third_process(stack, workers, assay, stricter):
    first = stack.documents.active()["policy"].digest
    second = assay("policy", "publish", stricter)
    by = ("--author", "ana", "--reason", "Patch Tuesday")

    assay("policy", "activate", second, *by)
    for worker in workers:
        worker.pass_time()
        assert worker.judges_by() == (second, "warning")

    assay("policy", "rollback", *by)
    for worker in workers:
        worker.pass_time()
        assert worker.judges_by() == (first, "affirming")

    history = json.loads(assay("policy", "history", "--json"))
    assert [(line["revision"], line["digest"], line["returns_to"]) for line in history] == [
        (1, first, None),
        (2, second, None),
        (3, first, 1),
    ]


def test_both_stop_judging_where_no_policy_is_in_force_or_one_that_does_not_parse(stack, workers):
    """Never by the one before: somebody took it out of force."""
    before = stack.documents.active()["policy"].digest
    stack.put_in_force(kind="policy", body=b'{"version":1}')
    for worker in workers:
        worker.pass_time()
        assert worker.judges_by() == "malfunction"
    stack.dynamodb.update_item(
        TableName=stack.configuration["ASSAY_DOCUMENTS_TABLE"],
        Key={"id": {"S": "active"}, "revision": {"N": "0"}},
        UpdateExpression="REMOVE policy",
    )
    for worker in workers:
        worker.pass_time()
        assert worker.judges_by() == "malfunction"
    stack.dynamodb.delete_item(
        TableName=stack.configuration["ASSAY_DOCUMENTS_TABLE"],
        Key={"id": {"S": "history#policy"}, "revision": {"N": "1"}},
    )
    stack.documents.activate(kind="policy", digest=before, expected=None, author="ana", reason="mended")
    for worker in workers:
        worker.pass_time()
        assert worker.judges_by() == (before, "affirming")


def renamed(number):
    return f"race-{number}"


@pytest.fixture
def contestants(stack):
    """Stored policies, alike but for their names."""
    document, name = compile_policy(POLICIES / "baseline.yaml"), b'"name":"baseline"'
    assert document.count(name) == 1
    return [
        stack.documents.put(kind="policy", body=document.replace(name, f'"name":"{renamed(number)}"'.encode()))
        for number in range(ROUNDS)
    ]


def store(stack):
    return Documents(
        boto3.client("dynamodb"),
        stack.configuration["ASSAY_DOCUMENTS_TABLE"],
        bodies=S3Bodies(boto3.client("s3"), stack.configuration["ASSAY_DOCUMENTS_BUCKET"]),
    )


def activate(documents, digest, *, expected):
    try:
        documents.activate(kind="policy", digest=digest, expected=expected, author="ana", reason="a race")
    except ActivationConflict:
        return None
    return digest


def test_of_a_hundred_activations_over_what_all_of_them_saw_one_wins(stack, contestants):
    shown = stack.documents.active()["policy"].digest
    documents = store(stack)
    with racing() as race:
        won = race(ROUNDS, lambda number: activate(documents, contestants[number], expected=shown))
    [winner] = [digest for digest in won if digest]
    assert stack.documents.active()["policy"].digest == winner
    assert [(line.revision, line.digest) for line in stack.documents.history(kind="policy")] == [
        (1, shown),
        (2, winner),
    ]


def test_of_a_hundred_activations_over_whatever_is_in_force_the_history_has_each_that_succeeded(stack, contestants):
    first = stack.documents.active()["policy"].digest
    documents = store(stack)

    def take_over(number):
        return activate(documents, contestants[number], expected=documents.active()["policy"].digest)

    with racing() as race:
        won = [digest for digest in race(ROUNDS, take_over) if digest]
    history = stack.documents.history(kind="policy")
    assert [line.revision for line in history] == list(range(1, len(won) + 2))
    assert history[0].digest == first
    assert sorted(line.digest for line in history[1:]) == sorted(won)
    assert stack.documents.active()["policy"].digest == history[-1].digest


def test_activations_by_processes_at_once_have_one_winner(stack, assay, tmp_path):
    shown = stack.documents.active()["policy"].digest
    digests = []
    for number in range(4):
        file = tmp_path / f"{renamed(number)}.yaml"
        file.write_text(BASELINE.replace("name: baseline", f"name: {renamed(number)}", 1), encoding="utf-8")
        digests.append(assay("policy", "publish", file, "--cases", POLICIES / "cases"))
    given = ["--author", "ana", "--reason", "a race", "--instead-of", shown]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "assay_toolkit", "policy", "activate", digest, *given],
            env={**os.environ, **stack.operator_environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for digest in digests
    ]
    with ThreadPoolExecutor(len(processes)) as pool:
        ended = list(pool.map(lambda process: (*process.communicate(timeout=120), process.returncode), processes))
    won = [digest for digest, (_, _, code) in zip(digests, ended, strict=True) if code == 0]
    assert len(won) == 1
    assert all("another document is in force" in said for _, said, code in ended if code)
    assert [line.digest for line in stack.documents.history(kind="policy")] == [shown, *won]
