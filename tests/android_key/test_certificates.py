"""Certificates written otherwise than X.509 has it, in the first place of a chain, and signed all the same."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from chalicelib.model.claims import VerifiedAndroidKey
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason

VERIFIED = "verified"
BASIC_CONSTRAINTS = x509.ObjectIdentifier("2.5.29.19")
IS_AUTHORITY = bytes.fromhex("30030101ff")


def tlv(tag: str, *parts: bytes) -> bytes:
    """With a length of one, two or three octets."""
    contents = b"".join(parts)
    size = len(contents)
    length = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else b"\x82" + size.to_bytes(2)
    return bytes.fromhex(tag) + length + contents


def integer(hexadecimal: str) -> bytes:
    return tlv("02", bytes.fromhex(hexadecimal))


def tagged(number: int, value: bytes) -> bytes:
    return tlv(f"{0xA0 | number:02x}", value)


def length_of(value: bytes, form: str) -> bytes:
    """`value`, a TLV with its length in three octets, with another form of it. `form`: hex, {:02x} is the size."""
    contents = value[4:]
    return value[:1] + bytes.fromhex(form.format(len(contents))) + contents


@pytest.fixture
def outer(kit, make):
    """The outcome for a first certificate of these parts, which signs as it should."""

    def outer(*, outside=kit.ECDSA_SHA256, padding_bits=b"\x00", wrap=bytes, extensions=bytes, **changes):
        evidence = make()
        described = kit.extension(kit.KEY_DESCRIPTION, evidence.key_description())
        parts = {"subject_spki": kit.spki(kit.key("leaf", "P-256")), "extensions": extensions(described), **changes}
        leaf = kit.signed(
            kit.to_be_signed(**parts), kit.key("attestation"), algorithm=outside, padding_bits=padding_bits
        )
        anchors = kit.AnchorSet((kit.TrustAnchor(name="test", spki=kit.spki(kit.key("root", "P-384"))),))
        return kit.verify(
            kit.SubmittedAndroidKey(x5c=(wrap(leaf), *evidence.x5c()[1:])),
            challenge=kit.CHALLENGE,
            anchors=anchors,
            now=kit.NOW,
        )

    return outer


OID = bytes.fromhex("0603550462")  # 2.5.4.98: of no meaning here
KEY_USAGE = bytes.fromhex("0603551d0f")
ECDSA_SHA512 = bytes.fromhex("300a06082a8648ce3d040304")
RSA_WITHOUT_NULL = bytes.fromhex("300b06092a864886f70d01010b")
NULL_PARAMETERS = bytes.fromhex("300c06082a8648ce3d0403020500")
CHAIN = RefusalReason.CHAIN_MALFORMED
KEY = RefusalReason.CHAIN_KEY_UNSUPPORTED


def other(critical: bytes = b"", value: bytes = tlv("04"), tail: bytes = b"") -> bytes:
    return tlv("30", OID, critical, value, tail)


def key_usage(critical: bytes) -> bytes:
    return tlv("30", KEY_USAGE, tlv("01", critical), tlv("04", bytes.fromhex("03020780")))


CERTIFICATES: dict[str, tuple[dict, object]] = {
    "unchanged": ({}, VERIFIED),
    "NULL beside ecdsa-with-SHA256, as StrongBox of 2018 to 2020": (
        {"algorithm": NULL_PARAMETERS, "outside": NULL_PARAMETERS},
        VERIFIED,
    ),
    "NULL beside ecdsa-with-SHA256 outside of what is signed": ({"outside": NULL_PARAMETERS}, CHAIN),
    "NULL beside ecdsa-with-SHA256 inside of what is signed": ({"algorithm": NULL_PARAMETERS}, CHAIN),
    "NULL left out beside sha256WithRSAEncryption, and not by an RSA key": (
        {"algorithm": RSA_WITHOUT_NULL, "outside": RSA_WITHOUT_NULL},
        RefusalReason.CHAIN_SIGNATURE,
    ),
    "another algorithm": ({"algorithm": ECDSA_SHA512, "outside": ECDSA_SHA512}, KEY),
    "a critical BOOLEAN of 0x01, as Pixel 3": ({"extensions": lambda d: d + key_usage(b"\x01")}, VERIFIED),
    "a critical BOOLEAN of 0xff": ({"extensions": lambda d: d + key_usage(b"\xff")}, VERIFIED),
    "an extension of no meaning": ({"extensions": lambda d: d + other()}, VERIFIED),
    "FALSE written": ({"extensions": lambda described: described + other(tlv("01", b"\x00"))}, VERIFIED),
    "TRUE in an unknown extension": ({"extensions": lambda d: d + other(tlv("01", b"\xff"))}, CHAIN),
    "TRUE as 0x01 in an unknown extension": ({"extensions": lambda d: d + other(tlv("01", b"\x01"))}, CHAIN),
    "critical as INTEGER": ({"extensions": lambda d: d + other(integer("00"))}, CHAIN),
    "critical of two octets": ({"extensions": lambda d: d + other(tlv("01", b"\x00\x00"))}, CHAIN),
    "an extension with a fourth field": (
        {"extensions": lambda d: d + other(tlv("01", b"\x00"), tail=tlv("05"))},
        CHAIN,
    ),
    "an extension without a value": ({"extensions": lambda d: d + tlv("30", OID)}, CHAIN),
    "an extension whose value is a BIT STRING": ({"extensions": lambda d: d + other(value=tlv("03", b"\x00"))}, CHAIN),
    "an extension that is a SET": ({"extensions": lambda d: d + b"\x31" + other()[1:]}, CHAIN),
    "an extension twice": ({"extensions": lambda d: d + other() + other()}, CHAIN),
    "the key description twice": ({"extensions": lambda d: d + d}, CHAIN),
    "an OID with a leading zero septet": (
        {"extensions": lambda d: d + tlv("30", bytes.fromhex("060455048062"), tlv("04"))},
        CHAIN,
    ),
    "version 1": ({"version": b""}, CHAIN),
    "version 2": ({"version": tagged(0, integer("01"))}, CHAIN),
    "version 4": ({"version": tagged(0, integer("03"))}, CHAIN),
    "version empty": ({"version": tagged(0, tlv("02"))}, CHAIN),
    # Its serial number and dates are the app's, or the phone's: only that they are DER is asked.
    "serial number 0": ({"serial": integer("00")}, VERIFIED),
    "serial number negative": ({"serial": integer("80")}, VERIFIED),
    "serial number as text": ({"serial": tlv("0c", b"1")}, CHAIN),
    "serial number empty": ({"serial": tlv("02")}, CHAIN),
    "serial number with a leading zero": ({"serial": integer("0001")}, CHAIN),
    "serial number of 20 octets": ({"serial": integer("7f" + "ff" * 19)}, VERIFIED),
    "serial number of 21 octets": ({"serial": integer("01" + "00" * 20)}, VERIFIED),
    "serial number of 1,000 octets": ({"serial": integer("01" * 1000)}, VERIFIED),
    "a unique identifier": ({"unique_ids": tlv("81", b"\x00\x01")}, CHAIN),
    "a field after the extensions": ({"tail": tlv("05")}, CHAIN),
    "no extensions": ({"extensions": lambda _: b""}, RefusalReason.KEY_DESCRIPTION_MISSING),
    "an attestation as EAT": (
        {"extensions": lambda _: tlv("30", bytes.fromhex("060a2b06010401d679020119"), tlv("04", b"\xa0"))},
        RefusalReason.KEY_DESCRIPTION_MISSING,
    ),
    "validity of three times": ({"validity": tlv("30", tlv("17", b"260101000000Z") * 3)}, CHAIN),
    "validity of numbers": ({"validity": tlv("30", integer("00") * 2)}, CHAIN),
    "validity of a length that lies": ({"validity": tlv("30", tlv("17", b"260101000000Z"), b"\x17\x0d1")}, CHAIN),
    "validity of one time": ({"validity": tlv("30", tlv("17", b"260101000000Z"))}, CHAIN),
    "UTCTime without seconds": ({"validity": tlv("30", tlv("17", b"2601010000Z") * 2)}, VERIFIED),
    "UTCTime with an offset": ({"validity": tlv("30", tlv("17", b"260101000000+0000") * 2)}, VERIFIED),
    "UTCTime of the 13th month": ({"validity": tlv("30", tlv("17", b"261301000000Z") * 2)}, VERIFIED),
    "GeneralizedTime before 2050": ({"validity": tlv("30", tlv("18", b"20260101000000Z") * 2)}, VERIFIED),
    "GeneralizedTime of 2106": ({"validity": tlv("30", tlv("18", b"21060207062815Z") * 2)}, VERIFIED),
    "times in the wrong order": (
        {"validity": tlv("30", tlv("17", b"490101000000Z"), tlv("17", b"260101000000Z"))},
        VERIFIED,
    ),
    "a subject that is no SEQUENCE": ({"subject": tlv("31")}, CHAIN),
    "an issuer that is no SEQUENCE": ({"issuer": tlv("05")}, CHAIN),
    "a key that is no SEQUENCE": ({"subject_spki": tlv("04", b"\x00")}, CHAIN),
    "a key of nothing": ({"subject_spki": tlv("30")}, KEY),
    "a signature with unused bits": ({"padding_bits": b"\x01"}, CHAIN),
    "a byte after the certificate": ({"wrap": lambda data: data + b"\x00"}, CHAIN),
    "the certificate twice": ({"wrap": lambda data: data * 2}, CHAIN),
    "the certificate as PEM": ({"wrap": lambda data: b"-----BEGIN CERTIFICATE-----\n" + data}, CHAIN),
    "the certificate in a SEQUENCE": ({"wrap": lambda data: tlv("30", data)}, CHAIN),
    "the certificate of indefinite length": ({"wrap": lambda data: length_of(data, "80") + b"\x00\x00"}, CHAIN),
    "the certificate with a long length": ({"wrap": lambda data: length_of(data, "83{:06x}")}, CHAIN),
    "a fourth field": ({"wrap": lambda data: tlv("30", data[4:], tlv("05"))}, CHAIN),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate(outer, name):
    changes, expected = CERTIFICATES[name]
    outcome = outer(**changes)
    if expected is VERIFIED:
        assert isinstance(outcome, VerifiedAndroidKey), outcome
    else:
        assert isinstance(outcome, Refused), f"{name} verified"
        assert outcome.reason is expected, outcome


class TestOfAnAuthority:
    """The same in the certificates of the phone's attestation key and above: these are the vendor's."""

    @pytest.fixture
    def outcome(self, kit, make):
        def outcome(index, **changes):
            holds, signer = [("attestation", kit.key("intermediate")), ("intermediate", kit.key("root", "P-384"))][
                index - 1
            ]
            parts = {
                "subject_spki": kit.spki(kit.key(holds)),
                "extensions": kit.extension(BASIC_CONSTRAINTS, IS_AUTHORITY),
                **changes,
            }
            x5c = list(make().x5c())
            x5c[index] = kit.signed(kit.to_be_signed(**parts), signer)
            anchors = kit.AnchorSet((kit.TrustAnchor(name="test", spki=kit.spki(kit.key("root", "P-384"))),))
            submitted = kit.SubmittedAndroidKey(x5c=tuple(x5c))
            return kit.verify(submitted, challenge=kit.CHALLENGE, anchors=anchors, now=kit.NOW)

        return outcome

    @pytest.mark.parametrize("index", [1, 2])
    @pytest.mark.parametrize(
        "changes",
        [
            {"serial": integer("00")},
            {"serial": integer("80")},
            {"serial": integer("01" + "00" * 20)},
            {"validity": tlv("30", tlv("17", b"2601010000Z"), tlv("17", b"4901010000Z"))},
            {"validity": tlv("30", tlv("17", b"261301000000Z"), tlv("17", b"490101000000Z"))},
        ],
        ids=["zero", "negative", "long", "no seconds", "13th month"],
    )
    def test_serial_and_dates_are_judged(self, outcome, index, changes):
        assert isinstance(outcome(index), VerifiedAndroidKey)
        assert outcome(index, **changes).reason is CHAIN

    @pytest.mark.parametrize("oid", ["2.5.29.31", "2.5.29.32", "2.5.29.35"])
    @pytest.mark.parametrize("index", [1, 2])
    def test_critical_but_of_no_consequence(self, kit, outcome, oid, index):
        more = kit.extension(kit.x509.ObjectIdentifier(oid), b"\x30\x00", critical=b"\x01\x01\xff")
        extensions = kit.extension(BASIC_CONSTRAINTS, IS_AUTHORITY) + more
        assert isinstance(outcome(index, extensions=extensions), VerifiedAndroidKey)

    @pytest.mark.parametrize("oid", ["2.5.29.30", "2.5.29.36", "2.5.29.37", "2.5.29.54"])
    @pytest.mark.parametrize("index", [1, 2])
    def test_critical_and_to_be_obeyed(self, kit, outcome, oid, index):
        """Name and policy constraints, and a key that is for something else."""
        more = kit.extension(kit.x509.ObjectIdentifier(oid), b"\x30\x00", critical=b"\x01\x01\xff")
        extensions = kit.extension(BASIC_CONSTRAINTS, IS_AUTHORITY) + more
        assert outcome(index, extensions=extensions).reason is CHAIN


def test_a_leaf_signed_with_rsa_and_no_parameters(kit, make):
    """As RFC 4055 section 5 has readers take it; one vendor of Android phones is said to write it."""
    evidence = make()
    batch = kit.key("batch", "RSA")
    described = kit.extension(kit.KEY_DESCRIPTION, evidence.key_description())
    tbs = kit.to_be_signed(
        subject_spki=kit.spki(kit.key("leaf", "P-256")), extensions=described, algorithm=RSA_WITHOUT_NULL
    )
    signature = batch.sign(tbs, padding.PKCS1v15(), hashes.SHA256())
    leaf = tlv("30", tbs, RSA_WITHOUT_NULL, tlv("03", b"\x00" + signature))
    attestation = kit.signed(kit.to_be_signed(subject_spki=kit.spki(batch)), kit.key("intermediate"))
    anchors = kit.AnchorSet((kit.TrustAnchor(name="test", spki=kit.spki(kit.key("root", "P-384"))),))
    submitted = kit.SubmittedAndroidKey(x5c=(leaf, attestation, *evidence.x5c()[2:]))
    assert isinstance(kit.verify(submitted, challenge=kit.CHALLENGE, anchors=anchors, now=kit.NOW), VerifiedAndroidKey)
