"""A vendor's server fails in every way there is a name for, and docs/outages.md says what then happens."""

import base64
import json
import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from assay_toolkit.local.vendors import Vendors
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone
from assay_toolkit.simulator.play_integrity import PlayServices, Request, SimulatedPlay
from chalicelib.appraisal.claims import REGISTRY
from chalicelib.appraisal.failures import Failure
from chalicelib.aws.clock import SystemClock
from chalicelib.aws.receipts import DynamoReceipts
from chalicelib.model.reasons import AppraisalReason, RefusalReason
from chalicelib.service.ports import DecisionOutcome, EventKind
from chalicelib.service.refresh_endorsements import EndorsementService, Refreshed
from chalicelib.service.refresh_risk_metrics import RiskMetricService
from chalicelib.vendors.bounded_http import HttpClient
from chalicelib.vendors.endpoints import stand_ins
from chalicelib.vendors.google_lists import PublishedList
from chalicelib.vendors.play_integrity import GooglePlayIntegrityDecoder
from chalicelib.vendors.risk_metrics import AppleRiskMetrics
from tests.service.world import APPS, STAGE, register, status_list
from tests.vendors.faulty import FAULTS, FaultyServer, listening
from tests.vendors.keys import pem, self_signed
from tests.vendors.test_faults import DOCUMENTED, HASTE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "outages.md").read_text(encoding="utf-8")
PATHS = stand_ins("")
DECODE = f"{PATHS.google_play_integrity}/v1/com.example.bank:decodeIntegrityToken"
MANY = tuple(range(1, 201))
KEY_FILE = {
    "type": "service_account",
    "private_key_id": "1",
    "private_key": pem(rsa.generate_private_key(public_exponent=65_537, key_size=2_048)),
    "client_email": "decoder@a-project.iam.gserviceaccount.com",
}
ACCESS_TOKEN = b'{"access_token":"ya29.a","expires_in":3599,"token_type":"Bearer"}'


def ending_as(column, outcome):
    return [fault for fault in FAULTS if DOCUMENTED[fault.name][column] == outcome]


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """Of a server that has `fault` at `path`: its URLs, and how patient its client should be."""
    _, tls = self_signed(tmp_path_factory.mktemp("tls"))

    @contextmanager
    def serve(fault, path, good):
        server = FaultyServer(good=good, fault=fault, at=path, tls=tls if fault.untrusted else None)
        server.elsewhere = "http://127.0.0.1:9/"
        with listening(server):
            yield stand_ins(server.origin), HASTE if fault.hasty else 30

    return serve


@pytest.fixture
def http():
    return HttpClient(clock=SystemClock(), plain_loopback=True)


class TestPlayIntegrity:
    """Phones whose app sends a standard token, and Google cannot be asked about it."""

    @pytest.fixture
    def enrol(self, world, http, secretsmanager, failing):
        """A new phone's answer, while Google fails so. The day's budget is large enough for all."""
        android = APPS["standard"]["android"]
        integrity = {**android["play_integrity"], "daily_calls": 1_000}
        asks = {**APPS["standard"], "android": {**android, "play_integrity": integrity}}
        world.documents.publish("apps", register({**APPS, "standard": asks}))
        name = f"assay/{STAGE}/play-integrity/play-standard"
        secret = secretsmanager.create_secret(Name=name, SecretString="{}")["ARN"]

        def act(fault, path):
            world.clock.advance(3_600)  # another run of the service's caches
            world.decisions.records.clear()
            world.events.events.clear()
            with failing(fault, path, {PATHS.google_token: ACCESS_TOKEN, DECODE: b"{}"}) as (endpoints, patience):
                account = {**KEY_FILE, "token_uri": endpoints.google_token}
                secretsmanager.put_secret_value(SecretId=secret, SecretString=json.dumps({"standard": account}))
                decoder = GooglePlayIntegrityDecoder(
                    http=http, clock=world.clock, endpoints=endpoints, patience=patience
                )
                world.attestations._play_integrity = replace(world.attestations._play_integrity, decoder=decoder)
                services = PlayServices(request=Request.STANDARD, play=SimulatedPlay(clock=world.clock.now))
                return world.enrol(world.phone(AndroidPhone, app="standard", play_integrity=services))

        yield act
        secretsmanager.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)

    def test_the_phones_get_tokens_that_say_less(self, world, enrol):
        for fault in ending_as("decode call", "unavailable"):
            answer = enrol(fault, DECODE)
            assert (answer.status, answer.claims["ear_status"]) == (200, "warning"), fault.name
            assert answer.claims["submods"]["android_key"]["ear_status"] == "affirming"
            [record] = [seen for seen in world.decisions.records if seen.outcome is DecisionOutcome.TOKEN]
            assert record.reasons == (AppraisalReason.PLAY_INTEGRITY_UNAVAILABLE,)
            [(kind, subject, detail)] = world.events.said
            assert (kind, subject) == (EventKind.VENDOR_UNAVAILABLE, "standard")
            # A hasty client may be out of time with the access token already; a certificate is its server's too.
            assert fault.hasty or fault.untrusted or not detail.startswith("access token")

    def test_nor_is_an_access_token_had(self, world, enrol):
        # Each of them is played against the client in tests/vendors; here it is another place that fails.
        for fault in ending_as("access token", "unavailable")[::6]:
            assert enrol(fault, PATHS.google_token).claims["ear_status"] == "warning", fault.name
            [(kind, _, detail)] = world.events.said
            assert kind is EventKind.VENDOR_UNAVAILABLE
            assert detail.startswith("access token: ")


