"""Whatever comes in, a value comes out: nothing but Refused leaves."""

import random

import pytest

from chalicelib.endorsements.google_roots import GOOGLE_ANCHORS
from chalicelib.model.claims import VerifiedAndroidKey
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import SubmittedAndroidKey
from chalicelib.verifiers.android_key import chain, verify


@pytest.fixture
def refused(kit):
    def refused(x5c):
        outcome = verify(
            SubmittedAndroidKey(x5c=tuple(x5c)), challenge=kit.CHALLENGE, anchors=GOOGLE_ANCHORS, now=kit.NOW
        )
        assert isinstance(outcome, Refused)
        return outcome.reason

    return refused


def test_nothing(refused):
    assert refused([]) is RefusalReason.CHAIN_LENGTH


def test_ten_thousand_certificates(refused, make):
    assert refused(make().x5c()[:1] * 10_000) is RefusalReason.CHAIN_LENGTH


def test_ten_megabytes(refused, make):
    assert refused([b"\x30\x83\x98\x96\x80" + bytes(10_000_000), *make().x5c()]) is RefusalReason.CHAIN_MALFORMED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x30",
        b"\x30\x80\x00\x00",  # indefinite length
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x89" + b"\xff" * 9,
        b"\x30\x81\x01\x00",  # a length longer than it need be
        b"\x9f" + b"\xff" * 64,  # a tag number without an end
        b"\x30\x82\x0f\xfc" * 1000,  # nesting
        b"\x30\x03\x02\x01\x01",
    ],
    ids=range(10),
)
def test_no_certificate(refused, make, data):
    assert refused([data, *make().x5c()]) is RefusalReason.CHAIN_MALFORMED


def test_random_bytes(refused):
    dice = random.Random(1)  # noqa: S311 - a seed, so that a failure is found again
    for _ in range(300):
        assert refused(dice.randbytes(dice.randrange(64)) for _ in range(3)) is RefusalReason.CHAIN_MALFORMED


def test_mutated_key_descriptions(make):
    """Signed all the same, so that the decoder behind the signature's structure is reached."""
    dice = random.Random(2)  # noqa: S311 - a seed, so that a failure is found again
    whole = make().key_description()
    for _ in range(150):
        changed = bytearray(whole)
        for _ in range(dice.randrange(1, 4)):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        assert isinstance(make(description=bytes(changed)).verify(), VerifiedAndroidKey | Refused)
    for size in range(0, len(whole), 5):
        assert make(description=whole[:size]).verify().reason is RefusalReason.KEY_DESCRIPTION_MALFORMED


@pytest.mark.parametrize("tag", [1, 2, 701, 702, 704, 706])
def test_values_of_any_type(make, kit, tag):
    dice = random.Random(tag)  # noqa: S311 - a seed, so that a failure is found again
    for _ in range(20):
        value = kit.tlv(f"{dice.randrange(1, 31):02x}", dice.randbytes(dice.randrange(20)))
        assert isinstance(make(hardware={**kit.HARDWARE, tag: value}).verify(), VerifiedAndroidKey | Refused)


def test_a_huge_integer(reason_of, kit):
    hardware = {**kit.HARDWARE, 705: kit.integer(1 << 4000)}
    assert reason_of(hardware=hardware) is RefusalReason.KEY_DESCRIPTION_MALFORMED


def test_deep_nesting_in_a_key_description(reason_of, kit):
    nested = b""
    for _ in range(400):
        nested = kit.tlv("30", nested)
    assert reason_of(hardware={**kit.HARDWARE, 1: nested}) is RefusalReason.KEY_DESCRIPTION_MALFORMED


def test_many_members(reason_of, kit):
    extra = b"".join(kit.tagged(tag, kit.integer(1)) for tag in range(1000, 1200))
    assert reason_of(extra_hardware=extra) is RefusalReason.KEY_DESCRIPTION_MALFORMED


def test_a_forged_chain_costs_no_signature(make, kit, monkeypatch):
    """Wrong challenge, level, position and dates are seen before the first signature is checked."""
    checked = []
    monkeypatch.setattr(chain, "is_signed_by", lambda *_, **__: checked.append(1))
    expired = (kit.NOW.replace(year=2020), kit.NOW.replace(year=2021))
    for changes in (
        {"challenge": bytes(32)},
        {"key_level": 0},
        {"description_in": (1,)},
        {"with_description": False},
        {"intermediate_dates": expired, "name": kit.REMOTE_NAME},
        {"leaf_kind": "P-384"},
    ):
        assert isinstance(make(**changes).verify(), Refused)
    assert not checked
