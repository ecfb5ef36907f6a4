"""The shipped policy over recorded Android chains: would it take the phone that made this one?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from assay_toolkit.vectors.index import FolderError, Params
from chalicelib.appraisal import Policy, appraise
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.google_status import StatusEntry, StatusList, parse_status_list
from chalicelib.model.apps import AndroidReference, AppRegistration
from chalicelib.model.claims import EvidenceSet, KeptAndroid, VerifiedAndroidKey
from chalicelib.model.submission import Format
from chalicelib.model.trust import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """`status_list` None: the folder has none, and revocation is unknown."""

    policy: Policy
    status_list: StatusList | None

    def judge(self, key: VerifiedAndroidKey, *, params: Params, now: datetime) -> tuple[str, tuple[str, ...]]:
        """`accept` unless the tier is contraindicated, or `reject`; and the reasons of the rules that applied.

        The app is registered as the vector says it is. Nobody recorded a RASP report, so its absence is no reason.
        Raises FolderError.
        """
        app = AppRegistration(
            app="vector",
            android=AndroidReference(
                packages=params.names("package_infos"), signature_digests=params.hex_list("signature_digests")
            ),
            apple=None,
        )
        evidence = EvidenceSet(
            platform=_kept(key), platform_attested_at=now, rasp=None, fresh_formats=(Format.ANDROID_KEY.value,)
        )
        verdict = appraise(evidence, app=app, policy=self.policy, status_list=self.status_list, now=now)
        reasons = tuple(dict.fromkeys(rule.reason.value for rule in verdict.applied))
        return "reject" if verdict.tier is Tier.CONTRAINDICATED else "accept", reasons


def merged_status_list(documents: Mapping[str, bytes]) -> StatusList | None:
    """All lists of a folder as one: a serial that any of them names is not good. Raises FolderError."""
    if not documents:
        return None
    entries: dict[int, StatusEntry] = {}
    for name, document in documents.items():
        try:
            entries.update(parse_status_list(document).entries)
        except UnusableEndorsement as error:
            raise FolderError(f"status_lists.{name}: {error}") from None
    return StatusList(entries)


def _kept(key: VerifiedAndroidKey) -> KeptAndroid:
    root, app = key.root_of_trust, key.application_id
    return KeptAndroid(
        # Without the leaf's: the app chooses it, and unless it does it is 1 for every key (KeyMint's Tag.aidl,
        # CERTIFICATE_SERIAL). A list that names 1, and a folder may have one, would reject every phone.
        certificate_serials=key.certificate_serials[1:],
        security_level=key.security_level,
        provisioning=key.provisioning,
        attestation_version=key.attestation_version,
        device_locked=root.device_locked if root else None,
        verified_boot_state_raw=root.verified_boot_state_raw if root else None,
        verified_boot_key=root.verified_boot_key if root else None,
        os_version=key.os_version,
        os_patch_level=key.os_patch_level,
        vendor_patch_level=key.vendor_patch_level,
        boot_patch_level=key.boot_patch_level,
        packages=app.packages if app else (),
        signature_digests=app.signature_digests if app else (),
    )
