"""Whatever the bytes, a decoder answers or refuses: no other exception, no recursion, no cost beyond the input's size.

`make fuzz` runs the same targets under libFuzzer, for as long as one likes.
"""

import json
import sys
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.target import framed, unframed
from tests.fuzz.targets import TARGETS

_EXAMPLES = 60

# Function calls, Python's and C's. A reader that looks at everything again for each of its parts would need thousands
# for each byte of the inputs below.
_CALLS_PER_INPUT = 2_000
_CALLS_PER_BYTE = 8

# Lengths that lie, in DER, BER and CBOR; and heads of what no format here has.
_LIES = (
    b"\x80",
    b"\x81\xff",
    b"\x82\xff\xff",
    b"\x84\xff\xff\xff\xff",
    b"\x88" + b"\xff" * 8,
    b"\x5b" + b"\xff" * 8,
    b"\x9b" + b"\xff" * 8,
    b"\xbb" + b"\xff" * 8,
    b"\x1b" + b"\xff" * 8,
    b"\x5f",
    b"\x9f",
    b"\xbf",
    b"\xc2\x41\x00",
    b"\xf9\x7e\x00",
    b"\xff",
    b"\x00\x00",
    b"\x1f",
    b"\xbf\xff\xff\xff\xff\x7f",
)
_JSON_ODDITIES = (
    None,
    True,
    -1,
    2**63,
    2**200,
    1e308,
    "",
    "\u0000",
    "\U0001f600",
    "-1",
    "9" * 17,
    "9" * 5_000,
    "NaN",
    "1e400",
    "\ud800",
    "A" * 600,
    [],
    {},
    [[]],
    {"": {}},
)

by_target = pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)


@cache
def _seeds(name):
    """Small ones first, so that findings are short."""
    return tuple(sorted(set(TARGETS[name].seeds()), key=len))[:64]


@st.composite
def mutations(draw, seeds):
    """A seed after one to four changes: what an attacker does to evidence that he holds."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(1, 64))
        match draw(st.sampled_from(["flip", "lie", "cut", "truncate", "repeat", "splice", "insert"])):
            case "flip" if data:
                data[at % len(data)] ^= draw(st.integers(1, 255))
            case "lie":
                lie = draw(st.sampled_from(_LIES))
                data[at : at + len(lie)] = lie
            case "cut":
                del data[at : at + length]
            case "truncate":
                del data[at:]
            case "repeat":
                data[at:at] = data[at : at + length]
            case "splice":
                other = draw(st.sampled_from(seeds))
                start = draw(st.integers(0, len(other)))
                data[at : at + length] = other[start : start + length]
            case _:
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
    return bytes(data)


@st.composite
def json_mutations(draw, seeds):
    """A seed's JSON with one value elsewhere in its tree replaced, removed or repeated under another name."""
    value = json.loads(draw(st.sampled_from(seeds)))
    holder, key = [value], 0
    while isinstance(holder[key], dict | list) and holder[key] and draw(st.integers(0, 4)):
        holder = holder[key]
        key = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    match draw(st.sampled_from(["replace", "remove", "add"])):
        case "remove" if holder != [value]:
            del holder[key]
        case "add" if isinstance(holder, dict):
            holder[draw(st.text(max_size=8))] = draw(st.sampled_from(_JSON_ODDITIES))
        case _:
            holder[key] = draw(st.sampled_from(_JSON_ODDITIES))
    return json.dumps(value).encode()


def _is_json(name):
    try:
        for seed in _seeds(name):
            json.loads(seed)
    except ValueError:
        return False
    return True


def _inputs(name):
    seeds = _seeds(name)
    structured = [mutations(seeds)] * 3
    if _is_json(name):
        structured += [json_mutations(seeds)] * 3
    return st.one_of(*structured, st.binary(max_size=256))


@by_target
def test_a_seed_is_no_crash_and_there_is_one(target):
    assert _seeds(target.name)
    for seed in _seeds(target.name):
        target.feed(seed)


@by_target
def test_nothing_but_the_refusal_comes_out(target):
    @settings(max_examples=_EXAMPLES, derandomize=True, database=None)
    @given(data=_inputs(target.name))
    def search(data):
        target.feed(data)

    search()


def _nested(size):
    """What makes a reader call itself: brackets, arrays, maps, sequences and explicit tags, one in the other."""
    yield b"[" * size
    yield b"[" * size + b"]" * size
    yield b'{"a":' * size + b"1" + b"}" * size
    yield b"\x81" * size + b"\x00"
    yield b"\xa1\x00" * size + b"\x00"
    yield b"\xc1" * size
    yield b"\x30\x80" * size + b"\x00\x00" * size
    der = b""
    while len(der) < size:
        header = len(der).to_bytes(3, "big")
        der = b"\x30\x83" + header + der
    yield der


@by_target
def test_nesting_does_not_exhaust_the_interpreter(target):
    for data in _nested(20_000):
        target.feed(data)
    for seed in _seeds(target.name)[:4]:
        for data in _nested(1_000):
            target.feed(seed[: len(seed) // 2] + data + seed[len(seed) // 2 :])


def _calls(run, data):
    """How many functions, Python's and C's, run for `data`."""
    count = 0

    def on_event(_frame, event, _argument):
        nonlocal count
        count += event in {"call", "c_call"}

    previous = sys.getprofile()
    sys.setprofile(on_event)
    try:
        run(data)
    finally:
        sys.setprofile(previous)
    return count


def _long(size):
    """Many of what there should be few of."""
    yield b"[" + b"0," * (size // 2) + b"0]"
    yield b"{" + b",".join(b'"%d":0' % number for number in range(size // 8)) + b"}"
    yield b'"' + b"\\u0041" * (size // 6) + b'"'
    yield b"9" * size
    yield b"A" * size
    yield b"." * size
    yield b"\x9a" + size.to_bytes(4, "big") + bytes(size)
    yield b"\xb9\xff\xff" + b"".join(b"\x19" + number.to_bytes(2, "big") + b"\x00" for number in range(size // 4))
    yield b"\x30\x83" + size.to_bytes(3, "big") + b"\x05\x00" * (size // 2)
    yield b"\x31\x83" + size.to_bytes(3, "big") + b"\x02\x01\x00" * (size // 3)
    yield b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" * (size // 54)
    yield framed([b"\x30\x00"] * (size // 4))


@by_target
def test_the_work_grows_no_faster_than_the_input(target):
    for seed in _seeds(target.name)[:1]:
        target.feed(seed)  # what is made once is not the input's cost
    for data in _long(24_000):
        assert _calls(target.feed, data) <= _CALLS_PER_INPUT + _CALLS_PER_BYTE * len(data), data[:16]


def test_frames_are_read_as_they_are_written():
    parts = (b"", b"leaf", bytes(300))
    assert unframed(framed(parts)) == parts
