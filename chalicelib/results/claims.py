"""The attestation token's claims (docs/wire.md, section 6; names of draft-ietf-rats-ear-04)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib import __version__
from chalicelib.model.apps import AppRegistration, Audience, AudienceKind
from chalicelib.model.descriptor import Descriptor, TokenKind
from chalicelib.model.keys import EcPublicJwk, b64url
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.model.trust import Tier
from chalicelib.model.verdict import Verdict
from chalicelib.results.confidential import encrypt_verdict

# Longest lifetimes, in seconds: docs/wire.md, section 6. A registration may ask for less.
SESSION_LIFETIME = 300
REQUEST_LIFETIME = 60

# Names this contract's version of claims, as RFC 9711 section 6 wants it of every profile.
EAT_PROFILE = "urn:uuid:6f3d7a3c-0f6b-5a55-9d0e-8a4e6a1c7b01"

# The audience of a token that its gateway must not accept. No audience has this name: the contract's grammar knows
# no space. It does not contain the gateway's name either, so a careless comparison (prefix, split at spaces) fails too.
BELOW_MINIMUM_TIER = "below minimum tier"

# `none` is absent: nothing to say is as good as no token, and a gateway that asked for it asked for nothing.
_ACCEPTED: Mapping[Tier, frozenset[Tier]] = {
    Tier.AFFIRMING: frozenset({Tier.AFFIRMING}),
    Tier.WARNING: frozenset({Tier.AFFIRMING, Tier.WARNING}),
    Tier.CONTRAINDICATED: frozenset({Tier.AFFIRMING, Tier.WARNING, Tier.CONTRAINDICATED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """What a token is to say. `lifetime` in seconds."""

    kind: TokenKind
    jti: str
    lifetime: int
    members: Mapping[str, Any]


def claims_for(
    verdict: Verdict,
    *,
    registration: AppRegistration,
    audience: Audience,
    descriptor: Descriptor,
    jwk: EcPublicJwk,
    issuer: str,
    jti: bytes,
    now: datetime,
) -> TokenClaims:
    """The claims of the token that `descriptor` asked for.

    `jwk` is the proven instance key, `issuer` the static endpoint's origin, `jti` 16 random bytes.
    Raises Malfunction(CONFIGURATION) for an audience whose registration contradicts its kind.
    """
    token_id = b64url(jti)
    issued_at = int(now.timestamp())
    longest = SESSION_LIFETIME if descriptor.token is TokenKind.SESSION else REQUEST_LIFETIME
    lifetime = min(longest, registration.token_lifetime)
    members: dict[str, Any] = {
        "iss": issuer,
        "aud": _audience_claim(verdict.tier, audience=audience),
        "sub": registration.app,
        "jti": token_id,
        "iat": issued_at,
        "exp": issued_at + lifetime,
        "cnf": {"jwk": jwk.as_dict()},
        "eat_profile": EAT_PROFILE,
        "ear_verifier_id": {"developer": "Assay", "build": f"assay {__version__}"},
        **_verdict_members(verdict, audience=audience, token_id=token_id),
    }
    if descriptor.token is TokenKind.REQUEST:
        request = {
            "htm": descriptor.htm,
            "htu": descriptor.htu,
            "query_digest": descriptor.query_digest,
            "content_digest": descriptor.content_digest,
        }
        members.update({name: value for name, value in request.items() if value is not None})
    return TokenClaims(kind=descriptor.token, jti=token_id, lifetime=lifetime, members=members)


def _audience_claim(tier: Tier, *, audience: Audience) -> str:
    if audience.kind is not AudienceKind.GATEWAY:
        return audience.name
    accepted = _ACCEPTED.get(audience.minimum_tier) if audience.minimum_tier else None
    if accepted is None:
        raise Malfunction(MalfunctionReason.CONFIGURATION, "a gateway audience without a minimum tier")
    return audience.name if tier in accepted else BELOW_MINIMUM_TIER


def _verdict_members(verdict: Verdict, *, audience: Audience, token_id: str) -> dict[str, Any]:
    """`ear_status`, `submods` and, for a confidential audience, the JWE that alone says what they were."""
    confidential = audience.kind is AudienceKind.CONFIDENTIAL
    members: dict[str, Any] = {
        "ear_status": _shown(verdict.tier, confidential=confidential),
        "submods": {
            submodule.format.value: {
                "ear_status": _shown(submodule.tier, confidential=confidential),
                "ear_appraisal_policy_ids": [verdict.policy_id],
            }
            for submodule in verdict.submodules
        },
    }
    if confidential:
        if audience.encryption_jwk is None:
            raise Malfunction(MalfunctionReason.CONFIGURATION, "a confidential audience without a key")
        members["assay_verdict"] = encrypt_verdict(verdict, jti=token_id, recipient=audience.encryption_jwk)
    return members


def _shown(tier: Tier, *, confidential: bool) -> str:
    return Tier.NONE.ear_status if confidential else tier.ear_status
