"""The secret of an app: the keys of its classic tokens, and the service account that may ask Google to decode.

    {"classic": {"decryption_key": base64 of 32 bytes, "verification_key": base64 of a P-256 SubjectPublicKeyInfo},
     "standard": the service account's JSON key file}

Either part may be absent. The classic keys are spelt as the Play Console shows them:
https://developer.android.com/google/play/integrity/classic#decrypt-verify-locally
"""

import json
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from chalicelib.verifiers.codec import base64url, public_keys, strict_json
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.strict_json import JsonValue

_LARGEST_SECRET: Final = 65_536  # bytes, what AWS Secrets Manager stores at most
_AES_256: Final = 32  # bytes
_LARGEST_SPKI: Final = 128  # bytes; that of P-256 has 91
# What the token exchange needs: https://developers.google.com/identity/protocols/oauth2/service-account
_SERVICE_ACCOUNT_MEMBERS: Final = ("client_email", "private_key_id", "private_key", "token_uri")


class UnusableSecret(ValueError):  # noqa: N818 - says what is the case
    """The secret is not of the documented form. The message names the member and the rule, never the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicKeys:
    """`decryption_key`: AES, 32 bytes. `verification_key`: Google Play's for the app, on P-256."""

    decryption_key: bytes = field(repr=False)
    verification_key: ec.EllipticCurvePublicKey

    def __post_init__(self) -> None:
        if len(self.decryption_key) != _AES_256:
            raise UnusableSecret(f"the decryption key is not {_AES_256} bytes")
        if not isinstance(self.verification_key.curve, ec.SECP256R1):
            raise UnusableSecret("the verification key is not on P-256")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayIntegritySecret:
    """`service_account`: a JSON key file of Google's."""

    classic: ClassicKeys | None
    service_account: bytes | None = field(repr=False)


def read_secret(document: bytes) -> PlayIntegritySecret:
    """Raises UnusableSecret."""
    if len(document) > _LARGEST_SECRET:
        raise UnusableSecret(f"the secret is longer than {_LARGEST_SECRET} bytes")
    try:
        members = _object(strict_json.loads(document), "the secret")
        if not members or not members.keys() <= {"classic", "standard"}:
            raise UnusableSecret("the secret has other members than `classic` and `standard`, or neither")
        return PlayIntegritySecret(
            classic=_classic(members["classic"]) if "classic" in members else None,
            service_account=_service_account(members["standard"]) if "standard" in members else None,
        )
    except Malformed as error:
        raise UnusableSecret(f"the secret is not usable: {error}") from None


def _classic(value: JsonValue) -> ClassicKeys:
    members = _object(value, "`classic`")
    if members.keys() != {"decryption_key", "verification_key"}:
        raise UnusableSecret("`classic` does not have exactly `decryption_key` and `verification_key`")
    return ClassicKeys(
        decryption_key=_base64(members, "decryption_key", max_bytes=_AES_256),
        verification_key=_p256(_base64(members, "verification_key", max_bytes=_LARGEST_SPKI)),
    )


def _service_account(value: JsonValue) -> bytes:
    members = _object(value, "`standard`")
    if members.get("type") != "service_account":
        raise UnusableSecret("`standard` is not the key file of a service account")
    for name in _SERVICE_ACCOUNT_MEMBERS:
        if not isinstance(members.get(name), str):
            raise UnusableSecret(f"`standard` has no text `{name}`")
    return json.dumps(members).encode()


def _object(value: JsonValue, what: str) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise UnusableSecret(f"{what} is not an object")
    return value


def _base64(members: dict[str, JsonValue], name: str, *, max_bytes: int) -> bytes:
    value = members[name]
    if not isinstance(value, str):
        raise UnusableSecret(f"`classic.{name}` is not a text")
    try:
        return base64url.decode_base64(value, max_bytes=max_bytes)
    except Malformed as error:
        raise UnusableSecret(f"`classic.{name}`: {error}") from None


def _p256(spki: bytes) -> ec.EllipticCurvePublicKey:
    # Ours, because the library loads keys of any kind and size.
    if public_keys.read_public_key(spki).kind is not public_keys.KeyKind.P256:
        raise UnusableSecret("`classic.verification_key` is not a key on P-256")
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableSecret("`classic.verification_key` is not a point on P-256") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise UnusableSecret("`classic.verification_key` is not a key on P-256")
    return key
