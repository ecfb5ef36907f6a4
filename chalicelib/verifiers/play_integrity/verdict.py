"""What Google Play says: whether it says it for this submission and this app, and then as claims."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from msgspec import UNSET, UnsetType

from chalicelib.model.keys import b64url
from chalicelib.model.outcome import Refused
from chalicelib.model.play_integrity import VerifiedPlayIntegrity
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import PlayIntegrityRequest
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.play_integrity.payload import (
    AppIntegrity,
    DeviceIntegrity,
    Payload,
    RequestDetails,
    read_payload,
)

_T = TypeVar("_T")

# Google's sample code has a window and no value. The token is asked for when everything that it is bound to is there,
# and submitted at once: five minutes are what a slow network and its retries take.
LONGEST_AGE: Final = timedelta(seconds=300)
# Google's clock against ours; both are servers'.
_LONGEST_AHEAD: Final = timedelta(seconds=60)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RECOGNIZED: Final = "PLAY_RECOGNIZED"
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")


def verify_payload(
    unverified_payload: bytes,
    *,
    request: PlayIntegrityRequest,
    binding: bytes,
    packages: tuple[str, ...],
    signature_digests: tuple[bytes, ...],
    now: datetime,
    longest_age: timedelta = LONGEST_AGE,
    allow_test_responses: bool = False,
) -> VerifiedPlayIntegrity | Refused:
    """Says that Google Play was asked for exactly this binding, just now, by a registered package and signer.

    `unverified_payload`: what `open_classic` opened, or the answer of Google's decode call, whole or what is in it.
    `signature_digests`: SHA-256 of registered certificates. https://developer.android.com/google/play/integrity/verdicts

    1. The payload is strict JSON; what Google documents has its type, and what it does not is noted by name.
    2. `requestPackageName` is registered.
    3. `nonce` (classic) or `requestHash` (standard) is the binding, and the other one is absent.
    4. `timestampMillis` is at most `longest_age` ago, and not ahead of our clock by more than a minute.
    5. It is no test response, unless those are allowed.
    6. `appIntegrity.packageName` is the requesting package.
    7. Every certificate is a registered one.

    Verdicts on device, app and account are claims: policy judges them.
    """
    # 1.
    try:
        payload, unknown = read_payload(unverified_payload, may_be_wrapped=request is PlayIntegrityRequest.STANDARD)
    except Malformed as error:
        return Refused(RefusalReason.PLAY_INTEGRITY_MALFORMED, str(error))
    details, app = payload.request_details, payload.app_integrity
    # 2. Google warns that this member alone can be spoofed; step 6 is the one that proves it.
    if details.request_package_name not in packages:
        return Refused(RefusalReason.PLAY_INTEGRITY_PACKAGE, "requestDetails.requestPackageName")
    # 3.
    if not _is_bound(details, request=request, binding=binding):
        return Refused(RefusalReason.PLAY_INTEGRITY_BINDING, "requestDetails")
    # 4. In milliseconds: the text may name a time that no datetime can.
    millis = int(details.timestamp_millis)
    if not _millis(now - longest_age) <= millis <= _millis(now + _LONGEST_AHEAD):
        return Refused(RefusalReason.PLAY_INTEGRITY_TIME, "requestDetails.timestampMillis")
    # 5.
    testing = payload.testing_details.is_testing_response
    if testing and not allow_test_responses:
        return Refused(RefusalReason.PLAY_INTEGRITY_TESTING)
    # 6.
    if not _is_of_package(app, details.request_package_name):
        return Refused(RefusalReason.PLAY_INTEGRITY_PACKAGE, "appIntegrity.packageName")
    # 7.
    try:
        certificates = tuple(_digest(text) for text in app.certificate_sha256_digest)
    except Malformed as error:
        return Refused(RefusalReason.PLAY_INTEGRITY_MALFORMED, str(error))
    if not _are_registered(app, certificates, signature_digests):
        return Refused(RefusalReason.PLAY_INTEGRITY_CERTIFICATE, "appIntegrity.certificateSha256Digest")
    return _claims(
        payload,
        request=request,
        requested_at=_EPOCH + timedelta(milliseconds=millis),
        certificates=certificates,
        testing=testing,
        unknown=unknown,
    )


def _is_bound(details: RequestDetails, *, request: PlayIntegrityRequest, binding: bytes) -> bool:
    expected = b64url(binding)
    if request is PlayIntegrityRequest.STANDARD:
        # An opaque text to Google: it comes back as the app gave it.
        return details.request_hash == expected and details.nonce is UNSET
    # Documented as base64, "web-safe no-wrap", silent on padding; servers have seen padding that the app left out. Two
    # spellings of one value, and no third.
    spellings = {expected, expected + "=" * (-len(expected) % 4)}
    return details.nonce in spellings and details.request_hash is UNSET


def _is_of_package(app: AppIntegrity, package: str) -> bool:
    # Documented to be there unless nothing was evaluated: a recognition of nobody's package recognises nothing.
    if app.package_name is UNSET:
        return app.app_recognition_verdict != _RECOGNIZED
    return app.package_name == package


def _are_registered(app: AppIntegrity, certificates: tuple[bytes, ...], registered: tuple[bytes, ...]) -> bool:
    if not certificates:
        return app.app_recognition_verdict != _RECOGNIZED
    return set(certificates) <= set(registered)


def _digest(text: str) -> bytes:
    """base64url without padding. Bits that the last character leaves unused are not looked at: in Google's own example
    they are not zero, and whatever they are, the bytes are compared with registered ones."""
    if not _BASE64URL.fullmatch(text):
        raise Malformed("appIntegrity.certificateSha256Digest is not base64url")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise Malformed("appIntegrity.certificateSha256Digest is not base64url") from None


def _millis(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _claims(
    payload: Payload,
    *,
    request: PlayIntegrityRequest,
    requested_at: datetime,
    certificates: tuple[bytes, ...],
    testing: bool,
    unknown: tuple[str, ...],
) -> VerifiedPlayIntegrity:
    app, device = payload.app_integrity, payload.device_integrity
    account, environment = payload.account_details, payload.environment_details
    version_code = _given(app.version_code)
    bits, months = _recall(device)
    return VerifiedPlayIntegrity(
        request=request,
        requested_at=requested_at,
        package=payload.request_details.request_package_name,
        app_recognition=_given(app.app_recognition_verdict),
        certificate_digests=certificates,
        version_code=None if version_code is None else int(version_code),
        device_recognition=device.device_recognition_verdict,
        device_activity=_given(device.recent_device_activity.device_activity_level),
        device_sdk_version=_given(device.device_attributes.sdk_version),
        device_recall=bits,
        device_recall_months=months,
        app_licensing=_given(account.app_licensing_verdict),
        account_activity=_given(account.account_activity.activity_level),
        apps_detected=_given(environment.app_access_risk_verdict.apps_detected),
        play_protect=_given(environment.play_protect_verdict),
        testing=testing,
        unknown_members=unknown,
    )


def _recall(
    device: DeviceIntegrity,
) -> tuple[tuple[bool | None, bool | None, bool | None] | None, tuple[int | None, int | None, int | None] | None]:
    """Bits and months; None where none of the three is there."""
    values, dates = device.device_recall.values, device.device_recall.write_dates
    bits = (_given(values.bit_first), _given(values.bit_second), _given(values.bit_third))
    months = (_given(dates.yyyymm_first), _given(dates.yyyymm_second), _given(dates.yyyymm_third))
    return (
        None if bits == (None, None, None) else bits,
        None if months == (None, None, None) else months,
    )


def _given(value: _T | UnsetType) -> _T | None:
    return None if isinstance(value, UnsetType) else value
