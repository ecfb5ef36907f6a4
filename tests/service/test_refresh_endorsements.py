"""Google's list, on a schedule: what can be believed is in force, and what cannot leaves the last good one alone."""

import json
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from assay_toolkit.local.vendors import Failure, Vendor, Vendors
from assay_toolkit.local.vendors import serving as serving_vendors
from assay_toolkit.simulator.roots import ANDROID_ROOT_PEM, APPLE_ROOT_PEM
from chalicelib.aws.clock import SystemClock
from chalicelib.aws.event_log import JsonEventLog
from chalicelib.endorsements.google_roots import GOOGLE_ANCHORS
from chalicelib.model.outcome import Malfunction, Unavailable
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.refresh_endorsements import EndorsementService, Refreshed, RefreshReport
from chalicelib.vendors.bounded_http import HttpClient
from chalicelib.vendors.endpoints import stand_ins
from chalicelib.vendors.google_lists import PublishedList
from tests.service.world import status_list, trust_anchors

KIND = "google_status"
MANY = tuple(range(1, 201))  # a twentieth of them is ten


@dataclass
class Publisher:
    """A `Feed` that gives what it is told, and may have something happen while it is asked."""

    answer: bytes | Unavailable

    def fetch(self):
        self.asked()
        return self.answer

    def asked(self):
        pass


@pytest.fixture
def google():
    return Publisher(status_list(*MANY))


@pytest.fixture
def roots():
    return Publisher(json.dumps([ANDROID_ROOT_PEM.decode()]).encode())


@pytest.fixture
def lines():
    return StringIO()


@pytest.fixture
def events(lines):
    """(kind, subject, detail) of what was raised since it was asked last."""

    def take():
        said = [json.loads(line) for line in lines.getvalue().splitlines()]
        lines.seek(0)
        lines.truncate()
        return [(event["event"], event["subject"], event["detail"]) for event in said]

    return take


@pytest.fixture
def service(documents, beliefs, google, roots, lines, clock):
    return EndorsementService(
        documents=documents,
        beliefs=beliefs,
        status_list=google,
        roots=roots,
        events=JsonEventLog(lines),
        clock=clock,
    )


@pytest.fixture
def stored(tables):
    """Every item of the documents table, in an order of its own."""
    return lambda: sorted(tables.items(tables.documents), key=repr)


def as_pem(key):
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def in_force(documents):
    return documents.real.active().get(KIND)


