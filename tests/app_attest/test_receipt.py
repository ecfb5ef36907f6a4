"""Receipts under a root of this test run: what verifies, one change at a time, and the reason that it gets."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.endorsements.anchors import AnchorSet, anchors_from_pem
from chalicelib.endorsements.apple_roots import APPLE_ANCHORS, APPLE_RECEIPT_ANCHORS
from chalicelib.model.claims import AppleEnvironment, AppleReceiptKind, VerifiedReceipt
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.app_attest import verify_receipt

MALFORMED = RefusalReason.APPLE_RECEIPT_MALFORMED
SIGNATURE = RefusalReason.APPLE_RECEIPT_SIGNATURE
FOREIGN = RefusalReason.APPLE_RECEIPT_FOREIGN
EXPIRED = RefusalReason.APPLE_RECEIPT_EXPIRED

APP_ID = "ABCDE12345.com.example.bank"
SIGNER_KEY = ec.generate_private_key(ec.SECP256R1())
MARKER = (x509.ObjectIdentifier("1.2.840.113635.100.12.15"), b"\x05\x00", False)
CREATED = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

SIGNED_DATA = [0x06, bytes.fromhex("2a864886f70d010702")]
DATA = [0x06, bytes.fromhex("2a864886f70d010701")]
CONTENT_TYPE = [0x06, bytes.fromhex("2a864886f70d010903")]
MESSAGE_DIGEST = [0x06, bytes.fromhex("2a864886f70d010904")]
SIGNING_TIME = [0x06, bytes.fromhex("2a864886f70d010905")]
SHA256 = [0x30, [[0x06, bytes.fromhex("608648016503040201")], [0x05, b""]]]
SHA256_BARE = [0x30, [[0x06, bytes.fromhex("608648016503040201")]]]
SHA384 = [0x30, [[0x06, bytes.fromhex("608648016503040202")], [0x05, b""]]]
ECDSA_SHA256 = [0x30, [[0x06, bytes.fromhex("2a8648ce3d040302")]]]


@dataclass
class Receipt:
    """A receipt and what its verifier is told; every part can be changed, and the rest follows it.

    `attributes`: what is signed in the content's place, made from the content. `edit`: of the finished tree.
    """

    forge: object
    fields: dict = field(default_factory=dict)
    payload: bytes | None = None
    signer: dict = field(default_factory=dict)
    issuer: dict = field(default_factory=dict)
    key: object = SIGNER_KEY
    certificates: object = None
    attributes: object = None
    edit: object = None
    raw: object = None
    told: dict = field(default_factory=dict)

    def content(self):
        if self.payload is not None:
            return self.payload
        leaf = self.forge.credential(bytes(32)).der()
        fields = {
            2: APP_ID.encode(),
            3: leaf,
            4: bytes(32),
            5: b"a token",
            6: b"RECEIPT",
            7: b"production",
            12: b"2026-06-01T12:00:00Z",
            17: b"3",
            19: b"2026-06-02T12:00:00.5Z",
            21: b"2026-08-30T12:00:00.123Z",
            **self.fields,
        }
        return self.forge.encode(
            [0x31, [self.item(number, value) for number, value in fields.items() if value is not None]]
        )

    def item(self, number, value):
        return [0x30, [[0x02, bytes([number])], [0x02, b"\x01"], [0x04, value]]]

    def signing_certificate(self):
        return self.forge.credential(
            b"", **{"subject": "Receipt Signing", "key": SIGNER_KEY, "extra": [MARKER], **self.signer}
        ).der()

    def encoded(self):
        forge, content = self.forge, self.content()
        signer, issuer = self.signing_certificate(), forge.intermediate(**self.issuer).der()
        certificates = [signer, issuer, forge.root().der()]
        if self.certificates is not None:
            certificates = self.certificates(*certificates)
        loaded = x509.load_der_x509_certificate(signer)
        serial = loaded.serial_number.to_bytes(loaded.serial_number.bit_length() // 8 + 1)
        signed, attributes = content, []
        if self.attributes is not None:
            listed = self.attributes(hashlib.sha256(content).digest())
            signed = forge.encode([0x31, listed])
            attributes = [[0xA0, listed]]
        algorithm = ECDSA_SHA256
        information = [
            [0x02, b"\x01"],
            [0x30, [forge.tree(loaded.issuer.public_bytes()), [0x02, serial]]],
            SHA256,
            *attributes,
            algorithm,
            [0x04, self.key.sign(signed, ec.ECDSA(hashes.SHA256()))],
        ]
        signed_data = [
            [0x02, b"\x01"],
            [0x31, [SHA256]],
            [0x30, [DATA, [0xA0, [[0x04, content]]]]],
            [0xA0, certificates],
            [0x31, [[0x30, information]]],
        ]
        whole = [0x30, [SIGNED_DATA, [0xA0, [[0x30, signed_data]]]]]
        if self.edit is not None:
            self.edit(signed_data)
        encoded = forge.encode(whole)
        return encoded if self.raw is None else self.raw(encoded)

    def arguments(self):
        point = self.forge.point(self.forge.CREDENTIAL_KEY)
        return {
            "app_id": APP_ID,
            "public_key": EcPublicJwk(x=point[1:33], y=point[33:]),
            "anchors": anchors_from_pem(self.forge.ROOT_PEM, name="test root"),
            "now": CREATED + DAY,
            **self.told,
        }


def verify(receipt):
    return verify_receipt(receipt.encoded(), **receipt.arguments())


def test_a_good_one_gives_its_claims(forge):
    verified = verify(Receipt(forge))
    assert isinstance(verified, VerifiedReceipt)
    assert verified.kind is AppleReceiptKind.RECEIPT
    assert verified.app_id == APP_ID
    assert verified.created_at == CREATED
    assert verified.not_before == datetime(2026, 6, 2, 12, 0, 0, 500_000, tzinfo=UTC)
    assert verified.expires_at == datetime(2026, 8, 30, 12, 0, 0, 123_000, tzinfo=UTC)
    assert verified.risk_metric == 3
    assert verified.environment is AppleEnvironment.PRODUCTION
    assert verified.fields[5] == b"a token"
    assert verified.unknown_fields == ()


def attributes(*extra, digest=None):
    def make(actual):
        return [
            [0x30, [CONTENT_TYPE, [0x31, [DATA]]]],
            [0x30, [MESSAGE_DIGEST, [0x31, [[0x04, digest or actual]]]]],
            *extra,
        ]

    return make


A_TIME = [0x30, [SIGNING_TIME, [0x31, [[0x17, b"260601120000Z"]]]]]

GOOD_ONES = {
    "of an attestation": {"fields": {6: b"ATTEST", 17: None, 19: None}},
    "without the fields that nobody reads": {"fields": {4: None, 5: None, 7: None}},
    "of an environment that nobody knows": {"fields": {7: b"staging"}},
    "with fields of next year": {"fields": {30: b"\xff", 31: b""}},
    "with signed attributes": {"attributes": attributes()},
    "with signed attributes and a time": {"attributes": attributes(A_TIME)},
    "without the root": {"certificates": lambda signer, issuer, _root: [signer, issuer]},
    "with its certificates turned": {"certificates": lambda *certificates: list(reversed(certificates))},
    "with a digest algorithm without parameters": {
        "edit": lambda parts: (parts[1].__setitem__(1, [SHA256_BARE]), parts[4][1][0][1].__setitem__(2, SHA256_BARE))
    },
    "on the day it ends": {"told": {"now": datetime(2026, 8, 30, 12, tzinfo=UTC)}},
    "of a certificate that has ended since": {
        "signer": {"not_after": CREATED + timedelta(hours=1)},
        "issuer": {"not_after": CREATED + timedelta(hours=1)},
        "told": {"now": CREATED + 80 * DAY},
    },
}


@pytest.mark.parametrize("changes", GOOD_ONES.values(), ids=GOOD_ONES.keys())
def test_verifies(forge, changes):
    assert isinstance(verify(Receipt(forge, **changes)), VerifiedReceipt)


def test_what_is_not_known_is_reported_and_what_is_not_stated_is_none(forge):
    verified = verify(Receipt(forge, fields={6: b"ATTEST", 7: b"staging", 17: None, 19: None, 40: b"x", 30: b"\xff"}))
    assert verified.kind is AppleReceiptKind.ATTEST
    assert (verified.environment, verified.risk_metric, verified.not_before) == (None, None, None)
    assert verified.unknown_fields == (30, 40)
    assert verified.fields[40] == b"x"


def test_the_test_environment_has_its_own_name(forge):
    assert verify(Receipt(forge, fields={7: b"sandbox"})).environment is AppleEnvironment.DEVELOPMENT


def part(at, change):
    return {"edit": lambda parts: change(parts[at][1])}


def information(at, node):
    """In the signer's information: 0 version, 1 name and serial, 2 digest, then algorithm and signature."""
    return {"edit": lambda parts: parts[4][1][0][1].__setitem__(at, node)}


