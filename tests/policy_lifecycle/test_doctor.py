"""`assay doctor`: each thing that it may find is brought about once, and a sound stage has none of them."""

import io
import json
import re
import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import httpx
import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey

from assay_toolkit.cli import main
from assay_toolkit.doctor_findings import Check
from assay_toolkit.doctor_repository import DEMONSTRATION_KEY, SIMULATOR_DIGEST
from assay_toolkit.doctor_stage import service_findings
from assay_toolkit.endorsements import compile_trust_anchors
from assay_toolkit.local.stack import local_stack, publish_keys
from assay_toolkit.policy import compile_policy
from assay_toolkit.policy_cases import compile_cases
from assay_toolkit.register import compile_register
from chalicelib.aws.policy_cases import CASES_KIND, PolicyCases
from chalicelib.service.history import COUNTING_KEY
from tests.policy_lifecycle.conftest import BUCKET, POLICIES, TABLE

DOCS = Path(__file__).resolve().parents[2] / "docs"
SOUND_CASE = "  - case: a sound phone\n    tier: high\n    reasons: []\n"
ACCOUNT = "424242424242"
STAGE = {
    "ASSAY_STAGE": "prod",
    "ASSAY_ISSUER": "https://keys.bank.test",
    "ASSAY_SIGNING_KEY_ARN": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/4c0f2a10-0000-4000-8000-0000000000aa",
    "ASSAY_PUBLISHED_KEY_ARNS": "",
    "ASSAY_NONCES_TABLE": "assay-prod-nonces",
    "ASSAY_INSTANCES_TABLE": "assay-prod-instances",
    "ASSAY_DOCUMENTS_TABLE": "assay-prod-documents",
    "ASSAY_DOCUMENTS_BUCKET": "bank-documents",
    "ASSAY_STATIC_BUCKET": "bank-static",
    "ASSAY_LAMBDA_TIMEOUT_SECONDS": "20",
}
# Not looked at without further options: the service, and backends.
UNSEEN = {Check.NOT_EXAMINED.code}


class Checkout:
    """A team's checkout with nothing left open."""

    def __init__(self, root, one_case):
        self.root = root
        self.policy = root / "policies/baseline.yaml"
        self.case = root / "policies/cases/android.yaml"
        self.app = root / "policies/apps/bank.yaml"
        self.anchors = root / "policies/endorsements/trust-anchors.yaml"
        for folder in ("policies/cases", "policies/apps", ".chalice"):
            (root / folder).mkdir(parents=True)
        shutil.copy(POLICIES / "baseline.yaml", self.policy)
        shutil.copytree(POLICIES / "endorsements", self.anchors.parent)
        shutil.move(one_case(SOUND_CASE, policy="baseline.yaml"), self.case)
        text = (POLICIES / "apps/demo-bank.yaml").read_text(encoding="utf-8")
        key = ECKey.generate_key("P-256").as_dict(private=False)
        text = text.replace(SIMULATOR_DIGEST.hex(), "b2" * 32).replace(DEMONSTRATION_KEY, key["x"])
        text = re.sub(r"y: \S{43}", f"y: {key['y']}", text)
        text = text.replace("  environment: production\n", "  environment: production\n  risk_metric_secret: metric\n")
        self.app.write_text(text, encoding="utf-8")
        self.configure()

    def configure(self, **changes):
        stages = {"prod": {"environment_variables": {**STAGE, **changes}}}
        (self.root / ".chalice/config.json").write_text(json.dumps({"stages": stages}), encoding="utf-8")

    def clear_audiences(self):
        text = self.app.read_text(encoding="utf-8")
        text = re.sub(r"(?s)\n    kind: confidential.*?kid: \S+", " {kind: clear}", text)
        self.app.write_text(text, encoding="utf-8")

    def change(self, file, old, new):
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def checkout(tmp_path, one_case):
    return Checkout(tmp_path / "checkout", one_case)


