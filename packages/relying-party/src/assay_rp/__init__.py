"""Verify Assay attestation tokens offline, with the request that carries them, and act on the verdict.

`Verifier` proves a request, `decide` judges it by a route's rule, `AttestationMiddleware` does both in front of an ASGI
app. What fails raises a subclass of `AssayError`; the whole hierarchy is drawn in `assay_rp.errors`.
"""

from assay_rp._fetch import FetchedJwks, Fetcher, FetchFailed, HttpFetcher
from assay_rp._jwk import PublicKey
from assay_rp.asgi import AcrCheck, AttestationMiddleware, Outcome, Reporter
from assay_rp.confidential import ConfidentialKeys
from assay_rp.decisions import (
    Judgement,
    Mode,
    RouteRule,
    Source,
    TierRule,
    UnprotectedRoute,
    decide,
)
from assay_rp.errors import AssayError, Refusal, Unavailable
from assay_rp.jwks import JwksCache, KeySource
from assay_rp.replay import InMemoryReplayStore, ReplayKey, ReplayStore, Use
from assay_rp.tokens import (
    Advice,
    ConfidentialVerdict,
    Decision,
    Obligation,
    RequestBinding,
    SubmittedRequest,
    Submodule,
    Tier,
    TokenKind,
    VerifiedRequest,
    VerifiedToken,
)
from assay_rp.verifier import Verifier

__all__ = [
    "AcrCheck",
    "Advice",
    "AssayError",
    "AttestationMiddleware",
    "ConfidentialKeys",
    "ConfidentialVerdict",
    "Decision",
    "FetchFailed",
    "FetchedJwks",
    "Fetcher",
    "HttpFetcher",
    "InMemoryReplayStore",
    "Judgement",
    "JwksCache",
    "KeySource",
    "Mode",
    "Obligation",
    "Outcome",
    "PublicKey",
    "Refusal",
    "ReplayKey",
    "ReplayStore",
    "Reporter",
    "RequestBinding",
    "RouteRule",
    "Source",
    "SubmittedRequest",
    "Submodule",
    "Tier",
    "TierRule",
    "TokenKind",
    "Unavailable",
    "UnprotectedRoute",
    "Use",
    "VerifiedRequest",
    "VerifiedToken",
    "Verifier",
    "decide",
]
