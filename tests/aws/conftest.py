"""moto with atomic writes, tables as infra/data.yaml describes them, and no clock: time is an argument."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.config import Config
from moto import mock_aws

from assay_toolkit.local.moto_lock import atomic_dynamodb
from chalicelib.aws.challenges import DynamoChallenges
from chalicelib.aws.document_bodies import S3Bodies
from chalicelib.aws.instances import DynamoInstances
from chalicelib.model.claims import (
    AndroidPackage,
    AppleEnvironment,
    AppleValidation,
    KeptAndroid,
    KeptApple,
    PatchLevel,
    Provisioning,
    SecurityLevel,
)
from chalicelib.model.descriptor import Purpose
from chalicelib.model.instances import AppAttestKey, Instance
from chalicelib.model.keys import EcPublicJwk
from chalicelib.service.ports import NewChallenge
from tests.races import racing

INFRA = Path(__file__).resolve().parents[2] / "infra"
STAGE = "test"


class TemplateLoader(yaml.SafeLoader):
    """CloudFormation's short functions as plain values: `!Sub` with the stage filled in, others as they are written."""


def _function(loader: TemplateLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return text.replace("${Stage}", STAGE) if suffix == "Sub" else text
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


TemplateLoader.add_multi_constructor("!", _function)


@pytest.fixture(scope="session")
def template() -> Callable[[str], dict[str, Any]]:
    return lambda name: yaml.load((INFRA / name).read_text(), Loader=TemplateLoader)  # noqa: S506 - a safe loader


@pytest.fixture(scope="session")
def tables(template) -> list[dict[str, Any]]:
    """`Properties` of every table in the template, without what moto's CreateTable does not take."""
    resources = template("data.yaml")["Resources"].values()
    apart = ("TimeToLiveSpecification", "PointInTimeRecoverySpecification", "SSESpecification")
    return [
        {name: value for name, value in resource["Properties"].items() if name not in apart}
        for resource in resources
        if resource["Type"] == "AWS::DynamoDB::Table"
    ]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws(), atomic_dynamodb():
        yield


@pytest.fixture(scope="session")
def session() -> boto3.session.Session:
    """One for all tests: it keeps the service models, which take longer to read than a test to run."""
    made_up = "testing"
    return boto3.session.Session(aws_access_key_id=made_up, aws_secret_access_key=made_up, region_name="eu-central-1")


@pytest.fixture
def client(aws: None, session: boto3.session.Session) -> Callable[[str], Any]:  # noqa: ARG001 - `aws` has to stand
    # One attempt: botocore's waits between attempts are real time.
    return lambda service: session.client(service, config=Config(retries={"mode": "standard", "total_max_attempts": 1}))


@pytest.fixture
def dynamodb(client, tables):
    made = client("dynamodb")
    for table in tables:
        made.create_table(**table)
    return made


@pytest.fixture
def s3(client):
    """With the bucket of large documents."""
    made = client("s3")
    made.create_bucket(
        Bucket=f"assay-{STAGE}-documents", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return made


@pytest.fixture
def bodies(s3) -> S3Bodies:
    return S3Bodies(s3, f"assay-{STAGE}-documents")


class CountingRandomness:
    """Never the same bytes twice, and the same bytes in every run."""

    def __init__(self) -> None:
        self._next = count(1)

    def token_bytes(self, size: int) -> bytes:
        return next(self._next).to_bytes(size, "big")


@pytest.fixture
def randomness() -> CountingRandomness:
    return CountingRandomness()


@pytest.fixture
def instances(dynamodb) -> DynamoInstances:
    return DynamoInstances(client=dynamodb, table=f"assay-{STAGE}-instances")


FUNCTION_TIMEOUT = timedelta(seconds=20)


@pytest.fixture
def challenges(dynamodb, instances, randomness) -> DynamoChallenges:
    return DynamoChallenges(
        client=dynamodb,
        table=f"assay-{STAGE}-nonces",
        instances=instances,
        randomness=randomness,
        function_timeout=FUNCTION_TIMEOUT,
    )


@dataclass(frozen=True)
class Times:
    """One second of the lease's margin over the function's timeout; the window of docs/wire.md."""

    start: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    lease: timedelta = FUNCTION_TIMEOUT + timedelta(seconds=1)
    window: timedelta = timedelta(seconds=60)
    lifetime: timedelta = timedelta(seconds=600)
    tick: timedelta = timedelta(milliseconds=1)


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def new_challenge(times) -> Callable[[int], NewChallenge]:
    def make(number: int, *, purpose: Purpose = Purpose.RENEW) -> NewChallenge:
        return NewChallenge(
            value=number.to_bytes(32, "big"), app="bank", purpose=purpose, expires_at=times.start + times.lifetime
        )

    return make


def _jwk(number: int) -> EcPublicJwk:
    return EcPublicJwk(x=number.to_bytes(32, "big"), y=(number + 1).to_bytes(32, "big"))


@pytest.fixture
def android(times) -> Callable[..., Instance]:
    """An Android instance; every field of what it keeps has a value that no default would give."""
    standard = Instance(
        jwk=_jwk(1),
        app="bank",
        kept=KeptAndroid(
            certificate_serials=(1, 2**160 - 1, -5),
            security_level=SecurityLevel.STRONGBOX,
            provisioning=Provisioning.REMOTE,
            attestation_version=500,
            device_locked=True,
            verified_boot_state_raw=0,
            verified_boot_key=b"\x01" * 32,
            os_version=160000,
            os_patch_level=PatchLevel(2026, 1),
            vendor_patch_level=PatchLevel(2026, 1, 5),
            boot_patch_level=None,
            packages=(AndroidPackage("com.example.bank", 2**70),),
            signature_digests=(b"\x02" * 32,),
        ),
        enrolled_at=times.start,
        attested_at=times.start,
    )
    return lambda *, key=1, **changes: replace(standard, jwk=_jwk(key), **changes)


@pytest.fixture
def apple(times) -> Callable[..., Instance]:
    def make(*, key: int = 1, app_attest: int = 100, counter: int = 0, **changes: Any) -> Instance:
        standard = Instance(
            jwk=_jwk(key),
            app="bank",
            kept=KeptApple(
                app_id="TEAM123456.com.example.bank",
                environment=AppleEnvironment.DEVELOPMENT,
                certificate_serials=(7, 2**159),
                validation=AppleValidation(
                    validation_category=2**80, bundle_version="7.1", unknown_members=("apple_new_01",)
                ),
            ),
            enrolled_at=times.start,
            attested_at=times.start,
            app_attest=AppAttestKey(
                key_id=app_attest.to_bytes(32, "big"), public_key=_jwk(app_attest), counter=counter
            ),
        )
        return replace(standard, **changes)

    return make


@pytest.fixture
def race() -> Iterator[Callable[..., list[Any]]]:
    with racing() as run:
        yield run
