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
        """`accept` unless the tier is contraindicated, or `reject`; and what policy says of the key, by reasons.

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
            platform=KeptAndroid.of(key), platform_attested_at=now, rasp=None, fresh_formats=(Format.ANDROID_KEY,)
        )
        # The folder's lists are today's, whenever its evidence was recorded.
        verdict = appraise(
            evidence, app=app, policy=self.policy, status_list=self.status_list, status_list_at=now, now=now
        )
        of_the_key = (rule for rule in verdict.applied if rule.format is Format.ANDROID_KEY)
        reasons = tuple(dict.fromkeys(rule.reason.value for rule in of_the_key))
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
