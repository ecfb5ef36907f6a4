"""`assay verify-vectors`: run the verifiers over a folder of recorded evidence."""

from assay_toolkit.vectors.command import verify_vectors

__all__ = ["verify_vectors"]
