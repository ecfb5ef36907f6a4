"""The confidential part: the verdict as a JWE to the audience's key (docs/wire.md, section 7; RFC 7516, RFC 7518 4.6).

Its length is the same for every verdict, so that the token's length says nothing either.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import rfc8785
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.model.trust import Tier
from chalicelib.model.verdict import Advice, Submodule, Verdict

# Bytes of every plaintext: docs/wire.md, section 7. With it a confidential token stays signable, see token.py.
PLAINTEXT_SIZE = 1_024

_ALGORITHMS = ["ECDH-ES", "A256GCM"]


def encrypt_verdict(verdict: Verdict, *, jti: str, recipient: Mapping[str, str]) -> str:
    """The JWE in compact form. `recipient`: the audience's P-256 public JWK with its `kid`.

    The ephemeral key and the initialisation vector are the library's own randomness: it takes none from outside,
    and a nonce that a caller can choose is a nonce that a caller can repeat.
    Raises Malfunction(CONFIGURATION) for a registered key that is none.
    """
    kid = recipient.get("kid")
    if not kid:
        raise Malfunction(MalfunctionReason.CONFIGURATION, "a confidential audience's key without a kid")
    # joserfc reads `x` and `y` whatever `kty` stands beside them.
    if (recipient.get("kty"), recipient.get("crv")) != ("EC", "P-256"):
        raise Malfunction(MalfunctionReason.CONFIGURATION, "a confidential audience's key that is not P-256")
    try:
        # Only the public members of RFC 7518 section 6.2.1 reach the library, whatever else is registered beside them.
        key = ECKey.import_key({name: recipient[name] for name in ("kty", "crv", "x", "y")})
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": kid}
        return jwe.encrypt_compact(header, plaintext(verdict, jti=jti), key, algorithms=_ALGORITHMS)
    except (JoseError, ValueError, KeyError) as error:
        # Raised `from None`: the library's message may quote the key.
        detail = f"a confidential audience's key is unusable ({type(error).__name__})"
        raise Malfunction(MalfunctionReason.CONFIGURATION, detail) from None


def plaintext(verdict: Verdict, *, jti: str) -> bytes:
    """Exactly `PLAINTEXT_SIZE` bytes: the fullest telling of the verdict that fits, padded with spaces."""
    for telling in _tellings(verdict):
        encoded = rfc8785.dumps({"v": 1, "jti": jti, "ear_status": verdict.tier.ear_status, **telling})
        if len(encoded) <= PLAINTEXT_SIZE:
            return encoded.ljust(PLAINTEXT_SIZE)
    raise Malfunction(MalfunctionReason.TOKEN_SELF_CHECK, "no telling of the verdict fits the confidential part")


def _tellings(verdict: Verdict) -> Iterator[dict[str, Any]]:
    """From everything to the least that still makes a backend act rightly; all but the first say `more`.

    1. everything; 2. fewer and fewer reasons, cut from the end; 3. no reasons and no vectors;
    4. and in place of the advice, its strictest decision for every action: what is left out must never be milder.
    """
    submods = {submodule.format.value: _submod(submodule) for submodule in verdict.submodules}
    advice = {action: _advice(advised) for action, advised in verdict.advice.items()}
    reasons = [reason.value for reason in verdict.reasons]
    yield {"submods": submods, "reasons": reasons, "advice": advice}
    for kept in range(len(reasons) - 1, -1, -1):
        yield {"submods": submods, "reasons": reasons[:kept], "advice": advice, "more": True}
    bare = {submodule.format.value: _status(submodule.tier) for submodule in verdict.submodules}
    yield {"submods": bare, "reasons": [], "advice": advice, "more": True}
    strictest = max((advised.decision for advised in verdict.advice.values()), key=lambda decision: decision.severity)
    yield {"submods": bare, "reasons": [], "advice": {"*": {"decision": strictest.value}}, "more": True}


def _status(tier: Tier) -> dict[str, Any]:
    return {"ear_status": tier.ear_status}


def _submod(submodule: Submodule) -> dict[str, Any]:
    vector = {component.value: value for component, value in submodule.vector.values.items()}
    return {**_status(submodule.tier), "ear_trustworthiness_vector": vector}


def _advice(advised: Advice) -> dict[str, Any]:
    """Empty and absent members are left out."""
    told: dict[str, Any] = {"decision": advised.decision.value}
    if advised.obligations:
        told["obligations"] = [obligation.value for obligation in advised.obligations]
    if advised.acr is not None:
        told["acr"] = advised.acr
    if advised.delay_seconds is not None:
        told["delay"] = list(advised.delay_seconds)
    return told
