"""Key descriptions written otherwise than the schema has it, each in a certificate that is signed all the same.

`VERIFIED` are those that genuine phones write, or that mean nothing here. Of all others not one may verify, and of
those that verify not one may read better than the description that it varies.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from chalicelib.model.claims import VerifiedAndroidKey
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason

VERIFIED = "verified"
MALFORMED = RefusalReason.KEY_DESCRIPTION_MALFORMED
CHALLENGE = RefusalReason.KEY_DESCRIPTION_CHALLENGE
PARAMETERS = RefusalReason.KEY_PARAMETERS_MISMATCH
SOFTWARE = RefusalReason.KEY_NOT_IN_HARDWARE


def tlv(tag: str, *parts: bytes) -> bytes:
    """With a length of one, two or three octets."""
    contents = b"".join(parts)
    size = len(contents)
    length = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else b"\x82" + size.to_bytes(2)
    return bytes.fromhex(tag) + length + contents


def integer(hexadecimal: str, tag: str = "02") -> bytes:
    return tlv(tag, bytes.fromhex(hexadecimal))


def tagged(number: int, *parts: bytes) -> bytes:
    return tlv(f"{0xA0 | number:02x}" if number < 31 else f"bf{0x80 | number >> 7:02x}{number & 0x7F:02x}", *parts)


def length_of(value: bytes, form: str) -> bytes:
    """`value`, a TLV with a one-octet tag, with its length written in another form. `form`: hex, {:02x} is the size."""
    header = 2 if value[1] < 0x80 else 2 + (value[1] & 0x7F)
    contents = value[header:]
    return value[:1] + bytes.fromhex(form.format(len(contents))) + contents


CHALLENGE_BYTES = bytes(range(32))
APPLICATION = tlv(
    "30", tlv("31", tlv("30", tlv("04", b"com.example.bank"), integer("07"))), tlv("31", tlv("04", bytes(32)))
)
ROOT = (tlv("04", bytes(32)), tlv("01", b"\xff"), integer("00", "0a"), tlv("04", bytes(32)))


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The eight fields of a KeyDescription in DER, lists as their members."""

    version: bytes = integer("012c")
    level: bytes = integer("01", "0a")
    keymint: bytes = integer("012c")
    key_level: bytes = integer("01", "0a")
    challenge: bytes = tlv("04", CHALLENGE_BYTES)
    unique_id: bytes = tlv("04")
    software: tuple[bytes, ...] = (
        tagged(701, integer("019e9bd85800")),
        tagged(709, tlv("04", APPLICATION)),
    )
    hardware: tuple[bytes, ...] = (
        tagged(1, tlv("31", integer("02"))),
        tagged(2, integer("03")),
        tagged(3, integer("0100")),
        tagged(5, tlv("31", integer("04"))),
        tagged(10, integer("01")),
        tagged(503, tlv("05")),
        tagged(702, integer("00")),
        tagged(704, tlv("30", *ROOT)),
        tagged(705, integer("027100")),
        tagged(706, integer("03175d")),
    )
    tail: bytes = b""

    def parts(self) -> list[bytes]:
        lists = (tlv("30", *self.software), tlv("30", *self.hardware))
        return [
            self.version, self.level, self.keymint, self.key_level, self.challenge, self.unique_id, *lists, self.tail
        ]  # fmt: skip

    def encode(self) -> bytes:
        return tlv("30", *self.parts())


def of(**changes) -> Callable[[], bytes]:
    return lambda: Fields(**changes).encode()


def hardware(tag: int, *values: bytes, tagged_as: Callable[..., bytes] = tagged) -> Callable[[], bytes]:
    """The hardware list with one member otherwise, or one more."""

    def build() -> bytes:
        kept = [member for member in Fields().hardware if not member.startswith(tagged(tag)[:-1])]
        return Fields(hardware=(*kept, tagged_as(tag, *values))).encode()

    return build


def software(tag: int, *values: bytes) -> Callable[[], bytes]:
    def build() -> bytes:
        kept = [member for member in Fields().software if not member.startswith(tagged(tag)[:-1])]
        return Fields(software=(*kept, tagged(tag, *values))).encode()

    return build


