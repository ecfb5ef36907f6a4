"""What the service believes and is told before any phone speaks: register, policy and lists, as they are in force.

Documents are immutable and named by digest, so what was parsed once stays true of that digest. Which digests are in
force is one item, `active`, read again and again: an activation reaches every worker within two seconds.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final, Generic, TypeVar

from chalicelib.appraisal import Policy, PolicyInvalid, load_policy
from chalicelib.endorsements.anchors import AnchorSet
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.google_status import StatusList, parse_status_list
from chalicelib.endorsements.register import load_register
from chalicelib.endorsements.trust_anchors import BUILT_IN, AnchorUse, load_trust_anchors
from chalicelib.model.apps import AppRegistration
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.admission import TrustAnchors
from chalicelib.service.ports import ActiveDocument, Clock, DocumentStore

# Seconds of monotonic time. Within the first, `active` is not asked again. Past the second, a worker that could not
# ask any more does not know what it believes: a policy may have been withdrawn meanwhile.
ACTIVE_IS_FRESH = 2.0
ACTIVE_IS_USABLE = 10.0

# Parsed documents per kind. Two are in use while an activation spreads; the rest is for going back and forth.
_KEPT_DOCUMENTS = 4

APPS, POLICY, GOOGLE_STATUS, TRUST_ANCHORS = "apps", "policy", "google_status", "trust_anchors"

_ENDORSEMENTS: Final = (GOOGLE_STATUS, TRUST_ANCHORS)

_NO_ANCHORS: Final = AnchorSet(())

_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """Everything that one submission is judged by, from one reading of `active`.

    `status_list` None: there is none in force, which policy weighs. `status_list_at`: when its publisher last gave it,
    aware UTC. `anchors`: those in force, and the built-in ones for each use that these do not name.
    `endorsements_id` names what is in force of both, "<kind>@<digest>", with a comma in between; `endorsements_at`, by
    kind, when each was last given.
    """

    apps: Mapping[str, AppRegistration]
    policy: Policy
    status_list: StatusList | None
    status_list_at: datetime | None
    anchors: TrustAnchors
    endorsements_id: str | None
    endorsements_at: Mapping[str, datetime]

    def ages(self, now: datetime) -> dict[str, int]:
        """Of the endorsements in force, in seconds, by kind."""
        return {kind: int((now - at).total_seconds()) for kind, at in self.endorsements_at.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """`active` as read at `read_at`; `asked_at` is later where the store did not answer since. Monotonic seconds."""

    active: Mapping[str, ActiveDocument]
    read_at: float
    asked_at: float


class Beliefs:
    """Shared by all requests of a worker, and by its threads where it has some.

    A document in force that does not parse is a Malfunction at once, for as long as it is in force: the one before it
    was taken out of force by somebody, and going on with it in silence would overrule them.

    `built_in`: the anchors of each use that no document in force names. `extra_anchors`: trusted beside all others; and
    `simulated_phones` takes documents that name the simulator's roots. Both are for the local stage alone.
    """

    def __init__(
        self,
        *,
        documents: DocumentStore,
        clock: Clock,
        built_in: Mapping[AnchorUse, AnchorSet] = BUILT_IN,
        extra_anchors: AnchorSet = _NO_ANCHORS,
        simulated_phones: bool = False,
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._lock = Lock()
        self._reading: _Reading | None = None
        self._apps = _Parsing(load_register, UnusableEndorsement, MalfunctionReason.APPS_UNAVAILABLE)
        self._policy = _Parsing(load_policy, PolicyInvalid, MalfunctionReason.POLICY_UNAVAILABLE)
        self._built_in = _anchors_for(built_in, extra=extra_anchors)
        self._anchors = _Parsing(
            lambda document: _anchors_for(
                {**built_in, **load_trust_anchors(document, simulated_phones=simulated_phones).by_use()},
                extra=extra_anchors,
            ),
            UnusableEndorsement,
            MalfunctionReason.ENDORSEMENTS_UNAVAILABLE,
        )
        self._status = _Parsing(parse_status_list, UnusableEndorsement, MalfunctionReason.ENDORSEMENTS_UNAVAILABLE)

    def apps(self) -> Mapping[str, AppRegistration]:
        """The register alone, which is all that a challenge needs.
        Raises Malfunction(APPS_UNAVAILABLE | STORE_UNAVAILABLE)."""
        with self._lock:
            return self._apps.of(self._active().get(APPS), self._documents)

    def anchors(self) -> TrustAnchors:
        """The anchors alone. Raises Malfunction(ENDORSEMENTS_UNAVAILABLE | STORE_UNAVAILABLE)."""
        with self._lock:
            return self._trusted(self._active())

    def in_force(self) -> InForce:
        """Raises Malfunction(APPS_UNAVAILABLE | POLICY_UNAVAILABLE | ENDORSEMENTS_UNAVAILABLE | STORE_UNAVAILABLE)."""
        with self._lock:
            active = self._active()
            listed = active.get(GOOGLE_STATUS)
            return InForce(
                apps=self._apps.of(active.get(APPS), self._documents),
                policy=self._policy.of(active.get(POLICY), self._documents),
                status_list=None if listed is None else self._status.of(listed, self._documents),
                status_list_at=None if listed is None else listed.fetched_at,
                anchors=self._trusted(active),
                endorsements_id=",".join(f"{kind}@{active[kind].digest}" for kind in _ENDORSEMENTS if kind in active)
                or None,
                endorsements_at={kind: active[kind].fetched_at for kind in _ENDORSEMENTS if kind in active},
            )

    def _trusted(self, active: Mapping[str, ActiveDocument]) -> TrustAnchors:
        documented = active.get(TRUST_ANCHORS)
        return self._built_in if documented is None else self._anchors.of(documented, self._documents)

    def _active(self) -> Mapping[str, ActiveDocument]:
        now = self._clock.monotonic()
        last = self._reading
        if last is None:
            return self._read(now)
        if now - last.asked_at < ACTIVE_IS_FRESH:
            return _usable(last, now)
        try:
            return self._read(now)
        except Malfunction:
            # The time again: a store that does not answer takes seconds to say so.
            now = self._clock.monotonic()
            self._reading = _Reading(active=last.active, read_at=last.read_at, asked_at=now)
            return _usable(self._reading, now)

    def _read(self, now: float) -> Mapping[str, ActiveDocument]:
        active = self._documents.active()
        self._reading = _Reading(active=active, read_at=now, asked_at=now)
        return active


def _usable(reading: _Reading, now: float) -> Mapping[str, ActiveDocument]:
    if now - reading.read_at >= ACTIVE_IS_USABLE:
        raise Malfunction(MalfunctionReason.STORE_UNAVAILABLE, "what is in force could not be read for 10 s")
    return reading.active


def _anchors_for(uses: Mapping[AnchorUse, AnchorSet], *, extra: AnchorSet) -> TrustAnchors:
    return TrustAnchors(
        android=uses[AnchorUse.ANDROID_KEY] + extra,
        apple=uses[AnchorUse.APP_ATTEST] + extra,
        apple_receipts=uses[AnchorUse.APP_ATTEST_RECEIPT] + extra,
    )


class _Parsing(Generic[_Parsed]):
    """One kind of document: parsed once per digest, the failure to parse remembered like the success."""

    def __init__(
        self, parse: Callable[[bytes], _Parsed], invalid: type[ValueError], unavailable: MalfunctionReason
    ) -> None:
        self._parse = parse
        self._invalid = invalid
        self._unavailable = unavailable
        self._known: OrderedDict[str, _Parsed | ValueError] = OrderedDict()

    def of(self, active: ActiveDocument | None, documents: DocumentStore) -> _Parsed:
        if active is None:
            raise Malfunction(self._unavailable, "none is in force")
        digest = active.digest
        if digest not in self._known:
            body = documents.read(digest)
            try:
                self._known[digest] = self._parse(body)
            except self._invalid as error:
                self._known[digest] = error
            while len(self._known) > _KEPT_DOCUMENTS:
                self._known.popitem(last=False)
        self._known.move_to_end(digest)
        known = self._known[digest]
        if isinstance(known, ValueError):
            raise Malfunction(self._unavailable, f"{digest} in force does not parse: {known}") from known
        return known
