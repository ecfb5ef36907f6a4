"""The confidential part (docs/wire.md section 7)."""

import json

import pytest
from joserfc.jwk import ECKey

from assay_rp import Advice, ConfidentialKeys, Decision, Tier, TokenKind, errors


def verify(world, token, **options):
    keys = options.pop("confidential_keys", None) or world.confidential_keys()
    return world.verifier(confidential_keys=keys, **options).verify_without_proof_of_possession(token)


def test_the_verdict_comes_out_whole(world):
    verified = verify(world, world.confidential_token())

    assert verified.tier is Tier.WARNING
    assert verified.clear_tier is Tier.NONE
    assert verified.confidential.reasons == ("rasp_developer_mode",)
    assert not verified.confidential.more_reasons
    assert verified.confidential.submodules["rasp"].vector == {"runtime-opaque": 33}
    assert verified.advice == {
        "transfer": Advice(decision=Decision.STEP_UP, obligations=("notify",), acr="urn:bank:acr:code"),
        "browse": Advice(decision=Decision.DELAY, delay_seconds=(3, 5)),
        "*": Advice(decision=Decision.ALLOW),
    }


def test_request_tokens_carry_one_too(world):
    verifier = world.verifier(confidential_keys=world.confidential_keys())
    token = world.confidential_token(TokenKind.REQUEST, **world.request_members())
    assert verifier.verify(world.submit(token), accept=TokenKind.REQUEST).token.tier is Tier.WARNING


def test_without_a_key_the_outer_none_is_all_there_is(world):
    verified = world.verifier().verify_without_proof_of_possession(world.confidential_token())
    assert verified.tier is Tier.NONE
    assert verified.advice is None


def test_with_keys_a_clear_verdict_is_no_verdict(world):
    with pytest.raises(errors.ConfidentialPartMissing):
        verify(world, world.token())


def test_the_part_of_another_token_is_refused(world):
    stolen = world.encrypted(world.verdict("another-token"))
    with pytest.raises(errors.ConfidentialPartInvalid, match="another token"):
        verify(world, world.confidential_token(assay_verdict=stolen))


@pytest.mark.parametrize(
    "header",
    [{"alg": "ECDH-ES+A128KW"}, {"enc": "A128GCM"}, {"zip": "DEF"}, {"apu": "QQ"}, {"cty": "JWT"}],
    ids=lambda header: next(iter(header)),
)
def test_algorithms_come_from_configuration_and_nothing_is_inflated(world, header):
    with pytest.raises(errors.ConfidentialPartInvalid):
        verify(world, world.confidential_token(jwe_options={"header": header}))


@pytest.mark.parametrize("size", [1_023, 1_025, 2_048, 0])
def test_the_plaintext_has_its_one_size(world, size):
    with pytest.raises(errors.ConfidentialPartInvalid, match=r"1,024 bytes|longer than"):
        verify(world, world.confidential_token(jwe_options={"padded_to": size}))


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": True},
        {"advice": {}},
        {"advice": {"transfer": {"decision": "allow"}}},
        {"advice": {"*": {"decision": "maybe"}}},
        {"advice": {"*": {}}},
        {"advice": {"*": {"decision": "delay", "delay": [5, 3]}}},
        {"advice": {"*": {"decision": "delay", "delay": [5]}}},
        {"advice": {"*": {"decision": "step_up", "acr": 'a", error="b'}}},
        {"advice": {"*": {"decision": "step_up", "acr": "a\r\nSet-Cookie: b"}}},
        {"advice": {"*": {"decision": "allow", "obligations": "notify"}}},
        {"reasons": "rasp_rooted"},
        {"submods": {"rasp": {"ear_trustworthiness_vector": {"runtime-opaque": "33"}}}},
    ],
    ids=json.dumps,
)
def test_a_verdict_that_does_not_say_what_it_must_is_refused(world, changes):
    with pytest.raises(errors.ConfidentialPartInvalid):
        verify(world, world.confidential_token(verdict=changes))


def test_an_obligation_of_a_later_version_is_kept(world):
    advice = {"*": {"decision": "allow", "obligations": ["call_the_customer"]}}
    assert verify(world, world.confidential_token(verdict={"advice": advice})).advice["*"].obligations == (
        "call_the_customer",
    )


def test_a_list_of_reasons_that_was_cut_says_so(world):
    assert verify(world, world.confidential_token(verdict={"more": True})).confidential.more_reasons


@pytest.mark.parametrize("status", ["excellent", None])
def test_a_status_that_is_not_of_ear_counts_as_none(world, status):
    assert verify(world, world.confidential_token(verdict={"ear_status": status})).tier is Tier.NONE


@pytest.mark.parametrize("segment", range(5))
def test_a_part_that_does_not_decrypt_is_refused(world, segment):
    segments = world.encrypted(world.verdict("x")).split(".")
    segments[segment] = "AAAA" + segments[segment][4:]
    with pytest.raises(errors.ConfidentialPartInvalid):
        verify(world, world.confidential_token(assay_verdict=".".join(segments)))


def test_a_part_encrypted_to_another_key_under_our_kid_is_refused(world):
    stranger = ECKey.generate_key("P-256", {"kid": "bank-1"})
    with pytest.raises(errors.ConfidentialPartInvalid, match="does not decrypt"):
        verify(world, world.confidential_token(jwe_options={"key": stranger}))


def test_a_key_that_was_not_configured_is_our_own_trouble(world):
    with pytest.raises(errors.ConfidentialKeyUnknown):
        verify(world, world.confidential_token(jwe_options={"header": {"kid": "bank-2"}}))


def test_an_old_key_opens_until_it_is_taken_away(world):
    new = ECKey.generate_key("P-256", {"kid": "bank-2"})
    keys = ConfidentialKeys([key.as_dict(private=True) for key in (new, world.audience_key)])
    assert verify(world, world.confidential_token(), confidential_keys=keys).tier is Tier.WARNING


KEYS = {
    "no kid": {"kid": None},
    "no private part": {"d": None},
    "another curve": {"crv": "P-384"},
    "another key's private part": {"d": ECKey.generate_key("P-256").as_dict(private=True)["d"]},
}


@pytest.mark.parametrize("change", KEYS.values(), ids=KEYS.keys())
def test_a_key_that_could_not_serve_is_refused_when_configured(world, change):
    with pytest.raises(ValueError, match="private P-256 JWK"):
        ConfidentialKeys([{**world.audience_key.as_dict(private=True), **change}])


def test_no_keys_is_said_by_none_and_keys_are_not_shown(world):
    with pytest.raises(ValueError, match="says None"):
        ConfidentialKeys([])
    assert repr(world.confidential_keys()) == "ConfidentialKeys(['bank-1'])"
