"""One change to a good attestation at a time, and the reason it gets."""

import hashlib
from datetime import timedelta

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.endorsements.anchors import AnchorSet, anchors_from_pem
from chalicelib.endorsements.apple_roots import APPLE_ANCHORS
from chalicelib.model.claims import AppleEnvironment, AppleValidation, VerifiedAppleAttestation
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.app_attest import verify_attestation

MALFORMED = RefusalReason.APP_ATTEST_MALFORMED
CHAIN = RefusalReason.APP_ATTEST_CHAIN
EXPIRED = RefusalReason.APP_ATTEST_EXPIRED
NONCE = RefusalReason.APP_ATTEST_NONCE
KEY_ID = RefusalReason.APP_ATTEST_KEY_ID
APP_ID = RefusalReason.APP_ATTEST_APP_ID
ENVIRONMENT = RefusalReason.APP_ATTEST_ENVIRONMENT
COUNTER = RefusalReason.APP_ATTEST_COUNTER

# As an iPhone with iOS 27 writes it: a category of four bytes, low first, and CFBundleVersion.
IOS_27_ENDING = {"apple_bundle_version_01": "1", "apple_validation_category_01": b"\x04\x00\x00\x00"}


def verify(attestation):
    return verify_attestation(attestation.submitted(), **attestation.arguments())


def test_a_good_one_gives_its_claims(forge):
    attestation = forge.Attestation()
    public = forge.point(forge.CREDENTIAL_KEY)
    verified = verify(attestation)
    assert isinstance(verified, VerifiedAppleAttestation)
    assert verified.key_id == hashlib.sha256(public).digest()
    assert verified.public_key.x962 == public
    assert verified.app_id == "ABCDE12345.com.example.bank"
    assert verified.environment is AppleEnvironment.PRODUCTION
    assert verified.counter == 0
    assert verified.receipt == b"a receipt"
    assert verified.certificate_serials == (1010, 1025)
    assert verified.validation == AppleValidation(validation_category=None, bundle_version=None)


@pytest.mark.parametrize("flags", [0x00, 0x40, 0x80, 0xC0])
def test_the_ending_of_ios_27_is_read_whatever_the_flags_say(forge, flags):
    verified = verify(forge.Attestation(flags=flags, ending=cbor2.dumps(IOS_27_ENDING)))
    assert isinstance(verified, VerifiedAppleAttestation)
    assert verified.validation == AppleValidation(validation_category=4, bundle_version="1")


def test_the_category_may_be_an_integer_as_the_page_describes_it(forge):
    verified = verify(forge.Attestation(ending=cbor2.dumps({"apple_validation_category_01": 10})))
    assert isinstance(verified, VerifiedAppleAttestation)
    assert verified.validation.validation_category == 10


def test_members_that_apple_adds_to_the_ending_are_reported(forge):
    ending = cbor2.dumps({**IOS_27_ENDING, "apple_later_02": b"x", "apple_later_01": [1]})
    verified = verify(forge.Attestation(ending=ending))
    assert isinstance(verified, VerifiedAppleAttestation)
    assert verified.validation.unknown_members == ("apple_later_01", "apple_later_02")


@pytest.mark.parametrize("value", [True, None, 0.5, [[[[[1]]]]], {"a": {"b": {"c": {}}}}])
def test_what_an_unknown_member_of_the_ending_holds_is_not_minded(forge, value):
    verified = verify(forge.Attestation(ending=cbor2.dumps({**IOS_27_ENDING, "apple_later_01": value})))
    assert isinstance(verified, VerifiedAppleAttestation)
    assert verified.validation == AppleValidation(
        validation_category=4, bundle_version="1", unknown_members=("apple_later_01",)
    )


def test_any_receipt_will_do_here(forge):
    for receipt in (b"", b"a receipt"):
        verified = verify(forge.Attestation(statement={"receipt": receipt}))
        assert isinstance(verified, VerifiedAppleAttestation)
        assert verified.receipt == receipt


def test_members_come_in_any_order(forge):
    members = cbor2.loads(forge.Attestation().encoded())
    turned = cbor2.dumps(dict(reversed(members.items())))
    assert isinstance(verify(forge.Attestation(raw=turned)), VerifiedAppleAttestation)


