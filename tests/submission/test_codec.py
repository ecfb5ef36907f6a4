"""JSON, base64url and compact JWS: one spelling, one reading, bounded."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.verifiers.codec import base64url, compact_jws, strict_json
from chalicelib.verifiers.codec.errors import Malformed


@given(st.binary(max_size=200))
def test_what_was_encoded_decodes(data):
    text = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert base64url.decode(text, max_bytes=200) == data


@given(st.text(alphabet="AQgwBZaz09-_+/= \nä", max_size=12))
def test_a_value_has_one_spelling(text):
    try:
        data = base64url.decode(text, max_bytes=16)
    except Malformed:
        return
    assert base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text


@pytest.mark.parametrize("text", ["A", "AB", "AAB", "AA==", "AA=", "A A", "+/+/", "AAAA\n", "äAAA", "AAAAA"])
def test_base64url_refuses(text):
    with pytest.raises(Malformed):
        base64url.decode(text, max_bytes=100)


def test_base64url_bounds_are_exact():
    assert base64url.decode("AAAA", max_bytes=3) == bytes(3)
    with pytest.raises(Malformed):
        base64url.decode("AAAA", max_bytes=2)


@pytest.mark.parametrize("text", ["AA", "AA=", "AB==", "A-_A", "AA==AA==", "AAAA\n"])
def test_base64_refuses(text):
    with pytest.raises(Malformed):
        base64url.decode_base64(text, max_bytes=100)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
        max_leaves=8,
    )
)
def test_what_was_written_reads_the_same(value):
    assert strict_json.loads(json.dumps(value).encode(), max_depth=20) == value


def test_depth_is_exact_and_brackets_in_strings_do_not_count():
    assert strict_json.loads(b'[["[[[{{{"]]', max_depth=2) == [["[[[{{{"]]
    assert strict_json.loads(b'["\\"[["]', max_depth=1) == ['"[[']
    with pytest.raises(Malformed):
        strict_json.loads(b"[[[]]]", max_depth=2)


@pytest.mark.parametrize(
    "data",
    [b"NaN", b"-Infinity", b"1e999", b"9007199254740992", b"-9007199254740992", b"1" * 5000, b'{"a":1,"\\u0061":2}',
     b'"\\udc00"', b"{} {}", b"\xff", b"\x00", b'"\n"', b"'a'", b"{\"a\":1,}", b"// x\n1", b"01", b"+1", b".5"],
)  # fmt: skip
def test_json_refuses(data):
    with pytest.raises(Malformed):
        strict_json.loads(data)


@pytest.mark.parametrize("filler", [b"[", b"]", b'"', b"\\", b'"\\"', b"[]", b'{"a":', b"\\u"])
def test_no_text_of_the_largest_size_is_slow_to_refuse(filler):
    """A linear pass: what would take a quadratic one minutes."""
    with pytest.raises(Malformed):
        strict_json.loads(filler * (131_072 // len(filler)))


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "e30.AA.AA.AA", "e30.AA.A", "W10.AA.AA", "bnVsbA.AA.AA"])
def test_compact_jws_refuses(token):
    with pytest.raises(Malformed):
        compact_jws.split(token, max_length=100)


def test_compact_jws():
    jws = compact_jws.split("e30.AA.AQ", max_length=9)
    assert jws == ({}, b"\x00", b"\x01")
    with pytest.raises(Malformed):
        compact_jws.split("e30.AA.AQ", max_length=8)
