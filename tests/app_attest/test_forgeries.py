"""Attestations that somebody bent on purpose, one change each, under the root that the verifier is told to trust.

The makers are those of conftest.py: cryptography's builder, cbor2 and a DER writer of the tests, none of which the
verifier uses. `test_attestation.py` has the plain ones; here are those that ask for a second look.
"""

import base64
import gzip
import hashlib

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.model.claims import VerifiedAppleAttestation
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.verifiers.app_attest import verify_attestation

MALFORMED = RefusalReason.APP_ATTEST_MALFORMED
CHAIN = RefusalReason.APP_ATTEST_CHAIN
EXPIRED = RefusalReason.APP_ATTEST_EXPIRED
NONCE = RefusalReason.APP_ATTEST_NONCE
KEY_ID = RefusalReason.APP_ATTEST_KEY_ID
APP_ID = RefusalReason.APP_ATTEST_APP_ID
ENVIRONMENT = RefusalReason.APP_ATTEST_ENVIRONMENT
COUNTER = RefusalReason.APP_ATTEST_COUNTER

# Where things stand in a TBSCertificate: [0] version, then serial, algorithm, issuer, validity, subject, key, [3].
VERSION, SERIAL, ALGORITHM, ISSUER, VALIDITY, SUBJECT, KEY, EXTENSIONS = range(8)
UNKNOWN = [0x30, [[0x06, b"\x2a\x03\x04"], [0x04, b"\x05\x00"]]]
CRITICAL_UNKNOWN = (x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00", True)
# The subject public key of a P-521 key and others that no chain of Apple's has.
EXOTIC = {
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}


def verify(attestation):
    return verify_attestation(attestation.submitted(), **attestation.arguments())


def leaf(**changes):
    return lambda forge: forge.Attestation(leaf=changes)


def issuer(**changes):
    return lambda forge: forge.Attestation(issuer=changes)


def edited(edit, **changes):
    return leaf(edit=edit, **changes)


def put(at, node):
    """In the place of what stands there."""

    def edit(nodes):
        nodes[at] = node

    return edit


def chain(make):
    """Two certificates of the attestation that is good by itself, changed."""

    def build(forge):
        return forge.Attestation(x5c=make(forge, *forge.Attestation().certificates()))

    return build


def nonce_of(forge):
    plain = forge.Attestation()
    return hashlib.sha256(plain.authenticator_data() + plain.client_data_hash).digest()


def nonce_extension(forge):
    return b"\x30\x24\xa1\x22\x04\x20" + nonce_of(forge)


def self_signed(forge):
    return forge.credential(nonce_of(forge), issuer="credential", signer=forge.CREDENTIAL_KEY).der()


def by_the_root(forge, **changes):
    return forge.credential(nonce_of(forge), signer=forge.ROOT_KEY, **changes).der()


def second_nonce(first):
    def make(forge):
        plain, other = nonce_extension(forge), b"\x30\x24\xa1\x22\x04\x20" + b"\x00" * 32
        twin = [0x30, [[0x06, NONCE_OID_DER], [0x04, other if first else plain]]]

        def edit(nodes):
            nodes[EXTENSIONS][1][0][1].insert(0 if first else 99, twin)

        return forge.Attestation(leaf={"edit": edit})

    return make


NONCE_OID_DER = bytes.fromhex("2a864886f763640802")


def nonce_under(oid):
    return lambda forge: forge.Attestation(
        leaf={"extra": [(x509.ObjectIdentifier(oid), nonce_extension(forge), False)]}
    )


def nonce_in_the_intermediate(forge):
    extension = (forge.NONCE_OID, nonce_extension(forge), False)
    return forge.Attestation(leaf={"extra": []}, issuer={"extra": [extension]})


def critical_nonce(forge):
    return forge.Attestation(leaf={"extra": [(forge.NONCE_OID, nonce_extension(forge), True)]})


def extension_value(oid, value):
    """Another value for the extension, in the certificate's own bytes."""

    def edit(nodes):
        for extension in nodes[EXTENSIONS][1][0][1]:
            if extension[1][0][1] == oid:
                extension[1][-1][1] = value

    return edit


def extension_critical(oid, octet):
    def edit(nodes):
        for extension in nodes[EXTENSIONS][1][0][1]:
            if extension[1][0][1] == oid:
                if len(extension[1]) == 3:
                    extension[1].pop(1)
                extension[1].insert(1, [0x01, octet])

    return edit


BASIC_CONSTRAINTS, KEY_USAGE = bytes.fromhex("551d13"), bytes.fromhex("551d0f")


def spki(change):
    """Another key in the credential certificate, made from the point that belongs there."""

    def make(forge):
        def edit(nodes):
            nodes[KEY] = change(forge.point(forge.CREDENTIAL_KEY))

        return forge.Attestation(leaf={"edit": edit})

    return make


def ec_key(parameters, point):
    return [0x30, [[0x30, [[0x06, bytes.fromhex("2a8648ce3d0201")], parameters]], [0x03, b"\x00" + point]]]


P256 = [0x06, bytes.fromhex("2a8648ce3d030107")]
P384 = [0x06, bytes.fromhex("2b81040022")]


def of_another_algorithm(oid, *, inside=True, outside=True):
    node = [0x30, [[0x06, bytes.fromhex(oid)]]]
    return leaf(
        edit=put(ALGORITHM, node) if inside else None,
        outer=put(1, node) if outside else None,
    )


def signature(der):
    return leaf(outer=put(2, [0x03, b"\x00" + der]))


def one_bit(at):
    """In the bytes that the intermediate signed."""

    def make(_forge, credential, issuer_der):
        changed = bytearray(credential)
        changed[at] ^= 0x01
        return [bytes(changed), issuer_der]

    return chain(make)


CERTIFICATES = {
    "credential signed by the root, which stands second": (
        chain(
            lambda forge, _credential, _issuer: [
                by_the_root(forge, issuer="Test App Attestation Root CA"),
                forge.root().der(),
            ]
        ),
        CHAIN,
    ),
    "the root stands second": (chain(lambda forge, credential, _issuer: [credential, forge.root().der()]), CHAIN),
    "credential signed by the root in the intermediate's name": (
        chain(lambda forge, _credential, issuer_der: [by_the_root(forge), issuer_der]),
        CHAIN,
    ),
    "self-signed credential": (chain(lambda forge, _credential, issuer_der: [self_signed(forge), issuer_der]), CHAIN),
    "self-signed credential twice": (chain(lambda forge, _credential, _issuer: [self_signed(forge)] * 2), CHAIN),
    "self-signed intermediate": (
        lambda forge: forge.Attestation(
            issuer={"signer": forge.INTERMEDIATE_KEY, "issuer": "Test App Attestation CA 1"}
        ),
        CHAIN,
    ),
    "the intermediate alone, twice": (chain(lambda _forge, _credential, issuer_der: [issuer_der] * 2), CHAIN),
    "intermediate that is no authority": (issuer(authority=False), CHAIN),
    "intermediate that may not certify": (issuer(usage={"certifies": False}), CHAIN),
    "intermediate without key usage": (issuer(key_usage=False), MALFORMED),
    "intermediate without basic constraints": (issuer(basic_constraints=False), MALFORMED),
    "intermediate with an unknown critical extension": (issuer(extra=[CRITICAL_UNKNOWN]), CHAIN),
    "intermediate signed with SHA-512": (issuer(algorithm=hashes.SHA512()), CHAIN),
    "intermediate on P-521": (issuer(key=EXOTIC["P-521"]), MALFORMED),
    "intermediate on secp256k1": (issuer(key=EXOTIC["secp256k1"]), MALFORMED),
    "intermediate of Ed25519": (issuer(key=EXOTIC["Ed25519"]), MALFORMED),
    "intermediate by the credential's key": (
        lambda forge: forge.Attestation(issuer={"signer": forge.CREDENTIAL_KEY}),
        CHAIN,
    ),
    "credential that is an authority by one word": (leaf(authority=True, usage={"certifies": False}), CHAIN),
    "credential that is an authority by the other": (leaf(usage={"certifies": True}), CHAIN),
    "credential that may not sign": (leaf(usage={"signs": False}), CHAIN),
    "credential without key usage": (leaf(key_usage=False), MALFORMED),
    "credential with an empty key usage": (edited(extension_value(KEY_USAGE, b"\x03\x01\x00")), CHAIN),
    "credential with a key usage that is none": (edited(extension_value(KEY_USAGE, b"\x04\x02\x07\x80")), MALFORMED),
    "credential with bytes after its key usage": (
        edited(extension_value(KEY_USAGE, b"\x03\x02\x07\x80\x00")),
        MALFORMED,
    ),
    "credential with bytes after its basic constraints": (
        edited(extension_value(BASIC_CONSTRAINTS, b"\x30\x00\x05\x00")),
        MALFORMED,
    ),
    "credential that writes a default": (
        edited(extension_value(BASIC_CONSTRAINTS, b"\x30\x03\x01\x01\x00")),
        MALFORMED,
    ),
    "credential that is an authority by BER": (
        edited(extension_value(BASIC_CONSTRAINTS, b"\x30\x03\x01\x01\x01")),
        MALFORMED,
    ),
    "credential whose constraints are of endless length": (
        edited(extension_value(BASIC_CONSTRAINTS, b"\x30\x80\x00\x00")),
        MALFORMED,
    ),
    "credential with a critical nonce": (critical_nonce, CHAIN),
    "credential with a nonce that is critical by BER": (edited(extension_critical(NONCE_OID_DER, b"\x01")), CHAIN),
    "credential with a nonce that is critical in two octets": (
        edited(extension_critical(NONCE_OID_DER, b"\xff\xff")),
        MALFORMED,
    ),
    "credential with two nonces, the right one first": (second_nonce(first=False), MALFORMED),
    "credential with two nonces, the right one last": (second_nonce(first=True), MALFORMED),
    "nonce in the extension beside it": (nonce_under("1.2.840.113635.100.8.3"), MALFORMED),
    "nonce in an extension below it": (nonce_under("1.2.840.113635.100.8.2.1"), MALFORMED),
    "nonce in the access control": (nonce_under("1.2.840.113635.100.8.6"), MALFORMED),
    "nonce in the intermediate": (nonce_in_the_intermediate, MALFORMED),
    "credential of version 1": (edited(put(VERSION, [0xA0, [[0x02, b"\x00"]]])), MALFORMED),
    "credential of version 2": (edited(put(VERSION, [0xA0, [[0x02, b"\x01"]]])), MALFORMED),
    "credential of version 4": (edited(put(VERSION, [0xA0, [[0x02, b"\x03"]]])), MALFORMED),
    "credential without a version": (edited(lambda nodes: nodes.pop(VERSION)), MALFORMED),
    "serial below zero": (edited(put(SERIAL, [0x02, b"\xff"])), MALFORMED),
    "serial zero": (edited(put(SERIAL, [0x02, b"\x00"])), MALFORMED),
    "serial in too many octets": (edited(put(SERIAL, [0x02, b"\x00\x01"])), MALFORMED),
    "serial of 21 octets": (edited(put(SERIAL, [0x02, b"\x01" * 21])), MALFORMED),
    "serial as text": (edited(put(SERIAL, [0x0C, b"1"])), MALFORMED),
    "issuer that is no name": (edited(put(ISSUER, [0x04, b"name"])), MALFORMED),
    "no subject": (edited(lambda nodes: nodes.pop(SUBJECT)), MALFORMED),
    "dates as text": (edited(put(VALIDITY, [0x30, [[0x0C, b"260601"], [0x0C, b"260602"]]])), MALFORMED),
    "dates the wrong way round": (
        edited(lambda nodes: nodes[VALIDITY][1].reverse()),
        EXPIRED,
    ),
    "dates that do not exist": (
        edited(put(VALIDITY, [0x30, [[0x17, b"260231000000Z"], [0x17, b"270101000000Z"]]])),
        MALFORMED,
    ),
    "dates in local time": (
        edited(put(VALIDITY, [0x30, [[0x17, b"260101000000+0100"], [0x17, b"270101000000+0100"]]])),
        MALFORMED,
    ),
    "one date": (edited(lambda nodes: nodes[VALIDITY][1].pop()), MALFORMED),
    "something after the extensions": (edited(lambda nodes: nodes.append([0x05, b""])), MALFORMED),
    "no extensions": (edited(lambda nodes: nodes.pop(EXTENSIONS)), MALFORMED),
    "extensions of another tag": (edited(lambda nodes: nodes[EXTENSIONS].__setitem__(0, 0xA4)), MALFORMED),
    "a unique identifier": (edited(lambda nodes: nodes.insert(EXTENSIONS, [0x81, b"\x00\x01"])), MALFORMED),
    "40 extensions": (
        edited(
            lambda nodes: nodes[EXTENSIONS][1][0][1].extend(
                [0x30, [[0x06, b"\x2a\x03" + bytes([number])], [0x04, b"\x05\x00"]]] for number in range(40)
            )
        ),
        MALFORMED,
    ),
    "a certificate of 9,000 bytes": (
        edited(
            lambda nodes: nodes[EXTENSIONS][1][0][1].append([0x30, [[0x06, b"\x2a\x03\x04"], [0x04, b"\x00" * 9_000]]])
        ),
        MALFORMED,
    ),
    "two signature algorithms, the other inside": (of_another_algorithm("2a8648ce3d040303", outside=False), MALFORMED),
    "two signature algorithms, the other outside": (of_another_algorithm("2a8648ce3d040303", inside=False), MALFORMED),
    "signed with SHA-384, in words": (of_another_algorithm("2a8648ce3d040303"), CHAIN),
    "signed with SHA-1, in words": (of_another_algorithm("2a8648ce3d0401"), MALFORMED),
    "signed with RSA, in words": (of_another_algorithm("2a864886f70d01010b"), CHAIN),
    "signed with ECDSA of no hash": (of_another_algorithm("2a8648ce3d0402"), MALFORMED),
    "no signature": (signature(b""), CHAIN),
    "signature of zeros": (signature(bytes.fromhex("3006020100020100")), CHAIN),
    "signature of ones": (signature(bytes.fromhex("3006020101020101")), CHAIN),
    "signature with r of the group's order": (
        signature(
            b"\x30\x36\x02\x31\x00"
            + bytes.fromhex(
                "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
            )
            + b"\x02\x01\x01"
        ),
        CHAIN,
    ),
    "signature as r and s": (signature(b"\x01" * 96), CHAIN),
    "signature with spare bits": (
        leaf(outer=lambda nodes: put(2, [0x03, b"\x01" + nodes[2][1][1:-1] + b"\x00"])(nodes)),
        MALFORMED,
    ),
    "signature as octets": (leaf(outer=lambda nodes: put(2, [0x04, nodes[2][1]])(nodes)), MALFORMED),
    "something after the signature": (leaf(outer=lambda nodes: nodes.append([0x05, b""])), MALFORMED),
    "one bit of the signed part, in its serial": (one_bit(16), CHAIN),
    "a key that is compressed": (
        spki(lambda point: ec_key(P256, bytes([2 + point[-1] % 2]) + point[1:33])),
        MALFORMED,
    ),
    "a key in hybrid form": (
        spki(lambda point: ec_key(P256, bytes([6 + point[-1] % 2]) + point[1:])),
        MALFORMED,
    ),
    "a key off the curve": (spki(lambda point: ec_key(P256, point[:-1] + bytes([point[-1] ^ 1]))), CHAIN),
    "a key at infinity": (spki(lambda _: ec_key(P256, b"\x00")), MALFORMED),
    "a key of zeros": (spki(lambda _: ec_key(P256, b"\x04" + b"\x00" * 64)), CHAIN),
    "a key beyond the field": (spki(lambda _: ec_key(P256, b"\x04" + b"\xff" * 64)), CHAIN),
    "a key with a byte more": (spki(lambda point: ec_key(P256, point + b"\x00")), MALFORMED),
    "a key that names another curve": (spki(lambda point: ec_key(P384, point)), MALFORMED),
    "a key with no curve": (spki(lambda point: ec_key([0x05, b""], point)), MALFORMED),
    "a key with curve parameters of its own": (
        spki(lambda point: ec_key([0x30, [[0x02, b"\x01"], [0x30, []], [0x30, []], [0x04, point]]], point)),
        MALFORMED,
    ),
    "a key of RSA": (leaf(key=rsa.generate_private_key(public_exponent=65537, key_size=2048)), CHAIN),
    "a key of Ed25519": (leaf(key=EXOTIC["Ed25519"]), MALFORMED),
    "a key on secp256k1": (leaf(key=EXOTIC["secp256k1"]), MALFORMED),
    "a key on P-521": (leaf(key=EXOTIC["P-521"]), MALFORMED),
    "certificates in one": (
        chain(lambda _forge, credential, issuer_der: [credential + issuer_der, issuer_der]),
        MALFORMED,
    ),
    "certificates as PEM": (
        chain(
            lambda _forge, credential, issuer_der: [
                x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in (credential, issuer_der)
            ]
        ),
        MALFORMED,
    ),
    "certificates as base64": (
        chain(lambda _forge, *ders: [base64.b64encode(der) for der in ders]),
        MALFORMED,
    ),
    "an empty certificate": (chain(lambda _forge, credential, _issuer: [credential, b""]), MALFORMED),
    "a key in a certificate's place": (
        chain(
            lambda forge, _credential, issuer_der: [
                forge.CREDENTIAL_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
                issuer_der,
            ]
        ),
        MALFORMED,
    ),
    "a certificate whose length is endless": (
        chain(lambda _forge, credential, issuer_der: [b"\x30\x80" + credential[4:] + b"\x00\x00", issuer_der]),
        MALFORMED,
    ),
    "a certificate whose length is too wide": (
        chain(lambda _forge, credential, issuer_der: [b"\x30\x83\x00" + credential[2:], issuer_der]),
        MALFORMED,
    ),
    "a certificate that is cut": (
        chain(lambda _forge, credential, issuer_der: [credential[:-1], issuer_der]),
        MALFORMED,
    ),
    "a certificate in a string": (
        chain(lambda forge, credential, issuer_der: [forge.encode([0x04, credential]), issuer_der]),
        MALFORMED,
    ),
}


def cose(change):
    def make(forge):
        return forge.Attestation(cose_key=change(forge.cose(forge.CREDENTIAL_KEY)))

    return make


def without(key, label):
    return cbor2.dumps({name: value for name, value in key.items() if name != label})


def ending(encoded):
    return lambda forge: forge.Attestation(ending=bytes.fromhex(encoded) if isinstance(encoded, str) else encoded)


def name_of(text, value):
    return bytes.fromhex("a1") + cbor2.dumps(text) + bytes.fromhex(value)


AUTHENTICATOR_DATA = {
    "credential id of 31 bytes": (
        lambda forge: forge.Attestation(credential_id=b"\x01" * 31, credential_id_length=31),
        MALFORMED,
    ),
    "credential id of 33 bytes": (
        lambda forge: forge.Attestation(
            credential_id=hashlib.sha256(forge.point(forge.CREDENTIAL_KEY)).digest() + b"\x00", credential_id_length=33
        ),
        MALFORMED,
    ),
    "credential id whose length says 33": (lambda forge: forge.Attestation(credential_id_length=33), MALFORMED),
    "credential id whose length says 31": (lambda forge: forge.Attestation(credential_id_length=31), MALFORMED),
    "length of the credential id with its octets turned": (
        lambda forge: forge.Attestation(credential_id_length=0x2000),
        MALFORMED,
    ),
    "the highest counter": (lambda forge: forge.Attestation(counter=0xFFFFFFFF), COUNTER),
    "a counter in its first octet": (lambda forge: forge.Attestation(counter=1 << 24), COUNTER),
    "the bundle without its team": (lambda forge: forge.Attestation(app_id="com.example.bank"), APP_ID),
    "the app in capitals": (lambda forge: forge.Attestation(app_id="ABCDE12345.COM.EXAMPLE.BANK"), APP_ID),
    "no app": (lambda forge: forge.Attestation(app_id=""), APP_ID),
    "the app with a NUL": (lambda forge: forge.Attestation(app_id="ABCDE12345.com.example.bank\x00"), APP_ID),
    "no environment": (lambda forge: forge.Attestation(aaguid=b"\x00" * 16), ENVIRONMENT),
    "an environment in capitals": (lambda forge: forge.Attestation(aaguid=b"APPATTEST" + b"\x00" * 7), ENVIRONMENT),
    "an environment filled with spaces": (lambda forge: forge.Attestation(aaguid=b"appattest" + b" " * 7), ENVIRONMENT),
    "an environment of another name": (lambda forge: forge.Attestation(aaguid=b"appattestsandbox"), ENVIRONMENT),
    "an environment of 15 bytes": (lambda forge: forge.Attestation(aaguid=b"appattest" + b"\x00" * 6), MALFORMED),
    "an environment of 17 bytes": (lambda forge: forge.Attestation(aaguid=b"appattest" + b"\x00" * 8), MALFORMED),
    "COSE: another algorithm": (cose(lambda key: cbor2.dumps({**key, 3: -47})), MALFORMED),
    "COSE: another curve": (cose(lambda key: cbor2.dumps({**key, -1: 8})), MALFORMED),
    "COSE: OKP": (cose(lambda key: cbor2.dumps({**key, 1: 1})), MALFORMED),
    "COSE: kty as text": (cose(lambda key: cbor2.dumps({**key, 1: "EC2"})), MALFORMED),
    "COSE: labels as text": (
        cose(lambda key: cbor2.dumps({str(label): value for label, value in key.items()})),
        MALFORMED,
    ),
    "COSE: no kty": (cose(lambda key: without(key, 1)), MALFORMED),
    "COSE: no alg": (cose(lambda key: without(key, 3)), MALFORMED),
    "COSE: no curve": (cose(lambda key: without(key, -1)), MALFORMED),
    "COSE: no x": (cose(lambda key: without(key, -2)), MALFORMED),
    "COSE: key operations": (cose(lambda key: cbor2.dumps({**key, 4: [2]})), MALFORMED),
    "COSE: a private key": (cose(lambda key: cbor2.dumps({**key, -4: b"\x01" * 32})), MALFORMED),
    "COSE: x of 33 bytes": (cose(lambda key: cbor2.dumps({**key, -2: b"\x00" + key[-2]})), MALFORMED),
    "COSE: x without its first octet": (cose(lambda key: cbor2.dumps({**key, -2: key[-2][1:]})), MALFORMED),
    "COSE: x as a number": (cose(lambda key: cbor2.dumps({**key, -2: int.from_bytes(key[-2][:8])})), MALFORMED),
    "COSE: x as a big number": (
        cose(lambda key: cbor2.dumps({**key, -2: int.from_bytes(b"\x01" + key[-2])})),
        MALFORMED,
    ),
    "COSE: x and y turned": (cose(lambda key: cbor2.dumps({**key, -2: key[-3], -3: key[-2]})), KEY_ID),
    "COSE: the negative of the point": (
        cose(lambda key: cbor2.dumps({**key, -3: (P256_PRIME - int.from_bytes(key[-3])).to_bytes(32)})),
        KEY_ID,
    ),
    "COSE: tagged": (cose(lambda key: b"\xd8\x20" + cbor2.dumps(key)), MALFORMED),
    "COSE: in a byte string": (cose(lambda key: cbor2.dumps(cbor2.dumps(key))), MALFORMED),
    "COSE: endless": (cose(lambda key: b"\xbf" + cbor2.dumps(key)[1:] + b"\xff"), MALFORMED),
    "COSE: a member twice": (cose(lambda key: b"\xa6" + cbor2.dumps(key)[1:] + b"\x01\x02"), MALFORMED),
    "COSE: kty in two octets": (cose(lambda key: cbor2.dumps(key).replace(b"\x01\x02", b"\x01\x18\x02", 1)), MALFORMED),
    "the whole twice": (
        lambda forge: forge.Attestation(ending=forge.Attestation().authenticator_data()),
        MALFORMED,
    ),
    "ending: NUL": (ending("00"), MALFORMED),
    "ending: null": (ending("f6"), MALFORMED),
    "ending: a text": (ending("6161"), MALFORMED),
    "ending: an array of one map": (ending("81a0"), MALFORMED),
    "ending: two empty maps": (ending("a0a0"), MALFORMED),
    "ending: endless": (ending("bfff"), MALFORMED),
    "ending: tagged": (ending("d9d9f7a0"), MALFORMED),
    "ending: a name twice": (ending("a2616101616102"), MALFORMED),
    "ending: the category twice": (
        ending(b"\xa2" + name_of("apple_validation_category_01", "4404000000")[1:] * 2),
        MALFORMED,
    ),
    "ending: a name in bytes": (ending("a1416101"), MALFORMED),
    "ending: a name that is a number": (ending("a10101"), MALFORMED),
    "ending: a name that is not UTF-8": (ending("a161ff01"), MALFORMED),
    "ending: a simple value without a meaning": (ending("a16161f0"), MALFORMED),
    "ending: a float that is cut short": (ending("a16161fb3ff00000"), MALFORMED),
    "ending: a break": (ending("a16161ff"), MALFORMED),
    "ending: false as a name": (ending("a1f401"), MALFORMED),
    "ending: more items than anyone sends": (ending(b"\xa1\x61\x61\x98\xc8" + b"\x00" * 200), MALFORMED),
    "ending: a date": (ending("a16161c11a00000000"), MALFORMED),
    "ending: nested deep": (ending(b"\xa1\x61\x61" + b"\x81" * 40 + b"\x00"), MALFORMED),
    "ending: a count that lies": (ending("a2616101"), MALFORMED),
    "ending: a huge count": (ending("bb7fffffffffffffff"), MALFORMED),
    "ending: cut inside a text": (ending("a1626161"), MALFORMED),
    "ending: the category null": (ending(name_of("apple_validation_category_01", "f6")), MALFORMED),
    "ending: the category true": (ending(name_of("apple_validation_category_01", "f5")), MALFORMED),
    "ending: the category a list": (ending(name_of("apple_validation_category_01", "8104")), MALFORMED),
    "ending: the category without octets": (ending(name_of("apple_validation_category_01", "40")), MALFORMED),
    "ending: the category of 64 bits": (
        ending(name_of("apple_validation_category_01", "480400000000000000")),
        MALFORMED,
    ),
    "ending: the version in bytes": (ending(name_of("apple_bundle_version_01", "4131")), MALFORMED),
    "ending: the version null": (ending(name_of("apple_bundle_version_01", "f6")), MALFORMED),
    "ending: the version a list": (ending(name_of("apple_bundle_version_01", "816131")), MALFORMED),
}
P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1


def encoded(change):
    return lambda forge: forge.Attestation(raw=change(forge.Attestation().encoded()))


def members(change):
    def make(forge):
        decoded = cbor2.loads(forge.Attestation().encoded())
        return forge.Attestation(raw=cbor2.dumps(change(decoded)))

    return make


def stated(change):
    return members(lambda decoded: {**decoded, "attStmt": change(decoded["attStmt"])})


def key_id(change):
    return lambda forge: forge.Attestation(key_id=change(forge.point(forge.CREDENTIAL_KEY)))


OUTER = {
    "fmt of WebAuthn": (members(lambda decoded: {**decoded, "fmt": "packed"}), MALFORMED),
    "fmt none": (members(lambda decoded: {**decoded, "fmt": "none"}), MALFORMED),
    "fmt in capitals": (members(lambda decoded: {**decoded, "fmt": "Apple-AppAttest"}), MALFORMED),
    "fmt with a NUL": (members(lambda decoded: {**decoded, "fmt": "apple-appattest\x00"}), MALFORMED),
    "fmt null": (members(lambda decoded: {**decoded, "fmt": None}), MALFORMED),
    "fmt a list": (members(lambda decoded: {**decoded, "fmt": ["apple-appattest"]}), MALFORMED),
    "fmt in pieces": (
        encoded(lambda data: data.replace(b"\x6fapple-appattest", b"\x7f\x65apple\x6a-appattest\xff")),
        MALFORMED,
    ),
    "no fmt": (members(lambda decoded: {name: decoded[name] for name in ("attStmt", "authData")}), MALFORMED),
    "no authData": (members(lambda decoded: {name: decoded[name] for name in ("fmt", "attStmt")}), MALFORMED),
    "no attStmt": (members(lambda decoded: {name: decoded[name] for name in ("fmt", "authData")}), MALFORMED),
    "names in capitals": (members(lambda decoded: {name.upper(): value for name, value in decoded.items()}), MALFORMED),
    "names in bytes": (members(lambda decoded: {name.encode(): value for name, value in decoded.items()}), MALFORMED),
    "authData a list of numbers": (
        members(lambda decoded: {**decoded, "authData": list(decoded["authData"])}),
        MALFORMED,
    ),
    "authData in base64": (
        members(lambda decoded: {**decoded, "authData": base64.b64encode(decoded["authData"]).decode()}),
        MALFORMED,
    ),
    "authData in a byte string": (
        members(lambda decoded: {**decoded, "authData": cbor2.dumps(decoded["authData"])}),
        MALFORMED,
    ),
    "attStmt encoded": (members(lambda decoded: {**decoded, "attStmt": cbor2.dumps(decoded["attStmt"])}), MALFORMED),
    "attStmt empty": (stated(lambda _: {}), MALFORMED),
    "attStmt with a signature": (stated(lambda statement: {**statement, "sig": b""}), MALFORMED),
    "x5c a map": (stated(lambda statement: {**statement, "x5c": dict(enumerate(statement["x5c"]))}), MALFORMED),
    "x5c in x5c": (stated(lambda statement: {**statement, "x5c": [statement["x5c"]]}), MALFORMED),
    "x5c null": (stated(lambda statement: {**statement, "x5c": None}), MALFORMED),
    "x5c one text": (
        stated(lambda statement: {**statement, "x5c": [statement["x5c"][0], "intermediate"]}),
        MALFORMED,
    ),
    "x5c of a thousand": (stated(lambda statement: {**statement, "x5c": [b""] * 1_000}), MALFORMED),
    "receipt a number": (stated(lambda statement: {**statement, "receipt": 1}), MALFORMED),
    "receipt a list": (stated(lambda statement: {**statement, "receipt": [b"a receipt"]}), MALFORMED),
    "receipt twice": (
        encoded(lambda data: data.replace(b"gattStmt\xa2", b"gattStmt\xa3\x67receipt\x40")),
        MALFORMED,
    ),
    "two attestations": (encoded(lambda data: data * 2), MALFORMED),
    "two attestations in a list": (encoded(lambda data: b"\x82" + data * 2), MALFORMED),
    "a count that lies": (encoded(lambda data: b"\xa4" + data[1:]), MALFORMED),
    "a count that hides a member": (encoded(lambda data: b"\xa2" + data[1:]), MALFORMED),
    "a count that is too wide": (encoded(lambda data: b"\xb8\x03" + data[1:]), MALFORMED),
    "an undefined count": (encoded(lambda data: b"\xbc" + data[1:]), MALFORMED),
    "a break at the end": (encoded(lambda data: data + b"\xff"), MALFORMED),
    "NUL before it": (encoded(lambda data: b"\x00" + data), MALFORMED),
    "base64": (encoded(base64.b64encode), MALFORMED),
    "base64 in a text": (encoded(lambda data: cbor2.dumps(base64.b64encode(data).decode())), MALFORMED),
    "compressed": (encoded(gzip.compress), MALFORMED),
    "JSON": (encoded(lambda _: b'{"fmt":"apple-appattest"}'), MALFORMED),
    "nested deep": (encoded(lambda data: b"\x81" * 2_000 + data), MALFORMED),
    "32 KiB of maps": (encoded(lambda _: b"\xa1\x01" * 16_000 + b"\x00"), MALFORMED),
    "32 KiB of a list": (encoded(lambda _: b"\x99\x7f\xf0" + b"\x00" * 0x7FF0), MALFORMED),
    "key id: the point": (key_id(lambda point: point), KEY_ID),
    "key id: of the point without its first octet": (key_id(lambda point: hashlib.sha256(point[1:]).digest()), KEY_ID),
    "key id: of the compressed point": (
        key_id(lambda point: hashlib.sha256(bytes([2 + point[-1] % 2]) + point[1:33]).digest()),
        KEY_ID,
    ),
    "key id: a byte short": (key_id(lambda point: hashlib.sha256(point).digest()[:31]), KEY_ID),
    "key id: a byte long": (key_id(lambda point: hashlib.sha256(point).digest() + b"\x00"), KEY_ID),
    "key id: in hex": (key_id(lambda point: hashlib.sha256(point).hexdigest().encode()), KEY_ID),
    "client data hash of nothing": (lambda forge: forge.Attestation(told={"client_data_hash": b""}), NONCE),
}

FORGERIES = {**CERTIFICATES, **AUTHENTICATOR_DATA, **OUTER}


@pytest.mark.parametrize(("make", "reason"), FORGERIES.values(), ids=FORGERIES.keys())
def test_refused_for_its_reason(forge, make, reason):
    refused = verify(make(forge))
    assert isinstance(refused, Refused)
    assert refused.reason is reason, refused.detail


GOOD_ONES = {
    "an edit that changes nothing": edited(lambda nodes: nodes.reverse() or nodes.reverse()),
    "an intermediate with a path length": issuer(path_length=0),
    "a nonce that is not critical, in words": edited(extension_critical(NONCE_OID_DER, b"\x00")),
    "an extension that nobody knows": leaf(edit=lambda nodes: nodes[EXTENSIONS][1][0][1].append(UNKNOWN)),
}


@pytest.mark.parametrize("make", GOOD_ONES.values(), ids=GOOD_ONES.keys())
def test_the_makers_make_good_ones_too(forge, make):
    """So that it is the changes above that are refused, and not how they are made."""
    assert isinstance(verify(make(forge)), VerifiedAppleAttestation)


def test_authenticator_data_cut_anywhere_is_refused_although_apple_vouched_for_the_cut(forge):
    """The certificate's nonce is made for the cut data: structure has to say no, nothing else would."""
    data = forge.Attestation(ending=cbor2.dumps({"apple_bundle_version_01": "1"})).authenticator_data()
    whole = len(forge.Attestation().authenticator_data())
    for end in range(len(data)):
        nonce = hashlib.sha256(data[:end] + forge.Attestation().client_data_hash).digest()
        result = verify(forge.Attestation(nonce=nonce, members={"authData": data[:end]}))
        if end == whole:  # what iOS before 27 sends
            assert isinstance(result, VerifiedAppleAttestation)
        else:
            assert isinstance(result, Refused), end
            assert result.reason is MALFORMED, end