@pytest.fixture
def examine(checkout, monkeypatch):
    """The codes that a run finds; its exit code is that of the worst of them."""
    levels = {check.code: check.level for check in Check}

    def run(*options, root=checkout.root):
        done = CliRunner().invoke(main, ["doctor", "--root", str(root), "--json", *map(str, options)])
        codes = {finding["code"] for finding in json.loads(done.output)}
        assert done.exit_code == max(levels[name] for name in codes)
        return codes

    monkeypatch.delenv("ASSAY_DOCUMENTS_TABLE", raising=False)
    monkeypatch.delenv("ASSAY_DOCUMENTS_BUCKET", raising=False)
    return run


def test_a_sound_checkout_leaves_nothing_open(examine):
    assert examine() == UNSEEN


ADMITS = "admits: [android_attest_keys]"
UNATTESTED = "failures:\n  android:\n    unsupported_phone: {tier: none, daily: 50}\n"
PROVOKED_IN_CHECKOUT = {
    Check.POLICY_INVALID: lambda at: at.change(at.policy, "version: 1", "version: 2"),
    Check.POLICY_WITHOUT_CASES: lambda at: at.case.unlink(),
    Check.CASES_FAIL: lambda at: at.change(at.case, "tier: high", "tier: low"),
    Check.APPS_INVALID: lambda at: at.change(at.app, "packages:", "package:"),
    Check.NO_APPS: lambda at: at.app.unlink(),
    Check.ANCHORS_INVALID: lambda at: at.change(at.anchors, "version: 1", "version: 2"),
    Check.ATTEST_KEYS_ADMITTED: lambda at: at.change(at.policy, "\nrules:", f"\n{ADMITS}\n\nrules:"),
    Check.UNATTESTED_ADMITTED: lambda at: at.change(at.policy, "failures:\n  android:\n", UNATTESTED),
    Check.UNLIMITED: lambda at: at.change(at.policy, "instance_hour: 240", "instance_hour: none"),
    Check.SIMULATOR_REGISTERED: lambda at: at.change(at.app, "b2" * 32, SIMULATOR_DIGEST.hex()),
    Check.AUDIENCE_KEY_NOBODYS: lambda at: shutil.copy(POLICIES / "apps/demo-bank.yaml", at.app),
    Check.NO_CONFIDENTIAL_AUDIENCE: lambda at: at.clear_audiences(),
    Check.DEVELOPMENT_ENVIRONMENT: lambda at: at.change(at.app, "environment: production", "environment: development"),
    Check.RISK_METRIC_OFF: lambda at: at.change(at.app, "  risk_metric_secret: metric\n", ""),
    Check.CONFIGURATION_INVALID: lambda at: at.configure(ASSAY_ISSUER="http://keys.bank.test"),
    Check.PLACEHOLDER: lambda at: at.configure(ASSAY_DOCUMENTS_BUCKET="documents-111122223333"),
    Check.TEST_STAGE: lambda at: at.configure(ASSAY_STAGE="staging", ASSAY_TEST_STAGE="yes"),
}  # fmt: skip
# Where something else is found for certain, too.
ALSO = {
    Check.AUDIENCE_KEY_NOBODYS: {Check.SIMULATOR_REGISTERED.code, Check.RISK_METRIC_OFF.code},
}


@pytest.mark.parametrize("check", PROVOKED_IN_CHECKOUT, ids=lambda check: check.code)
def test_what_is_open_in_a_checkout_is_found(checkout, examine, check):
    PROVOKED_IN_CHECKOUT[check](checkout)
    assert examine() == UNSEEN | {check.code} | ALSO.get(check, set())


def test_what_the_repository_comes_with_is_not_ready(examine):
    found = examine(root=POLICIES.parent)
    assert {Check.PLACEHOLDER.code, Check.SIMULATOR_REGISTERED.code, Check.AUDIENCE_KEY_NOBODYS.code} <= found


def test_a_stage_that_there_is_not(examine, assay, checkout):
    assert examine("--stage", "canary") == UNSEEN | {Check.CONFIGURATION_INVALID.code}
    said = assay("doctor", "--root", checkout.root, "--stage", "canary", code=2)
    assert "has no stage canary: there is prod" in said


