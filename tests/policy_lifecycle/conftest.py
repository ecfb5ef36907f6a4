"""The `assay` command in this process, moto in place of AWS, and policies that differ from the shipped one."""

import os
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner
from moto import mock_aws

from assay_toolkit.cli import main
from assay_toolkit.local.moto_lock import atomic_dynamodb
from assay_toolkit.local.template import tables
from chalicelib.aws.document_bodies import S3Bodies
from chalicelib.aws.documents import Documents

POLICIES = Path(__file__).resolve().parents[2] / "policies"
TABLE = BUCKET = "assay-test-documents"


@pytest.fixture
def assay():
    """What the command prints; `code`: how it has to end."""

    def run(*arguments, code=0, given=None):
        done = CliRunner().invoke(main, [str(argument) for argument in arguments], input=given)
        assert done.exit_code == code, done.output
        return done.output

    return run


@pytest.fixture
def aws(monkeypatch):
    made_up = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
    for name, value in made_up.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "ASSAY_DOCUMENTS_TABLE", "ASSAY_DOCUMENTS_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(), atomic_dynamodb():
        client = boto3.client("dynamodb")
        for table in tables(stage="test"):
            client.create_table(**table)
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield


@pytest.fixture
def documents(aws, monkeypatch):  # noqa: ARG001 - for its order
    monkeypatch.setenv("ASSAY_DOCUMENTS_TABLE", TABLE)
    monkeypatch.setenv("ASSAY_DOCUMENTS_BUCKET", BUCKET)
    return Documents(boto3.client("dynamodb"), TABLE, bodies=S3Bodies(boto3.client("s3"), BUCKET))


@pytest.fixture
def no_region(monkeypatch):
    """A machine that nobody set up for AWS."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture
def variant(tmp_path):
    """The baseline under another name and with these texts replaced, each of which stands in it once."""

    def write(name, replaced=()):
        text = (POLICIES / "baseline.yaml").read_text(encoding="utf-8")
        for old, new in (("name: baseline", f"name: {name}"), *replaced):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        file = tmp_path / f"{name}.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def one_case(tmp_path):
    """A file with the sound Android phone and one case."""

    def write(text, *, policy="any.yaml", name="android"):
        android = (POLICIES / "cases/android.yaml").read_text(encoding="utf-8")
        head = android[: android.index("\ncases:\n")].replace("../baseline.yaml", f"../{policy}")
        folder = tmp_path / "cases"
        folder.mkdir(exist_ok=True)
        file = folder / f"{name}.yaml"
        file.write_text(f"{head}\ncases:\n{text}", encoding="utf-8")
        return file

    return write
