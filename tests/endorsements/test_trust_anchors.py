"""Trust anchors as data: what stands in the file is what the code has, and what is not right about it is refused."""

import copy
from pathlib import Path

import pytest
import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from assay_toolkit.simulator import roots
from assay_toolkit.yaml_source import Source
from chalicelib.endorsements.anchors import anchors_from_pem
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.trust_anchors import BUILT_IN, AnchorUse, load_trust_anchors

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "policies/endorsements/trust-anchors.yaml"
VECTORS = ROOT / "../shared/vectors/roots"


@pytest.fixture(scope="module")
def source():
    return Source(FILE)


@pytest.fixture
def authored(source):
    return copy.deepcopy(source.root.value)


def load(document, **choices):
    return load_trust_anchors(rfc8785.dumps(document), **choices)


def with_key(entry, pem):
    """The entry with another key, whose fingerprint it states, and without word of a certificate's."""
    (anchor,) = anchors_from_pem(pem, name="x")
    return {**entry, "pem": pem.decode(), "spki_sha256": anchor.spki_sha256}


def public(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_the_file_says_what_is_built_in(source):
    loaded = load_trust_anchors(source.canonical())
    assert loaded.by_use() == BUILT_IN
    assert {entry.use for entry in loaded.documented} == set(AnchorUse)


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside the repository")
def test_the_certificates_of_the_file_are_the_published_ones(source):
    published = {
        (loaded.fingerprint(SHA256()).hex(), loaded.not_valid_before_utc, loaded.not_valid_after_utc)
        for file in (*VECTORS.glob("google/*.pem"), *VECTORS.glob("apple/*.pem"))
        for loaded in (x509.load_pem_x509_certificate(file.read_bytes()),)
    }
    assert published == {
        (certificate.sha256, certificate.not_before, certificate.not_after)
        for entry in load_trust_anchors(source.canonical()).documented
        for certificate in entry.certificates
    }


def test_a_document_may_name_one_use_alone(authored):
    authored["anchors"] = [entry for entry in authored["anchors"] if entry["use"] == "app_attest"]
    loaded = load(authored)
    assert loaded.by_use() == {AnchorUse.APP_ATTEST: BUILT_IN[AnchorUse.APP_ATTEST]}
    (entry,) = loaded.documented
    assert (str(entry.seen), entry.note) == ("2026-11-22", None)
    assert entry.source == "https://www.apple.com/certificateauthority/Apple_App_Attestation_Root_CA.pem"


def test_a_key_may_serve_two_uses_under_two_names(authored):
    twin = {**authored["anchors"][3], "name": "g3-again", "use": "app_attest"}
    authored["anchors"].append(twin)
    assert len(load(authored).by_use()[AnchorUse.APP_ATTEST].anchors) == 2


DEFECTS = {
    "no version": lambda draft: draft.pop("version"),
    "another version": lambda draft: draft.update(version=2),
    "no anchor": lambda draft: draft.update(anchors=[]),
    "no list": lambda draft: draft.update(anchors={}),
    "a member of nobody's": lambda draft: draft["anchors"][0].update(trusted=True),
    "no source": lambda draft: draft["anchors"][0].pop("source"),
    "no day": lambda draft: draft["anchors"][0].pop("seen"),
    "no certificate": lambda draft: draft["anchors"][0].update(certificates=[]),
    "plain HTTP": lambda draft: draft["anchors"][0].update(source="http://www.apple.com/x"),
    "a day that is none": lambda draft: draft["anchors"][0].update(seen="2026-02-30"),
    "a time for a day": lambda draft: draft["anchors"][0].update(seen="2026-02-03T00:00:00Z"),
    "an unknown use": lambda draft: draft["anchors"][0].update(use="android"),
    "a name with a space": lambda draft: draft["anchors"][0].update(name="google root"),
    "another key's fingerprint": lambda draft: draft["anchors"][0].update(
        spki_sha256=draft["anchors"][1]["spki_sha256"]
    ),
    "a fingerprint in capitals": lambda draft: draft["anchors"][0].update(
        spki_sha256=draft["anchors"][0]["spki_sha256"].upper()
    ),
    "another key": lambda draft: draft["anchors"][0].update(pem=draft["anchors"][1]["pem"]),
    "a cut key": lambda draft: draft["anchors"][0].update(pem=draft["anchors"][0]["pem"].replace("MIIC", "")),
    "two keys": lambda draft: draft["anchors"][0].update(pem=draft["anchors"][0]["pem"] + draft["anchors"][1]["pem"]),
    "text before the key": lambda draft: draft["anchors"][0].update(pem="Google\n" + draft["anchors"][0]["pem"]),
    "a certificate that is not described": lambda draft: draft["anchors"][2]["certificates"][0].update(sha256="0" * 64),
    "a certificate's end that is not its own": lambda draft: draft["anchors"][2]["certificates"][0].update(
        not_after="2046-03-15T00:00:00Z"
    ),
    "an end before the beginning": lambda draft: draft["anchors"][0]["certificates"][0].update(
        not_after="2016-05-26T16:28:51Z"
    ),
    "a time that is none": lambda draft: draft["anchors"][0]["certificates"][0].update(
        not_after="2026-05-24T24:28:52Z"
    ),
    "a name twice": lambda draft: draft["anchors"][1].update(name=draft["anchors"][0]["name"]),
    "a key twice for one use": lambda draft: draft["anchors"].append({**draft["anchors"][0], "name": "again"}),
    "a note of two lines": lambda draft: draft["anchors"][0].update(note="a\nb"),
    "too many": lambda draft: draft.update(anchors=draft["anchors"] * 17),
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_what_is_not_right_is_refused_with_its_place(authored, defect):
    defect(authored)
    with pytest.raises(UnusableEndorsement, match=r"^\$"):
        load(authored)


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"anchors":[],"version":1}', b'{"version":1,"anchors":[]}'])
def test_what_is_no_document(document):
    with pytest.raises(UnusableEndorsement):
        load_trust_anchors(document)


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=1024),  # noqa: S505 - that it is weak is the point
        ec.derive_private_key(7, ec.SECP256K1()),
        ec.derive_private_key(7, ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)),
    ],
    ids=["RSA-1024", "secp256k1", "P-521", "Ed25519"],
)
def test_a_key_that_no_chain_is_verified_with(authored, key):
    authored["anchors"][0] = with_key(authored["anchors"][0], public(key))
    with pytest.raises(UnusableEndorsement, match="no chain is verified with"):
        load(authored)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=lambda curve: curve.name)
