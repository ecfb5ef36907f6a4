"""One vector through its verifier: what came out, in the words of the folder's README."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from assay_toolkit.vectors import play_integrity
from assay_toolkit.vectors.baseline import Baseline
from assay_toolkit.vectors.claims import android_claims, assertion_claims, attestation_claims, receipt_claims
from assay_toolkit.vectors.index import Entry, Params
from chalicelib.endorsements.anchors import AnchorSet
from chalicelib.model.claims import AppleEnvironment
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import SubmittedAndroidKey, SubmittedAppleAssertion, SubmittedAppleAttestation
from chalicelib.verifiers import android_key, app_attest
from chalicelib.verifiers.app_attest.receipt import unverified_creation_time

VERIFIED: Final = "verified"
REFUSED: Final = "refused"
UNSUPPORTED: Final = "unsupported"

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`baseline` is `accept` or `reject`, None where no policy applies. `reasons` are of the refusal or the policy."""

    verification: str
    reasons: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    baseline: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifiers:
    """What this run trusts and judges by."""

    android_anchors: AnchorSet
    apple_anchors: AnchorSet
    apple_receipt_anchors: AnchorSet
    baseline: Baseline

    def run(self, entry: Entry) -> Outcome:
        """Raises FolderError where a parameter is missing or mistyped."""
        by_kind: dict[str, Callable[[Entry], Outcome]] = {
            "android_key": self._android_key,
            "apple_attestation": self._apple_attestation,
            "apple_assertion": self._apple_assertion,
            "apple_receipt": self._apple_receipt,
            "play_integrity": _play_integrity,
        }
        return by_kind.get(entry.kind, _unsupported)(entry)

    def _android_key(self, entry: Entry) -> Outcome:
        challenge = entry.params.hex_or_none("expected_challenge_hex")
        if challenge is None:
            return _refused(Refused(RefusalReason.KEY_DESCRIPTION_CHALLENGE, "no challenge was told"))
        try:
            x5c = tuple(
                base64.b64decode(b"".join(body.split()), validate=True) for body in _PEM.findall(entry.evidence)
            )
        except binascii.Error:
            return _refused(Refused(RefusalReason.CHAIN_MALFORMED, "not PEM"))
        now = entry.params.time("verification_time")
        result = android_key.verify(
            SubmittedAndroidKey(x5c=x5c), challenge=challenge, anchors=self.android_anchors, now=now
        )
        if isinstance(result, Refused):
            return _refused(result)
        baseline, reasons = self.baseline.judge(result, params=entry.params, now=now)
        return Outcome(verification=VERIFIED, reasons=reasons, claims=android_claims(result), baseline=baseline)

    def _apple_attestation(self, entry: Entry) -> Outcome:
        params = entry.params
        result = app_attest.verify_attestation(
            SubmittedAppleAttestation(key_id=params.base64("key_id_b64"), attestation=entry.evidence),
            client_data_hash=params.base64("client_data_hash_b64"),
            app_ids=(params.text("app_id"),),
            environment=_environment(params),
            anchors=self.apple_anchors,
            now=params.time("verification_time"),
        )
        if isinstance(result, Refused):
            return _refused(result)
        return Outcome(verification=VERIFIED, claims=attestation_claims(result))

    def _apple_assertion(self, entry: Entry) -> Outcome:
        params = entry.params
        public_key = _public_key(params)
        key_id = hashlib.sha256(public_key.x962).digest()
        result = app_attest.verify_assertion(
            SubmittedAppleAssertion(key_id=key_id, assertion=entry.evidence),
            client_data_hash=params.base64("client_data_hash_b64"),
            app_id=params.text("app_id"),
            key_id=key_id,
            public_key=public_key,
            stored_counter=params.integer("stored_counter_before"),
        )
        if isinstance(result, Refused):
            return _refused(result)
        return Outcome(verification=VERIFIED, claims=assertion_claims(result, public_key=public_key))

    def _apple_receipt(self, entry: Entry) -> Outcome:
        params = entry.params
        # Recorded receipts come without a time: they are judged as on the day they were made.
        timed = "verification_time" in params.members
        now = params.time("verification_time") if timed else unverified_creation_time(entry.evidence)
        if isinstance(now, Refused):
            return _refused(now)
        result = app_attest.verify_receipt(
            entry.evidence,
            app_id=params.text("app_id"),
            public_key=_pem_public_key(params),
            anchors=self.apple_receipt_anchors,
            now=now,
        )
        if isinstance(result, Refused):
            return _refused(result)
        return Outcome(verification=VERIFIED, claims=receipt_claims(result))


def _play_integrity(entry: Entry) -> Outcome:
    result = play_integrity.verify(entry)
    if isinstance(result, Refused):
        return _refused(result)
    return Outcome(verification=VERIFIED, claims=play_integrity.claims(result))


def _unsupported(_entry: Entry) -> Outcome:
    return Outcome(verification=UNSUPPORTED)


def _refused(refused: Refused) -> Outcome:
    return Outcome(verification=REFUSED, reasons=(refused.reason.value,))


def _environment(params: Params) -> AppleEnvironment:
    label = params.text("environment")
    for environment in AppleEnvironment:
        if environment.label == label:
            return environment
    raise params.broken("environment", "is not an App Attest environment")


def _public_key(params: Params) -> EcPublicJwk:
    point = params.base64("public_key_x962_b64")
    try:
        return _jwk(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))
    except ValueError:
        raise params.broken("public_key_x962_b64", "is not a P-256 point") from None


def _pem_public_key(params: Params) -> EcPublicJwk:
    try:
        key = load_pem_public_key(params.text("public_key_spki_pem").encode())
    except (ValueError, UnsupportedAlgorithm):
        raise params.broken("public_key_spki_pem", "is not a public key") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise params.broken("public_key_spki_pem", "is not a P-256 key")
    return _jwk(key)


def _jwk(key: ec.EllipticCurvePublicKey) -> EcPublicJwk:
    numbers = key.public_numbers()
    return EcPublicJwk(x=numbers.x.to_bytes(32, "big"), y=numbers.y.to_bytes(32, "big"))
