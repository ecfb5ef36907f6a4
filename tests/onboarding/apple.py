"""IPAs written from Apple's headers, with nothing of the readers'."""

import plistlib
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from tests.onboarding.android import archive

TEAM, BUNDLE = "A1B2C3D4E5", "com.example.onboarded"
FOLDER = "Payload/Bank.app/"
ENVIRONMENT = "com.apple.developer.devicecheck.appattest-environment"
ARM64, X86_64 = 0x0100000C, 0x01000007


def info(**changes):
    stated = {
        "CFBundleIdentifier": BUNDLE,
        "CFBundleExecutable": "Bank",
        "CFBundleShortVersionString": "7.1.0",
        "CFBundleVersion": "71",
    }
    return plistlib.dumps({**stated, **changes}, fmt=plistlib.FMT_BINARY)


def entitlements(*, app_id=f"{TEAM}.{BUNDLE}", team=TEAM, environment="development", **more):
    stated = {
        "application-identifier": app_id,
        "com.apple.developer.team-identifier": team,
        ENVIRONMENT: environment,
        **more,
    }
    return {name: value for name, value in stated.items() if value is not None}


def code_signature(granted):
    blob = plistlib.dumps(granted) if isinstance(granted, dict) else granted
    blobs = [
        (0, struct.pack(">2I", 0xFADE0C02, 16) + bytes(8)),
        (5, struct.pack(">2I", 0xFADE7171, 8 + len(blob)) + blob),
    ]
    index, data, start = b"", b"", 12 + 8 * len(blobs)
    for slot, contents in blobs:
        index += struct.pack(">2I", slot, start + len(data))
        data += contents
    return struct.pack(">3I", 0xFADE0CC0, start + len(data), len(blobs)) + index + data


def executable(granted, *, code=bytes(50_000)):
    """A thin arm64 Mach-O file; None: without a signature."""
    segment = struct.pack("<2I", 0x19, 72) + bytes(64)
    signature = b"" if granted is None else code_signature(granted)
    commands = segment + (struct.pack("<4I", 0x1D, 16, 32 + 88 + len(code), len(signature)) if signature else b"")
    count = 2 if signature else 1
    header = struct.pack("<8I", 0xFEEDFACF, ARM64, 0, 2, count, len(commands), 0, 0)
    padding = bytes(32 + 88 - len(header) - len(commands))
    return header + commands + padding + code + signature


def fat(granted, *, cpus=(X86_64, ARM64)):
    slices = [executable({"of": "another"} if cpu != ARM64 else granted) for cpu in cpus]
    start, entries, body = 4096, b"", b""
    for cpu, piece in zip(cpus, slices, strict=True):
        entries += struct.pack(">5I", cpu, 0, start + len(body), len(piece), 12)
        body += piece
    header = struct.pack(">2I", 0xCAFEBABE, len(cpus)) + entries
    return header + bytes(start - len(header)) + body


def profile(owner, granted, **more):
    """embedded.mobileprovision for the App Store; `more`: members for other distributions."""
    stated = plistlib.dumps({"Name": "Bank", "TeamIdentifier": [TEAM], "Entitlements": granted, **more})
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(stated)
        .add_signer(owner.x509, owner.key, hashes.SHA256())
        .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
    )


def ipa(owner, *, granted=None, allowed=None, more=None, without=(), **replaced):
    """`granted`: the signature's entitlements; `allowed`: the profile's. `replaced`: files of the app by stem."""
    granted = entitlements() if granted is None else granted
    files = {
        "Info.plist": info(),
        "Bank": executable(granted),
        "embedded.mobileprovision": profile(owner, allowed or entitlements(), **(more or {})),
        "Assets.car": bytes(1000),
        **replaced,
    }
    return archive({FOLDER + name: contents for name, contents in files.items() if name not in without})
