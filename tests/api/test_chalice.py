"""The app as Chalice runs it: `chalice.test.Client`, the scheduled handler, and what is deployed."""

import io
import json
import re
from pathlib import Path

import httpx
import pytest
from chalice.config import Config as ChaliceConfig
from chalice.deploy.appgraph import ApplicationGraphBuilder
from chalice.deploy.models import LambdaFunction
from chalice.local import LocalGateway
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


@pytest.mark.parametrize(
    "event",
    [{"body": '{"app":"\ud800"}'}, {"body": "no base64!", "isBase64Encoded": True}],
    ids=["surrogate", "base64"],
)
def test_an_event_whose_body_has_no_bytes(stack, event):
    headers = {"Content-Type": "application/json"}
    gateway = LocalGateway(stack.app, ChaliceConfig())
    whole = gateway.event_converter.create_lambda_event(method="POST", path="/v1/challenges", headers=headers)
    answer = stack.app(whole | event, gateway._generate_lambda_context())
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["type"] == "urn:assay:problem:malformed-request"


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


def test_the_scheduled_handler_refreshes_the_list(stack, records):
    """By the stand-in of Google's server, which lists nothing until it is told to."""
    listed = {f"{serial:x}": {"status": "REVOKED"} for serial in range(0xC0FFEE, 0xC0FFEE + 100)}
    stack.vendors.status_list = json.dumps({"entries": listed}).encode()
    with Client(stack.app) as client:
        event = client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
        client.lambda_.invoke("refresh_endorsements", event)
        active = stack.documents.active()["google_status"]
        assert stack.documents.read(active.digest) == stack.vendors.status_list
        stack.vendors.status_list = b'{"entries":{}}'
        client.lambda_.invoke("refresh_endorsements", event)
    assert stack.documents.active()["google_status"] == active
    said = [(line["event"], line["subject"]) for line in records() if "event" in line]
    assert said == [("endorsement_refused", "google_status")]
    assert [line["status_list"] for line in records() if line.get("message") == "endorsements"] == [
        "activated",
        "refused",
    ]


def test_the_deploying_page_invokes_it_with_an_event_that_it_takes(stack):
    [event] = re.findall(r"--payload [^']*'([^']+)'", (ROOT / "docs" / "deploy.md").read_text())
    bucket = stack.configuration["ASSAY_STATIC_BUCKET"]
    stack.s3.delete_object(Bucket=bucket, Key=".well-known/jwks.json")
    with Client(stack.app) as client:
        client.lambda_.invoke("publish_keys", json.loads(event))
    assert httpx.get(f"{stack.issuer}/.well-known/jwks.json").status_code == 200


@pytest.mark.parametrize("stage", STAGES)
def test_the_deployed_configuration_loads(stage):
    settings = STAGES[stage]
    loaded = config.load(settings["environment_variables"])
    assert loaded.stage == stage
    assert loaded.lambda_timeout.total_seconds() == settings["lambda_timeout"]
    assert settings["autogen_policy"] is False


@pytest.mark.parametrize("stage", STAGES)
def test_each_function_gets_a_role_and_the_policy_of_its_own(stack, stage):
    on_disk = ChaliceConfig(
        chalice_stage=stage,
        user_provided_params={"chalice_app": stack.app, "project_dir": str(ROOT)},
        config_from_disk=CHALICE,
    )
    built = ApplicationGraphBuilder().build(on_disk, stage).resources
    functions = [part if isinstance(part, LambdaFunction) else part.lambda_function for part in built]
    assert {function.resource_name: Path(function.role.policy.filename).name for function in functions} == {
        "api_handler": f"policy-{stage}.json",
        "publish_keys": f"policy-publish-{stage}.json",
        "refresh_endorsements": f"policy-refresh-{stage}.json",
        "refresh_risk_metrics": f"policy-risk-{stage}.json",
    }
    assert len({function.role.role_name for function in functions}) == len(functions)


@pytest.mark.parametrize("function", ["publish_keys", "refresh_endorsements", "refresh_risk_metrics"])
def test_names_are_those_that_infrastructure_gives(function):
    """infra/data.yaml names log groups after the app and the scheduled functions."""
    template = (ROOT / "infra" / "data.yaml").read_text()
    assert f"/aws/lambda/{CHALICE['app_name']}-${{Stage}}-{function}" in template


def test_metrics_are_emf(stack, capsys):
    Client(stack.app).http.get("/v1/health")
    lines = [json.loads(line) for line in io.StringIO(capsys.readouterr().out) if line.startswith('{"_aws"')]
    (line,) = lines
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Assay"
    assert (line["route"], line["status"], line["Answers"]) == ("/v1/health", "200", [1.0])
