"""Everything that reads bytes of strangers, each with what it may raise, what its answer must be, and seeds.

One list for both fuzzers: Hypothesis in the default run (test_decoders.py), libFuzzer behind `make fuzz` (run.py).
Beyond "nothing but the refusal", a target holds what is accepted against somebody else's reading of the same bytes,
and a verifier to this: nobody here can sign, so what verifies is one of the genuine pieces that it started from.
"""

import base64
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

import cbor2
import rfc8785
from cryptography import x509

from assay_toolkit.policy import compile_policy
from assay_toolkit.register import compile_register
from assay_toolkit.simulator import roots
from assay_toolkit.simulator.apple_parameters import AppleParameters
from assay_toolkit.vectors.index import Entry
from chalicelib.appraisal import PolicyInvalid, load_policy
from chalicelib.aws.instance_items import instance_key, read_instance, to_values
from chalicelib.aws.items import to_item
from chalicelib.endorsements.anchors import anchors_from_pem
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.google_status import parse_status_list
from chalicelib.endorsements.register import load_register
from chalicelib.model.claims import AppleEnvironment, KeptAndroid, KeptApple
from chalicelib.model.instances import AppAttestKey, Instance
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Malfunction, Refused
from chalicelib.model.submission import SubmittedAndroidKey, SubmittedAppleAssertion, SubmittedAppleAttestation
from chalicelib.verifiers import android_key, app_attest
from chalicelib.verifiers.android_key.application_id import read_application_id
from chalicelib.verifiers.android_key.key_description import KEY_DESCRIPTION_OID, read_key_description
from chalicelib.verifiers.app_attest import authenticator_data, statement
from chalicelib.verifiers.codec import base64url, cbor, compact_jws, der, public_keys, strict_json
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.x509 import read_certificate
from chalicelib.verifiers.rasp import verify_report
from chalicelib.verifiers.submission import decode_challenge_request, decode_submission, verify_proof
from tests.fuzz import material
from tests.mutants.regions import read_value

# Chains from the recorded folder: parsing them all at the start would cost more than it finds.
_FEW = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`run` may raise what `refuses` lists and nothing else. `seeds`: inputs that it accepts, or nearly."""

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    refuses: tuple[type[Exception], ...] = ()

    def feed(self, data: bytes) -> None:
        with suppress(*self.refuses):
            self.run(data)


# --- codecs --------------------------------------------------------------------------------------------------------


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


def _certificates() -> Iterable[bytes]:
    yield from (certificate for chain in islice(material.chains(), _FEW + 20) for certificate in chain)
    for attestation in islice(material.attestations(), _FEW):
        with suppress(Malformed):
            yield from statement.decode_attestation(attestation).x5c


def _spkis() -> Iterable[bytes]:
    for certificate in _certificates():
        with suppress(Malformed):
            yield read_certificate(certificate).spki


def _json_seeds() -> Iterable[bytes]:
    yield from material.bodies()[:8]
    yield from (b'{"a":[1,-2.5e3,"\\u00e9",null,true]}', b'"\\ud83d\\ude00"', b"[[[[1]]]]", b"9007199254740991")


# --- formats -------------------------------------------------------------------------------------------------------


def _key_descriptions() -> Iterable[bytes]:
    for chain in material.chains():
        with suppress(Malformed):
            extension = read_certificate(chain[0]).extension(KEY_DESCRIPTION_OID) if chain else None
            if extension:
                yield extension.value


def _application_ids() -> Iterable[bytes]:
    """Of the software list's `[709] EXPLICIT OCTET STRING`: its two-octet tag is read by the last of them."""
    for description in _key_descriptions():
        at = description.find(b"\xbf\x85\x45")
        if at >= 0:
            wrapped = read_value(description, read_value(description, at + 2).first)
            yield description[wrapped.first : wrapped.last]


def _authenticator_data(data: bytes) -> None:
    for read in (authenticator_data.parse_asserted, authenticator_data.parse_attested):
        with suppress(Malformed):
            read(data)


def _authenticator_datas() -> Iterable[bytes]:
    yield from (cbor2.loads(assertion)["authenticatorData"] for assertion in _readable(material.assertions()))
    yield from (cbor2.loads(attestation)["authData"] for attestation in _readable(material.attestations()))


