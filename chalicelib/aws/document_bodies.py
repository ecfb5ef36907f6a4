"""Bodies of documents that no item can hold, in a private bucket, each under its digest."""

import base64
import hashlib
from typing import TYPE_CHECKING, Final

from chalicelib.aws.errors import answering
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Bytes. The largest document is Google's status list: 58 KiB in January 2025, and `endorsements.google_status` reads up
# to 4 MiB, which takes a worker a third of a second, once per digest. Twice that is room for what comes.
MAX_BODY_BYTES: Final = 8 * 1024 * 1024

_PREFIX: Final = "sha256/"


class S3Bodies:
    """Whoever reads compares: a body is what its digest says, or nothing."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, body: bytes) -> None:
        """Twice is once: the bytes of a digest are always the same. S3 compares them with the digest too.
        Raises Malfunction(STORE_UNAVAILABLE)."""
        digest = hashlib.sha256(body)
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "put"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=_PREFIX + digest.hexdigest(),
                Body=body,
                ContentType="application/octet-stream",
                ChecksumSHA256=base64.b64encode(digest.digest()).decode("ascii"),
            )

    def read(self, digest: str, *, size: int) -> bytes:
        """The body, which is `size` bytes long. Raises Malfunction(STORE_UNAVAILABLE)."""
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "read"):
            found = self._client.get_object(Bucket=self._bucket, Key=_PREFIX + digest)
            # Before the body: what lies there may be larger than anything that was ever put.
            if found["ContentLength"] != size:
                raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "read: the body is not of its size")
            body = found["Body"].read()
        if hashlib.sha256(body).hexdigest() != digest:
            raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "read: the document is not of its digest")
        return body
