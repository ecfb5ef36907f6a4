"""`app.py` is imported by Chalice to package it, and by Lambda to run it: both before anything is configured."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOOK = """
import sys
import app
for name in sorted({module.partition(".")[0] for module in sys.modules}):
    print(name)
"""


@pytest.fixture(scope="module")
def loaded():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOOK], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_it_imports_with_an_empty_environment(loaded):
    assert {"app", "chalice", "chalicelib"} <= loaded


@pytest.mark.parametrize("module", ["boto3", "assay_toolkit", "assay_rp", "moto", "yaml", "pytest"])
def test_it_does_not_load(loaded, module):
    assert module not in loaded


def test_on_lambda_a_missing_configuration_does_not_start():
    done = subprocess.run(
        [sys.executable, "-c", "import app"],
        cwd=ROOT,
        env={"AWS_LAMBDA_FUNCTION_NAME": "assay-dev"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Malfunction: configuration" in done.stderr


def test_on_lambda_clients_are_made_while_it_starts():
    environ = {
        "AWS_LAMBDA_FUNCTION_NAME": "assay-dev",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "ASSAY_STAGE": "dev",
        "ASSAY_ISSUER": "https://keys.example",
        "ASSAY_SIGNING_KEY_ARN": "arn:aws:kms:eu-central-1:111122223333:key/made-up",
        "ASSAY_PUBLISHED_KEY_ARNS": "",
        "ASSAY_NONCES_TABLE": "nonces",
        "ASSAY_INSTANCES_TABLE": "instances",
        "ASSAY_DOCUMENTS_TABLE": "documents",
        "ASSAY_DOCUMENTS_BUCKET": "documents",
        "ASSAY_STATIC_BUCKET": "static",
        "ASSAY_LAMBDA_TIMEOUT_SECONDS": "15",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "boto3" in done.stdout.split()