@pytest.fixture
def stage(checkout, documents, monkeypatch):
    """The same, in force; with its secrets and log groups. Commands name the stage and its tables."""
    cases_of = PolicyCases(boto3.client("dynamodb"), TABLE)
    policy = documents.put(kind="policy", body=compile_policy(checkout.policy))
    cases_of.link(policy=policy, cases=documents.put(kind=CASES_KIND, body=compile_cases([checkout.case])))
    apps = documents.put(kind="apps", body=compile_register([checkout.app]))
    anchors = documents.put(kind="trust_anchors", body=compile_trust_anchors(checkout.anchors))
    listed = documents.put(kind="google_status", body=b'{"entries":{}}')
    by_kind = {"policy": policy, "apps": apps, "trust_anchors": anchors, "google_status": listed}
    for kind, digest in by_kind.items():
        documents.activate(kind=kind, digest=digest, expected=None, author="ana", reason="first")
    secrets = boto3.client("secretsmanager")
    for name in (f"service/{COUNTING_KEY}", "apple/metric", "play-integrity/demo-bank-play-integrity"):
        secrets.create_secret(Name=f"assay/prod/{name}", SecretString="x")
    logs = boto3.client("logs")
    for group in ("/aws/lambda/assay-prod", "/aws/lambda/assay-prod-publish_keys"):
        logs.create_log_group(logGroupName=group)
        logs.put_retention_policy(logGroupName=group, retentionInDays=400)
    logs.create_log_group(logGroupName="/aws/lambda/assay-production-of-others")
    monkeypatch.delenv("ASSAY_DOCUMENTS_TABLE")
    monkeypatch.delenv("ASSAY_DOCUMENTS_BUCKET")
    return Stage(documents, checkout)