def _readable(objects: Iterable[bytes]) -> Iterable[bytes]:
    for data in objects:
        try:
            whole = cbor2.loads(data)
        except cbor2.CBORDecodeError:
            continue
        if isinstance(whole, dict) and {"authData", "authenticatorData"} & whole.keys():
            yield data


# --- verifiers -----------------------------------------------------------------------------------------------------


def framed(parts: Iterable[bytes]) -> bytes:
    """Parts in one input: each behind its length in two octets."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def unframed(data: bytes) -> tuple[bytes, ...]:
    parts: list[bytes] = []
    while len(data) >= 2:
        end = 2 + int.from_bytes(data[:2], "big")
        parts.append(data[2:end])
        data = data[end:]
    return tuple(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """What a verifier is told, and the genuine evidence that goes with it; the input's first octet chooses one."""

    verify: Callable[[bytes], object]
    genuine: bytes


class _Verifier:
    """A verifier under several settings: what verifies states what one of the genuine pieces states."""

    def __init__(self, settings: tuple[_Setting, ...], strangers: Iterable[bytes]) -> None:
        self._settings = settings
        self._strangers = tuple(strangers)
        # Some strangers are genuine too: other phones' evidence for the same challenge, another assertion of one key.
        pieces = (*(setting.genuine for setting in settings), *self._strangers)
        outcomes = [setting.verify(piece) for setting in settings for piece in pieces]
        self.accepted = [outcome for outcome in outcomes if not isinstance(outcome, Refused)]

    def run(self, data: bytes) -> None:
        if not data:
            return
        outcome = self._settings[data[0] % len(self._settings)].verify(data[1:])
        assert isinstance(outcome, Refused) or outcome in self.accepted

    def seeds(self) -> Iterable[bytes]:
        for number, setting in enumerate(self._settings):
            yield bytes([number]) + setting.genuine
        yield from (b"\x00" + stranger for stranger in self._strangers)


@cache
def _android() -> _Verifier:
    def setting(chain: tuple[bytes, ...], challenge: bytes, now) -> _Setting:
        def verify(data: bytes) -> object:
            submitted = SubmittedAndroidKey(x5c=unframed(data))
            return android_key.verify(submitted, challenge=challenge, anchors=material.ANDROID_ANCHORS, now=now)

        return _Setting(verify=verify, genuine=framed(chain))

    simulated = [
        tuple(base64.b64decode(certificate) for certificate in one["x5c"])
        for one in material.statements("android_key")[:4]
    ]
    return _Verifier(
        (
            *(setting(chain, material.CHALLENGE, material.NOW) for chain in simulated),
            *(
                setting(
                    material.chain_of(entry),
                    entry.params.hex_or_none("expected_challenge_hex") or b"",
                    entry.params.time("verification_time"),
                )
                for entry in _genuine("android_key")
            ),
        ),
        (framed(chain) for chain in material.chains()),
    )


@cache
def _attestation() -> _Verifier:
    def setting(evidence: bytes, *, key_id: bytes, client_data_hash: bytes, app_id: str, environment, now) -> _Setting:
        def verify(data: bytes) -> object:
            outcome = app_attest.verify_attestation(
                SubmittedAppleAttestation(key_id=key_id, attestation=data),
                client_data_hash=client_data_hash,
                app_ids=(app_id,),
                environment=environment,
                anchors=material.APP_ATTEST_ANCHORS,
                now=now,
            )
            # The receipt is signed by itself, and not covered by the attestation.
            return outcome if isinstance(outcome, Refused) else replace(outcome, receipt=None)

        return _Setting(verify=verify, genuine=evidence)

    return _Verifier(
        tuple(
            setting(
                entry.evidence,
                key_id=entry.params.base64("key_id_b64"),
                client_data_hash=entry.params.base64("client_data_hash_b64"),
                app_id=entry.params.text("app_id"),
                environment=next(e for e in AppleEnvironment if e.label == entry.params.text("environment")),
                now=entry.params.time("verification_time"),
            )
            for entry in _genuine("apple_attestation")
        )
        + tuple(
            setting(
                material.decoded(one["attestation"]),
                key_id=material.decoded(one["key_id"]),
                client_data_hash=binding,
                app_id=AppleParameters().app_id,
                environment=AppleEnvironment.PRODUCTION,
                now=material.NOW,
            )
            for one, binding in _bound("apple_attestation")
        ),
        material.attestations(),
    )


