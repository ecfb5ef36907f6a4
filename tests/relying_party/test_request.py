"""A request with its proof of possession (docs/wire.md section 8), and request tokens."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from assay_rp import InMemoryReplayStore, ReplayKey, TokenKind, Use, errors

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def verify(world, submitted, *, accept=TokenKind.SESSION, **options):
    return world.verifier(**options).verify(submitted, accept=accept)


@pytest.mark.parametrize("kind", TokenKind)
def test_a_request_signed_by_the_instance_key_passes(world, kind):
    request = verify(world, world.submit(world.token(kind)), accept=kind)

    assert request.token.kind is kind
    assert (request.method, request.htu) == (world.method, world.htu)
    assert request.proof_issued_at == world.now


@pytest.mark.parametrize("kind", TokenKind)
def test_a_request_without_query_and_body_has_no_digests(world, kind):
    world.query = world.body = b""
    assert verify(world, world.submit(world.token(kind)), accept=kind).token.kind is kind


@pytest.mark.parametrize(("presented", "accepted"), [tuple(TokenKind), tuple(TokenKind)[::-1]])
def test_neither_kind_of_token_passes_for_the_other(world, presented, accepted):
    with pytest.raises(errors.TokenTypeMismatch):
        verify(world, world.submit(world.token(presented)), accept=accepted)


PROOF_CLAIMS = [
    ({"aud": "https://api.other.example"}, errors.ProofAudienceMismatch),
    ({"aud": ["https://api.bank.example"]}, errors.ProofAudienceMismatch),
    ({"iat": 1_800_000_061}, errors.ProofStale),
    ({"iat": 1_799_999_939}, errors.ProofStale),
    ({"iat": "1800000000"}, errors.ProofMalformed),
    ({"jti": "fifteen-letters"}, errors.ProofMalformed),
    ({"jti": "x" * 65}, errors.ProofMalformed),
    ({"jti": 16}, errors.ProofMalformed),
    ({"htm": "GET"}, errors.ProofRequestMismatch),
    ({"htm": "post"}, errors.ProofRequestMismatch),
    ({"htu": "https://api.bank.example/transfer/"}, errors.ProofRequestMismatch),
    ({"htu": "https://api.bank.example/transfer?from=1&to=2"}, errors.ProofRequestMismatch),
    ({"htu": "http://api.bank.example/transfer"}, errors.ProofRequestMismatch),
    ({"query_digest": "x"}, errors.ProofRequestMismatch),
    ({"query_digest": None}, errors.ProofMalformed),
    ({"content_digest": "x"}, errors.ProofRequestMismatch),
    ({"ath": "x"}, errors.ProofTokenMismatch),
    ({"iat": 10**400}, errors.ProofStale),
    ({"iat": -(10**400)}, errors.ProofStale),
]


@pytest.mark.parametrize(("changes", "expected"), PROOF_CLAIMS, ids=lambda value: str(value))
def test_a_proof_for_anything_else_is_refused(world, changes, expected):
    token = world.token()
    with pytest.raises(expected):
        verify(world, world.submit(token, world.proof(token, **changes)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aud", errors.ProofMalformed),
        ("iat", errors.ProofMalformed),
        ("jti", errors.ProofMalformed),
        ("htm", errors.ProofRequestMismatch),
        ("htu", errors.ProofRequestMismatch),
        ("query_digest", errors.ProofRequestMismatch),
        ("content_digest", errors.ProofRequestMismatch),
        ("ath", errors.ProofTokenMismatch),
    ],
)
def test_a_proof_that_leaves_something_open_is_refused(world, wire, name, expected):
    token = world.token()
    with pytest.raises(expected):
        verify(world, world.submit(token, world.proof(token, **{name: wire.absent})))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"typ": "JWT"}, errors.ProofTypeMismatch),
        ({"typ": "oauth-client-attestation+jwt"}, errors.ProofTypeMismatch),
        ({"kid": "x"}, errors.ProofMalformed),
        ({"jwk": {"kty": "EC"}}, errors.ProofMalformed),
    ],
    ids=lambda value: str(value),
)
def test_a_proof_with_another_header_is_refused(world, changes, expected):
    token = world.token()
    with pytest.raises(expected):
        verify(world, world.submit(token, world.proof(token, header=changes)))


def test_a_proof_with_another_algorithm_is_refused(world, wire):
    token = world.token()
    _, payload, signature = world.proof(token).split(".")
    header = wire.b64url(b'{"typ":"oauth-client-attestation-pop+jwt","alg":"none"}')
    with pytest.raises(errors.ProofAlgorithmMismatch):
        verify(world, world.submit(token, f"{header}.{payload}.{signature}"))


def test_unknown_claims_in_a_proof_are_ignored(world):
    token = world.token()
    assert verify(world, world.submit(token, world.proof(token, nonce="new in version 2")))


def test_a_proof_by_another_instance_is_refused(world, wire):
    token = world.token()
    with pytest.raises(errors.ProofSignatureInvalid):
        verify(world, world.submit(token, world.proof(token, key=wire.new_key())))


def test_a_proof_with_a_repeated_member_is_refused(world, wire):
    token = world.token()
    payload = json.dumps({"aud": world.audience, "jti": "x" * 16})[:-1] + ', "jti": "another-of-sixteen"}'
    header = {"typ": "oauth-client-attestation-pop+jwt", "alg": "ES256"}
    with pytest.raises(errors.ProofMalformed, match="strict JSON"):
        verify(world, world.submit(token, wire.sign_raw(header, payload.encode(), world.instance_key)))


@pytest.mark.parametrize("change", [{"body": b"{}"}, {"query": b""}, {"method": "PUT"}, {"htu": "https://x.example/"}])
def test_a_request_changed_on_its_way_is_refused(world, change):
    token = world.token()
    with pytest.raises(errors.ProofRequestMismatch):
        verify(world, world.submit(token, **change))


@pytest.mark.parametrize("change", [{"body": b"{}"}, {"query": b""}, {"method": "PUT"}, {"htu": "https://x.example/"}])
def test_a_request_token_for_another_request_is_refused_whatever_the_proof_says(world, change):
    token = world.token(TokenKind.REQUEST)
    for name, value in change.items():
        setattr(world, name, value)
    with pytest.raises(errors.TokenRequestMismatch):
        verify(world, world.submit(token), accept=TokenKind.REQUEST)


@pytest.mark.parametrize("name", ["htm", "htu"])
def test_a_request_token_names_its_request(world, wire, name):
    with pytest.raises(errors.TokenMalformed):
        verify(world, world.submit(world.token(TokenKind.REQUEST, **{name: wire.absent})), accept=TokenKind.REQUEST)


def test_a_request_token_lives_a_minute(world):
    token = world.token(TokenKind.REQUEST, exp=world.now + 61)
    with pytest.raises(errors.TokenLifetimeTooLong):
        verify(world, world.submit(token), accept=TokenKind.REQUEST)


def test_a_session_token_serves_many_requests_and_each_proof_one(world):
    verifier = world.verifier()
    token = world.token()
    first = world.submit(token)

    verifier.verify(first, accept=TokenKind.SESSION)
    verifier.verify(world.submit(token), accept=TokenKind.SESSION)
    with pytest.raises(errors.ProofSpent):
        verifier.verify(first, accept=TokenKind.SESSION)


def test_a_request_token_serves_one_request_with_any_proof(world):
    verifier = world.verifier()
    token = world.token(TokenKind.REQUEST)

    verifier.verify(world.submit(token), accept=TokenKind.REQUEST)
    with pytest.raises(errors.TokenSpent):
        verifier.verify(world.submit(token), accept=TokenKind.REQUEST)


def twin(text):
    signing_input, _, signature = text.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    s = P256_ORDER - int.from_bytes(raw[32:])
    return signing_input + "." + base64.urlsafe_b64encode(raw[:32] + s.to_bytes(32)).rstrip(b"=").decode()


def test_another_spelling_of_the_signature_is_no_second_use(world):
    verifier = world.verifier()
    session, single = world.token(), world.token(TokenKind.REQUEST)
    first = world.submit(session)
    verifier.verify(first, accept=TokenKind.SESSION)
    verifier.verify(world.submit(single), accept=TokenKind.REQUEST)

    with pytest.raises(errors.ProofSpent):
        verifier.verify(world.submit(session, twin(first.unverified_proof)), accept=TokenKind.SESSION)
    with pytest.raises(errors.TokenSpent):
        verifier.verify(world.submit(twin(single)), accept=TokenKind.REQUEST)


def test_a_refused_request_spends_nothing(world):
    store = InMemoryReplayStore(capacity=1)
    verifier = world.verifier(replay=store)
    token = world.token()
    good = world.submit(token)
    with pytest.raises(errors.ProofRequestMismatch):
        verifier.verify(world.submit(token, good.unverified_proof, body=b"other"), accept=TokenKind.SESSION)

    assert verifier.verify(good, accept=TokenKind.SESSION)


def test_a_proof_is_remembered_as_long_as_it_could_be_accepted(world):
    verifier = world.verifier()
    token = world.token()
    early = world.submit(token, world.proof(token, iat=world.now + 60))
    verifier.verify(early, accept=TokenKind.SESSION)

    world.now += 120
    with pytest.raises(errors.ProofSpent):
        verifier.verify(early, accept=TokenKind.SESSION)
    world.now += 1
    with pytest.raises(errors.ProofStale):
        verifier.verify(early, accept=TokenKind.SESSION)


def replay_key(jti, use=Use.PROOF, jkt="jkt"):
    return ReplayKey(use=use, jkt=jkt, jti=jti)


def test_a_full_store_refuses_and_does_not_forget():
    store = InMemoryReplayStore(capacity=2)
    assert store.spend(replay_key("a"), until=100, now=40)
    assert store.spend(replay_key("b"), until=50, now=40)

    with pytest.raises(errors.ReplayStoreFull):
        store.spend(replay_key("c"), until=100, now=50)
    assert not store.spend(replay_key("a"), until=100, now=50)
    assert store.spend(replay_key("c"), until=100, now=51)
    assert not store.spend(replay_key("a"), until=100, now=51)


def test_calls_that_began_earlier_do_not_bring_a_use_back():
    store = InMemoryReplayStore(capacity=10)
    assert store.spend(replay_key("a"), until=100, now=50)
    assert store.spend(replay_key("b"), until=200, now=100.001)
    assert not store.spend(replay_key("a"), until=100, now=99.999)


def test_instances_and_uses_do_not_spend_for_each_other():
    store = InMemoryReplayStore(capacity=10)
    keys = [replay_key("a"), replay_key("a", jkt="other"), replay_key("a", use=Use.REQUEST_TOKEN)]
    assert [store.spend(key, until=100, now=0) for key in keys] == [True, True, True]


def test_a_full_store_does_not_cost_a_request_token(world):
    store = InMemoryReplayStore(capacity=1)
    verifier = world.verifier(replay=store)
    store.spend(replay_key("other"), until=world.now + 10, now=world.now)
    token = world.token(TokenKind.REQUEST)
    with pytest.raises(errors.ReplayStoreFull):
        verifier.verify(world.submit(token), accept=TokenKind.REQUEST)

    roomy = InMemoryReplayStore(capacity=3)
    assert world.verifier(replay=roomy).verify(world.submit(token), accept=TokenKind.REQUEST)


def test_a_store_without_room_is_not_made():
    with pytest.raises(ValueError, match="capacity"):
        InMemoryReplayStore(capacity=0)


def test_of_many_at_once_one_wins(world):
    verifier = world.verifier()
    request = world.submit(world.token())
    together = threading.Barrier(8)

    def attempt(_):
        together.wait()
        try:
            verifier.verify(request, accept=TokenKind.SESSION)
        except errors.ProofSpent:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
