"""What a phone submits: its body decoded, and the proof that ties everything in it together (docs/wire.md, 1 to 4)."""

from chalicelib.verifiers.submission.binding import binding, canonical_descriptor
from chalicelib.verifiers.submission.decode import decode_challenge_request, decode_submission
from chalicelib.verifiers.submission.proof import verify_proof

__all__ = ["binding", "canonical_descriptor", "decode_challenge_request", "decode_submission", "verify_proof"]
