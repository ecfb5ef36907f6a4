"""The confidential part: the verdict as a JWE to the audience's key (docs/wire.md section 7)."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from assay_rp import _claims
from assay_rp._jwk import public_key
from assay_rp._strict import Unreadable, json_object, split
from assay_rp.errors import ConfidentialKeyUnknown, ConfidentialPartInvalid
from assay_rp.tokens import Advice, ConfidentialVerdict, Decision, Tier

_ALGORITHM, _ENCRYPTION = "ECDH-ES", "A256GCM"
_PLAINTEXT_BYTES = 1_024
# 1,024 bytes of ciphertext are 1,366 characters; the header with its key, the IV and the tag need some 400 more.
_MAX_LENGTH = 2_560


class ConfidentialKeys:
    """The audience's private keys, by `kid`: the current one, and an old one until its last token has ended.

    `jwks`: private P-256 JWKs, each with a `kid`. Raises ValueError for any other key, and for none at all.
    """

    def __init__(self, jwks: Iterable[Mapping[str, object]]) -> None:
        self._keys: dict[str, ECKey] = {}
        for jwk in jwks:
            try:
                self._keys[_claims.text(jwk, "kid")] = _private_key(jwk)
            except (ValueError, JoseError) as error:
                raise ValueError("a confidential key is a private P-256 JWK with a kid") from error
        if not self._keys:
            raise ValueError("no confidential keys; a relying party without any says None")

    def __repr__(self) -> str:
        return f"ConfidentialKeys({sorted(self._keys)})"

    def open(self, unverified_jwe: str, *, jti: str) -> ConfidentialVerdict:
        """The verdict for the token `jti`. Raises `ConfidentialPartInvalid` or `ConfidentialKeyUnknown`.

        1. five segments, canonical base64url, no encrypted key (RFC 7518 section 4.6: direct agreement)
        2. header: strict JSON, exactly alg, enc, kid and epk, the first two as configured; so no zip and no crit
        3. the key of that kid
        4. decryption
        5. plaintext: exactly 1,024 bytes, strict JSON, version 1
        6. the token's own jti: a confidential part moved between tokens is somebody else's verdict
        """
        try:
            header_bytes, encrypted_key, *_ = split(unverified_jwe, parts=5, max_length=_MAX_LENGTH)  # 1
            header = json_object(header_bytes)
            _check_header(header, encrypted_key=encrypted_key)  # 2
            key = self._keys.get(_claims.text(header, "kid"))  # 3
            if key is None:
                # Nothing that a phone did: the issuer signed it, for a key that this process was not given.
                raise ConfidentialKeyUnknown("the confidential part is for a key that is not configured")
            opened = jwe.decrypt_compact(unverified_jwe, key, algorithms=[_ALGORITHM, _ENCRYPTION])  # 4
            return _verdict(_members(opened.plaintext, jti=jti))  # 5, 6
        except Unreadable as error:
            raise ConfidentialPartInvalid(str(error)) from error
        except (JoseError, ValueError) as error:
            raise ConfidentialPartInvalid("it does not decrypt") from error


def _private_key(jwk: Mapping[str, object]) -> ECKey:
    """joserfc checks that `d` belongs to the point; `use`, `alg` and the like are the key's owner's business."""
    public_key(jwk)
    return ECKey.import_key({name: _claims.text(jwk, name) for name in ("kty", "crv", "x", "y", "d")})


def _check_header(header: Mapping[str, Any], *, encrypted_key: bytes) -> None:
    if encrypted_key or set(header) != {"alg", "enc", "kid", "epk"}:
        raise Unreadable("not direct agreement with alg, enc, kid and epk alone")
    if header["alg"] != _ALGORITHM or header["enc"] != _ENCRYPTION:
        raise Unreadable("another algorithm")
    public_key(_claims.mapping(header, "epk"))  # a point off the curve would be a question to the private key


def _members(plaintext: bytes | None, *, jti: str) -> Mapping[str, Any]:
    if plaintext is None or len(plaintext) != _PLAINTEXT_BYTES:
        raise Unreadable("the plaintext is not 1,024 bytes long")
    members = json_object(plaintext)
    if _claims.whole(members, "v") != 1:
        raise Unreadable("another version")
    if _claims.text(members, "jti") != jti:
        raise Unreadable("the confidential part of another token")
    return members


def _verdict(members: Mapping[str, Any]) -> ConfidentialVerdict:
    advice = _claims.mapping(members, "advice")
    if "*" not in advice:
        raise Unreadable("the advice has no default")
    return ConfidentialVerdict(
        tier=Tier.of(members.get("ear_status")),
        submodules=MappingProxyType(_claims.submodules(members)),
        reasons=_claims.texts(members, "reasons"),
        more_reasons=members.get("more") is True,
        advice=MappingProxyType({action: _advice(_claims.mapping(advice, action)) for action in advice}),
    )


def _advice(members: Mapping[str, Any]) -> Advice:
    try:
        decision = Decision(_claims.text(members, "decision"))
    except ValueError as error:
        raise Unreadable("a decision that is not of version 1") from error
    return Advice(
        decision=decision,
        obligations=_claims.texts(members, "obligations"),
        acr=_acr(members),
        delay_seconds=_delay(members),
    )


def _acr(members: Mapping[str, Any]) -> str | None:
    """Goes into a quoted string of a header (RFC 9470 section 3), so nothing that could end it."""
    acr = _claims.optional_text(members, "acr")
    if acr is not None and not (acr.isascii() and acr.isprintable() and '"' not in acr and "\\" not in acr):
        raise Unreadable("an acr that cannot stand in a header")
    return acr


def _delay(members: Mapping[str, Any]) -> tuple[int, int] | None:
    match members.get("delay"):
        case None:
            return None
        case [int(lowest), int(highest)] if 0 <= lowest <= highest:
            return (lowest, highest)
    raise Unreadable("a delay that is no range")
