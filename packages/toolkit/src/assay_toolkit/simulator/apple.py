"""App Attest objects: attestations and assertions, as `DCAppAttestService` gives them.

Sources: https://developer.apple.com/documentation/devicecheck/validating-apps-that-connect-to-your-server, and for the
authenticator data and the COSE key W3C WebAuthn Level 3 section 6.1 and RFC 9053 section 7.1.1. Member order as phones
send it.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from assay_toolkit.simulator.apple_certificates import attestation_certificate, intermediate
from assay_toolkit.simulator.apple_parameters import AppleParameters, Launch
from assay_toolkit.simulator.apple_receipt import attestation_receipt
from assay_toolkit.simulator.authority import Authority

# AT alone: what phones send in attestations and assertions alike, whatever follows (seen on iOS 14 to 26).
_FLAGS = 0x40


def key_id(key: ec.EllipticCurvePublicKey) -> bytes:
    """SHA-256 of the uncompressed point (SEC 1 section 2.3.3)."""
    return hashlib.sha256(_point(key)).digest()


def attest(
    *,
    key: ec.EllipticCurvePrivateKey,
    client_data_hash: bytes,
    parameters: AppleParameters,
    now: datetime,
    issuer: Authority | None = None,
) -> bytes:
    """What `attestKey` gives: the CBOR attestation object. `issuer` None: the simulator's App Attestation CA."""
    return cbor2.dumps(
        attestation_members(key=key, client_data_hash=client_data_hash, parameters=parameters, now=now, issuer=issuer)
    )


def attestation_members(
    *,
    key: ec.EllipticCurvePrivateKey,
    client_data_hash: bytes,
    parameters: AppleParameters,
    now: datetime,
    issuer: Authority | None = None,
) -> Mapping[str, object]:
    """The attestation object before it is CBOR, for defects to be put in."""
    issuer = issuer or intermediate()
    public_key = key.public_key()
    data = authenticator_data(public_key, parameters)
    leaf = attestation_certificate(
        issuer=issuer,
        public_key=public_key,
        key_id=key_id(public_key),
        nonce=hashlib.sha256(data + client_data_hash).digest(),
        parameters=parameters,
        now=now,
    )
    leaf_der = leaf.public_bytes(serialization.Encoding.DER)
    receipt = attestation_receipt(leaf_der=leaf_der, client_data_hash=client_data_hash, parameters=parameters, now=now)
    # Without the root, as phones send it.
    x5c = [leaf_der, *issuer.chain_der[:-1]]
    return {"fmt": "apple-appattest", "attStmt": {"x5c": x5c, "receipt": receipt}, "authData": data}


def authenticator_data(key: ec.EllipticCurvePublicKey, parameters: AppleParameters) -> bytes:
    """WebAuthn section 6.1: rpIdHash, flags, signCount, then attested credential data (section 6.5.1)."""
    credential_id = parameters.credential_id or key_id(key)
    return b"".join(
        (
            _head(app_id=parameters.app_id, counter=parameters.counter),
            parameters.aaguid,
            len(credential_id).to_bytes(2),
            credential_id,
            cose_key(key),
            parameters.launch.encode() if parameters.launch else b"",
            parameters.surplus,
        )
    )


def cose_key(key: ec.EllipticCurvePublicKey) -> bytes:
    """RFC 9053 section 7.1.1: EC2, ES256, P-256, x, y."""
    numbers = key.public_numbers()
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})


def make_assertion(
    *, key: ec.EllipticCurvePrivateKey, client_data_hash: bytes, app_id: str, counter: int, launch: Launch | None
) -> bytes:
    """What `generateAssertion` gives: the CBOR assertion object."""
    data = _head(app_id=app_id, counter=counter) + (launch.encode() if launch else b"")
    nonce = hashlib.sha256(data + client_data_hash).digest()
    # The nonce is the message, so that it is hashed once more.
    signature = key.sign(nonce, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return cbor2.dumps({"signature": signature, "authenticatorData": data})


def _head(*, app_id: str, counter: int) -> bytes:
    return hashlib.sha256(app_id.encode()).digest() + bytes([_FLAGS]) + counter.to_bytes(4)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
