"""What the DER readers tolerate, and what they do not."""

import pytest

from chalicelib.verifiers.codec import der
from chalicelib.verifiers.codec.errors import Malformed


def one(hexadecimal):
    return der.one(bytes.fromhex(hexadecimal), field="test")


@pytest.mark.parametrize(
    ("encoded", "number"),
    [
        ("020100", 0),
        ("02017f", 127),
        ("02020080", 128),
        ("0201ff", -1),
        ("020180", -128),
        ("0202ff7f", -129),
        ("0208" + "7f" + "ff" * 7, 2**63 - 1),
        ("020900" + "ff" * 8, 2**64 - 1),
    ],
)
def test_integers(encoded, number):
    assert der.integer(one(encoded), field="test") == number


@pytest.mark.parametrize("encoded", ["0200", "02020001", "0202ff80", "0a0101", "0401ff", "020a" + "01" * 10])
def test_no_integers(encoded):
    with pytest.raises(Malformed):
        der.integer(one(encoded), field="test")


@pytest.mark.parametrize(("encoded", "value"), [("010100", False), ("0101ff", True), ("010101", True)])
def test_booleans(encoded, value):
    assert der.boolean(one(encoded), field="test") is value


@pytest.mark.parametrize("encoded", ["0100", "0102ffff", "0201ff"])
def test_no_booleans(encoded):
    with pytest.raises(Malformed):
        der.boolean(one(encoded), field="test")


@pytest.mark.parametrize(
    ("encoded", "number"),
    [("a000", 0), ("be00", 30), ("bf1f00", 31), ("bf853e00", 702), ("bf8fffffff0100", 2**32 - 127)],
)
def test_explicit_tags(encoded, number):
    assert der.explicit_tag(one(encoded), field="test") == number


@pytest.mark.parametrize("encoded", ["0500", "8100", "6100", "e100", "3000"])
def test_no_explicit_tags(encoded):
    """Universal, primitive, application and private classes."""
    with pytest.raises(Malformed):
        der.explicit_tag(one(encoded), field="test")


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_raw_is_what_came(size):
    length = bytes([size]) if size < 128 else (b"\x81" if size < 256 else b"\x82" if size < 65536 else b"\x83")
    if size >= 128:
        length += size.to_bytes(length[0] & 0x7F, "big")
    data = b"\x04" + length + bytes(size)
    value = der.one(data, field="test")
    assert der.raw(value) == data
    assert der.octets(value, field="test") == bytes(size)


def test_members_keep_the_order_sent():
    listed = der.members(one("3106020103020102"), tag=der.SET, field="test")
    assert [der.integer(value, field="test") for value in listed] == [3, 2]


@pytest.mark.parametrize("encoded", ["30030201", "3001ff", "3003020203"])
def test_members_that_are_cut(encoded):
    with pytest.raises(Malformed):
        der.members(one(encoded), tag=der.SEQUENCE, field="test")


def test_members_of_another_type():
    with pytest.raises(Malformed):
        der.members(one("3000"), tag=der.SET, field="test")
