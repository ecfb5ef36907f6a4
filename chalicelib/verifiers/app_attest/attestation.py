"""Attestations: what `DCAppAttestService.attestKey` gave, verified as Apple's page tells.

Source: https://developer.apple.com/documentation/devicecheck/validating-apps-that-connect-to-your-server,
"Verify the attestation".
"""

import hashlib
from datetime import datetime

from chalicelib.endorsements.anchors import AnchorSet
from chalicelib.model.claims import AppleEnvironment, VerifiedAppleAttestation
from chalicelib.model.keys import EcPublicJwk
from chalicelib.model.outcome import Refused
from chalicelib.model.reasons import RefusalReason
from chalicelib.model.submission import SubmittedAppleAttestation
from chalicelib.verifiers.app_attest.authenticator_data import parse_attested
from chalicelib.verifiers.app_attest.authorities import ChainUntrusted
from chalicelib.verifiers.app_attest.certificates import check_signatures, read_chain
from chalicelib.verifiers.app_attest.statement import decode_attestation
from chalicelib.verifiers.codec.errors import Malformed


def verify_attestation(
    submitted: SubmittedAppleAttestation,
    *,
    client_data_hash: bytes,
    app_ids: tuple[str, ...],
    environment: AppleEnvironment,
    anchors: AnchorSet,
    now: datetime,
) -> VerifiedAppleAttestation | Refused:
    """The claims, or why not. `app_ids` are "<team>.<bundle>"; empty ones or empty anchors refuse.

    Apple's steps:

    1. The x5c array holds the credential certificate and the intermediate; they verify to Apple's root.
    2. clientDataHash is appended to the authenticator data.
    3. nonce = SHA-256 of that.
    4. The credential certificate's extension 1.2.840.113635.100.8.2 holds that nonce.
    5. SHA-256 of the credential's public key (X9.62 uncompressed point) is the key id that the app sent.
    6. SHA-256 of the App ID is the authenticator data's RP ID.
    7. The counter is 0.
    8. aaguid is the one of the environment.
    9. The credential id is the key id.

    Step 1 comes in two halves: shape, roles and dates first, both signatures after step 9. They are nine tenths of the
    cost, and a flood of forgeries must not be able to ask for them. Nothing is believed before they hold.
    Added: the COSE key in the authenticator data is the credential's key (Apple names it and does not compare it).
    Left out: the receipt (relayed, see `verify_receipt`), and the access control 1.2.840.113635.100.8.6 of a Mac's key:
    phones have the extension too, with other contents, and nothing that Apple signed tells a Mac from a phone.
    """
    try:
        unverified = decode_attestation(submitted.attestation)
        data = parse_attested(unverified.authenticator_data)
        if len(unverified.x5c) != 2:
            return Refused(RefusalReason.APP_ATTEST_CHAIN, "step 1: not exactly two certificates")
        chain = read_chain(*unverified.x5c, anchors=anchors)

        nonce = _sha256(unverified.authenticator_data + client_data_hash)  # steps 2 and 3
        app_id = next((known for known in app_ids if _sha256(known.encode()) == data.app_id_hash), "")
        holds = (
            (chain.within_dates(now=now), RefusalReason.APP_ATTEST_EXPIRED, "step 1: dates"),
            (chain.nonce == nonce, RefusalReason.APP_ATTEST_NONCE, "step 4: nonce"),
            (
                _sha256(chain.credential_point) == submitted.key_id,
                RefusalReason.APP_ATTEST_KEY_ID,
                "step 5: the credential's key",
            ),
            (app_id != "", RefusalReason.APP_ATTEST_APP_ID, "step 6: App ID hash"),
            (data.counter == 0, RefusalReason.APP_ATTEST_COUNTER, "step 7: counter"),
            (data.aaguid == environment.value, RefusalReason.APP_ATTEST_ENVIRONMENT, "step 8: aaguid"),
            (data.credential_id == submitted.key_id, RefusalReason.APP_ATTEST_KEY_ID, "step 9: credential id"),
            (data.public_key_x962 == chain.credential_point, RefusalReason.APP_ATTEST_KEY_ID, "added: the COSE key"),
        )
        for held, reason, detail in holds:
            if not held:
                return Refused(reason, detail)

        check_signatures(chain, anchors=anchors)  # step 1, second half
    except Malformed as error:
        return Refused(RefusalReason.APP_ATTEST_MALFORMED, str(error))
    except ChainUntrusted as error:
        return Refused(RefusalReason.APP_ATTEST_CHAIN, f"step 1: {error}")
    return VerifiedAppleAttestation(
        key_id=data.credential_id,
        public_key=EcPublicJwk(x=chain.credential_point[1:33], y=chain.credential_point[33:]),
        app_id=app_id,
        environment=environment,
        counter=data.counter,
        receipt=unverified.receipt,
        certificate_serials=(chain.credential.serial, chain.intermediate.serial),
        validation=data.validation,
    )


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