@cache
def _assertion() -> _Verifier:
    def setting(evidence: bytes, *, key_id: bytes, key: EcPublicJwk, client_data_hash: bytes, app_id: str) -> _Setting:
        def verify(data: bytes) -> object:
            return app_attest.verify_assertion(
                SubmittedAppleAssertion(key_id=key_id, assertion=data),
                client_data_hash=client_data_hash,
                app_id=app_id,
                key_id=key_id,
                public_key=key,
                stored_counter=0,
            )

        return _Setting(verify=verify, genuine=evidence)

    phone = material.make_phone(material.ApplePhone.platform)
    phone.build_enrolment(challenge=material.CHALLENGE)
    return _Verifier(
        (
            setting(
                material.decoded(str(phone.assertion_statement(binding=material.CHALLENGE)["assertion"])),
                key_id=phone.key_id,
                key=_jwk(phone.app_attest_key.public_key().public_numbers()),
                client_data_hash=material.CHALLENGE,
                app_id=AppleParameters().app_id,
            ),
            *(
                setting(
                    entry.evidence,
                    key_id=bytes(32),
                    key=EcPublicJwk(x=point[1:33], y=point[33:]),
                    client_data_hash=entry.params.base64("client_data_hash_b64"),
                    app_id=entry.params.text("app_id"),
                )
                for entry in _genuine("apple_assertion")
                for point in (entry.params.base64("public_key_x962_b64"),)
            ),
        ),
        material.assertions(),
    )


def _genuine(kind: str) -> list[Entry]:
    return [
        entry for entry in material.recorded(kind) if entry.expected and entry.expected["verification"] == "verified"
    ][:: 1 if kind != "android_key" else 8][:_FEW]


def _bound(form: str) -> Iterable[tuple[dict[str, str], bytes]]:
    """Sound simulated statements with the binding that they cover."""
    for body in material.bodies()[:4]:
        whole = json.loads(body)
        if whole.get("statement", {}).get("format") == form:
            yield whole["statement"], material.decoded(whole["proof"].split(".")[1])


def _jwk(numbers) -> EcPublicJwk:
    return EcPublicJwk(x=numbers.x.to_bytes(32, "big"), y=numbers.y.to_bytes(32, "big"))


# --- what a phone posts --------------------------------------------------------------------------------------------


def _submission(data: bytes) -> None:
    submitted = decode_submission(data)
    if isinstance(submitted, Refused):
        return
    proof = verify_proof(submitted)
    if not isinstance(proof, Refused):
        verify_report(proof)


def _descriptor(data: bytes) -> None:
    """The descriptor as the input has it, in a body that is right otherwise."""
    body = json.loads(material.bodies()[0])
    body["descriptor"] = "@"
    _submission(json.dumps(body).encode().replace(b'"@"', data))


def _descriptors() -> Iterable[bytes]:
    yield from (json.dumps(json.loads(body)["descriptor"]).encode() for body in material.bodies()[:6])
    yield json.dumps(
        {
            "v": 1,
            "app": "bank",
            "purpose": "enrol",
            "aud": "https://api.bank.example",
            "token": "request",
            "htm": "POST",
            "htu": "https://api.bank.example/v1/payments",
            "query_digest": "A" * 43,
            "content_digest": "A" * 43,
        }
    ).encode()


def _report(data: bytes) -> None:
    verify_report(replace(_proof(), rasp_report=data))


@cache
def _proof():
    submitted = decode_submission(material.bodies()[0])
    assert not isinstance(submitted, Refused)
    proof = verify_proof(submitted)
    assert not isinstance(proof, Refused)
    return proof


# --- what operators and stores hand over ---------------------------------------------------------------------------


def canonical(data: bytes) -> bytes:
    """The document that the input's JSON is when compiled: most inputs would end at the check for canonical form."""
    try:
        return rfc8785.dumps(json.loads(data))
    except (ValueError, RecursionError):
        return data


def _policies() -> Iterable[bytes]:
    yield from (compile_policy(path) for path in [material.REPOSITORY / "policies/baseline.yaml"])


