"""Readers of plain encodings."""

import base64
import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

import cbor2
from cryptography import x509

from chalicelib.verifiers.app_attest import statement
from chalicelib.verifiers.codec import base64url, ber, cbor, cms, compact_jws, der, public_keys, strict_json
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.x509 import read_certificate
from tests.fuzz import material
from tests.fuzz.target import Target

# Certificates of some chains: parsing them all at the start would cost more than it finds.
_SOME = 32


def _strict_json(data: bytes) -> None:
    value = strict_json.loads(data)
    assert json.loads(data) == value


def _base64url(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    value = base64url.decode(text, max_bytes=4096)
    assert base64.urlsafe_b64encode(value).rstrip(b"=").decode() == text


def _compact_jws(data: bytes) -> None:
    token = data.decode("utf-8", "replace")
    jws = compact_jws.split(token, max_length=1024)
    assert len(jws.payload) + len(jws.signature) < len(token)


def _cbor(data: bytes) -> None:
    value = cbor.loads(data, max_bytes=32_768)
    assert cbor2.loads(data) == value


def _der(data: bytes) -> None:
    value = der.one(data, field="fuzzed")
    assert der.raw(value) == data
    for read in (der.integer, der.enumerated, der.octets, der.oid, der.boolean, der.explicit_tag):
        with suppress(Malformed):
            read(value, field="fuzzed")
    for tag in (der.SEQUENCE, der.SET):
        with suppress(Malformed):
            inner = der.members(value, tag=tag, field="fuzzed")
            assert b"".join(map(der.raw, inner)) == bytes(value.data)


def _x509(data: bytes) -> None:
    certificate = read_certificate(data)
    certificate.authority_over()
    # Genuine certificates do not all load there; those that do are read alike.
    with suppress(ValueError):
        other = x509.load_der_x509_certificate(data)
        assert other.tbs_certificate_bytes == certificate.tbs
        assert other.serial_number == certificate.serial
        assert other.signature == certificate.signature
        assert other.not_valid_after_utc == certificate.not_after


def _public_key(data: bytes) -> None:
    key = public_keys.read_public_key(data)
    algorithm = public_keys.SignatureAlgorithm.ECDSA_SHA256
    public_keys.is_loadable(key)
    assert not public_keys.is_signed_by(key, algorithm=algorithm, signature=data, message=data)


def _ber(data: bytes) -> None:
    rewritten = ber.to_der(data, max_bytes=16_384, max_depth=8, max_elements=128)
    assert ber.to_der(rewritten, max_bytes=len(rewritten), max_depth=0, max_elements=128) == rewritten


def _cms(data: bytes) -> None:
    signed = cms.read_signed_data(data, max_bytes=16_384)
    for certificate in signed.certificates:
        with suppress(Malformed):
            key = public_keys.read_public_key(read_certificate(certificate).spki)
            cms.is_signed_by(signed, key)


def _certificates() -> Iterable[bytes]:
    yield from (certificate for chain in islice(material.chains(), _SOME) for certificate in chain)
    for attestation in islice(material.attestations(), _SOME):
        with suppress(Malformed):
            yield from statement.decode_attestation(attestation).x5c


def _spkis() -> Iterable[bytes]:
    for certificate in _certificates():
        with suppress(Malformed):
            yield read_certificate(certificate).spki


def _json_seeds() -> Iterable[bytes]:
    yield from material.bodies()[:8]
    yield from (b'{"a":[1,-2.5e3,"\\u00e9",null,true]}', b'"\\ud83d\\ude00"', b"[[[[1]]]]", b"9007199254740991")


TARGETS = (
    Target(name="strict_json", run=_strict_json, seeds=_json_seeds, refuses=(Malformed,)),
    Target(
        name="base64url",
        run=_base64url,
        seeds=lambda: (base64.urlsafe_b64encode(bytes(range(size))).rstrip(b"=") for size in range(9)),
        refuses=(Malformed,),
    ),
    Target(
        name="compact_jws",
        run=_compact_jws,
        seeds=lambda: (json.loads(body)["proof"].encode() for body in material.bodies()[:6]),
        refuses=(Malformed,),
    ),
    Target(
        name="cbor",
        run=_cbor,
        seeds=lambda: (*material.attestations(), *material.assertions()),
        refuses=(Malformed,),
    ),
    Target(
        name="der",
        run=_der,
        seeds=lambda: (part for certificate in _certificates() for part in (certificate, certificate[4:])),
        refuses=(Malformed,),
    ),
    Target(name="ber", run=_ber, seeds=material.receipts, refuses=(Malformed,)),
    Target(name="cms", run=_cms, seeds=material.receipts, refuses=(Malformed,)),
    Target(name="x509", run=_x509, seeds=_certificates, refuses=(Malformed,)),
    Target(name="public_keys", run=_public_key, seeds=_spkis, refuses=(Malformed,)),
)