class TestLists:
    """A good list is in force, and the next one does not come, or not whole."""

    @pytest.fixture
    def refresh(self, documents, beliefs, world, http, failing):
        """(outcome of the list, whether the roots were compared), while Google fails so."""
        documents.publish("google_status", status_list(*MANY))

        def act(fault, path):
            good = {PATHS.google_status_list: status_list(*MANY, 999), PATHS.google_roots: b'["x"]'}
            with failing(fault, path, good) as (endpoints, patience):
                service = EndorsementService(
                    documents=documents,
                    beliefs=beliefs,
                    status_list=PublishedList(http=http, url=endpoints.google_status_list, patience=patience),
                    roots=PublishedList(http=http, url=endpoints.google_roots, patience=patience),
                    events=world.events,
                    clock=world.clock,
                )
                return service.refresh_status_list() if path == PATHS.google_status_list else service.compare_roots()

        return act

    @pytest.mark.parametrize(
        ("outcome", "refreshed", "event"),
        [
            ("unavailable", Refreshed.NOT_FETCHED, EventKind.ENDORSEMENT_NOT_FETCHED),
            ("as sent", Refreshed.REFUSED, EventKind.ENDORSEMENT_REFUSED),
        ],
    )
    def test_the_last_good_list_stays(self, documents, refresh, world, outcome, refreshed, event):
        before = documents.real.active()["google_status"]
        for fault in ending_as("lists", outcome):
            world.events.events.clear()
            world.clock.advance(3_600)
            assert refresh(fault, PATHS.google_status_list) is refreshed, fault.name
            assert [(kind, subject) for kind, subject, _ in world.events.said] == [(event, "google_status")]
        assert documents.real.active()["google_status"] == before

    def test_a_list_that_only_has_the_wrong_type_is_put_in_force(self, refresh):
        [fault] = ending_as("lists", "taken")
        assert refresh(fault, PATHS.google_status_list) is Refreshed.ACTIVATED

    @pytest.mark.parametrize(
        ("outcome", "event"),
        [("unavailable", EventKind.ENDORSEMENT_NOT_FETCHED), ("as sent", EventKind.ENDORSEMENT_REFUSED)],
    )
    def test_the_roots_are_compared_another_time(self, refresh, world, outcome, event):
        for fault in ending_as("lists", outcome):
            world.events.events.clear()
            assert refresh(fault, PATHS.google_roots) is False, fault.name
            assert [(kind, subject) for kind, subject, _ in world.events.said] == [(event, "google_roots")]


class TestRiskMetric:
    """An instance whose receipt is due, and Apple cannot be asked."""

    def test_the_instance_is_left_as_it_was(self, world, http, failing):
        credentials = json.dumps(Vendors(now=world.clock.now, status_list=b"", roots=b"").apple_credentials).encode()
        asks = {**APPS["bank"], "apple": {**APPS["bank"]["apple"], "risk_metric_secret": "team"}}
        world.documents.publish("apps", register({**APPS, "bank": asks}))
        world.clock.advance(3)  # what is in force is read again
        phone = world.phone(ApplePhone)
        assert world.enrol(phone).status == 200
        before = world.instance(phone.jkt)

        class Team:
            def read(self, _name):
                return credentials

        for fault in ending_as("risk metric", "unavailable"):
            world.clock.advance(timedelta(days=1).total_seconds())  # the hold of the last run is over
            world.events.events.clear()
            good = {PATHS.apple_production: base64.b64encode(bytes(4_000))}
            with failing(fault, PATHS.apple_production, good) as (endpoints, patience):
                report = RiskMetricService(
                    beliefs=world.beliefs,
                    receipts=DynamoReceipts(client=world.tables.client, table=world.tables.instances),
                    metrics=AppleRiskMetrics(http=http, endpoints=endpoints, patience=patience),
                    secrets=Team(),
                    events=world.events,
                    clock=world.clock,
                ).refresh()
            assert (dict(report.fates), report.finished) == ({}, False), fault.name
            assert [(kind, subject) for kind, subject, _ in world.events.said] == [
                (EventKind.VENDOR_UNAVAILABLE, "bank")
            ]
        assert world.instance(phone.jkt) == before
        assert world.renew(phone).status == 200


def test_the_page_says_words_that_there_are():
    section = PAGE.partition("## What it means")[2].partition("## ")[0]
    words = {word for word in re.findall(r"`([a-z_.]+)`", section) if word != "unavailable"}
    known = {*EventKind, *AppraisalReason, *RefusalReason, *REGISTRY, *Failure}
    assert words <= known
    assert {"vendor_unavailable", "endorsement_not_fetched", "play_integrity.status"} <= words
