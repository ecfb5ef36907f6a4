"""Defects of classic integrity tokens. Standard ones are opaque: what is wrong with one, Google says."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from joserfc.jwk import ECKey, OctKey

from assay_toolkit.simulator.android_phone import AndroidPhone
from assay_toolkit.simulator.base_phone import Phone
from assay_toolkit.simulator.conditions import FOREIGN_SIGNER, Platform
from assay_toolkit.simulator.defect import Make, Tamper
from assay_toolkit.simulator.keys import b64url, p256_key, public_jwk
from assay_toolkit.simulator.play_integrity import (
    DECRYPTION_KEY,
    Payload,
    PlayServices,
    Request,
    encrypt,
    sign,
)
from assay_toolkit.simulator.submission import Submission

_ANDROID = frozenset({Platform.ANDROID})
_FORGER = p256_key(b"a forger's key in place of Google Play's")
_FOREIGN_PACKAGE = "com.example.copycat"
_HOUR = 3_600_000  # milliseconds
_TAG = 22  # characters of 16 bytes

_Change = Callable[[Payload], Payload]
_Wrap = Callable[[bytes], str]


def _with(token_of: Callable[[AndroidPhone, Submission], str]) -> Make:
    """A submission that is right but for the integrity token beside it."""

    def make(phone: Phone, _stranger: Phone, challenge: bytes) -> Submission:
        if not isinstance(phone, AndroidPhone):
            raise TypeError("a defect of Android phones")
        submission = phone.enrolment(challenge=challenge)
        token = token_of(phone, submission)
        return replace(submission, play_integrity={"request": Request.CLASSIC.value, "token": token})

    return make


def _payload(phone: AndroidPhone, bound: bytes) -> Payload:
    services = phone.play_integrity or PlayServices()
    return services.play.payload(
        request=Request.CLASSIC, bound=bound, verdict=services.verdict, app=phone.key_parameters()
    )


def _saying(change: _Change) -> Make:
    """Google's own token, saying something else."""
    return _wrapped(lambda payload: encrypt(sign(payload)), change)


def _wrapped(wrap: _Wrap, change: _Change = lambda payload: payload) -> Make:
    """The payload as it should be, wrapped by somebody else or in another way."""

    def token(phone: AndroidPhone, submission: Submission) -> str:
        return wrap(json.dumps(change(_payload(phone, submission.binding))).encode())

    return _with(token)


def _put(group: str, **members: Any) -> _Change:  # noqa: ANN401 - a JSON value
    return lambda payload: {**payload, group: {**payload.get(group, {}), **members}}


def _shifted(milliseconds: int) -> _Change:
    def change(payload: Payload) -> Payload:
        stated = int(payload["requestDetails"]["timestampMillis"])
        return _put("requestDetails", timestampMillis=str(stated + milliseconds))(payload)

    return change


def _hash_for_nonce(payload: Payload) -> Payload:
    details = dict(payload["requestDetails"])
    details["requestHash"] = details.pop("nonce")
    return {**payload, "requestDetails": details}


def _without_certificates(payload: Payload) -> Payload:
    app = {name: value for name, value in payload["appIntegrity"].items() if name != "certificateSha256Digest"}
    return {**payload, "appIntegrity": app}


def _binding_of_another(phone: AndroidPhone, submission: Submission) -> str:
    elsewhere = bytes([submission.binding[0] ^ 0x01]) + submission.binding[1:]
    return encrypt(sign(json.dumps(_payload(phone, elsewhere)).encode()))


def _bound_to_the_challenge(phone: AndroidPhone, submission: Submission) -> str:
    return encrypt(sign(json.dumps(_payload(phone, submission.challenge)).encode()))


def _nonce_twice(payload: bytes) -> str:
    return encrypt(sign(payload.replace(b'"nonce"', b'"nonce": "AAAAAAAAAAAAAAAAAAAAAA", "nonce"', 1)))


def _unsigned(payload: bytes) -> str:
    # By hand: the library warns of whoever asks for it.
    return encrypt(f"{b64url(json.dumps({'alg': 'none'}).encode())}.{b64url(payload)}.".encode())


def _signed_with_the_decryption_key(payload: bytes) -> str:
    return encrypt(sign(payload, header={"alg": "HS256"}, key=OctKey.import_key(DECRYPTION_KEY)))


def _key_in_the_header(payload: bytes) -> str:
    header = {"jwk": public_jwk(_FORGER.public_key())}
    return encrypt(sign(payload, header=header, key=ECKey(_FORGER, _FORGER)))


def _flipped_signature(payload: bytes) -> str:
    signed, _, signature = sign(payload).decode().rpartition(".")
    octets = bytearray(base64.urlsafe_b64decode(signature + "=="))
    octets[-1] ^= 0x01
    return encrypt(f"{signed}.{b64url(bytes(octets))}".encode())


