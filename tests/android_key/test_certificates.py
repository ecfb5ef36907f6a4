"""Certificates written otherwise than X.509 has it, in the first place of a chain, and signed all the same."""

import pytest

from chalicelib.model.claims import VerifiedAndroidKey
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason

VERIFIED = "verified"


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
    "serial number 0": ({"serial": integer("00")}, CHAIN),
    "serial number negative": ({"serial": integer("80")}, CHAIN),
    "serial number empty": ({"serial": tlv("02")}, CHAIN),
    "serial number with a leading zero": ({"serial": integer("0001")}, CHAIN),
    "serial number of 20 octets": ({"serial": integer("7f" + "ff" * 19)}, VERIFIED),
    "serial number of 21 octets": ({"serial": integer("01" + "00" * 20)}, CHAIN),
    "serial number of 1,000 octets": ({"serial": integer("01" * 1000)}, CHAIN),
    "a unique identifier": ({"unique_ids": tlv("81", b"\x00\x01")}, CHAIN),
    "a field after the extensions": ({"tail": tlv("05")}, CHAIN),
    "no extensions": ({"extensions": lambda _: b""}, RefusalReason.KEY_DESCRIPTION_MISSING),
    "an attestation as EAT": (
        {"extensions": lambda _: tlv("30", bytes.fromhex("060a2b06010401d679020119"), tlv("04", b"\xa0"))},
        RefusalReason.KEY_DESCRIPTION_MISSING,
    ),
    "validity of one time": ({"validity": tlv("30", tlv("17", b"260101000000Z"))}, CHAIN),
    "UTCTime without seconds": ({"validity": tlv("30", tlv("17", b"2601010000Z") * 2)}, CHAIN),
    "UTCTime with an offset": ({"validity": tlv("30", tlv("17", b"260101000000+0000") * 2)}, CHAIN),
    "UTCTime of the 13th month": ({"validity": tlv("30", tlv("17", b"261301000000Z") * 2)}, CHAIN),
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
