"""moto for a module at a time, with atomic writes; tables of its own for every test."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from assay_toolkit.local import template
from assay_toolkit.local.moto_lock import atomic_dynamodb
from assay_toolkit.policy import compile_policy
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.play_integrity import CLASSIC_SECRET
from chalicelib.api.rendering import JsonRenderer
from chalicelib.aws.budget import DynamoCallBudget
from chalicelib.aws.challenges import DynamoChallenges
from chalicelib.aws.document_bodies import S3Bodies
from chalicelib.aws.documents import Documents
from chalicelib.aws.enrolment_counters import DynamoEnrolmentCounters
from chalicelib.aws.instances import DynamoInstances
from chalicelib.aws.secrets import StageSecrets
from chalicelib.aws.signer import KmsSigner
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.attest import AttestService
from chalicelib.service.beliefs import Beliefs
from chalicelib.service.history import COUNTING_KEY, Enrolments
from chalicelib.service.issue_challenge import ChallengeService
from chalicelib.service.play_integrity import PlayIntegrity
from chalicelib.service.ports import SecretPurpose
from chalicelib.service.unattested import UnattestedPhones
from chalicelib.vendors.bounded_http import HttpClient
from chalicelib.vendors.endpoints import stand_ins
from chalicelib.vendors.play_integrity import GooglePlayIntegrityDecoder
from tests.races import racing
from tests.service.adapters import NotedEvents, PublishedDocuments, RecordedDecisions, Tables, Tap
from tests.service.world import (
    FUNCTION_TIMEOUT,
    ISSUER,
    SIMULATED,
    STAGE,
    Clock,
    CountedBytes,
    World,
    register,
    status_list,
)


@pytest.fixture(scope="session")
def policy() -> bytes:
    return compile_policy(Path(__file__).resolve().parents[2] / "policies" / "baseline.yaml")


@pytest.fixture(scope="session")
def session() -> boto3.session.Session:
    """One for all tests: it keeps the service models, which take longer to read than a test to run."""
    made_up = "testing"
    return boto3.session.Session(aws_access_key_id=made_up, aws_secret_access_key=made_up, region_name="eu-central-1")


@pytest.fixture(scope="module")
def client(session: boto3.session.Session) -> Iterator[Callable[[str], Any]]:
    # One attempt: botocore's waits between attempts are real time.
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    with pytest.MonkeyPatch.context() as environment, mock_aws(), atomic_dynamodb():
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        yield lambda service: session.client(service, config=config)


@pytest.fixture(scope="module")
def dynamodb(client):
    return client("dynamodb")


@pytest.fixture(scope="module")
def kms(client):
    return client("kms")


@pytest.fixture(scope="module")
def secretsmanager(client):
    """With the simulated Google Play's keys for classic tokens, as the app `bank` keeps them, and the service's own."""
    made = client("secretsmanager")
    made.create_secret(Name=f"assay/{STAGE}/play-integrity/play", SecretString=json.dumps({"classic": CLASSIC_SECRET}))
    made.create_secret(Name=f"assay/{STAGE}/service/{COUNTING_KEY}", SecretString="k" * 64)
    return made


@pytest.fixture(scope="module")
def bodies(client) -> S3Bodies:
    """Of documents that no item can hold; under their digests, so that tests may share the bucket."""
    s3 = client("s3")
    s3.create_bucket(Bucket="documents", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return S3Bodies(s3, "documents")


@pytest.fixture(scope="session")
def schemas() -> list[dict[str, Any]]:
    return template.tables(stage="service")


_NUMBERS = count(1)


@contextmanager
def made_tables(dynamodb, schemas) -> Iterator[Tables]:
    """Empty, and gone afterwards: each of moto's transactions copies every table there is."""
    number = next(_NUMBERS)
    names = [f"{schema['TableName']}-{number}" for schema in schemas]
    for schema, name in zip(schemas, names, strict=True):
        dynamodb.create_table(**{**schema, "TableName": name})
    try:
        kinds = ("nonces", "instances", "documents")
        yield Tables(client=dynamodb, **{kind: f"assay-service-{kind}-{number}" for kind in kinds})
    finally:
        for name in names:
            dynamodb.delete_table(TableName=name)


@pytest.fixture
def tables(dynamodb, schemas) -> Iterator[Tables]:
    with made_tables(dynamodb, schemas) as made:
        yield made


