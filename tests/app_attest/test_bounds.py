"""What a submission can cost: signature checks, counted, at worst and when it is refused before them."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from assay_toolkit.simulator import roots
from assay_toolkit.simulator.apple_phone import ApplePhone
from assay_toolkit.simulator.tamper_apple import decoded
from chalicelib.endorsements.anchors import anchors_from_pem
from chalicelib.model.claims import VerifiedAppleAssertion, VerifiedAppleAttestation, VerifiedReceipt
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.verifiers.app_attest import assertion, authorities, verify_assertion, verify_attestation, verify_receipt
from chalicelib.verifiers.codec import public_keys

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def checks(monkeypatch):
    """One entry per signature that was checked. Nothing is remembered from other tests."""
    made = []
    real_check, real_load = public_keys.is_signed_by, assertion._load

    def counted(*arguments, **named):
        made.append("certificate or receipt")
        return real_check(*arguments, **named)

    class Key:
        def __init__(self, key):
            self._key = real_load(key)

        def verify(self, *arguments):
            made.append("assertion")
            self._key.verify(*arguments)

    monkeypatch.setattr(public_keys, "is_signed_by", counted)
    monkeypatch.setattr(assertion, "_load", Key)
    authorities.check_signed_once.cache_clear()
    return made


def attest(attestation):
    return verify_attestation(attestation.submitted(), **attestation.arguments())


def test_an_attestation_costs_two_checks_and_the_next_one_costs_one(forge, checks):
    attestation = forge.Attestation()
    submitted, told = attestation.submitted(), attestation.arguments()
    for cost in (2, 3):
        assert isinstance(verify_attestation(submitted, **told), VerifiedAppleAttestation)
        assert len(checks) == cost


UNTRUE = {
    "nonce": {"nonce": b"\x00" * 32},
    "key id": {"key_id": b"\x00" * 32},
    "app": {"app_id": "another"},
    "counter": {"counter": 1},
    "environment": {"aaguid": b"appattestdevelop"},
    "credential id": {"credential_id": b"\x00" * 32},
    "dates": {"told": {"now": NOW.replace(year=2030)}},
    "issuer's name": {"leaf": {"issuer": "another"}},
    "an authority's certificate": {"leaf": {"authority": True}},
}


@pytest.mark.parametrize("changes", UNTRUE.values(), ids=UNTRUE.keys())
def test_an_untrue_attestation_costs_none(forge, checks, changes):
    assert isinstance(attest(forge.Attestation(**changes)), Refused)
    assert checks == []


def many_anchors():
    pem = b"".join(
        ec.derive_private_key(secret, ec.SECP384R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for secret in range(1, 65)
    )
    return anchors_from_pem(pem, name="many")


def test_a_made_up_chain_costs_one_check_for_each_anchor_each_time(forge, checks):
    """Failures are not remembered, so that a flood of them cannot push out what is."""
    for times in (1, 2):
        assert isinstance(attest(forge.Attestation(told={"anchors": many_anchors()})), Refused)
        assert len(checks) == times * 64
    assert authorities.check_signed_once.cache_info().currsize == 0


def test_a_certificate_by_a_stranger_is_remembered_by_nobody(forge, checks):
    stranger = ec.generate_private_key(ec.SECP384R1())
    assert isinstance(attest(forge.Attestation(leaf={"signer": stranger})), Refused)
    assert len(checks) == 2
    assert authorities.check_signed_once.cache_info().currsize == 1  # the intermediate, which is genuine


def test_what_is_remembered_is_bounded(forge, checks):
    """Each of these intermediates is other bytes, and the root signed them all."""
    for _ in range(12):
        assert isinstance(attest(forge.Attestation()), VerifiedAppleAttestation)
    assert len(checks) == 24
    assert authorities.check_signed_once.cache_info().currsize == 8


@pytest.mark.parametrize(
    ("changes", "cost"),
    [({}, 1), ({"counter": 7}, 0), ({"app_id": "another"}, 0), ({"key_id": bytes(32)}, 0), ({"raw": b"\xa0"}, 0)],
)
def test_an_assertion_costs_one_check_at_most(forge, checks, changes, cost):
    made = forge.Assertion(**changes)
    outcome = verify_assertion(made.submitted(), **made.arguments())
    assert isinstance(outcome, VerifiedAppleAssertion if cost else Refused)
    assert len(checks) == cost


@pytest.fixture
def receipt():
    phone = ApplePhone(app="bank", audience="bank", clock=lambda: NOW)
    attestation = decoded(phone.attestation_statement(binding=bytes(32)), "attestation")
    numbers = phone.app_attest_key.public_key().public_numbers()
    return attestation["attStmt"]["receipt"], {
        "app_id": phone.apple_parameters().app_id,
        "public_key": EcPublicJwk(x=numbers.x.to_bytes(32), y=numbers.y.to_bytes(32)),
        "anchors": anchors_from_pem(roots.APPLE_RECEIPT_ROOT_PEM, name="simulator"),
        "now": NOW,
    }


def test_a_receipt_costs_three_checks_and_the_next_one_costs_one(receipt, checks):
    evidence, told = receipt
    assert isinstance(verify_receipt(evidence, **told), VerifiedReceipt)
    assert len(checks) == 3
    assert isinstance(verify_receipt(evidence, **told), VerifiedReceipt)
    assert len(checks) == 4


@pytest.mark.parametrize(
    "told",
    [{"app_id": "another"}, {"public_key": EcPublicJwk(x=bytes(32), y=bytes(32))}, {"now": NOW.replace(year=2030)}],
)
def test_an_untrue_receipt_costs_none(receipt, checks, told):
    evidence, arguments = receipt
    assert isinstance(verify_receipt(evidence, **{**arguments, **told}), Refused)
    assert checks == []


def test_a_receipt_under_none_of_64_anchors_costs_64(receipt, checks):
    evidence, arguments = receipt
    assert isinstance(verify_receipt(evidence, **{**arguments, "anchors": many_anchors()}), Refused)
    assert len(checks) == 64
