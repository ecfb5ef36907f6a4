"""Which security level the vendor certified the phone's attestation key for: it stands in the certificate's subject.

Factory keys say it in `title`, remotely provisioned ones in `organizationName`; TEE keys of before 2018 say nothing.
Source: Google's verifier, whose MATCHES_CERTIFICATE constraint reads the same and notes that certificates of StrongBox
keys always say so (https://github.com/android/keyattestation, ConstraintConfig.kt). All 18 recorded ones do.
"""

from typing import Final

from chalicelib.model.claims import SecurityLevel
from chalicelib.verifiers.codec.x509 import UndatedCertificate, attributes

_TITLE: Final = "2.5.4.12"
_ORGANIZATION: Final = "2.5.4.10"
_LEVELS: Final = {b"TEE": SecurityLevel.TRUSTED_ENVIRONMENT, b"StrongBox": SecurityLevel.STRONGBOX}


def certified_level(attestation: UndatedCertificate) -> SecurityLevel | None:
    """The weakest that the subject names; None where it names none. Raises Malformed where the subject is no name."""
    named = [_LEVELS.get(value) for oid, value in attributes(attestation.subject) if oid in {_TITLE, _ORGANIZATION}]
    return min((level for level in named if level is not None), default=None)