class TestStatusList:
    def test_the_first_list(self, service, documents, google, events, clock):
        assert service.refresh_status_list() is Refreshed.ACTIVATED
        active = in_force(documents)
        assert documents.real.read(active.digest) == google.answer
        assert (active.revision, active.activated_at, active.fetched_at) == (1, clock.now(), clock.now())
        [line] = documents.real.history(kind=KIND)
        assert (line.author, line.reason) == ("refresh", "200 serial numbers, 0 fewer of those before")
        assert events() == []

    def test_it_is_as_old_as_the_moment_of_asking(self, service, documents, google, clock):
        asked_at = clock.now()
        google.asked = lambda: clock.advance(9)
        service.refresh_status_list()
        active = in_force(documents)
        assert (active.fetched_at, active.activated_at) == (asked_at, asked_at + timedelta(seconds=9))

    def test_the_same_bytes_each_hour_move_their_time_and_write_no_history(self, service, documents, stored, clock):
        service.refresh_status_list()
        first, items = in_force(documents), len(stored())
        for _ in range(24):
            clock.advance(3_600)
            assert service.refresh_status_list() is Refreshed.UNCHANGED
        active = in_force(documents)
        assert active.fetched_at == clock.now()
        assert (active.digest, active.revision, active.activated_at) == (first.digest, 1, first.activated_at)
        assert len(stored()) == items

    def test_phones_are_judged_by_it_and_by_its_age(self, world, service, google, android):
        assert world.enrol(android).status == 200
        serial = world.instance(android.jkt).kept.certificate_serials[0]
        google.answer = status_list(*MANY, serial)
        service.refresh_status_list()
        world.clock.advance(3_600)
        assert service.refresh_status_list() is Refreshed.UNCHANGED
        world.clock.advance(60)
        assert world.renew(android).status == 200
        record = world.decisions.records[-1]
        assert [reason.value for reason in record.reasons] == ["android_batch_key_revoked"]
        assert record.endorsement_ages == {"google_status": 60}

    def test_the_same_serials_in_another_spelling_are_no_loss(self, service, documents, google):
        """Compared as integers: neither zeros nor case make a serial another one."""
        service.refresh_status_list()
        spelt = {f"00{serial:X}": {"status": "SUSPENDED"} for serial in MANY}
        google.answer = json.dumps({"entries": spelt}).encode()
        assert service.refresh_status_list() is Refreshed.ACTIVATED
        assert in_force(documents).revision == 2

    @pytest.mark.parametrize(
        ("before", "after", "accepted"),
        [
            (MANY, MANY[10:], True),
            (MANY, MANY[11:], False),
            (MANY, (*MANY[11:], *range(1_000, 2_000)), False),  # longer, and yet eleven are gone
            (MANY[:6], MANY[5:6], True),
            (MANY[:7], MANY[6:7], False),
            (MANY[:5], (1_000,), True),
            (MANY[:6], (1_000,), False),
            (MANY[:1], MANY, True),
        ],
    )
    def test_how_much_may_go(self, service, documents, google, events, stored, before, after, accepted):
        documents.publish(KIND, status_list(*before))
        google.answer = status_list(*after)
        untouched = stored()
        outcome = service.refresh_status_list()
        if accepted:
            assert outcome is Refreshed.ACTIVATED
            assert documents.real.read(in_force(documents).digest) == google.answer
            assert events() == []
        else:
            assert outcome is Refreshed.REFUSED
            assert stored() == untouched
            gone = len({*before} - {*after})
            said = f"{gone} of {len(before)} serial numbers are gone, {len(after)} are listed"
            assert events() == [("endorsement_refused", KIND, said)]

    def test_what_goes_bit_by_bit_is_not_believed_for_more_than_a_days_share(
        self, service, documents, google, events, clock
    ):
        """Each hour's five alone would be believed, until nothing is left."""
        service.refresh_status_list()
        outcomes = []
        for hour in range(1, 30):
            clock.advance(3_600)
            google.answer = status_list(*MANY[5 * hour :])
            outcomes.append(service.refresh_status_list())
        assert [number for number, outcome in enumerate(outcomes, 1) if outcome is Refreshed.ACTIVATED] == [1, 2]
        kept = documents.real.read(in_force(documents).digest)
        assert kept == status_list(*MANY[10:])
        [first, *_] = events()
        assert first == (
            "endorsement_refused",
            KIND,
            "15 of 200 serial numbers are gone, 185 are listed, compared with a day ago",
        )

    def test_a_small_loss_each_day_is_believed(self, service, google, clock):
        service.refresh_status_list()
        for day in range(1, 6):
            clock.advance(24 * 3_600)
            google.answer = status_list(*MANY[7 * day :])
            assert service.refresh_status_list() is Refreshed.ACTIVATED

    def test_a_loss_that_a_person_put_in_force_is_where_the_next_comparison_begins(
        self, service, documents, google, clock
    ):
        service.refresh_status_list()
        clock.advance(60)
        documents.publish(KIND, status_list(*MANY[100:]))
        clock.advance(60)
        google.answer = status_list(*MANY[105:])
        assert service.refresh_status_list() is Refreshed.ACTIVATED
        clock.advance(3_600)
        google.answer = status_list(*MANY[106:])
        assert service.refresh_status_list() is Refreshed.REFUSED

    @pytest.mark.parametrize("before", [None, b"{}", status_list()], ids=["none", "one that does not parse", "empty"])
    @pytest.mark.parametrize(("count", "believed"), [(99, False), (100, True)])
    def test_a_first_list_is_of_a_size_that_googles_could_have(
        self, service, documents, google, events, before, count, believed
    ):
        if before is not None:
            documents.publish(KIND, before)
        google.answer = status_list(*MANY[:count])
        assert service.refresh_status_list() is (Refreshed.ACTIVATED if believed else Refreshed.REFUSED)
        told = [] if believed else ["99 serial numbers are listed, too few for a first list"]
        assert [detail for _, _, detail in events()] == told

    @pytest.mark.parametrize("lists", [True, False], ids=["a list in force", "none"])
    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"<html>",
            b"{}",
            b'{"entries":{}}',
            b'{"entries":{"xyz":{"status":"REVOKED"}}}',
            status_list(*MANY)[:-1],
        ],
        ids=["nothing", "a page", "no entries", "an empty list", "no serial", "cut"],
    )
    def test_what_is_no_list_changes_nothing(self, service, google, events, stored, answer, lists):
        if lists:
            service.refresh_status_list()
        untouched = stored()
        google.answer = answer
        assert service.refresh_status_list() is Refreshed.REFUSED
        assert stored() == untouched
        [(kind, subject, detail)] = events()
        assert (kind, subject) == ("endorsement_refused", KIND)
        assert detail.startswith(("the status list", "a key of the status list"))

    def test_an_empty_list_in_force_gets_no_younger(self, service, documents, google, stored):
        """Somebody put it there by hand; that Google gives the same now does not make it Google's."""
        documents.publish(KIND, status_list())
        google.answer, untouched = status_list(), stored()
        assert service.refresh_status_list() is Refreshed.REFUSED
        assert stored() == untouched

    def test_a_publisher_that_does_not_answer(self, service, google, events, stored, clock):
        service.refresh_status_list()
        untouched = stored()
        google.answer = Unavailable("status 500")
        for _ in range(3):
            clock.advance(3_600)
            assert service.refresh_status_list() is Refreshed.NOT_FETCHED
        assert stored() == untouched
        assert events() == [("endorsement_not_fetched", KIND, "status 500")] * 3

    def test_a_list_in_force_that_does_not_parse_is_replaced_by_a_good_one(self, service, documents, beliefs, google):
        documents.publish(KIND, b"{}")
        with pytest.raises(Malfunction):
            beliefs.in_force()
        assert service.refresh_status_list() is Refreshed.ACTIVATED
        assert documents.real.read(in_force(documents).digest) == google.answer

    def test_a_large_list_goes_to_the_bucket_and_is_believed(self, service, beliefs, google, clock):
        google.answer = status_list(*range(1, 20_000))
        assert len(google.answer) > 300 * 1024
        assert service.refresh_status_list() is Refreshed.ACTIVATED
        clock.advance(2)
        assert beliefs.in_force().status_list.lookup([19_999])
        assert service.refresh_status_list() is Refreshed.UNCHANGED

    def test_a_malfunction_of_the_list_keeps_no_root_from_being_compared(
        self, service, documents, roots, google, events
    ):
        service.refresh_status_list()
        google.answer = status_list(*MANY, 1_000)
        roots.answer = json.dumps([APPLE_ROOT_PEM.decode()]).encode()
        documents.broken = {"put"}
        with pytest.raises(Malfunction):
            service.refresh()
        assert [kind for kind, _, _ in events()] == ["endorsement_anchor_unknown"]
        documents.broken = set()
        assert service.refresh() == RefreshReport(status_list=Refreshed.ACTIVATED, roots_known=False)

    @pytest.mark.parametrize("method", ["active", "read", "put", "activate"])
    def test_a_store_that_does_not_answer_is_a_malfunction(self, service, documents, google, method):
        service.refresh_status_list()
        google.answer = status_list(*MANY, 1_000)
        before = in_force(documents)
        documents.broken = {method}
        with pytest.raises(Malfunction) as raised:
            service.refresh_status_list()
        assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
        assert in_force(documents) == before
        documents.broken = set()
        assert service.refresh_status_list() is Refreshed.ACTIVATED


