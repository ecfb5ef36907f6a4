"""When Assay cannot judge: 503, nothing stored, a time to come back, and not a word about why."""

import io
import json
from datetime import UTC, datetime

import pytest
from chalice.app import Chalice
from chalice.test import Client

from assay_toolkit.local.clock import ShiftableClock
from chalicelib.api import application, observability
from chalicelib.aws.clock import SystemRandomness
from chalicelib.bootstrap import Runtime
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason

JSON = {"Content-Type": "application/json"}
BODY = b'{"app":"demo-bank","purpose":"enrol"}'
SECRET = "what-a-phone-sent"


class Failing:
    """A runtime whose parts cannot be had."""

    def __init__(self, error, log):
        self.clock = ShiftableClock()
        self.randomness = SystemRandomness()
        self.log = observability.logger(log)
        self._error = error

    def use_cases(self):
        raise self._error


def ask(error, *, method="post", path="/v1/challenges"):
    log = io.StringIO()
    app = application.build(Failing(error, log), chalice=Chalice)
    kwargs = {"body": BODY} if method == "post" else {}
    response = getattr(Client(app).http, method)(path, headers=JSON, **kwargs)
    return response, [json.loads(line) for line in log.getvalue().splitlines()], log.getvalue()


@pytest.mark.parametrize(
    ("method", "path"), [("post", "/v1/challenges"), ("get", "/v1/health"), ("get", "/.well-known/jwks.json")]
)
@pytest.mark.parametrize("reason", MalfunctionReason)
def test_malfunctions(reason, method, path):
    response, lines, _ = ask(Malfunction(reason, "in words of ours"), method=method, path=path)
    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["Cache-Control"] == "no-store"
    assert reason.value not in response.body.decode().replace("malfunction", "").replace("busy", "")
    (line,) = [line for line in lines if line["message"] == "malfunction"]
    assert line["reason"] == reason.value
    assert response.json_body["instance"] == f"urn:uuid:{line['reference']}"


def test_what_nobody_expected():
    error = ZeroDivisionError(SECRET)
    error.__cause__ = ValueError(SECRET)
    response, lines, text = ask(error)
    assert response.status_code == 503
    assert response.json_body["type"] == "urn:assay:problem:malfunction"
    assert int(response.headers["Retry-After"]) > 0
    (line,) = [line for line in lines if line["level"] == "ERROR"]
    assert line["exception_type"] == "ZeroDivisionError"
    assert line["caused_by"] == "ValueError"
    assert line["frames"][-1].endswith(" use_cases")
    (shown,) = [line["reference"] for line in lines if line["message"] == "unexpected"]
    assert response.json_body["instance"] == f"urn:uuid:{shown}"
    assert SECRET not in text
    assert SECRET.encode() not in response.body
    assert b"Traceback" not in response.body
    assert "Traceback" not in text


def test_the_same_request_id_stands_on_all_lines_of_a_request():
    _, lines, _ = ask(ZeroDivisionError())
    assert len(lines) == 3
    assert len({line["function_request_id"] for line in lines}) == 1


def test_a_configuration_that_contradicts_itself():
    log = io.StringIO()
    runtime = Runtime(
        environ={}, clock=ShiftableClock(), randomness=SystemRandomness(), log=observability.logger(log), decisions=log
    )
    response = Client(application.build(runtime)).http.get("/v1/health")
    assert response.status_code == 503
    assert "ASSAY_" not in response.body.decode()
    assert abs(response.json_body["server_time"] - datetime.now(UTC).timestamp()) < 5


def test_a_table_that_does_not_answer(stack, http, conforms):
    stack.dynamodb.delete_table(TableName=stack.configuration["ASSAY_NONCES_TABLE"])
    response = http.post("/v1/challenges", content=BODY, headers=JSON)
    conforms(response)
    assert response.status_code == 503
    health = http.get("/v1/health")
    conforms(health)
    assert health.status_code == 503
    assert health.json()["components"]["challenges"] == "store_unavailable"
    assert health.json()["components"]["signer"] == "ok"


def test_a_second_app_writes_where_it_is_told_to_though_the_first_ones_log_is_closed():
    first, second = io.StringIO(), io.StringIO()
    observability.logger(first)
    first.close()
    observability.logger(second).info("heard")
    assert '"heard"' in second.getvalue()