def changed_members(**members):
    return lambda forge: forge.Attestation(members=members)


def changed_ending(ending):
    return lambda forge: forge.Attestation(ending=ending if isinstance(ending, bytes) else cbor2.dumps(ending))


def changed_cose(**changes):
    labels = {"kty": 1, "alg": 3, "crv": -1, "x": -2, "y": -3, "kid": 2}

    def make(forge):
        key = forge.cose(forge.CREDENTIAL_KEY)
        key.update({labels[name]: value for name, value in changes.items()})
        return forge.Attestation(cose_key=cbor2.dumps({label: value for label, value in key.items() if value != "-"}))

    return make


def raw(change):
    return lambda forge: forge.Attestation(raw=change(forge.Attestation().encoded()))


def repeated_member(forge):
    encoded = forge.Attestation().encoded()
    assert encoded[0] == 0xA3
    return forge.Attestation(raw=b"\xa4" + encoded[1:] + cbor2.dumps("fmt") + cbor2.dumps("apple-appattest"))


def chain_of(*positions):
    def make(forge):
        made = [*forge.Attestation().certificates(), b"\x30\x03\x02\x01\x01"]
        return forge.Attestation(x5c=[made[position] for position in positions])

    return make


def leaf_with_trailing_byte(forge):
    leaf, issuer = forge.Attestation().certificates()
    return forge.Attestation(x5c=[leaf + b"\x00", issuer])


MALFORMED_OBJECTS = {
    "empty": raw(lambda _: b""),
    "trailing byte": raw(lambda encoded: encoded + b"\x00"),
    "cut short": raw(lambda encoded: encoded[:-1]),
    "an array": raw(lambda _: b"\x83\x01\x02\x03"),
    "indefinite outer map": raw(lambda encoded: b"\xbf" + encoded[1:] + b"\xff"),
    "tagged": raw(lambda encoded: b"\xd9\xd9\xf7" + encoded),
    "a length that lies": raw(lambda _: b"\xa1\x63fmt\x7b\x7f\xff\xff\xff\xff\xff\xff\xff"),
    "too long": changed_members(authData=b"\x00" * 40_000),
    "repeated member": repeated_member,
    "unlisted member": changed_members(extra=1),
    "member with integer key": lambda forge: forge.Attestation(members={1: 2}),
    "fmt of another format": changed_members(fmt="apple"),
    "fmt longer": changed_members(fmt="apple-appattest2"),
    "fmt as bytes": changed_members(fmt=b"apple-appattest"),
    "attStmt not a map": changed_members(attStmt=[]),
    "attStmt without x5c": changed_members(attStmt={"receipt": b""}),
    "attStmt without receipt": lambda forge: forge.Attestation(
        members={"attStmt": {"x5c": forge.Attestation().certificates()}}
    ),
    "attStmt with an unlisted member": lambda forge: forge.Attestation(statement={"alg": -7}),
    "x5c not an array": lambda forge: forge.Attestation(statement={"x5c": b"certificates"}),
    "x5c of text": lambda forge: forge.Attestation(statement={"x5c": ["a", "b"]}),
    "receipt as text": lambda forge: forge.Attestation(statement={"receipt": "text"}),
    "receipt null": lambda forge: forge.Attestation(statement={"receipt": None}),
    "authData as text": changed_members(authData="text"),
    "authData empty": changed_members(authData=b""),
    "authData ends in the header": changed_members(authData=b"\x00" * 36),
    "authData ends before the credential": changed_members(authData=b"\x00" * 37),
    "credential id length 16": lambda forge: forge.Attestation(credential_id_length=16),
    "credential id length 65535": lambda forge: forge.Attestation(credential_id_length=65535),
    "credential id length 0": lambda forge: forge.Attestation(credential_id_length=0),
    "no COSE key": lambda forge: forge.Attestation(cose_key=b""),
    "COSE key not a map": lambda forge: forge.Attestation(cose_key=b"\x01"),
    "COSE key RSA": changed_cose(kty=3),
    "COSE key ES384": changed_cose(alg=-35),
    "COSE key P-384": changed_cose(crv=2),
    "COSE key with kid": changed_cose(kid=b"kid"),
    "COSE key without y": changed_cose(y="-"),
    "COSE key with short x": changed_cose(x=b"\x01" * 31),
    "COSE key with x as text": changed_cose(x="x" * 32),
    "COSE key compressed": changed_cose(y=True),
    "second COSE key": lambda forge: forge.Attestation(ending=cbor2.dumps(forge.cose(forge.OTHER_KEY))),
    "the same COSE key twice": lambda forge: forge.Attestation(ending=cbor2.dumps(forge.cose(forge.CREDENTIAL_KEY))),
    "two endings": changed_ending(cbor2.dumps({"a": 1}) + cbor2.dumps({"b": 1})),
    "a byte after the ending": changed_ending(cbor2.dumps(IOS_27_ENDING) + b"\x00"),
    "a bare byte as ending": changed_ending(b"\x00"),
    "an ending of another type": changed_ending([1]),
    "an ending with an integer key": changed_ending({**IOS_27_ENDING, 1: 2}),
    "an ending with many members": changed_ending({f"name{number}": number for number in range(17)}),
    "an ending that is long": changed_ending({"a": b"\x00" * 1_100}),
    "an ending with a long name": changed_ending({"a" * 65: 1}),
    "a category of 3 bytes": changed_ending({"apple_validation_category_01": b"\x04\x00\x00"}),
    "a category of 5 bytes": changed_ending({"apple_validation_category_01": b"\x04\x00\x00\x00\x00"}),
    "a category as text": changed_ending({"apple_validation_category_01": "4"}),
    "a category below zero": changed_ending({"apple_validation_category_01": -1}),
    "a category above 32 bits": changed_ending({"apple_validation_category_01": 1 << 32}),
    "a bundle version as integer": changed_ending({"apple_bundle_version_01": 1}),
    "a bundle version that is long": changed_ending({"apple_bundle_version_01": "1" * 65}),
    "a certificate that is none": chain_of(2, 1),
    "an intermediate that is none": chain_of(0, 2),
    "a byte after a certificate": leaf_with_trailing_byte,
    "no nonce extension": lambda forge: forge.Attestation(leaf={"extra": []}),
    "credential signed with SHA-512": lambda forge: forge.Attestation(leaf={"algorithm": hashes.SHA512()}),
    "no basic constraints": lambda forge: forge.Attestation(leaf={"basic_constraints": False}),
}


