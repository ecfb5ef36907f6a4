"""What phones keep to themselves: keys, counters, clocks and conditions."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from assay_toolkit.simulator.conditions import CONDITIONS, SOUND, Platform
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.submission import ProtectedRequest

PHONES = {Platform.ANDROID: AndroidPhone, Platform.APPLE: ApplePhone}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
REQUEST = ProtectedRequest(method="GET", url="https://api.bank.example/v1/balance")


@pytest.fixture
def make_phone(counted_bytes):
    def make(platform, condition=SOUND, clock=lambda: NOW):
        return PHONES[platform](
            app="demo-bank",
            audience="https://api.bank.example",
            condition=condition,
            randomness=counted_bytes,
            clock=clock,
        )

    return make


@pytest.mark.parametrize("platform", list(Platform))
def test_each_enrolment_makes_a_new_instance_and_renewals_stay_with_it(make_phone, platform):
    phone = make_phone(platform)
    phone.build_enrolment(challenge=bytes(32))
    first = phone.jkt
    phone.build_renewal(challenge=bytes(32))
    assert phone.jkt == first
    phone.build_enrolment(challenge=bytes(32))
    assert phone.jkt != first


def test_a_new_enrolment_has_a_new_app_attest_key_and_counts_from_the_start(make_phone):
    phone = make_phone(Platform.APPLE)
    phone.build_enrolment(challenge=bytes(32))
    phone.build_renewal(challenge=bytes(32))
    first, counted = phone.key_id, phone.counter
    phone.build_enrolment(challenge=bytes(32))
    assert phone.key_id != first
    assert (counted, phone.counter) == (1, 0)


def test_what_the_phone_signs_follows_the_services_clock(make_phone):
    now = NOW - timedelta(days=3)
    phone = make_phone(Platform.ANDROID, clock=lambda: now)
    phone.hear_time(int(NOW.timestamp()))
    now += timedelta(seconds=90)
    proof = phone.possession_proof(token="t.o.k", request=REQUEST)
    claims = jwt.decode(proof, options={"verify_signature": False})
    assert claims["iat"] == int(NOW.timestamp()) + 90


def test_each_proof_of_possession_has_an_id_of_its_own(make_phone):
    phone = make_phone(Platform.ANDROID)
    proofs = [phone.possession_proof(token="t.o.k", request=REQUEST) for _ in range(2)]
    ids = [jwt.decode(proof, options={"verify_signature": False})["jti"] for proof in proofs]
    assert ids[0] != ids[1]
    assert all(16 <= len(jti) <= 64 for jti in ids)


def test_a_phone_that_falls_ill_keeps_its_hardware(make_phone):
    phone = make_phone(Platform.ANDROID)
    batch = phone.batch
    phone.condition = CONDITIONS["hooked"]
    assert phone.batch is batch
    assert b'"hooking":"detected"' in phone.rasp_report()


def test_a_phone_is_in_no_condition_of_the_other_platform(make_phone):
    with pytest.raises(ValueError, match="cannot be emulator"):
        make_phone(Platform.APPLE, CONDITIONS["emulator"])


@pytest.mark.parametrize("platform", list(Platform))
def test_the_same_randomness_makes_the_same_instance(platform):
    def make():
        return PHONES[platform](
            app="demo-bank", audience="https://api.bank.example", randomness=lambda size: b"\x07" * size
        )

    assert make().jkt == make().jkt


def test_patch_levels_follow_the_clock_over_the_turn_of_the_year(make_phone):
    phone = make_phone(Platform.ANDROID, clock=lambda: datetime(2027, 1, 9, tzinfo=UTC))
    parameters = phone.key_parameters()
    assert (parameters.os_patch_level, parameters.vendor_patch_level) == (202612, 20261205)
