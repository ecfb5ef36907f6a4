"""What the functions do to AWS is what their policies allow, and nothing less would do.

Each function runs as it is deployed, in a process state of its own, over a scenario that brings about all of its calls;
botocore tells of each call, and the policies of .chalice/ are evaluated for it as IAM would.
"""

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path

import boto3
import httpx
import pytest
from chalice.local import LocalChalice
from chalice.test import Client

from assay_toolkit.local import server
from assay_toolkit.local.stack import STAGE, local_stack
from assay_toolkit.register import compile_register
from assay_toolkit.simulator.answers import Attested
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.conditions import CONDITIONS
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.play_integrity import PlayServices, Request
from chalicelib import bootstrap
from chalicelib.api import application, observability
from chalicelib.aws.clock import SystemRandomness

ROOT = Path(__file__).resolve().parents[2]
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
HERE = "eu-central-1:111122223333"  # in every ARN of the policies
API = "api"
FUNCTIONS = (API, "publish_keys", "refresh_endorsements", "refresh_risk_metrics")
AUDIENCE = "https://api.bank.example"
MANY = range(1, 20_001)  # serials of a list that no item can hold

# Transactions are authorised by the actions in them.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
OF_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
WORDS = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"}
FUNCTION_NAMES = {"attribute_exists", "attribute_not_exists", "if_not_exists", "begins_with", "contains", "size"}


@dataclass(frozen=True)
class Call:
    """One thing that IAM is asked about. `keys`, `attributes`: of conditions on DynamoDB; None: there are none."""

    action: str
    resource: str
    keys: frozenset[str] | None = None
    attributes: frozenset[str] | None = None


def attributes_of(request):
    """Top-level names in expressions, in the key and in the item: `dynamodb:Attributes`."""
    text = " ".join(str(value) for name, value in request.items() if name.endswith("Expression"))
    names = set(re.findall(r"(?<![\w.:#])#?[A-Za-z_]\w*", text)) - WORDS - FUNCTION_NAMES
    placeholders = request.get("ExpressionAttributeNames", {})
    return frozenset(
        {placeholders.get(name, name) for name in names} | {*request.get("Key", {}), *request.get("Item", {})}
    )


def on_item(action, request):
    key = (request.get("Key") or request["Item"])["id"]["S"]
    resource = f"arn:aws:dynamodb:{HERE}:table/{request['TableName']}"
    return Call(f"dynamodb:{action}", resource, frozenset({key}), attributes_of(request))


def dynamodb_calls(operation, request) -> Iterator[Call]:
    match operation:
        case "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem":
            yield on_item(operation, request)
        case "TransactWriteItems":
            for write in request["TransactItems"]:
                [(kind, part)] = write.items()
                yield on_item(OF_TRANSACTIONS[kind], part)
        case "BatchGetItem":
            for table, part in request["RequestItems"].items():
                keys = frozenset(key["id"]["S"] for key in part["Keys"])
                yield Call("dynamodb:BatchGetItem", f"arn:aws:dynamodb:{HERE}:table/{table}", keys, frozenset({"id"}))
        case "Query":
            index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
            resource = f"arn:aws:dynamodb:{HERE}:table/{request['TableName']}{index}"
            yield Call("dynamodb:Query", resource, frozenset(), attributes_of(request))
        case _:
            raise NotImplementedError(operation)


def calls_of(service, operation, request):
    match service:
        case "dynamodb":
            return [*dynamodb_calls(operation, request)]
        case "s3":
            return [Call(f"s3:{operation}", f"arn:aws:s3:::{request['Bucket']}/{request['Key']}")]
        case "kms":
            return [Call(f"kms:{operation}", request["KeyId"])]
        case "secretsmanager":
            # The six characters are AWS's own.
            return [
                Call(
                    f"secretsmanager:{operation}", f"arn:aws:secretsmanager:{HERE}:secret:{request['SecretId']}-AbCdEf"
                )
            ]
        case _:
            raise NotImplementedError(service)


@dataclass
class Recorder:
    """Who does what, while a function runs."""

    calls: dict[str, set[Call]] = field(default_factory=lambda: {function: set() for function in FUNCTIONS})
    running: str | None = None

    def __call__(self, params, model, **_):
        if self.running:
            self.calls[self.running].update(calls_of(model.service_model.service_name, model.name, params))

    @contextmanager
    def of(self, function):
        self.running = function
        try:
            yield
        finally:
            self.running = None


class Scenario:
    def __init__(self, stack, recorder, log):
        self._stack = stack
        self._recorder = recorder
        self._log = log

    def _deployed(self):
        """What a function is when Lambda starts it: nothing is known yet."""
        runtime = bootstrap.Runtime(
            environ=self._stack.configuration,
            clock=self._stack.clock,
            randomness=SystemRandomness(),
            log=observability.logger(self._log),
            decisions=self._log,
        )
        return application.build(runtime, chalice=LocalChalice)

    def later(self, **time):
        self._stack.clock.shift(timedelta(**time))

    def invoke(self, function):
        with Client(self._deployed()) as client, self._recorder.of(function):
            client.lambda_.invoke(function, client.events.generate_cw_event("aws.events", "Scheduled Event", {}, []))

    @contextmanager
    def api(self):
        with (
            server.serving(self._deployed(), port=0) as url,
            httpx.Client(base_url=url) as service,
            self._recorder.of(API),
        ):
            yield service

    def phone(self, kind, service, **choices):
        made = kind(app="demo-bank", audience=AUDIENCE, clock=self._stack.clock.now, **choices)
        return PhoneClient(phone=made, service=service)

    def play(self):
        self._stack.vendors.status_list = listing(MANY)
        self.invoke("publish_keys")
        self.invoke("refresh_endorsements")
        self.later(hours=1)
        self.invoke("refresh_endorsements")  # the same bytes
        self._stack.vendors.status_list = listing(MANY[1:])
        self.later(hours=1)
        self.invoke("refresh_endorsements")  # compared with the list of a day ago
        classic, standard = (PlayServices(request=request, play=self._stack.vendors.play) for request in Request)
        with self.api() as service:
            for path in ("/v1/health", "/.well-known/jwks.json"):
                assert service.get(path).status_code == 200
            for phone in (
                self.phone(ApplePhone, service),
                self.phone(AndroidPhone, service),
                self.phone(AndroidPhone, service, play_integrity=classic),
                self.phone(AndroidPhone, service, play_integrity=standard),
            ):
                assert isinstance(phone.enrol(), Attested)
                assert isinstance(phone.renew(), Attested)
            self.phone(AndroidPhone, service, condition=CONDITIONS["unattested"]).enrol()
            self.phone(AndroidPhone, service, condition=CONDITIONS["emulator"]).enrol()
        self.invoke("refresh_risk_metrics")


