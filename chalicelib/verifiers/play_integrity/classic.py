"""Classic tokens: a compact JWE around a compact JWS, both for keys that the app's owner has from the Play Console.

https://developer.android.com/google/play/integrity/classic#decrypt-verify-locally
"""

from typing import Final

import jwt
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.codec import base64url, compact_jws, strict_json
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.strict_json import JsonValue
from chalicelib.verifiers.play_integrity.secret import ClassicKeys

_LONGEST_TOKEN: Final = 16_384  # characters; one with every documented member has less than 2,000

# https://developer.android.com/reference/unity/class/Google/Play/Integrity/IntegrityManager names all three.
_KEY_WRAPPING: Final = "A256KW"
_ENCRYPTION: Final = "A256GCM"
_SIGNATURE: Final = "ES256"
_WRAPPED_KEY: Final = 40  # bytes, RFC 3394: a key of 32 and a block of 8
_IV: Final = 12  # bytes, RFC 7518 section 5.3
_TAG: Final = 16  # bytes, RFC 7518 section 5.3; the library would take others

# They say what a token is and whose key it may be, and change nothing of how it is read: not looked at. Every other
# member may change that (zip, crit, b64, epk, p2c …) or brings a key along (jwk, x5c, jku …): refused.
_IGNORED_MEMBERS: Final = frozenset({"typ", "cty", "kid"})

_JWS: Final = jwt.PyJWS(algorithms=[_SIGNATURE])


def open_classic(token: str, *, keys: ClassicKeys) -> bytes | Refused:
    """The exact bytes of the payload that Google Play signed for this app.

    1. The token is a compact JWE of bounded length, each part in canonical base64url.
    2. Its header is strict JSON and names A256KW and A256GCM: configured here, never chosen by the token.
    3. Wrapped key, IV and tag have their lengths.
    4. It decrypts with the app's key.
    5. Inside is a compact JWS, its header strict JSON that names ES256.
    6. The signature verifies with the configured key.

    Not checked here: what the payload says. That is `verify_payload`.
    """
    # 1.
    try:
        header, *segments = _parts(token)
    except Malformed as error:
        return Refused(RefusalReason.PLAY_INTEGRITY_MALFORMED, str(error))
    # 2. Compressed tokens go here, before anything is inflated.
    if header.get("alg") != _KEY_WRAPPING or header.get("enc") != _ENCRYPTION:
        return Refused(RefusalReason.PLAY_INTEGRITY_ENCRYPTION, "alg or enc of the JWE")
    if header.keys() - _IGNORED_MEMBERS != {"alg", "enc"}:
        return Refused(RefusalReason.PLAY_INTEGRITY_ENCRYPTION, "other members in the JWE header")
    # 3.
    wrapped_key, iv, _ciphertext, tag = segments
    if (len(wrapped_key), len(iv), len(tag)) != (_WRAPPED_KEY, _IV, _TAG):
        return Refused(RefusalReason.PLAY_INTEGRITY_ENCRYPTION, "length of the wrapped key, IV or tag")
    # 4.
    try:
        opened = jwe.decrypt_compact(
            token, OctKey.import_key(keys.decryption_key), algorithms=[_KEY_WRAPPING, _ENCRYPTION]
        )
    except JoseError:
        return Refused(RefusalReason.PLAY_INTEGRITY_ENCRYPTION, "does not decrypt with the app's key")
    return _verified(opened.plaintext or b"", keys)


def _parts(token: str) -> tuple[dict[str, JsonValue], bytes, bytes, bytes, bytes]:
    if len(token) > _LONGEST_TOKEN:
        raise Malformed(f"JWE is longer than {_LONGEST_TOKEN} characters")
    parts = token.split(".")
    if len(parts) != 5:
        raise Malformed("JWE does not have five parts")
    header_bytes, wrapped_key, iv, ciphertext, tag = (
        base64url.decode(part, max_bytes=_LONGEST_TOKEN) for part in parts
    )
    header = strict_json.loads(header_bytes)
    if not isinstance(header, dict):
        raise Malformed("JWE header is not an object")
    return header, wrapped_key, iv, ciphertext, tag


def _verified(plaintext: bytes, keys: ClassicKeys) -> bytes | Refused:
    # 5.
    try:
        token = plaintext.decode("ascii")
        jws = compact_jws.split(token, max_length=_LONGEST_TOKEN)
    except UnicodeDecodeError:
        return Refused(RefusalReason.PLAY_INTEGRITY_MALFORMED, "the JWE holds no compact JWS")
    except Malformed as error:
        return Refused(RefusalReason.PLAY_INTEGRITY_MALFORMED, f"inside the JWE: {error}")
    if jws.header.get("alg") != _SIGNATURE:
        return Refused(RefusalReason.PLAY_INTEGRITY_SIGNATURE, "alg of the JWS")
    if jws.header.keys() - _IGNORED_MEMBERS != {"alg"}:
        return Refused(RefusalReason.PLAY_INTEGRITY_SIGNATURE, "other members in the JWS header")
    # 6.
    try:
        _JWS.decode(token, keys.verification_key, algorithms=[_SIGNATURE])
    except jwt.InvalidTokenError:  # a wrong signature, or a `kid` that is no text
        return Refused(RefusalReason.PLAY_INTEGRITY_SIGNATURE)
    return jws.payload
