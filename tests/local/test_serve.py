"""`assay serve` where it cannot start."""

import signal
import socket

import pytest
from click.testing import CliRunner

from assay_toolkit.cli import main


@pytest.fixture
def _process_as_it_was(monkeypatch):
    """The command sets both for the process that it usually has to itself."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_process_as_it_was")
@pytest.mark.parametrize("option", ["--port", "--static-port"])
def test_a_port_in_use_is_a_sentence(option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["serve", "--port", "0", option, str(port)])
    assert result.exit_code == 1
    assert result.stderr == f"Error: port {port} is in use; {option} 0 takes a free one\n"
