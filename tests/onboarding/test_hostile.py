"""Broken and forged artefacts: one sentence each, whatever they hold."""

import contextlib
import hashlib
import io
import os
import plistlib
import struct
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_toolkit.onboarding import bundle_manifest, mach_o
from assay_toolkit.onboarding.artefact import ArtefactUnusable
from assay_toolkit.onboarding.binary_manifest import read_root
from assay_toolkit.onboarding.property_list import read_property_list
from assay_toolkit.onboarding.reading import read_artefact
from tests.onboarding import android, apple
from tests.onboarding.android import V2, V3, V31, Owner, Signature

BANK, STRANGER, NEW = Owner("Bank"), Owner("Somebody else"), Owner("Bank, rotated")
UNSIGNED = android.unsigned_apk()
APK_ENTRIES = {"AndroidManifest.xml": android.manifest(), "classes.dex": b"dex"}


def apk(**stated):
    """An APK whose one v2 or v3 signature is as stated."""
    return android.signed(UNSIGNED, Signature(**{"scheme": V2, "owner": BANK, **stated}))


def manifest(contents):
    return android.archive({"AndroidManifest.xml": contents})


def bundle(contents):
    return android.archive({"base/manifest/AndroidManifest.xml": contents})


def ipa(**changes):
    return apple.ipa(BANK, **changes)


def granted(**changes):
    return ipa(granted=apple.entitlements(**changes))


def jar(**changes):
    return android.jar_signed(APK_ENTRIES, BANK, **changes)


def rewritten(packed, change):
    """The archive with other entries: `change` gets them as a dictionary."""
    with zipfile.ZipFile(io.BytesIO(packed)) as source:
        entries = {name: source.read(name) for name in source.namelist()}
    return android.archive({**entries, **change(entries)})


def patched(packed, at, data):
    """`at` counts from the end where it is negative."""
    at %= len(packed)
    return packed[:at] + data + packed[at + len(data) :]


def twice(name):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for package in ("com.example.one", "com.example.two"):
            with pytest.warns(UserWarning, match="Duplicate") if package.endswith("two") else _nothing():
                target.writestr(name, android.manifest(package=package))
    return packed.getvalue()


def _nothing():
    return io.BytesIO()


def of_other_contents():
    """The whole signing block of a genuine file, before the entries of another."""
    genuine = android.signed(android.unsigned_apk(package="com.example.genuine"), Signature(scheme=V2, owner=BANK))
    _, directory, end = android.split(genuine)
    start = genuine.rindex(b"APK Sig Block 42") + 16
    (size,) = struct.unpack_from("<Q", genuine, start - 24)
    assert genuine[start:] == directory + end
    return android.with_block(UNSIGNED, genuine[start - size - 8 : start])


def rotated(*owners, signers=None):
    attribute = (0x3BA06F8C, android.lineage(owners, signers=signers))
    return android.signed(UNSIGNED, Signature(scheme=V3, owner=NEW, attributes=(attribute,)))


def encrypted():
    packed = UNSIGNED
    entry = packed.index(b"PK\x01\x02")
    return patched(packed, entry + 8, b"\x01\x00")


def unpacks_to_more_than_it_says():
    packed = android.archive({"AndroidManifest.xml": bytes(50_000_000)})
    entry = packed.index(b"PK\x01\x02")
    return patched(packed, entry + 24, struct.pack("<I", 100))


def deep_list():
    return b"<?xml version='1.0'?><plist>" + b"<array>" * 100_000 + b"</plist>"


def laughing_list():
    lines = "".join(f"<!ENTITY l{index} '{f'&l{index - 1};' * 10}'>" for index in range(1, 10))
    return (
        f"<?xml version='1.0'?><!DOCTYPE plist [<!ENTITY l0 'ha'>{lines}]><plist><string>&l9;</string></plist>".encode()
    )


