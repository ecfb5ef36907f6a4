"""RASP reports: what an app's self-protection says of the phone and of itself (docs/wire.md section 10)."""

from chalicelib.verifiers.rasp.report import verify_report

__all__ = ["verify_report"]
