"""`assay serve`: the local stack, kept running, and how to reach it."""

import json
import os
import shlex
import signal
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import click

from assay_toolkit.local import control
from assay_toolkit.local.background import PortInUse
from assay_toolkit.local.stack import LocalStack, local_stack

# Powertools prints metrics for CloudWatch on standard output, which is for people here.
_NO_METRICS: Final = "POWERTOOLS_METRICS_DISABLED"


@click.command()
@click.option("--port", default=8000, show_default=True, help="Where Assay listens on loopback; 0: a free port.")
@click.option("--static-port", default=0, help="Where the keys are published; 0: a free port.")
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write how to reach it here, as JSON, once everything answers.",
)
@click.option(
    "--audience-key",
    "audience_keys",
    type=(str, str, click.Path(path_type=Path, dir_okay=False, exists=True)),
    multiple=True,
    metavar="APP AUDIENCE FILE",
    help="Use the public JWK in FILE for this confidential audience.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write log lines and decision records here instead of to standard error.",
)
def serve(
    port: int,
    static_port: int,
    ready_file: Path | None,
    audience_keys: tuple[tuple[str, str, Path], ...],
    log: Path | None,
) -> None:
    """Run Assay on this machine, with moto in place of AWS, until interrupted."""
    os.environ[_NO_METRICS] = "true"
    keys = {(app, audience): json.loads(file.read_text(encoding="utf-8")) for app, audience, file in audience_keys}
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopped.set())
    try:
        with (
            nullcontext(sys.stderr) if log is None else log.open("a", encoding="utf-8") as stream,
            local_stack(log=stream, port=port, static_port=static_port, audience_keys=keys) as stack,
            control.serving(stack.clock, stack.vendors) as control_url,
        ):
            if ready_file is not None:
                _write_whole(ready_file, json.dumps(reachable(stack, control_url=control_url), indent=2) + "\n")
            for line in directions(stack, control_url=control_url):
                click.echo(line)
            stopped.wait()
    except PortInUse as error:
        option = "--port" if error.port == port else "--static-port"
        raise click.ClickException(f"{error}; {option} 0 takes a free one") from None


def reachable(stack: LocalStack, *, control_url: str) -> dict[str, object]:
    """What another process needs: `service`, `control`, `issuer`, `jwks`, the local AWS, an operator's environment."""
    return {
        "service": stack.url,
        "control": control_url,
        "issuer": stack.issuer,
        "jwks": f"{stack.issuer}/.well-known/jwks.json",
        "aws": stack.endpoint,
        "environment": stack.operator_environment,
    }


def directions(stack: LocalStack, *, control_url: str) -> list[str]:
    exports = [f"  export {name}={shlex.quote(value)}" for name, value in stack.operator_environment.items()]
    return [
        f"Assay listens at {stack.url}",
        f"Its keys are at   {stack.issuer}/.well-known/jwks.json (iss: {stack.issuer})",
        "",
        "In another shell, the `assay` command:",
        f"  export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH",
        "",
        "A phone:",
        f"  assay simulate android --service {stack.url} --app demo-bank --audience https://api.bank.example",
        "",
        "Ten minutes later:",
        f"  curl {control_url}/clock --data '{{\"seconds\": 600}}'",
        "",
        "An outage of Google's decode call (null ends it):",
        f'  curl {control_url}/vendors --data \'{{"play_integrity": "broken"}}\'',
        "",
        "For `assay policy`, `assay app`, `assay endorsements` and the AWS CLI:",
        *exports,
        "",
        "Interrupt it to stop; nothing is kept.",
    ]


def _write_whole(file: Path, text: str) -> None:
    """A reader sees nothing or everything."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)
