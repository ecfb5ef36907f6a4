"""What the record of a refusal claims: that cryptography failed, where it did, and nothing else."""

from dataclasses import replace

import pytest

from assay_toolkit.simulator.phone import AndroidPhone
from chalicelib.model.descriptor import Purpose
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import Format
from chalicelib.model.trust import Component
from chalicelib.service.refused_vector import cryptography_failed

FAILED = {Component.INSTANCE_IDENTITY: 99}


def vectors(world):
    record = world.decisions.records[-1]
    return {format_: dict(vector.values) for format_, vector in record.vectors.items()}


@pytest.mark.parametrize("reason", RefusalReason)
def test_every_reason_is_on_one_side(reason):
    said = {word in reason.value for word in ("signature", "encryption", "chain_root")}
    assert cryptography_failed(reason) in (True, False)
    if True in said and reason is not RefusalReason.APPLE_RECEIPT_SIGNATURE:
        assert cryptography_failed(reason)
    if reason.value.endswith(("_malformed", "_binding", "_nonce", "_challenge", "_expired", "_limit")):
        assert not cryptography_failed(reason)


def test_a_token_has_the_vectors_of_its_submodules(world, phone):
    world.enrol(phone)
    record = world.decisions.records[-1]
    assert set(record.vectors) == set(record.formats)
    assert vectors(world)[record.formats[0]][Component.HARDWARE] == 2


def test_a_proof_by_another_key(world, phone):
    format_ = Format.ANDROID_KEY if isinstance(phone, AndroidPhone) else Format.APPLE_ATTESTATION
    submission = phone.enrolment(challenge=world.challenge())
    head, payload, signature = submission.proof.split(".")
    spoilt = ("B" if signature[0] == "A" else "A") + signature[1:]
    assert world.attest(replace(submission, proof=f"{head}.{payload}.{spoilt}").encode()).status == 403
    assert world.refusal is RefusalReason.PROOF_SIGNATURE
    assert vectors(world) == {format_: FAILED}


def test_a_renewal_without_a_statement_is_about_the_instance(world, android):
    world.enrol(android)
    submission = android.renewal(challenge=world.challenge(Purpose.RENEW))
    head, payload, signature = submission.proof.split(".")
    spoilt = ("B" if signature[0] == "A" else "A") + signature[1:]
    world.attest(replace(submission, proof=f"{head}.{payload}.{spoilt}").encode())
    assert vectors(world) == {Format.INSTANCE: FAILED}


def test_a_chain_to_a_root_that_nobody_trusts(world, beliefs, android):
    beliefs._built_in = replace(beliefs._built_in, android=beliefs._built_in.apple)
    world.enrol(android)
    assert world.refusal is RefusalReason.CHAIN_ROOT_UNKNOWN
    assert vectors(world) == {Format.ANDROID_KEY: FAILED}


def test_sound_evidence_about_something_else_claims_nothing(world, android, apple):
    other = replace(
        android.enrolment(challenge=world.challenge()), statement=android.key_statement(challenge=bytes(32))
    )
    world.attest(other.encode())
    assert world.refusal is RefusalReason.KEY_DESCRIPTION_CHALLENGE
    assert vectors(world) == {}
    stale = replace(
        apple.enrolment(challenge=world.challenge()), statement=apple.attestation_statement(binding=bytes(32))
    )
    world.attest(stale.encode())
    assert world.refusal is RefusalReason.APP_ATTEST_NONCE
    assert vectors(world) == {}


def test_a_refusal_names_what_was_believed(world, documents, android):
    submission = android.enrolment(challenge=world.challenge())
    world.clock.advance(60)
    world.attest(replace(submission, rasp_report=b"{").encode())
    record = world.decisions.records[-1]
    assert record.policy_id == f"baseline@{documents.active()['policy'].digest}"
    assert record.endorsements_id.startswith("google_status@")
    assert record.endorsement_ages == {"google_status": 60}


def test_who_is_refused_before_anything_was_judged_has_no_such_names(world, android):
    body = android.build_enrolment(challenge=bytes(32))
    world.attest(body)
    record = world.decisions.records[-1]
    assert (record.refusal, record.policy_id, dict(record.vectors)) == (RefusalReason.CHALLENGE_UNKNOWN, None, {})
