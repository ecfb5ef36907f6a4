"""All of Assay on one machine: moto in place of AWS, stand-ins of the vendors' servers, the real app in front, policy
and register in force."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import boto3
from chalice.app import Chalice
from chalice.local import LambdaContext, LocalChalice

from assay_toolkit.local import server, static_site, vendors
from assay_toolkit.local.aws import REGION, environment, local_aws
from assay_toolkit.local.checkout import ROOT
from assay_toolkit.local.clock import ShiftableClock
from assay_toolkit.local.template import tables
from assay_toolkit.policy import compile_policy
from assay_toolkit.policy_cases import cases_about, compile_cases
from assay_toolkit.register import AudienceKeys, compile_register
from assay_toolkit.simulator.play_integrity import CLASSIC_SECRET
from assay_toolkit.simulator.roots import ANDROID_ROOT_PEM, APPLE_RECEIPT_ROOT_PEM, APPLE_ROOT_PEM
from chalicelib import bootstrap
from chalicelib.api import application, observability
from chalicelib.aws.clock import SystemRandomness
from chalicelib.aws.document_bodies import S3Bodies
from chalicelib.aws.documents import Documents
from chalicelib.aws.policy_cases import CASES_KIND, PolicyCases
from chalicelib.aws.secrets import full_name
from chalicelib.service.history import COUNTING_KEY
from chalicelib.service.ports import SecretPurpose

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

STAGE: Final = "local"
_TIMEOUT: Final = 20  # seconds, as .chalice/config.json has it
_AUTHOR: Final = "local stack"
_REASON: Final = "what the checkout has"
# Google's format, of a day on which nothing is revoked.
_EMPTY_STATUS_LIST: Final = b'{"entries":{}}'
# Also Google's format: a list of PEM certificates.
_ROOTS: Final = json.dumps([ANDROID_ROOT_PEM.decode("ascii")]).encode()
_NO_KEYS: Final[AudienceKeys] = {}
_BASELINE: Final = Path(ROOT, "policies", "baseline.yaml")
_DEMO_PLAY: Final = "demo-bank-play-integrity"  # the name of a secret, as policies/apps/demo-bank.yaml has it


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStack:
    """`url`: Assay's HTTP API. `issuer`: the static endpoint, which is also `iss`. `endpoint`: the local AWS.

    `configuration`: the function's environment. `clock` may be shifted, and `vendors` told to fail.
    """

    url: str
    issuer: str
    endpoint: str
    configuration: Mapping[str, str]
    clock: ShiftableClock
    vendors: vendors.Vendors
    app: Chalice
    documents: Documents
    dynamodb: "DynamoDBClient"
    s3: "S3Client"

    @property
    def operator_environment(self) -> dict[str, str]:
        """For `assay policy …`, `assay app …`, `assay instance …` and the AWS CLI in another process."""
        stores = ("ASSAY_DOCUMENTS_TABLE", "ASSAY_DOCUMENTS_BUCKET", "ASSAY_INSTANCES_TABLE")
        return {**environment(self.endpoint), **{name: self.configuration[name] for name in stores}}

    def put_in_force(self, *, kind: str, body: bytes) -> str:
        """Any document of kind `apps`, `policy` or `google_status`; its digest."""
        return put_in_force(self.documents, kind=kind, body=body)


@contextmanager
def local_stack(
    *, log: TextIO, port: int = 0, static_port: int = 0, audience_keys: AudienceKeys = _NO_KEYS
) -> Iterator[LocalStack]:
    """Inside, everything runs on loopback. `log` gets the app's log lines and decision records.

    `audience_keys`: public keys for the confidential audiences of `policies/apps`, whose private keys somebody has.
    """
    with local_aws() as endpoint:
        dynamodb = boto3.client("dynamodb")
        for table in tables(stage=STAGE):
            dynamodb.create_table(**table)
        key = boto3.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        bucket = f"assay-{STAGE}-static"
        s3 = boto3.client("s3")
        for name in (bucket, f"assay-{STAGE}-documents"):
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        clock = ShiftableClock()
        stand_ins = vendors.Vendors(now=clock.now, status_list=_EMPTY_STATUS_LIST, roots=_ROOTS)
        with (
            static_site.serving(s3=s3, bucket=bucket, port=static_port) as issuer,
            vendors.serving(stand_ins) as vendors_origin,
        ):
            configuration = _configuration(
                issuer=issuer, bucket=bucket, key_arn=key["KeyMetadata"]["Arn"], vendors_origin=vendors_origin
            )
            documents = Documents(
                dynamodb,
                configuration["ASSAY_DOCUMENTS_TABLE"],
                bodies=S3Bodies(s3, configuration["ASSAY_DOCUMENTS_BUCKET"]),
                clock=clock,
            )
            _put_checkout_in_force(documents, audience_keys)
            # So that this policy can be gone back to: without cases that hold, none is put in force by `assay policy`.
            _keep_cases(documents, PolicyCases(dynamodb, configuration["ASSAY_DOCUMENTS_TABLE"]))
            _keep_secret(SecretPurpose.SERVICE, COUNTING_KEY, secrets.token_urlsafe(48))
            of_play = json.dumps({"classic": CLASSIC_SECRET, "standard": stand_ins.service_account})
            _keep_secret(SecretPurpose.PLAY_INTEGRITY, _DEMO_PLAY, of_play)
            app = _app(configuration, clock, log)
            publish_keys(app)
            with server.serving(app, port=port) as url:
                yield LocalStack(
                    url=url,
                    issuer=issuer,
                    endpoint=endpoint,
                    configuration=configuration,
                    clock=clock,
                    vendors=stand_ins,
                    app=app,
                    documents=documents,
                    dynamodb=dynamodb,
                    s3=s3,
                )


def publish_keys(app: Chalice) -> None:
    """The scheduled handler, as EventBridge would call it."""
    context = LambdaContext(f"assay-{STAGE}-publish_keys", 1024)
    app.handler_map["publish_keys"](_SCHEDULED, context)


def put_in_force(documents: Documents, *, kind: str, body: bytes) -> str:
    digest = documents.put(kind=kind, body=body)
    replaced = documents.active().get(kind)
    expected = replaced.digest if replaced else None
    documents.activate(kind=kind, digest=digest, expected=expected, author=_AUTHOR, reason=_REASON)
    return digest


def _keep_secret(purpose: SecretPurpose, name: str, text: str) -> None:
    full = full_name(name, stage=STAGE, purpose=purpose)
    boto3.client("secretsmanager").create_secret(Name=full, SecretString=text)


def _app(configuration: Mapping[str, str], clock: ShiftableClock, log: TextIO) -> Chalice:
    runtime = bootstrap.Runtime(
        environ=configuration, clock=clock, randomness=SystemRandomness(), log=observability.logger(log), decisions=log
    )
    return application.build(runtime, chalice=LocalChalice)


def _configuration(*, issuer: str, bucket: str, key_arn: str, vendors_origin: str) -> dict[str, str]:
    return {
        "ASSAY_STAGE": STAGE,
        "ASSAY_ISSUER": issuer,
        "ASSAY_SIGNING_KEY_ARN": key_arn,
        "ASSAY_PUBLISHED_KEY_ARNS": "",
        "ASSAY_NONCES_TABLE": f"assay-{STAGE}-nonces",
        "ASSAY_INSTANCES_TABLE": f"assay-{STAGE}-instances",
        "ASSAY_DOCUMENTS_TABLE": f"assay-{STAGE}-documents",
        "ASSAY_DOCUMENTS_BUCKET": f"assay-{STAGE}-documents",
        "ASSAY_STATIC_BUCKET": bucket,
        "ASSAY_LAMBDA_TIMEOUT_SECONDS": str(_TIMEOUT),
        "ASSAY_VENDORS_ORIGIN": vendors_origin,
        # Only here: production refuses these roots by fingerprint.
        "ASSAY_EXTRA_ANCHORS": (ANDROID_ROOT_PEM + APPLE_ROOT_PEM + APPLE_RECEIPT_ROOT_PEM).decode("ascii"),
    }


def _put_checkout_in_force(documents: Documents, audience_keys: AudienceKeys) -> None:
    apps = sorted(Path(ROOT, "policies", "apps").glob("*.yaml"))
    put_in_force(documents, kind="apps", body=compile_register(apps, audience_keys=audience_keys))
    put_in_force(documents, kind="policy", body=compile_policy(_BASELINE))
    put_in_force(documents, kind="google_status", body=_EMPTY_STATUS_LIST)


def _keep_cases(documents: Documents, cases_of: PolicyCases) -> None:
    cases = documents.put(kind=CASES_KIND, body=compile_cases(cases_about(_BASELINE)))
    cases_of.link(policy=documents.active()["policy"].digest, cases=cases)


# https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html
_SCHEDULED: Final[dict[str, Any]] = {
    "version": "0",
    "account": "123456789012",
    "region": REGION,
    "detail": {},
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-01-01T00:00:00Z",
    "id": "00000000-0000-4000-8000-000000000000",
    "resources": [],
}
