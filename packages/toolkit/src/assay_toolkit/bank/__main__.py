"""`python -m assay_toolkit.bank`: the demo bank as a process of its own, on this machine only."""

import json
import socket
from pathlib import Path

import click
import uvicorn

from assay_rp import ConfidentialKeys, InMemoryReplayStore, JwksCache, Verifier
from assay_toolkit.bank.app import build_bank
from assay_toolkit.bank.ledger import Ledger

_HOST = "127.0.0.1"


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=0, show_default=True, help="0 takes a free one.")
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help='Written when the port listens: {"origin", "port"}.',
)
@click.option("--issuer", required=True, help="`iss` of the tokens to accept.")
@click.option("--jwks-url", required=True, help="Where the issuer publishes its keys.")
@click.option("--audience", required=True, help="`aud` of the tokens to accept.")
@click.option(
    "--confidential-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The audience's private JWK. Without it, the bank goes by tiers alone.",
)
def main(
    *,
    port: int,
    ready_file: Path | None,
    issuer: str,
    jwks_url: str,
    audience: str,
    confidential_key: Path | None,
) -> None:
    """Run a small bank that believes in attestation tokens."""
    keys = ConfidentialKeys([json.loads(confidential_key.read_text(encoding="utf-8"))]) if confidential_key else None
    ledger = Ledger()
    verifier = Verifier(
        issuer=issuer,
        audience=audience,
        jwks=JwksCache(url=jwks_url),
        confidential_keys=keys,
        replay=InMemoryReplayStore(capacity=10_000),
        clock=ledger.now,
    )
    # The protocol is named because asyncio switches Nagle's algorithm off only then: 40 ms that are not the check's.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen()
        taken = listener.getsockname()[1]
        origin = f"http://{_HOST}:{taken}"
        bank = build_bank(verifier=verifier, ledger=ledger, public_origin=origin, confidential=keys is not None)
        server = uvicorn.Server(
            uvicorn.Config(bank, lifespan="off", log_level="warning", access_log=False, server_header=False)
        )
        if ready_file is not None:
            # Renamed into place, so that nobody reads half of it. The port listens already: whoever connects before
            # the server accepts waits in the backlog.
            unfinished = ready_file.with_name(ready_file.name + ".tmp")
            unfinished.write_text(json.dumps({"origin": origin, "port": taken}), encoding="utf-8")
            unfinished.replace(ready_file)
        click.echo(f"bank on {origin}")
        server.run(sockets=[listener])


if __name__ == "__main__":
    main()
