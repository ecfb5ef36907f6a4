"""Play Integrity: `open_classic` opens a classic token with the app's own keys, `verify_payload` judges what it, or
Google's decode call, says; `read_secret` reads the keys that a team keeps for both."""

from chalicelib.verifiers.play_integrity.classic import open_classic
from chalicelib.verifiers.play_integrity.secret import ClassicKeys, PlayIntegritySecret, UnusableSecret, read_secret
from chalicelib.verifiers.play_integrity.verdict import LONGEST_AGE, verify_payload

__all__ = [
    "LONGEST_AGE",
    "ClassicKeys",
    "PlayIntegritySecret",
    "UnusableSecret",
    "open_classic",
    "read_secret",
    "verify_payload",
]
