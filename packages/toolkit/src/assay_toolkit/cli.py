"""The `assay` command. Each subcommand lives in its own module and is loaded only when it is asked for."""

import click

from assay_toolkit.lazy_group import LazyGroup

_COMMANDS = {
    "app": "assay_toolkit.register:app",
    "audience": "assay_toolkit.onboarding.audience_command:audience",
    "demo": "assay_toolkit.demo.command:demo",
    "doctor": "assay_toolkit.doctor:doctor",
    "endorsements": "assay_toolkit.endorsements:endorsements",
    "explain": "assay_toolkit.explain:explain",
    "instance": "assay_toolkit.instances:instance",
    "policy": "assay_toolkit.policy:policy",
    "serve": "assay_toolkit.local.serve:serve",
    "simulate": "assay_toolkit.simulator.command:simulate",
    "verify-vectors": "assay_toolkit.vectors:verify_vectors",
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
@click.version_option(package_name="assay-toolkit")
def main() -> None:
    """Run, feed and examine Assay, a mobile app attestation service in your own AWS account."""
