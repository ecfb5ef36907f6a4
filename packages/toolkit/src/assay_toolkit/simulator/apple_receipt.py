"""App Attest receipts: a CMS SignedData over a SET of numbered fields, signed under the simulator's receipt root.

Source: https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk (fields by number); the rest as in
genuine receipts of 2020 to 2026: BER with indefinite lengths inside attestations, mostly DER from Apple's server, three
certificates, no signed attributes, and field 7, which the page does not list.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from assay_toolkit.simulator import ber, der
from assay_toolkit.simulator.apple_parameters import PRODUCTION, AppleParameters
from assay_toolkit.simulator.authority import Authority, key_usage, make_intermediate, make_leaf, name, serial_of
from assay_toolkit.simulator.keys import b64url, p256_key
from assay_toolkit.simulator.roots import apple_receipt_root

# Field numbers of Apple's page, but for the environment.
APP_ID, KEY, CLIENT_HASH, TOKEN, KIND, ENVIRONMENT = 2, 3, 4, 5, 6, 7
CREATED, RISK_METRIC, NOT_BEFORE, EXPIRES = 12, 17, 19, 21

# Genuine receipts: refreshed after a day in Apple's test environment, after up to 30 days in production; good for 90.
_NEXT = timedelta(days=1)
_LIFETIME = timedelta(days=90)

RECEIPT_SIGNING_OID = "1.2.840.113635.100.12.15"  # an extension of every genuine signer's certificate; holds NULL
_VALID = (datetime(2020, 1, 2, tzinfo=UTC), datetime(2049, 12, 30, tzinfo=UTC))
_ORGANIZATION = (NameOID.ORGANIZATION_NAME, "Assay simulator")

_OID_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_OID_DATA = bytes.fromhex("06092a864886f70d010701")
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def attestation_receipt(
    *,
    leaf_der: bytes,
    client_data_hash: bytes,
    parameters: AppleParameters,
    now: datetime,
    issuer: Authority | None = None,
    marked: bool = True,
) -> bytes:
    """What stands in an attestation, in BER. `leaf_der`: the certificate of the attested key, for field 3.

    `issuer` None: the simulator's; `marked` False: the signer's certificate is not one for receipts.
    """
    fields = {
        APP_ID: parameters.app_id.encode(),
        KEY: leaf_der,
        CLIENT_HASH: client_data_hash,
        TOKEN: b64url(hashlib.sha512(leaf_der).digest()).encode(),
        KIND: b"ATTEST",
        ENVIRONMENT: b"production" if parameters.aaguid == PRODUCTION else b"sandbox",
        CREATED: _timestamp(now),
        EXPIRES: _timestamp(now + _LIFETIME),
    }
    return _signed_ber(_payload(fields), issuer=issuer or intermediate(), marked=marked)


def refreshed(*, receipt_of: bytes, risk_metric: int, created_at: datetime) -> bytes:
    """What Apple's server gives for an earlier receipt, in DER. Raises ValueError for what the simulator did not sign.

    `created_at`: aware; the answer may be exchanged again a day later, and ends after 90.
    """
    earlier = read_fields(receipt_of)
    fields = {
        RISK_METRIC: str(risk_metric).encode(),
        KIND: b"RECEIPT",
        **{number: earlier[number] for number in (APP_ID, KEY, CLIENT_HASH, TOKEN, ENVIRONMENT)},
        CREATED: _timestamp(created_at),
        NOT_BEFORE: _timestamp(created_at + _NEXT),
        EXPIRES: _timestamp(created_at + _LIFETIME),
    }
    return signed_der(_payload(fields), issuer=intermediate())


def read_fields(receipt: bytes) -> Mapping[int, bytes]:
    """Of a receipt that the simulator signed, BER or DER. Raises ValueError for anything else."""
    try:
        (_, outer), *_ = ber.values(receipt)
        (_, tagged) = ber.values(outer)[1]
        (_, signed_data), *_ = ber.values(tagged)
        _, _, (_, encapsulated), _, (_, signers) = ber.values(signed_data)
        (tag, content), *_ = ber.values(ber.values(encapsulated)[1][1])
        if tag == 0x24:  # a string in segments
            content = b"".join(segment for _, segment in ber.values(content))
        signature = ber.values(ber.values(signers)[0][1])[-1][1]
        _signer(intermediate(), marked=True)[0].public_key().verify(signature, content, ec.ECDSA(hashes.SHA256()))
        triples = [ber.values(field) for _, field in ber.values(ber.values(content)[0][1])]
        return {int.from_bytes(number[1]): value[1] for number, _, value in triples}
    except (ValueError, IndexError, InvalidSignature):
        raise ValueError("not a receipt of the simulator") from None


def signed_der(payload: bytes, *, issuer: Authority) -> bytes:
    """The CMS around `payload`, as Apple's server answers."""
    version, digests, signers, certificates = _parts(payload, issuer=issuer, marked=True)
    encapsulated = der.sequence(_OID_DATA, der.explicit(0, der.octet_string(payload)))
    signed_data = der.sequence(version, digests, encapsulated, der.explicit(0, certificates), signers)
    return der.sequence(_OID_SIGNED_DATA, der.explicit(0, signed_data))


