"""The documents that publish the keys, docs/wire.md section 9."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.results.jwks import jwks_document, key_set, openid_configuration
from tests.results.samples import public_jwk

ACTIVE, NEXT, RETIRED = (public_jwk(ec.generate_private_key(ec.SECP256R1())) for _ in range(3))


def test_every_named_key_is_published_with_its_thumbprint_the_active_one_first():
    document = json.loads(jwks_document(key_set(active=ACTIVE, published=(NEXT, ACTIVE, RETIRED))))
    assert [key["kid"] for key in document["keys"]] == [ACTIVE.jkt, NEXT.jkt, RETIRED.jkt]
    assert document["keys"][0] == {**ACTIVE.as_dict(), "kid": ACTIVE.jkt, "alg": "ES256", "use": "sig"}


def test_a_consumers_library_reads_the_document():
    keys = jwt.PyJWKSet.from_json(jwks_document(key_set(active=ACTIVE, published=(ACTIVE, NEXT))).decode())
    assert {key.key_id for key in keys.keys} == {ACTIVE.jkt, NEXT.jkt}


def test_the_same_keys_give_the_same_bytes():
    assert jwks_document(key_set(active=ACTIVE, published=(ACTIVE, NEXT))) == jwks_document(
        key_set(active=ACTIVE, published=(NEXT, ACTIVE))
    )


@pytest.mark.parametrize("published", [(), (NEXT,), (ACTIVE, NEXT, NEXT)], ids=["none", "not the active", "one twice"])
def test_a_set_that_breaks_consumers_is_not_made(published):
    with pytest.raises(Malfunction) as caught:
        key_set(active=ACTIVE, published=published)
    assert caught.value.reason is MalfunctionReason.CONFIGURATION


def test_the_issuers_metadata_names_issuer_and_keys():
    assert openid_configuration(issuer="https://keys.assay.example") == (
        b'{"issuer":"https://keys.assay.example","jwks_uri":"https://keys.assay.example/.well-known/jwks.json"}'
    )
