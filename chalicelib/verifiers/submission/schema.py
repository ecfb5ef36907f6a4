"""The closed schemas of docs/wire.md sections 2 to 4: what a body may hold, before anything in it is believed.

Members are required unless they have a default; one that may be absent may still not be null. Patterns end in `\\Z`:
`$` would let a line feed follow.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.model.descriptor import Purpose, TokenKind
from chalicelib.model.submission import PlayIntegrityRequest

# Characters of unpadded base64url for a count of bytes: 4 for every 3, and the rest rounded up.
_B64URL_32_BYTES = 43

AppId = Annotated[str, Meta(pattern=r"^[a-z0-9._-]{1,64}\Z")]
# RFC 6749 section 3.3's scope characters: printable ASCII without space, quotation mark and backslash.
Audience = Annotated[str, Meta(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]{1,128}\Z")]
Method = Annotated[str, Meta(pattern=r"^[A-Z]{1,16}\Z")]
# Scheme, host with an optional port, path; no user info, query or fragment. http only where nothing leaves the machine.
TargetUri = Annotated[
    str,
    Meta(
        pattern=(
            r"^(?:https://[\x21\x24-\x2E\x30-\x3E\x41-\x5B\x5D-\x7E]+"
            r"|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?)"
            r"/[\x21\x24-\x3E\x40-\x5B\x5D-\x7E]*\Z"
        ),
        max_length=512,
    ),
]
# Google calls a standard request's token opaque; RFC 6750 section 2.1's characters hold every form of base64 and JOSE.
# A classic one of about 3,000 characters is what its documentation shows; there is no stated limit.
IntegrityToken = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~+/=-]{1,16384}\Z")]
Digest = Annotated[str, Meta(min_length=_B64URL_32_BYTES, max_length=_B64URL_32_BYTES)]


class ChallengeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    app: AppId
    purpose: Purpose


class DescriptorMembers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: Literal[1]
    app: AppId
    purpose: Purpose
    aud: Audience
    token: TokenKind
    htm: Method | UnsetType = UNSET
    htu: TargetUri | UnsetType = UNSET
    query_digest: Digest | UnsetType = UNSET
    content_digest: Digest | UnsetType = UNSET


class AndroidKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="format", tag="android_key"):
    x5c: Annotated[list[str], Meta(min_length=1, max_length=10)]


class AppleAttestation(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="format", tag="apple_attestation"
):
    key_id: str
    attestation: str


class AppleAssertion(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="format", tag="apple_assertion"
):
    key_id: str
    assertion: str


class Unattested(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="format", tag="unattested"):
    cause: Literal["unsupported", "platform_unavailable"]


class PlayIntegrity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    request: PlayIntegrityRequest
    token: IntegrityToken


Statement = AndroidKey | AppleAttestation | AppleAssertion | Unattested


class Submission(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: Literal[1]
    challenge: str
    descriptor: DescriptorMembers
    proof: str
    rasp_report: str | UnsetType = UNSET
    statement: Statement | UnsetType = UNSET
    play_integrity: PlayIntegrity | UnsetType = UNSET