def _flipped_ciphertext(payload: bytes) -> str:
    parts = encrypt(sign(payload)).split(".")
    parts[3] = ("B" if parts[3][0] == "A" else "A") + parts[3][1:]
    return ".".join(parts)


def _short_tag(payload: bytes) -> str:
    token = encrypt(sign(payload))
    tag = base64.urlsafe_b64decode(token[-_TAG:] + "==")
    return token[:-_TAG] + b64url(tag[:12])


def _tamper(name: str, expected: str, make: Make, how: str, *, unless_tested: bool = False) -> Tamper:
    return Tamper(
        name=f"play_{name}",
        how=how,
        expected=f"play_integrity_{expected}",
        make=make,
        platforms=_ANDROID,
        unless_tested=unless_tested,
    )


PLAY_INTEGRITY_TAMPERS = (
    _tamper(
        "token_of_another",
        "binding",
        _with(_binding_of_another),
        "The integrity token was requested for another submission.",
    ),
    _tamper(
        "bound_to_challenge",
        "binding",
        _with(_bound_to_the_challenge),
        "The integrity token covers the challenge alone: neither key, report nor descriptor.",
    ),
    _tamper(
        "hash_for_nonce",
        "binding",
        _saying(_hash_for_nonce),
        "A classic token carries the binding where a standard one would.",
    ),
    _tamper(
        "other_package",
        "package",
        _saying(_put("requestDetails", requestPackageName=_FOREIGN_PACKAGE)),
        "Another app asked for the integrity token.",
    ),
    _tamper(
        "spoofed_package",
        "package",
        _saying(_put("appIntegrity", packageName=_FOREIGN_PACKAGE)),
        "Another app asked for the integrity token under the registered package's name.",
    ),
    _tamper(
        "foreign_signer",
        "certificate",
        _saying(_put("appIntegrity", certificateSha256Digest=[b64url(FOREIGN_SIGNER)])),
        "The app that asked is signed by somebody else.",
    ),
    _tamper(
        "recognized_without_signer",
        "certificate",
        _saying(_without_certificates),
        "The app is called recognised, and no certificate is named.",
    ),
    _tamper("stale", "time", _saying(_shifted(-_HOUR)), "The integrity token is an hour old."),
    _tamper("ahead", "time", _saying(_shifted(_HOUR)), "The integrity token is dated in an hour."),
    _tamper(
        "test_response",
        "testing",
        _saying(_put("testingDetails", isTestingResponse=True)),
        "The integrity token is a test response that somebody set up in the Play Console.",
        unless_tested=True,
    ),
    _tamper(
        "time_as_number",
        "malformed",
        _saying(_put("requestDetails", timestampMillis=0)),
        "The time is a number, where Google writes a text.",
    ),
    _tamper("nonce_twice", "malformed", _wrapped(_nonce_twice), "The payload has two nonces, the right one last."),
    _tamper(
        "foreign_signature",
        "signature",
        _wrapped(lambda payload: encrypt(sign(payload, key=ECKey(_FORGER, _FORGER)))),
        "Whoever has the decryption key signed the payload with a key of their own.",
    ),
    _tamper(
        "key_in_header",
        "signature",
        _wrapped(_key_in_the_header),
        "The inner signature is by a key that its own header brings along.",
    ),
    _tamper("unsigned", "signature", _wrapped(_unsigned), "The inner header says that there is no signature."),
    _tamper(
        "algorithm_confusion",
        "signature",
        _wrapped(_signed_with_the_decryption_key),
        "The inner signature is an HMAC with the decryption key.",
    ),
    _tamper(
        "flipped_signature",
        "signature",
        _wrapped(_flipped_signature),
        "One bit of the inner signature is flipped.",
    ),
    _tamper(
        "foreign_encryption",
        "encryption",
        _wrapped(lambda payload: encrypt(sign(payload), key=bytes(32))),
        "The token is encrypted to another app's key.",
    ),
    _tamper(
        "weaker_encryption",
        "encryption",
        _wrapped(lambda payload: encrypt(sign(payload), header={"enc": "A128GCM"})),
        "The token names a content encryption that Google does not use.",
    ),
    _tamper(
        "compressed",
        "encryption",
        _wrapped(lambda payload: encrypt(sign(payload), header={"zip": "DEF"})),
        "The token is compressed, so that a small one unpacks into a large one.",
    ),
    _tamper("short_tag", "encryption", _wrapped(_short_tag), "The authentication tag is cut to 96 bits."),
    _tamper(
        "flipped_ciphertext",
        "encryption",
        _wrapped(_flipped_ciphertext),
        "Some bits of the ciphertext are flipped.",
    ),
    _tamper(
        "not_encrypted",
        "malformed",
        _wrapped(lambda payload: sign(payload).decode()),
        "The signed payload comes without its encryption.",
    ),
    _tamper(
        "nothing_signed_inside",
        "malformed",
        _wrapped(encrypt),
        "The payload is encrypted and not signed.",
    ),
)
