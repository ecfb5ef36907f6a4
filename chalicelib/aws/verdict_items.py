"""How the last verdict of Google Play's is stored with an Android instance: one attribute, a strict JSON document.

Written out like the rest of an instance (aws/instance_items.py). Google's numbers have at most 64 bits by their types.
"""

from typing import Final

import msgspec

from chalicelib.aws.items import Milliseconds, Value, from_ms, to_ms
from chalicelib.model.play_integrity import KeptPlayIntegrity, VerifiedPlayIntegrity
from chalicelib.model.submission import PlayIntegrityRequest

ATTRIBUTE: Final = "play_integrity"


class _Stored(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    verified_at: Milliseconds
    request: PlayIntegrityRequest
    requested_at: Milliseconds
    package: str
    app_recognition: str | None
    certificate_digests: tuple[bytes, ...]
    version_code: int | None
    device_recognition: tuple[str, ...]
    device_activity: str | None
    device_sdk_version: int | None
    device_recall: tuple[bool | None, bool | None, bool | None] | None
    device_recall_months: tuple[int | None, int | None, int | None] | None
    app_licensing: str | None
    account_activity: str | None
    apps_detected: tuple[str, ...] | None
    play_protect: str | None
    testing: bool
    unknown_members: tuple[str, ...]


def to_values(kept: KeptPlayIntegrity) -> dict[str, Value]:
    verdict = kept.verdict
    stored = _Stored(
        verified_at=to_ms(kept.verified_at),
        request=verdict.request,
        requested_at=to_ms(verdict.requested_at),
        package=verdict.package,
        app_recognition=verdict.app_recognition,
        certificate_digests=verdict.certificate_digests,
        version_code=verdict.version_code,
        device_recognition=verdict.device_recognition,
        device_activity=verdict.device_activity,
        device_sdk_version=verdict.device_sdk_version,
        device_recall=verdict.device_recall,
        device_recall_months=verdict.device_recall_months,
        app_licensing=verdict.app_licensing,
        account_activity=verdict.account_activity,
        apps_detected=verdict.apps_detected,
        play_protect=verdict.play_protect,
        testing=verdict.testing,
        unknown_members=verdict.unknown_members,
    )
    return {ATTRIBUTE: msgspec.json.encode(stored).decode()}


def read(text: str) -> KeptPlayIntegrity:
    """Raises ValueError where `text` is of another form."""
    stored = msgspec.json.decode(text, type=_Stored, strict=True)
    return KeptPlayIntegrity(
        verified_at=from_ms(stored.verified_at),
        verdict=VerifiedPlayIntegrity(
            request=stored.request,
            requested_at=from_ms(stored.requested_at),
            package=stored.package,
            app_recognition=stored.app_recognition,
            certificate_digests=stored.certificate_digests,
            version_code=stored.version_code,
            device_recognition=stored.device_recognition,
            device_activity=stored.device_activity,
            device_sdk_version=stored.device_sdk_version,
            device_recall=stored.device_recall,
            device_recall_months=stored.device_recall_months,
            app_licensing=stored.app_licensing,
            account_activity=stored.account_activity,
            apps_detected=stored.apps_detected,
            play_protect=stored.play_protect,
            testing=stored.testing,
            unknown_members=stored.unknown_members,
        ),
    )
