"""Claims are those of docs/wire.md, section 6."""

import json
from pathlib import Path

import pytest

import chalicelib
from chalicelib.model.apps import Audience, AudienceKind
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.model.trust import Tier
from chalicelib.results import claims_for
from tests.results.samples import ISSUER, NOW, POLICY_ID, clear, gateway, registration, request, session, verdict

WIRE = (Path(__file__).resolve().parents[2] / "docs" / "wire.md").read_text()


@pytest.fixture
def claims(instance_jwk):
    def make(*, judged=None, audience=None, descriptor=None, registered=None):
        audience = audience or clear()
        return claims_for(
            judged or verdict(),
            registration=registered or registration(),
            audience=audience,
            descriptor=descriptor or session(audience.name),
            jwk=instance_jwk,
            issuer=ISSUER,
            jti=bytes(range(16)),
            now=NOW,
        )

    return make


def test_a_clear_session_token_says_tiers_and_nothing_finer(claims, instance_jwk):
    assert claims().members == {
        "iss": ISSUER,
        "aud": "https://api.bank.example",
        "sub": "bank",
        "jti": "AAECAwQFBgcICQoLDA0ODw",
        "iat": 1772600767,
        "exp": 1772601067,
        "cnf": {"jwk": instance_jwk.as_dict()},
        "eat_profile": "urn:uuid:6f3d7a3c-0f6b-5a55-9d0e-8a4e6a1c7b01",
        "ear_verifier_id": {"developer": "Assay", "build": f"assay {chalicelib.__version__}"},
        "ear_status": "warning",
        "submods": {
            "android_key": {"ear_status": "warning", "ear_appraisal_policy_ids": [POLICY_ID]},
            "rasp": {"ear_status": "affirming", "ear_appraisal_policy_ids": [POLICY_ID]},
        },
    }


def test_the_profile_is_the_one_of_the_contract(claims):
    assert f"| `eat_profile` | `{claims().members['eat_profile']}` |" in WIRE


@pytest.mark.parametrize(
    ("registered", "asked", "expected"),
    [(300, session, 300), (120, session, 120), (900, session, 300), (300, request, 60), (30, request, 30)],
)
def test_the_lifetime_is_the_shorter_of_kind_and_registration(claims, registered, asked, expected):
    made = claims(registered=registration(token_lifetime=registered), descriptor=asked())
    assert made.lifetime == expected
    assert made.members["exp"] - made.members["iat"] == expected


def test_a_request_token_names_its_request(claims):
    members = claims(descriptor=request()).members
    assert {name: members[name] for name in ("htm", "htu", "query_digest", "content_digest")} == {
        "htm": "POST",
        "htu": "https://api.bank.example/transfers",
        "query_digest": "q" * 43,
        "content_digest": "c" * 43,
    }


def test_a_request_token_leaves_out_digests_of_nothing(claims):
    members = claims(descriptor=request(query_digest=None, content_digest=None)).members
    assert members.keys() & {"query_digest", "content_digest"} == set()


@pytest.mark.parametrize(
    ("minimum", "accepted"),
    [
        (Tier.AFFIRMING, {Tier.AFFIRMING}),
        (Tier.WARNING, {Tier.AFFIRMING, Tier.WARNING}),
        (Tier.CONTRAINDICATED, {Tier.AFFIRMING, Tier.WARNING, Tier.CONTRAINDICATED}),
    ],
)
def test_a_gateway_gets_a_token_of_its_name_from_its_minimum_tier_upwards_only(claims, minimum, accepted):
    audience = gateway(minimum)
    got = {
        tier for tier in Tier if claims(judged=verdict(tier=tier), audience=audience).members["aud"] == audience.name
    }
    assert got == accepted


def test_below_the_minimum_tier_the_audience_is_one_that_nobody_can_register_or_mistake(claims):
    audience = gateway(Tier.AFFIRMING)
    other = claims(judged=verdict(tier=Tier.NONE), audience=audience).members["aud"]
    assert " " in other  # the grammar of `aud` in section 3 has no space
    assert audience.name not in other


@pytest.mark.parametrize(
    "audience",
    [gateway(None), gateway(Tier.NONE), Audience(name="https://c.example", kind=AudienceKind.CONFIDENTIAL)],
    ids=["gateway without tier", "gateway that asks for none", "confidential without key"],
)
def test_an_audience_that_contradicts_itself_gets_no_token(claims, audience):
    with pytest.raises(Malfunction) as caught:
        claims(audience=audience)
    assert caught.value.reason is MalfunctionReason.CONFIGURATION


def test_no_claim_is_anything_but_json(claims):
    members = dict(claims(descriptor=request()).members)
    assert json.loads(json.dumps(members)) == members
