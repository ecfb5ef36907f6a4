"""Whatever the bytes, an answer; and whatever is changed of what binds a verdict, no verdict."""

import copy
import json

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model.outcome import Refused
from chalicelib.model.play_integrity import VerifiedPlayIntegrity
from chalicelib.verifiers.play_integrity import UnusableSecret, read_secret

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)


def _places(value, above=()):
    """Every member and item of a document, as paths."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield (*above, name)
        yield from _places(child, (*above, name))


def _at(document, path):
    for name in path:
        document = document[name]
    return document


@given(token=st.text() | st.text(alphabet="AQgw-_.", max_size=200) | st.binary().map(lambda b: b.decode("latin-1")))
def test_any_text_as_token_is_refused(play, token):
    assert isinstance(play.unlock(token), Refused)


@given(parts=st.lists(st.binary(max_size=60), min_size=5, max_size=5))
def test_any_five_parts_are_refused(play, parts):
    assert isinstance(play.unlock(".".join(play.b64url(part) for part in parts)), Refused)


@given(parts=st.lists(st.binary(max_size=60), min_size=4, max_size=4))
def test_any_four_parts_behind_the_right_header_are_refused(play, parts):
    token = ".".join([play.jwe().split(".")[0], *(play.b64url(part) for part in parts)])
    assert isinstance(play.unlock(token), Refused)


@given(inside=st.binary(max_size=300))
def test_whatever_is_encrypted_and_not_signed_is_refused(play, inside):
    assert isinstance(play.unlock(play.jwe(inside)), Refused)


@given(
    header=st.dictionaries(st.sampled_from(["alg", "enc", "zip", "crit", "jwk", "kid", "typ", "b64"]) | st.text(), JSON)
)
def test_no_header_chooses_how_a_token_is_read(play, header):
    body = play.unlock(play.jwe(play.jws(header={**header, "alg": "ES256"}), header={**header, "enc": "A256GCM"}))
    assert isinstance(body, Refused) or body == play.js(play.payload())


@given(
    body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()),
    request_=st.sampled_from(["classic", "standard"]),
)
def test_any_bytes_as_payload_are_refused(play, body, request_):
    assert isinstance(play.judge(body, request_), Refused)


@given(data=st.data(), value=JSON)
def test_whatever_one_member_becomes_there_is_an_answer_and_the_bound_ones_are_right(play, data, value):
    body = play.payload()
    path = data.draw(st.sampled_from(list(_places(body))))
    changed = copy.deepcopy(body)
    _at(changed, path[:-1])[path[-1]] = value
    outcome = play.judge(json.dumps(changed).encode())
    if not isinstance(outcome, Refused):
        assert isinstance(outcome, VerifiedPlayIntegrity)
        assert changed["requestDetails"]["requestPackageName"] == play.PACKAGE
        assert changed["requestDetails"]["nonce"].rstrip("=") == play.b64url(play.BINDING)
        assert play.MILLIS - 300_000 <= int(changed["requestDetails"]["timestampMillis"]) <= play.MILLIS + 60_000
        assert changed["appIntegrity"].get("packageName", play.PACKAGE) == play.PACKAGE
        assert set(outcome.certificate_digests) <= {play.SIGNER}
        assert outcome.app_recognition != "PLAY_RECOGNIZED" or outcome.certificate_digests


BOUND = [
    ("requestDetails", "requestPackageName"),
    ("requestDetails", "nonce"),
    ("appIntegrity", "packageName"),
    ("appIntegrity", "certificateSha256Digest", 0),
]


@given(path=st.sampled_from(BOUND), data=st.data())
def test_one_character_of_a_bound_member_is_too_many(play, path, data):
    body = play.payload()
    text = _at(body, path)
    # The last character of base64url has bits that mean nothing: the certificate's are not looked at.
    at = data.draw(st.integers(0, len(text) - 2))
    character = data.draw(st.characters(exclude_characters=text[at], codec="utf-8"))
    _at(body, path[:-1])[path[-1]] = text[:at] + character + text[at + 1 :]
    assert isinstance(play.judge(body), Refused)


@given(shift=st.integers(60_001, 10**16) | st.integers(-(10**12), -300_001))
def test_no_other_time_is_now(play, shift):
    stated = {"timestampMillis": str(play.MILLIS + shift)}
    assert isinstance(play.judge(play.payload(requestDetails=stated)), Refused)


@given(document=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_secret_is_read_or_unusable(document):
    try:
        read_secret(document)
    except UnusableSecret:
        return
    raise AssertionError("none of these is a secret")
