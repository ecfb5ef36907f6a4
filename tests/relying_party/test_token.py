"""The attestation token (docs/wire.md section 6): what holds, and one change at a time that must not."""

import base64
import json

import pytest

from assay_rp import KeySource, Tier, TokenKind, Unavailable, errors

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def verify(world, token, **options):
    return world.verifier(**options).verify_without_proof_of_possession(token)


def test_a_good_session_token_says_who_and_how_far_to_trust(world, wire):
    verified = verify(world, world.token())

    assert verified.kind is TokenKind.SESSION
    assert verified.app == "bank"
    assert verified.tier is Tier.AFFIRMING
    assert verified.submodules["android_key"].tier is Tier.AFFIRMING
    assert verified.submodules["android_key"].policy_ids == ("bank@sha256:00",)
    assert verified.jkt == wire.thumbprint(wire.public_jwk(world.instance_key))
    assert (verified.issued_at, verified.expires_at) == (world.now, world.now + 300)
    assert verified.binding is None
    assert verified.confidential is None


CLAIM_CHANGES = [
    ({"iss": "https://keys.assay.example/"}, errors.TokenIssuerMismatch),
    ({"iss": ["https://keys.assay.example"]}, errors.TokenIssuerMismatch),
    ({"iss": None}, errors.TokenIssuerMismatch),
    ({"aud": "https://api.other.example"}, errors.TokenAudienceMismatch),
    ({"aud": ["https://api.bank.example"]}, errors.TokenAudienceMismatch),
    ({"aud": ""}, errors.TokenMalformed),
    ({"eat_profile": "urn:uuid:00000000-0000-0000-0000-000000000000"}, errors.TokenProfileMismatch),
    ({"sub": ""}, errors.TokenMalformed),
    ({"sub": 7}, errors.TokenMalformed),
    ({"jti": 7}, errors.TokenMalformed),
    ({"iat": True}, errors.TokenMalformed),
    ({"exp": 1_800_000_100.5}, errors.TokenMalformed),
    ({"exp": "1800000100"}, errors.TokenMalformed),
    ({"exp": 1_800_000_301}, errors.TokenLifetimeTooLong),
    ({"iat": 1_799_999_999}, errors.TokenLifetimeTooLong),
    ({"iat": 1_800_000_050, "exp": 1_800_000_050}, errors.TokenLifetimeTooLong),
    ({"cnf": {}}, errors.TokenMalformed),
    ({"cnf": {"jkt": "x"}}, errors.TokenMalformed),
    ({"submods": []}, errors.TokenMalformed),
    ({"submods": {"rasp": "affirming"}}, errors.TokenMalformed),
    ({"htm": "POST"}, errors.TokenMalformed),
    ({"content_digest": "x"}, errors.TokenMalformed),
]


@pytest.mark.parametrize(("changes", "expected"), CLAIM_CHANGES, ids=lambda value: str(value))
def test_a_claim_that_is_not_as_documented_is_refused(world, changes, expected):
    with pytest.raises(expected):
        verify(world, world.token(**changes))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "jti", "iat", "exp", "cnf", "submods"])
def test_a_missing_claim_is_refused(world, wire, name):
    with pytest.raises(errors.TokenMalformed):
        verify(world, world.token(**{name: wire.absent}))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"typ": "assay-request+jwt"}, errors.TokenTypeMismatch),
        ({"typ": "JWT"}, errors.TokenTypeMismatch),
        ({"typ": "OAuth-Client-Attestation+JWT"}, errors.TokenTypeMismatch),
        ({"kid": "unheard-of"}, errors.TokenKeyUnknown),
        ({"kid": 1}, errors.TokenMalformed),
        ({"crit": ["exp"], "exp": 1}, errors.TokenCritical),
        ({"jku": "https://keys.evil.example"}, errors.TokenMalformed),
    ],
    ids=lambda value: str(value),
)
def test_a_header_that_is_not_as_documented_is_refused(world, changes, expected):
    _, payload, signature = world.token().split(".")
    with pytest.raises(expected):
        verify(world, f"{wire_json(world.header(**changes))}.{payload}.{signature}")


def wire_json(members):
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES384", "es256"])
def test_no_other_algorithm_is_looked_at(world, algorithm):
    _, payload, signature = world.token().split(".")
    with pytest.raises(errors.TokenAlgorithmMismatch):
        verify(world, f"{wire_json(world.header(alg=algorithm))}.{payload}.{signature}")


@pytest.mark.parametrize("member", ["typ", "alg", "kid"])
def test_a_missing_header_member_is_refused(world, wire, member):
    _, payload, signature = world.token().split(".")
    with pytest.raises(errors.TokenMalformed):
        verify(world, f"{wire_json(world.header(**{member: wire.absent}))}.{payload}.{signature}")


def test_another_key_under_the_issuers_kid_is_refused(world, wire):
    with pytest.raises(errors.TokenSignatureInvalid):
        verify(world, world.token(key=wire.new_key()))


def test_a_claim_changed_after_signing_is_refused(world):
    header, _, signature = world.token(ear_status="warning").split(".")
    payload = world.token().split(".")[1]
    with pytest.raises(errors.TokenSignatureInvalid):
        verify(world, f"{header}.{payload}.{signature}")


