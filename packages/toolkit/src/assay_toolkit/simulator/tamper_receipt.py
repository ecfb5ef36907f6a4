"""Defects of App Attest receipts. The attestation around them is right: they cost the risk metric and no more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cbor2

from assay_toolkit.simulator import apple_receipt, roots
from assay_toolkit.simulator.apple_phone import ApplePhone, attestation_statement
from assay_toolkit.simulator.conditions import FOREIGN_TEAM, Platform
from assay_toolkit.simulator.defect import Outcome, Purpose, Tamper
from assay_toolkit.simulator.tamper_apple import MakeStatement, decoded, with_statement

# Of the phone, a stranger, the certificate of the phone's key, and the binding: the receipt in its place.
_Receipt = Callable[[ApplePhone, ApplePhone, bytes, bytes], bytes]


def _in_place(make_receipt: _Receipt) -> MakeStatement:
    def make(phone: ApplePhone, stranger: ApplePhone, binding: bytes) -> dict[str, object]:
        attestation = decoded(phone.attestation_statement(binding=binding), "attestation")
        leaf_der = attestation["attStmt"]["x5c"][0]
        attestation["attStmt"]["receipt"] = make_receipt(phone, stranger, leaf_der, binding)
        return attestation_statement(key_id=phone.key_id, attestation=cbor2.dumps(attestation))

    return make


def _now(phone: ApplePhone) -> datetime:
    return datetime.fromtimestamp(phone.service_time, UTC)


def _genuine(phone: ApplePhone, leaf_der: bytes, binding: bytes) -> bytes:
    return apple_receipt.attestation_receipt(
        leaf_der=leaf_der, client_data_hash=binding, parameters=phone.apple_parameters(), now=_now(phone)
    )


def _garbage(_phone: ApplePhone, _stranger: ApplePhone, _leaf_der: bytes, _binding: bytes) -> bytes:
    return b"a receipt"


def _truncated(phone: ApplePhone, _stranger: ApplePhone, leaf_der: bytes, binding: bytes) -> bytes:
    return _genuine(phone, leaf_der, binding)[:-1]


def _changed(phone: ApplePhone, _stranger: ApplePhone, leaf_der: bytes, binding: bytes) -> bytes:
    return _genuine(phone, leaf_der, binding).replace(b"production", b"productiom")


def _of_another_app(phone: ApplePhone, _stranger: ApplePhone, leaf_der: bytes, binding: bytes) -> bytes:
    _, _, bundle = phone.apple_parameters().app_id.partition(".")
    return apple_receipt.attestation_receipt(
        leaf_der=leaf_der,
        client_data_hash=binding,
        parameters=replace(phone.apple_parameters(), app_id=f"{FOREIGN_TEAM}.{bundle}"),
        now=_now(phone),
    )


def _of_another_key(_phone: ApplePhone, stranger: ApplePhone, _leaf_der: bytes, binding: bytes) -> bytes:
    receipt: bytes = decoded(stranger.attestation_statement(binding=binding), "attestation")["attStmt"]["receipt"]
    return receipt


def _under_a_foreign_root(phone: ApplePhone, _stranger: ApplePhone, leaf_der: bytes, binding: bytes) -> bytes:
    return apple_receipt.attestation_receipt(
        leaf_der=leaf_der,
        client_data_hash=binding,
        parameters=phone.apple_parameters(),
        now=_now(phone),
        issuer=apple_receipt.intermediate_under(roots.foreign_root(roots.apple_receipt_root())),
    )


def _by_a_developer(phone: ApplePhone, _stranger: ApplePhone, leaf_der: bytes, binding: bytes) -> bytes:
    return apple_receipt.attestation_receipt(
        leaf_der=leaf_der,
        client_data_hash=binding,
        parameters=phone.apple_parameters(),
        now=_now(phone),
        marked=False,
    )


def _expired(phone: ApplePhone, _stranger: ApplePhone, leaf_der: bytes, binding: bytes) -> bytes:
    return apple_receipt.attestation_receipt(
        leaf_der=leaf_der,
        client_data_hash=binding,
        parameters=phone.apple_parameters(),
        now=_now(phone) - timedelta(days=91),
    )


def _tamper(name: str, expected: str, make: _Receipt, how: str) -> Tamper:
    return Tamper(
        name=name,
        how=how,
        expected=expected,
        make=with_statement(_in_place(make), Purpose.ENROL),
        platforms=frozenset({Platform.APPLE}),
        outcome=Outcome.RECEIPT_REFUSED,
    )


RECEIPT_TAMPERS = (
    _tamper("receipt_garbage", "apple_receipt_malformed", _garbage, "The receipt is nothing of the kind."),
    _tamper("receipt_truncated", "apple_receipt_malformed", _truncated, "The receipt's last byte is missing."),
    _tamper("receipt_changed", "apple_receipt_signature", _changed, "One bit of what the receipt states is flipped."),
    _tamper("receipt_of_another_app", "apple_receipt_foreign", _of_another_app, "The receipt is of another app."),
    _tamper(
        "receipt_of_another_key", "apple_receipt_foreign", _of_another_key, "The receipt is of another phone's key."
    ),
    _tamper(
        "receipt_foreign_root",
        "apple_receipt_signature",
        _under_a_foreign_root,
        "The receipt is signed under a root of the same name with another key.",
    ),
    _tamper(
        "receipt_by_a_developer",
        "apple_receipt_signature",
        _by_a_developer,
        "The receipt is signed under Apple's root, by a certificate that is not for receipts.",
    ),
    _tamper("receipt_expired", "apple_receipt_expired", _expired, "The receipt was made 91 days ago."),
)
