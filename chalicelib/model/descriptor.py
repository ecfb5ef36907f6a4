"""What a submission asks for: the descriptor, bound into every proof (docs/wire.md, "Descriptor")."""

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    ENROL = "enrol"
    RENEW = "renew"


class TokenKind(StrEnum):
    SESSION = "session"
    REQUEST = "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """`htm`, `htu`, `query_digest` and `content_digest` stand only in descriptors of request tokens.

    The digests are base64url SHA-256 of the raw query string and of the request body.
    """

    app: str
    purpose: Purpose
    aud: str
    token: TokenKind
    htm: str | None = None
    htu: str | None = None
    query_digest: str | None = None
    content_digest: str | None = None
