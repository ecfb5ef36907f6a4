"""App Attest objects verify by ordinary means, and have the layout of genuine ones."""

import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import cbor2
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from assay_toolkit.simulator import apple, roots
from assay_toolkit.simulator.apple_parameters import DEVELOPMENT, AppleParameters, Launch
from assay_toolkit.simulator.keys import p256_key

VECTORS = Path(__file__).resolve().parents[2] / "../shared/vectors/apple"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = p256_key(b"an App Attest key")
HASH = hashlib.sha256(b"client data").digest()
NONCE_OID = x509.ObjectIdentifier("1.2.840.113635.100.8.2")


def _attest(**changes):
    return cbor2.loads(apple.attest(key=KEY, client_data_hash=HASH, parameters=AppleParameters(**changes), now=NOW))


def _genuine(file):
    if not VECTORS.is_dir():
        pytest.skip("no shared vectors beside the repository")
    return (VECTORS / file).read_bytes()


def test_openssl_verifies_the_chain_up_to_the_root(tmp_path):
    chain = [x509.load_der_x509_certificate(der) for der in _attest()["attStmt"]["x5c"]]
    files = [tmp_path / name for name in ("leaf.pem", "intermediate.pem", "root.pem")]
    for file, pem in zip(files, [*(c.public_bytes(Encoding.PEM) for c in chain), roots.APPLE_ROOT_PEM], strict=True):
        file.write_bytes(pem)
    at = str(int(NOW.timestamp()))
    subprocess.run(
        ["openssl", "verify", "-attime", at, "-CAfile", files[2], "-untrusted", files[1], files[0]],
        check=True,
        capture_output=True,
    )


def test_the_nonce_covers_authenticator_data_and_client_data():
    attestation = _attest()
    leaf = x509.load_der_x509_certificate(attestation["attStmt"]["x5c"][0])
    nonce = hashlib.sha256(attestation["authData"] + HASH).digest()
    assert leaf.extensions.get_extension_for_oid(NONCE_OID).value.value == bytes.fromhex("3024a1220420") + nonce
    assert leaf.public_key() == KEY.public_key()


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("node_app_attest/attestation_production_abe77309.attestation.cbor", {}),
        ("appattestdecoder/forensicmodetest_4949301d.attestation.cbor", {"aaguid": DEVELOPMENT}),
    ],
)
def test_authenticator_data_has_the_layout_of_genuine_data(file, changes):
    genuine = cbor2.loads(_genuine(file))
    simulated = _attest(**changes)
    assert list(simulated) == list(genuine)
    assert list(simulated["attStmt"]) == list(genuine["attStmt"])
    ours, theirs = simulated["authData"], genuine["authData"]
    assert len(ours) == len(theirs)
    assert ours[32:55] == theirs[32:55]  # flags, counter, aaguid, length of the credential id
    # The COSE key but for its two coordinates of 32 bytes.
    assert ours[87:97] == theirs[87:97]
    assert ours[129:132] == theirs[129:132]
    assert ours[55:87] == hashlib.sha256(b"\x04" + ours[97:129] + ours[132:]).digest()


def test_a_leaf_has_the_extensions_of_a_genuine_one(tmp_path):
    genuine = cbor2.loads(_genuine("node_app_attest/attestation_production_abe77309.attestation.cbor"))
    theirs, ours = (
        x509.load_der_x509_certificate(attestation["attStmt"]["x5c"][0]) for attestation in (genuine, _attest())
    )
    assert [(e.oid, e.critical) for e in ours.extensions] == [(e.oid, e.critical) for e in theirs.extensions]
    assert [_outline(e, tmp_path) for e in ours.extensions] == [_outline(e, tmp_path) for e in theirs.extensions]
    assert [a.oid for a in ours.subject] == [a.oid for a in theirs.subject][: len(list(ours.subject))]
    assert ours.signature_algorithm_oid == theirs.signature_algorithm_oid


def _outline(extension, tmp_path):
    path = tmp_path / "value.der"
    path.write_bytes(extension.value.public_bytes())
    run = subprocess.run(
        ["openssl", "asn1parse", "-inform", "DER", "-in", path], check=True, capture_output=True, text=True
    )
    kinds = [line.split(":", 2)[1].split("l=")[-1].split(None, 1)[1] for line in run.stdout.splitlines()]
    return [" ".join(kind.removesuffix("[HEX DUMP]").split()) for kind in kinds]


def test_an_assertion_has_the_layout_of_a_genuine_one_and_signs_the_nonce_as_a_message():
    genuine = cbor2.loads(_genuine("node_app_attest/verifyassertion.test_1b29780d.assertion.cbor"))
    simulated = cbor2.loads(_assertion())
    assert list(simulated) == list(genuine)
    assert len(simulated["authenticatorData"]) == len(genuine["authenticatorData"])
    assert simulated["authenticatorData"][32:] == genuine["authenticatorData"][32:]
    _verify(simulated, HASH)
    with pytest.raises(InvalidSignature):
        _verify(simulated, hashlib.sha256(b"other client data").digest())


def test_ios_27_appends_one_map_that_is_signed_too():
    plain = cbor2.loads(_assertion())["authenticatorData"]
    simulated = cbor2.loads(_assertion(launch=Launch(validation_category=2, bundle_version="8.1")))
    tail = simulated["authenticatorData"].removeprefix(plain)
    assert cbor2.loads(tail) == {"apple_validation_category_01": b"\x02\x00\x00\x00", "apple_bundle_version_01": "8.1"}
    _verify(simulated, HASH)


def _assertion(launch=None):
    app_id = AppleParameters().app_id
    return apple.make_assertion(key=KEY, client_data_hash=HASH, app_id=app_id, counter=1, launch=launch)


def _verify(assertion, client_data_hash):
    nonce = hashlib.sha256(assertion["authenticatorData"] + client_data_hash).digest()
    KEY.public_key().verify(assertion["signature"], nonce, ec.ECDSA(hashes.SHA256()))


def test_openssl_verifies_the_receipt_and_its_fields_are_those_of_a_genuine_one(tmp_path):
    receipt, root, content = tmp_path / "receipt.der", tmp_path / "root.pem", tmp_path / "content.der"
    receipt.write_bytes(_attest()["attStmt"]["receipt"])
    root.write_bytes(roots.APPLE_ROOT_PEM)
    at = str(int(NOW.timestamp()))
    subprocess.run(
        [
            "openssl",
            "cms",
            "-verify",
            "-inform",
            "DER",
            "-in",
            receipt,
            "-CAfile",
            root,
            "-purpose",
            "any",
            "-attime",
            at,
            "-out",
            content,
        ],
        check=True,
        capture_output=True,
    )
    run = subprocess.run(
        ["openssl", "asn1parse", "-inform", "DER", "-in", content], check=True, capture_output=True, text=True
    )
    at_depth_2 = [line.rsplit(":", 1)[-1] for line in run.stdout.splitlines() if ":d=2" in line and "INTEGER" in line]
    assert sorted(at_depth_2[::2]) == ["02", "03", "04", "05", "06", "07", "0C", "15"]
