"""What Google Play says of an app, its phone and its account.

Fields: https://developer.android.com/google/play/integrity/verdicts. Every verdict is an open text of Google's: a value
that is not documented is kept as it is and confirms nothing. A member that is absent, or empty, was not evaluated.
"""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.model.submission import PlayIntegrityRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPlayIntegrity:
    """A verdict that Google made for this submission's binding and for a registered package and signer.

    `requested_at`: by Google's clock. `device_recall`: the three bits that the app's owner stored for the phone with
    Google, each None where Google does not say, and `device_recall_months` when each was written, as YYYYMM.
    `account_activity`: for the apps that Google gives it to. `unknown_members`: dotted paths that are not documented.
    """

    request: PlayIntegrityRequest
    requested_at: datetime
    package: str
    app_recognition: str | None
    certificate_digests: tuple[bytes, ...]
    version_code: int | None
    device_recognition: tuple[str, ...]
    device_activity: str | None
    device_sdk_version: int | None
    device_recall: tuple[bool | None, bool | None, bool | None] | None
    app_licensing: str | None
    apps_detected: tuple[str, ...] | None  # None: not evaluated; (): evaluated, and none detected
    play_protect: str | None
    device_recall_months: tuple[int | None, int | None, int | None] | None = None
    account_activity: str | None = None
    testing: bool = False
    unknown_members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlayIntegrity:
    """What an instance keeps of the last verdict, for renewals without a new one. `verified_at`: by our clock."""

    verdict: VerifiedPlayIntegrity
    verified_at: datetime
