"""The secret of an app: what is read, and that no error repeats it."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.verifiers.play_integrity import UnusableSecret, read_secret

ACCOUNT = {
    "type": "service_account",
    "client_email": "assay@project.example",
    "private_key_id": "1",
    "private_key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
    "token_uri": "https://oauth2.googleapis.com/token",
    "project_id": "project",
}


def spki(key):
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


P256 = ec.derive_private_key(9, ec.SECP256R1()).public_key()
CLASSIC = {"decryption_key": base64.b64encode(bytes(range(32))).decode(), "verification_key": spki(P256)}


def read(document):
    return read_secret(document if isinstance(document, bytes) else json.dumps(document).encode())


def test_both_parts_are_read():
    secret = read({"classic": CLASSIC, "standard": ACCOUNT})
    assert secret.classic.decryption_key == bytes(range(32))
    assert secret.classic.verification_key.public_numbers() == P256.public_numbers()
    assert json.loads(secret.service_account) == ACCOUNT


@pytest.mark.parametrize(
    ("document", "present"), [({"classic": CLASSIC}, "classic"), ({"standard": ACCOUNT}, "service_account")]
)
def test_either_part_may_be_absent(document, present):
    secret = read(document)
    assert {name for name in ("classic", "service_account") if getattr(secret, name) is not None} == {present}


OFF_CURVE = base64.b64encode(base64.b64decode(spki(P256))[:-1] + b"\x00").decode()
UNUSABLE = {
    "empty": b"",
    "not_json": b"{",
    "neither_part": {},
    "array": [],
    "unknown_part": {"classic": CLASSIC, "clasic": {}},
    "repeated_part": b'{"standard": {}, "standard": {}}',
    "too_long": json.dumps({"classic": CLASSIC}).encode() + b" " * 70_000,
    "classic_null": {"classic": None},
    "classic_empty": {"classic": {}},
    "classic_unknown_member": {"classic": {**CLASSIC, "kid": "1"}},
    "key_of_16_bytes": {"classic": {**CLASSIC, "decryption_key": base64.b64encode(bytes(16)).decode()}},
    "key_of_33_bytes": {"classic": {**CLASSIC, "decryption_key": base64.b64encode(bytes(33)).decode()}},
    "key_of_hex": {"classic": {**CLASSIC, "decryption_key": "00" * 32}},
    "key_not_base64": {"classic": {**CLASSIC, "decryption_key": "not base64!"}},
    "key_number": {"classic": {**CLASSIC, "decryption_key": 0}},
    "p384": {"classic": {**CLASSIC, "verification_key": spki(ec.derive_private_key(9, ec.SECP384R1()).public_key())}},
    "rsa": {"classic": {**CLASSIC, "verification_key": spki(rsa.generate_private_key(65537, 2048).public_key())}},
    "off_curve": {"classic": {**CLASSIC, "verification_key": OFF_CURVE}},
    "pem": {"classic": {**CLASSIC, "verification_key": "-----BEGIN PUBLIC KEY-----"}},
    "account_null": {"standard": None},
    "account_of_a_user": {"standard": {**ACCOUNT, "type": "authorized_user"}},
    "account_without_key": {"standard": {name: ACCOUNT[name] for name in ACCOUNT if name != "private_key"}},
    "account_without_key_id": {"standard": {name: ACCOUNT[name] for name in ACCOUNT if name != "private_key_id"}},
    "account_key_null": {"standard": {**ACCOUNT, "private_key": None}},
}


@pytest.mark.parametrize("document", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_unusable_secret_is_an_error_that_does_not_repeat_it(document):
    with pytest.raises(UnusableSecret) as caught:
        read(document)
    text = str(caught.value)
    assert text
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    for value in (*CLASSIC.values(), ACCOUNT["private_key"], "not base64!", "00" * 32):
        assert value not in text


def test_a_secret_does_not_print_itself():
    text = repr(read({"classic": CLASSIC, "standard": ACCOUNT}))
    assert "PRIVATE KEY" not in text
    assert "\\x01\\x02" not in text
