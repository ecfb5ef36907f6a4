"""Defects of App Attest objects: the phone's statement for its binding, made wrong."""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import cbor2

from assay_toolkit.simulator import roots
from assay_toolkit.simulator.apple import cose_key
from assay_toolkit.simulator.apple_certificates import intermediate_under
from assay_toolkit.simulator.apple_parameters import DEVELOPMENT, Launch
from assay_toolkit.simulator.apple_phone import ApplePhone, attestation_statement
from assay_toolkit.simulator.base_phone import Phone
from assay_toolkit.simulator.conditions import FOREIGN_TEAM, Platform
from assay_toolkit.simulator.defect import Make, Purpose, Tamper
from assay_toolkit.simulator.keys import b64url
from assay_toolkit.simulator.submission import Submission
from assay_toolkit.simulator.tamper_submission import another

_APPLE = frozenset({Platform.APPLE})

# Of the phone, a stranger, and the binding of the phone's submission.
MakeStatement = Callable[[ApplePhone, ApplePhone, bytes], dict[str, object]]


def with_statement(make_statement: MakeStatement, purpose: Purpose) -> Make:
    """A submission that is right but for its statement, which is made for the submission's own binding."""

    def make(phone: Phone, stranger: Phone, challenge: bytes) -> Submission:
        if not (isinstance(phone, ApplePhone) and isinstance(stranger, ApplePhone)):
            raise TypeError("a defect of Apple phones")
        build = phone.enrolment if purpose is Purpose.ENROL else phone.renewal
        submission = build(challenge=challenge)
        return replace(submission, statement=make_statement(phone, stranger, submission.binding))

    return make


