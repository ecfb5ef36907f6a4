"""The confidential part of docs/wire.md, section 7: only the audience reads it, and nothing else depends on it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe

from chalicelib.model.apps import Audience, AudienceKind
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import AppraisalReason, MalfunctionReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Component, Tier, Vector
from chalicelib.model.verdict import Advice, Decision, Obligation, Submodule
from chalicelib.results import claims_for, signing_input
from chalicelib.results.confidential import plaintext
from tests.results.samples import ISSUER, NOW, registration, session, verdict

JTI = "AAECAwQFBgcICQoLDA0ODw"

advice = st.builds(
    Advice,
    decision=st.sampled_from(Decision),
    obligations=st.lists(st.sampled_from(Obligation), unique=True, max_size=4).map(tuple),
    acr=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    delay_seconds=st.none() | st.tuples(st.integers(0, 60), st.integers(60, 600)),
)
vectors = st.dictionaries(st.sampled_from(Component), st.integers(-128, 127)).map(Vector)


@st.composite
def verdicts(draw):
    """Any verdict over the same two pieces of evidence: which ones were there is no secret of the verdict's."""
    return verdict(
        tier=draw(st.sampled_from(Tier)),
        submodules=tuple(
            Submodule(format=format_, tier=draw(st.sampled_from(Tier)), vector=draw(vectors))
            for format_ in (Format.APPLE_ASSERTION, Format.RASP)
        ),
        reasons=tuple(draw(st.lists(st.sampled_from(AppraisalReason), unique=True))),
        advice={
            "*": draw(advice),
            **draw(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=20), advice, max_size=12)),
        },
    )


@pytest.fixture(scope="session")
def confidential_claims(recipient, instance_jwk):
    audience = Audience(name="https://core.bank.example", kind=AudienceKind.CONFIDENTIAL, encryption_jwk=recipient.jwk)

    def make(judged):
        return claims_for(
            judged,
            registration=registration(),
            audience=audience,
            descriptor=session(audience.name),
            jwk=instance_jwk,
            issuer=ISSUER,
            jti=bytes(range(16)),
            now=NOW,
        )

    return make


def opened(claims, recipient) -> bytes:
    sealed = jwe.decrypt_compact(claims.members["assay_verdict"], recipient.key, algorithms=["ECDH-ES", "A256GCM"])
    return sealed.plaintext


def test_the_audience_reads_the_verdict(confidential_claims, recipient):
    sealed = opened(confidential_claims(verdict()), recipient)
    assert len(sealed) == 1_024
    assert json.loads(sealed) == {
        "v": 1,
        "jti": JTI,
        "ear_status": "warning",
        "submods": {
            "android_key": {"ear_status": "warning", "ear_trustworthiness_vector": {"hardware": 32}},
            "rasp": {"ear_status": "affirming", "ear_trustworthiness_vector": {"executables": 2}},
        },
        "reasons": ["android_patch_level_old"],
        "advice": {
            "*": {"decision": "allow"},
            "transfer": {"decision": "step_up", "obligations": ["notify"], "acr": "phr", "delay": [1, 5]},
        },
    }


def test_the_header_is_the_contracts(confidential_claims, recipient):
    sealed = jwe.decrypt_compact(
        confidential_claims(verdict()).members["assay_verdict"], recipient.key, algorithms=["ECDH-ES", "A256GCM"]
    )
    assert {name: value for name, value in sealed.protected.items() if name != "epk"} == {
        "alg": "ECDH-ES",
        "enc": "A256GCM",
        "kid": "bank-2026",
    }
    assert sealed.protected["epk"].keys() == {"kty", "crv", "x", "y"}


@settings(max_examples=60, deadline=None)
@given(one=verdicts(), other=verdicts())
def test_nothing_outside_depends_on_the_verdict(confidential_claims, one, other):
    first, second = confidential_claims(one), confidential_claims(other)
    outside = [
        {name: value for name, value in made.members.items() if name != "assay_verdict"} for made in (first, second)
    ]
    assert outside[0] == outside[1]
    assert outside[0]["ear_status"] == "none"
    assert {submod["ear_status"] for submod in outside[0]["submods"].values()} == {"none"}
    assert len(signing_input(first, kid="k" * 43).value) == len(signing_input(second, kid="k" * 43).value)


@settings(max_examples=200, deadline=None)
@given(judged=verdicts())
def test_the_plaintext_always_fits_and_never_says_something_milder(judged):
    sealed = plaintext(judged, jti=JTI)
    assert len(sealed) == 1_024
    told = json.loads(sealed)
    assert told["ear_status"] == judged.tier.ear_status
    assert told["reasons"] == [reason.value for reason in judged.reasons][: len(told["reasons"])]
    whole = len(told["reasons"]) == len(judged.reasons)
    order = list(Decision)
    for action, advised in judged.advice.items():
        heard = told["advice"].get(action, told["advice"]["*"])
        assert order.index(Decision(heard["decision"])) >= order.index(advised.decision)
    if not told.get("more"):
        assert whole
        assert told["advice"].keys() == judged.advice.keys()


def test_reasons_are_cut_from_the_end_first():
    reasons = tuple(AppraisalReason) * 3  # more than any policy can give
    told = json.loads(plaintext(verdict(reasons=reasons), jti=JTI))
    assert told["more"] is True
    assert 10 < len(told["reasons"]) < len(reasons)
    assert told["reasons"] == [reason.value for reason in reasons[: len(told["reasons"])]]
    assert told["submods"]["rasp"]["ear_trustworthiness_vector"] == {"executables": 2}
    assert told["advice"].keys() == {"*", "transfer"}


def test_what_still_does_not_fit_is_replaced_by_the_strictest_advice():
    many = {f"action-{number:02}": Advice(decision=Decision.STEP_UP, acr="a" * 30) for number in range(20)}
    judged = verdict(advice={"*": Advice(decision=Decision.ALLOW), "close": Advice(decision=Decision.DENY), **many})
    told = json.loads(plaintext(judged, jti=JTI))
    assert told["advice"] == {"*": {"decision": "deny"}}
    assert told["more"] is True
    assert told["ear_status"] == "warning"


@pytest.mark.parametrize(
    "damage",
    [{"kid": ""}, {"x": "AA"}, {"crv": "P-384"}, {"kty": "RSA"}, {"y": None}],
    ids=["no kid", "short x", "another curve", "another type", "no y"],
)
def test_a_registered_key_that_is_none_is_our_fault_not_the_phones(recipient, instance_jwk, damage):
    broken = {name: value for name, value in {**recipient.jwk, **damage}.items() if value is not None}
    audience = Audience(name="https://core.bank.example", kind=AudienceKind.CONFIDENTIAL, encryption_jwk=broken)
    with pytest.raises(Malfunction) as caught:
        claims_for(
            verdict(),
            registration=registration(),
            audience=audience,
            descriptor=session(audience.name),
            jwk=instance_jwk,
            issuer=ISSUER,
            jti=bytes(16),
            now=NOW,
        )
    assert caught.value.reason is MalfunctionReason.CONFIGURATION
