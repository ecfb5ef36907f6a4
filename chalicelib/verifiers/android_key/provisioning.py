"""How the phone came to its attestation key, read from the chain below the root.

Factory: a batch of phones shares a key that was put in at the factory, under intermediates named by serialNumber (and
title) alone. Remote: each phone fetches short-lived certificates from Google's servers, under "Droid CA"s, with a
ProvisioningInfo extension beside the phone's own key since 2023.
Source: https://source.android.com/docs/core/ota/modular-system/remote-key-provisioning
"""

from collections.abc import Sequence
from typing import Final

from chalicelib.model.claims import Provisioning
from chalicelib.verifiers.codec.x509 import UndatedCertificate, attributes

PROVISIONING_INFO_OID: Final = "1.3.6.1.4.1.11129.2.1.30"

_SERIAL_NUMBER: Final = "2.5.4.5"
_TITLE: Final = "2.5.4.12"
_ORGANIZATION: Final = "2.5.4.10"
_COMMON_NAME: Final = "2.5.4.3"


def provisioning_of(chain: Sequence[UndatedCertificate]) -> Provisioning:
    """`chain`: leaf first, without the root. Raises Malformed where a name is none.

    Asked of what stands directly under the root, which only the root's owner can choose; UNKNOWN is treated as strictly
    as REMOTE.
    """
    names = attributes(chain[-1].subject)
    if any(certificate.extension(PROVISIONING_INFO_OID) for certificate in chain):
        return Provisioning.REMOTE
    if (_ORGANIZATION, b"Google LLC") in names and any(
        oid == _COMMON_NAME and value.startswith(b"Droid CA") for oid, value in names
    ):
        return Provisioning.REMOTE
    types = {oid for oid, _ in names}
    if len(chain) > 1 and _SERIAL_NUMBER in types and types <= {_SERIAL_NUMBER, _TITLE}:
        return Provisioning.FACTORY
    return Provisioning.UNKNOWN
