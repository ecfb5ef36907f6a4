"""The documents that publish the signing keys: JWKS (RFC 7517) and the issuer's metadata (docs/wire.md, section 9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785

from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason

JWKS_PATH = "/.well-known/jwks.json"
OPENID_CONFIGURATION_PATH = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """The keys in publication. `active` signs; `others` are the next one, published ahead, and the retired ones.

    Which is which among the others makes no difference to a consumer: it verifies with whatever `kid` it finds.
    What the configuration names is what is published, and removing a name is how a key ends.
    """

    active: EcPublicJwk
    others: tuple[EcPublicJwk, ...]


def key_set(*, active: EcPublicJwk, published: Sequence[EcPublicJwk]) -> KeySet:
    """Raises Malfunction(CONFIGURATION) where the key that signs is not published, or a key stands there twice."""
    kids = [jwk.jkt for jwk in published]
    if active.jkt not in kids:
        raise Malfunction(MalfunctionReason.CONFIGURATION, "the signing key is not among the published keys")
    if len(set(kids)) != len(kids):
        raise Malfunction(MalfunctionReason.CONFIGURATION, "a key is published twice")
    return KeySet(active=active, others=tuple(jwk for jwk in published if jwk.jkt != active.jkt))


def jwks_document(keys: KeySet) -> bytes:
    """RFC 8785 bytes: the same keys give the same document, whoever publishes it."""
    return rfc8785.dumps({"keys": [_published(jwk) for jwk in (keys.active, *keys.others)]})


def openid_configuration(*, issuer: str) -> bytes:
    """OpenID Connect Discovery 1.0, the two members that gateways look up keys with. Assay is no OpenID provider."""
    return rfc8785.dumps({"issuer": issuer, "jwks_uri": issuer + JWKS_PATH})


def _published(jwk: EcPublicJwk) -> dict[str, Any]:
    """`kid`: the RFC 7638 thumbprint."""
    return {**jwk.as_dict(), "kid": jwk.jkt, "alg": "ES256", "use": "sig"}
