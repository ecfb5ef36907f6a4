"""What the templates promise, and that the function's policy and the code fit them."""

import json
from pathlib import Path

import pytest

from chalicelib.aws import clients

ROOT = Path(__file__).resolve().parents[2]
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
STAGES = sorted(CONFIG["stages"])


@pytest.fixture(scope="module")
def resources(template):
    return template("data.yaml")["Resources"]


def of_type(resources, kind):
    found = {name: resource for name, resource in resources.items() if resource["Type"] == kind}
    assert found
    return found


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::Logs::LogGroup"])
def test_what_cannot_be_made_again_outlives_the_stack(resources, kind):
    for name, resource in of_type(resources, kind).items():
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain", name


def test_tables_are_protected_encrypted_and_restorable(resources):
    for name, table in of_type(resources, "AWS::DynamoDB::Table").items():
        properties = table["Properties"]
        assert properties["DeletionProtectionEnabled"] is True, name
        assert properties["SSESpecification"]["SSEEnabled"] is True, name
        assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name


def test_only_challenges_are_deleted_by_time(resources):
    tables = of_type(resources, "AWS::DynamoDB::Table").values()
    with_ttl = {
        table["Properties"]["TableName"] for table in tables if "TimeToLiveSpecification" in table["Properties"]
    }
    assert with_ttl == {"assay-test-nonces"}


def test_ttl_looks_at_the_attribute_that_is_written(resources, challenges, dynamodb, new_challenge):
    attribute = resources["NoncesTable"]["Properties"]["TimeToLiveSpecification"]["AttributeName"]
    challenges.issue(new_challenge(1))
    [item] = dynamodb.scan(TableName="assay-test-nonces")["Items"]
    seconds = int(item[attribute]["N"])
    assert new_challenge(1).expires_at.timestamp() < seconds < new_challenge(1).expires_at.timestamp() + 86_400


@pytest.mark.parametrize("stage", STAGES)
def test_the_configuration_of_a_stage_names_what_the_template_makes(template, stage):
    made = template("data.yaml")["Outputs"]
    variables = CONFIG["stages"][stage]["environment_variables"]
    assert {output["Description"] for output in made.values()} <= set(variables)
    for table in ("NONCES", "INSTANCES", "DOCUMENTS"):
        assert variables[f"ASSAY_{table}_TABLE"] == f"assay-{stage}-{table.lower()}"


@pytest.mark.parametrize("stage", STAGES)
def test_the_function_may_do_what_the_code_does_and_no_more(stage):
    policy = json.loads((ROOT / ".chalice" / CONFIG["stages"][stage]["iam_policy_file"]).read_text())
    granted = {}
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        for action in actions:
            granted.setdefault(action, set()).add(statement["Resource"].split(":", 5)[5])
    tables = {name: f"table/assay-{stage}-{name}" for name in ("nonces", "instances", "documents")}
    writable = {tables["nonces"], tables["instances"]}
    assert granted["dynamodb:GetItem"] == set(tables.values())
    # Transactions are authorised by the actions in them.
    assert granted["dynamodb:PutItem"] == granted["dynamodb:UpdateItem"] == writable
    assert {action for action in granted if action.startswith("dynamodb:")} == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    }
    assert {action for action in granted if action.startswith("kms:")} == {"kms:Sign", "kms:GetPublicKey"}
    assert {action for action in granted if action.startswith("s3:")} == {"s3:PutObject"}
    assert all(resource.startswith("key/") for resource in granted["kms:Sign"])
    assert all(resource.endswith("/.well-known/*") for resource in granted["s3:PutObject"])


def test_no_role_deletes_or_signs(template):
    roles = of_type(template("roles.yaml")["Resources"], "AWS::IAM::Role")
    for name, role in roles.items():
        for statement in role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            if statement["Effect"] == "Allow":
                assert not [action for action in actions if "Delete" in action or "*" in action], name
                assert "kms:Sign" not in actions, name


@pytest.mark.parametrize("make", [clients.dynamodb, clients.kms, clients.s3])
def test_one_dead_service_is_noticed_before_the_function_is_stopped(make, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    config = make().meta.config
    attempts = config.retries["total_max_attempts"]
    # Standard mode waits at most 2^(n-1) seconds, and at most 20, before retry n (botocore's retry documentation).
    waits = sum(min(2**retry, 20) for retry in range(attempts - 1))
    longest = attempts * (config.connect_timeout + config.read_timeout) + waits
    assert longest < min(stage["lambda_timeout"] for stage in CONFIG["stages"].values())
    assert config.retries["mode"] == "standard"
