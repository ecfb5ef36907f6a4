"""Tokens and payloads written from RFC 7515 and RFC 7516 with primitives alone, so that any of them can be wrong."""

import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from chalicelib.model.submission import PlayIntegrityRequest
from chalicelib.verifiers.play_integrity import ClassicKeys, open_classic, verify_payload

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MILLIS = int(NOW.timestamp() * 1000)
BINDING = hashlib.sha256(b"binding").digest()
PACKAGE = "com.example.bank"
SIGNER = bytes.fromhex("a1" * 32)

AES = hashlib.sha256(b"a test's decryption key").digest()
SIGNING = ec.derive_private_key(7, ec.SECP256R1())
KEYS = ClassicKeys(decryption_key=AES, verification_key=SIGNING.public_key())


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def js(value):
    return json.dumps(value, separators=(",", ":")).encode()


def payload(request="classic", **groups):
    """A whole verdict; a group given as None is left out, others are merged."""
    member = "nonce" if request == "classic" else "requestHash"
    whole = {
        "requestDetails": {
            "requestPackageName": PACKAGE,
            member: b64url(BINDING),
            "timestampMillis": str(MILLIS - 2000),
        },
        "appIntegrity": {
            "appRecognitionVerdict": "PLAY_RECOGNIZED",
            "packageName": PACKAGE,
            "certificateSha256Digest": [b64url(SIGNER)],
            "versionCode": "71",
        },
        "deviceIntegrity": {
            "deviceRecognitionVerdict": ["MEETS_DEVICE_INTEGRITY"],
            "recentDeviceActivity": {"deviceActivityLevel": "LEVEL_1"},
            "deviceAttributes": {"sdkVersion": 36},
            "deviceRecall": {
                "values": {"bitFirst": True, "bitSecond": False, "bitThird": False},
                "writeDates": {"yyyymmFirst": 202610},
            },
        },
        "accountDetails": {"appLicensingVerdict": "LICENSED", "accountActivity": {"activityLevel": "TYPICAL_BASIC"}},
        "environmentDetails": {
            "appAccessRiskVerdict": {"appsDetected": ["KNOWN_INSTALLED"]},
            "playProtectVerdict": "NO_ISSUES",
        },
    }
    for name, members in groups.items():
        if members is None:
            del whole[name]
        else:
            whole[name] = {**whole.get(name, {}), **members} if isinstance(members, dict) else members
    return whole


def without(group, member, **more):
    whole = payload(**more)
    del whole[group][member]
    return whole


def jws(body=None, header=None, key=SIGNING, raw_header=None):
    """ES256 whatever the header says."""
    head = raw_header if raw_header is not None else js({"alg": "ES256"} if header is None else header)
    signed = f"{b64url(head)}.{b64url(js(payload()) if body is None else body)}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{b64url(r.to_bytes(32) + s.to_bytes(32))}"


def jwe(inside=None, header=None, key=AES, raw_header=None, cek=bytes(range(32)), iv=bytes(12)):
    """A256KW and A256GCM whatever the header says."""
    head = b64url(raw_header if raw_header is not None else js(header or {"alg": "A256KW", "enc": "A256GCM"}))
    inside = (jws() if inside is None else inside).encode() if not isinstance(inside, bytes) else inside
    sealed = AESGCM(cek).encrypt(iv, inside, head.encode())
    return ".".join([head, *(b64url(part) for part in (aes_key_wrap(key, cek), iv, sealed[:-16], sealed[-16:]))])


def judge(body, request="classic", **changes):
    arguments = {
        "request": PlayIntegrityRequest(request),
        "binding": BINDING,
        "packages": (PACKAGE,),
        "signature_digests": (SIGNER,),
        "now": NOW,
        **changes,
    }
    return verify_payload(body if isinstance(body, bytes) else js(body), **arguments)


def unlock(token, keys=KEYS):
    return open_classic(token, keys=keys)


class Play:
    """What test modules need: with importlib they cannot import their conftest."""

    NOW, MILLIS, BINDING, PACKAGE, SIGNER, AES, SIGNING, KEYS = (
        NOW,
        MILLIS,
        BINDING,
        PACKAGE,
        SIGNER,
        AES,
        SIGNING,
        KEYS,
    )
    b64url, js, payload, without = staticmethod(b64url), staticmethod(js), staticmethod(payload), staticmethod(without)
    jws, jwe, judge, unlock = staticmethod(jws), staticmethod(jwe), staticmethod(judge), staticmethod(unlock)


@pytest.fixture(scope="session")
def play():
    return Play