def raw(change):
    return {"raw": change}


def other_leaf(forge):
    return forge.credential(bytes(32), key=forge.OTHER_KEY).der()


def without(oid):
    return lambda digest: [item for item in attributes()(digest) if item[1][0] != oid]


def endless(encoded):
    return b"\x30\x80" + encoded[4:] + b"\x00\x00"


UNTRUE = {
    # the container
    "nothing": (raw(lambda _: b""), MALFORMED),
    "a text": (raw(lambda _: b"a receipt"), MALFORMED),
    "cut": (raw(lambda encoded: encoded[:-1]), MALFORMED),
    "a byte more": (raw(lambda encoded: encoded + b"\x00"), MALFORMED),
    "an end of contents more": (raw(lambda encoded: encoded + b"\x00\x00"), MALFORMED),
    "20 KiB": (raw(lambda encoded: encoded + b"\x00" * 20_000), MALFORMED),
    "nested endlessly": (raw(lambda _: b"\x30\x80" * 8_000), MALFORMED),
    "nested in 9 endless lengths": (raw(lambda encoded: b"\x30\x80" * 9 + encoded + b"\x00\x00" * 9), MALFORMED),
    "thousands of values": (raw(lambda _: b"\x30\x80" + b"\x05\x00" * 8_000 + b"\x00\x00"), MALFORMED),
    "endless and without an end": (raw(lambda encoded: b"\x30\x80" + encoded[4:]), MALFORMED),
    "endless and primitive": (raw(lambda encoded: b"\x10\x80" + encoded[4:] + b"\x00\x00"), MALFORMED),
    "a length in a longer form": (raw(lambda encoded: b"\x30\x83\x00" + encoded[2:]), MALFORMED),
    "a length of 126 octets": (raw(lambda encoded: b"\x30\xfe" + encoded), MALFORMED),
    "a length beyond the end": (raw(lambda encoded: b"\x30\x84\x7f\xff\xff\xff" + encoded[4:]), MALFORMED),
    "a tag above 30": (raw(lambda encoded: b"\x3f\x1f\x00" + encoded), MALFORMED),
    "of another content type": ({"edit": lambda parts: parts.clear()}, MALFORMED),
    "of version 3": ({"edit": lambda parts: parts[0].__setitem__(1, b"\x03")}, MALFORMED),
    "digested with SHA-384": ({"edit": lambda parts: parts[1].__setitem__(1, [SHA384])}, MALFORMED),
    "digested twice": ({"edit": lambda parts: parts[1][1].append(SHA384)}, MALFORMED),
    "digested with nothing": ({"edit": lambda parts: parts[1][1].clear()}, MALFORMED),
    "content of another type": (part(2, lambda nodes: nodes.__setitem__(0, SIGNED_DATA)), MALFORMED),
    "detached content": (part(2, lambda nodes: nodes.pop()), MALFORMED),
    "content as UTF-8": (part(2, lambda nodes: nodes[1][1][0].__setitem__(0, 0x0C)), MALFORMED),
    "no certificates": ({"edit": lambda parts: parts.pop(3)}, MALFORMED),
    "nine certificates": ({"certificates": lambda signer, issuer, root: [signer, issuer, *[root] * 7]}, MALFORMED),
    "a certificate that is none": (
        {"certificates": lambda signer, issuer, _: [signer, issuer, b"\x05\x00"]},
        MALFORMED,
    ),
    "a revocation list": ({"edit": lambda parts: parts.insert(4, [0xA1, []])}, MALFORMED),
    "no signer": (part(4, lambda signers: signers.clear()), MALFORMED),
    "two signers": (part(4, lambda signers: signers.append(signers[0])), MALFORMED),
    "a signer of version 3": (information(0, [0x02, b"\x03"]), MALFORMED),
    "a signer by key identifier": (information(1, [0x80, b"\x01" * 20]), MALFORMED),
    "a signer with another digest": (information(2, SHA384), MALFORMED),
    "a signer without a signature": (part(4, lambda signers: signers[0][1].pop()), MALFORMED),
    "unsigned attributes": (part(4, lambda signers: signers[0][1].append([0xA1, []])), MALFORMED),
    "something after the signer": ({"edit": lambda parts: parts.append([0x05, b""])}, MALFORMED),
    # signed attributes
    "attributes without the content's type": ({"attributes": without(CONTENT_TYPE)}, MALFORMED),
    "attributes without a digest": ({"attributes": without(MESSAGE_DIGEST)}, MALFORMED),
    "no attribute": ({"attributes": lambda _: []}, MALFORMED),
    "attributes of another digest": ({"attributes": attributes(digest=bytes(32))}, SIGNATURE),
    "attributes of a digest cut short": (
        {"attributes": lambda digest: attributes(digest=digest[:31])(digest)},
        SIGNATURE,
    ),
    "attributes of two digests": (
        {"attributes": attributes([0x30, [MESSAGE_DIGEST, [0x31, [[0x04, bytes(32)]]]]])},
        MALFORMED,
    ),
    "attributes of another type": (
        {"attributes": lambda digest: [[0x30, [CONTENT_TYPE, [0x31, [SIGNED_DATA]]]], attributes()(digest)[1]]},
        MALFORMED,
    ),
    "17 attributes": (
        {"attributes": attributes(*([0x30, [[0x06, bytes([0x2A, n])], [0x31, []]]] for n in range(15)))},
        MALFORMED,
    ),
    "attributes put around a signature that is of the content": (
        {
            "edit": lambda parts: parts[4][1][0][1].insert(
                3, [0xA0, attributes()(hashlib.sha256(parts[2][1][1][1][0][1]).digest())]
            )
        },
        SIGNATURE,
    ),
    "attributes taken away": (
        {"attributes": attributes(), "edit": lambda parts: parts[4][1][0][1].pop(3)},
        SIGNATURE,
    ),
    # the payload
    "no fields": ({"payload": b"\x31\x00"}, MALFORMED),
    "an empty payload": ({"payload": b""}, MALFORMED),
    "a sequence of fields": ({"payload": b"\x30\x00"}, MALFORMED),
    "a byte after the payload": ({"payload": b"\x31\x00\x00"}, MALFORMED),
    "fields that are none": ({"payload": b"\x31\x02\x05\x00"}, MALFORMED),
    "fields of endless length": ({"payload": b"\x31\x80\x00\x00"}, MALFORMED),
    "a field with four parts": ({"payload": bytes.fromhex("310f300d020102020101040141 0402 4242")}, MALFORMED),
    "the App ID twice": (lambda forge: {"payload": twice(forge, 2)}, MALFORMED),
    "the risk metric twice": (lambda forge: {"payload": twice(forge, 17)}, MALFORMED),
    "65 fields": ({"fields": dict.fromkeys(range(40, 95), b"")}, MALFORMED),
    "no App ID": ({"fields": {2: None}}, MALFORMED),
    "no key": ({"fields": {3: None}}, MALFORMED),
    "no type": ({"fields": {6: None}}, MALFORMED),
    "no creation time": ({"fields": {12: None}}, MALFORMED),
    "no end": ({"fields": {21: None}}, MALFORMED),
    "another type": ({"fields": {6: b"PURCHASE"}}, MALFORMED),
    "a type in lower case": ({"fields": {6: b"receipt"}}, MALFORMED),
    "a key that is none": ({"fields": {3: b"key"}}, MALFORMED),
    "a creation time of words": ({"fields": {12: b"yesterday"}}, MALFORMED),
    "a creation time in local time": ({"fields": {12: b"2026-06-01T12:00:00+02:00"}}, MALFORMED),
    "a creation time without its zone": ({"fields": {12: b"2026-06-01T12:00:00"}}, MALFORMED),
    "a creation time that does not exist": ({"fields": {12: b"2026-02-30T12:00:00Z"}}, MALFORMED),
    "a creation time in other digits": ({"fields": {12: "\u0662026-06-01T12:00:00Z".encode()}}, MALFORMED),
    "a creation time with a line after it": ({"fields": {12: b"2026-06-01T12:00:00Z\n"}}, MALFORMED),
    "a not-before that is empty": ({"fields": {19: b""}}, MALFORMED),
    "an end of the year 0": ({"fields": {21: b"0000-06-01T12:00:00Z"}}, MALFORMED),
    "a risk metric below zero": ({"fields": {17: b"-1"}}, MALFORMED),
    "a risk metric in hex": ({"fields": {17: b"0x3"}}, MALFORMED),
    "a risk metric that is huge": ({"fields": {17: b"9" * 4_000}}, MALFORMED),
    "a risk metric that is empty": ({"fields": {17: b""}}, MALFORMED),
    "another app": ({"fields": {2: b"ABCDE12345.com.example.bank2"}}, FOREIGN),
    "another app that starts the same": ({"fields": {2: APP_ID.encode() + b"\x00"}}, FOREIGN),
    "an app that is not UTF-8": ({"fields": {2: b"\xff"}}, FOREIGN),
    "another key": (lambda forge: {"fields": {3: other_leaf(forge)}}, FOREIGN),
    "a key of another curve": (
        lambda forge: {"fields": {3: forge.credential(bytes(32), key=ec.generate_private_key(ec.SECP384R1())).der()}},
        FOREIGN,
    ),
    "past its end": ({"told": {"now": datetime(2026, 8, 30, 12, 0, 1, tzinfo=UTC)}}, EXPIRED),
    # the signature and its certificates
    "another signature": ({"key": ec.generate_private_key(ec.SECP256R1())}, SIGNATURE),
    "a signature of zeros": (information(4, [0x04, bytes.fromhex("3006020100020100")]), SIGNATURE),
    "an empty signature": (information(4, [0x04, b""]), SIGNATURE),
    "signed with SHA-384, in words": (
        information(3, [0x30, [[0x06, bytes.fromhex("2a8648ce3d040303")]]]),
        SIGNATURE,
    ),
    "signed with SHA-1, in words": (information(3, [0x30, [[0x06, bytes.fromhex("2a8648ce3d0401")]]]), SIGNATURE),
    "a signer that is not there": ({"certificates": lambda _signer, issuer, root: [issuer, root]}, SIGNATURE),
    "a signer that is there twice": ({"certificates": lambda signer, issuer, _: [signer, signer, issuer]}, SIGNATURE),
    "an issuer that is not there": ({"certificates": lambda signer, _issuer, root: [signer, root]}, SIGNATURE),
    "an issuer that is there twice": ({"certificates": lambda signer, issuer, _: [signer, issuer, issuer]}, SIGNATURE),
    "a certificate that is not for receipts": ({"signer": {"extra": []}}, SIGNATURE),
    "a certificate for something else": (
        {"signer": {"extra": [(x509.ObjectIdentifier("1.2.840.113635.100.6.11.1"), b"\x05\x00", False)]}},
        SIGNATURE,
    ),
    "a certificate with an unknown critical extension": (
        {"signer": {"extra": [MARKER, (x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00", True)]}},
        SIGNATURE,
    ),
    "a certificate that is an authority's": ({"signer": {"authority": True}}, SIGNATURE),
    "a certificate that may certify": ({"signer": {"usage": {"certifies": True}}}, SIGNATURE),
    "a certificate that may not sign": ({"signer": {"usage": {"signs": False}}}, SIGNATURE),
    "a certificate that does not say": ({"signer": {"key_usage": False}}, MALFORMED),
    "a certificate that ended before": ({"signer": {"not_after": CREATED - timedelta(hours=1)}}, SIGNATURE),
    "a certificate that began after": ({"signer": {"not_before": CREATED + timedelta(hours=1)}}, SIGNATURE),
    "an issuer that ended before": ({"issuer": {"not_after": CREATED - timedelta(hours=1)}}, SIGNATURE),
    "a certificate of another issuer": (
        {"signer": {"signer": ec.generate_private_key(ec.SECP384R1())}},
        SIGNATURE,
    ),
    "an issuer that is no authority": ({"issuer": {"authority": False}}, SIGNATURE),
    "an issuer of another root": ({"issuer": {"signer": ec.generate_private_key(ec.SECP384R1())}}, SIGNATURE),
    "a certificate by the root": (
        lambda forge: {"signer": {"signer": forge.ROOT_KEY, "issuer": "Test App Attestation Root CA"}},
        SIGNATURE,
    ),
    "no anchors": ({"told": {"anchors": AnchorSet(anchors=())}}, SIGNATURE),
    "Apple's anchors": ({"told": {"anchors": APPLE_RECEIPT_ANCHORS}}, SIGNATURE),
}


def twice(forge, number):
    whole = forge.tree(Receipt(forge).content())
    whole[1].append(next(item for item in whole[1] if item[1][0][1] == bytes([number])))
    return forge.encode(whole)


@pytest.mark.parametrize(("changes", "reason"), UNTRUE.values(), ids=UNTRUE.keys())
def test_refused(forge, changes, reason):
    made = changes(forge) if callable(changes) else changes
    refused = verify(Receipt(forge, **made))
    assert isinstance(refused, Refused)
    assert refused.reason is reason, refused.detail
    assert "com.example" not in refused.detail


def test_endless_lengths_are_read_where_apple_writes_them(forge):
    """The same receipt in BER: every value around the certificates and the content without a length."""
    receipt = Receipt(forge)
    outer = forge.tree(receipt.encoded())
    signed_data = outer[1][1][1][0][1]
    content = signed_data[2][1][1][1][0][1]

    def open_ended(tag, *parts):
        return bytes([tag, 0x80]) + b"".join(parts) + b"\x00\x00"

    def octets(data):
        return forge.encode([0x04, data])

    string = open_ended(0x24, octets(content[:7]), octets(b""), octets(content[7:]))
    ber = open_ended(
        0x30,
        forge.encode(SIGNED_DATA),
        open_ended(
            0xA0,
            open_ended(
                0x30,
                forge.encode(signed_data[0]),
                open_ended(0x31, forge.encode(SHA256)),
                open_ended(0x30, forge.encode(DATA), open_ended(0xA0, string)),
                open_ended(0xA0, *(forge.encode(certificate) for certificate in signed_data[3][1])),
                open_ended(0x31, forge.encode(signed_data[4][1][0])),
            ),
        ),
    )
    told = receipt.arguments()
    assert isinstance(verify_receipt(ber, **told), VerifiedReceipt)
    for change in (
        lambda data: data[:-2],  # without its last end
        lambda data: data + b"\x00\x00",
        lambda data: data.replace(b"\x24\x80\x04\x07", b"\x24\x80\x0c\x07", 1),  # a segment of another type
        lambda data: data.replace(b"\x24\x80\x04\x07", b"\x24\x80\x24\x07", 1),  # a segment of segments
        lambda data: data.replace(b"\x24\x80\x04\x07", b"\x24\x80\x04\x81\x07", 1),  # a length in a longer form
    ):
        refused = verify_receipt(change(ber), **told)
        assert isinstance(refused, Refused)
        assert refused.reason is MALFORMED


def test_a_remembered_signer_is_not_trusted_under_other_anchors(forge):
    receipt = Receipt(forge)
    encoded, told = receipt.encoded(), receipt.arguments()
    assert isinstance(verify_receipt(encoded, **told), VerifiedReceipt)
    for anchors in (AnchorSet(anchors=()), APPLE_ANCHORS):
        refused = verify_receipt(encoded, **{**told, "anchors": anchors})
        assert isinstance(refused, Refused)
        assert refused.reason is SIGNATURE


def test_apples_root_is_the_one_of_the_fingerprint():
    """As Apple publishes it (https://www.apple.com/certificateauthority/): the key is what is pinned."""
    (anchor,) = APPLE_RECEIPT_ANCHORS
    assert anchor.spki_sha256 == "9b219d0fbff36a5fb32090571906bceea68617c833a3f61b81e962a8e64db8af"


def pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_one_of_several_anchors_is_enough(forge):
    other = anchors_from_pem(pem(ec.generate_private_key(ec.SECP384R1())), name="other")
    receipt = Receipt(forge, told={"anchors": other + anchors_from_pem(forge.ROOT_PEM, name="test root")})
    assert isinstance(verify(receipt), VerifiedReceipt)


@given(data=st.data())
def test_noise_and_splices_are_refused_or_change_nothing(forge, data):
    receipt = Receipt(forge)
    encoded, told = _encoded_once(receipt), receipt.arguments()
    whole = verify_receipt(encoded, **told)
    start = data.draw(st.integers(0, len(encoded)))
    end = data.draw(st.integers(start, min(start + 30, len(encoded))))
    result = verify_receipt(encoded[:start] + data.draw(st.binary(max_size=30)) + encoded[end:], **told)
    # Certificates that take no part may be anything that reads as a certificate: the root is pinned, not read.
    assert isinstance(result, Refused) or result == whole


_ENCODED = []


def _encoded_once(receipt):
    if not _ENCODED:
        _ENCODED.append(receipt.encoded())
    return _ENCODED[0]
