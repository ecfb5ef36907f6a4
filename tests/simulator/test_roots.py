"""The roots are the same everywhere, and production knows them."""

import hashlib
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from assay_toolkit.simulator import roots
from chalicelib.endorsements.simulator import SIMULATOR_ROOT_SPKI_SHA256, SIMULATOR_SOFTWARE_SPKI_SHA256

ROOTS = [roots.android_root, roots.android_software_root, roots.apple_root, roots.apple_receipt_root]


def _fingerprint(pem):
    key = x509.load_pem_x509_certificate(pem).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def test_production_knows_the_fingerprint_of_every_root():
    software = {_fingerprint(roots.ANDROID_SOFTWARE_ROOT_PEM)}
    trusted_locally = {
        _fingerprint(pem) for pem in (roots.ANDROID_ROOT_PEM, roots.APPLE_ROOT_PEM, roots.APPLE_RECEIPT_ROOT_PEM)
    }
    assert software == SIMULATOR_SOFTWARE_SPKI_SHA256
    assert software | trusted_locally == SIMULATOR_ROOT_SPKI_SHA256


@pytest.mark.parametrize("make", ROOTS)
def test_a_root_is_the_same_to_the_byte_each_time(make):
    assert make.__wrapped__().root_pem == make().root_pem


@pytest.mark.parametrize("pem", [make().root_pem for make in ROOTS])
def test_openssl_takes_a_root_as_self_signed(tmp_path, pem):
    path = tmp_path / "root.pem"
    path.write_bytes(pem)
    subprocess.run(["openssl", "verify", "-check_ss_sig", "-CAfile", path, path], check=True, capture_output=True)


def test_a_foreign_root_shares_everything_with_the_genuine_one_but_the_key():
    genuine = roots.android_root().certificates[-1]
    foreign = roots.foreign_root(roots.android_root()).certificates[-1]
    assert (foreign.subject, foreign.serial_number) == (genuine.subject, genuine.serial_number)
    assert foreign.public_key() != genuine.public_key()
