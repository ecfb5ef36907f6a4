"""Receipts are exchanged on schedule: over the real store and client, and a server that speaks Apple's protocol."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from assay_toolkit.simulator import apple_receipt
from assay_toolkit.simulator.apple_parameters import DEVELOPMENT, AppleParameters
from assay_toolkit.simulator.defect import Outcome
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.tamper import TAMPERS
from chalicelib.aws.receipts import DynamoReceipts
from chalicelib.endorsements.apple_roots import APPLE_ANCHORS
from chalicelib.endorsements.trust_anchors import AnchorUse
from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction, Unavailable
from chalicelib.service import refresh_risk_metrics
from chalicelib.service.ports import Event, EventKind
from chalicelib.service.refresh_risk_metrics import RUN_LASTS, Fate, RefreshReport, RiskMetricService
from chalicelib.vendors.bounded_http import HttpClient
from chalicelib.vendors.endpoints import stand_ins
from chalicelib.vendors.risk_metrics import AppleRiskMetrics
from tests.service.adapters import Tap
from tests.service.apple_server import apple_server
from tests.service.world import APPS, SIMULATED, START, register, trust_anchors, with_its_keys

SECRET = "apple-team"
HOUR, DAY = 3_600, 86_400
TEAM_KEY = ec.derive_private_key(7, ec.SECP256R1())
CREDENTIALS = json.dumps(
    {
        "team_id": "A1B2C3D4E5",
        "key_id": "KEY1234567",
        "private_key": TEAM_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
).encode()
RECEIPT_TAMPERS = [tamper for tamper in TAMPERS if tamper.outcome is Outcome.RECEIPT_REFUSED]


def asking(*names):
    """The register in which these apps ask for the risk metric."""
    return register(
        {
            name: {**entry, "apple": {**entry["apple"], "risk_metric_secret": SECRET}} if name in names else entry
            for name, entry in APPS.items()
        }
    )


@dataclass
class KnownSecrets:
    known: dict[str, bytes | Unavailable] = field(default_factory=lambda: {SECRET: CREDENTIALS})

    def read(self, name: str) -> bytes | Unavailable:
        return self.known[name]


@dataclass
class NotedEvents:
    events: list[Event] = field(default_factory=list)

    def raise_event(self, event: Event) -> None:
        self.events.append(event)

    @property
    def said(self):
        return [(event.kind, event.subject, event.detail) for event in self.events]


@pytest.fixture
def apple(world):
    with apple_server(now=world.clock.now) as (server, origin):
        server.origin = origin
        yield server


@pytest.fixture
def store(world):
    return Tap(DynamoReceipts(client=world.tables.client, table=world.tables.instances))


@pytest.fixture
def secrets():
    return KnownSecrets()


@pytest.fixture
def events():
    return NotedEvents()


@pytest.fixture
def job(world, apple, store, secrets, events):
    """The app `bank` asks for the metric."""
    world.documents.publish("apps", asking("bank"))
    world.clock.advance(3)  # what is in force is read again
    client = HttpClient(clock=world.clock, plain_loopback=True)
    return RiskMetricService(
        beliefs=world.beliefs,
        receipts=store,
        metrics=Tap(AppleRiskMetrics(http=client, endpoints=stand_ins(apple.origin))),
        secrets=secrets,
        events=events,
        clock=world.clock,
    )


@pytest.fixture
def enrolled(world, job):  # noqa: ARG001 - `job` has the app ask
    def enrol(*, app="bank", **choices):
        phone = world.phone(ApplePhone, app=app, **choices)
        assert world.enrol(phone).status == 200
        return phone

    return enrol


def metric(world, phone):
    return world.instance(phone.jkt).kept.risk_metric


def receipt_items(world):
    items = world.tables.items(world.tables.instances)
    return [item for item in items if item["id"]["S"].startswith("receipt#")]


class TestKeeping:
    def test_an_app_that_does_not_ask_keeps_none(self, world, enrolled):
        enrolled(app="apple-only")
        assert receipt_items(world) == []

    def test_an_android_phone_has_none(self, world, job):  # noqa: ARG002 - the app asks
        world.enrol(world.phone(AndroidPhone))
        assert receipt_items(world) == []

    def test_the_exact_bytes_are_kept_with_the_enrolment(self, world, enrolled):
        phone = enrolled()
        [item] = receipt_items(world)
        assert apple_receipt.read_fields(item["receipt"]["B"])[apple_receipt.KIND] == b"ATTEST"
        assert (item["jkt"]["S"], item["app"]["S"]) == (phone.jkt, "bank")

    def test_an_enrolment_that_is_overtaken_keeps_none(self, world, job):  # noqa: ARG002 - the app asks
        phone = world.phone(ApplePhone)
        world.challenge_store.before["commit"] = lambda: world.tables.tie(phone.key_id, jkt="another")
        assert world.enrol(phone).status == 403
        assert receipt_items(world) == []

    @pytest.mark.parametrize("tamper", RECEIPT_TAMPERS, ids=lambda tamper: tamper.name)
    def test_a_bad_receipt_costs_the_metric_and_never_the_attestation(self, world, job, apple, events, tamper):
        phone, stranger = world.phone(ApplePhone), world.phone(ApplePhone)
        body = tamper.build(phone=phone, stranger=stranger, challenge=world.challenge())
        assert world.attest(body).claims["ear_status"] == "affirming"
        fate = Fate.ENDED if tamper.expected == "apple_receipt_expired" else Fate.REFUSED
        assert job.refresh().fates == {fate: 1}
        assert apple.asked == []
        assert metric(world, phone) is None
        told = [] if fate is Fate.ENDED else [(EventKind.RECEIPT_REFUSED, "bank", f"{tamper.expected} 1")]
        assert events.said == told
        # Told once, however often it is tried again.
        world.clock.advance(30 * DAY)
        assert job.refresh().fates == ({} if fate is Fate.ENDED else {Fate.REFUSED: 1})
        assert events.said == told
        assert world.renew(phone).status == 200


class TestMeasuring:
    def test_the_metric_is_there_an_hour_after_the_enrolment_and_each_day_anew(self, world, job, apple, enrolled):
        phone = enrolled()
        assert job.refresh().fates == {Fate.MEASURED: 1}
        assert (metric(world, phone).value, metric(world, phone).measured_at) == (3, world.clock.now())
        world.clock.advance(HOUR)
        assert job.refresh().fates == {}
        apple.risk_metric = 40
        world.clock.advance(DAY)
        assert job.refresh().fates == {Fate.MEASURED: 1}
        assert metric(world, phone).value == 40
        # The second time with what Apple gave the first time.
        kinds = [apple_receipt.read_fields(asked.receipt)[apple_receipt.KIND] for asked in apple.asked]
        assert kinds == [b"ATTEST", b"RECEIPT"]

    def test_the_next_renewal_is_judged_by_it_at_no_further_call(self, world, job, apple, enrolled, dynamodb):
        phone = enrolled()
        calls = []
        dynamodb.meta.events.register("before-call.dynamodb.*", lambda model, **_: calls.append(model.name), "count")
        try:
            renewed_before = world.renew(phone)
            before, calls[:] = list(calls), []
            apple.risk_metric = 40
            job.refresh()
            calls.clear()
            renewed_after = world.renew(phone)
        finally:
            dynamodb.meta.events.unregister("before-call.dynamodb.*", unique_id="count")
        assert calls == before
        assert calls.count("TransactWriteItems") == 1
        assert renewed_before.claims["ear_status"] == "affirming"
        assert renewed_after.claims["ear_status"] == "warning"
        reasons = world.decisions.records[-1].reasons
        assert "apple_risk_metric" in reasons

    def test_an_enrolment_of_the_same_keys_shakes_it_off_nowhere(self, world, job, apple, enrolled):
        phone = enrolled()
        apple.risk_metric = 40
        job.refresh()
        known = metric(world, phone)
        again = with_its_keys(phone, purpose=Purpose.ENROL, challenge=world.challenge())
        assert world.attest(again.encode()).claims["ear_status"] == "warning"
        assert metric(world, phone) == known

    def test_each_environment_has_its_server(self, world, job, apple, enrolled):
        enrolled()
        world.documents.publish(
            "apps",
            register(
                {
                    "bank": {
                        **APPS["bank"],
                        "apple": {**APPS["bank"]["apple"], "environment": "development", "risk_metric_secret": SECRET},
                    }
                }
            ),
        )
        world.clock.advance(3)
        enrolled(parameters=AppleParameters(aaguid=DEVELOPMENT))
        assert job.refresh().fates == {Fate.MEASURED: 2}
        assert [asked.path.split("/")[2] for asked in apple.asked] == ["production", "development"]

    def test_apples_own_not_before_is_waited_for(self, world, job, apple, enrolled):
        phone = enrolled()
        later = timedelta(days=30)

        def newer(receipt):
            fields = dict(apple_receipt.read_fields(apple.newer(receipt)))
            fields[apple_receipt.NOT_BEFORE] = apple_receipt._timestamp(world.clock.now() + later)
            return apple_receipt.signed_der(apple_receipt._payload(fields), issuer=apple_receipt.intermediate())

        apple.answers = [newer]
        job.refresh()
        world.clock.advance(29 * DAY)
        assert job.refresh().fates == {}
        world.clock.advance(DAY)
        assert job.refresh().fates == {Fate.MEASURED: 1}
        assert metric(world, phone).measured_at == world.clock.now()

    def test_a_receipt_that_says_when_is_not_asked_with_before(self, world, job, apple, enrolled, store):
        """The index may be old, and clocks go back: what Apple signed counts."""
        enrolled()
        job.refresh()
        [due] = store.real.due(app="bank", now=world.clock.now() + timedelta(days=2), limit=1)
        store.real.postpone(
            store.real.take(due, until=world.clock.now()), due_at=world.clock.now() - timedelta(seconds=1)
        )
        asked = len(apple.asked)
        assert job.refresh().fates == {Fate.UNCHANGED: 1}
        assert len(apple.asked) == asked

    def test_it_ends_with_the_receipt_and_the_last_metric_stays(self, world, job, apple, enrolled):
        phone = enrolled()
        job.refresh()
        known = metric(world, phone)
        apple.answers = [HTTPStatus.NOT_FOUND]
        world.clock.advance(89 * DAY)
        assert job.refresh().fates == {Fate.UNCHANGED: 1}
        world.clock.advance(2 * DAY)
        assert job.refresh().fates == {Fate.ENDED: 1}
        assert metric(world, phone) == known
        [item] = receipt_items(world)
        assert "receipt" not in item


class TestAnswers:
    @pytest.mark.parametrize("status", [HTTPStatus.NOT_MODIFIED, HTTPStatus.NOT_FOUND])
    def test_nothing_newer_is_asked_for_again_a_day_later(self, world, job, apple, enrolled, events, status):
        phone = enrolled()
        apple.answers = [status]
        assert job.refresh().fates == {Fate.UNCHANGED: 1}
        world.clock.advance(DAY - 1)
        assert job.refresh().fates == {}
        world.clock.advance(1)
        # The app attested again on that phone meanwhile.
        assert job.refresh().fates == {Fate.MEASURED: 1}
        assert metric(world, phone).value == 3
        assert events.said == []

    def test_a_receipt_that_apple_does_not_take_is_tried_again_a_day_later(self, world, job, apple, enrolled, events):
        phone = enrolled()
        apple.answers = [HTTPStatus.BAD_REQUEST]
        assert job.refresh().fates == {Fate.REFUSED: 1}
        assert events.said == [(EventKind.RECEIPT_REFUSED, "bank", "apple_receipt_foreign 1")]
        world.clock.advance(DAY - 1)
        assert job.refresh().fates == {}
        world.clock.advance(1)
        assert job.refresh().fates == {Fate.MEASURED: 1}
        assert metric(world, phone).value == 3

    def test_anchors_that_were_wrong_for_days_cost_no_receipt(self, world, job, apple, enrolled, events):
        phones = [enrolled() for _ in range(7)]
        world.documents.publish("trust_anchors", trust_anchors(*APPLE_ANCHORS, use="app_attest_receipt"))
        for day in range(3):
            world.clock.advance(DAY)
            # All of them: what phones send ends no turn.
            assert job.refresh() == RefreshReport(fates={Fate.REFUSED: 7}, finished=True), day
        assert apple.asked == []
        assert events.said == [(EventKind.RECEIPT_REFUSED, "bank", "apple_receipt_signature 7")]
        right = trust_anchors(*SIMULATED[AnchorUse.APP_ATTEST_RECEIPT], use="app_attest_receipt")
        world.documents.publish("trust_anchors", right)
        world.clock.advance(DAY)
        assert job.refresh().fates == {Fate.MEASURED: 7}
        assert {metric(world, phone).value for phone in phones} == {3}

    def test_some_refusals_in_a_row_by_apple_end_the_turn_and_are_told_each_time(
        self, world, job, apple, enrolled, events
    ):
        """It is us, or Apple, and no phone: each of these receipts verified."""
        phones = [enrolled() for _ in range(12)]
        for turn in range(2):
            apple.answers = [HTTPStatus.BAD_REQUEST] * 12
            assert job.refresh() == RefreshReport(fates={Fate.REFUSED: 5}, finished=False)
            assert len(apple.asked) == 5 * (turn + 1)
            world.clock.advance(DAY)
        told = (EventKind.RECEIPT_REFUSED, "bank", "apple_receipt_foreign 5, ended after 5 in a row")
        assert events.said == [told, told]
        apple.answers = []
        assert job.refresh().fates == {Fate.MEASURED: 12}
        assert all(metric(world, phone) for phone in phones)

    def test_refusals_by_apple_between_good_answers_end_no_turn(self, job, apple, enrolled):
        for _ in range(12):
            enrolled()
        apple.answers = [*[HTTPStatus.BAD_REQUEST] * 4, apple.newer, *[HTTPStatus.BAD_REQUEST] * 4, apple.newer]
        assert job.refresh() == RefreshReport(fates={Fate.REFUSED: 8, Fate.MEASURED: 4}, finished=True)

    def test_what_is_refused_for_as_long_as_a_receipt_lives_is_given_up(self, world, job, events):
        [tamper] = [tamper for tamper in RECEIPT_TAMPERS if tamper.name == "receipt_garbage"]
        phone, stranger = world.phone(ApplePhone), world.phone(ApplePhone)
        world.attest(tamper.build(phone=phone, stranger=stranger, challenge=world.challenge()))
        for days in (0, 1, 88):
            world.clock.advance(days * DAY)
            assert job.refresh().fates == {Fate.REFUSED: 1}
        world.clock.advance(DAY)
        assert job.refresh().fates == {Fate.GIVEN_UP: 1}
        [item] = receipt_items(world)
        assert not {"receipt", "due_for", "due_at", "refused_since"} & set(item)
        assert len(events.said) == 1

    def test_a_good_answer_in_between_begins_the_patience_anew(self, world, job, apple, enrolled):
        enrolled()
        apple.answers = [HTTPStatus.BAD_REQUEST]
        job.refresh()
        assert "refused_since" in receipt_items(world)[0]
        world.clock.advance(DAY)
        job.refresh()
        assert "refused_since" not in receipt_items(world)[0]

    @pytest.mark.parametrize(
        "status",
        [
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.INTERNAL_SERVER_ERROR,
            HTTPStatus.SERVICE_UNAVAILABLE,
            HTTPStatus.FOUND,
        ],
    )
    def test_an_outage_ends_the_apps_turn_and_loses_nothing(self, world, job, apple, enrolled, events, status):
        phones = [enrolled() for _ in range(3)]
        apple.answers = [apple.newer, status]
        report = job.refresh()
        assert (report.fates, report.finished) == ({Fate.MEASURED: 1}, False)
        assert len(apple.asked) == 2
        [(kind, subject, detail)] = events.said
        assert (kind, subject) == (EventKind.VENDOR_UNAVAILABLE, "bank")
        assert str(status.value) in detail
        # The next run goes on: with the one that was not asked for, and with the one that failed.
        world.clock.advance(HOUR)
        assert job.refresh().fates == {Fate.MEASURED: 2}
        assert {metric(world, phone).value for phone in phones} == {3}

    @pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN])
    def test_credentials_that_apple_does_not_take_are_a_persons_business(
        self, world, job, apple, enrolled, events, status
    ):
        phones = [enrolled() for _ in range(3)]
        for _ in range(2):
            apple.answers = [status]
            assert job.refresh() == RefreshReport(fates={}, finished=False)
            world.clock.advance(HOUR)
        told = (EventKind.SECRET_UNUSABLE, "bank", f"Apple does not take the credentials: status {status.value}")
        assert events.said == [told, told]
        assert len(apple.asked) == 2
        assert job.refresh().fates == {Fate.MEASURED: 3}
        assert all(metric(world, phone) for phone in phones)

    @pytest.mark.parametrize("credentials", [b"", b"no JSON", b"{}", CREDENTIALS.replace(b"PRIVATE", b"SECRET")])
    def test_credentials_that_are_none_are_a_persons_business(self, job, apple, enrolled, events, secrets, credentials):
        enrolled()
        secrets.known[SECRET] = credentials
        assert job.refresh() == RefreshReport(fates={}, finished=False)
        [(kind, subject, detail)] = events.said
        assert (kind, subject) == (EventKind.SECRET_UNUSABLE, "bank")
        assert detail.startswith("credentials: ")
        assert apple.asked == []

    def test_half_an_answer_is_none(self, world, job, apple, enrolled, events):
        phone = enrolled()
        apple.half = True
        assert job.refresh().fates == {}
        assert [event.kind for event in events.events] == [EventKind.VENDOR_UNAVAILABLE]
        assert metric(world, phone) is None
        apple.half = False
        world.clock.advance(HOUR)
        assert job.refresh().fates == {Fate.MEASURED: 1}

    @pytest.mark.parametrize(
        "answer", ["of another key", "the same again", "made long ago", "made tomorrow", "garbage"]
    )
    def test_an_answer_that_does_not_verify_changes_nothing(self, world, job, apple, enrolled, events, answer):
        phone, other = enrolled(), world.phone(ApplePhone, app="broker")
        world.documents.publish("apps", asking("bank", "broker"))
        world.clock.advance(3)
        world.enrol(other)
        [of_other] = [item["receipt"]["B"] for item in receipt_items(world) if item["app"]["S"] == "broker"]

        def made(receipt, *, after):
            return apple_receipt.refreshed(
                receipt_of=receipt, risk_metric=0, created_at=world.clock.now() + timedelta(seconds=after)
            )

        answers = {
            "of another key": lambda _receipt: apple.newer(of_other),
            "the same again": lambda receipt: receipt,
            "made long ago": lambda receipt: made(receipt, after=-301),
            "made tomorrow": lambda receipt: made(receipt, after=301),
            "garbage": lambda _receipt: b"a web page",
        }
        apple.answers = [answers[answer]]
        assert job.refresh().fates == {Fate.ANSWER_REFUSED: 1, Fate.MEASURED: 1}
        assert metric(world, phone) is None
        assert [(event.kind, event.subject) for event in events.events] == [(EventKind.RECEIPT_REFUSED, "bank")]
        # What was kept is good still.
        world.clock.advance(DAY)
        assert job.refresh().fates == {Fate.MEASURED: 2}
        assert metric(world, phone).value == 3

    @pytest.mark.parametrize(
        ("number", "value"),
        [
            (apple_receipt.RISK_METRIC, None),
            (apple_receipt.KIND, b"ATTEST"),
            (apple_receipt.ENVIRONMENT, b"sandbox"),
        ],
        ids=["without a metric", "of an attestation", "of the other environment"],
    )
    def test_an_answer_that_apple_signed_and_that_is_none(self, world, job, apple, enrolled, number, value):
        phone = enrolled()

        def newer(receipt):
            fields = {**apple_receipt.read_fields(apple.newer(receipt)), number: value}
            payload = apple_receipt._payload({name: field for name, field in fields.items() if field is not None})
            return apple_receipt.signed_der(payload, issuer=apple_receipt.intermediate())

        apple.answers = [newer]
        assert job.refresh().fates == {Fate.ANSWER_REFUSED: 1}
        assert metric(world, phone) is None


class TestRuns:
    def test_an_apps_secret_that_cannot_be_read_stops_that_app_alone(self, world, job, secrets, events, enrolled):
        other = {**APPS["broker"]["apple"], "risk_metric_secret": "apple-other"}
        world.documents.publish(
            "apps", register({**json.loads(asking("bank"))["apps"], "broker": {**APPS["broker"], "apple": other}})
        )
        world.clock.advance(3)
        secrets.known["apple-other"] = Unavailable("there is none")
        phones = [enrolled(app="broker"), enrolled()]
        assert job.refresh().fates == {Fate.MEASURED: 1}
        assert events.said == [(EventKind.SECRET_UNUSABLE, "broker", "there is none")]
        secrets.known["apple-other"] = CREDENTIALS
        assert job.refresh().fates == {Fate.MEASURED: 1}
        assert all(metric(world, phone) for phone in phones)

    def test_one_apps_outage_is_no_other_apps(self, world, job, apple, enrolled):
        world.documents.publish("apps", asking("bank", "broker"))
        world.clock.advance(3)
        enrolled(app="bank")
        broker = enrolled(app="broker")
        apple.answers = [HTTPStatus.TOO_MANY_REQUESTS]
        assert job.refresh().fates == {Fate.MEASURED: 1}
        assert metric(world, broker) is not None

    def test_an_app_that_asks_no_more_is_left_alone_and_its_receipts_wait(self, world, job, apple, enrolled):
        enrolled()
        world.documents.publish("apps", register())
        world.clock.advance(3)
        assert job.refresh().fates == {}
        assert apple.asked == []
        world.documents.publish("apps", asking("bank"))
        world.clock.advance(3)
        assert job.refresh().fates == {Fate.MEASURED: 1}

    def test_a_run_ends_in_time_and_the_next_one_goes_on_where_it_ended(self, world, job, apple, store, enrolled):
        phones = [enrolled() for _ in range(4)]
        store.before["measured"] = lambda: world.clock.advance(RUN_LASTS)
        report = job.refresh()
        assert (report.fates, report.finished) == ({Fate.MEASURED: 1}, False)
        assert len(apple.asked) == 1
        report = job.refresh()
        assert (report.fates, report.finished) == ({Fate.MEASURED: 3}, True)
        assert all(metric(world, phone) for phone in phones)

    def test_more_than_a_batch_is_done_in_one_run(self, job, enrolled, monkeypatch):
        monkeypatch.setattr(refresh_risk_metrics, "_BATCH", 2)
        for _ in range(5):
            enrolled()
        assert job.refresh().fates == {Fate.MEASURED: 5}

    def test_two_runs_at_once_ask_for_each_receipt_once(self, world, job, apple, store, enrolled):
        """The second run begins while the first one waits for Apple, and both see the same index."""
        for _ in range(3):
            enrolled()
        seen = store.real.due(app="bank", now=world.clock.now(), limit=10)
        second = []

        def meanwhile(receipt):
            second.append(job.refresh())
            return apple.newer(receipt)

        apple.answers = [meanwhile]
        first = job.refresh()
        assert (first.fates, second[0].fates) == ({Fate.MEASURED: 1}, {Fate.MEASURED: 2})
        assert len(apple.asked) == len({asked.receipt for asked in apple.asked}) == len(seen) == 3

    def test_a_run_that_died_leaves_its_receipt_to_a_later_one(self, world, job, store, enrolled):
        phone = enrolled()
        store.broken = {"measured"}
        with pytest.raises(Malfunction):
            job.refresh()
        store.broken = set()
        assert job.refresh().fates == {}
        world.clock.advance(HOUR)
        assert job.refresh().fates == {Fate.MEASURED: 1}
        assert metric(world, phone).value == 3

    def test_an_index_that_is_late_ends_the_turn(self, world, job, store, enrolled):
        """It goes on showing what was taken; a run does not go round in circles."""
        enrolled()
        shown = store.real.due(app="bank", now=world.clock.now(), limit=10)

        @dataclass
        class Late:
            real: object

            def due(self, **_):
                return shown

            def __getattr__(self, name):
                return getattr(self.real, name)

        job._receipts = Late(store.real)
        assert job.refresh().fates == {Fate.MEASURED: 1}

    def test_refusals_are_told_of_a_run_that_ends_in_a_malfunction(self, job, apple, store, enrolled, events):
        for _ in range(3):
            enrolled()
        apple.answers = [HTTPStatus.BAD_REQUEST, apple.newer]
        store.broken = {"measured"}
        with pytest.raises(Malfunction):
            job.refresh()
        assert events.said == [(EventKind.RECEIPT_REFUSED, "bank", "apple_receipt_foreign 1")]

    def test_many_refusals_are_one_event(self, world, job, events):
        [tamper] = [tamper for tamper in RECEIPT_TAMPERS if tamper.name == "receipt_garbage"]
        for _ in range(3):
            phone, stranger = world.phone(ApplePhone), world.phone(ApplePhone)
            world.attest(tamper.build(phone=phone, stranger=stranger, challenge=world.challenge()))
        assert job.refresh().fates == {Fate.REFUSED: 3}
        assert events.said == [(EventKind.RECEIPT_REFUSED, "bank", "apple_receipt_malformed 3")]

    def test_no_event_holds_evidence_or_a_secret(self, world, job, apple, events, enrolled):
        enrolled()
        apple.answers = [HTTPStatus.UNAUTHORIZED]
        job.refresh()
        [item] = receipt_items(world)
        [event] = events.events
        assert item["jkt"]["S"] not in event.detail
        assert "KEY1234567" not in event.detail
        assert event.time == START + timedelta(seconds=world.clock.seconds)

    def test_a_run_ends_before_the_function_is_stopped(self):
        stages = json.loads((Path(__file__).resolve().parents[2] / ".chalice" / "config.json").read_text())["stages"]
        # One receipt: taken, exchanged (5 s) and kept with two writes; each of the store's calls ends within 4 s.
        one_receipt = 3 * 4 + 5
        for stage in stages.values():
            timeout = stage["lambda_functions"]["refresh_risk_metrics"]["lambda_timeout"]
            assert RUN_LASTS + one_receipt < timeout
