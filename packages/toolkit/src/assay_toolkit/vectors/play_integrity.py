"""One Play Integrity vector: a classic token with its keys, or a payload that was decoded already."""

import base64
import binascii
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from assay_toolkit.vectors.index import Entry, Params
from chalicelib.model.outcome import Refused
from chalicelib.model.play_integrity import VerifiedPlayIntegrity
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import PlayIntegrityRequest
from chalicelib.verifiers.play_integrity import LONGEST_AGE, ClassicKeys, UnusableSecret, open_classic, verify_payload

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def verify(entry: Entry) -> VerifiedPlayIntegrity | Refused:
    """Raises FolderError."""
    params = entry.params
    request = PlayIntegrityRequest.CLASSIC if "nonce" in params.members else PlayIntegrityRequest.STANDARD
    bound = _base64url(params.text("nonce" if request is PlayIntegrityRequest.CLASSIC else "request_hash"))
    if bound is None:
        return Refused(RefusalReason.PLAY_INTEGRITY_BINDING, "what was told is not base64url")
    payload = _payload(entry)
    if isinstance(payload, Refused):
        return payload
    return verify_payload(
        payload,
        request=request,
        binding=bound,
        packages=(params.text("package"),),
        signature_digests=_registered(params, payload),
        now=_now(params),
        longest_age=_longest_age(params),
    )


def claims(verdict: VerifiedPlayIntegrity) -> dict[str, Any]:
    """As plain JSON values."""
    return {
        "request": verdict.request.value,
        "package": verdict.package,
        "app_recognition": verdict.app_recognition,
        "version_code": verdict.version_code,
        "device_recognition": list(verdict.device_recognition),
        "device_activity": verdict.device_activity,
        "device_sdk_version": verdict.device_sdk_version,
        "device_recall": None if verdict.device_recall is None else list(verdict.device_recall),
        "device_recall_months": None if verdict.device_recall_months is None else list(verdict.device_recall_months),
        "app_licensing": verdict.app_licensing,
        "account_activity": verdict.account_activity,
        "apps_detected": None if verdict.apps_detected is None else list(verdict.apps_detected),
        "play_protect": verdict.play_protect,
        "unknown_members": list(verdict.unknown_members),
    }


def _payload(entry: Entry) -> bytes | Refused:
    params = entry.params
    if "decryption_key_b64" not in params.members:
        return entry.evidence
    spki = params.base64("verification_key_b64_spki")
    try:
        key = load_der_public_key(spki)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise params.broken("verification_key_b64_spki", "is not an EC key")
        keys = ClassicKeys(decryption_key=params.base64("decryption_key_b64"), verification_key=key)
    except UnusableSecret as error:
        raise params.broken("decryption_key_b64", f"is not usable: {error}") from None
    except ValueError:
        raise params.broken("verification_key_b64_spki", "is not a public key") from None
    try:
        return open_classic(entry.evidence.decode("ascii").strip(), keys=keys)  # a file ends with a line break
    except UnicodeDecodeError:
        return Refused(RefusalReason.PLAY_INTEGRITY_MALFORMED, "not ASCII")


def _registered(params: Params, payload: bytes) -> tuple[bytes, ...]:
    """The app is registered as the vector says it is, and where that is silent, with the certificates that the payload
    names: nobody told others that they could be held against."""
    if "certificate_sha256_b64url" in params.members:
        digest = _base64url(params.text("certificate_sha256_b64url"))
        if digest is None:
            raise params.broken("certificate_sha256_b64url", "is not base64url")
        return (digest,)
    try:
        stated = json.loads(payload)["appIntegrity"]["certificateSha256Digest"]
        return tuple(base64.urlsafe_b64decode(text + "==") for text in stated)
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()  # absent, or malformed: the verifier says so


def _now(params: Params) -> datetime:
    if "verification_time_ms" in params.members:
        return _EPOCH + timedelta(milliseconds=params.integer("verification_time_ms"))
    return params.time("verification_time")


def _longest_age(params: Params) -> timedelta:
    return timedelta(milliseconds=params.integer("max_age_ms")) if "max_age_ms" in params.members else LONGEST_AGE


def _base64url(text: str) -> bytes | None:
    unpadded = text.rstrip("=")
    try:
        return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
