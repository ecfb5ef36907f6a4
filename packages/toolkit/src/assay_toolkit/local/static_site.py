"""What CloudFront is to the bucket: an origin without a path, in front of public files.

moto serves a bucket below its own name (`/bucket/key`), and an issuer is an origin without path. A bucket's name as a
host name (`bucket.localhost`) would do, but resolves on some machines only.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import quote, urlsplit

_RELAYED: Final = ("Content-Type", "Cache-Control", "ETag", "Last-Modified")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, endpoint: str, bucket: str, port: int) -> None:
        self.origin = urlsplit(endpoint).netloc
        self.bucket = bucket
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10  # seconds of silence
    server: _Server

    def do_GET(self) -> None:
        connection = HTTPConnection(self.server.origin, timeout=10)
        try:
            # Unsigned, as any client's: the query is dropped, as the distribution's cache policy does.
            connection.request("GET", f"/{self.server.bucket}{quote(urlsplit(self.path).path)}")
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:  # S3's XML is of no use to anybody
            body = b""
        self.send_response(response.status)
        for name in _RELAYED:
            if (value := response.getheader(name)) and body:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - named by HTTP

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Nothing: this is a file server."""


@contextmanager
def serving(*, endpoint: str, bucket: str, port: int = 0) -> Iterator[str]:
    """Inside, the bucket's files are readable below the yielded origin, by anybody on this machine."""
    with _Server(endpoint, bucket, port) as server:
        thread = threading.Thread(target=server.serve_forever, name="assay-static", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