class Stage:
    options = ("--stage", "prod", "--table", TABLE, "--bucket", BUCKET)

    def __init__(self, documents, checkout):
        self.documents = documents
        self.checkout = checkout

    def put_in_force(self, kind, body, **given):
        digest = self.documents.put(kind=kind, body=body)
        expected = self.documents.active()[kind].digest
        self.documents.activate(kind=kind, digest=digest, expected=expected, author="ana", reason="a change", **given)

    def out_of_force(self, kind):
        boto3.client("dynamodb").update_item(
            TableName=TABLE,
            Key={"id": {"S": "active"}, "revision": {"N": "0"}},
            UpdateExpression="REMOVE #kind",
            ExpressionAttributeNames={"#kind": kind},
        )

    def renamed_policy(self):
        document = compile_policy(self.checkout.policy)
        return document.replace(b'"name":"baseline"', b'"name":"another"')

    def shorter_tokens(self):
        return compile_register([self.checkout.app]).replace(b'"token_lifetime":300', b'"token_lifetime":60')

    def one_anchor(self):
        anchors = json.loads(compile_trust_anchors(self.checkout.anchors))
        anchors["anchors"] = [next(item for item in anchors["anchors"] if item["use"] == "android_key")]
        return json.dumps(anchors, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def unproven(at):
    boto3.client("dynamodb").delete_item(
        TableName=TABLE,
        Key={"id": {"S": f"cases#{at.documents.active()['policy'].digest}"}, "revision": {"N": "1"}},
    )


LONG_AGO = datetime.now(UTC) - timedelta(days=400)
PROVOKED_IN_STAGE = {
    Check.TABLE_UNREADABLE: lambda _: boto3.client("dynamodb").delete_table(TableName=TABLE),
    Check.NO_POLICY: lambda at: at.out_of_force("policy"),
    Check.NO_REGISTER: lambda at: at.out_of_force("apps"),
    Check.NO_LIST: lambda at: at.out_of_force("google_status"),
    Check.ANCHORS_BUILT_IN: lambda at: at.out_of_force("trust_anchors"),
    Check.POLICY_UNREADABLE: lambda at: at.put_in_force("policy", b"{}"),
    Check.REGISTER_UNREADABLE: lambda at: at.put_in_force("apps", b"{ }"),
    Check.LIST_UNREADABLE: lambda at: at.put_in_force("google_status", b"{  }"),
    Check.ANCHORS_UNREADABLE: lambda at: at.put_in_force("trust_anchors", b"{   }"),
    Check.POLICY_UNKNOWN_HERE: lambda at: at.put_in_force("policy", at.renamed_policy()),
    Check.REGISTER_UNKNOWN_HERE: lambda at: at.put_in_force("apps", at.shorter_tokens()),
    Check.ANCHORS_UNKNOWN_HERE: lambda at: at.put_in_force("trust_anchors", at.one_anchor()),
    Check.ANCHORS_DIFFER: lambda at: at.put_in_force("trust_anchors", at.one_anchor()),
    Check.UNPROVEN_POLICY: unproven,
    Check.LIST_STALE: lambda at: at.put_in_force("google_status", b'{"entries": {}}', fetched_at=LONG_AGO),
    Check.SECRET_MISSING: lambda _: boto3.client("secretsmanager").delete_secret(SecretId="assay/prod/apple/metric"),
    Check.LOG_GROUP_MISSING: lambda _: [
        boto3.client("logs").delete_log_group(logGroupName=f"/aws/lambda/assay-prod{of}")
        for of in ("", "-publish_keys")
    ],
    Check.LOG_RETENTION_OPEN: lambda _: boto3.client("logs").delete_retention_policy(
        logGroupName="/aws/lambda/assay-prod-publish_keys"
    ),
}
IN_STAGE_ALSO = {
    Check.POLICY_UNKNOWN_HERE: {Check.UNPROVEN_POLICY.code},
    Check.ANCHORS_UNKNOWN_HERE: {Check.ANCHORS_DIFFER.code},
    Check.ANCHORS_DIFFER: {Check.ANCHORS_UNKNOWN_HERE.code},
}


def test_a_sound_stage_leaves_nothing_open(stage, examine):
    assert examine(*stage.options) == UNSEEN


@pytest.mark.parametrize("check", PROVOKED_IN_STAGE, ids=lambda check: check.code)
def test_what_is_open_in_a_stage_is_found(stage, examine, check):
    PROVOKED_IN_STAGE[check](stage)
    assert examine(*stage.options) == UNSEEN | {check.code} | IN_STAGE_ALSO.get(check, set())


def test_a_policy_of_somebody_elses_is_looked_into(stage, examine):
    open_ = json.loads(compile_policy(stage.checkout.policy)) | {"admits": ["android_attest_keys"], "name": "theirs"}
    stage.put_in_force("policy", json.dumps(open_, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    assert Check.ATTEST_KEYS_ADMITTED.code in examine(*stage.options)


def test_a_secret_that_was_never_made(stage, examine):
    boto3.client("secretsmanager").delete_secret(
        SecretId=f"assay/prod/service/{COUNTING_KEY}", ForceDeleteWithoutRecovery=True
    )
    assert examine(*stage.options) == UNSEEN | {Check.SECRET_MISSING.code}


def test_secrets_and_logs_are_looked_at_without_a_table(stage, examine):
    named = stage.options[:2]
    assert examine(*named) == UNSEEN
    boto3.client("secretsmanager").delete_secret(SecretId=f"assay/prod/service/{COUNTING_KEY}")
    boto3.client("logs").delete_retention_policy(logGroupName="/aws/lambda/assay-prod")
    assert examine(*named) == UNSEEN | {Check.SECRET_MISSING.code, Check.LOG_RETENTION_OPEN.code}


def test_a_stage_without_a_region_is_not_looked_at(examine, assay, checkout, no_region):  # noqa: ARG001 - for its effect
    assert examine("--stage", "prod") == UNSEEN
    said = assay("doctor", "--root", checkout.root, "--stage", "prod")
    assert "secrets and log retention: no AWS region: set AWS_DEFAULT_REGION" in said


def test_no_secret_is_read(stage, examine, assay):
    boto3.client("secretsmanager").put_secret_value(
        SecretId="assay/prod/apple/metric", SecretString="BEGIN PRIVATE KEY"
    )
    examine(*stage.options)
    assert "PRIVATE KEY" not in assay("doctor", "--root", stage.checkout.root, *stage.options)


def test_rules_of_a_backend_that_only_observe(examine, tmp_path):
    backend = tmp_path / "backend"
    backend.mkdir()
    (backend / "sound.py").write_text("MODE = Mode.ENFORCE\n# Mode.OBSERVE_WITHOUT_ENFORCING\n", encoding="utf-8")
    assert examine("--backend", backend) == UNSEEN
    (backend / "open.py").write_text("\nrule(mode=Mode.OBSERVE_WITHOUT_ENFORCING)\n", encoding="utf-8")
    assert examine("--backend", backend) == UNSEEN | {Check.ROUTE_OBSERVES.code}
    (backend / "broken.py").write_text("def", encoding="utf-8")
    assert examine("--backend", backend) == UNSEEN | {Check.ROUTE_OBSERVES.code}


@pytest.fixture(scope="module")
def stack():
    with local_stack(log=io.StringIO()) as running:
        yield running


@pytest.fixture
def heard(stack):
    """What is found of the running service; keys as they are published now."""
    publish_keys(stack.app)

    def look(*, issuer=stack.issuer, later=timedelta(0), url=stack.url):
        with httpx.Client() as client:
            return {finding.check for finding in service_findings(client, url, issuer, now=datetime.now(UTC) + later)}

    return look


def publish(stack, keys):
    boto3.client("s3").put_object(
        Bucket=stack.configuration["ASSAY_STATIC_BUCKET"],
        Key=".well-known/jwks.json",
        Body=json.dumps({"keys": keys}).encode(),
        ContentType="application/json",
    )


def test_a_sound_service_has_one_key_and_nothing_else(heard):
    assert heard() == {Check.ONE_KEY}
    assert heard(issuer=None) == {Check.NOT_EXAMINED}


def test_the_schedule_that_publishes_keys_stands_still(heard):
    assert heard(later=timedelta(hours=1)) == {Check.ONE_KEY}
    assert heard(later=timedelta(hours=4)) == {Check.ONE_KEY, Check.KEYS_NOT_REFRESHED}


def test_published_keys_that_are_not_those_of_the_service(stack, heard):
    (own,) = httpx.get(f"{stack.url}/.well-known/jwks.json").json()["keys"]
    publish(stack, [own, {**own, "kid": "retired"}])
    assert heard() == {Check.ONE_KEY, Check.KEYS_DIFFER}
    publish(stack, [{**own, "kid": "retired"}])
    assert heard() == {Check.ONE_KEY, Check.SIGNING_KEY_UNPUBLISHED}
    boto3.client("s3").delete_object(Bucket=stack.configuration["ASSAY_STATIC_BUCKET"], Key=".well-known/jwks.json")
    assert heard() == {Check.KEYS_UNREACHABLE}


def test_a_service_that_cannot_be_reached(heard):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert heard(url=f"http://127.0.0.1:{port}") == {Check.SERVICE_UNREACHABLE}


def test_a_service_that_cannot_judge(stack, heard, assay, checkout):
    stack.put_in_force(kind="policy", body=b"{}")
    stack.clock.shift(timedelta(seconds=11))
    assert heard() == {Check.ONE_KEY, Check.SERVICE_UNHEALTHY}
    said = assay("doctor", "--root", checkout.root, "--url", stack.url, "--issuer", stack.issuer, code=2)
    assert "broken: service_unhealthy: " in said
    assert "documents policy_unavailable" in said


OF_SERVICE = {
    Check.SERVICE_UNREACHABLE, Check.SERVICE_UNHEALTHY, Check.KEYS_UNREACHABLE, Check.SIGNING_KEY_UNPUBLISHED,
    Check.KEYS_DIFFER, Check.KEYS_NOT_REFRESHED, Check.ONE_KEY,
}  # fmt: skip


def test_every_finding_is_brought_about_by_a_test_and_stands_in_the_docs():
    provoked = {*PROVOKED_IN_CHECKOUT, *PROVOKED_IN_STAGE, *OF_SERVICE, Check.ROUTE_OBSERVES, Check.NOT_EXAMINED}
    assert provoked == set(Check)
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    rows = [f"| `{check.code}` | {check.level.name.lower()} | {check.todo} |" for check in Check]
    assert [line for line in page.splitlines() if line in rows] == rows