def _registers() -> Iterable[bytes]:
    yield compile_register(sorted((material.REPOSITORY / "policies/apps").glob("*.yaml")))


def _status_lists() -> Iterable[bytes]:
    yield b'{"entries":{"6681152659205225093":{"status":"REVOKED","reason":"KEY_COMPROMISE"},"ab":{"status":"X"}}}'
    yield from (path.read_bytes()[:4096] for path in sorted((material.VECTORS / "status").glob("*.json")))


@cache
def _instances() -> tuple[Instance, ...]:
    key = _android().accepted[0]
    attested = _attestation().accepted[0]
    common = {"app": "demo-bank", "enrolled_at": material.NOW, "attested_at": material.NOW}
    return (
        Instance(jwk=key.jwk, kept=KeptAndroid.of(key), **common),
        Instance(
            jwk=key.jwk,
            kept=KeptApple.of(attested),
            app_attest=AppAttestKey(key_id=attested.key_id, public_key=attested.public_key, counter=0),
            **common,
        ),
    )


def _instance(data: bytes) -> None:
    """An item as DynamoDB's JSON has it: octets are base64 under `B`."""
    try:
        item = json.loads(data, object_hook=_attribute)
    except (ValueError, RecursionError):
        return
    if isinstance(item, dict):
        read_instance(item, jkt=_instances()[0].jkt)


def _attribute(members: dict) -> dict:
    if members.keys() == {"B"} and isinstance(members["B"], str):
        return {"B": base64.b64decode(members["B"])}
    return members


def _items() -> Iterable[bytes]:
    for instance in _instances():
        item = to_item({"id": instance_key(instance.jkt), **to_values(instance)})
        yield json.dumps(item, default=lambda octets: base64.b64encode(octets).decode()).encode()


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
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
        Target(name="der", run=_der, seeds=_key_descriptions, refuses=(Malformed,)),
        Target(name="x509", run=_x509, seeds=_certificates, refuses=(Malformed,)),
        Target(name="public_keys", run=_public_key, seeds=_spkis, refuses=(Malformed,)),
        Target(name="key_description", run=read_key_description, seeds=_key_descriptions, refuses=(Malformed,)),
        Target(name="application_id", run=read_application_id, seeds=_application_ids, refuses=(Malformed,)),
        Target(name="authenticator_data", run=_authenticator_data, seeds=_authenticator_datas),
        Target(
            name="attestation_statement",
            run=statement.decode_attestation,
            seeds=material.attestations,
            refuses=(Malformed,),
        ),
        Target(
            name="assertion_statement", run=statement.decode_assertion, seeds=material.assertions, refuses=(Malformed,)
        ),
        Target(name="android_key", run=lambda data: _android().run(data), seeds=lambda: _android().seeds()),
        Target(
            name="apple_attestation", run=lambda data: _attestation().run(data), seeds=lambda: _attestation().seeds()
        ),
        Target(name="apple_assertion", run=lambda data: _assertion().run(data), seeds=lambda: _assertion().seeds()),
        Target(name="submission", run=_submission, seeds=material.bodies),
        Target(
            name="challenge_request",
            run=decode_challenge_request,
            seeds=lambda: (b'{"app":"demo-bank","purpose":"enrol"}', b'{"app":"demo-bank","purpose":"renew"}'),
        ),
        Target(name="descriptor", run=_descriptor, seeds=_descriptors),
        Target(name="rasp_report", run=_report, seeds=material.reports),
        Target(
            name="register",
            run=lambda data: load_register(canonical(data)),
            seeds=_registers,
            refuses=(UnusableEndorsement,),
        ),
        Target(name="policy", run=lambda data: load_policy(canonical(data)), seeds=_policies, refuses=(PolicyInvalid,)),
        Target(name="status_list", run=parse_status_list, seeds=_status_lists, refuses=(UnusableEndorsement,)),
        Target(
            name="anchors",
            run=lambda data: anchors_from_pem(data, name="fuzzed"),
            seeds=lambda: (roots.ANDROID_ROOT_PEM, roots.APPLE_ROOT_PEM + roots.ANDROID_SOFTWARE_ROOT_PEM),
            refuses=(ValueError,),
        ),
        Target(name="instance_item", run=_instance, seeds=_items, refuses=(Malfunction,)),
    )
}
