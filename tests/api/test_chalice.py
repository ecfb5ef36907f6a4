"""The app as Chalice runs it: `chalice.test.Client`, the scheduled handler, and what is deployed."""

import io
import json
from pathlib import Path

import httpx
import pytest
from chalice.test import Client
from openapi_spec_validator import validate

from chalicelib import config

ROOT = Path(__file__).resolve().parents[2]
CHALICE = json.loads((ROOT / ".chalice" / "config.json").read_text())
STAGES = CHALICE["stages"]


def test_routes_are_those_of_the_description(stack, openapi):
    validate(openapi)
    built = {(path, method.lower()) for path, methods in stack.app.routes.items() for method in methods}
    described = {(path, method) for path, item in openapi["paths"].items() for method in item}
    assert built == described


def test_operations_have_the_names_of_the_functions(stack, openapi):
    for path, item in openapi["paths"].items():
        for method, operation in item.items():
            assert stack.app.routes[path][method.upper()].view_name == operation["operationId"]


def test_through_chalices_own_client(stack):
    body = b'{"app":"demo-bank","purpose":"enrol"}'
    answer = Client(stack.app).http.post("/v1/challenges", headers={"Content-Type": "application/json"}, body=body)
    assert answer.status_code == 200
    assert len(answer.json_body["challenge"]["value"]) == 43


def test_the_scheduled_handler_publishes(stack):
    bucket = stack.configuration["ASSAY_STATIC_BUCKET"]
    stack.s3.delete_object(Bucket=bucket, Key=".well-known/jwks.json")
    assert httpx.get(f"{stack.issuer}/.well-known/jwks.json").status_code == 404
    with Client(stack.app) as client:
        client.lambda_.invoke("publish_keys", client.events.generate_cw_event("aws.events", "Scheduled Event", {}, []))
    (key,) = httpx.get(f"{stack.issuer}/.well-known/jwks.json").json()["keys"]
    assert key["alg"] == "ES256"
    metadata = httpx.get(f"{stack.issuer}/.well-known/openid-configuration").json()
    assert metadata == {"issuer": stack.issuer, "jwks_uri": f"{stack.issuer}/.well-known/jwks.json"}


@pytest.mark.parametrize("stage", STAGES)
def test_the_deployed_configuration_loads(stage):
    settings = STAGES[stage]
    loaded = config.load(settings["environment_variables"])
    assert loaded.stage == stage
    assert loaded.lambda_timeout.total_seconds() == settings["lambda_timeout"]
    assert settings["autogen_policy"] is False


@pytest.mark.parametrize("stage", STAGES)
def test_the_function_may_do_what_it_does_and_no_more(stage):
    settings = STAGES[stage]
    loaded = config.load(settings["environment_variables"])
    policy = json.loads((ROOT / ".chalice" / settings["iam_policy_file"]).read_text())
    allowed = {
        (action, statement["Resource"])
        for statement in policy["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    table = "arn:aws:dynamodb:*:*:table/{}".format
    written = [("dynamodb:" + a, table(t)) for a in ("GetItem", "PutItem", "UpdateItem")
               for t in (loaded.nonces_table, loaded.instances_table)]  # fmt: skip
    logs = f"arn:aws:logs:*:*:log-group:/aws/lambda/assay-{stage}*:*"
    assert allowed == {
        *written,
        ("dynamodb:GetItem", table(loaded.documents_table)),
        ("kms:Sign", loaded.signing_key_arn),
        ("kms:GetPublicKey", loaded.signing_key_arn),
        ("s3:PutObject", f"arn:aws:s3:::{loaded.static_bucket}/.well-known/*"),
        ("logs:CreateLogStream", logs),
        ("logs:PutLogEvents", logs),
    }
    assert all(statement["Effect"] == "Allow" for statement in policy["Statement"])


def test_names_are_those_that_infrastructure_gives():
    """infra/data.yaml names log groups after the app and the scheduled function."""
    template = (ROOT / "infra" / "data.yaml").read_text()
    assert f"/aws/lambda/{CHALICE['app_name']}-${{Stage}}-publish_keys" in template


def test_metrics_are_emf(stack, capsys):
    Client(stack.app).http.get("/v1/health")
    lines = [json.loads(line) for line in io.StringIO(capsys.readouterr().out) if line.startswith('{"_aws"')]
    (line,) = lines
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Assay"
    assert (line["route"], line["status"], line["Answers"]) == ("/v1/health", "200", [1.0])
