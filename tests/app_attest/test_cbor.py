"""The CBOR reader: against public suites, and each rule of its own."""

import json
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.verifiers.codec import cbor
from chalicelib.verifiers.codec.errors import Malformed

SUITES = Path(__file__).resolve().parents[2] / "../shared/suites/cbor"
APPENDIX_A = SUITES / "cbor-wg/tests/rfc8949-appendixA"

needs_suites = pytest.mark.skipif(not SUITES.is_dir(), reason="the shared CBOR suites are not beside this repository")


def loads(data: bytes):
    return cbor.loads(data, max_bytes=100_000, max_depth=8)


def encoded_items(path: Path) -> list[bytes]:
    return [test["encoded"] for test in cbor2.loads(path.read_bytes())["tests"]]


def in_the_corner(value) -> bool:
    """Of the types that the reader knows, as the general library decoded it."""
    if isinstance(value, list):
        return all(in_the_corner(item) for item in value)
    if isinstance(value, dict):
        return all(type(key) in (int, str) and in_the_corner(item) for key, item in value.items())
    return type(value) in (int, bytes, str)


@needs_suites
def test_refuses_everything_that_is_not_well_formed():
    items = encoded_items(SUITES / "cbor-wg/tests/rfc8949/bad.cbor")
    assert items
    for item in items:
        with pytest.raises(Malformed):
            loads(item)


@needs_suites
@pytest.mark.parametrize("name", ["mt0", "mt1", "mt2", "mt3", "mt4", "mt5"])
def test_reads_the_definite_major_types_as_the_general_library_does(name):
    read = 0
    for item in encoded_items(APPENDIX_A / f"{name}.cbor"):
        value = cbor2.loads(item)
        if in_the_corner(value):
            assert loads(item) == value
            read += 1
        else:
            with pytest.raises(Malformed):
                loads(item)
    assert read


@needs_suites
@pytest.mark.parametrize("name", ["mt6", "mt7-float", "mt7-simple", "streaming"])
def test_refuses_tags_floats_simple_values_and_indefinite_lengths(name):
    items = encoded_items(APPENDIX_A / f"{name}.cbor")
    assert items
    for item in items:
        with pytest.raises(Malformed):
            loads(item)


@needs_suites
def test_agrees_with_the_general_library_on_every_deterministic_encoding_case():
    cases = [case for file in sorted((SUITES / "dasl").glob("*.json")) for case in json.loads(file.read_text())]
    agreed = 0
    for case in cases:
        data = bytes.fromhex(case["data"])
        try:
            value = loads(data)
        except Malformed:
            continue
        assert value == cbor2.loads(data)
        agreed += 1
    assert agreed


REFUSED = {
    "repeated text key": "a2616101616102",
    "repeated integer key": "a201000101",
    "repeated integer key in another length": "a2180100 0101",
    "a byte after the item": "0000",
    "not UTF-8": "62c328",
    "a surrogate": "63eda080",
    "a number in two octets that fits one": "1817",
    "a number in three octets that fits two": "1900ff",
    "a number in five octets that fits three": "1a0000ffff",
    "a number in nine octets that fits five": "1b00000000ffffffff",
    "a negative number that is too wide": "3800",
    "a length that is too wide": "580100",
    "a count that is too wide": "b801016101",
    "a byte string as key": "a1400000",
    "an array as key": "a18000",
    "a length that lies": "9b7fffffffffffffff00",
    "a length that lies (2)": "5bffffffffffffffff",
    "a length that lies (3)": "bb7fffffffffffffff0000",
    "a tag": "d90100 80",
    "a boolean": "f4",
    "null": "f6",
    "a float": "fb3ff8000000000000",
    "an indefinite byte string": "5f41ff ff",
    "an indefinite array": "9fff",
    "nothing": "",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(data):
    with pytest.raises(Malformed):
        loads(bytes.fromhex(data))


def test_depth_counts_nested_containers():
    nested = b"\x81" * 3 + b"\x01"
    assert cbor.loads(nested, max_bytes=10, max_depth=3) == [[[1]]]
    with pytest.raises(Malformed):
        cbor.loads(nested, max_bytes=10, max_depth=2)


def test_deep_nesting_is_refused_before_the_stack_is():
    with pytest.raises(Malformed):
        loads(b"\x81" * 90_000 + b"\x01")


def test_size_is_bounded():
    assert cbor.loads(b"\x43abc", max_bytes=4) == b"abc"
    with pytest.raises(Malformed):
        cbor.loads(b"\x43abc", max_bytes=3)


def test_an_item_before_other_data_ends_where_it_ends():
    assert cbor.read_item(b"??\x82\x01\x02tail", offset=2, max_bytes=10) == ([1, 2], 5)


corner = st.recursive(
    st.integers(-(1 << 64), (1 << 64) - 1) | st.binary(max_size=40) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.integers(-(1 << 63), 1 << 63), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(corner)
def test_reads_whatever_the_general_library_writes(value):
    assert cbor.loads(cbor2.dumps(value), max_bytes=100_000, max_depth=20) == value


@given(st.binary(max_size=60))
def test_nothing_but_malformed_leaves_it(data):
    try:
        value = loads(data)
    except Malformed:
        return
    assert value == cbor2.loads(data)