def listing(serials):
    return json.dumps({"entries": {f"{serial:x}": {"status": "REVOKED"} for serial in serials}}).encode()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """(what was called by which function, the environment that they had)."""
    asking = tmp_path_factory.mktemp("apps") / "demo-bank.yaml"
    environment = "  environment: production\n"
    text = (ROOT / "policies" / "apps" / "demo-bank.yaml").read_text(encoding="utf-8")
    asking.write_text(text.replace(environment, f"{environment}  risk_metric_secret: metric\n"), encoding="utf-8")
    log, recorder = io.StringIO(), Recorder()
    boto3.setup_default_session()
    events = boto3.DEFAULT_SESSION.events
    events.register("before-parameter-build", recorder, "recorder")
    try:
        with local_stack(log=log) as stack:
            credentials = json.dumps(stack.vendors.apple_credentials)
            boto3.client("secretsmanager").create_secret(Name=f"assay/{STAGE}/apple/metric", SecretString=credentials)
            stack.put_in_force(kind="apps", body=compile_register([asking]))
            Scenario(stack, recorder, log).play()
            yield recorder.calls, stack.configuration
    finally:
        events.unregister("before-parameter-build", unique_id="recorder")
    assert '"level":"ERROR"' not in log.getvalue()


def statements(stage, function, environment):
    """Of the function's policy, as if `stage` had what the local stage has."""
    settings = CONFIG["stages"][stage]
    name = (settings if function == API else settings["lambda_functions"][function])["iam_policy_file"]
    text = (ROOT / ".chalice" / name).read_text().replace(f"secret:assay/{stage}/", f"secret:assay/{STAGE}/")
    names = {
        value: environment[variable]
        for variable, value in settings["environment_variables"].items()
        if variable.endswith(("_TABLE", "_BUCKET", "_ARN"))
    }
    # The longest first: a bucket's name begins with a table's.
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return json.loads(text)["Statement"]


def as_list(one_or_several):
    return one_or_several if isinstance(one_or_several, list) else [one_or_several]


def holds(operator, key, wanted, call):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    values = {"dynamodb:LeadingKeys": call.keys, "dynamodb:Attributes": call.attributes}[key]
    match operator:
        case "ForAllValues:StringLike":
            return all(any(fnmatchcase(value, pattern) for pattern in as_list(wanted)) for value in values or ())
        case "ForAllValues:StringEquals":
            return {*(values or ())} <= {*as_list(wanted)}
        case "Null":
            return wanted == ("true" if not values else "false")
        case _:
            raise NotImplementedError(operator)


def allows(statement, call):
    assert statement["Effect"] == "Allow"
    return (
        call.action in as_list(statement["Action"])
        and any(fnmatchcase(call.resource, pattern) for pattern in as_list(statement["Resource"]))
        and all(
            holds(operator, key, wanted, call)
            for operator, conditions in statement.get("Condition", {}).items()
            for key, wanted in conditions.items()
        )
    )


def denied(policy, calls):
    return {call for call in calls if not any(allows(statement, call) for statement in policy)}


def without_one_right(policy) -> Iterator[tuple[str, list[dict]]]:
    """Each policy that has one action less, one resource less, or one key or attribute less in a condition."""
    for number, statement in enumerate(policy):
        others = [*policy[:number], *policy[number + 1 :]]
        for part in ("Action", "Resource"):
            for one in as_list(statement[part]):
                left = [other for other in as_list(statement[part]) if other != one]
                yield f"{statement['Sid']}: {one}", [*others, statement | {part: left}]
        for operator, conditions in statement.get("Condition", {}).items():
            for key, values in conditions.items():
                for one in values if isinstance(values, list) else ():
                    less = conditions | {key: [other for other in values if other != one]}
                    narrower = statement | {"Condition": statement["Condition"] | {operator: less}}
                    yield f"{statement['Sid']}: {key} {one}", [*others, narrower]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("stage", sorted(CONFIG["stages"]))
def test_every_call_is_allowed(recorded, stage, function):
    calls, environment = recorded
    assert calls[function]
    assert denied(statements(stage, function, environment), calls[function]) == set()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("stage", sorted(CONFIG["stages"]))
def test_no_right_is_there_that_no_call_needs(recorded, stage, function):
    """Lines of the log are not written by calls: Lambda itself does."""
    calls, environment = recorded
    policy = [statement for statement in statements(stage, function, environment) if statement["Sid"] != "Logs"]
    needless = [right for right, narrower in without_one_right(policy) if not denied(narrower, calls[function])]
    assert needless == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_could_do_what_another_one_does(recorded, function):
    calls, environment = recorded
    policy = statements("prod", function, environment)
    for other in set(FUNCTIONS) - {function}:
        assert denied(policy, calls[other]), other
