"""The local stack as others use it: its parts, its clock, many requests at once, and `assay serve` as a process."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import jwt
import pytest

from assay_toolkit.local import control, static_site
from assay_toolkit.local.clock import ShiftableClock
from assay_toolkit.local.stack import local_stack
from assay_toolkit.local.vendors import Failure, Vendor, Vendors
from assay_toolkit.simulator.answers import Attested, Problem
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.roots import ANDROID_ROOT_PEM
from chalicelib import config
from chalicelib.vendors.endpoints import stand_ins

AUDIENCE = "https://api.bank.example"


@pytest.fixture(scope="module")
def stack():
    with local_stack(log=io.StringIO()) as running:
        yield running


@pytest.fixture(scope="module")
def service(stack):
    with httpx.Client(base_url=stack.url) as client:
        yield client


@pytest.mark.parametrize("kind", [AndroidPhone, ApplePhone])
def test_a_phone_enrols_renews_and_its_token_verifies_with_the_published_keys(stack, service, kind):
    client = PhoneClient(phone=kind(app="demo-bank", audience=AUDIENCE), service=service)
    for step in (client.enrol, client.renew, client.renew):
        answer = step()
        assert isinstance(answer, Attested), answer
        (jwk,) = httpx.get(f"{stack.issuer}/.well-known/jwks.json").json()["keys"]
        claims = jwt.decode(
            answer.token, jwt.PyJWK(jwk), algorithms=["ES256"], audience=AUDIENCE, issuer=stack.issuer, leeway=60
        )
        assert claims["cnf"]["jwk"] == client.phone.jwk
        assert claims["ear_status"] == "affirming"


def test_time_passes_on_request(service, stack):
    client = PhoneClient(phone=AndroidPhone(app="demo-bank", audience=AUDIENCE), service=service)
    challenge = client.take_challenge("enrol")
    body = client.phone.build_enrolment(challenge=challenge)
    before = service.get("/v1/health").json()["server_time"]
    stack.clock.shift(timedelta(hours=2))
    assert service.get("/v1/health").json()["server_time"] >= before + 7200
    answer = client.submit(body)
    assert isinstance(answer, Problem)
    assert answer.kind == "challenge-not-usable"


def test_time_does_not_go_back():
    with pytest.raises(ValueError, match="forwards"):
        ShiftableClock().shift(timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/clock", b'{"seconds":600}', 200), ("/clock", b'{"seconds":-1}', 400), ("/clock", b'{"seconds":true}', 400),
     ("/clock", b"[]", 400), ("/clock", b"{", 400), ("/", b'{"seconds":600}', 400)],
)  # fmt: skip
def test_the_clock_over_http(path, body, status):
    clock = ShiftableClock()
    before = clock.now()
    with control.serving(clock, Vendors(now=clock.now, status_list=b"", roots=b"")) as url:
        assert httpx.post(url + path, content=body).status_code == status
    assert (clock.now() - before >= timedelta(seconds=600)) is (status == 200)


@pytest.mark.parametrize(
    ("body", "failing"),
    [
        ('{"play_integrity":"broken"}', {"apple": "silent", "play_integrity": "broken"}),
        ('{"apple":null}', {}),
        ('{"google_lists":null}', {"apple": "silent"}),
        ('{"apple":"asleep"}', None),
        ('{"apple":[]}', None),
        ('{"samsung":"broken"}', None),
        ("[]", None),
    ],
)
def test_vendors_fail_over_http(body, failing):
    clock = ShiftableClock()
    vendors = Vendors(now=clock.now, status_list=b"", roots=b"")
    vendors.failures[Vendor.APPLE] = Failure.SILENT
    with control.serving(clock, vendors) as url:
        answer = httpx.post(f"{url}/vendors", content=body)
    assert answer.status_code == (400 if failing is None else 200)
    assert vendors.failures == ({"apple": "silent"} if failing is None else failing)
    assert failing is None or answer.json() == {"failing": failing}


def test_the_function_asks_the_stand_ins(stack):
    assert config.load(stack.configuration).vendors_origin == stack.vendors.origin
    roots = httpx.get(stand_ins(stack.vendors.origin).google_roots).json()
    assert roots == [ANDROID_ROOT_PEM.decode()]


def test_one_body_from_many_threads_has_one_answer(stack):
    previous = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with httpx.Client(base_url=stack.url) as service:
            client = PhoneClient(phone=AndroidPhone(app="demo-bank", audience=AUDIENCE), service=service)
            body = client.phone.build_enrolment(challenge=client.take_challenge("enrol"))
            together = threading.Barrier(8)

            def submit():
                together.wait()
                return service.post(
                    "/v1/attestations", content=body, headers={"Content-Type": "application/json"}, timeout=30
                )

            with ThreadPoolExecutor(8) as pool:
                answers = [future.result() for future in [pool.submit(submit) for _ in range(8)]]
    finally:
        sys.setswitchinterval(previous)
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert {answer.status_code for answer in answers} <= {200, 503}


def test_static_files(stack):
    stack.s3.put_object(Bucket=stack.configuration["ASSAY_STATIC_BUCKET"], Key="a b/c.txt", Body=b"text")
    with static_site.serving(s3=stack.s3, bucket=stack.configuration["ASSAY_STATIC_BUCKET"]) as origin:
        found = httpx.get(f"{origin}/a%20b/c.txt?ignored=1")
        assert (found.status_code, found.content) == (200, b"text")
        assert found.headers["Cache-Control"] == "no-store"
        assert httpx.head(f"{origin}/a%20b/c.txt").headers["Content-Length"] == "4"
        for path in ("/", "/nothing", "/../a%20b/c.txt/"):
            assert httpx.get(origin + path).status_code == 404


def test_tables_are_those_of_the_infrastructure(stack):
    assert sorted(stack.dynamodb.list_tables()["TableNames"]) == sorted(
        stack.configuration[f"ASSAY_{name}_TABLE"] for name in ("NONCES", "INSTANCES", "DOCUMENTS")
    )


def test_assay_serve(tmp_path):
    """As a process: it says where it is, takes a key for an audience, obeys operators, and ends when asked to."""
    ready, log, key = tmp_path / "ready.json", tmp_path / "assay.log", tmp_path / "audience.json"
    key.write_text(
        json.dumps(
            {
                "kty": "EC",
                "crv": "P-256",
                "kid": "mine",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }
        )
    )
    command = [sys.executable, "-m", "assay_toolkit", "serve", "--port", "0", "--ready-file", str(ready)]
    command += ["--log", str(log), "--audience-key", "demo-bank", "https://payments.bank.example", str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            printed = next(line for line in process.stdout if line.startswith("Interrupt it"))
            assert printed
            where = json.loads(ready.read_text())
            assert httpx.get(f"{where['service']}/v1/health").status_code == 200
            assert httpx.get(where["jwks"]).json()["keys"]
            assert httpx.post(f"{where['control']}/clock", json={"seconds": 1}).status_code == 200
            publish = [sys.executable, "-m", "assay_toolkit", "policy", "publish", "policies/baseline.yaml"]
            done = subprocess.run(publish, env={**os.environ, **where["environment"]}, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert len(done.stdout.strip()) == 64
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert '"route":"/v1/health"' in log.read_text()
