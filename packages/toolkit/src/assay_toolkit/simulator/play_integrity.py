"""A simulated Google Play: verdicts in its format, classic tokens for public keys, and standard ones that it decodes.

Sources: https://developer.android.com/google/play/integrity/verdicts, …/classic and …/standard. THE KEYS ARE PUBLIC AND
WORTHLESS, like the simulator's roots: whoever reads this file can make verdicts with them.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe, jws
from joserfc.jwk import ECKey, OctKey

from assay_toolkit.simulator.base_phone import Clock, system_clock
from assay_toolkit.simulator.key_description import KeyParameters
from assay_toolkit.simulator.keys import RandomBytes, b64url, p256_key

_LABEL = b"Assay simulated Google Play: public key, trust nothing"

DECRYPTION_KEY = hashlib.sha256(_LABEL + b" (response decryption)").digest()
SIGNING_KEY = p256_key(_LABEL + b" (response verification)")

# What an app's secret holds for classic requests, as the Play Console shows it (docs/evidence/play-integrity.md).
CLASSIC_SECRET: dict[str, str] = {
    "decryption_key": base64.b64encode(DECRYPTION_KEY).decode(),
    "verification_key": base64.b64encode(
        SIGNING_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode(),
}

Payload = dict[str, dict[str, Any]]


class Request(StrEnum):
    CLASSIC = "classic"
    STANDARD = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What Google Play thinks of app, phone and account: by default, that all is well. None: not evaluated."""

    app_recognition: str = "PLAY_RECOGNIZED"
    device_recognition: tuple[str, ...] = ("MEETS_BASIC_INTEGRITY", "MEETS_DEVICE_INTEGRITY", "MEETS_STRONG_INTEGRITY")
    device_activity: str | None = "LEVEL_1"
    sdk_version: int | None = 36
    recall: tuple[bool, bool, bool] | None = None
    licensing: str = "LICENSED"
    apps_detected: tuple[str, ...] | None = ()
    play_protect: str | None = "NO_ISSUES"
    testing: bool = False


SOUND = Verdict()

# What can be the matter, by name.
VERDICTS: Mapping[str, Verdict] = {
    "sound": SOUND,
    "basic": Verdict(device_recognition=("MEETS_BASIC_INTEGRITY",)),
    "rooted": Verdict(device_recognition=(), sdk_version=None),
    "emulator": Verdict(device_recognition=("MEETS_VIRTUAL_INTEGRITY",)),
    "repackaged": Verdict(app_recognition="UNRECOGNIZED_VERSION", licensing="UNEVALUATED"),
    "sideloaded": Verdict(licensing="UNLICENSED"),
    "farmed": Verdict(device_activity="LEVEL_4"),
    "remote_controlled": Verdict(apps_detected=("KNOWN_INSTALLED", "UNKNOWN_INSTALLED", "UNKNOWN_CONTROLLING")),
    "infected": Verdict(play_protect="HIGH_RISK"),
    "remembered": Verdict(recall=(True, False, False)),
    "unevaluated": Verdict(
        app_recognition="UNEVALUATED",
        device_recognition=(),
        device_activity=None,
        sdk_version=None,
        licensing="UNEVALUATED",
        apps_detected=None,
        play_protect=None,
    ),
    "test_response": Verdict(testing=True),
}


class UnknownToken(LookupError):  # noqa: N818 - says what is the case
    """No standard token that this Google Play made for that package; the real one answers 400."""


class ForeignToken(LookupError):  # noqa: N818 - says what is the case
    """A standard token that the phone asked for in the name of another Cloud project; the real one answers 403."""


