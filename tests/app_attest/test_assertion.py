"""One change to a good assertion at a time, and the reason it gets."""

import cbor2
import pytest

from chalicelib.model.claims import AppleValidation, VerifiedAppleAssertion
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.app_attest import verify_assertion

MALFORMED = RefusalReason.APP_ATTEST_MALFORMED
SIGNATURE = RefusalReason.APP_ATTEST_SIGNATURE
COUNTER = RefusalReason.COUNTER_OVERTAKEN
APP_ID = RefusalReason.APP_ATTEST_APP_ID
KEY_ID = RefusalReason.APP_ATTEST_KEY_ID


def verify(assertion):
    return verify_assertion(assertion.submitted(), **assertion.arguments())


def test_a_good_one_gives_its_claims(forge):
    verified = verify(forge.Assertion())
    assert isinstance(verified, VerifiedAppleAssertion)
    assert verified.counter == 8
    assert verified.app_id == "ABCDE12345.com.example.bank"
    assert verified.validation == AppleValidation(validation_category=None, bundle_version=None)


@pytest.mark.parametrize("flags", [0x00, 0x40, 0x80, 0xC0])
def test_the_ending_of_ios_27_is_read_whatever_the_flags_say(forge, flags):
    ending = cbor2.dumps({"apple_bundle_version_01": "42", "apple_validation_category_01": b"\x02\x00\x00\x00"})
    verified = verify(forge.Assertion(flags=flags, ending=ending))
    assert isinstance(verified, VerifiedAppleAssertion)
    assert verified.validation == AppleValidation(validation_category=2, bundle_version="42")


@pytest.mark.parametrize("counter", [8, 9, 0xFFFFFFFF])
def test_any_higher_counter_is_taken(forge, counter):
    verified = verify(forge.Assertion(counter=counter))
    assert isinstance(verified, VerifiedAppleAssertion)
    assert verified.counter == counter


def other_public_key(forge):
    point = forge.point(forge.OTHER_KEY)
    return EcPublicJwk(x=point[1:33], y=point[33:])


UNTRUE = {
    "empty": (lambda forge: forge.Assertion(raw=b"\x00"), MALFORMED),
    "trailing byte": (lambda forge: forge.Assertion(raw=forge.Assertion().encoded() + b"\x00"), MALFORMED),
    "cut short": (lambda forge: forge.Assertion(raw=forge.Assertion().encoded()[:-1]), MALFORMED),
    "too long": (lambda forge: forge.Assertion(members={"signature": b"\x30" * 5_000}), MALFORMED),
    "no signature": (lambda forge: forge.Assertion(raw=cbor2.dumps({"authenticatorData": b"\x00" * 37})), MALFORMED),
    "signature as text": (lambda forge: forge.Assertion(members={"signature": "text"}), MALFORMED),
    "unlisted member": (lambda forge: forge.Assertion(members={"extra": 1}), MALFORMED),
    "authenticator data short": (lambda forge: forge.Assertion(members={"authenticatorData": b"\x00" * 36}), MALFORMED),
    "authenticator data as list": (lambda forge: forge.Assertion(members={"authenticatorData": [0] * 37}), MALFORMED),
    "a byte after the header": (lambda forge: forge.Assertion(ending=b"\x00"), MALFORMED),
    "a COSE key as ending": (
        lambda forge: forge.Assertion(ending=cbor2.dumps(forge.cose(forge.OTHER_KEY))),
        MALFORMED,
    ),
    "key id of another key": (lambda forge: forge.Assertion(key_id=b"\x01" * 32), KEY_ID),
    "another app": (lambda forge: forge.Assertion(app_id="ABCDE12345.com.example.other"), APP_ID),
    "the stored counter": (lambda forge: forge.Assertion(counter=7), COUNTER),
    "an older counter": (lambda forge: forge.Assertion(counter=6), COUNTER),
    "counter 0 of a fresh key": (lambda forge: forge.Assertion(counter=0, told={"stored_counter": 0}), COUNTER),
    "counter 0 and nothing stored": (lambda forge: forge.Assertion(counter=0, told={"stored_counter": -1}), COUNTER),
    "other client data": (lambda forge: forge.Assertion(told={"client_data_hash": b"\x00" * 32}), SIGNATURE),
    "signed by another key": (lambda forge: forge.Assertion(key=forge.OTHER_KEY), SIGNATURE),
    "another enrolled key": (
        lambda forge: forge.Assertion(told={"public_key": other_public_key(forge)}),
        SIGNATURE,
    ),
    "nonce hashed once": (lambda forge: forge.Assertion(hash_nonce_again=False), SIGNATURE),
    "empty signature": (lambda forge: forge.Assertion(members={"signature": b""}), SIGNATURE),
    "signature that is no DER": (lambda forge: forge.Assertion(members={"signature": b"\x00" * 64}), SIGNATURE),
    "signature of zeros": (
        lambda forge: forge.Assertion(members={"signature": b"\x30\x06\x02\x01\x00\x02\x01\x00"}),
        SIGNATURE,
    ),
}


@pytest.mark.parametrize(("make", "reason"), UNTRUE.values(), ids=UNTRUE.keys())
def test_refused(forge, make, reason):
    refused = verify(make(forge))
    assert isinstance(refused, Refused)
    assert refused.reason is reason


def test_a_byte_after_the_signature_is_refused(forge):
    members = cbor2.loads(forge.Assertion().encoded())
    members["signature"] += b"\x00"
    refused = verify(forge.Assertion(raw=cbor2.dumps(members)))
    assert isinstance(refused, Refused)
    assert refused.reason is SIGNATURE
