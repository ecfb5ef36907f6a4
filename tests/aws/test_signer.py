"""KMS signatures as JOSE wants them, by keys that are what they must be."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from chalicelib.aws.signer import KmsKeyDirectory, KmsSigner
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason


@pytest.fixture
def kms(client):
    return client("kms")


@pytest.fixture
def make_key(kms):
    def make(spec="ECC_NIST_P256", usage="SIGN_VERIFY"):
        return kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]

    return make


@pytest.fixture
def key_arn(make_key):
    return make_key()


@pytest.fixture
def signer(kms, key_arn):
    return KmsSigner(client=kms, key_arn=key_arn)


def answered(kms, operation, **changes):
    """KMS answers as it does, with `changes`."""

    def change(parsed, **_):
        parsed.update(changes)

    kms.meta.events.register(f"after-call.kms.{operation}", change)


def test_signatures_verify_with_the_key_that_kms_shows(kms, key_arn, signer):
    public_key = load_der_public_key(kms.get_public_key(KeyId=key_arn)["PublicKey"])
    # Leading zeros of r or s are cut from one DER signature in 128: enough turns to meet one most of the time.
    for number in range(64):
        message = number.to_bytes(2, "big") * 2_048  # 4,096 bytes
        signature = signer.sign(message)
        assert len(signature) == 64
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        public_key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    assert signer.public_jwk.x962 == b"\x04" + b"".join(
        part.to_bytes(32, "big") for part in (public_key.public_numbers().x, public_key.public_numbers().y)
    )


def test_short_numbers_keep_their_leading_zeros(kms, signer):
    answered(kms, "Sign", Signature=encode_dss_signature(1, 2))
    assert signer.sign(b"x") == bytes(31) + b"\x01" + bytes(31) + b"\x02"


@pytest.mark.parametrize(
    "changes",
    [
        {"Signature": b"\x30\x00"},
        {"Signature": b""},
        {"Signature": encode_dss_signature(2**256, 1)},
        {"KeyId": "arn:aws:kms:eu-central-1:123456789012:key/another"},
        {"SigningAlgorithm": "ECDSA_SHA_384"},
    ],
)
def test_an_answer_that_is_no_signature_of_this_key(kms, signer, changes):
    answered(kms, "Sign", **changes)
    with pytest.raises(Malfunction) as raised:
        signer.sign(b"x")
    assert raised.value.reason is MalfunctionReason.SIGNER_UNAVAILABLE


def test_a_message_longer_than_kms_takes_is_not_sent(signer):
    with pytest.raises(Malfunction) as raised:
        signer.sign(bytes(4_097))
    assert raised.value.reason is MalfunctionReason.SIGNER_UNAVAILABLE


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        ("ECC_SECG_P256K1", "SIGN_VERIFY"),
        ("ECC_NIST_P384", "SIGN_VERIFY"),
        ("RSA_2048", "SIGN_VERIFY"),
        ("ECC_NIST_P256", "KEY_AGREEMENT"),
    ],
)
def test_only_a_p256_signing_key_will_do(kms, make_key, spec, usage):
    signer = KmsSigner(client=kms, key_arn=make_key(spec, usage))
    with pytest.raises(Malfunction) as raised:
        _ = signer.public_jwk
    assert raised.value.reason is MalfunctionReason.CONFIGURATION


def test_a_public_key_that_is_unreadable(kms, signer):
    answered(kms, "GetPublicKey", PublicKey=b"no DER")
    with pytest.raises(Malfunction) as raised:
        _ = signer.kid
    assert raised.value.reason is MalfunctionReason.SIGNER_UNAVAILABLE


def test_a_key_is_of_the_curve_that_its_bytes_are_of(kms, signer, make_key):
    other = kms.get_public_key(KeyId=make_key("ECC_NIST_P384"))["PublicKey"]
    answered(kms, "GetPublicKey", PublicKey=other)
    with pytest.raises(Malfunction) as raised:
        _ = signer.kid
    assert raised.value.reason is MalfunctionReason.CONFIGURATION


def test_an_alias_signs_nothing(kms, key_arn):
    """It may move between the moment that the `kid` is written and the signature."""
    kms.create_alias(AliasName="alias/assay", TargetKeyId=key_arn)
    signer = KmsSigner(client=kms, key_arn=key_arn.partition(":key/")[0] + ":alias/assay")
    with pytest.raises(Malfunction) as raised:
        signer.sign(b"x")
    assert raised.value.reason is MalfunctionReason.SIGNER_UNAVAILABLE


def test_the_directory_shows_the_active_key_first(kms, make_key):
    active, following = (KmsSigner(client=kms, key_arn=make_key()) for _ in range(2))
    assert KmsKeyDirectory(active=active, further=(following,)).published() == (
        active.public_jwk,
        following.public_jwk,
    )
    assert active.kid == active.public_jwk.jkt != following.kid


def test_the_public_key_is_read_once(kms, signer):
    reads = []
    kms.meta.events.register("before-call.kms.GetPublicKey", lambda **_: reads.append(1))
    for _ in range(3):
        assert signer.kid == signer.public_jwk.jkt
    assert len(reads) == 1
