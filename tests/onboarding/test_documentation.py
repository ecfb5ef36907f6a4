"""docs/onboarding.md does what it says: its commands, over the local stack, in the order of the page."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from assay_rp.confidential import ConfidentialKeys
from assay_rp.tokens import Tier
from assay_toolkit.local.stack import local_stack
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.key_description import KeyParameters
from assay_toolkit.simulator.phone import AndroidPhone
from tests.onboarding import android, apple
from tests.onboarding.android import V2, V3, Signature

PAGE = (Path(__file__).resolve().parents[2] / "docs/onboarding.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with (tmp_path_factory.mktemp("log") / "assay.log").open("w") as log, local_stack(log=log) as running:
        yield running


@pytest.fixture
def shell(stack, tmp_path, written, owners):
    """Runs a block of the page where an operator with these artefacts would."""
    signatures = (Signature(scheme=V2, owner=owners.bank), Signature(scheme=V3, owner=owners.bank))
    written(android.signed(android.unsigned_apk(), *signatures), "bank.apk")
    written(apple.ipa(owners.rsa), "bank.ipa")
    public = owners.stranger.key.public_key()
    written(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "fraud-public.pem")
    environment = {
        **os.environ,
        **stack.operator_environment,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "URL": stack.url,
        "PACKAGE": android.PACKAGE,
        "SIGNER": owners.bank.digest,
        "APP_ID": f"{apple.TEAM}.{apple.BUNDLE}",
    }

    def run(block, code=0):
        done = subprocess.run(
            ["bash", "-euc", block],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


def test_from_nothing_to_the_first_verdict(shell, tmp_path, owners):
    first, repackaged, audiences = BLOCKS
    said = shell(first)
    assert owners.bank.digest in said
    assert f"{apple.TEAM}.{apple.BUNDLE}" in said
    tokens = re.findall(r"session token for \d+ s\n  ear_status (\w+)", said)
    assert tokens == ["affirming"] * 4  # each phone enrols and renews
    assert "ear_status contraindicated" in shell(repackaged)
    shell(audiences)
    assert shell("assay app lint policies/apps/*.yaml") == "bank: 4 audiences\n"
    # A second time nothing is there to add, and no key is made.
    before = (tmp_path / "policies/apps/bank.yaml").read_bytes()
    assert "has all of that already" in shell(first.splitlines()[0])
    shell(first.splitlines()[2], code=1)
    assert (tmp_path / "policies/apps/bank.yaml").read_bytes() == before


def test_without_what_the_artefacts_said_no_phone_comes_in(shell):
    """The same simulated phones, against a register that has another signer and another team."""
    first, *_ = BLOCKS
    simulate = [line for line in first.splitlines() if line.startswith("assay simulate")]
    shell(first)
    assert "ear_status affirming" not in shell(re.sub(r"\$SIGNER", "c3" * 32, simulate[0]))
    assert "evidence-refused" in shell(re.sub(r"\$APP_ID", "ZZZZZZZZZZ.com.example.onboarded", simulate[1]), code=1)


def test_the_key_that_was_made_opens_the_verdict(stack, shell, tmp_path, owners):
    shell(BLOCKS[0])
    parameters = KeyParameters(package_name=android.PACKAGE, signature_digests=(bytes.fromhex(owners.bank.digest),))
    phone = AndroidPhone(app="bank", audience="https://payments.bank.example", parameters=parameters)
    with httpx.Client(base_url=stack.url) as service:
        token = PhoneClient(phone=phone, service=service).enrol().token
    claims = jwt.decode(token, options={"verify_signature": False})
    private = json.loads((tmp_path / "payments-key.json").read_text(encoding="utf-8"))
    verdict = ConfidentialKeys([private]).open(claims["assay_verdict"], jti=claims["jti"])
    assert verdict.tier is Tier.AFFIRMING


def test_every_option_is_on_the_page(shell):
    for command in ("assay app add", "assay audience add"):
        options = set(re.findall(r"--[a-z-]+", shell(f"{command} --help"))) - {"--help"}
        assert {option for option in options if option not in PAGE} == set()
