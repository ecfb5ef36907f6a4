"""boto3 clients with bounded patience. Region, credentials and endpoint come from botocore's own chain.

Nothing is kept here: making a client costs tens of milliseconds of loading service models, so the composition root
makes each once, during INIT on Lambda and on first use anywhere else.
"""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

# Seconds. DynamoDB, KMS and S3 answer within tens of milliseconds from inside the Region: without an answer after 0.7 s
# the connection is lost, and one more attempt makes another. Two attempts of (0.7 + 0.7) s and standard mode's wait
# (below 1 s) end a call within 3.8 s. A request meets three such calls at most: of what is in force, one that ends it,
# and the release of its challenge. With the 2 s that a twin waits, a secret that is not to be had (1.4 s), and a vendor
# that is silent (3 s, chalicelib/vendors) after a look-up of its name that is not answered (2 s, RES_OPTIONS), that is
# below 20 s: where a service hangs, the phone gets a 503 of ours before Lambda stops the function.
# tests/service/test_patience.py counts them.
_CONFIG = Config(
    connect_timeout=0.7,
    read_timeout=0.7,
    retries={"mode": "standard", "total_max_attempts": 2},
    tcp_keepalive=True,  # a frozen Lambda environment finds its connection alive again
)

# Nothing fails without a secret but a verdict that policy can do without: it is asked for once, and soon again.
_SECRETS = Config(
    connect_timeout=0.7,
    read_timeout=0.7,
    retries={"mode": "standard", "total_max_attempts": 1},
    tcp_keepalive=True,
)


def dynamodb() -> "DynamoDBClient":
    return boto3.client("dynamodb", config=_CONFIG)


def kms() -> "KMSClient":
    return boto3.client("kms", config=_CONFIG)


def s3() -> "S3Client":
    return boto3.client("s3", config=_CONFIG)


def secretsmanager() -> "SecretsManagerClient":
    return boto3.client("secretsmanager", config=_SECRETS)
