"""Use case: what Google publishes about attestation keys, fetched on a schedule and put in force if it can be believed.

Nothing here trusts a new root. Of revocations the newest word counts, unless it looks like a mishap: then the last good
one stays, its age grows, and a person is told.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.google_roots import parse_published_roots
from chalicelib.endorsements.google_status import StatusList, parse_status_list
from chalicelib.model.outcome import Unavailable
from chalicelib.service.beliefs import GOOGLE_STATUS, Beliefs
from chalicelib.service.ports import (
    ActivationConflict,
    ActiveDocument,
    Clock,
    Event,
    EventKind,
    EventLog,
    Feed,
    SnapshotStore,
)

_AUTHOR: Final = "refresh"
_ROOTS: Final = "google_roots"  # no document: the subject of events

# How many serials may go from one list to the next. A revocation is for good, so entries hardly ever go; a suspension
# may end (https://developer.android.com/privacy-and-security/security-key-attestation#certificate_status). A list that
# was cut, or is of another kind, loses many at once: the shorter of two lists then is the one to doubt. Five, because
# one phone maker's suspended batch is a handful of certificates; a twentieth, because lists of thousands may lose more
# in a day of cleaning up. A larger loss that is meant is put in force by hand (`assay endorsements activate`).
_MAY_GO: Final = 5
_MAY_GO_PERCENT: Final = 5
# The same bound holds against the list of so long ago: else what is cut off bit by bit, run by run, is believed.
_DAY: Final = timedelta(days=1)
# Serials at least, where there is nothing to compare with. Google's list had 467 in January 2025, and grows.
_FIRST_LISTS: Final = 100

# Fingerprints in an event. More unknown roots than that at once are one piece of news.
_NAMED: Final = 5


class Refreshed(StrEnum):
    """What became of a fetched snapshot."""

    ACTIVATED = "activated"
    UNCHANGED = "unchanged"  # the bytes in force again: only their time moved
    OVERTAKEN = "overtaken"  # somebody put another one in force meanwhile: theirs stands
    REFUSED = "refused"
    NOT_FETCHED = "not_fetched"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReport:
    """`roots_known`: each root that Google publishes is an anchor in force."""

    status_list: Refreshed
    roots_known: bool


class EndorsementService:
    """`status_list` and `roots`: Google's, as `endorsements.google_status` and `google_roots` name them."""

    def __init__(
        self,
        *,
        documents: SnapshotStore,
        beliefs: Beliefs,
        status_list: Feed,
        roots: Feed,
        events: EventLog,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._beliefs = beliefs
        self._status_list = status_list
        self._roots = roots
        self._events = events
        self._clock = clock

    def refresh(self) -> RefreshReport:
        """One run. A malfunction of the list does not keep the roots from being compared, and is raised afterwards."""
        try:
            refreshed = self.refresh_status_list()
        finally:
            known = self.compare_roots()
        return RefreshReport(status_list=refreshed, roots_known=known)

    def refresh_status_list(self) -> Refreshed:
        """Google's revocation list. Whatever is refused leaves what is in force as it was, to the byte.

        1. Fetch. The time is that of asking: the list is at least as old as that.
        2. It parses and lists something. Google has hundreds of revoked keys: an empty list is none of Google's.
        3. The very bytes in force: their time moves, and nothing else.
        4. Not many of the serials in force are gone, and not many of those of a day ago (`_a_day_ago`). Where nothing
           is in force to compare with, the list is of a size that Google's could have. What does not parse is nothing:
           phones are answered 503 for it, and a good list ends that.
        5. Store, and put in force where the one of step 3 is still in force.

        Raises Malfunction(STORE_UNAVAILABLE).
        """
        # 1.
        asked_at = self._clock.now()
        body = self._status_list.fetch()
        if isinstance(body, Unavailable):
            self._raise_event(EventKind.ENDORSEMENT_NOT_FETCHED, GOOGLE_STATUS, body.detail)
            return Refreshed.NOT_FETCHED
        # 2.
        try:
            fetched = parse_status_list(body)
        except UnusableEndorsement as error:
            return self._refused(str(error))
        if not fetched.entries:
            return self._refused("the status list lists nothing")
        # 3.
        seen = self._documents.active().get(GOOGLE_STATUS)
        before = None if seen is None else self._documents.read(seen.digest)
        if seen is not None and before == body:
            moved = self._documents.fetched_again(kind=GOOGLE_STATUS, seen=seen, fetched_at=asked_at)
            return Refreshed.UNCHANGED if moved else Refreshed.OVERTAKEN
        # 4.
        listed = _serials(before)
        if not listed and len(fetched.entries) < _FIRST_LISTS:
            return self._refused(f"{len(fetched.entries)} serial numbers are listed, too few for a first list")
        gone = len(listed - fetched.entries.keys())
        if doubt := _doubt(listed, fetched):
            return self._refused(doubt)
        if gone and seen is not None and (doubt := _doubt(self._a_day_ago(seen, asked_at=asked_at), fetched)):
            return self._refused(f"{doubt}, compared with a day ago")
        # 5.
        return self._put_in_force(body, fetched, seen=seen, asked_at=asked_at, gone=gone)

    def _a_day_ago(self, seen: ActiveDocument, *, asked_at: datetime) -> AbstractSet[int]:
        """Of the list that was in force then; or of the last one since that a person put in force, who meant it."""
        digest = seen.digest
        for revision in range(seen.revision, 0, -1):
            line = self._documents.activation(kind=GOOGLE_STATUS, revision=revision)
            digest = line.digest
            if line.author != _AUTHOR or line.activated_at <= asked_at - _DAY:
                break
        return _serials(self._documents.read(digest))

    def compare_roots(self) -> bool:
        """True where each root that Google publishes is an anchor in force. An unknown one is for a person to look at:
        whoever could slip a root into this list could forge every phone, if it were believed.

        Raises Malfunction(ENDORSEMENTS_UNAVAILABLE | STORE_UNAVAILABLE)."""
        body = self._roots.fetch()
        if isinstance(body, Unavailable):
            self._raise_event(EventKind.ENDORSEMENT_NOT_FETCHED, _ROOTS, body.detail)
            return False
        try:
            published = parse_published_roots(body)
        except UnusableEndorsement as error:
            self._raise_event(EventKind.ENDORSEMENT_REFUSED, _ROOTS, str(error))
            return False
        trusted = self._beliefs.anchors().android
        unknown = [anchor.spki_sha256 for anchor in published if trusted.by_spki(anchor.spki) is None]
        if unknown:
            named = ", ".join(unknown[:_NAMED])
            self._raise_event(EventKind.ENDORSEMENT_ANCHOR_UNKNOWN, _ROOTS, f"{len(unknown)}, SHA-256 of SPKI: {named}")
        return not unknown

    def _put_in_force(
        self, body: bytes, fetched: StatusList, *, seen: ActiveDocument | None, asked_at: datetime, gone: int
    ) -> Refreshed:
        digest = self._documents.put(kind=GOOGLE_STATUS, body=body)
        try:
            self._documents.activate(
                kind=GOOGLE_STATUS,
                digest=digest,
                expected=None if seen is None else seen.digest,
                author=_AUTHOR,
                reason=f"{len(fetched.entries)} serial numbers, {gone} fewer of those before",
                fetched_at=asked_at,
            )
        except ActivationConflict:
            return Refreshed.OVERTAKEN
        return Refreshed.ACTIVATED

    def _refused(self, detail: str) -> Refreshed:
        self._raise_event(EventKind.ENDORSEMENT_REFUSED, GOOGLE_STATUS, detail)
        return Refreshed.REFUSED

    def _raise_event(self, kind: EventKind, subject: str, detail: str) -> None:
        self._events.raise_event(Event(kind=kind, subject=subject, time=self._clock.now(), detail=detail))


def _doubt(listed: AbstractSet[int], fetched: StatusList) -> str | None:
    """Why `fetched` cannot be what became of `listed`."""
    gone = len(listed - fetched.entries.keys())
    if gone <= max(_MAY_GO, len(listed) * _MAY_GO_PERCENT // 100):
        return None
    return f"{gone} of {len(listed)} serial numbers are gone, {len(fetched.entries)} are listed"


def _serials(body: bytes | None) -> AbstractSet[int]:
    """None where there is no list, or where it does not parse."""
    if body is None:
        return frozenset()
    try:
        return parse_status_list(body).entries.keys()
    except UnusableEndorsement:
        return frozenset()
