"""Android Key Attestation: the key description and whole chains."""

import base64
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import cache

from chalicelib.model.submission import SubmittedAndroidKey
from chalicelib.verifiers.android_key import verify
from chalicelib.verifiers.android_key.application_id import read_application_id
from chalicelib.verifiers.android_key.key_description import KEY_DESCRIPTION_OID, read_key_description
from chalicelib.verifiers.codec.errors import Malformed
from chalicelib.verifiers.codec.x509 import read_certificate
from tests.fuzz import material
from tests.fuzz.target import Setting, Target, Verifier, framed, unframed
from tests.mutants.regions import read_value

# One in so many of the recorded chains brings its own challenge and time.
_STEP = 16


def _key_descriptions() -> Iterable[bytes]:
    for chain in material.chains():
        with suppress(Malformed):
            extension = read_certificate(chain[0]).extension(KEY_DESCRIPTION_OID) if chain else None
            if extension:
                yield extension.value


def _application_ids() -> Iterable[bytes]:
    """Of the software list's `[709] EXPLICIT OCTET STRING`: its two-octet tag is read by the last of them."""
    for description in _key_descriptions():
        at = description.find(b"\xbf\x85\x45")
        if at >= 0:
            wrapped = read_value(description, read_value(description, at + 2).first)
            yield description[wrapped.first : wrapped.last]


@cache
def verifier() -> Verifier:
    def setting(chain: tuple[bytes, ...], challenge: bytes, now: datetime) -> Setting:
        def verify_frames(data: bytes) -> object:
            submitted = SubmittedAndroidKey(x5c=unframed(data))
            return verify(submitted, challenge=challenge, anchors=material.ANDROID_ANCHORS, now=now)

        return Setting(verify=verify_frames, genuine=framed(chain))

    simulated = [
        tuple(base64.b64decode(certificate) for certificate in one["x5c"])
        for one in material.statements("android_key")[:4]
    ]
    return Verifier(
        (
            *(setting(chain, material.CHALLENGE, material.NOW) for chain in simulated),
            *(
                setting(
                    material.chain_of(entry),
                    entry.params.hex_or_none("expected_challenge_hex") or b"",
                    entry.params.time("verification_time"),
                )
                for entry in material.genuine("android_key")[::_STEP]
            ),
        ),
        (framed(chain) for chain in material.chains()),
    )


TARGETS = (
    Target(name="key_description", run=read_key_description, seeds=_key_descriptions, refuses=(Malformed,)),
    Target(name="application_id", run=read_application_id, seeds=_application_ids, refuses=(Malformed,)),
    Target(name="android_key", run=lambda data: verifier().run(data), seeds=lambda: verifier().seeds()),
)
