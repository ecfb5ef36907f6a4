"""App Attest objects verify by ordinary means, and have the layout of genuine ones."""

import hashlib
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cbor2
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from assay_toolkit.simulator import apple, apple_receipt, roots
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


def _receipt():
    return _attest()["attStmt"]["receipt"]


def _refreshed(receipt, risk_metric=4):
    return apple_receipt.refreshed(receipt_of=receipt, risk_metric=risk_metric, created_at=NOW + timedelta(days=2))


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (_receipt, ["02", "03", "04", "05", "06", "07", "0C", "15"]),
        (lambda: _refreshed(_receipt()), ["02", "03", "04", "05", "06", "07", "0C", "11", "13", "15"]),
    ],
    ids=["ATTEST", "RECEIPT"],
)
def test_openssl_verifies_a_receipt_and_its_fields_are_those_of_a_genuine_one(tmp_path, make, fields):
    receipt, root, content = tmp_path / "receipt.der", tmp_path / "root.pem", tmp_path / "content.der"
    receipt.write_bytes(make())
    root.write_bytes(roots.APPLE_RECEIPT_ROOT_PEM)
    verify = ["openssl", "cms", "-verify", "-inform", "DER", "-in", receipt, "-CAfile", root, "-purpose", "any"]
    at = ["-attime", str(int(NOW.timestamp()))]
    subprocess.run([*verify, *at, "-out", content], check=True, capture_output=True)
    run = subprocess.run(
        ["openssl", "asn1parse", "-inform", "DER", "-in", content], check=True, capture_output=True, text=True
    )
    at_depth_2 = [line.rsplit(":", 1)[-1] for line in run.stdout.splitlines() if ":d=2" in line and "INTEGER" in line]
    assert sorted(at_depth_2[::2]) == fields


@pytest.mark.parametrize(
    ("genuine", "make"),
    [
        ("receipt_ios_14.4_e71867d3.der", _receipt),
        ("receipt_ios_14.2_ee47d147.der", lambda: _refreshed(_receipt())),
    ],
    ids=["ATTEST", "RECEIPT"],
)
def test_a_receipt_has_the_layout_of_a_genuine_one_outside_its_certificates(genuine, make, tmp_path):
    layouts = []
    for number, receipt in enumerate((_genuine(f"devicecheck_appattest/{genuine}"), make())):
        path = tmp_path / f"{number}.der"
        path.write_bytes(receipt)
        run = subprocess.run(
            ["openssl", "asn1parse", "-inform", "DER", "-in", path], check=True, capture_output=True, text=True
        )
        # Depth, whether the length is indefinite, and the type; deeper than that are certificates and names.
        lines = [
            re.match(r".*:d=(\d+) +hl=\d+ l= *(\w+) (\w+): +([^:]+?)(?: {2,}|$|:|\[HEX)", line)
            for line in run.stdout.splitlines()
        ]
        layouts.append(
            [(m[1], m[2] == "inf", m[3], m[4].strip()) for m in lines if m and (int(m[1]) < 5 or m[2] == "inf")]
        )
    assert layouts[0] == layouts[1]


def test_a_receipt_is_exchanged_again_and_again():
    fields = apple_receipt.read_fields(_refreshed(_refreshed(_receipt(), risk_metric=1), risk_metric=12))
    assert fields[apple_receipt.RISK_METRIC] == b"12"
    assert fields[apple_receipt.KIND] == b"RECEIPT"
    assert fields[apple_receipt.APP_ID] == AppleParameters().app_id.encode()
    assert fields[apple_receipt.CREATED] == b"2026-11-24T12:00:00.000Z"
    assert fields[apple_receipt.NOT_BEFORE] == b"2026-11-25T12:00:00.000Z"
    assert fields[apple_receipt.EXPIRES] == b"2027-02-22T12:00:00.000Z"


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda _: b"a receipt",
        lambda receipt: receipt[:-1],
        lambda receipt: receipt[:50],
        lambda receipt: receipt.replace(b"ATTEST", b"ATTESU"),
    ],
)
def test_only_a_receipt_of_the_simulator_is_exchanged(change):
    with pytest.raises(ValueError, match="not a receipt of the simulator"):
        _refreshed(change(_receipt()))


def test_a_genuine_receipt_is_not_exchanged():
    with pytest.raises(ValueError, match="not a receipt of the simulator"):
        _refreshed(_genuine("devicecheck_appattest/receipt_ios_14.4_e71867d3.der"))
