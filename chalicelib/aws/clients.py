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

# Seconds. DynamoDB and KMS answer within tens of milliseconds from inside the Region: a second without an answer is a
# lost connection. Three attempts of (1 + 1) s and standard mode's waits (below 1 and 2 s) end one call within 9 s:
# where one service is dead, the phone gets a 503 of ours before Lambda stops the function.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=1,
    retries={"mode": "standard", "total_max_attempts": 3},
    tcp_keepalive=True,  # a frozen Lambda environment finds its connection alive again
)


def dynamodb() -> "DynamoDBClient":
    return boto3.client("dynamodb", config=_CONFIG)


def kms() -> "KMSClient":
    return boto3.client("kms", config=_CONFIG)


def s3() -> "S3Client":
    return boto3.client("s3", config=_CONFIG)
