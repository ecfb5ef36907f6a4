"""Apple App Attest: attestations (enrolment) and assertions (renewal)."""

from chalicelib.verifiers.app_attest.assertion import verify_assertion
from chalicelib.verifiers.app_attest.attestation import verify_attestation

__all__ = ["verify_assertion", "verify_attestation"]