class TestRaces:
    """An operator's activation stands, whenever it comes."""

    THEIRS = status_list(*MANY[:-3], 0xBAD)

    @pytest.mark.parametrize("moment", ["put", "activate"])
    @pytest.mark.parametrize("lists", [True, False], ids=["a list in force", "none"])
    def test_with_a_new_list(self, service, documents, google, events, moment, lists):
        if lists:
            service.refresh_status_list()
        google.answer = status_list(*MANY, 1_000)
        theirs = []
        documents.before[moment] = lambda: theirs.append(documents.publish(KIND, self.THEIRS))
        assert service.refresh_status_list() is Refreshed.OVERTAKEN
        assert in_force(documents).digest == theirs[0]
        assert [line.author for line in documents.real.history(kind=KIND)][-1] == "author@bank.example"
        assert events() == []

    def test_with_the_same_list(self, service, documents, clock):
        service.refresh_status_list()
        clock.advance(3_600)
        documents.before["fetched_again"] = lambda: documents.publish(KIND, self.THEIRS)
        assert service.refresh_status_list() is Refreshed.OVERTAKEN
        active = in_force(documents)
        assert active.revision == 2
        assert active.fetched_at == active.activated_at
        assert documents.real.read(active.digest) == self.THEIRS

    def test_between_reading_what_is_in_force_and_its_document(self, service, documents, google):
        """Compared with the one that was seen; so that one must still be in force for anything to happen."""
        service.refresh_status_list()
        google.answer = status_list(*MANY, 1_000)
        documents.before["read"] = lambda: documents.publish(KIND, self.THEIRS)
        assert service.refresh_status_list() is Refreshed.OVERTAKEN
        assert documents.real.read(in_force(documents).digest) == self.THEIRS

    def test_of_two_refreshes_at_once_one_activates(self, service, documents, google):
        service.refresh_status_list()
        google.answer = status_list(*MANY, 1_000)
        documents.before["activate"] = service.refresh_status_list
        assert service.refresh_status_list() is Refreshed.OVERTAKEN
        assert [line.revision for line in documents.real.history(kind=KIND)] == [1, 2]


