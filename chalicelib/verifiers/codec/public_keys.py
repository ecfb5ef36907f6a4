"""SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): which kind of key, how large, within bounds; and signatures by it.

The kinds are those that attestation chains hold; everything else is Malformed. `cryptography` does the arithmetic,
after the bounds: what it is asked to load is small and of a known kind.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from chalicelib.verifiers.codec import der
from chalicelib.verifiers.codec.errors import Malformed


class KeyKind(Enum):
    RSA = "RSA"
    P256 = "P-256"
    P384 = "P-384"
    ML_DSA_65 = "ML-DSA-65"


class SignatureAlgorithm(Enum):
    """Those that genuine chains are signed with. The value: AlgorithmIdentifiers in DER that mean it."""

    # RFC 4055 section 5: parameters are NULL, and a reader must take them left out. Whatever is written is signed.
    RSA_SHA256 = (bytes.fromhex("300d06092a864886f70d01010b0500"), bytes.fromhex("300b06092a864886f70d01010b"))
    # RFC 5758 section 3.2: no parameters. Seven StrongBox leaves of 2018 to 2020 have NULL in ecdsa-with-SHA256.
    ECDSA_SHA256 = (bytes.fromhex("300a06082a8648ce3d040302"), bytes.fromhex("300c06082a8648ce3d0403020500"))
    ECDSA_SHA384 = (bytes.fromhex("300a06082a8648ce3d040303"),)


_ALGORITHMS: Final = {spelling: algorithm for algorithm in SignatureAlgorithm for spelling in algorithm.value}

_RSA_ENCRYPTION: Final = "1.2.840.113549.1.1.1"  # RFC 3279 section 2.3.1
_EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"  # RFC 5480 section 2.1.1
_ML_DSA_65: Final = "2.16.840.1.101.3.4.3.18"  # RFC 9881 section 2
_NULL: Final = b"\x05\x00"
# RFC 5480 section 2.1.1.1: the DER of namedCurve → kind, coordinate size in bytes. Explicit parameters match none.
_CURVES: Final = {
    bytes.fromhex("06082a8648ce3d030107"): (KeyKind.P256, 32),
    bytes.fromhex("06052b81040022"): (KeyKind.P384, 48),
}
_UNCOMPRESSED: Final = b"\x04"  # SEC 1 section 2.3.3; no vendor compresses
_ML_DSA_65_BYTES: Final = 1952  # FIPS 204 table 2
_RSA_BITS: Final = range(2048, 8192 + 1)  # bits; Google's root has 4096, attested keys 2048 to 4096
# FIPS 186-5 section 5.4 wants an odd exponent above 2^16; every genuine one is 65537. Above 33 bits it only costs time.
_RSA_EXPONENTS: Final = range(65537, 1 << 33, 2)


@asn1.sequence
class _Spki:
    algorithm: asn1.TLV
    subject_public_key: asn1.BitString


@asn1.sequence
class _RsaPublicKey:
    modulus: int
    exponent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """`bits`: RSA modulus or curve size; of ML-DSA-65 the size of the encoded key is fixed and `bits` is None.
    `point`: SEC 1 uncompressed, EC only; not yet known to lie on the curve."""

    spki: bytes
    kind: KeyKind
    bits: int | None
    point: bytes | None = None
    exponent: int | None = None


def read_public_key(spki: bytes) -> PublicKey:
    """Kind and size of a key, by structure alone. Raises Malformed for any that is not accepted."""
    info = der.decode(_Spki, spki, field="subjectPublicKeyInfo")
    if info.subject_public_key.padding_bits():
        raise Malformed("the public key is not whole octets")
    key = info.subject_public_key.as_bytes()
    oid, parameters = _algorithm(info.algorithm)
    if oid == _EC_PUBLIC_KEY:
        return _ec(spki, key, parameters)
    if oid == _RSA_ENCRYPTION and parameters == _NULL:
        return _rsa(spki, key)
    if oid == _ML_DSA_65 and parameters is None and len(key) == _ML_DSA_65_BYTES:
        return PublicKey(spki=spki, kind=KeyKind.ML_DSA_65, bits=None)
    raise Malformed("the public key is of a kind that is not accepted")


def is_loadable(key: PublicKey) -> bool:
    """Whether the key is one: a point on its curve, a modulus that `cryptography` takes."""
    try:
        load_der_public_key(key.spki)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def signature_algorithm(identifier: bytes) -> SignatureAlgorithm:
    """From a DER AlgorithmIdentifier. Raises Malformed for any that is not accepted."""
    algorithm = _ALGORITHMS.get(identifier)
    if algorithm is None:
        raise Malformed("the signature algorithm is not accepted")
    return algorithm


def fits(key: PublicKey, algorithm: SignatureAlgorithm) -> bool:
    """Whether a key of this kind can make such signatures. Either hash goes with either curve: genuine chains do so."""
    if algorithm is SignatureAlgorithm.RSA_SHA256:
        return key.kind is KeyKind.RSA
    return key.kind in {KeyKind.P256, KeyKind.P384}


def is_signed_by(key: PublicKey, *, algorithm: SignatureAlgorithm, signature: bytes, message: bytes) -> bool:
    """RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2) or ECDSA in DER (RFC 3279 section 2.2.3) over `message`.

    False as well for a key that does not load or does not fit the algorithm.
    """
    try:
        public = load_der_public_key(key.spki)
        if isinstance(public, rsa.RSAPublicKey) and algorithm is SignatureAlgorithm.RSA_SHA256:
            public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            return True
        if isinstance(public, ec.EllipticCurvePublicKey) and algorithm is not SignatureAlgorithm.RSA_SHA256:
            digest = hashes.SHA256() if algorithm is SignatureAlgorithm.ECDSA_SHA256 else hashes.SHA384()
            public.verify(signature, message, ec.ECDSA(digest))
            return True
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return False


def _algorithm(value: der.Tlv) -> tuple[str, bytes | None]:
    parts = der.members(value, tag=der.SEQUENCE, field="algorithm")
    if len(parts) not in {1, 2}:
        raise Malformed("the public key's algorithm has too few or too many fields")
    return der.oid(parts[0], field="algorithm"), der.raw(parts[1]) if len(parts) == 2 else None


def _ec(spki: bytes, key: bytes, parameters: bytes | None) -> PublicKey:
    curve = _CURVES.get(parameters or b"")
    if curve is None:
        raise Malformed("the public key is on a curve that is not accepted")
    kind, size = curve
    if key[:1] != _UNCOMPRESSED or len(key) != 1 + 2 * size:
        raise Malformed("the public key is not an uncompressed point of its curve")
    return PublicKey(spki=spki, kind=kind, bits=8 * size, point=key)


def _rsa(spki: bytes, key: bytes) -> PublicKey:
    numbers = der.decode(_RsaPublicKey, key, field="RSAPublicKey")
    bits = numbers.modulus.bit_length()
    if numbers.modulus <= 0 or bits not in _RSA_BITS or numbers.exponent not in _RSA_EXPONENTS:
        raise Malformed("the RSA key's modulus or exponent is outside the accepted sizes")
    return PublicKey(spki=spki, kind=KeyKind.RSA, bits=bits, exponent=numbers.exponent)
