"""Assay: mobile app attestation in your own AWS account."""

__version__ = "0.1.0"