@pytest.mark.parametrize("make", MALFORMED_OBJECTS.values(), ids=MALFORMED_OBJECTS.keys())
def test_malformed(forge, make):
    refused = verify(make(forge))
    assert isinstance(refused, Refused)
    assert refused.reason is MALFORMED


DAY = timedelta(days=1)
UNTRUE_OBJECTS = {
    "one certificate": (chain_of(0), CHAIN),
    "three certificates": (chain_of(0, 1, 1), CHAIN),
    "no certificate": (lambda forge: forge.Attestation(statement={"x5c": []}), CHAIN),
    "swapped certificates": (chain_of(1, 0), CHAIN),
    "the credential twice": (chain_of(0, 0), CHAIN),
    "credential that may sign certificates": (lambda forge: forge.Attestation(leaf={"authority": True}), CHAIN),
    "credential of another intermediate": (
        lambda forge: forge.Attestation(leaf={"signer": ec.generate_private_key(ec.SECP384R1())}),
        CHAIN,
    ),
    "credential of another issuer name": (lambda forge: forge.Attestation(leaf={"issuer": "Another CA"}), CHAIN),
    "credential with a critical extension": (
        lambda forge: forge.Attestation(leaf={"extra": [(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00", True)]}),
        CHAIN,
    ),
    "intermediate of another root": (
        lambda forge: forge.Attestation(issuer={"signer": ec.generate_private_key(ec.SECP384R1())}),
        CHAIN,
    ),
    "intermediate with an RSA key": (
        lambda forge: forge.Attestation(issuer={"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)}),
        CHAIN,
    ),
    "credential on P-384": (
        lambda forge: forge.Attestation(leaf={"key": ec.generate_private_key(ec.SECP384R1())}),
        CHAIN,
    ),
    "no anchors": (lambda forge: forge.Attestation(told={"anchors": AnchorSet(anchors=())}), CHAIN),
    "Apple's anchors": (lambda forge: forge.Attestation(told={"anchors": APPLE_ANCHORS}), CHAIN),
    "expired credential": (
        lambda forge: forge.Attestation(leaf={"not_before": forge.NOW - 3 * DAY, "not_after": forge.NOW - DAY}),
        EXPIRED,
    ),
    "credential of tomorrow": (lambda forge: forge.Attestation(leaf={"not_before": forge.NOW + DAY}), EXPIRED),
    "expired intermediate": (
        lambda forge: forge.Attestation(issuer={"not_before": forge.NOW - 3 * DAY, "not_after": forge.NOW - DAY}),
        EXPIRED,
    ),
    "intermediate of tomorrow": (lambda forge: forge.Attestation(issuer={"not_before": forge.NOW + DAY}), EXPIRED),
    "other client data": (lambda forge: forge.Attestation(told={"client_data_hash": b"\x00" * 32}), NONCE),
    "another nonce": (lambda forge: forge.Attestation(nonce=b"\x00" * 32), NONCE),
    "key id of another key": (lambda forge: forge.Attestation(key_id=b"\x01" * 32), KEY_ID),
    "key id empty": (lambda forge: forge.Attestation(key_id=b"\x00"), KEY_ID),
    "credential id of another key": (lambda forge: forge.Attestation(credential_id=b"\x01" * 32), KEY_ID),
    "certificate of another key": (lambda forge: forge.Attestation(leaf={"key": forge.OTHER_KEY}), KEY_ID),
    "COSE key of another key": (
        lambda forge: forge.Attestation(cose_key=cbor2.dumps(forge.cose(forge.OTHER_KEY))),
        KEY_ID,
    ),
    "another app": (lambda forge: forge.Attestation(app_id="ABCDE12345.com.example.bank2"), APP_ID),
    "no app told": (lambda forge: forge.Attestation(told={"app_ids": ()}), APP_ID),
    "counter 1": (lambda forge: forge.Attestation(counter=1), COUNTER),
    "development": (lambda forge: forge.Attestation(aaguid=b"appattestdevelop"), ENVIRONMENT),
    "an environment that starts right": (
        lambda forge: forge.Attestation(aaguid=b"appattest\x00\x00\x00\x00\x00\x00\x01"),
        ENVIRONMENT,
    ),
    "development told": (
        lambda forge: forge.Attestation(told={"environment": AppleEnvironment.DEVELOPMENT}),
        ENVIRONMENT,
    ),
    "development that starts right": (
        lambda forge: forge.Attestation(
            aaguid=b"appattestdevelo\x00", told={"environment": AppleEnvironment.DEVELOPMENT}
        ),
        ENVIRONMENT,
    ),
}


@pytest.mark.parametrize(("make", "reason"), UNTRUE_OBJECTS.values(), ids=UNTRUE_OBJECTS.keys())
def test_refused(forge, make, reason):
    refused = verify(make(forge))
    assert isinstance(refused, Refused)
    assert refused.reason is reason


def test_a_remembered_intermediate_is_not_trusted_under_other_anchors(forge):
    attestation = forge.Attestation()
    assert isinstance(verify(attestation), VerifiedAppleAttestation)
    attestation.told = {"anchors": APPLE_ANCHORS}
    refused = verify(attestation)
    assert isinstance(refused, Refused)
    assert refused.reason is CHAIN


def test_a_remembered_intermediate_expires(forge):
    attestation = forge.Attestation(leaf={"not_after": forge.NOW + timedelta(days=400)})
    assert isinstance(verify(attestation), VerifiedAppleAttestation)
    attestation.told = {"now": forge.NOW + timedelta(days=3)}
    refused = verify(attestation)
    assert isinstance(refused, Refused)
    assert refused.reason is EXPIRED


def pem_of(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "other",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["P-384", "RSA", "Ed25519"],
)
def test_one_of_several_anchors_is_enough(forge, other):
    anchors = anchors_from_pem(pem_of(other), name="other") + anchors_from_pem(forge.ROOT_PEM, name="test root")
    assert isinstance(verify(forge.Attestation(told={"anchors": anchors})), VerifiedAppleAttestation)


def test_details_hold_no_evidence(forge):
    for make, _ in UNTRUE_OBJECTS.values():
        refused = verify(make(forge))
        assert isinstance(refused, Refused)
        assert "com.example" not in refused.detail
