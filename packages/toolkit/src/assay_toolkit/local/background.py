"""HTTP servers in threads of this process."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Seconds that stopping a server may take; the standard library's half second adds up over tests.
_POLL = 0.05


class PortInUse(Exception):  # noqa: N818 - a state of the machine, named as people say it
    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is in use")
        self.port = port


class LoopbackServer(ThreadingHTTPServer):
    """On 127.0.0.1 only; a thread per connection. `port` 0: a free one. Raises PortInUse when it is made."""

    # The default of 5 drops connections when tests race with dozens of threads.
    request_queue_size = 128
    daemon_threads = True

    def server_bind(self) -> None:
        try:
            super().server_bind()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortInUse(self.server_address[1]) from error


class QuietHandler(BaseHTTPRequestHandler):
    """HTTP/1.1, each answer in one piece, and no line per request: the app has one."""

    protocol_version = "HTTP/1.1"
    timeout = 10  # seconds of silence after which a client is given up
    # Head and body apart wait 40 ms for each other (Nagle's algorithm and delayed acknowledgements).
    wbufsize = 65_536
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        pass


@contextmanager
def running(server: LoopbackServer, *, name: str) -> Iterator[str]:
    """Inside, `server` answers at the yielded URL; afterwards it is closed."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(_POLL,), name=name, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
