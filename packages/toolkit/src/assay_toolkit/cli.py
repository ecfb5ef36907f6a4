"""The `assay` command. Each subcommand lives in its own module and is loaded only when it is asked for."""

import importlib

import click

_COMMANDS = {
    "app": "assay_toolkit.register:app",
    "demo": "assay_toolkit.demo.command:demo",
    "endorsements": "assay_toolkit.endorsements:endorsements",
    "instance": "assay_toolkit.instances:instance",
    "policy": "assay_toolkit.policy:policy",
    "serve": "assay_toolkit.local.serve:serve",
    "simulate": "assay_toolkit.simulator.command:simulate",
    "verify-vectors": "assay_toolkit.vectors:verify_vectors",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{_COMMANDS[cmd_name]} is not a command")
        return command


@click.command(cls=_LazyGroup)
@click.version_option(package_name="assay-toolkit")
def main() -> None:
    """Run, feed and examine Assay, a mobile app attestation service in your own AWS account."""