@pytest.fixture(scope="module")
def published_items(dynamodb, schemas, bodies, policy) -> list[dict[str, Any]]:
    """What a register and a policy in force leave in the documents table. Tests begin with a copy: publishing takes
    ten calls, and a copy one."""
    with made_tables(dynamodb, schemas) as made:
        stored = PublishedDocuments(Documents(made.client, made.documents, bodies=bodies, clock=Clock()))
        stored.publish("apps", register())
        stored.publish("policy", policy)
        return made.items(made.documents)


@pytest.fixture(scope="module")
def key_arns(kms) -> tuple[str, str]:
    """Two keys: the one that signs, and another."""
    made = [kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY") for _ in range(2)]
    return made[0]["KeyMetadata"]["Arn"], made[1]["KeyMetadata"]["Arn"]


@pytest.fixture
def signer(kms, key_arns) -> Tap:
    return Tap(KmsSigner(client=kms, key_arn=key_arns[0]), reason=MalfunctionReason.SIGNER_UNAVAILABLE)


@pytest.fixture
def another_signer(kms, key_arns) -> KmsSigner:
    return KmsSigner(client=kms, key_arn=key_arns[1])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def documents(tables, clock, bodies, published_items) -> PublishedDocuments:
    """A register and a policy in force."""
    tables.client.batch_write_item(
        RequestItems={tables.documents: [{"PutRequest": {"Item": item}} for item in published_items]}
    )
    return PublishedDocuments(Documents(tables.client, tables.documents, bodies=bodies, clock=clock))


@pytest.fixture
def beliefs(documents, clock) -> Beliefs:
    return Beliefs(documents=documents, clock=clock, built_in=SIMULATED, simulated_phones=True)


@pytest.fixture
def world(tables, clock, documents, beliefs, signer, secretsmanager) -> World:
    documents.publish("google_status", status_list())
    decisions, events, randomness = RecordedDecisions(), NotedEvents(), CountedBytes()
    instances = DynamoInstances(client=tables.client, table=tables.instances)
    challenge_store = Tap(
        DynamoChallenges(
            client=tables.client,
            table=tables.nonces,
            instances=instances,
            randomness=randomness,
            function_timeout=FUNCTION_TIMEOUT,
        )
    )
    instance_store = Tap(instances)
    secrets = {
        purpose: StageSecrets(client=secretsmanager, stage=STAGE, purpose=purpose, clock=clock)
        for purpose in SecretPurpose
    }
    return World(
        clock=clock,
        tables=tables,
        challenge_store=challenge_store,
        instance_store=instance_store,
        documents=documents,
        signer=signer,
        decisions=decisions,
        events=events,
        randomness=randomness,
        beliefs=beliefs,
        challenges=ChallengeService(beliefs=beliefs, challenges=challenge_store, clock=clock, randomness=randomness),
        attestations=AttestService(
            beliefs=beliefs,
            challenges=challenge_store,
            instances=instance_store,
            signer=signer,
            renderer=JsonRenderer(),
            decisions=decisions,
            play_integrity=PlayIntegrity(
                secrets=secrets[SecretPurpose.PLAY_INTEGRITY],
                # Nobody listens there; tests of Google's answers put a server in its place.
                decoder=GooglePlayIntegrityDecoder(
                    http=HttpClient(clock=clock, plain_loopback=True),
                    clock=clock,
                    endpoints=stand_ins("http://127.0.0.1:9"),
                ),
                budget=DynamoCallBudget(client=tables.client, table=tables.nonces),
                events=events,
            ),
            unattested=UnattestedPhones(
                budget=DynamoCallBudget(client=tables.client, table=tables.nonces), events=events
            ),
            enrolments=Enrolments(
                secrets=secrets[SecretPurpose.SERVICE],
                counters=DynamoEnrolmentCounters(client=tables.client, table=tables.nonces),
                events=events,
            ),
            clock=clock,
            randomness=randomness,
            issuer=ISSUER,
        ),
    )


@pytest.fixture(params=[AndroidPhone, ApplePhone], ids=["android", "apple"])
def phone(request, world):
    return world.phone(request.param)


@pytest.fixture
def android(world):
    return world.phone(AndroidPhone)


@pytest.fixture
def apple(world):
    return world.phone(ApplePhone)


@pytest.fixture
def race() -> Iterator[Callable[..., list[Any]]]:
    with racing() as run:
        yield run
