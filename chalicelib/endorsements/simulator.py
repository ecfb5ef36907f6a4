"""The simulator's roots, by fingerprint, so that production can refuse them.

Their private keys are derived from published sentences (`assay_toolkit.simulator.roots`): anybody signs with them.
They are anchors in the local stage only, and only when its configuration brings them.
"""

from typing import Final

# What simulated emulators' chains end at. SHA-256 of the root's DER SubjectPublicKeyInfo, lowercase hex.
SIMULATOR_SOFTWARE_SPKI_SHA256: Final = frozenset(
    {
        "7bad9b727b8480e3561c3cefa94c0571533bdb92815c084b440e67c66d8c4662",
    }
)

# All of them, in the same form.
SIMULATOR_ROOT_SPKI_SHA256: Final = SIMULATOR_SOFTWARE_SPKI_SHA256 | {
    "796ba7a5ad908332f34f7418c5fc88480dbf23921a589a75fb69786ddce61297",  # Android, hardware
    "33a7bd5cec738c5230a509039a639801289e46a62e9a91d7e8208b1032568dd0",  # App Attest
    "61757f08b747dc59bff15549e4d2b2fdbc210eb0355410f5952c1d8d7540059c",  # App Attest receipts
}