def _swap_challenge(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    return phone.attestation_statement(binding=another(binding))


def _statement_of_another(_phone: ApplePhone, stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    return stranger.attestation_statement(binding=another(binding))


def _foreign_root(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    issuer = intermediate_under(roots.foreign_root(roots.apple_root()))
    return phone.attestation_statement(binding=binding, issuer=issuer)


def _development_environment(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    parameters = replace(phone.apple_parameters(), aaguid=DEVELOPMENT)
    return phone.attestation_statement(binding=binding, parameters=parameters)


def _environment_by_prefix(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    parameters = replace(phone.apple_parameters(), aaguid=b"appattest" + b"\x00" * 6 + b"\x01")
    return phone.attestation_statement(binding=binding, parameters=parameters)


def _other_app(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    _, _, bundle = phone.apple_parameters().app_id.partition(".")
    parameters = replace(phone.apple_parameters(), app_id=f"{FOREIGN_TEAM}.{bundle}")
    return phone.attestation_statement(binding=binding, parameters=parameters)


def _key_id_of_another(phone: ApplePhone, stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    return phone.attestation_statement(binding=binding) | {"key_id": b64url(stranger.key_id)}


def _credential_of_another(phone: ApplePhone, stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    parameters = replace(phone.apple_parameters(), credential_id=stranger.key_id)
    return phone.attestation_statement(binding=binding, parameters=parameters)


def _used_counter(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    return phone.attestation_statement(binding=binding, parameters=replace(phone.apple_parameters(), counter=1))


def _expired_certificate(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    return phone.attestation_statement(binding=binding, age=timedelta(days=400))


def _third_certificate(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    attestation = decoded(phone.attestation_statement(binding=binding), "attestation")
    attestation["attStmt"]["x5c"].append(roots.apple_root().chain_der[0])
    return attestation_statement(key_id=phone.key_id, attestation=cbor2.dumps(attestation))


def _flipped_signature(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    attestation = decoded(phone.attestation_statement(binding=binding), "attestation")
    x5c = attestation["attStmt"]["x5c"]
    x5c[0] = _last_bit_flipped(x5c[0])
    return attestation_statement(key_id=phone.key_id, attestation=cbor2.dumps(attestation))


def _truncated_map(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    attestation = cbor2.dumps(decoded(phone.attestation_statement(binding=binding), "attestation"))
    return attestation_statement(key_id=phone.key_id, attestation=attestation[:-1])


def _trailing_byte(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    attestation = cbor2.dumps(decoded(phone.attestation_statement(binding=binding), "attestation"))
    return attestation_statement(key_id=phone.key_id, attestation=attestation + b"\x00")


def _swapped_certificates(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    attestation = decoded(phone.attestation_statement(binding=binding), "attestation")
    attestation["attStmt"]["x5c"].reverse()
    return attestation_statement(key_id=phone.key_id, attestation=cbor2.dumps(attestation))


def _root_as_intermediate(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    root = roots.apple_root()
    attestation = decoded(phone.attestation_statement(binding=binding, issuer=root), "attestation")
    attestation["attStmt"]["x5c"].append(root.chain_der[0])
    return attestation_statement(key_id=phone.key_id, attestation=cbor2.dumps(attestation))


def _second_key(phone: ApplePhone, stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    parameters = replace(phone.apple_parameters(), surplus=cose_key(stranger.app_attest_key.public_key()))
    return phone.attestation_statement(binding=binding, parameters=parameters)


def _truncated_launch(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    parameters = replace(phone.apple_parameters(), launch=None, surplus=Launch().encode()[:-1])
    return phone.attestation_statement(binding=binding, parameters=parameters)


def _repeated_member(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    attestation = cbor2.dumps(decoded(phone.attestation_statement(binding=binding), "attestation"))
    again = cbor2.dumps("fmt") + cbor2.dumps("apple-appattest")
    return attestation_statement(key_id=phone.key_id, attestation=b"\xa4" + attestation[1:] + again)


def _no_receipt(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    attestation = decoded(phone.attestation_statement(binding=binding), "attestation")
    del attestation["attStmt"]["receipt"]
    return attestation_statement(key_id=phone.key_id, attestation=cbor2.dumps(attestation))


def _stale_counter(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    # The untampered renewal, built a moment ago, took the next counter; the one before it is in use already.
    return phone.assertion_statement(binding=binding, counter=phone.counter - 1)


def _flipped_assertion(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    statement = phone.assertion_statement(binding=binding)
    assertion = decoded(statement, "assertion")
    assertion["signature"] = _last_bit_flipped(assertion["signature"])
    return statement | {"assertion": b64url(cbor2.dumps(assertion))}


def _assertion_replayed(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    return phone.assertion_statement(binding=another(binding))


def _truncated_assertion(phone: ApplePhone, _stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    statement = phone.assertion_statement(binding=binding)
    return statement | {"assertion": b64url(cbor2.dumps(decoded(statement, "assertion"))[:-1])}


def _assertion_of_another(_phone: ApplePhone, stranger: ApplePhone, binding: bytes) -> dict[str, object]:
    return stranger.assertion_statement(binding=binding)


def decoded(statement: dict[str, object], member: str) -> dict[str, Any]:
    text = str(statement[member])
    decoded: dict[str, Any] = cbor2.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return decoded


def _last_bit_flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 0x01])


def _tamper(name: str, expected: str, make: MakeStatement, how: str, *, purpose: Purpose = Purpose.ENROL) -> Tamper:
    return Tamper(
        name=name, how=how, expected=expected, make=with_statement(make, purpose), platforms=_APPLE, purpose=purpose
    )


APPLE_TAMPERS = (
    _tamper(
        "swap_challenge",
        "app_attest_nonce",
        _swap_challenge,
        "The attestation covers another challenge than the one submitted.",
    ),
    _tamper(
        "statement_of_another",
        "app_attest_nonce",
        _statement_of_another,
        "The attestation is that of another genuine phone, for that phone's own binding.",
    ),
    _tamper(
        "foreign_root",
        "app_attest_chain",
        _foreign_root,
        "Both certificates are right, under a root of the same name with another key.",
    ),
    _tamper(
        "development_environment",
        "app_attest_environment",
        _development_environment,
        "The attestation is of Apple's test environment.",
    ),
    _tamper(
        "environment_by_prefix",
        "app_attest_environment",
        _environment_by_prefix,
        "The environment only begins with the right name.",
    ),
    _tamper("other_app", "app_attest_app_id", _other_app, "The attestation is of an app of another team."),
    _tamper(
        "key_id_of_another",
        "app_attest_key_id",
        _key_id_of_another,
        "The key id submitted is that of another phone's key.",
    ),
    _tamper(
        "credential_of_another",
        "app_attest_key_id",
        _credential_of_another,
        "The credential id in the authenticator data is that of another phone's key.",
    ),
    _tamper("used_counter", "app_attest_counter", _used_counter, "The attestation's counter is 1."),
    _tamper(
        "expired_certificate",
        "app_attest_expired",
        _expired_certificate,
        "The attestation was made 400 days ago.",
    ),
    _tamper("third_certificate", "app_attest_chain", _third_certificate, "The root comes with the certificates."),
    _tamper(
        "flipped_signature",
        "app_attest_chain",
        _flipped_signature,
        "One bit of the leaf's signature is flipped.",
    ),
    _tamper(
        "swapped_certificates",
        "app_attest_chain",
        _swapped_certificates,
        "The intermediate stands before the credential certificate.",
    ),
    _tamper(
        "root_as_intermediate",
        "app_attest_chain",
        _root_as_intermediate,
        "The root signed the credential certificate itself, and comes in the intermediate's place.",
    ),
    _tamper(
        "second_key",
        "app_attest_malformed",
        _second_key,
        "A second key, another phone's, follows the attested one in what Apple vouches for.",
    ),
    _tamper(
        "truncated_launch",
        "app_attest_malformed",
        _truncated_launch,
        "The launch category and bundle version of iOS 27 are cut short by a byte.",
    ),
    _tamper("repeated_member", "app_attest_malformed", _repeated_member, "A member of the attestation comes twice."),
    _tamper("no_receipt", "app_attest_malformed", _no_receipt, "The attestation's receipt is taken out."),
    _tamper("truncated_map", "app_attest_malformed", _truncated_map, "The attestation's last byte is missing."),
    _tamper("trailing_byte", "app_attest_malformed", _trailing_byte, "A byte follows the attestation."),
    _tamper(
        "stale_counter",
        "counter_overtaken",
        _stale_counter,
        "The assertion's counter was used before.",
        purpose=Purpose.RENEW,
    ),
    _tamper(
        "flipped_assertion",
        "app_attest_signature",
        _flipped_assertion,
        "One bit of the assertion's signature is flipped.",
        purpose=Purpose.RENEW,
    ),
    _tamper(
        "assertion_replayed",
        "app_attest_signature",
        _assertion_replayed,
        "The assertion covers another submission.",
        purpose=Purpose.RENEW,
    ),
    _tamper(
        "truncated_assertion",
        "app_attest_malformed",
        _truncated_assertion,
        "The assertion's last byte is missing.",
        purpose=Purpose.RENEW,
    ),
    _tamper(
        "assertion_of_another",
        "app_attest_key_id",
        _assertion_of_another,
        "The assertion is that of another phone's App Attest key.",
        purpose=Purpose.RENEW,
    ),
)
