"""The composition root: the one place that knows every part by name and introduces them to each other.

On Lambda the parts are made during INIT, where the CPU is free and nobody waits. Anywhere else they are made on first
use, so that `app.py` imports with an empty environment and without boto3: for packaging, and for tests.
"""

import sys
from collections.abc import Mapping
from threading import Lock
from typing import TextIO

from aws_lambda_powertools import Logger

from chalicelib import config
from chalicelib.api import observability
from chalicelib.api.edge import UseCases
from chalicelib.api.rendering import JsonRenderer
from chalicelib.aws.clock import SystemClock, SystemRandomness
from chalicelib.aws.decision_log import JsonDecisionLog
from chalicelib.aws.event_log import JsonEventLog
from chalicelib.config import Config
from chalicelib.service.attest import AttestService
from chalicelib.service.beliefs import Beliefs
from chalicelib.service.health import HealthService
from chalicelib.service.history import Enrolments
from chalicelib.service.issue_challenge import ChallengeService
from chalicelib.service.play_integrity import PlayIntegrity
from chalicelib.service.ports import Clock, Randomness, SecretPurpose
from chalicelib.service.publish_keys import KeyService
from chalicelib.service.refresh_endorsements import EndorsementService
from chalicelib.service.refresh_risk_metrics import RiskMetricService
from chalicelib.service.unattested import UnattestedPhones
from chalicelib.vendors.bounded_http import HttpClient
from chalicelib.vendors.endpoints import VENDORS, stand_ins
from chalicelib.vendors.google_lists import PublishedList
from chalicelib.vendors.play_integrity import GooglePlayIntegrityDecoder
from chalicelib.vendors.risk_metrics import AppleRiskMetrics


class Runtime:
    """Implements `api.edge.Runtime`. `decisions` takes the decision records, a JSON line each."""

    def __init__(
        self, *, environ: Mapping[str, str], clock: Clock, randomness: Randomness, log: Logger, decisions: TextIO
    ) -> None:
        self.clock = clock
        self.randomness = randomness
        self.log = log
        self._environ = environ
        self._decisions = decisions
        self._lock = Lock()
        self._made: UseCases | None = None

    def use_cases(self) -> UseCases:
        """Made once. Raises Malfunction(CONFIGURATION)."""
        with self._lock:
            if self._made is None:
                self._made = _introduce(config.load(self._environ), self, self._decisions)
            return self._made


def runtime(environ: Mapping[str, str]) -> Runtime:
    """The function's own. On Lambda a configuration that contradicts itself does not start (Malfunction)."""
    made = Runtime(
        environ=environ,
        clock=SystemClock(),
        randomness=SystemRandomness(),
        log=observability.logger(sys.stdout),
        decisions=sys.stdout,
    )
    if config.ON_LAMBDA in environ:
        made.use_cases()
    return made


def _introduce(settings: Config, given: Runtime, decisions: TextIO) -> UseCases:
    # Here and not above: these load boto3, which costs a quarter of a second and wants a Region.
    from chalicelib.aws import clients
    from chalicelib.aws.budget import DynamoCallBudget
    from chalicelib.aws.challenges import DynamoChallenges
    from chalicelib.aws.document_bodies import S3Bodies
    from chalicelib.aws.documents import Documents
    from chalicelib.aws.enrolment_counters import DynamoEnrolmentCounters
    from chalicelib.aws.instances import DynamoInstances
    from chalicelib.aws.receipts import DynamoReceipts
    from chalicelib.aws.secrets import StageSecrets
    from chalicelib.aws.signer import KmsKeyDirectory, KmsSigner
    from chalicelib.aws.static_site import S3StaticSite

    dynamodb, kms, s3 = clients.dynamodb(), clients.kms(), clients.s3()
    instances = DynamoInstances(client=dynamodb, table=settings.instances_table)
    challenges = DynamoChallenges(
        client=dynamodb,
        table=settings.nonces_table,
        instances=instances,
        randomness=given.randomness,
        function_timeout=settings.lambda_timeout,
    )
    documents = Documents(
        dynamodb, settings.documents_table, bodies=S3Bodies(s3, settings.documents_bucket), clock=given.clock
    )
    beliefs = Beliefs(
        documents=documents,
        clock=given.clock,
        extra_anchors=settings.extra_anchors,
        simulated_phones=settings.stage == config.LOCAL_STAGE,
    )
    signer = KmsSigner(client=kms, key_arn=settings.signing_key_arn)
    further = tuple(KmsSigner(client=kms, key_arn=arn) for arn in settings.published_key_arns)
    decision_log, events = JsonDecisionLog(decisions), JsonEventLog(decisions)
    secretsmanager = clients.secretsmanager()
    secrets = {
        purpose: StageSecrets(client=secretsmanager, stage=settings.stage, purpose=purpose, clock=given.clock)
        for purpose in SecretPurpose
    }
    origin = settings.vendors_origin
    http = HttpClient(clock=given.clock, plain_loopback=origin is not None)
    endpoints = VENDORS if origin is None else stand_ins(origin)
    budget = DynamoCallBudget(client=dynamodb, table=settings.nonces_table)
    return UseCases(
        challenges=ChallengeService(
            beliefs=beliefs, challenges=challenges, clock=given.clock, randomness=given.randomness
        ),
        attestations=AttestService(
            beliefs=beliefs,
            challenges=challenges,
            instances=instances,
            signer=signer,
            renderer=JsonRenderer(),
            decisions=decision_log,
            play_integrity=PlayIntegrity(
                secrets=secrets[SecretPurpose.PLAY_INTEGRITY],
                decoder=GooglePlayIntegrityDecoder(http=http, clock=given.clock, endpoints=endpoints),
                budget=budget,
                events=events,
                allow_test_responses=settings.test_stage,
            ),
            unattested=UnattestedPhones(budget=budget, events=events),
            enrolments=Enrolments(
                secrets=secrets[SecretPurpose.SERVICE],
                counters=DynamoEnrolmentCounters(client=dynamodb, table=settings.nonces_table),
                events=events,
            ),
            clock=given.clock,
            randomness=given.randomness,
            issuer=settings.issuer,
        ),
        keys=KeyService(
            signer=signer,
            keys=KmsKeyDirectory(active=signer, further=further),
            site=S3StaticSite(client=s3, bucket=settings.static_bucket),
            issuer=settings.issuer,
        ),
        health=HealthService(
            signer=signer, challenges=challenges, instances=instances, beliefs=beliefs, clock=given.clock
        ),
        endorsements=EndorsementService(
            documents=documents,
            beliefs=beliefs,
            status_list=PublishedList(http=http, url=endpoints.google_status_list),
            roots=PublishedList(http=http, url=endpoints.google_roots),
            events=events,
            clock=given.clock,
        ),
        risk_metrics=RiskMetricService(
            beliefs=beliefs,
            receipts=DynamoReceipts(client=dynamodb, table=settings.instances_table),
            metrics=AppleRiskMetrics(http=http, endpoints=endpoints),
            secrets=secrets[SecretPurpose.APPLE],
            events=events,
            clock=given.clock,
        ),
        decisions=decision_log,
    )
