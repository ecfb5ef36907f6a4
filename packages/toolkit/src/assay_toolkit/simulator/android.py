"""Android attestation chains: factory-provisioned, remotely provisioned, and an emulator's.

Layout after genuine chains of Pixel phones (factory: 2020; remote: 2025 and 2026) and KeyMint's
`generateKey` documentation: https://source.android.com/docs/security/features/keystore/attestation
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from assay_toolkit.simulator import key_description, roots
from assay_toolkit.simulator.authority import (
    Authority,
    key_usage,
    make_intermediate,
    make_leaf,
    name,
    serial_of,
    titled_name,
)
from assay_toolkit.simulator.key_description import KeyParameters
from assay_toolkit.simulator.keys import RandomBytes, p256_key, p384_key

# KeyMint's leaf (KeyCreationResult.aidl): serial 1 and this subject; phones send these dates, nobody goes by them.
_LEAF_SUBJECT = name((NameOID.COMMON_NAME, "Android Keystore Key"))
_LEAF_VALID = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2048, 1, 1, tzinfo=UTC))
# https://android.googlesource.com/platform/hardware/interfaces/+/HEAD/security/rkp/CHANGELOG.md (ProvisioningInfo)
_PROVISIONING_INFO_OID = "1.3.6.1.4.1.11129.2.1.30"

# The batch certificate's serial that the demo's status list revokes.
REVOKED_BATCH_SERIAL = int.from_bytes(b"assay-revoked-1")


class Provisioned(StrEnum):
    """Where the key came from that signs the phone's attestations."""

    FACTORY = "factory"
    REMOTE = "remote"
    SOFTWARE = "software"  # an emulator


def provision(
    *,
    how: Provisioned,
    security_level: int,
    now: datetime,
    randomness: RandomBytes,
    serial: int | None = None,
    root: Authority | None = None,
) -> Authority:
    """The key that a phone signs attestations with.

    `serial` is the batch certificate's, random when None. `root` None: the simulator's for this kind of phone.
    """
    chosen = serial if serial is not None else serial_of(randomness(16))
    title = "StrongBox" if security_level == key_description.STRONGBOX else "TEE"
    match how:
        case Provisioned.FACTORY:
            return _factory(root or roots.android_root(), title, chosen, now, randomness)
        case Provisioned.REMOTE:
            return _remote(root or roots.android_root(), title, chosen, now, randomness)
        case Provisioned.SOFTWARE:
            return _software(root or roots.android_software_root(), chosen, now, randomness)


def attest(
    *, batch: Authority, public_key: ec.EllipticCurvePublicKey, parameters: KeyParameters, challenge: bytes
) -> tuple[bytes, ...]:
    """What `KeyStore.getCertificateChain()` gives: DER, leaf first, root last."""
    leaf = leaf_under(batch, public_key=public_key, parameters=parameters, challenge=challenge)
    return (leaf.public_bytes(serialization.Encoding.DER), *batch.chain_der)


def with_attest_key(
    batch: Authority, *, key: ec.EllipticCurvePrivateKey, parameters: KeyParameters, challenge: bytes
) -> Authority:
    """An ATTEST_KEY of the app's own, which the phone attests and which then attests the app's other keys.

    `parameters`: as of any key of the app; the purpose is set here. `challenge`: the one of when it was made.
    https://developer.android.com/reference/android/security/keystore/KeyGenParameterSpec.Builder#setAttestKeyAlias(java.lang.String)
    """
    only_attests = replace(parameters, purposes=(key_description.ATTEST_KEY,))
    certificate = leaf_under(batch, public_key=key.public_key(), parameters=only_attests, challenge=challenge)
    return Authority(key=key, certificates=(certificate, *batch.certificates))


def leaf_under(
    issuer: Authority, *, public_key: ec.EllipticCurvePublicKey, parameters: KeyParameters, challenge: bytes
) -> x509.Certificate:
    description = key_description.encode(parameters, challenge=challenge)
    return leaf_stating(description, issuer=issuer, public_key=public_key)


def leaf_stating(description: bytes, *, issuer: Authority, public_key: ec.EllipticCurvePublicKey) -> x509.Certificate:
    """`description`: the extension's value, whatever it is."""
    oid = x509.ObjectIdentifier(key_description.OID)
    return make_leaf(
        issuer=issuer,
        public_key=public_key,
        subject=_LEAF_SUBJECT,
        serial=1,
        valid=_LEAF_VALID,
        extensions=((key_usage(signs=True), True), (x509.UnrecognizedExtension(oid, description), False)),
    )


def _factory(root: Authority, title: str, serial: int, now: datetime, randomness: RandomBytes) -> Authority:
    """Root, a P-384 intermediate, and the P-256 batch key that some 100,000 phones share; ten years each."""
    made = now - timedelta(days=700)
    valid = (made, made + timedelta(days=3650))
    upper = make_intermediate(
        issuer=root,
        key=p384_key(randomness(64)),
        subject=titled_name(title, randomness(16).hex()),
        serial=serial_of(randomness(16)),
        valid=valid,
    )
    return make_intermediate(
        issuer=upper,
        key=p256_key(randomness(64)),
        subject=titled_name(title, randomness(16).hex()),
        serial=serial,
        valid=valid,
    )


def _remote(root: Authority, title: str, serial: int, now: datetime, randomness: RandomBytes) -> Authority:
    """Root, two provisioning servers, and a key that only this phone has, for some two weeks."""
    droid_ca2 = make_intermediate(
        issuer=root,
        key=p384_key(randomness(64)),
        subject=name((NameOID.ORGANIZATION_NAME, "Google LLC"), (NameOID.COMMON_NAME, "Droid CA2")),
        serial=serial_of(randomness(16)),
        valid=(now - timedelta(days=300), now + timedelta(days=800)),
    )
    droid_ca3 = make_intermediate(
        issuer=droid_ca2,
        key=p256_key(randomness(64)),
        subject=name((NameOID.ORGANIZATION_NAME, "Google LLC"), (NameOID.COMMON_NAME, "Droid CA3")),
        serial=serial_of(randomness(16)),
        valid=(now - timedelta(days=20), now + timedelta(days=50)),
    )
    return make_intermediate(
        issuer=droid_ca3,
        key=p256_key(randomness(64)),
        subject=name((NameOID.ORGANIZATION_NAME, title), (NameOID.COMMON_NAME, randomness(16).hex())),
        serial=serial,
        valid=(now - timedelta(days=2), now + timedelta(days=12)),
        extra={_PROVISIONING_INFO_OID: _provisioning_info()},
    )


def _software(root: Authority, serial: int, now: datetime, randomness: RandomBytes) -> Authority:
    """An emulator's: one intermediate, whose key AOSP publishes with the root's certificate."""
    return make_intermediate(
        issuer=root,
        key=p256_key(randomness(64)),
        subject=name(
            (NameOID.COMMON_NAME, "Assay simulated Android software attestation intermediate"),
            (NameOID.ORGANIZATION_NAME, "Assay simulator"),
        ),
        serial=serial,
        valid=(now - timedelta(days=700), now + timedelta(days=2950)),
        path_length=0,
    )


def _provisioning_info() -> bytes:
    """CBOR: 1, certificates issued lately; 3, the maker (KeyMint's ProvisioningInfo schema)."""
    return cbor2.dumps({1: 64, 3: "Simulated"})
