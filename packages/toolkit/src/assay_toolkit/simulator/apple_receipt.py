"""Attestation receipts: a CMS SignedData over a SET of typed fields.

Source: https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk (fields by number). Apple's are BER;
these are DER, which every reader of BER takes.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from assay_toolkit.simulator import der
from assay_toolkit.simulator.apple_parameters import PRODUCTION, AppleParameters
from assay_toolkit.simulator.authority import key_usage, make_leaf, name, serial_of
from assay_toolkit.simulator.keys import b64url, p256_key
from assay_toolkit.simulator.roots import apple_root

_SEED = b"Assay simulated receipt signer, public and worthless"
# 90 days, as in genuine receipts; after them Apple's server no longer refreshes one.
_LIFETIME = timedelta(days=90)


def attestation_receipt(
    *, leaf_der: bytes, client_data_hash: bytes, parameters: AppleParameters, now: datetime
) -> bytes:
    """`leaf_der`: the certificate of the attested key, which stands in field 3."""
    environment = b"production" if parameters.aaguid == PRODUCTION else b"sandbox"
    token = b64url(hashlib.sha512(leaf_der).digest()).encode()
    fields = (
        (2, parameters.app_id.encode()),
        (3, leaf_der),
        (4, client_data_hash),
        (5, token),
        (6, b"ATTEST"),
        (7, environment),
        (12, _timestamp(now)),
        (21, _timestamp(now + _LIFETIME)),
    )
    content = der.set_of(
        *(der.sequence(der.integer(kind), der.integer(1), der.octet_string(value)) for kind, value in fields)
    )
    key, certificate = _signer()
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(content)
        .add_signer(certificate, key, hashes.SHA256())
        .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
    )


@cache
def _signer() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = p256_key(_SEED)
    certificate = make_leaf(
        issuer=apple_root(),
        public_key=key.public_key(),
        subject=name(
            (NameOID.COMMON_NAME, "Assay simulated receipt signing"), (NameOID.ORGANIZATION_NAME, "Assay simulator")
        ),
        serial=serial_of(_SEED),
        valid=(datetime(2020, 1, 2, tzinfo=UTC), datetime(2049, 12, 30, tzinfo=UTC)),
        extensions=((key_usage(signs=True), True),),
    )
    return key, certificate


def _timestamp(moment: datetime) -> bytes:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
