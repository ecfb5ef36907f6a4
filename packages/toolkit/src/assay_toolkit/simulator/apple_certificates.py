"""The certificates of App Attest: the simulator's CA, and leaves with Apple's private extensions.

Apple documents the nonce extension only; the shape of the others is that of a genuine production leaf (iOS 17.2.1,
2024-02): explicit context tags in one sequence.
"""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from assay_toolkit.simulator import der
from assay_toolkit.simulator.apple_parameters import AppleParameters
from assay_toolkit.simulator.authority import Authority, key_usage, make_intermediate, make_leaf, name, serial_of
from assay_toolkit.simulator.keys import p384_key
from assay_toolkit.simulator.roots import apple_root

NONCE_OID = "1.2.840.113635.100.8.2"
_KEY_OID = "1.2.840.113635.100.8.5"
_SYSTEM_OID = "1.2.840.113635.100.8.7"

_ORGANIZATION = (NameOID.ORGANIZATION_NAME, "Assay simulator")
_VALID = (datetime(2020, 1, 2, tzinfo=UTC), datetime(2049, 12, 30, tzinfo=UTC))


@cache
def intermediate() -> Authority:
    return intermediate_under(apple_root())


def intermediate_under(root: Authority) -> Authority:
    """The one CA that signs all leaves under `root`; its key is as public as the root's."""
    seed = b"Assay simulated App Attestation CA 1, public and worthless, under " + root.root_spki
    return make_intermediate(
        issuer=root,
        key=p384_key(seed),
        subject=name((NameOID.COMMON_NAME, "Assay simulated App Attestation CA 1"), _ORGANIZATION),
        serial=serial_of(seed),
        valid=_VALID,
        path_length=0,
    )


def attestation_certificate(
    *,
    issuer: Authority,
    public_key: ec.EllipticCurvePublicKey,
    key_id: bytes,
    nonce: bytes,
    parameters: AppleParameters,
    now: datetime,
) -> x509.Certificate:
    """A leaf as Apple's server makes it: named by the key id in hex, its serial the milliseconds of its making."""
    made = now - timedelta(days=1)
    return make_leaf(
        issuer=issuer,
        public_key=public_key,
        subject=name(
            (NameOID.COMMON_NAME, key_id.hex()), (NameOID.ORGANIZATIONAL_UNIT_NAME, "AAA Certification"), _ORGANIZATION
        ),
        serial=int(now.timestamp() * 1000),
        valid=(made, made + timedelta(days=320)),
        extensions=(
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (key_usage(all_four=True), True),
            (_private(_KEY_OID, _key_facts(parameters.app_id)), False),
            (_private(_SYSTEM_OID, _system_facts(parameters)), False),
            (_private(NONCE_OID, der.sequence(der.explicit(1, der.octet_string(nonce)))), False),
        ),
    )


def _private(oid: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)


def _key_facts(app_id: str) -> bytes:
    """Undocumented but for the App ID under 1204; "sks " names the Secure Enclave's key store."""
    return der.sequence(
        der.explicit(4, der.integer(10)),
        der.explicit(1200, der.integer(1)),
        der.explicit(1201, der.integer(0)),
        der.explicit(1202, der.integer(1)),
        der.explicit(1203, der.integer(1)),
        der.explicit(1204, der.octet_string(app_id.encode())),
        der.explicit(5, der.octet_string(b"sks ")),
        der.explicit(1206, der.integer(5)),
        *(der.explicit(tag, der.integer(0)) for tag in (1207, 1209, 1210, 1211)),
    )


def _system_facts(parameters: AppleParameters) -> bytes:
    """System version and build, twice and thrice over, as Apple writes them."""
    version = der.octet_string(parameters.os_version.encode())
    return der.sequence(
        der.explicit(1400, version),
        der.explicit(1104, der.integer(0xFFFFFFFF)),
        der.explicit(1403, der.octet_string(parameters.os_build.encode())),
        der.explicit(1405, version),
        der.explicit(1406, der.integer(0)),
        der.explicit(1420, der.octet_string(f"{parameters.os_version}.0.0,0".encode())),
    )
