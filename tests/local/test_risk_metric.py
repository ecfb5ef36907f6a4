"""Receipt to claim through everything: phone, API, scheduled function, Apple's stand-in, operator's command."""

import io
import json
from datetime import timedelta
from pathlib import Path

import boto3
import httpx
import pytest
from chalice.test import Client
from click.testing import CliRunner

from assay_toolkit.cli import main
from assay_toolkit.local.stack import STAGE, local_stack
from assay_toolkit.local.vendors import Failure, Vendor
from assay_toolkit.register import compile_register
from assay_toolkit.simulator.answers import Attested, Problem
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.phone import ApplePhone

DEMO_BANK = Path(__file__).resolve().parents[2] / "policies" / "apps" / "demo-bank.yaml"
AUDIENCE = "https://api.bank.example"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def log():
    return io.StringIO()


@pytest.fixture(scope="module")
def stack(log, tmp_path_factory):
    """The app asks for the metric, and the team's key is where the function looks for it."""
    asking = tmp_path_factory.mktemp("apps") / "demo-bank.yaml"
    environment = "  environment: production\n"
    asking.write_text(
        DEMO_BANK.read_text(encoding="utf-8").replace(environment, f"{environment}  risk_metric_secret: apple\n"),
        encoding="utf-8",
    )
    with local_stack(log=log) as running:
        boto3.client("secretsmanager").create_secret(
            Name=f"assay/{STAGE}/apple/apple", SecretString=json.dumps(running.vendors.apple_credentials)
        )
        running.put_in_force(kind="apps", body=compile_register([asking]))
        yield running


@pytest.fixture
def refresh(stack):
    def invoke():
        with Client(stack.app) as client:
            event = client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
            client.lambda_.invoke("refresh_risk_metrics", event)

    return invoke


@pytest.fixture
def phone(stack):
    stack.clock.shift(timedelta(seconds=3))  # what is in force is read again
    with httpx.Client(base_url=stack.url) as service:
        client = PhoneClient(
            phone=ApplePhone(app="demo-bank", audience=AUDIENCE, clock=stack.clock.now), service=service
        )
        assert isinstance(client.enrol(), Attested)
        yield client


@pytest.fixture
def assay(stack, monkeypatch):
    for name, value in stack.operator_environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments):
        done = CliRunner().invoke(main, ["instance", *arguments])
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    return run


def lines(log, event):
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line.get("event") == event]


def test_a_phone_that_serves_many_is_found_out(stack, log, phone, refresh, assay):
    stack.vendors.risk_metric = 40
    refresh()
    metric = assay("show", phone.phone.jkt)["apple"]["risk_metric"]
    assert metric["value"] == 40
    assert isinstance(phone.renew(), Attested)
    assert "apple_risk_metric" in lines(log, "decision")[-1]["reasons"]


def test_while_apple_is_down_phones_renew_and_the_metric_comes_afterwards(stack, log, phone, refresh, assay):
    stack.vendors.failures[Vendor.APPLE] = Failure.OVERLOADED
    refresh()
    assert lines(log, "vendor_unavailable")[-1]["subject"] == "demo-bank"
    assert assay("show", phone.phone.jkt)["apple"]["risk_metric"] is None
    assert isinstance(phone.renew(), Attested)
    del stack.vendors.failures[Vendor.APPLE]
    stack.clock.shift(timedelta(hours=1))
    refresh()
    assert assay("show", phone.phone.jkt)["apple"]["risk_metric"] is not None


def test_an_operator_blocks_and_unblocks_over_the_real_api(phone, assay):
    note = ("--author", "ops@bank.example", "--reason", "ticket 4711")
    assert assay("block", phone.phone.jkt, *note)["changed"]
    refused = phone.renew()
    assert isinstance(refused, Problem)
    assert assay("unblock", phone.phone.jkt, *note)["changed"]
    assert isinstance(phone.renew(), Attested)