class TestRoots:
    @pytest.fixture
    def another(self):
        return as_pem(ec.derive_private_key(7, ec.SECP384R1()).public_key())

    def test_all_known(self, service, events):
        assert service.compare_roots() is True
        assert events() == []

    def test_an_unknown_one_is_told_and_not_trusted(self, service, roots, beliefs, stored, events, clock, another):
        """Each hour, until somebody looked at it."""
        roots.answer = json.dumps([ANDROID_ROOT_PEM.decode(), another, APPLE_ROOT_PEM.decode()]).encode()
        anchors, untouched = beliefs.in_force().anchors, stored()
        for _ in range(2):
            assert service.compare_roots() is False
            [(kind, subject, detail)] = events()
            assert (kind, subject) == ("endorsement_anchor_unknown", "google_roots")
            assert detail.startswith("2, SHA-256 of SPKI: ")
            clock.advance(3_600)
        assert beliefs.in_force().anchors == anchors
        assert stored() == untouched

    def test_what_is_in_force_counts_as_known(self, service, roots, documents):
        """And what is not in force any more does not, built in or not."""
        documents.publish("trust_anchors", trust_anchors(*GOOGLE_ANCHORS))
        assert service.compare_roots() is False
        roots.answer = json.dumps([as_pem(load_der_public_key(anchor.spki)) for anchor in GOOGLE_ANCHORS]).encode()
        assert service.compare_roots() is True

    @pytest.mark.parametrize(
        "answer",
        [b"", b"{}", b"[]", b"[1]", b'["x"]', b"[" * 100_000, b"\xff", b" " * 300_000,
         json.dumps([ANDROID_ROOT_PEM.decode(), ANDROID_ROOT_PEM.decode().replace("MII", "AAA")]).encode()],
        ids=range(9),
    )  # fmt: skip
    def test_what_is_no_list_of_roots(self, service, roots, events, answer):
        roots.answer = answer
        assert service.compare_roots() is False
        [(kind, subject, _)] = events()
        assert (kind, subject) == ("endorsement_refused", "google_roots")

    def test_a_publisher_that_does_not_answer(self, service, roots, events):
        roots.answer = Unavailable("no answer in time")
        assert service.compare_roots() is False
        assert events() == [("endorsement_not_fetched", "google_roots", "no answer in time")]

    def test_anchors_in_force_that_do_not_parse_are_a_malfunction(self, service, documents):
        documents.publish("trust_anchors", b"{}")
        with pytest.raises(Malfunction) as raised:
            service.compare_roots()
        assert raised.value.reason is MalfunctionReason.ENDORSEMENTS_UNAVAILABLE


class TestOverHttp:
    """The feeds that are deployed, and a server that does what Google's does, or fails."""

    @pytest.fixture
    def server(self, clock):
        vendors = Vendors(now=clock.now, status_list=status_list(*MANY), roots=b"[]")
        with serving_vendors(vendors):
            yield vendors

    @pytest.fixture
    def service(self, documents, beliefs, server, lines, clock):
        http, endpoints = HttpClient(clock=SystemClock(), plain_loopback=True), stand_ins(server.origin)
        return EndorsementService(
            documents=documents,
            beliefs=beliefs,
            status_list=PublishedList(http=http, url=endpoints.google_status_list),
            roots=PublishedList(http=http, url=endpoints.google_roots),
            events=JsonEventLog(lines),
            clock=clock,
        )

    def test_the_list_and_the_roots(self, service, server, documents, clock):
        server.roots = json.dumps([ANDROID_ROOT_PEM.decode()]).encode()
        assert service.refresh_status_list() is Refreshed.ACTIVATED
        assert documents.real.read(in_force(documents).digest) == server.status_list
        clock.advance(3_600)
        assert service.refresh_status_list() is Refreshed.UNCHANGED
        assert service.compare_roots() is True

    @pytest.mark.parametrize("failure", [failure for failure in Failure if failure is not Failure.SILENT])
    def test_a_failure_leaves_everything_as_it_was(self, service, server, events, stored, failure):
        """Of the ways to say nothing in time, and of many others, the clients' own tests know more."""
        service.refresh_status_list()
        untouched = stored()
        server.failures[Vendor.GOOGLE_LISTS] = failure
        assert service.refresh_status_list() in {Refreshed.NOT_FETCHED, Refreshed.REFUSED}
        assert service.compare_roots() is False
        assert stored() == untouched
        assert [subject for _, subject, _ in events()] == [KIND, "google_roots"]

    def test_a_huge_list_is_not_fetched(self, service, server, events, stored):
        untouched = stored()
        server.status_list = status_list(*MANY) + b" " * 4 * 1024 * 1024
        assert service.refresh_status_list() is Refreshed.NOT_FETCHED
        assert stored() == untouched
        assert [kind for kind, _, _ in events()] == ["endorsement_not_fetched"]
