"""HTTP servers in threads of this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer


class LoopbackServer(ThreadingHTTPServer):
    """On 127.0.0.1 only; a thread per connection. `port` 0: a free one."""

    # The default of 5 drops connections when tests race with dozens of threads.
    request_queue_size = 128
    daemon_threads = True


@contextmanager
def running(server: LoopbackServer, *, name: str) -> Iterator[str]:
    """Inside, `server` answers at the yielded URL; afterwards it is closed."""
    with server:
        thread = threading.Thread(target=server.serve_forever, name=name, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
