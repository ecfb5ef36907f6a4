"""New challenges and support references, out of the injected randomness."""

import uuid
from datetime import datetime, timedelta

from chalicelib.model.apps import AppRegistration
from chalicelib.model.descriptor import Purpose
from chalicelib.service.ports import NewChallenge, Randomness

_CHALLENGE_SIZE = 32  # bytes, docs/wire.md section 2

# Apple asks apps to retry an unavailable `attestKey` later with the same key and the same hash, which covers the
# challenge: https://developer.apple.com/documentation/devicecheck/dcappattestservice/attestkey(_:clientdatahash:completionhandler:)
ENROLMENT_LIFETIME = timedelta(seconds=3600)

# A phone renews at 80 % of its token's life with the challenge of the last answer; one that was asleep at the token's
# end still needs no round trip for a new one. docs/wire.md section 2.
RENEWAL_MARGIN = timedelta(seconds=300)


def new_challenge(
    *, registration: AppRegistration, purpose: Purpose, now: datetime, randomness: Randomness
) -> NewChallenge:
    if purpose is Purpose.ENROL:
        lifetime = ENROLMENT_LIFETIME
    else:
        lifetime = timedelta(seconds=registration.token_lifetime) + RENEWAL_MARGIN
    return NewChallenge(
        value=randomness.token_bytes(_CHALLENGE_SIZE), app=registration.app, purpose=purpose, expires_at=now + lifetime
    )


def new_reference(randomness: Randomness) -> str:
    """The text of a random UUID (RFC 9562 section 5.4): what a refused phone can show to support."""
    return str(uuid.UUID(bytes=randomness.token_bytes(16), version=4))
