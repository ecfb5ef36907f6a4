"""Google's revocation list: what it lists is found however it is spelt, and what it is not is not taken for it."""

import json
from pathlib import Path

import pytest

from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.google_status import StatusEntry, parse_status_list

STATUS = Path(__file__).resolve().parents[2] / "../shared/vectors/status"


def listing(**entries):
    return json.dumps({"entries": entries}).encode()


def test_keys_are_hex_even_when_they_have_digits_only():
    statuses = parse_status_list(listing(**{"10": {"status": "REVOKED"}}))
    assert statuses.lookup([16]) == (StatusEntry("REVOKED"),)
    assert statuses.lookup([10]) == ()


@pytest.mark.parametrize("key", ["2c8cdddfd5e03bfc", "2C8CDDDFD5E03BFC", "002c8cdddfd5e03bfc"])
def test_neither_case_nor_zeros_hide_a_key(key):
    statuses = parse_status_list(listing(**{key: {"status": "REVOKED", "reason": "KEY_COMPROMISE"}}))
    assert statuses.lookup([1, 0x2C8CDDDFD5E03BFC]) == (StatusEntry("REVOKED", "KEY_COMPROMISE"),)


@pytest.mark.parametrize("status", ["REVOKED", "SUSPENDED", "A_WORD_OF_TOMORROW"])
def test_any_status_is_an_entry(status):
    assert parse_status_list(listing(a={"status": status})).lookup([10]) == (StatusEntry(status),)


def test_unknown_members_are_ignored():
    data = json.dumps(
        {"entries": {"a": {"status": "REVOKED", "expires": "2020-11-13", "new": 1}}, "etag": "x"}
    ).encode()
    assert parse_status_list(data).lookup([10]) == (StatusEntry("REVOKED"),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"entries": []}',
        b'{"entries": {"a": "REVOKED"}}',
        b'{"entries": {"a": {}}}',
        b'{"entries": {"a": {"status": ""}}}',
        b'{"entries": {"a": {"status": 1}}}',
        b'{"entries": {"a": {"status": "REVOKED", "reason": 1}}}',
        b'{"entries": {"": {"status": "REVOKED"}}}',
        b'{"entries": {"0x1": {"status": "REVOKED"}}}',
        b'{"entries": {"-1": {"status": "REVOKED"}}}',
        b'{"entries": {"1_0": {"status": "REVOKED"}}}',
        b'{"entries": {"\xd9\xa1": {"status": "REVOKED"}}}',  # a digit, not an ASCII one
        b'{"entries": {"' + b"1" * 41 + b'": {"status": "REVOKED"}}}',
        b'{"entries": {"a": {"status": "REVOKED"}, "0a": {"status": "SUSPENDED"}}}',
        b'{"entries": {"a": {"status": "REVOKED"}}, "entries": {}}',
        b'{"entries": {}, "etag": NaN}',
        b'{"entries": ' + b"[" * 100_000,
        b"\xef\xbb\xbf" + b'{"entries": {}}',
    ],
    ids=range(21),
)
def test_what_is_not_the_list_is_unusable(data):
    with pytest.raises(UnusableEndorsement):
        parse_status_list(data)


def test_too_large():
    with pytest.raises(UnusableEndorsement, match="larger"):
        parse_status_list(b'{"entries": {}}' + b" " * (4 * 1024 * 1024))


@pytest.mark.skipif(not STATUS.exists(), reason="the shared vectors are not beside the repository")
def test_the_published_list():
    statuses = parse_status_list((STATUS / "google_status_snapshot_2025-01.json").read_bytes())
    assert len(statuses.entries) == 467
    assert statuses.lookup([0x6681152659205225093]) == (StatusEntry("REVOKED", "KEY_COMPROMISE"),)
    assert statuses.lookup([6681152659205225093]) == ()
