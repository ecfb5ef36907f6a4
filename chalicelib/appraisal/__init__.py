"""Policy as data, and the pure function that applies it: claims, policy and endorsements in, a verdict out."""

from chalicelib.appraisal.appraiser import appraise, daily_unattested
from chalicelib.appraisal.history import Limits
from chalicelib.appraisal.load import PolicyInvalid, load_policy
from chalicelib.appraisal.policy import Admission, Policy

__all__ = ["Admission", "Limits", "Policy", "PolicyInvalid", "appraise", "daily_unattested", "load_policy"]
