"""ES256 with keys that never leave AWS KMS."""

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from chalicelib.aws.errors import answering
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

# KMS API reference, Sign: with MessageType RAW, KMS hashes messages of up to 4,096 bytes itself.
_MAX_MESSAGE_BYTES: Final = 4_096
_ALGORITHM: Final = "ECDSA_SHA_256"
_P256_BYTES: Final = 32


class KmsSigner:
    """Implements `service.ports.Signer` for one key, named by its own ARN (`config` admits nothing else). The public
    key is read on first use and kept: it never changes under an ARN. Raises Malfunction(CONFIGURATION) on first use
    for a key that is not ECC_NIST_P256 for SIGN_VERIFY."""

    def __init__(self, *, client: "KMSClient", key_arn: str) -> None:
        self._client = client
        self._key_arn = key_arn
        self._public_jwk: EcPublicJwk | None = None

    @property
    def kid(self) -> str:
        return self.public_jwk.jkt

    @property
    def public_jwk(self) -> EcPublicJwk:
        if self._public_jwk is None:
            self._public_jwk = self._read_public_key()
        return self._public_jwk

    def sign(self, message: bytes) -> bytes:
        if len(message) > _MAX_MESSAGE_BYTES:
            raise Malfunction(MalfunctionReason.SIGNER_UNAVAILABLE, "sign: the message is longer than KMS takes")
        with answering(MalfunctionReason.SIGNER_UNAVAILABLE, "sign"):
            answer = self._client.sign(
                KeyId=self._key_arn, Message=message, MessageType="RAW", SigningAlgorithm=_ALGORITHM
            )
        if answer.get("KeyId") != self._key_arn or answer.get("SigningAlgorithm") != _ALGORITHM:
            raise Malfunction(MalfunctionReason.SIGNER_UNAVAILABLE, "sign: another key or algorithm answered")
        try:
            # KMS gives DER (RFC 3279 section 2.2.3), JOSE wants r ‖ s (RFC 7518 section 3.4).
            r, s = decode_dss_signature(answer.get("Signature", b""))
            return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")
        except (ValueError, OverflowError) as error:
            raise Malfunction(MalfunctionReason.SIGNER_UNAVAILABLE, "sign: not a P-256 signature") from error

    def _read_public_key(self) -> EcPublicJwk:
        with answering(MalfunctionReason.SIGNER_UNAVAILABLE, "get_public_key"):
            answer = self._client.get_public_key(KeyId=self._key_arn)
        try:
            public_key = load_der_public_key(answer.get("PublicKey", b""))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Malfunction(MalfunctionReason.SIGNER_UNAVAILABLE, "get_public_key: unreadable") from error
        # The curve is read from the key and not from KMS's name for it: the key is what relying parties get.
        if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(public_key.curve, ec.SECP256R1):
            raise Malfunction(MalfunctionReason.CONFIGURATION, "a signing key is not a P-256 key")
        if answer.get("KeyUsage") != "SIGN_VERIFY" or _ALGORITHM not in answer.get("SigningAlgorithms", []):
            raise Malfunction(MalfunctionReason.CONFIGURATION, "a signing key is not for SIGN_VERIFY")
        numbers = public_key.public_numbers()
        return EcPublicJwk(x=numbers.x.to_bytes(_P256_BYTES, "big"), y=numbers.y.to_bytes(_P256_BYTES, "big"))


class KmsKeyDirectory:
    """Implements `service.ports.KeyDirectory`: the signer's key, then those that are only published."""

    def __init__(self, *, active: KmsSigner, further: tuple[KmsSigner, ...] = ()) -> None:
        self._keys = (active, *further)

    def published(self) -> tuple[EcPublicJwk, ...]:
        return tuple(key.public_jwk for key in self._keys)
