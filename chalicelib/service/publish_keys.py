"""Use case: the public keys and the issuer's metadata go to the static endpoint (docs/wire.md, section 9)."""

from chalicelib.results.jwks import (
    JWKS_PATH,
    OPENID_CONFIGURATION_PATH,
    jwks_document,
    key_set,
    openid_configuration,
)
from chalicelib.service.ports import KeyDirectory, Signer, StaticSite

# docs/wire.md section 9. Lead and lag of keys are counted from it.
CACHE_CONTROL = "public, max-age=300"
_CONTENT_TYPE = "application/json"


class KeyService:
    def __init__(self, *, signer: Signer, keys: KeyDirectory, site: StaticSite, issuer: str) -> None:
        self._signer = signer
        self._keys = keys
        self._site = site
        self._issuer = issuer

    def jwks(self) -> bytes:
        """The document as the API serves its copy. Raises Malfunction(SIGNER_UNAVAILABLE | CONFIGURATION)."""
        return jwks_document(key_set(active=self._signer.public_jwk, published=self._keys.published()))

    def openid_configuration(self) -> bytes:
        return openid_configuration(issuer=self._issuer)

    def publish(self) -> None:
        """Both documents, the keys first: metadata must never name a set that is not there. Raises Malfunction."""
        for path, body in (
            (JWKS_PATH, self.jwks()),
            (OPENID_CONFIGURATION_PATH, self.openid_configuration()),
        ):
            self._site.publish(path=path, body=body, content_type=_CONTENT_TYPE, cache_control=CACHE_CONTROL)
