"""`assay audience add`: kinds, keys, and what is refused."""

import json
import stat

import pytest
import yaml
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc.jwk import ECKey

from assay_rp.confidential import ConfidentialKeys
from assay_toolkit.cli import main

API, PAYMENTS = "https://api.bank.example", "https://payments.bank.example"
FILE = f"""\
# The bank.
app: bank
android:
  packages: [com.example.bank]
  signature_digests: [{"a1" * 32}]
audiences:
  # The API.
  {API}: {{kind: clear}}
"""
CONFIDENTIAL = ("--kind", "confidential")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "policies/apps/bank.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(FILE, encoding="utf-8")
    return file


@pytest.fixture
def add(place):
    def run(origin, *options, code=0):
        done = CliRunner().invoke(main, ["audience", "add", origin, "--app", "bank", *map(str, options)])
        assert done.exit_code == code, done.output
        assert done.exception is None or isinstance(done.exception, SystemExit)
        if code:
            assert place.read_text(encoding="utf-8") == FILE
        return done.output

    return run


def audiences(place):
    return yaml.safe_load(place.read_text(encoding="utf-8"))["audiences"]


def test_a_key_pair_is_made_and_its_private_half_is_its_owners_alone(add, place, tmp_path):
    output = add(PAYMENTS, *CONFIDENTIAL, "--private-key-out", "payments.json")
    file = tmp_path / "payments.json"
    private = json.loads(file.read_text(encoding="utf-8"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert private["d"] not in output + place.read_text(encoding="utf-8")
    registered = audiences(place)[PAYMENTS]["encryption_jwk"]
    assert registered == {name: private[name] for name in ("kty", "crv", "x", "y", "kid")}
    assert registered["kid"] == ECKey.import_key(registered).thumbprint()
    ConfidentialKeys([private])
    assert place.read_text(encoding="utf-8").startswith(FILE)


def test_a_private_key_in_pem(add, place, tmp_path):
    add(PAYMENTS, *CONFIDENTIAL, "--private-key-out", "payments.pem")
    key = ECKey.import_key((tmp_path / "payments.pem").read_bytes())
    assert key.is_private
    assert audiences(place)[PAYMENTS]["encryption_jwk"]["kid"] == key.thumbprint()


@pytest.mark.parametrize("form", ["jwk", "named jwk", "pem"])
def test_a_public_key_that_is_there_already(add, place, tmp_path, form):
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = ECKey.import_key(pem).as_dict(private=False)
    kid = "of-today" if form == "named jwk" else ECKey.import_key(pem).thumbprint()
    if form == "named jwk":
        jwk |= {"kid": kid, "use": "enc"}
    file = tmp_path / "public"
    file.write_bytes(pem if form == "pem" else json.dumps(jwk).encode())
    add(PAYMENTS, *CONFIDENTIAL, "--public-key", file)
    assert audiences(place)[PAYMENTS]["encryption_jwk"] == {
        "kty": "EC", "crv": "P-256", "x": jwk["x"], "y": jwk["y"], "kid": kid,
    }  # fmt: skip


def pem_of(curve, *, private=False):
    key = ec.generate_private_key(curve)
    if private:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        (b"", "no public key"),
        (b"{}", "no public key"),
        (b"[]", "no public key"),
        (b"7", "no public key"),
        (b"[" * 50_000, "no public key"),
        (b'{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}', "no public key"),
        (b'{"kty": "EC", "crv": "P-256", "x": 1, "y": 2}', "no public key"),
        (b'{"kty": "oct", "k": "AAAA"}', "no public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key"),
        (b"\xff\xfe", "no public key"),
        (pem_of(ec.SECP384R1()), "another curve"),
        (pem_of(ec.SECP256R1(), private=True), "private half"),
        (json.dumps(ECKey.generate_key("P-256", private=True).as_dict(private=True)).encode(), "private half"),
    ],
)
def test_what_is_no_public_key(add, tmp_path, contents, sentence):
    (tmp_path / "key").write_bytes(contents)
    output = add(PAYMENTS, *CONFIDENTIAL, "--public-key", "key", code=1)
    assert sentence in output
    assert len(output.splitlines()) == 1


