"""Apple App Attest: attestations (enrolment), assertions (renewal), and the receipts that carry the risk metric."""

from chalicelib.verifiers.app_attest.assertion import verify_assertion
from chalicelib.verifiers.app_attest.attestation import verify_attestation
from chalicelib.verifiers.app_attest.receipt import verify_receipt

__all__ = ["verify_assertion", "verify_attestation", "verify_receipt"]
