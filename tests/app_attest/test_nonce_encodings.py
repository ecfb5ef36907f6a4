"""The nonce extension of the credential certificate: one encoding is taken (Apple's page shows it), and no other.

Apple vouches for each of these in a test chain, and the 32 bytes in them are the right ones wherever they fit.
"""

import base64
import hashlib

import pytest

from chalicelib.model.claims import VerifiedAppleAttestation
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.app_attest import verify_attestation

NONCE_BYTES = bytes(range(32))  # stands for the nonce until it is known
OCTETS = b"\x04\x20" + NONCE_BYTES
TAGGED = b"\xa1\x22" + OCTETS
GOOD = b"\x30\x24" + TAGGED
SHORT, LONG = NONCE_BYTES[:31], NONCE_BYTES + b"\x00"
HALVES = b"\x04\x10" + NONCE_BYTES[:16] + b"\x04\x10" + NONCE_BYTES[16:]

NONCE_ENCODINGS = {
    "nothing": b"",
    "an empty sequence": b"\x30\x00",
    "the nonce alone": NONCE_BYTES,
    "the octets alone": OCTETS,
    "the tag alone": TAGGED,
    "octets in a sequence": b"\x30\x22" + OCTETS,
    "octets in two sequences": b"\x30\x24\x30\x22" + OCTETS,
    "the whole in octets": b"\x04\x26" + GOOD,
    "the whole in a sequence": b"\x30\x26" + GOOD,
    "the whole in a set": b"\x31\x24" + TAGGED,
    "a tag in the sequence's place": b"\xa0\x24" + TAGGED,
    "a primitive sequence": b"\x10\x24" + TAGGED,
    "a sequence of another class": b"\x70\x24" + TAGGED,
    "tag 0": b"\x30\x24\xa0\x22" + OCTETS,
    "tag 2": b"\x30\x24\xa2\x22" + OCTETS,
    "tag 1, primitive": b"\x30\x24\x81\x22" + OCTETS,
    "tag 1, implicit": b"\x30\x22\x81\x20" + NONCE_BYTES,
    "tag 1 of the application class": b"\x30\x24\x61\x22" + OCTETS,
    "tag 1 of the private class": b"\x30\x24\xe1\x22" + OCTETS,
    "tag 1 in the long form": b"\x30\x25\xbf\x01\x22" + OCTETS,
    "tag 1 in tag 1": b"\x30\x26\xa1\x24" + TAGGED,
    "an empty tag": b"\x30\x02\xa1\x00",
    "UTF-8": b"\x30\x24\xa1\x22\x0c\x20" + NONCE_BYTES,
    "a bit string": b"\x30\x25\xa1\x23\x03\x21\x00" + NONCE_BYTES,
    "an integer": b"\x30\x24\xa1\x22\x02\x20" + b"\x01" + NONCE_BYTES[1:],
    "NULL": b"\x30\x04\xa1\x02\x05\x00",
    "a printable string": b"\x30\x24\xa1\x22\x13\x20" + b"a" * 32,
    "an object identifier": b"\x30\x05\xa1\x03\x06\x01\x2a",
    "constructed octets": b"\x30\x26\xa1\x24\x24\x22" + OCTETS,
    "octets in halves": b"\x30\x28\xa1\x26\x24\x24" + HALVES,
    "octets in halves, endless": b"\x30\x2a\xa1\x28\x24\x80" + HALVES + b"\x00\x00",
    "octets in halves, unwrapped": b"\x30\x26\xa1\x24" + HALVES,
    "31 octets": b"\x30\x23\xa1\x21\x04\x1f" + SHORT,
    "33 octets": b"\x30\x25\xa1\x23\x04\x21" + LONG,
    "no octets": b"\x30\x04\xa1\x02\x04\x00",
    "64 octets": b"\x30\x44\xa1\x42\x04\x40" + NONCE_BYTES * 2,
    "the octets' length too short": b"\x30\x24\xa1\x22\x04\x1f" + NONCE_BYTES,
    "the octets' length too long": b"\x30\x24\xa1\x22\x04\x21" + NONCE_BYTES,
    "the tag's length too short": b"\x30\x24\xa1\x21" + OCTETS,
    "the tag's length too long": b"\x30\x24\xa1\x23" + OCTETS,
    "the sequence's length too short": b"\x30\x23" + TAGGED,
    "the sequence's length too long": b"\x30\x25" + TAGGED,
    "the sequence's length huge": b"\x30\x84\x7f\xff\xff\xff" + TAGGED,
    "a length of 127 octets": b"\x30\xff" + b"\x00" * 126 + b"\x24" + TAGGED,
    "the sequence's length in the long form": b"\x30\x81\x24" + TAGGED,
    "the sequence's length in a longer form": b"\x30\x82\x00\x24" + TAGGED,
    "the tag's length in the long form": b"\x30\x25\xa1\x81\x22" + OCTETS,
    "the octets' length in the long form": b"\x30\x25\xa1\x23\x04\x81\x20" + NONCE_BYTES,
    "the sequence endless": b"\x30\x80" + TAGGED + b"\x00\x00",
    "the tag endless": b"\x30\x26\xa1\x80" + OCTETS + b"\x00\x00",
    "all endless": b"\x30\x80\xa1\x80" + OCTETS + b"\x00\x00\x00\x00",
    "the sequence endless, without its end": b"\x30\x80" + TAGGED,
    "a byte after the sequence": GOOD + b"\x00",
    "an end of contents after the sequence": GOOD + b"\x00\x00",
    "a second sequence": GOOD + GOOD,
    "a byte inside the sequence": b"\x30\x25" + TAGGED + b"\x00",
    "NULL inside the sequence": b"\x30\x26" + TAGGED + b"\x05\x00",
    "a number before the tag": b"\x30\x27\x02\x01\x01" + TAGGED,
    "tag 0 before the tag": b"\x30\x29\xa0\x03\x02\x01\x01" + TAGGED,
    "tag 2 after the tag": b"\x30\x29" + TAGGED + b"\xa2\x03\x02\x01\x01",
    "a byte inside the tag": b"\x30\x25\xa1\x23" + OCTETS + b"\x00",
    "NULL inside the tag": b"\x30\x26\xa1\x24" + OCTETS + b"\x05\x00",
    "two nonces in one tag": b"\x30\x46\xa1\x44" + OCTETS * 2,
    "two nonces in two tags": b"\x30\x48" + TAGGED * 2,
    "another nonce first": b"\x30\x48\xa1\x22\x04\x20" + b"\x00" * 32 + TAGGED,
    "a tag number above 30 without its end": b"\x30\x26\xbf\x81\x22" + OCTETS + b"\x00",
    "cut in the octets": GOOD[:-1],
    "cut after the tag": GOOD[:4],
    "cut after the first octet": GOOD[:1],
    "hex": b"\x30\x44\xa1\x42\x04\x40" + NONCE_BYTES.hex().encode(),
    "base64": b"\x30\x30\xa1\x2e\x04\x2c" + base64.b64encode(NONCE_BYTES),
    "CBOR": b"\x58\x20" + NONCE_BYTES,
}


def verify(forge, extension):
    plain = forge.Attestation()
    nonce = hashlib.sha256(plain.authenticator_data() + plain.client_data_hash).digest()
    value = extension.replace(NONCE_BYTES, nonce)
    attestation = forge.Attestation(leaf={"extra": [(forge.NONCE_OID, value, False)]})
    return verify_attestation(attestation.submitted(), **attestation.arguments())


@pytest.mark.parametrize("extension", NONCE_ENCODINGS.values(), ids=NONCE_ENCODINGS.keys())
def test_the_nonce_has_one_encoding(forge, extension):
    refused = verify(forge, extension)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.APP_ATTEST_MALFORMED


def test_and_that_one_is_taken(forge):
    assert isinstance(verify(forge, GOOD), VerifiedAppleAttestation)
