"""Google's trust anchors for Android Key Attestation, pinned by public key.

Source: https://android.googleapis.com/attestation/root (a JSON array of PEM certificates), named by
https://developer.android.com/privacy-and-security/security-key-attestation#root_certificate
"""

import json
from typing import Final

from chalicelib.endorsements.anchors import AnchorSet, anchors_from_pem
from chalicelib.endorsements.errors import UnusableEndorsement

# RSA-4096, subject serialNumber=f92009e853b6b045. Four certificates share this key:
#   2016-05-26T16:28:52Z to 2026-05-24T16:28:52Z,
#     SHA-256 of the certificate c1984a3ef45c1e2a918551de10603c86f7051b2249c4891cae3230eabd0c97d5
#   2019-11-22T20:37:58Z to 2034-11-18T20:37:58Z,
#     SHA-256 of the certificate 1ef1a04b8ba58ab94589ac498c8982a783f24ea7307e0159a0c3a73b377d87cc
#   2021-11-17T23:10:42Z to 2036-11-13T23:10:42Z,
#     SHA-256 of the certificate ab6641178a36e179aa0c1cdddf9a16eb45fa20943e2b8cd7c7c05c26cf8b487a
#   2022-03-20T18:07:48Z to 2042-03-15T18:07:48Z,
#     SHA-256 of the certificate cedb1cb6dc896ae5ec797348bce9286753c2b38ee71ce0fbe34a9a1248800dfc
# Most phones send the first, which has expired: hence the key, and no date.
# SHA-256 of its SubjectPublicKeyInfo: feb2ea7551ee316ed4bb443c8293b884dbfdea40b603ee3e4f4a897e4580fbae
_HARDWARE_ATTESTATION_ROOT: Final = b"""\
-----BEGIN PUBLIC KEY-----
MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAr7bHgiuxpwHsK7Qui8xU
FmOr75gvMsd/dTEDDJdSSxtf6An7xyqpRR90PL2abxM1dEqlXnf2tqw1Ne4Xwl5j
lRfdnJLmN0pTy/4lj4/7tv0Sk3iiKkypnEUtR6WfMgH0QZfKHM1+di+y9TFRtv6y
//0rb+T+W8a9nsNL/ggjnar86461qO0rOs2cXjp3kOG1FEJ5MVmFmBGtnrKpa73X
pXyTqRxB/M0n1n/W9nGqC4FSYa04T6N5RIZGBN2z2MT5IKGbFlbC8UrW0DxW7AYI
mQQcHtGl/m00QLVWutHQoVJYnFPlXTcHYvASLu+RhhsbDmxMgJJ0mcDpvsC4PjvB
+TxywElgS70vE0XmLD+OJtvsBslHZvPBKCOdT0MS+tgSOIfga+z1Z1g7+DVagf7q
uvmag8jfPioyKvxnK/EgsTUVi2ghzq8wm27ud/mIM7AY2qEORR8Go3TVB4HzWQgp
Zrt3i5MIlCaY504LzSRiigHCzAPlHws+W0rB5N+er5/2pJKnfBSDiCiFAVtCLOZ7
gLiMm0jhO2B6tUXHI/+MRPjy02i59lINMRRev56GKtcd9qO/0kUJWdZTdA2XoS82
ixPvZtXQpUpuL12ab+9EaDK8Z4RHJYYfCT3Q5vNAXaiWQ+8PTWm2QgBR/bkwSWc+
NpUFgNPN9PvQi8WEg5UmAGMCAwEAAQ==
-----END PUBLIC KEY-----
"""

# P-384, CN=Key Attestation CA1, OU=Android, O=Google LLC, C=US; signs remotely provisioned keys since February 2026.
# 2025-07-17T22:32:18Z to 2035-07-15T22:32:18Z, SHA-256 6d9db4ce6c5c0b293166d08986e05774a8776ceb525d9e4329520de12ba4bcc0
# SHA-256 of its SubjectPublicKeyInfo: 3ee44512a1af2beb39c889490c60ea3f82e43f5d5a5532f5ab9419f676cd07ec
_KEY_ATTESTATION_CA1: Final = b"""\
-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEI9ojcU7fPlsFCjxy6IRqzgeOoK0b+YsV
9FPQywiyw8EQRTkJ9u3qwfnI4DGoSLlBqClTXJfgfCcZvs60FikNMHnu4fkRzObf
gDkU2KNXezT9/RQ+XvNslxPHrHCowhGr
-----END PUBLIC KEY-----
"""

GOOGLE_ANCHORS: Final[AnchorSet] = anchors_from_pem(
    _HARDWARE_ATTESTATION_ROOT, name="google-hardware-attestation-root"
) + anchors_from_pem(_KEY_ATTESTATION_CA1, name="google-key-attestation-ca1")

# SHA-256 of the SubjectPublicKeyInfo of the roots whose *private* keys are published with Android's software keystore:
# anybody signs with them. They are named here only so that the refusal says so.
# Source: https://android.googlesource.com/platform/system/keymaster, contexts/soft_attestation_cert.cpp
AOSP_SOFTWARE_SPKI_SHA256: Final = frozenset(
    {
        "d5100c7942ef2e8310dc30ef82729680cf48d690735c3f68179a33c7c370f286",  # P-256, 2016-01-11 to 2036-01-06
        "f2c4746f545946c100e72297f8f946344d7052f03a2f694221f9c893b0e6f711",  # RSA-1024, 2016-01-04 to 2035-12-30
    }
)


# Bytes; the list of 2026 has five certificates in 8 KiB.
_LONGEST_LIST: Final = 256 * 1024


def parse_published_roots(data: bytes) -> AnchorSet:
    """The keys of the published list, once each. To compare with: nothing here makes them trusted.
    Raises UnusableEndorsement, also where one of them does not load or there is none."""
    if len(data) > _LONGEST_LIST:
        raise UnusableEndorsement(f"the list of roots is larger than {_LONGEST_LIST} bytes")
    try:
        listed = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnusableEndorsement("the list of roots is not JSON in UTF-8") from error
    if not isinstance(listed, list) or not all(isinstance(pem, str) for pem in listed):
        raise UnusableEndorsement("the list of roots is not a list of texts")
    try:
        return anchors_from_pem("\n".join(listed).encode("utf-8"), name="published")
    except ValueError as error:
        raise UnusableEndorsement("the list of roots holds something else than certificates, or none") from error
