"""The closed table of problems: every reason has one, and the documents say the same as the code."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
import yaml

from chalicelib.api import rendering
from chalicelib.api.problems import Problem, Remedy, of_malfunction, of_refusal
from chalicelib.model.reasons import MalfunctionReason, RefusalReason

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([a-z-]+)` \| (\d{3}) \| `([a-z_]+)`(, with `Retry-After`)? \|$", re.MULTILINE)


@pytest.mark.parametrize("reason", RefusalReason)
def test_every_refusal_is_a_client_problem(reason):
    assert 400 <= of_refusal(reason).status < 500


@pytest.mark.parametrize("reason", MalfunctionReason)
def test_every_malfunction_is_503_and_says_when_to_come_back(reason):
    problem = of_malfunction(reason)
    assert problem.status == 503
    assert problem.retry_after
    assert problem.remedy in {Remedy.RETRY, Remedy.RETRY_LATER}


def test_the_contract_has_the_same_table():
    rows = ROW.findall((ROOT / "docs" / "wire.md").read_text())
    assert {(name, int(status), remedy, bool(retry)) for name, status, remedy, retry in rows} == {
        (p.type.rpartition(":")[2], p.status, p.remedy.value, p.retry_after is not None) for p in Problem
    }
    assert len(rows) == len(Problem)


def test_the_description_names_the_same_problems_and_remedies(openapi):
    described = openapi["components"]["schemas"]["Problem"]["properties"]
    assert described["type"]["enum"] == [problem.type for problem in Problem]
    assert described["remedy"]["enum"] == [remedy.value for remedy in Remedy]


def test_an_overtaken_assertion_never_sends_the_phone_to_enrol():
    assert of_refusal(RefusalReason.COUNTER_OVERTAKEN).remedy is Remedy.NEW_CHALLENGE
    assert of_refusal(RefusalReason.APP_ATTEST_COUNTER).remedy is Remedy.NEW_CHALLENGE


@pytest.mark.parametrize("problem", Problem)
def test_every_problem_renders_as_described(problem, openapi):
    stored = rendering.problem(
        problem, reference="00000000-0000-4000-8000-000000000000", server_time=datetime(2026, 1, 1, tzinfo=UTC)
    )
    whole = {"$ref": "#/components/schemas/Problem", "components": openapi["components"]}
    jsonschema.Draft202012Validator(whole).validate(json.loads(stored.body))


def test_the_gateway_answers_with_problems_of_the_table():
    template = yaml.safe_load((ROOT / "infra" / "gateway-responses.yaml").read_text())
    definition = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    responses = definition["x-amazon-apigateway-gateway-responses"]
    assert {"MISSING_AUTHENTICATION_TOKEN", "REQUEST_TOO_LARGE", "DEFAULT_4XX", "DEFAULT_5XX"} <= responses.keys()
    by_type = {problem.type: problem for problem in Problem}
    for response in responses.values():
        body = json.loads(response["responseTemplates"]["application/json"])
        problem = by_type[body["type"]]
        assert body["title"] == problem.title
        assert body["remedy"] == problem.remedy.value
        assert body["status"] == problem.status == int(response["statusCode"])
        headers = response["responseParameters"]
        assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        retry_after = headers.get("gatewayresponse.header.Retry-After")
        assert retry_after == (f"'{problem.retry_after}'" if problem.retry_after else None)
