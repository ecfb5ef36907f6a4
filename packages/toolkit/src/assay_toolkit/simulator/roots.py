"""The simulator's roots. THEIR PRIVATE KEYS ARE PUBLIC AND WORTHLESS: whoever reads this file can sign with them.

That is the point: a phone anybody can run needs a root anybody can use, and nothing secret has to be kept. Each key is
the hash of a sentence, so that production knows the fingerprints (`chalicelib/endorsements/simulator.py`) and does not
start with one of them as an anchor.
"""

from datetime import UTC, datetime
from functools import cache

from cryptography.x509.oid import NameOID

from assay_toolkit.simulator.authority import Authority, make_root, name, serial_of
from assay_toolkit.simulator.keys import p256_key, p384_key

_VALID = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC))
_ORGANIZATION = "Assay simulator: public key pair, trust nothing"


@cache
def android_root() -> Authority:
    """What Google's hardware attestation root is to real phones."""
    return _root("Assay simulated Android hardware root", p384=True)


@cache
def android_software_root() -> Authority:
    """What AOSP's published software attestation root is to emulators: P-256, and no evidence of anything."""
    return _root("Assay simulated Android software root", p384=False)


@cache
def apple_root() -> Authority:
    """What Apple's App Attestation root is to real phones."""
    return _root("Assay simulated App Attestation root", p384=True)


@cache
def apple_receipt_root() -> Authority:
    """What Apple Root CA - G3 is to the receipts of real phones."""
    return _root("Assay simulated Apple receipt root", p384=True)


def foreign_root(genuine: Authority) -> Authority:
    """Another key under the same name, serial and dates: what a forger makes who reads names only."""
    certificate = genuine.certificates[-1]
    return make_root(
        key=p384_key(b"a forger's root under the name of another: " + genuine.root_spki),
        subject=certificate.subject,
        serial=certificate.serial_number,
        valid=_VALID,
    )


def _root(label: str, *, p384: bool) -> Authority:
    seed = f"{label}. This key pair is public and worthless.".encode()
    return make_root(
        key=p384_key(seed) if p384 else p256_key(seed),
        subject=name((NameOID.COMMON_NAME, label), (NameOID.ORGANIZATION_NAME, _ORGANIZATION)),
        serial=serial_of(seed),
        valid=_VALID,
    )


ANDROID_ROOT_PEM = android_root().root_pem
ANDROID_SOFTWARE_ROOT_PEM = android_software_root().root_pem
APPLE_ROOT_PEM = apple_root().root_pem
APPLE_RECEIPT_ROOT_PEM = apple_receipt_root().root_pem
