"""The whole of Assay on loopback, once per module, and the description that its answers are held to."""

import io
import json
from pathlib import Path

import httpx
import jsonschema
import pytest
import yaml

from assay_toolkit.local.stack import local_stack

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def log():
    return io.StringIO()


@pytest.fixture(scope="module")
def stack(log):
    with local_stack(log=log) as running:
        yield running


@pytest.fixture(scope="module")
def http(stack):
    with httpx.Client(base_url=stack.url) as client:
        yield client


@pytest.fixture(scope="session")
def openapi():
    return yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())


@pytest.fixture(scope="session")
def conforms(openapi):
    """Asserts that a response is one that docs/openapi.yaml describes for its route, method and status."""

    def check(response, *, route=None):
        request = response.request
        operation = openapi["paths"][route or request.url.path][request.method.lower()]
        described = operation["responses"][str(response.status_code)]
        if "$ref" in described:
            described = openapi["components"]["responses"][described["$ref"].rpartition("/")[2]]
        schema = described["content"][response.headers["Content-Type"]]["schema"]
        # OpenAPI 3.1 schemas are JSON Schema 2020-12; `components` stands where their references point.
        whole = {**schema, "components": openapi["components"]}
        jsonschema.Draft202012Validator(whole).validate(response.json())
        for name, header in described["headers"].items():
            if "$ref" in header:
                header = openapi["components"]["headers"][header["$ref"].rpartition("/")[2]]
            jsonschema.Draft202012Validator(header["schema"]).validate(response.headers[name])

    return check


@pytest.fixture
def records(log):
    """Lines that the app wrote since the test began: log lines and decision records."""
    start = len(log.getvalue())
    return lambda: [json.loads(line) for line in log.getvalue()[start:].splitlines()]
