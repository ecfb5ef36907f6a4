"""Policy as data, and the pure function that applies it: claims, policy and endorsements in, a verdict out."""

from chalicelib.appraisal.appraiser import appraise
from chalicelib.appraisal.load import PolicyInvalid, load_policy
from chalicelib.appraisal.policy import Admission, Policy

__all__ = ["Admission", "Policy", "PolicyInvalid", "appraise", "load_policy"]
