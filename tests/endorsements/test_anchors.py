"""Trust anchors are keys, told apart by their exact bytes."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from assay_toolkit.simulator import roots
from chalicelib.endorsements.anchors import AnchorSet, TrustAnchor, anchors_from_pem
from chalicelib.endorsements.google_roots import AOSP_SOFTWARE_SPKI_SHA256, GOOGLE_ANCHORS

VECTORS = Path(__file__).resolve().parents[2] / "../shared/vectors"
has_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside the repository")


def public_key(encoding=Encoding.PEM):
    key = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    return key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def certificate_of_version(number):
    genuine = base64.b64decode(b"".join(roots.ANDROID_ROOT_PEM.splitlines()[1:-1]))
    other = genuine.replace(bytes.fromhex("a003020102"), bytes.fromhex("a0030201") + bytes([number]), 1)
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(other) + b"-----END CERTIFICATE-----\n"


def test_a_public_key():
    (anchor,) = anchors_from_pem(public_key(), name="test")
    assert anchor.name == "test"
    assert anchor.spki == public_key(Encoding.DER)


def test_once_per_key():
    anchors = anchors_from_pem(public_key() * 2, name="test")
    assert len(tuple(anchors)) == 1
    assert (anchors + anchors).anchors == anchors.anchors


def test_an_empty_set_knows_nothing():
    assert AnchorSet(()).by_spki(public_key(Encoding.DER)) is None


def test_sets_join():
    joined = GOOGLE_ANCHORS + anchors_from_pem(public_key(), name="test")
    assert [joined.by_spki(anchor.spki) for anchor in joined] == list(joined)
    assert len(tuple(joined)) == 3


def test_more_anchors_than_are_ever_tried_are_refused_when_the_set_is_made():
    anchors = [TrustAnchor(name=str(number), spki=bytes([number])) for number in range(65)]
    assert AnchorSet(tuple(anchors[:64])).by_spki(bytes([63])) is anchors[63]
    with pytest.raises(ValueError, match="65 trust anchors"):
        AnchorSet(tuple(anchors))
    with pytest.raises(ValueError, match="65 trust anchors"):
        AnchorSet(tuple(anchors[:4])) + AnchorSet(tuple(anchors[4:]))


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"no PEM",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
        public_key() + b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        certificate_of_version(14),
    ],
    ids=["empty", "text", "broken certificate", "private key", "one broken of two", "version 15"],
)
def test_what_does_not_load_is_not_left_out(pem):
    with pytest.raises(ValueError, match=r"."):
        anchors_from_pem(pem, name="test")


@has_vectors
def test_googles_roots_are_the_published_ones():
    roots = json.loads((VECTORS / "index.json").read_bytes())["roots"]
    google = [root for root in roots if root["file"].startswith("roots/google/")]
    assert {root["sha256_spki"] for root in google} == {anchor.spki_sha256 for anchor in GOOGLE_ANCHORS}
    for root in google:
        (anchor,) = anchors_from_pem((VECTORS / root["file"]).read_bytes(), name="google")
        assert GOOGLE_ANCHORS.by_spki(anchor.spki) is not None


@has_vectors
def test_software_roots_are_known_and_not_trusted():
    roots = json.loads((VECTORS / "index.json").read_bytes())["roots"]
    software = {root["sha256_spki"] for root in roots if root["file"].startswith("roots/aosp_software/")}
    assert software == AOSP_SOFTWARE_SPKI_SHA256
    assert not software & {anchor.spki_sha256 for anchor in GOOGLE_ANCHORS}
