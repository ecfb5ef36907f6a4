"""What the templates promise, and that policies are no wider than it says here; nor too narrow: test_rights.py."""

import json
import re
from pathlib import Path

import pytest

from chalicelib.aws import clients
from chalicelib.aws.receipts import INDEX
from chalicelib.config import load
from chalicelib.results.jwks import JWKS_PATH, OPENID_CONFIGURATION_PATH
from chalicelib.service.beliefs import GOOGLE_STATUS
from chalicelib.service.history import COUNTING_KEY
from chalicelib.service.ports import EventKind

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


def as_list(one_or_several):
    return one_or_several if isinstance(one_or_several, list) else [one_or_several]


def granted(statements):
    """(action, resource) of everything that is allowed."""
    return {
        (action, resource)
        for statement in statements
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def policy(stage, function=None):
    settings = CONFIG["stages"][stage]
    name = (settings["lambda_functions"][function] if function else settings)["iam_policy_file"]
    statements = json.loads((ROOT / ".chalice" / name).read_text())["Statement"]
    assert all(statement["Effect"] == "Allow" for statement in statements)
    return granted(statements)


def logs(region_and_account, function):
    group = f"arn:aws:logs:{region_and_account}:log-group:/aws/lambda/{function}:*"
    return {("logs:CreateLogStream", group), ("logs:PutLogEvents", group)}


@pytest.mark.parametrize("stage", STAGES)
def test_the_api_may_do_what_its_code_does_and_no_more(stage):
    loaded = load(CONFIG["stages"][stage]["environment_variables"])
    here = ":".join(loaded.signing_key_arn.split(":")[3:5])
    tables = {
        loaded.nonces_table: ("GetItem", "BatchGetItem", "PutItem", "UpdateItem"),
        # Transactions are authorised by the actions in them.
        loaded.instances_table: ("GetItem", "PutItem", "UpdateItem"),
        loaded.documents_table: ("GetItem",),
    }
    assert policy(stage) == {
        *(
            (f"dynamodb:{action}", f"arn:aws:dynamodb:{here}:table/{table}")
            for table, actions in tables.items()
            for action in actions
        ),
        ("s3:GetObject", f"arn:aws:s3:::{loaded.documents_bucket}/sha256/*"),
        ("kms:Sign", loaded.signing_key_arn),
        *(("kms:GetPublicKey", arn) for arn in (loaded.signing_key_arn, *loaded.published_key_arns)),
        *(
            ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{here}:secret:assay/{stage}/{purpose}/*")
            for purpose in ("play-integrity", "service")
        ),
        *logs(here, f"assay-{stage}"),
    }


def test_the_key_that_enrolments_are_counted_by_is_made_where_the_function_reads_it(resources):
    [secret] = [item["Properties"] for item in of_type(resources, "AWS::SecretsManager::Secret").values()]
    assert secret["Name"] == f"assay/test/service/{COUNTING_KEY}"
    assert secret["GenerateSecretString"]["PasswordLength"] >= 32


@pytest.mark.parametrize("stage", STAGES)
def test_the_publisher_of_keys_reads_public_keys_and_puts_two_files(stage):
    loaded = load(CONFIG["stages"][stage]["environment_variables"])
    here = ":".join(loaded.signing_key_arn.split(":")[3:5])
    assert policy(stage, "publish_keys") == {
        *(("kms:GetPublicKey", arn) for arn in (loaded.signing_key_arn, *loaded.published_key_arns)),
        *(
            ("s3:PutObject", f"arn:aws:s3:::{loaded.static_bucket}{path}")
            for path in (JWKS_PATH, OPENID_CONFIGURATION_PATH)
        ),
        *logs(here, f"assay-{stage}-publish_keys"),
    }


@pytest.mark.parametrize("stage", STAGES)
def test_the_refresher_of_risk_metrics_moves_receipts_and_metrics_and_no_more(stage):
    loaded = load(CONFIG["stages"][stage]["environment_variables"])
    region, account = here = loaded.signing_key_arn.split(":")[3:5]
    database = f"arn:aws:dynamodb:{region}:{account}:table"
    assert policy(stage, "refresh_risk_metrics") == {
        ("dynamodb:Query", f"{database}/{loaded.instances_table}/index/{INDEX}"),
        ("dynamodb:UpdateItem", f"{database}/{loaded.instances_table}"),
        ("dynamodb:GetItem", f"{database}/{loaded.documents_table}"),
        ("s3:GetObject", f"arn:aws:s3:::{loaded.documents_bucket}/sha256/*"),
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{region}:{account}:secret:assay/{stage}/apple/*"),
        *logs(":".join(here), f"assay-{stage}-refresh_risk_metrics"),
    }
    statements = json.loads((ROOT / ".chalice" / f"policy-risk-{stage}.json").read_text())["Statement"]
    updates = [statement for statement in statements if "dynamodb:UpdateItem" in statement["Action"]]
    of_receipts, of_instances = [statement["Condition"] for statement in updates]
    assert of_receipts["ForAllValues:StringLike"] == {"dynamodb:LeadingKeys": ["receipt#*"]}
    assert of_instances["ForAllValues:StringLike"] == {"dynamodb:LeadingKeys": ["instance#*"]}
    # Neither a block nor a counter.
    assert of_instances["ForAllValues:StringEquals"] == {
        "dynamodb:Attributes": ["id", "app_attest_key", "risk_metric", "risk_measured_at"]
    }
    # `ForAllValues` holds of nothing, too.
    assert of_receipts["Null"] == {"dynamodb:LeadingKeys": "false"}
    assert of_instances["Null"] == {"dynamodb:LeadingKeys": "false", "dynamodb:Attributes": "false"}


@pytest.mark.parametrize("stage", STAGES)
def test_the_refresher_of_endorsements_puts_the_status_list_in_force_and_nothing_else(stage):
    loaded = load(CONFIG["stages"][stage]["environment_variables"])
    region, account = loaded.signing_key_arn.split(":")[3:5]
    table = f"arn:aws:dynamodb:{region}:{account}:table/{loaded.documents_table}"
    actions = ("GetItem", "ConditionCheckItem", "PutItem", "UpdateItem")
    assert policy(stage, "refresh_endorsements") == {
        *((f"dynamodb:{action}", table) for action in actions),
        *((action, f"arn:aws:s3:::{loaded.documents_bucket}/sha256/*") for action in ("s3:GetObject", "s3:PutObject")),
        *logs(f"{region}:{account}", f"assay-{stage}-refresh_endorsements"),
    }
    statements = json.loads((ROOT / ".chalice" / f"policy-refresh-{stage}.json").read_text())["Statement"]
    [put] = [statement["Condition"] for statement in statements if "dynamodb:PutItem" in statement["Action"]]
    [update] = [statement["Condition"] for statement in statements if "dynamodb:UpdateItem" in statement["Action"]]
    assert put == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["document#*", "history#google_status"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    # Neither the policy nor the register nor anchors: each kind in force is an attribute of one item.
    assert update == {
        "ForAllValues:StringEquals": {
            "dynamodb:LeadingKeys": ["active"],
            "dynamodb:Attributes": ["id", "revision", GOOGLE_STATUS],
        },
        "Null": {"dynamodb:LeadingKeys": "false", "dynamodb:Attributes": "false"},
    }


def test_every_event_is_counted_where_it_is_logged_and_watched_by_an_alarm(resources):
    """By the names that are logged."""
    filters = [filter_["Properties"] for filter_ in of_type(resources, "AWS::Logs::MetricFilter").values()]
    alarms = [alarm["Properties"] for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()]
    watched = {alarm["MetricName"] for alarm in alarms if alarm["Namespace"] == "Assay"}
    groups = {kind.value: set() for kind in EventKind}
    for filter_ in filters:
        assert filter_["MetricTransformations"][0]["MetricName"] in watched
        for name in re.findall(r'\$\.event = "(\w+)"', filter_["FilterPattern"]):
            groups[name].add(filter_["LogGroupName"])
    of_vendors = {"ApiLogGroup", "RefreshRiskMetricsLogGroup"}
    assert groups == {
        kind.value: {"RefreshEndorsementsLogGroup"} if kind.value.startswith("endorsement_") else of_vendors
        for kind in EventKind
    }


def test_a_single_event_of_each_hour_is_enough_where_a_run_has_no_more(resources):
    """A run tells of an outage once for each app, and an hour has one run."""
    filters = [filter_["Properties"] for filter_ in of_type(resources, "AWS::Logs::MetricFilter").values()]
    alarms = [alarm["Properties"] for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()]
    of_runs = {
        filter_["MetricTransformations"][0]["MetricName"]
        for filter_ in filters
        if filter_["LogGroupName"] == "RefreshRiskMetricsLogGroup"
    }
    needed = {alarm["MetricName"]: (alarm["Period"], alarm["Threshold"]) for alarm in alarms}
    assert {needed[metric] for metric in of_runs} == {(3600, 1)}


def test_alarms_look_at_functions_that_there_are(resources):
    alarms = [alarm["Properties"] for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()]
    functions = {dimension["Value"] for alarm in alarms for dimension in alarm.get("Dimensions", ())}
    groups = {group["Properties"]["LogGroupName"] for group in of_type(resources, "AWS::Logs::LogGroup").values()}
    assert {f"/aws/lambda/{function}" for function in functions} < groups


def test_functions_log_to_the_groups_that_are_kept(template):
    """By whatever way a stage is deployed: a function may write to no other group, nor make one."""
    groups = {
        group["Properties"]["LogGroupName"]
        for group in of_type(template("data.yaml")["Resources"], "AWS::Logs::LogGroup").values()
    }
    packaged = template("gateway-responses.yaml")["Resources"]
    names = {
        name: function["Properties"]["FunctionName"]["Fn::Sub"]
        for name, function in packaged.items()
        if "FunctionName" in function["Properties"]
    }
    assert groups == {f"/aws/lambda/{name}".replace("${Stage}", "test") for name in names.values()}
    assert names == {
        "APIHandler": "assay-${Stage}",
        "PublishKeys": "assay-${Stage}-publish_keys",
        "RefreshEndorsements": "assay-${Stage}-refresh_endorsements",
        "RefreshRiskMetrics": "assay-${Stage}-refresh_risk_metrics",
    }


def statements_of(role):
    """Those of `!If` as well, whichever way the condition goes."""
    [inline] = role["Properties"]["Policies"]
    for statement in inline["PolicyDocument"]["Statement"]:
        yield statement if isinstance(statement, dict) else statement[1]


def test_no_role_deletes_or_signs(template):
    roles = of_type(template("roles.yaml")["Resources"], "AWS::IAM::Role")
    for name, role in roles.items():
        assert all(statement["Effect"] == "Allow" for statement in statements_of(role))
        actions = {action for action, _ in granted(statements_of(role))}
        assert not [action for action in actions if "Delete" in action or "*" in action], name
        assert "kms:Sign" not in actions, name


def test_the_publisher_updates_what_is_in_force_and_replaces_it_never(template):
    role = template("roles.yaml")["Resources"]["PublisherRole"]
    keys = {}
    for statement in statements_of(role):
        for action in as_list(statement["Action"]):
            keys[action] = [value["dynamodb:LeadingKeys"] for value in statement.get("Condition", {}).values()]
    assert keys.pop("dynamodb:UpdateItem") == [["active"], "false"]
    assert keys.pop("dynamodb:PutItem") == [["document#*", "history#*", "cases#*"], "false"]
    tables = {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem"}
    assert set(keys) == tables | {"s3:GetObject", "s3:PutObject"}


def test_the_rotator_reads_every_published_key_and_disables_the_signing_one(template):
    allowed = granted(statements_of(template("roles.yaml")["Resources"]["RotatorRole"]))
    assert {resource for action, resource in allowed if action == "kms:GetPublicKey"} == {
        "SigningKeyArn",
        "PublishedKeyArns",
    }
    assert {resource for action, resource in allowed if action == "kms:DisableKey"} == {"SigningKeyArn"}


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


def test_the_operator_changes_a_block_and_its_note_and_nothing_else(template):
    role = template("roles.yaml")["Resources"]["OperatorRole"]
    writes = [statement for statement in statements_of(role) if "dynamodb:UpdateItem" in as_list(statement["Action"])]
    assert [statement["Condition"] for statement in writes] == [
        {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["instance#*"]},
            "ForAllValues:StringEquals": {"dynamodb:Attributes": ["id", "blocked", "block_note"]},
            "Null": {"dynamodb:LeadingKeys": "false", "dynamodb:Attributes": "false"},
            "StringEqualsIfExists": {"dynamodb:ReturnValues": ["NONE", "UPDATED_OLD", "UPDATED_NEW"]},
        }
    ]
    reads = {"dynamodb:GetItem", "dynamodb:Query"}
    assert {action for action, _ in granted(statements_of(role)) if action.startswith("dynamodb:")} == {
        *reads,
        "dynamodb:UpdateItem",
    }
