"""Android chains verify by ordinary means, and have the layout of genuine ones."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from assay_toolkit.simulator import key_description, roots
from assay_toolkit.simulator.android import Provisioned, attest, provision
from assay_toolkit.simulator.key_description import KeyParameters
from assay_toolkit.simulator.keys import p256_key

VECTORS = Path(__file__).resolve().parents[2] / "../shared/vectors"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = p256_key(b"an instance key")
CHALLENGE = bytes(range(32))


@pytest.fixture
def batch(counted_bytes):
    def make(how=Provisioned.FACTORY, security_level=key_description.TRUSTED_ENVIRONMENT, **changes):
        return provision(how=how, security_level=security_level, now=NOW, randomness=counted_bytes, **changes)

    return make


def _chain(batch, parameters=KeyParameters()):  # noqa: B008 - frozen
    return attest(batch=batch, public_key=KEY.public_key(), parameters=parameters, challenge=CHALLENGE)


def _extension(certificate, oid):
    return certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(oid)).value.value


@pytest.mark.parametrize(
    ("how", "length", "root"),
    [
        (Provisioned.FACTORY, 4, roots.ANDROID_ROOT_PEM),
        (Provisioned.REMOTE, 5, roots.ANDROID_ROOT_PEM),
        (Provisioned.SOFTWARE, 3, roots.ANDROID_SOFTWARE_ROOT_PEM),
    ],
)
def test_openssl_verifies_a_chain_up_to_its_root(tmp_path, batch, how, length, root):
    chain = [x509.load_der_x509_certificate(der) for der in _chain(batch(how))]
    assert len(chain) == length
    for certificate, issuer in pairwise(chain):
        certificate.verify_directly_issued_by(issuer)
    leaf, middle, trusted = tmp_path / "leaf.pem", tmp_path / "middle.pem", tmp_path / "root.pem"
    leaf.write_bytes(_pem(chain[:1]))
    middle.write_bytes(_pem(chain[1:-1]))
    trusted.write_bytes(root)
    at = str(int(NOW.timestamp()))
    subprocess.run(
        ["openssl", "verify", "-attime", at, "-CAfile", trusted, "-untrusted", middle, leaf],
        check=True,
        capture_output=True,
    )


def test_the_leaf_holds_the_attested_key_and_the_batch_certificate_its_serial(batch):
    chain = [x509.load_der_x509_certificate(der) for der in _chain(batch(serial=0xC35747A084470C31))]
    assert chain[0].public_key() == KEY.public_key()
    assert chain[1].serial_number == 0xC35747A084470C31


def test_another_randomness_makes_another_phone(batch):
    assert batch().certificates[0] != batch().certificates[0]


def _outline(der, tmp_path):
    """What openssl prints of DER: depth, kind and tag of each element, without lengths and values."""
    path = tmp_path / "value.der"
    path.write_bytes(der)
    run = subprocess.run(
        ["openssl", "asn1parse", "-inform", "DER", "-in", path], check=True, capture_output=True, text=True
    )
    lines = []
    for line in run.stdout.splitlines():
        _, depth, _, rest = line.split("=", 3)
        kind = rest.split(":", 1)[1] if ":" in rest else rest
        lines.append((depth.split()[0], " ".join(kind.split(":")[0].removesuffix("[HEX DUMP]").split())))
    return lines


@pytest.mark.parametrize(
    ("file", "parameters"),
    [
        (
            "android/keyattestation/tegu_sdk36_tee_ec_2026_root.pem",
            KeyParameters(attestation_version=400, key_mint_version=400, purposes=(2, 3), module_hash=bytes(32)),
        ),
        (
            "android/nl_wallet/emulator_cert_5da18e9b.pem",
            KeyParameters(
                attestation_security_level=key_description.SOFTWARE, key_mint_security_level=key_description.SOFTWARE
            ),
        ),
    ],
)
def test_a_key_description_has_the_outline_of_a_genuine_one(tmp_path, file, parameters):
    if not VECTORS.is_dir():
        pytest.skip("no shared vectors beside the repository")
    leaf = x509.load_pem_x509_certificates((VECTORS / file).read_bytes())[0]
    genuine = _outline(_extension(leaf, key_description.OID), tmp_path)
    assert genuine == _outline(key_description.encode(parameters, challenge=CHALLENGE), tmp_path)


def test_leaf_extensions_are_those_of_a_genuine_leaf(batch):
    if not VECTORS.is_dir():
        pytest.skip("no shared vectors beside the repository")
    pem = (VECTORS / "android/keyattestation/tegu_sdk36_tee_ec_2026_root.pem").read_bytes()
    genuine = x509.load_pem_x509_certificates(pem)[:3]
    simulated = [x509.load_der_x509_certificate(der) for der in _chain(batch(Provisioned.REMOTE))]
    for ours, theirs in zip(simulated, genuine[:2], strict=False):
        assert [(e.oid, e.critical) for e in ours.extensions] == [(e.oid, e.critical) for e in theirs.extensions]
        assert ours.signature_algorithm_oid == theirs.signature_algorithm_oid
    assert simulated[0].subject == genuine[0].subject
    assert simulated[0].not_valid_before_utc == genuine[0].not_valid_before_utc
    assert simulated[0].not_valid_after_utc == genuine[0].not_valid_after_utc
    assert simulated[2].subject == genuine[2].subject


def test_dropping_the_root_of_trust_takes_its_tag_out_and_nothing_else(tmp_path):
    whole = _outline(key_description.encode(KeyParameters(), challenge=CHALLENGE), tmp_path)
    bare = _outline(
        key_description.encode(replace(KeyParameters(), has_root_of_trust=False), challenge=CHALLENGE), tmp_path
    )
    at = whole.index(("2", "cont [ 704 ]"))
    assert whole[:at] + whole[at + 6 :] == bare


def _pem(certificates):
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