class SimulatedPlay:
    """Google Play's side, with its own clock. Standard tokens mean nothing to anybody but the object that made them."""

    def __init__(self, *, clock: Clock = system_clock, randomness: RandomBytes = secrets.token_bytes) -> None:
        self._clock = clock
        self._randomness = randomness
        self._standard: dict[str, Payload] = {}
        self._foreign: set[str] = set()
        self._decoded: set[str] = set()

    def payload(
        self, *, request: Request, bound: bytes, verdict: Verdict = SOUND, app: KeyParameters | None = None
    ) -> Payload:
        """What a token for `bound` says. `app`: the installed app, of which package, version and signers are stated."""
        app = app or KeyParameters()
        member = "nonce" if request is Request.CLASSIC else "requestHash"
        details = {
            "requestPackageName": app.package_name,
            member: b64url(bound),
            "timestampMillis": str(int(self._clock().timestamp() * 1000)),
        }
        return {
            "requestDetails": details,
            "appIntegrity": _app_integrity(verdict, app),
            "deviceIntegrity": _device_integrity(verdict),
            "accountDetails": {"appLicensingVerdict": verdict.licensing},
            "environmentDetails": _environment(verdict),
        } | ({"testingDetails": {"isTestingResponse": True}} if verdict.testing else {})

    def token(self, *, request: Request, payload: Payload, foreign: bool = False) -> str:
        """`foreign`: for another Cloud project than the server's, which only a standard token's app chooses."""
        if request is Request.CLASSIC:
            return encrypt(sign(json.dumps(payload).encode()))
        token = b64url(self._randomness(96))
        self._standard[token] = payload
        if foreign:
            self._foreign.add(token)
        return token

    def decode(self, package: str, token: str) -> dict[str, Any]:
        """The body of the answer to `POST /v1/{package}:decodeIntegrityToken`. Raises UnknownToken and ForeignToken.

        A token's verdicts are told once. Google says that it clears them of tokens that are decoded "many times", and
        no number.
        """
        payload = self._standard.get(token)
        if token in self._foreign:
            raise ForeignToken
        if payload is None or payload["requestDetails"]["requestPackageName"] != package:
            raise UnknownToken
        again = token in self._decoded
        self._decoded.add(token)
        return {"tokenPayloadExternal": _cleared(payload) if again else payload}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayServices:
    """Google Play on one phone: how the app asks it, and what it then says."""

    request: Request = Request.CLASSIC
    verdict: Verdict = SOUND
    play: SimulatedPlay = field(default_factory=SimulatedPlay)
    foreign: bool = False

    def member(self, *, bound: bytes, app: KeyParameters) -> dict[str, object]:
        """`play_integrity` of a submission (docs/wire.md, section 4)."""
        payload = self.play.payload(request=self.request, bound=bound, verdict=self.verdict, app=app)
        token = self.play.token(request=self.request, payload=payload, foreign=self.foreign)
        return {"request": self.request.value, "token": token}


def sign(payload: bytes, *, header: Mapping[str, Any] | None = None, key: ECKey | OctKey | None = None) -> bytes:
    """The inner JWS; the defaults are Google's."""
    protected = {"alg": "ES256", **(header or {})}
    signer = key or ECKey(SIGNING_KEY, SIGNING_KEY)
    return jws.serialize_compact(protected, payload, signer, algorithms=[protected["alg"]]).encode()


def encrypt(signed: bytes, *, header: Mapping[str, Any] | None = None, key: bytes = DECRYPTION_KEY) -> str:
    """The outer JWE; the defaults are Google's."""
    protected = {"alg": "A256KW", "enc": "A256GCM", **(header or {})}
    algorithms = [protected[name] for name in ("alg", "enc", "zip") if name in protected]
    return jwe.encrypt_compact(protected, signed, OctKey.import_key(key), algorithms=algorithms)


def _cleared(payload: Payload) -> Payload:
    """https://developer.android.com/google/play/integrity/standard, "Automatic replay protection"."""
    return {
        "requestDetails": payload["requestDetails"],
        "appIntegrity": {"appRecognitionVerdict": "UNEVALUATED"},
        "deviceIntegrity": {},
        "accountDetails": {"appLicensingVerdict": "UNEVALUATED"},
        "environmentDetails": {"playProtectVerdict": "UNEVALUATED"},
    }


def _app_integrity(verdict: Verdict, app: KeyParameters) -> dict[str, Any]:
    stated: dict[str, Any] = {"appRecognitionVerdict": verdict.app_recognition}
    if verdict.app_recognition == "UNEVALUATED":
        return stated
    return stated | {
        "packageName": app.package_name,
        "certificateSha256Digest": [b64url(digest) for digest in app.signature_digests],
        "versionCode": str(app.package_version),
    }


def _device_integrity(verdict: Verdict) -> dict[str, Any]:
    stated: dict[str, Any] = {}
    if verdict.device_recognition:
        stated["deviceRecognitionVerdict"] = list(verdict.device_recognition)
    if verdict.device_activity is not None:
        stated["recentDeviceActivity"] = {"deviceActivityLevel": verdict.device_activity}
    if verdict.sdk_version is not None:
        stated["deviceAttributes"] = {"sdkVersion": verdict.sdk_version}
    if verdict.recall is not None:
        names = ("First", "Second", "Third")
        stated["deviceRecall"] = {
            "values": {f"bit{name}": bit for name, bit in zip(names, verdict.recall, strict=True)},
            "writeDates": {f"yyyymm{name}": 202610 for name, bit in zip(names, verdict.recall, strict=True) if bit},
        }
    return stated


def _environment(verdict: Verdict) -> dict[str, Any]:
    stated: dict[str, Any] = {}
    if verdict.apps_detected is not None:
        stated["appAccessRiskVerdict"] = {"appsDetected": list(verdict.apps_detected)}
    if verdict.play_protect is not None:
        stated["playProtectVerdict"] = verdict.play_protect
    return stated
