"""Roots whose private keys anybody has are nobody's word, whatever way they come in."""

from collections.abc import Iterable

from chalicelib.endorsements.anchors import TrustAnchor
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.google_roots import AOSP_SOFTWARE_SPKI_SHA256
from chalicelib.endorsements.simulator import SIMULATOR_ROOT_SPKI_SHA256, SIMULATOR_SOFTWARE_SPKI_SHA256


def require_private_keys(anchors: Iterable[TrustAnchor], *, simulated_phones: bool) -> None:
    """Raises UnusableEndorsement and names the anchor. `simulated_phones`: in the local stage, where nobody else calls,
    they stand for phones with hardware."""
    software = AOSP_SOFTWARE_SPKI_SHA256 | SIMULATOR_SOFTWARE_SPKI_SHA256
    published = software if simulated_phones else software | SIMULATOR_ROOT_SPKI_SHA256
    for anchor in anchors:
        if anchor.spki_sha256 in published:
            raise UnusableEndorsement(f"a trust anchor's private key is public: {anchor.name}")
