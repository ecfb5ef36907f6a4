"""Android Key Attestation: `verify` makes a `VerifiedAndroidKey` of a certificate chain, or refuses."""

from chalicelib.verifiers.android_key.verifier import verify

__all__ = ["verify"]
