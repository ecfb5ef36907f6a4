"""Assertions: what `DCAppAttestService.generateAssertion` gave, verified as Apple's page tells.

Source: https://developer.apple.com/documentation/devicecheck/validating-apps-that-connect-to-your-server,
"Verify the assertion".
"""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.model.claims import VerifiedAppleAssertion
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import SubmittedAppleAssertion
from chalicelib.verifiers.app_attest.authenticator_data import parse_asserted
from chalicelib.verifiers.app_attest.statement import decode_assertion
from chalicelib.verifiers.codec.errors import Malformed


def verify_assertion(
    submitted: SubmittedAppleAssertion,
    *,
    client_data_hash: bytes,
    app_id: str,
    key_id: bytes,
    public_key: EcPublicJwk,
    stored_counter: int,
) -> VerifiedAppleAssertion | Refused:
    """The claims, or why not. `key_id`, `public_key` and `stored_counter` are what enrolment and its followers left.

    Apple's steps:

    1. clientDataHash = SHA-256 of the client data. Told: here it is the binding, which is a hash already.
    2. nonce = SHA-256(authenticator data, clientDataHash).
    3. The signature holds for the nonce under the key of the attestation.
    4. SHA-256 of the App ID is the authenticator data's RP ID.
    5. The counter is greater than the stored one, and than 0.
    6. The client data has the server's challenge. Told: the binding covers it, so step 3 proves it.

    Step 3 comes last: it is the cost. ECDSA takes the nonce as its message, hashing it again; that is how the phone
    signs. Added: the key id that came is the enrolled one.
    """
    try:
        unverified = decode_assertion(submitted.assertion)
        data = parse_asserted(unverified.authenticator_data)
    except Malformed as error:
        return Refused(RefusalReason.APP_ATTEST_MALFORMED, str(error))

    if submitted.key_id != key_id:
        return Refused(RefusalReason.APP_ATTEST_KEY_ID, "added: key id")
    if data.app_id_hash != hashlib.sha256(app_id.encode()).digest():
        return Refused(RefusalReason.APP_ATTEST_APP_ID, "step 4: App ID hash")
    if data.counter <= max(stored_counter, 0):
        return Refused(RefusalReason.COUNTER_OVERTAKEN, "step 5: counter")

    nonce = hashlib.sha256(unverified.authenticator_data + client_data_hash).digest()  # step 2
    try:
        _load(public_key).verify(unverified.signature, nonce, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return Refused(RefusalReason.APP_ATTEST_SIGNATURE, "step 3: signature")
    return VerifiedAppleAssertion(key_id=key_id, app_id=app_id, counter=data.counter, validation=data.validation)


def _load(key: EcPublicJwk) -> ec.EllipticCurvePublicKey:
    """An `EcPublicJwk` was seen to be on the curve when it was made, so this does not fail."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.x962)
