"""One hash over everything that a submission stands for (docs/wire.md section 3)."""

import hashlib

import rfc8785

from chalicelib.model.descriptor import Descriptor

_CONTEXT = b"assay-binding-v1\x00"
_NO_REPORT = bytes(32)
_DESCRIPTOR_VERSION = 1


def canonical_descriptor(descriptor: Descriptor) -> bytes:
    """RFC 8785 JSON of the descriptor; members that it does not have are left out, never null."""
    members: dict[str, str | int | None] = {
        "v": _DESCRIPTOR_VERSION,
        "app": descriptor.app,
        "purpose": descriptor.purpose.value,
        "aud": descriptor.aud,
        "token": descriptor.token.value,
        "htm": descriptor.htm,
        "htu": descriptor.htu,
        "query_digest": descriptor.query_digest,
        "content_digest": descriptor.content_digest,
    }
    return rfc8785.dumps({name: value for name, value in members.items() if value is not None})


def binding(*, challenge: bytes, jkt_bytes: bytes, rasp_report: bytes | None, descriptor: Descriptor) -> bytes:
    """32 bytes. `jkt_bytes` is the RFC 7638 SHA-256 thumbprint of the instance key, not its base64url.

    Challenge and thumbprint are of fixed length, so no two inputs join to the same bytes; other lengths are a fault
    of the caller (ValueError).
    """
    if len(challenge) != 32 or len(jkt_bytes) != 32:
        raise ValueError("challenge and thumbprint are 32 bytes each")
    report_digest = _NO_REPORT if rasp_report is None else hashlib.sha256(rasp_report).digest()
    descriptor_digest = hashlib.sha256(canonical_descriptor(descriptor)).digest()
    return hashlib.sha256(_CONTEXT + challenge + jkt_bytes + report_digest + descriptor_digest).digest()
