"""What CloudFront is to the bucket: an origin without a path, in front of files that it alone may read.

The bucket is private here as on AWS (`infra/data.yaml`): this server signs its reads, as the distribution's origin
access control does, and anybody may read from this server. It is also why nothing reads moto's S3 directly: an issuer
is an origin without path, and moto takes an unsigned `…/.well-known/jwks.json` for Cognito's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from assay_toolkit.local.background import LoopbackServer, QuietHandler, running

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class _Server(LoopbackServer):
    def __init__(self, s3: "S3Client", bucket: str, port: int) -> None:
        self.s3 = s3
        self.bucket = bucket
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(QuietHandler):
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 - named by HTTP
        # Without the query: the distribution's cache policy drops it.
        key = unquote(urlsplit(self.path).path).removeprefix("/")
        try:
            found = self.server.s3.get_object(Bucket=self.server.bucket, Key=key) if key else None
        except self.server.s3.exceptions.NoSuchKey:
            found = None
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, {}, b"")
            return
        headers = {
            "Content-Type": found["ContentType"],
            "Cache-Control": found.get("CacheControl", "no-store"),
            "ETag": found["ETag"],
            "Last-Modified": format_datetime(found["LastModified"].astimezone(UTC), usegmt=True),
        }
        self._send(HTTPStatus.OK, headers, found["Body"].read())

    do_HEAD = do_GET  # noqa: N815 - named by HTTP

    def _send(self, status: HTTPStatus, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serving(*, s3: "S3Client", bucket: str, port: int = 0) -> Iterator[str]:
    """Inside, the bucket's files are readable below the yielded origin, by anybody on this machine."""
    with running(_Server(s3, bucket, port), name="assay-static") as origin:
        yield origin