def root(*fields: bytes) -> Callable[[], bytes]:
    return hardware(704, tlv("30", *fields))


def application(value: bytes) -> Callable[[], bytes]:
    return software(709, tlv("04", value))


def raw(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    return lambda: change(Fields().encode())


def parts(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[], bytes]:
    return lambda: tlv("30", *change(Fields().parts()))


def add(*members: bytes) -> Callable[[], bytes]:
    return lambda: Fields(hardware=(*Fields().hardware, *members)).encode()


def swapped(at: int, other: int) -> Callable[[list[bytes]], list[bytes]]:
    def change(fields: list[bytes]) -> list[bytes]:
        fields[at], fields[other] = fields[other], fields[at]
        return fields

    return change


def package(name: bytes = tlv("04", b"com.example.bank"), version: bytes = integer("07"), tail: bytes = b"") -> bytes:
    return tlv("30", name, version, tail)


DIGESTS = tlv("31", tlv("04", bytes(32)))
PACKAGES = tlv("31", package())

# Name → (the description, what must come of it).
VARIATIONS: dict[str, tuple[Callable[[], bytes], object]] = {
    # as it should be, and what genuine phones write instead
    "unchanged": (of(), VERIFIED),
    "TRUE as 0x01": (root(ROOT[0], tlv("01", b"\x01"), *ROOT[2:]), VERIFIED),
    "TRUE as 0x80": (root(ROOT[0], tlv("01", b"\x80"), *ROOT[2:]), VERIFIED),
    "tags descending": (of(hardware=tuple(reversed(Fields().hardware))), VERIFIED),
    "software tags descending": (of(software=tuple(reversed(Fields().software))), VERIFIED),
    "purposes not sorted": (hardware(1, tlv("31", integer("03"), integer("02"))), VERIFIED),
    "an unknown tag": (add(tagged(999, integer("01"))), VERIFIED),
    "an unknown tag of any shape": (
        add(tagged(9999, tlv("30", tlv("a0", tlv("01", b"\x01")), tlv("31"), tlv("80", b"\x00")))),
        VERIFIED,
    ),
    "an unknown application tag number of 5 octets": (add(tlv("bf8880808000", integer("01"))), VERIFIED),
    "no boot hash, as before version 3": (root(*ROOT[:3]), VERIFIED),
    "no boot key, as an unlocked phone": (root(tlv("04"), tlv("01", b"\x00"), integer("02", "0a"), ROOT[3]), VERIFIED),
    "no root of trust": (of(hardware=tuple(m for m in Fields().hardware if m[:3] != tagged(704)[:3])), VERIFIED),
    "no application id": (of(software=Fields().software[:1]), VERIFIED),
    "an empty software list": (of(software=()), VERIFIED),
    "attestation version 0": (of(version=integer("00")), VERIFIED),
    "attestation version 1": (of(version=integer("01")), VERIFIED),
    "attestation version of 64 bits": (of(version=integer("00ffffffffffffffff")), VERIFIED),
    "a version of KeyMint of its own": (of(keymint=integer("04")), VERIFIED),
    "a unique id": (of(unique_id=tlv("04", bytes(16))), VERIFIED),
    "a patch level of 0": (hardware(706, integer("00")), VERIFIED),
    "a negative patch level": (hardware(706, integer("ff")), VERIFIED),
    "a patch level of 64 bits": (hardware(706, integer("7fffffffffffffff")), VERIFIED),
    "several packages": (application(tlv("30", tlv("31", package(), package(tlv("04", b"z"))), DIGESTS)), VERIFIED),
    "packages not sorted": (application(tlv("30", tlv("31", package(tlv("04", b"z")), package()), DIGESTS)), VERIFIED),
    "no packages": (application(tlv("30", tlv("31"), DIGESTS)), VERIFIED),
    "no signing digests": (application(tlv("30", PACKAGES, tlv("31"))), VERIFIED),
    "a version code of 64 bits": (
        application(tlv("30", tlv("31", package(version=integer("7fffffffffffffff"))), DIGESTS)),
        VERIFIED,
    ),
    "a root of trust in the software list as well": (software(704, tlv("30", *ROOT)), VERIFIED),
    # the whole
    "nothing": (lambda: b"", MALFORMED),
    "a NULL": (lambda: tlv("05"), MALFORMED),
    "an empty SEQUENCE": (lambda: tlv("30"), MALFORMED),
    "a SET": (raw(lambda whole: b"\x31" + whole[1:]), MALFORMED),
    "a primitive SEQUENCE": (raw(lambda whole: b"\x10" + whole[1:]), MALFORMED),
    "of application class": (raw(lambda whole: b"\x70" + whole[1:]), MALFORMED),
    "in an OCTET STRING": (raw(lambda whole: tlv("04", whole)), MALFORMED),
    "in a SEQUENCE": (raw(lambda whole: tlv("30", whole)), MALFORMED),
    "in an explicit tag": (raw(lambda whole: tlv("a0", whole)), MALFORMED),
    "a byte after it": (raw(lambda whole: whole + b"\x00"), MALFORMED),
    "a second description after it": (raw(lambda whole: whole * 2), MALFORMED),
    "end-of-contents after it": (raw(lambda whole: whole + b"\x00\x00"), MALFORMED),
    "a length longer than need be": (raw(lambda whole: length_of(whole, "83{:06x}")), MALFORMED),
    "a length of nine octets": (raw(lambda whole: length_of(whole, "89{:018x}")), MALFORMED),
    "an indefinite length": (raw(lambda whole: length_of(whole, "80") + b"\x00\x00"), MALFORMED),
    "a reserved length": (raw(lambda whole: length_of(whole, "ff")), MALFORMED),
    "a length one too long": (raw(lambda whole: whole[:3] + bytes([whole[3] + 1]) + whole[4:]), MALFORMED),
    "a length one too short": (raw(lambda whole: whole[:3] + bytes([whole[3] - 1]) + whole[4:]), MALFORMED),
    "a length of 4 GiB": (raw(lambda whole: length_of(whole, "84ffffffff")), MALFORMED),
    "a ninth field": (of(tail=integer("01")), MALFORMED),
    "a NULL at the end": (of(tail=tlv("05")), MALFORMED),
    "end-of-contents at the end": (of(tail=b"\x00\x00"), MALFORMED),
    # the order and number of fields
    **{
        f"without field {at}": (parts(lambda fields, at=at: fields[:at] + fields[at + 1 :]), MALFORMED)
        for at in range(8)
    },
    **{
        f"field {at} twice": (parts(lambda fields, at=at: fields[: at + 1] + fields[at:]), MALFORMED) for at in range(8)
    },
    # Two SEQUENCEs: swapped, the hardware's word is the system's, and the key is described by nobody.
    "lists swapped": (parts(swapped(6, 7)), PARAMETERS),
    "version and level swapped": (parts(swapped(0, 1)), MALFORMED),
    "challenge and unique id swapped": (parts(swapped(4, 5)), CHALLENGE),
    # versions and levels
    "version empty": (of(version=tlv("02")), MALFORMED),
    "version with a leading zero": (of(version=integer("00012c")), MALFORMED),
    "version with leading ones": (of(version=integer("ffff")), MALFORMED),
    "version as ENUMERATED": (of(version=integer("012c", "0a")), MALFORMED),
    "version as BOOLEAN": (of(version=tlv("01", b"\xff")), MALFORMED),
    "version as REAL": (of(version=integer("012c", "09")), MALFORMED),
    "version in an explicit tag": (of(version=tagged(0, integer("012c"))), MALFORMED),
    "version of 72 bits": (of(version=integer("01" + "00" * 9)), MALFORMED),
    "version of 4,000 bits": (of(version=integer("01" * 500)), MALFORMED),
    "version constructed": (of(version=integer("012c", "22")), MALFORMED),
    "version with a long length": (of(version=bytes.fromhex("028102012c")), MALFORMED),
    "KeyMint's version empty": (of(keymint=tlv("02")), MALFORMED),
    "KeyMint's version with a leading zero": (of(keymint=integer("00012c")), MALFORMED),
    "level as INTEGER": (of(level=integer("01")), MALFORMED),
    "level empty": (of(level=tlv("0a")), MALFORMED),
    "level with a leading zero": (of(level=integer("0001", "0a")), MALFORMED),
    "level unknown": (of(level=integer("03", "0a")), MALFORMED),
    "level negative": (of(level=integer("ff", "0a")), MALFORMED),
    "level 256, which is 0 in one octet": (of(level=integer("0100", "0a")), MALFORMED),
    "level 257, which is 1 in one octet": (of(level=integer("0101", "0a")), MALFORMED),
    "level software": (of(level=integer("00", "0a")), SOFTWARE),
    "key level as INTEGER": (of(key_level=integer("01")), MALFORMED),
    "key level unknown": (of(key_level=integer("64", "0a")), MALFORMED),
    "key level software": (of(key_level=integer("00", "0a")), SOFTWARE),
    # the challenge
    "challenge empty": (of(challenge=tlv("04")), CHALLENGE),
    "challenge with a byte more": (of(challenge=tlv("04", CHALLENGE_BYTES, b"\x00")), CHALLENGE),
    "challenge with a byte less": (of(challenge=tlv("04", CHALLENGE_BYTES[:-1])), CHALLENGE),
    "challenge in an OCTET STRING in an OCTET STRING": (of(challenge=tlv("04", tlv("04", CHALLENGE_BYTES))), CHALLENGE),
    "challenge constructed of two": (
        of(challenge=tlv("24", tlv("04", CHALLENGE_BYTES[:16]), tlv("04", CHALLENGE_BYTES[16:]))),
        MALFORMED,
    ),
    "challenge of indefinite length": (of(challenge=b"\x24\x80" + tlv("04", CHALLENGE_BYTES) + b"\x00\x00"), MALFORMED),
    "challenge as BIT STRING": (of(challenge=tlv("03", b"\x00", CHALLENGE_BYTES)), MALFORMED),
    "challenge as UTF8String": (of(challenge=tlv("0c", CHALLENGE_BYTES)), MALFORMED),
    "challenge with a long length": (of(challenge=length_of(tlv("04", CHALLENGE_BYTES), "81{:02x}")), MALFORMED),
    "challenge in context class": (of(challenge=tlv("84", CHALLENGE_BYTES)), MALFORMED),
    "unique id as INTEGER": (of(unique_id=integer("00")), MALFORMED),
    "unique id as NULL": (of(unique_id=tlv("05")), MALFORMED),
    "unique id constructed": (of(unique_id=tlv("24", tlv("04", b"\x00"))), MALFORMED),
    # the lists
    "hardware list a SET": (parts(lambda f: [*f[:7], b"\x31" + f[7][1:], f[8]]), MALFORMED),
    "hardware list primitive": (parts(lambda f: [*f[:7], b"\x10" + f[7][1:], f[8]]), MALFORMED),
    "hardware list of indefinite length": (
        parts(lambda f: [*f[:7], length_of(f[7], "80") + b"\x00\x00", f[8]]),
        MALFORMED,
    ),
    "hardware list with a long length": (parts(lambda f: [*f[:7], length_of(f[7], "83{:06x}"), f[8]]), MALFORMED),
    "hardware list empty": (of(hardware=()), PARAMETERS),
    "hardware list of the software's": (of(hardware=Fields().software), PARAMETERS),
    "software list a NULL": (parts(lambda f: [*f[:6], tlv("05"), *f[7:]]), MALFORMED),
    "software list in an explicit tag": (parts(lambda f: [*f[:6], tagged(0, f[6]), *f[7:]]), MALFORMED),
    "a third list": (parts(lambda f: [*f[:8], f[7]]), MALFORMED),
    "a member without a tag": (add(integer("00")), MALFORMED),
    "a member of application class": (add(tlv("7f853e", integer("00"))), MALFORMED),
    "a member of private class": (add(tlv("ff853e", integer("00"))), MALFORMED),
    "a member with a primitive tag": (
        hardware(702, integer("00"), tagged_as=lambda _, *v: tlv("9f853e", *v)),
        MALFORMED,
    ),
    "a member with an implicit tag": (hardware(702, tagged_as=lambda *_: tlv("9f853e", b"\x00")), MALFORMED),
    "a tag with a leading zero septet": (
        hardware(702, integer("00"), tagged_as=lambda _, *v: tlv("bf80853e", *v)),
        MALFORMED,
    ),
    "a low tag in the high form": (hardware(2, integer("03"), tagged_as=lambda _, *v: tlv("bf02", *v)), MALFORMED),
    "a tag without an end": (add(b"\xbf" + b"\x85" * 20), MALFORMED),
    "a tag beyond 32 bits": (add(tlv("bf9080808000", integer("01"))), MALFORMED),
    "a tag beyond 64 bits": (add(tlv("bf" + "ff" * 9 + "7f", integer("01"))), MALFORMED),
    "a tag with nothing in it": (hardware(702), MALFORMED),
    "a tag with two values": (hardware(702, integer("00"), integer("00")), MALFORMED),
    "a tag with a value and a NULL": (hardware(702, integer("00"), tlv("05")), MALFORMED),
    "a tag in itself": (hardware(702, tagged(702, integer("00"))), MALFORMED),
    "a tag of indefinite length": (hardware(702, tagged_as=lambda *_: bytes.fromhex("bf853e800201000000")), MALFORMED),
    "an unknown tag with two values": (add(tagged(999, integer("01"), integer("01"))), MALFORMED),
    "an unknown tag with nothing in it": (add(tagged(999)), MALFORMED),
    "an unknown tag twice": (add(tagged(999, integer("01")), tagged(999, integer("01"))), MALFORMED),
    "the root of trust twice": (add(Fields().hardware[7]), MALFORMED),
    "the origin twice": (add(tagged(702, integer("02"))), MALFORMED),
    "the purpose twice": (add(tagged(1, tlv("31", integer("02")))), MALFORMED),
    "the application id twice": (of(software=(*Fields().software, Fields().software[1])), MALFORMED),
    # values
    "purpose a SEQUENCE": (hardware(1, tlv("30", integer("02"))), MALFORMED),
    "purpose an INTEGER": (hardware(1, integer("02")), MALFORMED),
    "purpose of ENUMERATED": (hardware(1, tlv("31", integer("02", "0a"))), MALFORMED),
    "purpose primitive": (hardware(1, tlv("11", integer("02"))), MALFORMED),
    "a purpose with a leading zero": (hardware(1, tlv("31", integer("0002"))), MALFORMED),
    "a purpose empty": (hardware(1, tlv("31", tlv("02"))), MALFORMED),
    "a purpose twice in its set": (hardware(1, tlv("31", integer("02"), integer("02"))), MALFORMED),
    "a purpose and half a purpose": (hardware(1, tlv("31", integer("02"), b"\x02")), MALFORMED),
    "algorithm missing": (of(hardware=Fields().hardware[:1] + Fields().hardware[2:]), PARAMETERS),
    "algorithm another": (hardware(2, integer("01")), PARAMETERS),
    "algorithm empty": (hardware(2, tlv("02")), MALFORMED),
    "algorithm as ENUMERATED": (hardware(2, integer("03", "0a")), MALFORMED),
    "algorithm 259, which is 3 in one octet": (hardware(2, integer("0103")), PARAMETERS),
    "key size with a leading zero": (hardware(3, integer("000100")), MALFORMED),
    "key size negative": (hardware(3, integer("ff00")), PARAMETERS),
    "curve another": (hardware(10, integer("02")), PARAMETERS),
    "curve an OBJECT IDENTIFIER": (hardware(10, bytes.fromhex("06082a8648ce3d030107")), MALFORMED),
    "origin as BOOLEAN": (hardware(702, tlv("01", b"\x00")), MALFORMED),
    "origin as NULL": (hardware(702, tlv("05")), MALFORMED),
    "origin empty": (hardware(702, tlv("02")), MALFORMED),
    "origin with a leading zero": (hardware(702, integer("0000")), MALFORMED),
    "a patch level as text": (hardware(706, tlv("0c", b"202605")), MALFORMED),
    "a patch level of 80 bits": (hardware(706, integer("01" * 10)), MALFORMED),
    "the system's version as text": (hardware(705, tlv("04", b"160000")), MALFORMED),
    "a creation time as text": (software(701, tlv("17", b"260601000000Z")), MALFORMED),
    "a module hash as INTEGER": (software(724, integer("01")), MALFORMED),
    "a brand as text": (hardware(710, tlv("0c", b"brand")), MALFORMED),
    "a brand that is no UTF-8": (hardware(710, tlv("04", b"\xff")), VERIFIED),
    "a brand of 93 bytes": (hardware(710, tlv("04", b"b" * 93)), VERIFIED),
    # what is ignored, or unknown, is DER all the same
    "an unknown tag with an empty BOOLEAN inside": (add(tagged(999, tlv("30", tlv("01")))), MALFORMED),
    "an unknown tag with a length that lies inside": (add(tagged(999, bytes.fromhex("3003020201"))), MALFORMED),
    "an unknown tag with a long length inside": (add(tagged(999, bytes.fromhex("300402810105"))), MALFORMED),
    "an unknown tag of indefinite length inside": (add(tagged(999, bytes.fromhex("300730800201010000"))), MALFORMED),
    "an unknown tag with a long tag inside": (add(tagged(999, bytes.fromhex("3004bf020100"))), MALFORMED),
    "an unknown tag with a string in pieces": (add(tagged(999, tlv("24", tlv("04", b"a")))), MALFORMED),
    "an unknown tag with a leading zero": (add(tagged(999, integer("0001"))), MALFORMED),
    "an unknown tag with an empty ENUMERATED": (add(tagged(999, tlv("0a"))), MALFORMED),
    "an unknown tag with a number of 80 bits": (add(tagged(999, integer("01" * 10))), VERIFIED),
    "a digest with a leading zero": (hardware(5, tlv("31", integer("0004"))), MALFORMED),
    "a digest and half a digest": (hardware(5, tlv("31", integer("04"), b"\x02")), MALFORMED),
    "no authentication, and a byte": (hardware(503, tlv("05", b"\x00")), MALFORMED),
    "an IMEI in pieces": (hardware(714, tlv("24", tlv("04", b"0"))), MALFORMED),
    "a root of trust of the software's, cut short": (software(704, tlv("30", *ROOT)[:-1]), MALFORMED),
    # the root of trust
    "root of trust a SET": (hardware(704, tlv("31", *ROOT)), MALFORMED),
    "root of trust an OCTET STRING": (hardware(704, tlv("04", tlv("30", *ROOT))), MALFORMED),
    "root of trust empty": (root(), MALFORMED),
    "root of trust with a fifth field": (root(*ROOT, tlv("05")), MALFORMED),
    "root of trust of two fields": (root(*ROOT[:2]), MALFORMED),
    "root of trust with a byte after it": (hardware(704, tlv("30", *ROOT, b"\x00")), MALFORMED),
    "root of trust with a long length": (hardware(704, length_of(tlv("30", *ROOT), "81{:02x}")), MALFORMED),
    "root of trust with its fields in another order": (root(ROOT[1], ROOT[0], *ROOT[2:]), MALFORMED),
    "locked empty": (root(ROOT[0], tlv("01"), *ROOT[2:]), MALFORMED),
    "locked of two octets": (root(ROOT[0], tlv("01", b"\xff\xff"), *ROOT[2:]), MALFORMED),
    "locked as INTEGER": (root(ROOT[0], integer("01"), *ROOT[2:]), MALFORMED),
    "locked left out": (root(ROOT[0], *ROOT[2:]), MALFORMED),
    "locked constructed": (root(ROOT[0], tlv("21", tlv("01", b"\xff")), *ROOT[2:]), MALFORMED),
    "locked in context class": (root(ROOT[0], tlv("81", b"\xff"), *ROOT[2:]), MALFORMED),
    "boot state as INTEGER": (root(*ROOT[:2], integer("00"), ROOT[3]), MALFORMED),
    "boot state empty": (root(*ROOT[:2], tlv("0a"), ROOT[3]), MALFORMED),
    "boot state with a leading zero": (root(*ROOT[:2], integer("0000", "0a"), ROOT[3]), MALFORMED),
    "boot key as BIT STRING": (root(tlv("03", b"\x00", bytes(32)), *ROOT[1:]), MALFORMED),
    "boot key constructed": (root(tlv("24", tlv("04", bytes(32))), *ROOT[1:]), MALFORMED),
    "boot key of 65 bytes": (root(tlv("04", bytes(65)), *ROOT[1:]), MALFORMED),
    "boot hash as NULL": (root(*ROOT[:3], tlv("05")), MALFORMED),
    "boot hash of 65 bytes": (root(*ROOT[:3], tlv("04", bytes(65))), MALFORMED),
    # the application id
    "application id without its OCTET STRING": (software(709, APPLICATION), MALFORMED),
    "application id of random bytes": (application(bytes.fromhex("8c1f5d0e99aa")), MALFORMED),
    "application id empty": (application(b""), MALFORMED),
    "application id a SET": (application(b"\x31" + APPLICATION[1:]), MALFORMED),
    "application id cut short": (application(APPLICATION[:-1]), MALFORMED),
    "application id with a byte after it": (application(APPLICATION + b"\x00"), MALFORMED),
    "application id with a third field": (application(tlv("30", PACKAGES, DIGESTS, tlv("05"))), MALFORMED),
    "application id without digests": (application(tlv("30", PACKAGES)), MALFORMED),
    "application id with its sets swapped": (application(tlv("30", DIGESTS, PACKAGES)), MALFORMED),
    "application id of SEQUENCEs": (application(tlv("30", b"\x30" + PACKAGES[1:], DIGESTS)), MALFORMED),
    "application id with a long length": (application(length_of(APPLICATION, "81{:02x}")), MALFORMED),
    "application id of indefinite length": (application(length_of(APPLICATION, "80") + b"\x00\x00"), MALFORMED),
    "application id in two parts": (
        software(709, tlv("24", tlv("04", APPLICATION[:20]), tlv("04", APPLICATION[20:]))),
        MALFORMED,
    ),
    "a package as UTF8String": (
        application(tlv("30", tlv("31", package(tlv("0c", b"com.example.bank"))), DIGESTS)),
        MALFORMED,
    ),
    "a package that is no UTF-8": (
        application(tlv("30", tlv("31", package(tlv("04", b"\xc3\x28"))), DIGESTS)),
        MALFORMED,
    ),
    "a package without a version": (application(tlv("30", tlv("31", package(version=b"")), DIGESTS)), MALFORMED),
    "a package with a third field": (application(tlv("30", tlv("31", package(tail=tlv("05"))), DIGESTS)), MALFORMED),
    "a package's version empty": (application(tlv("30", tlv("31", package(version=tlv("02"))), DIGESTS)), MALFORMED),
    "a digest as BIT STRING": (application(tlv("30", PACKAGES, tlv("31", tlv("03", b"\x00", bytes(32))))), MALFORMED),
    "a digest in context class": (application(tlv("30", PACKAGES, tlv("31", tlv("80", bytes(32))))), MALFORMED),
}


def test_there_are_more_than_they_ask_for():
    assert len(VARIATIONS) >= 120


def test_the_description_is_the_kit_s_in_another_hand(make):
    """What varies is a description that verifies with claims worth having."""
    claims = make(description=Fields().encode()).verify()
    assert isinstance(claims, VerifiedAndroidKey)
    assert claims.root_of_trust.device_locked
    assert claims.application_id.packages[0].name == "com.example.bank"
    assert claims.origin == 0
    assert claims.purposes == (2,)


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_variation(make, name):
    build, expected = VARIATIONS[name]
    outcome = make(description=build()).verify()
    if expected is VERIFIED:
        assert isinstance(outcome, VerifiedAndroidKey), outcome
    else:
        assert isinstance(outcome, Refused), f"{name} verified"
        assert outcome.reason is expected, outcome


def reads_no_better(claims, than):
    """Whether nothing that appraisal or enrolment goes by is more than `than` has."""
    root, was = claims.root_of_trust, than.root_of_trust
    return (
        claims.challenge == than.challenge
        and claims.security_level <= than.security_level
        and (root is None or (was is not None and root.device_locked <= was.device_locked))
        and (root is None or root.verified_boot_state_raw >= was.verified_boot_state_raw)
        and claims.origin in {None, than.origin}
        and (claims.application_id is None or set(claims.application_id.signature_digests) <= {bytes(32)})
    )


def test_no_variation_reads_better(make):
    sound = make(description=Fields().encode()).verify()
    for build, expected in VARIATIONS.values():
        if expected is VERIFIED:
            assert reads_no_better(make(description=build()).verify(), sound)


class TestOfABadPhone:
    """Unlocked, with a system of its own and a key that was brought in: no way to write that is better."""

    BAD_ROOT = (tlv("04", bytes(32)), tlv("01", b"\x00"), integer("02", "0a"), tlv("04", bytes(32)))
    BAD = Fields(
        hardware=(
            *Fields().hardware[:6],
            tagged(702, integer("02")),
            tagged(704, tlv("30", *BAD_ROOT)),
            *Fields().hardware[8:],
        )
    )

    @pytest.fixture
    def bad(self, make):
        claims = make(description=self.BAD.encode()).verify()
        assert not claims.root_of_trust.device_locked
        return claims

    def test_cut_anywhere(self, make):
        whole = self.BAD.encode()
        for size in range(len(whole)):
            assert make(description=whole[:size]).verify().reason is MALFORMED

    def test_any_octet_of_structure_changed(self, make, bad):
        """Tags and lengths only: other values are other statements, which the hardware signs or does not."""
        whole = self.BAD.encode()
        for at in headers(whole):
            for octet in {whole[at] ^ 0x20, whole[at] ^ 0x80, whole[at] ^ 1, 0, 0x30, 0xFF, 0x80} - {whole[at]}:
                outcome = make(description=whole[:at] + bytes([octet]) + whole[at + 1 :]).verify()
                if isinstance(outcome, VerifiedAndroidKey):
                    assert reads_no_better(outcome, bad), f"octet {at} as {octet:02x}"

    @pytest.mark.parametrize("good_first", [True, False])
    @pytest.mark.parametrize("at", [6, 7])
    def test_a_good_value_beside_the_bad_one(self, make, good_first, at):
        """First or last wins is how parsers differ: none does here."""
        good, bad_value = Fields().hardware[at], self.BAD.hardware[at]
        pair = (good, bad_value) if good_first else (bad_value, good)
        members = (*self.BAD.hardware[:at], *pair, *self.BAD.hardware[at + 1 :])
        assert make(description=Fields(hardware=members).encode()).verify().reason is MALFORMED

    def test_good_values_in_the_software_list(self, make, bad):
        description = Fields(software=(*Fields().software, *Fields().hardware[6:8]), hardware=self.BAD.hardware)
        claims = make(description=description.encode()).verify()
        assert (claims.root_of_trust, claims.origin) == (bad.root_of_trust, bad.origin)


def headers(value: bytes, start: int = 0, end: int | None = None) -> list[int]:
    """Where tags and lengths stand, as deep as constructed values go."""
    found, at = [], start
    end = len(value) if end is None else end
    while at < end:
        constructed, first = value[at] & 0x20, at
        at += 1
        if value[first] & 0x1F == 0x1F:
            while value[at] & 0x80:
                at += 1
            at += 1
        extra = value[at] & 0x7F if value[at] & 0x80 else 0
        size = int.from_bytes(value[at + 1 : at + 1 + extra]) if extra else value[at]
        at += 1 + extra
        found.extend(range(first, at))
        if constructed:
            found.extend(headers(value, at, at + size))
        at += size
    return found


def test_no_recursion_error_for_any_nesting(make):
    depth = sys.getrecursionlimit() * 2
    nested = b"\x30\x80" * depth
    assert make(description=nested).verify().reason is MALFORMED
