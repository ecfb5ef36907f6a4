"""The bucket behind the static endpoint."""

from typing import TYPE_CHECKING

from chalicelib.aws.errors import answering
from chalicelib.model.reasons import MalfunctionReason

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3StaticSite:
    """Implements `service.ports.StaticSite`. `path` is the URL's path; its leading slash is no part of the S3 key."""

    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def publish(self, *, path: str, body: bytes, content_type: str, cache_control: str) -> None:
        """Raises Malfunction(STORE_UNAVAILABLE)."""
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "publish"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=path.removeprefix("/"),
                Body=body,
                ContentType=content_type,
                CacheControl=cache_control,
            )
