"""moto's server on a free loopback port, and an environment that points botocore at it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer

from assay_toolkit.local.moto_lock import atomic_dynamodb

REGION: Final = "eu-central-1"

# moto asks for no signature and checks none.
_CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
_NOT_OURS: Final = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE")


def environment(endpoint: str) -> dict[str, str]:
    """What a process needs in its environment to speak to the local AWS: for the AWS CLI and `assay policy` too."""
    return {"AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": REGION, **_CREDENTIALS}


@contextmanager
def local_aws() -> Iterator[str]:
    """Inside, an empty AWS answers at the yielded endpoint, and this process's botocore knows no other.

    moto keeps its state per process: there is one local AWS at a time.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line per request on standard error
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with atomic_dynamodb():
        server.start()
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        try:
            with patch.dict(os.environ, environment(endpoint)):
                for name in _NOT_OURS:
                    os.environ.pop(name, None)
                _reset(endpoint)
                yield endpoint
        finally:
            server.stop()
            if server._server is not None:  # noqa: SLF001 - `stop` leaves the listening socket open
                server._server.server_close()  # noqa: SLF001 - as above


def _reset(endpoint: str) -> None:
    """moto's own control interface: forget everything that an earlier local AWS of this process held."""
    with urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")):  # noqa: S310 - loopback
        pass
