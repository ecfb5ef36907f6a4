"""The system's time and randomness keep what the ports promise."""

from datetime import timedelta

from chalicelib.aws.clock import SystemClock, SystemRandomness


def test_now_is_aware_and_utc():
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_monotonic_does_not_go_back():
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_random_bytes_have_the_size_asked_for_and_do_not_repeat():
    drawn = [SystemRandomness().token_bytes(16) for _ in range(1_000)]
    assert {len(value) for value in drawn} == {16}
    assert len(set(drawn)) == 1_000
