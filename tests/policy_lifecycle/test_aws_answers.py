"""What the command says where AWS cannot be asked: one sentence, and never a traceback."""

import socket

import boto3
import pytest

from tests.policy_lifecycle.conftest import BUCKET, TABLE

STORE = ("--table", TABLE, "--bucket", BUCKET)
COMMANDS = [
    ("policy", "history", *STORE),
    ("policy", "activate", "a" * 64, "--author", "ana", "--reason", "r", *STORE),
    ("doctor", *STORE),
    ("instance", "show", "A" * 43, "--table", TABLE),
    ("instance", "block", "A" * 43, "--author", "ana", "--reason", "r", "--table", TABLE),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_no_region(assay, no_region, command):  # noqa: ARG001 - for its effect
    assert assay(*command, code=1) == "Error: no AWS region: set AWS_DEFAULT_REGION or a profile\n"


def test_a_profile_that_there_is_not(assay, no_region, monkeypatch):  # noqa: ARG001 - for its effect
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    assert "(nobodys) could not be found" in assay("policy", "history", *STORE, code=1)


@pytest.mark.parametrize("command", [COMMANDS[0], COMMANDS[3]], ids=["documents", "instances"])
def test_a_table_that_there_is_not(assay, aws, command):  # noqa: ARG001 - for its effect
    boto3.client("dynamodb").delete_table(TableName=TABLE)
    assert assay(*command, code=1) == f"Error: table {TABLE} in eu-central-1: there is no such table\n"


def test_no_credentials(assay, no_region, monkeypatch):  # noqa: ARG001 - for its effect
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    said = assay("policy", "history", *STORE, code=1)
    assert said.startswith(f"Error: table {TABLE} in eu-central-1: no AWS credentials")


def test_nothing_answers(assay, no_region, monkeypatch):  # noqa: ARG001 - for its effect
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    made_up = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
    for name, value in {**made_up, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    said = assay("policy", "history", *STORE, code=1)
    assert said.startswith(f"Error: table {TABLE} in eu-central-1: AWS cannot be reached there")
