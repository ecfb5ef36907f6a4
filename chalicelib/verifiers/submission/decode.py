"""Bodies to types, strictly and within bounds; believed in nothing beyond that (docs/wire.md sections 1, 2 and 4)."""

import hashlib
import re
from typing import TypeVar, get_args

import msgspec

from chalicelib.model.descriptor import Descriptor, Purpose, TokenKind
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import (
    SubmittedAndroidKey,
    SubmittedAppleAssertion,
    SubmittedAppleAttestation,
    SubmittedAttestation,
    SubmittedPlayIntegrity,
    SubmittedStatement,
    SubmittedUnattested,
    UnattestedCause,
)
from chalicelib.verifiers.codec import base64url, strict_json
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.submission import schema

# docs/wire.md, sections 1 to 4; bytes, after decoding base64 where there is any.
_BODY_LIMIT = 131_072
_CHALLENGE = 32
_KEY_ID = 32
_DIGEST = 32
_RASP_REPORT_LIMIT = 32_768
_CERTIFICATE_LIMIT = 8_192
_ATTESTATION_LIMIT = 32_768
_ASSERTION_LIMIT = 4_096
# Nesting as the documents draw it: submission, statement, x5c.
_CHALLENGE_REQUEST_DEPTH = 1
_SUBMISSION_DEPTH = 3

_PATH = re.compile(r" - at `(?P<path>[^`]+)`\Z")
# What a record may say of a body: names of ours, whatever names a phone thinks up.
_OUR_PATHS = frozenset(
    {
        *(f"$.{name}" for name in (*schema.ChallengeRequest.__struct_fields__, *schema.Submission.__struct_fields__)),
        *(f"$.descriptor.{name}" for name in schema.DescriptorMembers.__struct_fields__),
        *(f"$.statement.{name}" for member in get_args(schema.Statement) for name in member.__struct_fields__),
        *(f"$.play_integrity.{name}" for name in schema.PlayIntegrity.__struct_fields__),
        *("$.statement.format", "$.statement.x5c[...]"),
    }
)

_Schema = TypeVar("_Schema", schema.ChallengeRequest, schema.Submission)


def decode_challenge_request(body: bytes) -> tuple[str, Purpose] | Refused:
    """App and purpose that a challenge is wanted for. Neither is known to be registered."""
    request = _decode(body, schema.ChallengeRequest, max_depth=_CHALLENGE_REQUEST_DEPTH)
    return request if isinstance(request, Refused) else (request.app, request.purpose)


def decode_submission(body: bytes) -> SubmittedAttestation | Refused:
    """One body of POST /v1/attestations.

    Not checked here: that the app is registered, that the evidence is what its purpose takes, and all evidence itself.
    """
    submission = _decode(body, schema.Submission, max_depth=_SUBMISSION_DEPTH)
    if isinstance(submission, Refused):
        return submission
    try:
        challenge = _exactly(submission.challenge, _CHALLENGE, "challenge")
        report = submission.rasp_report
        submitted_report = None if report is msgspec.UNSET else base64url.decode(report, max_bytes=_RASP_REPORT_LIMIT)
        submitted_statement = None if submission.statement is msgspec.UNSET else _statement(submission.statement)
        descriptor = _descriptor(submission.descriptor)
    except Malformed as error:
        return Refused(RefusalReason.BODY_SCHEMA, str(error))
    if isinstance(descriptor, Refused):
        return descriptor
    return SubmittedAttestation(
        challenge=challenge,
        descriptor=descriptor,
        proof=submission.proof,
        rasp_report=submitted_report,
        statement=submitted_statement,
        body_digest=hashlib.sha256(body).digest(),
        play_integrity=_play_integrity(submission.play_integrity),
    )


def _decode(body: bytes, wanted: type[_Schema], *, max_depth: int) -> _Schema | Refused:
    if len(body) > _BODY_LIMIT:
        return Refused(RefusalReason.BODY_TOO_LARGE)
    try:
        return msgspec.convert(strict_json.loads(body, max_depth=max_depth), wanted)
    except msgspec.ValidationError as error:
        # The library's sentence may quote the phone: an unknown member's name, a wrong value, or either made to look
        # like the end of such a sentence.
        match = _PATH.search(str(error))
        return Refused(RefusalReason.BODY_SCHEMA, match["path"] if match and match["path"] in _OUR_PATHS else "$")
    except Malformed as error:
        return Refused(RefusalReason.BODY_NOT_JSON, str(error))


def _descriptor(members: schema.DescriptorMembers) -> Descriptor | Refused:
    for digest in (members.query_digest, members.content_digest):
        if digest is not msgspec.UNSET:
            _exactly(digest, _DIGEST, "digest")
    descriptor = Descriptor(
        app=members.app,
        purpose=members.purpose,
        aud=members.aud,
        token=members.token,
        htm=members.htm or None,
        htu=members.htu or None,
        query_digest=members.query_digest or None,
        content_digest=members.content_digest or None,
    )
    request_members = (descriptor.htm, descriptor.htu, descriptor.query_digest, descriptor.content_digest)
    if descriptor.token is TokenKind.SESSION and any(request_members):
        return Refused(RefusalReason.DESCRIPTOR_INVALID, "a session token names no request")
    if descriptor.token is TokenKind.REQUEST and not (descriptor.htm and descriptor.htu):
        return Refused(RefusalReason.DESCRIPTOR_INVALID, "a request token names method and target")
    return descriptor


def _statement(statement: schema.Statement) -> SubmittedStatement:
    match statement:
        case schema.AndroidKey(x5c=x5c):
            return SubmittedAndroidKey(
                x5c=tuple(base64url.decode_base64(entry, max_bytes=_CERTIFICATE_LIMIT) for entry in x5c)
            )
        case schema.AppleAttestation(key_id=key_id, attestation=attestation):
            return SubmittedAppleAttestation(
                key_id=_exactly(key_id, _KEY_ID, "key_id"),
                attestation=base64url.decode(attestation, max_bytes=_ATTESTATION_LIMIT),
            )
        case schema.AppleAssertion(key_id=key_id, assertion=assertion):
            return SubmittedAppleAssertion(
                key_id=_exactly(key_id, _KEY_ID, "key_id"),
                assertion=base64url.decode(assertion, max_bytes=_ASSERTION_LIMIT),
            )
        case schema.Unattested(cause=cause):
            return SubmittedUnattested(cause=UnattestedCause(cause))


def _play_integrity(member: schema.PlayIntegrity | msgspec.UnsetType) -> SubmittedPlayIntegrity | None:
    if member is msgspec.UNSET:
        return None
    return SubmittedPlayIntegrity(request=member.request, token=member.token)


def _exactly(text: str, size: int, name: str) -> bytes:
    data = base64url.decode(text, max_bytes=size)
    if len(data) != size:
        raise Malformed(f"{name} is not {size} bytes")
    return data
