"""App Attest: authenticator data, attestations, assertions and receipts."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cache

import cbor2

from assay_toolkit.simulator.apple_parameters import AppleParameters
from assay_toolkit.vectors.index import Entry
from chalicelib.model.claims import AppleEnvironment
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.submission import SubmittedAppleAssertion, SubmittedAppleAttestation
from chalicelib.verifiers.app_attest import (
    authenticator_data,
    statement,
    verify_assertion,
    verify_attestation,
    verify_receipt,
)
from chalicelib.verifiers.app_attest.receipt import unverified_creation_time
from chalicelib.verifiers.app_attest.receipt_fields import parse_fields
from chalicelib.verifiers.codec import cms
from chalicelib.verifiers.codec.errors import Malformed
from tests.fuzz import material
from tests.fuzz.target import Setting, Target, Verifier


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


@cache
def attestation_verifier() -> Verifier:
    def setting(
        evidence: bytes,
        *,
        key_id: bytes,
        client_data_hash: bytes,
        app_id: str,
        environment: AppleEnvironment,
        now: datetime,
    ) -> Setting:
        def verify(data: bytes) -> object:
            outcome = verify_attestation(
                SubmittedAppleAttestation(key_id=key_id, attestation=data),
                client_data_hash=client_data_hash,
                app_ids=(app_id,),
                environment=environment,
                anchors=material.APP_ATTEST_ANCHORS,
                now=now,
            )
            # The receipt is signed by itself, and not covered by the attestation.
            return outcome if isinstance(outcome, Refused) else replace(outcome, receipt=None)

        return Setting(verify=verify, genuine=evidence)

    return Verifier(
        tuple(
            setting(
                material.decoded(one["attestation"]),
                key_id=material.decoded(one["key_id"]),
                client_data_hash=binding,
                app_id=AppleParameters().app_id,
                environment=AppleEnvironment.PRODUCTION,
                now=material.NOW,
            )
            for one, binding in _bound("apple_attestation")
        )
        + tuple(
            setting(
                entry.evidence,
                key_id=entry.params.base64("key_id_b64"),
                client_data_hash=entry.params.base64("client_data_hash_b64"),
                app_id=entry.params.text("app_id"),
                environment=next(e for e in AppleEnvironment if e.label == entry.params.text("environment")),
                now=entry.params.time("verification_time"),
            )
            for entry in material.genuine("apple_attestation")
        ),
        material.attestations(),
    )


@cache
def _assertion_verifier() -> Verifier:
    def setting(evidence: bytes, *, key_id: bytes, key: EcPublicJwk, client_data_hash: bytes, app_id: str) -> Setting:
        def verify(data: bytes) -> object:
            return verify_assertion(
                SubmittedAppleAssertion(key_id=key_id, assertion=data),
                client_data_hash=client_data_hash,
                app_id=app_id,
                key_id=key_id,
                public_key=key,
                stored_counter=0,
            )

        return Setting(verify=verify, genuine=evidence)

    phone = material.make_phone(material.ApplePhone.platform)
    phone.build_enrolment(challenge=material.CHALLENGE)
    return Verifier(
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
                for entry in material.genuine("apple_assertion")
                for point in (entry.params.base64("public_key_x962_b64"),)
            ),
        ),
        material.assertions(),
    )


@cache
def _receipt_verifier() -> Verifier:
    def setting(entry: Entry) -> Setting:
        now = unverified_creation_time(entry.evidence)
        assert isinstance(now, datetime)

        def verify(data: bytes) -> object:
            return verify_receipt(
                data,
                app_id=entry.params.text("app_id"),
                public_key=material.pem_key(entry),
                anchors=material.RECEIPT_ANCHORS,
                now=now,
            )

        return Setting(verify=verify, genuine=entry.evidence)

    def simulated(data: bytes) -> object:
        return verify_receipt(
            data,
            app_id=AppleParameters().app_id,
            public_key=attestation_verifier().accepted[0].public_key,
            anchors=material.RECEIPT_ANCHORS,
            now=material.NOW,
        )

    (sound, *_) = (
        statement.decode_attestation(material.decoded(one["attestation"])).receipt
        for one, _ in _bound("apple_attestation")
    )
    return Verifier(
        (
            Setting(verify=simulated, genuine=sound),
            *(setting(entry) for entry in material.genuine("apple_receipt")),
        ),
        material.receipts(),
    )


def _receipt_contents() -> Iterable[bytes]:
    for receipt in material.receipts():
        with suppress(Malformed):
            yield cms.read_signed_data(receipt, max_bytes=16_384).content


def _bound(form: str) -> Iterable[tuple[dict[str, str], bytes]]:
    """Sound simulated statements with the binding that they cover."""
    for body in material.bodies()[:4]:
        whole = json.loads(body)
        if whole.get("statement", {}).get("format") == form:
            yield whole["statement"], material.decoded(whole["proof"].split(".")[1])


def _jwk(numbers) -> EcPublicJwk:
    return EcPublicJwk(x=numbers.x.to_bytes(32, "big"), y=numbers.y.to_bytes(32, "big"))


TARGETS = (
    Target(name="authenticator_data", run=_authenticator_data, seeds=_authenticator_datas),
    Target(
        name="attestation_statement",
        run=statement.decode_attestation,
        seeds=material.attestations,
        refuses=(Malformed,),
    ),
    Target(name="assertion_statement", run=statement.decode_assertion, seeds=material.assertions, refuses=(Malformed,)),
    Target(
        name="apple_attestation",
        run=lambda data: attestation_verifier().run(data),
        seeds=lambda: attestation_verifier().seeds(),
    ),
    Target(
        name="apple_assertion",
        run=lambda data: _assertion_verifier().run(data),
        seeds=lambda: _assertion_verifier().seeds(),
    ),
    Target(name="receipt_fields", run=parse_fields, seeds=_receipt_contents, refuses=(Malformed,)),
    Target(
        name="apple_receipt",
        run=lambda data: _receipt_verifier().run(data),
        seeds=lambda: _receipt_verifier().seeds(),
    ),
)
