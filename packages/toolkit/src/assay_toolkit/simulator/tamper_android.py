"""Defects of Android key attestations: the phone's statement for its new key, made wrong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from cryptography.hazmat.primitives.serialization import Encoding

from assay_toolkit.simulator import key_description, roots
from assay_toolkit.simulator.android import Provisioned, attest, leaf_stating, leaf_under, with_attest_key
from assay_toolkit.simulator.android_phone import AndroidPhone, chain_statement
from assay_toolkit.simulator.authority import Authority
from assay_toolkit.simulator.base_phone import Phone
from assay_toolkit.simulator.conditions import Platform
from assay_toolkit.simulator.defect import Make, Outcome, Tamper
from assay_toolkit.simulator.submission import Submission
from assay_toolkit.simulator.tamper_submission import another

_ANDROID = frozenset({Platform.ANDROID})
_IMPORTED = 2  # KeyOrigin

_Statement = Callable[[AndroidPhone, AndroidPhone, bytes], dict[str, object]]


def _with(make_statement: _Statement) -> Make:
    """A submission that is right but for its statement, which is made after the phone has its new key."""

    def make(phone: Phone, stranger: Phone, challenge: bytes) -> Submission:
        if not (isinstance(phone, AndroidPhone) and isinstance(stranger, AndroidPhone)):
            raise TypeError("a defect of Android phones")
        submission = phone.enrolment(challenge=challenge)
        return replace(submission, statement=make_statement(phone, stranger, challenge))

    return make


def _swap_challenge(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    return phone.key_statement(challenge=another(challenge))


def _statement_of_another(_phone: AndroidPhone, stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    return stranger.key_statement(challenge=challenge)


def _extend_chain(phone: AndroidPhone, stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    attested = leaf_under(
        stranger.batch,
        public_key=stranger.instance_key.public_key(),
        parameters=stranger.key_parameters(),
        challenge=challenge,
    )
    forger = Authority(key=stranger.instance_key, certificates=(attested, *stranger.batch.certificates))
    return phone.key_statement(challenge=challenge, batch=forger)


def _foreign_root(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    root = roots.foreign_root(roots.android_root())
    return phone.key_statement(challenge=challenge, batch=phone.provision(root=root))


def _software_root(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    return phone.key_statement(challenge=challenge, batch=phone.provision(how=Provisioned.SOFTWARE))


def _software_key(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    parameters = replace(
        phone.key_parameters(),
        attestation_security_level=key_description.SOFTWARE,
        key_mint_security_level=key_description.SOFTWARE,
    )
    return phone.key_statement(challenge=challenge, parameters=parameters)


def _drop_root_of_trust(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    parameters = replace(phone.key_parameters(), has_root_of_trust=False)
    return phone.key_statement(challenge=challenge, parameters=parameters)


def _imported_key(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    parameters = replace(phone.key_parameters(), origin=_IMPORTED)
    return phone.key_statement(challenge=challenge, parameters=parameters)


def _attest_key(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    parameters = replace(phone.key_parameters(), purposes=(key_description.ATTEST_KEY,))
    return phone.key_statement(challenge=challenge, parameters=parameters)


def _wrong_purpose(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    parameters = replace(phone.key_parameters(), purposes=(key_description.AGREE_KEY,))
    return phone.key_statement(challenge=challenge, parameters=parameters)


def _attest_key_chain(phone: AndroidPhone, stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    # The stranger lends no more than a second key: the chain is that of one phone and one app.
    own = with_attest_key(
        phone.batch,
        key=stranger.instance_key,
        parameters=phone.key_parameters(),
        challenge=another(challenge),
    )
    return phone.key_statement(challenge=challenge, batch=own)


def _strongbox_contradiction(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    parameters = replace(
        phone.key_parameters(),
        attestation_security_level=key_description.STRONGBOX,
        key_mint_security_level=key_description.STRONGBOX,
    )
    return phone.key_statement(challenge=challenge, parameters=parameters)


def _another_key_described(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    parameters = replace(phone.key_parameters(), key_size=384)
    return phone.key_statement(challenge=challenge, parameters=parameters)


def _truncated_description(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    whole = key_description.encode(phone.key_parameters(), challenge=challenge)
    return _stating(phone, whole[:-1])


def _bytes_after_description(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    whole = key_description.encode(phone.key_parameters(), challenge=challenge)
    return _stating(phone, whole + b"\x05\x00")


def _certificate_after_root(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    chain = _chain(phone, challenge)
    return chain_statement((*chain, chain[-2]))


def _expired_provisioning(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    batch = phone.provision(how=Provisioned.REMOTE, age=timedelta(days=30))
    return phone.key_statement(challenge=challenge, batch=batch)


def _flipped_signature(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    leaf, *above = _chain(phone, challenge)
    return chain_statement((leaf[:-1] + bytes([leaf[-1] ^ 0x01]), *above))


def _missing_intermediate(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    leaf, _batch, *above = _chain(phone, challenge)
    return chain_statement((leaf, *above))


def _no_description(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    return chain_statement(_chain(phone, challenge)[1:])


def _trailing_byte(phone: AndroidPhone, _stranger: AndroidPhone, challenge: bytes) -> dict[str, object]:
    leaf, *above = _chain(phone, challenge)
    return chain_statement((leaf + b"\x00", *above))


def _stating(phone: AndroidPhone, description: bytes) -> dict[str, object]:
    leaf = leaf_stating(description, issuer=phone.batch, public_key=phone.instance_key.public_key())
    return chain_statement((leaf.public_bytes(Encoding.DER), *phone.batch.chain_der))


def _chain(phone: AndroidPhone, challenge: bytes) -> tuple[bytes, ...]:
    return attest(
        batch=phone.batch,
        public_key=phone.instance_key.public_key(),
        parameters=phone.key_parameters(),
        challenge=challenge,
    )


def _tamper(name: str, expected: str, make: _Statement, how: str, *, outcome: Outcome = Outcome.REFUSED) -> Tamper:
    return Tamper(name=name, how=how, expected=expected, make=_with(make), platforms=_ANDROID, outcome=outcome)


ANDROID_TAMPERS = (
    _tamper(
        "swap_challenge",
        "key_description_challenge",
        _swap_challenge,
        "The key was attested for another challenge than the one submitted.",
    ),
    _tamper(
        "statement_of_another",
        "instance_key_mismatch",
        _statement_of_another,
        "The attestation is that of another genuine phone's key, for the same challenge.",
    ),
    _tamper(
        "extend_chain",
        "chain_extended",
        _extend_chain,
        "A genuine attested key signed a further certificate with a key description of its own.",
    ),
    _tamper(
        "foreign_root",
        "chain_root_unknown",
        _foreign_root,
        "The whole chain is right, under a root of the same name with another key.",
    ),
    _tamper(
        "software_root",
        "chain_root_unknown",
        _software_root,
        "The chain claims hardware and ends at an emulator's software root.",
    ),
    _tamper(
        "software_key",
        "key_not_in_hardware",
        _software_key,
        "The chain is a genuine phone's, and says that the key lives in software.",
    ),
    _tamper(
        "drop_root_of_trust",
        "android_root_of_trust_missing",
        _drop_root_of_trust,
        "The hardware's list has no root of trust.",
        outcome=Outcome.APPRAISED,
    ),
    _tamper(
        "imported_key",
        "instance_key_unfit",
        _imported_key,
        "The key was made elsewhere and brought into the hardware.",
    ),
    _tamper(
        "attest_key",
        "instance_key_unfit",
        _attest_key,
        "The key may attest other keys and not sign.",
    ),
    _tamper(
        "wrong_purpose",
        "instance_key_unfit",
        _wrong_purpose,
        "The key may agree on keys and not sign.",
    ),
    _tamper(
        "attest_key_chain",
        "chain_extended",
        _attest_key_chain,
        "The key was attested by an ATTEST_KEY of the same app, which policy does not admit.",
    ),
    _tamper(
        "strongbox_contradiction",
        "key_level_overstated",
        _strongbox_contradiction,
        "StrongBox is stated under an attestation key that is certified for the TEE, as by whoever stole one.",
    ),
    _tamper(
        "another_key_described",
        "key_parameters_mismatch",
        _another_key_described,
        "The key description is of a key of another size than the certificate holds.",
    ),
    _tamper(
        "truncated_description",
        "key_description_malformed",
        _truncated_description,
        "The key description lacks its last byte.",
    ),
    _tamper(
        "bytes_after_description",
        "key_description_malformed",
        _bytes_after_description,
        "A NULL follows the key description.",
    ),
    _tamper(
        "certificate_after_root",
        "chain_length",
        _certificate_after_root,
        "A certificate follows the root's.",
    ),
    _tamper(
        "expired_provisioning",
        "chain_expired",
        _expired_provisioning,
        "The phone's remotely provisioned certificate ran out 18 days ago.",
    ),
    _tamper("flipped_signature", "chain_signature", _flipped_signature, "One bit of the leaf's signature is flipped."),
    _tamper(
        "missing_intermediate",
        "chain_signature",
        _missing_intermediate,
        "The batch certificate is left out of the chain.",
    ),
    _tamper(
        "no_description",
        "key_description_missing",
        _no_description,
        "The chain begins with the batch certificate: no leaf, no key description.",
    ),
    _tamper("trailing_byte", "chain_malformed", _trailing_byte, "A byte follows the leaf's DER."),
)