def test_a_public_key_with_a_name_that_the_register_does_not_take(add, tmp_path):
    jwk = ECKey.generate_key("P-256", private=False).as_dict(private=False) | {"kid": "a key"}
    (tmp_path / "key").write_text(json.dumps(jwk))
    assert "would not pass `assay app lint`" in add(PAYMENTS, *CONFIDENTIAL, "--public-key", "key", code=1)


def test_a_private_key_is_never_written_over_a_file(add, tmp_path):
    (tmp_path / "taken").write_text("precious")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("taken", "link"):
        assert "never written over" in add(PAYMENTS, *CONFIDENTIAL, "--private-key-out", name, code=1)
    assert (tmp_path / "taken").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()
    assert "cannot be written" in add(PAYMENTS, *CONFIDENTIAL, "--private-key-out", "no/such/folder", code=1)


def test_no_private_key_is_left_where_the_register_was_not_changed(add, tmp_path, place, monkeypatch):
    """A folder in which nothing can be made any more, once the key is."""
    monkeypatch.setattr("assay_toolkit.onboarding.store.Path.replace", _fails)
    assert "cannot be written" in add(PAYMENTS, *CONFIDENTIAL, "--private-key-out", "payments.json", code=1)
    assert [path.name for path in tmp_path.iterdir()] == ["policies"]
    assert list(place.parent.iterdir()) == [place]


def _fails(_path, _target):
    raise PermissionError(13, "Permission denied")


def test_other_kinds(add, place):
    add("https://gateway.bank.example", "--kind", "gateway", "--minimum-tier", "medium")
    add("http://127.0.0.1:8080", "--kind", "clear")
    assert audiences(place) == {
        API: {"kind": "clear"},
        "https://gateway.bank.example": {"kind": "gateway", "minimum_tier": "medium"},
        "http://127.0.0.1:8080": {"kind": "clear"},
    }


@pytest.mark.parametrize(
    "options",
    [
        ("--kind", "confidential"),
        ("--kind", "confidential", "--public-key", "a", "--private-key-out", "b"),
        ("--kind", "clear", "--private-key-out", "b"),
        ("--kind", "gateway"),
        ("--kind", "gateway", "--minimum-tier", "medium", "--public-key", "a"),
        ("--kind", "gateway", "--minimum-tier", "low"),
        ("--kind", "clear", "--minimum-tier", "medium"),
        ("--kind", "secret"),
        (),
    ],
)
def test_options_that_do_not_go_together(add, options, tmp_path):
    add(PAYMENTS, *options, code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["policies"]


@pytest.mark.parametrize(
    "origin",
    [
        "http://api.bank.example", "http://127.0.0.1.bank.example", "http://10.0.0.1", "api.bank.example", "ftp://a.b",
        "https://a.b/", "https://a.b/x", "https://a.b?x", "https://a.b#x", "https://u@a.b", "https://A.b",
        "https://a.b:443", "https://a.b:99999", "https://", "https://[::1", "https://ä.example", "https://a b", "",
    ],
)  # fmt: skip
def test_what_is_no_origin_in_its_one_spelling(add, origin):
    output = add(origin, "--kind", "clear", code=2)
    assert "Invalid value for 'ORIGIN'" in output


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://[::1]:8080", "https://[2001:db8::1]", "https://a.b:8443"]
)
def test_origins(add, place, origin):
    add(origin, "--kind", "clear")
    assert origin in audiences(place)


def test_an_audience_is_registered_once(add, place):
    for options in (("--kind", "clear"), ("--kind", "gateway", "--minimum-tier", "high")):
        assert "registered already, as clear; --replace" in add(API, *options, code=1)
    add(API, "--kind", "gateway", "--minimum-tier", "high", "--replace")
    assert audiences(place) == {API: {"kind": "gateway", "minimum_tier": "high"}}
    assert "# The API.\n" in place.read_text(encoding="utf-8")


def test_an_app_that_is_not_there(place):
    place.unlink()
    done = CliRunner().invoke(main, ["audience", "add", API, "--app", "bank", "--kind", "clear"])
    assert "`assay app add` makes it" in done.output
    assert not place.exists()