@cache
def intermediate() -> Authority:
    return intermediate_under(apple_receipt_root())


def intermediate_under(root: Authority) -> Authority:
    """The CA of receipt signers under `root`; its key is as public as the root's."""
    seed = b"Assay simulated Application Integration CA, public and worthless, under " + root.root_spki
    return make_intermediate(
        issuer=root,
        key=p256_key(seed),
        subject=name((NameOID.COMMON_NAME, "Assay simulated Application Integration CA"), _ORGANIZATION),
        serial=serial_of(seed),
        valid=_VALID,
    )


def _signed_ber(payload: bytes, *, issuer: Authority, marked: bool) -> bytes:
    """Apple's way: indefinite lengths down to the content, whose string comes in two segments."""
    version, digests, signers, certificates = _parts(payload, issuer=issuer, marked=marked)
    segments = (der.octet_string(payload[:1000]), der.octet_string(payload[1000:]))
    encapsulated = ber.indefinite(0x30, _OID_DATA, ber.indefinite(0xA0, ber.indefinite(0x24, *segments)))
    signed_data = ber.indefinite(0x30, version, digests, encapsulated, ber.indefinite(0xA0, certificates), signers)
    return ber.indefinite(0x30, _OID_SIGNED_DATA, ber.indefinite(0xA0, signed_data))


def _parts(payload: bytes, *, issuer: Authority, marked: bool) -> tuple[bytes, bytes, bytes, bytes]:
    """Version, digest algorithms, signers and certificates of a SignedData (RFC 5652 section 5.1)."""
    key, certificate = _signer(issuer, marked=marked)
    version = der.integer(1)
    signer = der.sequence(
        version,
        der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number)),
        _SHA256,
        _ECDSA_SHA256,
        der.octet_string(key.sign(payload, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))),
    )
    chain = (certificate.public_bytes(serialization.Encoding.DER), *issuer.chain_der)
    return version, der.set_of(_SHA256), der.set_of(signer), b"".join(chain)


@cache
def _signer(issuer: Authority, *, marked: bool) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    seed = b"Assay simulated receipt signer, public and worthless, under " + issuer.root_spki
    key = p256_key(seed)
    purpose = (x509.UnrecognizedExtension(x509.ObjectIdentifier(RECEIPT_SIGNING_OID), der.null()), False)
    certificate = make_leaf(
        issuer=issuer,
        public_key=key.public_key(),
        subject=name((NameOID.COMMON_NAME, "Assay simulated receipt signing"), _ORGANIZATION),
        serial=serial_of(seed),
        valid=_VALID,
        extensions=(
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (key_usage(signs=True), True),
            *((purpose,) if marked else ()),
        ),
    )
    return key, certificate


def _payload(fields: Mapping[int, bytes]) -> bytes:
    return der.set_of(
        *(
            der.sequence(der.integer(number), der.integer(1), der.octet_string(value))
            for number, value in fields.items()
        )
    )


def _timestamp(moment: datetime) -> bytes:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