PAYLOADS = {
    "a repeated member": lambda text: text[:-1] + ', "ear_status": "affirming"}',
    "a repeated inner member": lambda text: text.replace('"kty":', '"kty": "EC", "kty":'),
    "a byte order mark": lambda text: "\ufeff" + text,
    "NaN": lambda text: text[:-1] + ', "x": NaN}',
    "an infinity by overflow": lambda text: text[:-1] + ', "x": 1e999}',
    "a lone surrogate": lambda text: text[:-1] + ', "x": "\\ud800"}',
    "a huge integer": lambda text: text[:-1] + ', "x": ' + "9" * 4_400 + "}",
    "deep nesting": lambda text: text[:-1] + ', "x": ' + "[" * 40 + "]" * 40 + "}",
    "very deep nesting": lambda text: text[:-1] + ', "x": ' + "[" * 2_000 + "]" * 2_000 + "}",
    "something after it": lambda text: text + "{}",
    "an array": lambda text: f"[{text}]",
}


@pytest.mark.parametrize("change", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_signed_payload_with_more_than_one_reading_is_refused(world, wire, change):
    payload = change(json.dumps(world.claims())).encode()
    with pytest.raises(errors.TokenMalformed):
        verify(world, wire.sign_raw(world.header(), payload, world.issuer_key))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_json_in_another_encoding_is_refused(world, wire, encoding):
    payload = json.dumps({**world.claims(), "x": "é"}, ensure_ascii=False).encode(encoding)
    with pytest.raises(errors.TokenMalformed):
        verify(world, wire.sign_raw(world.header(), payload, world.issuer_key))


TEXTS = {
    "dots alone": lambda token: "." * token.count("."),
    "two segments": lambda token: token.rsplit(".", 1)[0],
    "four segments": lambda token: token + ".AA",
    "no signature": lambda token: token.rsplit(".", 1)[0] + ".",
    "padding": lambda token: token + "==",
    "white space": lambda token: token + "\n",
    "the plain alphabet": lambda token: token[:-2] + "+/",
    "a character beyond ASCII": lambda token: token + "\u00e9",
    "unused bits that are set": lambda token: token[:-1] + chr(ord(token[-1]) + 1),
    "a length of base64url that cannot be": lambda token: token + "AAA",
    "more than a header may hold": lambda token: token.replace(".", "." + "A" * 8_192, 1),
}


@pytest.mark.parametrize("change", TEXTS.values(), ids=TEXTS.keys())
def test_a_text_that_is_no_compact_jws_is_refused(world, change):
    token = next(t for t in iter(world.token, None) if t[-1] in "AQgw")  # the canonical ends of 64 bytes
    with pytest.raises(errors.TokenMalformed):
        verify(world, change(token))


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [(0, None), (-60, None), (-61, errors.TokenNotYetValid), (359, None), (360, errors.TokenExpired)],
)
def test_time_is_the_verifiers_own_with_a_minute_either_way(world, elapsed, expected):
    token = world.token()
    world.now += elapsed
    if expected is None:
        assert verify(world, token).app == "bank"
    else:
        with pytest.raises(expected):
            verify(world, token)


@pytest.mark.parametrize("status", ["Affirming", "high", None, 2, ["affirming"], "none"])
def test_a_status_that_is_not_of_ear_counts_as_none(world, status):
    assert verify(world, world.token(ear_status=status)).tier is Tier.NONE


def test_a_missing_status_counts_as_none(world, wire):
    verified = verify(world, world.token(ear_status=wire.absent, submods={"rasp": {}}))
    assert verified.tier is Tier.NONE
    assert verified.submodules["rasp"].tier is Tier.NONE


KEYS = {
    "a private member": lambda jwk: {**jwk, "d": jwk["x"]},
    "another curve": lambda jwk: {**jwk, "crv": "P-384"},
    "a point off the curve": lambda jwk: {**jwk, "y": jwk["x"]},
    "a short coordinate": lambda jwk: {**jwk, "x": jwk["x"][:-2]},
    "another type": lambda jwk: {"kty": "oct", "k": jwk["x"]},
}


@pytest.mark.parametrize("change", KEYS.values(), ids=KEYS.keys())
def test_an_instance_key_must_be_one_p256_public_key(world, wire, change):
    with pytest.raises(errors.TokenMalformed):
        verify(world, world.token(cnf={"jwk": change(wire.public_jwk(world.instance_key))}))


def test_a_request_token_is_no_session_token_and_cannot_be_used_without_a_proof(world):
    with pytest.raises(errors.TokenTypeMismatch):
        verify(world, world.token(TokenKind.REQUEST))


def test_the_two_spellings_of_a_signature_verify_alike(world, wire):
    """The reason why nothing is remembered by the token's text."""
    token = world.token()
    twin = high_s_twin(token, wire)

    assert twin != token
    assert verify(world, twin).jti == verify(world, token).jti


def high_s_twin(token, wire):
    signing_input, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = raw[:32], int.from_bytes(raw[32:])
    return f"{signing_input}.{wire.b64url(r + (P256_ORDER - s).to_bytes(32))}"


def test_keys_that_cannot_be_had_are_no_fault_of_the_phone(world):
    class Unreachable(KeySource):
        def key(self, _kid, /):
            raise errors.KeysUnavailable

    with pytest.raises(Unavailable):
        verify(world, world.token(), jwks=Unreachable())


@pytest.mark.parametrize("name", ["issuer", "audience"])
def test_a_verifier_without_issuer_or_audience_is_not_made(world, name):
    with pytest.raises(ValueError, match="neither may be empty"):
        world.verifier(**{name: ""})
