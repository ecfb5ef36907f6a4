"""Verdict → attestation result: claims, signing input, checked token, and the documents that publish the keys.

The order of a token's making is in the types: `TokenClaims` → `SigningInput` → (a signature from elsewhere) →
`UncheckedToken` → `AttestationToken`, and only `check_token` makes the last one.
"""

from chalicelib.results.claims import TokenClaims, claims_for
from chalicelib.results.token import (
    AttestationToken,
    SigningInput,
    UncheckedToken,
    assemble,
    check_token,
    signing_input,
)

__all__ = [
    "AttestationToken",
    "SigningInput",
    "TokenClaims",
    "UncheckedToken",
    "assemble",
    "check_token",
    "claims_for",
    "signing_input",
]
