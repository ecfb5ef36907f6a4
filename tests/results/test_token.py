"""A token leaves only after it was verified against itself."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.model.apps import Audience, AudienceKind
from chalicelib.model.outcome import Malfunction, Refused
from chalicelib.model.reasons import MalfunctionReason, RefusalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Tier, Vector
from chalicelib.model.verdict import Submodule
from chalicelib.results import SigningInput, UncheckedToken, assemble, check_token, claims_for, signing_input
from tests.results.samples import ISSUER, NOW, SigningKey, clear, registration, request, session, verdict


@pytest.fixture
def claims(instance_jwk):
    def make(*, descriptor=None, audience=None, judged=None):
        audience = audience or clear()
        return claims_for(
            judged or verdict(),
            registration=registration(),
            audience=audience,
            descriptor=descriptor or session(audience.name),
            jwk=instance_jwk,
            issuer=ISSUER,
            jti=bytes(16),
            now=NOW,
        )

    return make


@pytest.fixture
def made(claims, signing_key):
    def make(**choices) -> SigningInput:
        prepared = signing_input(claims(**choices), kid=signing_key.jwk.jkt)
        assert isinstance(prepared, SigningInput)
        return prepared

    return make


def test_another_library_verifies_what_leaves(made, signing_key):
    prepared = made()
    token = check_token(assemble(prepared, signing_key.sign(prepared.value)), public_jwk=signing_key.jwk)
    read = jwt.decode(
        token.text,
        key=signing_key.private.public_key(),
        algorithms=["ES256"],
        audience="https://api.bank.example",
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert read == prepared.claims.members
    assert token.expires_in == 300


@pytest.mark.parametrize(
    ("descriptor", "typ"), [(session(), "oauth-client-attestation+jwt"), (request(), "assay-request+jwt")]
)
def test_the_header_is_exactly_typ_alg_and_kid(made, signing_key, descriptor, typ):
    prepared = made(descriptor=descriptor)
    token = check_token(assemble(prepared, signing_key.sign(prepared.value)), public_jwk=signing_key.jwk)
    assert jwt.get_unverified_header(token.text) == {"typ": typ, "alg": "ES256", "kid": signing_key.jwk.jkt}


def test_a_signature_by_another_key_does_not_leave(made, signing_key):
    prepared = made()
    other = SigningKey(ec.generate_private_key(ec.SECP256R1()))
    refuses(assemble(prepared, other.sign(prepared.value)), signing_key.jwk)


def test_a_key_other_than_the_named_one_does_not_check_it(made):
    prepared = made()
    other = SigningKey(ec.generate_private_key(ec.SECP256R1()))
    refuses(assemble(prepared, other.sign(prepared.value)), other.jwk)


def test_a_signature_in_der_does_not_leave(made, signing_key):
    prepared = made()
    der = signing_key.private.sign(prepared.value, ec.ECDSA(hashes.SHA256()))
    refuses(assemble(prepared, der), signing_key.jwk)


@pytest.mark.parametrize(
    "change",
    [
        lambda header, claims: (header, {**claims, "ear_status": "affirming"}),
        lambda header, claims: (header, {**claims, "admin": True}),
        lambda header, claims: (header, {name: value for name, value in claims.items() if name != "cnf"}),
        lambda header, claims: ({**header, "typ": "JWT"}, claims),
        lambda header, claims: ({**header, "jku": "https://evil.example"}, claims),
    ],
    ids=["a claim changed", "a claim added", "a claim missing", "another typ", "a header added"],
)
def test_a_well_signed_token_that_says_something_else_does_not_leave(made, signing_key, change):
    prepared = made()
    header, claims = change(dict(prepared.header), dict(prepared.claims.members))
    value = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    forged = SigningInput(value=value, header=prepared.header, claims=prepared.claims)
    refuses(UncheckedToken(text=assemble(forged, signing_key.sign(value)).text, made_from=prepared), signing_key.jwk)


def refuses(unchecked: UncheckedToken, public_jwk) -> None:
    with pytest.raises(Malfunction) as caught:
        check_token(unchecked, public_jwk=public_jwk)
    assert caught.value.reason is MalfunctionReason.TOKEN_SELF_CHECK
    assert unchecked.text not in str(caught.value)


def longest(recipient, *, htu: int, aud: int):
    audience = Audience(name="https://" + "a" * (aud - 8), kind=AudienceKind.CONFIDENTIAL, encryption_jwk=recipient.jwk)
    descriptor = request(audience.name, htm="P" * 16, htu="https://" + "h" * (htu - 8))
    submodules = tuple(
        Submodule(format=format_, tier=Tier.NONE, vector=Vector())
        for format_ in (Format.APPLE_ATTESTATION, Format.RASP)
    )
    return {"audience": audience, "descriptor": descriptor, "judged": verdict(submodules=submodules)}


def test_a_confidential_request_token_of_ordinary_size_can_be_signed(made, recipient):
    assert len(made(**longest(recipient, htu=128, aud=64)).value) <= 4_096


def test_what_cannot_be_signed_is_refused_before_anybody_signs(claims, recipient, signing_key):
    refused = signing_input(claims(**longest(recipient, htu=512, aud=128)), kid=signing_key.jwk.jkt)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.DESCRIPTOR_INVALID