def test_keys_of_tomorrow(authored, curve):
    authored["anchors"][0] = with_key(authored["anchors"][0], public(ec.derive_private_key(7, curve)))
    assert len(load(authored).documented) == 4


def spki_pem(pem):
    """The bare key: a document describes no certificate of the simulator's."""
    key = x509.load_pem_x509_certificate(pem).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("root", [name for name in vars(roots) if name.endswith("_ROOT_PEM")])
def test_a_root_of_the_simulator_is_for_the_local_stage(authored, root):
    authored["anchors"][0] = with_key(authored["anchors"][0], spki_pem(getattr(roots, root)))
    with pytest.raises(UnusableEndorsement, match="private key is public: google-hardware-attestation-root"):
        load(authored)
    if "SOFTWARE" in root:
        with pytest.raises(UnusableEndorsement, match="private key is public"):
            load(authored, simulated_phones=True)
    else:
        assert load(authored, simulated_phones=True)


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside the repository")
@pytest.mark.parametrize("simulated_phones", [False, True])
def test_androids_software_root_is_nobodys_word(authored, simulated_phones):
    """The one with a P-256 key; the other one's is of RSA-1024, and refused as such."""
    pem = (VECTORS / "aosp_software/aosp_software_ec.pem").read_bytes()
    authored["anchors"][0] = with_key(authored["anchors"][0], spki_pem(pem))
    with pytest.raises(UnusableEndorsement, match="private key is public"):
        load(authored, simulated_phones=simulated_phones)