# Made when a test asks; what the sentence must say.
HOSTILE = {
    "nothing": (lambda: b"", "no ZIP archive"),
    "no archive": (lambda: b"PK" + bytes(1000), "no ZIP archive"),
    "cut short": (lambda: UNSIGNED[:-30], "no ZIP archive"),
    "bytes after the end": (lambda: UNSIGNED + b"\x00", "no ZIP archive"),
    "bytes before the beginning": (lambda: b"#!/bin/sh\n" + UNSIGNED, "where its directory is"),
    "a directory elsewhere": (lambda: patched(UNSIGNED, -6, struct.pack("<I", 7)), "where its directory is"),
    "ZIP64": (lambda: patched(UNSIGNED, -6, b"\xff" * 4), "ZIP64"),
    "two disks": (lambda: patched(UNSIGNED, -18, b"\x01\x00"), "where its directory is"),
    "a directory that is none": (lambda: patched(UNSIGNED, UNSIGNED.index(b"PK\x01\x02"), b"XXXX"), "no readable ZIP"),
    "one name twice": (lambda: twice("AndroidManifest.xml"), "two entries of one name"),
    "a name that goes on": (
        lambda: manifest(b"").replace(b"Manifest.xml", b"\x00anifest.xml"),
        "none of their manifests",
    ),
    "an encrypted manifest": (encrypted, "encrypted"),
    "an unknown compression": (
        lambda: patched(UNSIGNED, UNSIGNED.index(b"PK\x01\x02") + 10, b"\x63\x00"),
        "does not unpack",
    ),
    "a ZIP bomb": (lambda: manifest(bytes(50_000_000)), "larger than"),
    "a ZIP bomb that says it is small": (unpacks_to_more_than_it_says, "does not unpack"),
    "a wrong checksum": (lambda: patched(UNSIGNED, UNSIGNED.index(b"PK\x01\x02") + 16, b"\x00" * 4), "does not unpack"),
    "no app": (lambda: android.archive({"../../etc/passwd": b"root", "C:\\x": b""}), "none of their manifests"),
    "an APK and an IPA": (lambda: rewritten(ipa(), lambda _: APK_ENTRIES), "several kinds"),
    "two apps in a Payload": (
        lambda: rewritten(ipa(), lambda _: {"Payload/B.app/Info.plist": b""}),
        "more than one app",
    ),
    # manifests
    "an XML manifest": (lambda: manifest(b"<manifest package='com.example'/>"), "binary form"),
    "an empty manifest": (lambda: manifest(b""), "is broken"),
    "a manifest of zeros": (lambda: manifest(bytes(1000)), "binary form"),
    "a manifest without elements": (lambda: manifest(android.chunk(3, b"", android.string_pool(["a"]))), "is broken"),
    "a chunk without a size": (lambda: manifest(android.chunk(3, b"", struct.pack("<HHI", 0x100, 8, 0))), "is broken"),
    "a hundred chunks": (lambda: manifest(android.chunk(3, b"", android.chunk(0x200, b"", b"") * 100)), "is broken"),
    "two string pools": (lambda: manifest(android.chunk(3, b"", android.string_pool(["a"]) * 2)), "is broken"),
    "a string pool of four thousand million": (
        lambda: manifest(android.chunk(3, b"", android.chunk(1, b"\xff" * 20, b""))),
        "is broken",
    ),
    "another root element": (lambda: manifest(android.manifest(root="application")), "names no package"),
    "a package twice": (lambda: manifest(android.manifest(more=[android.attribute(3, 7)])), "something twice"),
    "a package that is a number": (
        lambda: manifest(
            android.manifest().replace(android.attribute(3, 6, raw=6), android.attribute(3, 6, kind=0x10))
        ),
        "names no package",
    ),
    "a package with a line break": (lambda: manifest(android.manifest(package="com.a\nb: c")), "names no package"),
    "two spellings of a value": (
        lambda: manifest(android.manifest().replace(android.attribute(3, 6, raw=6), android.attribute(3, 6, raw=7))),
        "is broken",
    ),
    "a text that is no UTF-8": (
        lambda: manifest(android.manifest(utf8=True).replace(b"com.example", b"com\xff\xfexample")),
        "is broken",
    ),
    "a bundle of garbage": (lambda: bundle(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "is broken"),
    "a bundle that ends early": (lambda: bundle(android.bundle_manifest()[:-8]), "is broken"),
    "a bundle with a group": (lambda: bundle(b"\x0b"), "is broken"),
    "a bundle with two roots": (lambda: bundle(android.bundle_manifest() * 2), "is broken"),
    "a bundle of another kind": (lambda: bundle(android.bundle_manifest(root="x")), "no <manifest>"),
    "a bundle without a package": (lambda: bundle(android.bundle_manifest(package="")), "names no package"),
    "a bundle's package twice": (
        lambda: bundle(android.bundle_manifest(more=android.member(4, android.member(2, "package")))),
        "something twice",
    ),
    "a bundle of ten thousand fields": (lambda: bundle(b"\x08\x01" * 10_000), "is broken"),
    # signatures
    "a certificate pasted in": (lambda: apk(certificate=STRANGER.certificate), "not by the certificate"),
    "a signature by somebody else": (lambda: apk(signer=STRANGER), "not by the certificate"),
    "another file's signing block": (of_other_contents, "other contents"),
    "contents changed after signing": (
        lambda: patched(apk(), UNSIGNED.index(b"classes.dex") + 99, b"x"),
        "other contents",
    ),
    "a digest that is none": (lambda: apk(digest=b""), "other contents"),
    "digests of another algorithm": (lambda: apk(listed=(android.RSA_SHA256,)), "no algorithm"),
    "an unknown algorithm alone": (lambda: apk(algorithms=(0x0999,)), "no algorithm"),
    "the same algorithm twice": (lambda: apk(algorithms=(android.EC_SHA256,) * 2), "same algorithm twice"),
    "a certificate that is none": (lambda: apk(certificate=b"\x30\x00"), "cannot be read"),
    "no certificate": (lambda: apk(certificate=b""), "cannot be read"),
    "no signer": (
        lambda: android.with_block(UNSIGNED, android.signing_block([(V2, android.prefixed(b""))])),
        "no signer",
    ),
    "a signer without an end": (
        lambda: android.with_block(UNSIGNED, android.signing_block([(V2, b"\xff" * 4)])),
        "ends early",
    ),
    "a thousand signers": (
        lambda: android.with_block(UNSIGNED, android.signing_block([(V2, android.sequence([b""] * 1000))])),
        "more than 10",
    ),
    "a scheme twice": (lambda: android.with_block(UNSIGNED, android.signing_block([(V2, b"")] * 2)), "twice"),
    "a block of no size": (
        lambda: android.with_block(UNSIGNED, bytes(16) + b"APK Sig Block 42"),
        "no possible size",
    ),
    "a block larger than the file": (
        lambda: android.with_block(UNSIGNED, struct.pack("<Q", 2**40) * 2 + b"APK Sig Block 42"),
        "no possible size",
    ),
    "a block of two sizes": (
        lambda: android.with_block(UNSIGNED, patched(android.signing_block([(V2, b"")]), 0, b"\x01")),
        "two sizes",
    ),
    "a pair longer than the block": (
        lambda: android.with_block(UNSIGNED, patched(android.signing_block([(V2, b"")]), 8, b"\xff" * 8)),
        "ends early",
    ),
    "a v3 signature taken out": (lambda: apk(attributes=((0xBEEFF00D, b"\x03\0\0\0"),)), "somebody took out"),
    "a v3.1 signature taken out": (
        lambda: apk(scheme=V3, attributes=((0x559F8B02, struct.pack("<I", 33)),)),
        "somebody took out",
    ),
    "other Android versions than signed": (lambda: apk(scheme=V3, outer_sdk=(24, 28)), "other Android versions"),
    "a rotation that the old key did not sign": (lambda: rotated(BANK, NEW, signers=[STRANGER]), "did not sign"),
    "a rotation to somebody else": (lambda: rotated(BANK, STRANGER), "does not lead to its signer"),
    "a rotation from nobody": (lambda: rotated(), "does not lead to its signer"),
    "a rotation in a circle": (lambda: rotated(NEW, BANK, NEW), "in a circle"),
    "a good scheme beside a bad one": (
        lambda: android.signed(
            UNSIGNED, Signature(scheme=V2, owner=BANK), Signature(scheme=V31, owner=NEW, signer=STRANGER)
        ),
        "not by the certificate",
    ),
    "a JAR's entry changed": (
        lambda: rewritten(jar(), lambda _: {"AndroidManifest.xml": android.manifest(package="com.other")}),
        "without a SHA-2 digest",
    ),
    "a JAR's listing changed": (
        lambda: rewritten(jar(), lambda found: {"META-INF/MANIFEST.MF": found["META-INF/MANIFEST.MF"] + b"\r\n"}),
        "without a SHA-2 digest",
    ),
    "a JAR's signature file changed": (
        lambda: rewritten(jar(), lambda found: {"META-INF/CERT.SF": found["META-INF/CERT.SF"] + b"\r\n"}),
        "cannot be read",
    ),
    "a JAR signed with SHA-1": (lambda: jar(digest=hashes.SHA1()), "without a SHA-2 digest"),  # noqa: S303 - refused
    "a JAR's digest that is no base64": (lambda: jar(manifest_digest="*" * 44), "without a SHA-2 digest"),
    "a JAR that names no digest of its manifest": (lambda: jar(entry_digest="AAAA"), "without a SHA-2 digest"),
    "a JAR's certificate pasted in": (
        lambda: android.jar_signed(APK_ENTRIES, BANK.with_key_of(STRANGER)),
        "by none of the certificates",
    ),
    "a JAR's certificate missing": (
        lambda: android.archive({**APK_ENTRIES, "META-INF/CERT.SF": b""}),
        "a part is missing",
    ),
    "a JAR's signature of garbage": (lambda: jar(block=b"\x30\x80garbage"), "cannot be read"),
    "a v2 signature taken out beside a JAR's": (lambda: jar(head="X-Android-APK-Signed: 2\r\n"), "somebody took out"),
    # Apple
    "an Info.plist of garbage": (lambda: ipa(**{"Info.plist": b"garbage"}), "no readable property list"),
    "an Info.plist that is a list": (lambda: ipa(**{"Info.plist": plistlib.dumps([])}), "no dictionary"),
    "an Info.plist nested deep": (lambda: ipa(**{"Info.plist": deep_list()}), "no readable property list"),
    "an Info.plist that laughs": (lambda: ipa(**{"Info.plist": laughing_list()}), "no readable property list"),
    "a large Info.plist": (lambda: ipa(**{"Info.plist": bytes(2_000_000)}), "larger than"),
    "no bundle id": (lambda: ipa(**{"Info.plist": apple.info(CFBundleIdentifier=["a"])}), "without a bundle id"),
    "a bundle id with a line break": (
        lambda: ipa(**{"Info.plist": apple.info(CFBundleIdentifier="a\nb")}),
        "without a bundle id",
    ),
    "another app's entitlements": (lambda: granted(app_id=f"{apple.TEAM}.com.other"), "not that of its bundle id"),
    "an application identifier without a team": (lambda: granted(app_id=apple.BUNDLE), "not that of its bundle id"),
    "an application identifier that is none": (lambda: granted(app_id=7), "not that of its bundle id"),
    "a team that is none": (lambda: granted(team="../.."), "team identifier"),
    "another team's profile": (
        lambda: ipa(allowed=apple.entitlements(app_id=f"ZZZZZZZZZZ.{apple.BUNDLE}")),
        "another app's or another team's",
    ),
    "a profile of garbage": (lambda: ipa(**{"embedded.mobileprovision": b"\x30\x05garbage"}), "profile that is broken"),
    "a profile without content": (lambda: ipa(**{"embedded.mobileprovision": b"\x30\x00"}), "profile that is broken"),
    "a profile whose entitlements are none": (lambda: ipa(allowed=["x"]), "profile that is broken"),
    "an executable that is none": (lambda: ipa(Bank=b"#!/bin/sh\n"), "no 64-bit Mach-O"),
    "an executable that ends early": (lambda: ipa(Bank=apple.executable({})[:100]), "is broken"),
    "an executable without its signature": (lambda: ipa(Bank=apple.executable({})[:-300]), "Mach-O|ends early|broken"),
    "an executable for other processors": (lambda: ipa(Bank=apple.fat({}, cpus=(apple.X86_64,))), "without code"),
    "a thousand processors": (lambda: ipa(Bank=struct.pack(">2I", 0xCAFEBABE, 1000)), "is broken"),
    "a processor's code before the file": (
        lambda: ipa(Bank=struct.pack(">7I", 0xCAFEBABE, 1, apple.ARM64, 0, 4, 4, 0)),
        "overlap",
    ),
    "entitlements that are no list": (lambda: ipa(granted=b"garbage"), "no readable property list"),
    "entitlements without an end": (
        lambda: ipa(
            Bank=apple.executable(apple.entitlements()).replace(b"\xfa\xde\x71\x71\0\0", b"\xfa\xde\x71\x71\xff\xff")
        ),
        "that are broken",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_one_sentence(written, name):
    make, sentence = HOSTILE[name]
    with pytest.raises(ArtefactUnusable, match=sentence) as refused:
        read_artefact(written(make()))
    message = str(refused.value)
    assert message.startswith(("is ", "has ", "had "))
    assert message.isprintable()


def test_what_is_not_there_or_no_file(tmp_path):
    for path in (tmp_path / "nowhere.apk", tmp_path):
        with pytest.raises(ArtefactUnusable, match="cannot be read"):
            read_artefact(path)


def test_a_pipe():
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(ArtefactUnusable, match="a pipe"):
        read_artefact(Path(f"/dev/fd/{reading}"))
    os.close(reading)


def test_no_byte_of_a_signed_apk_can_be_changed(written):
    """Each of them in turn: refused, or unsigned where it was one of those by which a reader finds the signature."""
    good = android.signed(
        android.archive({"AndroidManifest.xml": android.manifest()}), Signature(scheme=V2, owner=BANK)
    )
    assert read_artefact(written(good)).signers
    magic, scheme = good.index(b"APK Sig Block 42"), good.index(struct.pack("<I", V2))
    for at in range(len(good)):
        changed = written(patched(good, at, bytes([good[at] ^ 1])))
        if at in range(magic, magic + 16) or at in range(scheme, scheme + 4):
            assert read_artefact(changed).signers == ()
        else:
            with pytest.raises(ArtefactUnusable):
                read_artefact(changed)


FILES = {
    "apk": apk(scheme=V3),
    "jar": jar(),
    "aab": bundle(android.bundle_manifest()),
    "ipa": apple.ipa(BANK, Bank=apple.fat(apple.entitlements())),
}


@settings(max_examples=150)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_only_the_documented_error_leaves_a_reader(tmp_path_factory, kind, data):
    good = FILES[kind]
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(good) - 1))
        piece = data.draw(st.binary(max_size=8))
        changed[at : at + len(piece)] = piece
    _only_unusable(lambda: read_artefact(_file(tmp_path_factory, changed[: data.draw(st.integers(0, len(changed)))])))


def _file(factory, contents):
    file = factory.getbasetemp() / hashlib.sha256(contents).hexdigest()
    file.write_bytes(contents)
    return file


def _only_unusable(read):
    with contextlib.suppress(ArtefactUnusable):
        read()


def spliced(good):
    """Something like `good`: pieces of it replaced by others, of any length."""
    piece = st.tuples(st.integers(0, len(good)), st.integers(0, 16), st.binary(max_size=16))

    def splice(pieces):
        changed = good
        for at, size, data in pieces:
            changed = changed[:at] + data + changed[at + size :]
        return changed

    return st.binary(max_size=200) | st.lists(piece, max_size=6).map(splice)


@pytest.mark.parametrize(
    ("read", "good"),
    [
        (read_root, android.manifest()),
        (read_root, android.manifest(utf8=True)),
        (bundle_manifest.read_root, android.bundle_manifest()),
        (lambda data: read_property_list(data, of="it"), apple.info()),
        (lambda data: read_property_list(data, of="it"), plistlib.dumps(apple.entitlements())),
        (lambda data: mach_o.read_entitlements(io.BytesIO(data)), apple.executable(apple.entitlements(), code=b"")),
        (lambda data: mach_o.read_entitlements(io.BytesIO(data)), apple.fat(apple.entitlements())),
    ],
)
def test_only_the_documented_error_leaves_a_format(read, good):
    @settings(max_examples=300)
    @given(spliced(good))
    def search(data):
        _only_unusable(lambda: read(data))

    read(good)
    search()


# Made once: signatures differ in length from one to the next.
BLOCKS = {
    scheme: android.sequence([Signature(scheme=scheme, owner=BANK, lineage=(NEW, BANK)).encode(UNSIGNED)])
    for scheme in (V2, V3, V31)
}


@settings(max_examples=100)
@given(st.data())
def test_only_the_documented_error_leaves_a_signing_block(tmp_path_factory, data):
    """Behind the container, which the other search rarely gets through."""
    scheme = data.draw(st.sampled_from(sorted(BLOCKS)))
    packed = android.with_block(UNSIGNED, android.signing_block([(scheme, data.draw(spliced(BLOCKS[scheme])))]))
    _only_unusable(lambda: read_artefact(_file(tmp_path_factory, packed)))
