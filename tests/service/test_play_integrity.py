"""Google Play's verdict beside a submission: who is asked, what it costs, what stays, and what an outage leaves."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from assay_toolkit.local import vendors
from assay_toolkit.local.vendors import Failure, Vendor, Vendors
from assay_toolkit.simulator.phone import AndroidPhone
from assay_toolkit.simulator.play_integrity import CLASSIC_SECRET, VERDICTS, PlayServices, Request, SimulatedPlay
from chalicelib.model.claims import KeptAndroid
from chalicelib.model.descriptor import Purpose
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import AppraisalReason, MalfunctionReason, RefusalReason
from chalicelib.model.submission import Format, PlayIntegrityRequest
from chalicelib.service.play_integrity import DAILY_CALLS_OF_AN_INSTANCE
from chalicelib.service.ports import DecisionOutcome, EventKind
from chalicelib.vendors.bounded_http import HttpClient
from chalicelib.vendors.endpoints import stand_ins
from chalicelib.vendors.play_integrity import GooglePlayIntegrityDecoder
from tests.service.adapters import Tap
from tests.service.world import DAILY_CALLS, LEASE, STAGE, with_its_keys

SECRET, GENEROUS = f"assay/{STAGE}/play-integrity/play-standard", f"assay/{STAGE}/play-integrity/play-generous"
ACCOUNT_WITHOUT_KEY_ID = {
    "type": "service_account",
    "client_email": "a@b.example",
    "private_key": "a key",
    "token_uri": "https://oauth2.googleapis.com/token",
}
SOUND, ROOTED = VERDICTS["sound"], VERDICTS["rooted"]


class MovableClock:
    """A server outlives the tests, each of which has a clock of its own."""

    def __init__(self):
        self.now = None

    def __call__(self):
        return self.now()


@pytest.fixture(scope="module")
def servers():
    clock = MovableClock()
    stand_in = Vendors(now=clock, status_list=b"{}", roots=b"[]")
    with vendors.serving(stand_in) as origin:
        yield stand_in, origin, clock


@pytest.fixture
def google(world, servers, secretsmanager):
    """Google's servers, and a service account that may ask them for the apps `standard` and `generous`."""
    stand_in, origin, clock = servers
    clock.now = world.clock.now
    stand_in.failures.clear()
    stand_in.asked.clear()
    document = json.dumps({"standard": stand_in.service_account})
    for name in (SECRET, GENEROUS):
        secretsmanager.create_secret(Name=name, SecretString=document)
    decoder = GooglePlayIntegrityDecoder(
        http=HttpClient(clock=world.clock, plain_loopback=True), clock=world.clock, endpoints=stand_ins(origin)
    )
    world.attestations._play_integrity = replace(world.attestations._play_integrity, decoder=decoder)
    yield stand_in
    for name in (SECRET, GENEROUS):
        secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def classic(world):
    """A phone whose app sends a classic token with each submission."""
    play = SimulatedPlay(clock=world.clock.now, randomness=world.phones.token_bytes)
    return world.phone(AndroidPhone, play_integrity=PlayServices(play=play))


@pytest.fixture
def standard(world, google):
    services = PlayServices(request=Request.STANDARD, play=google.play)
    return world.phone(AndroidPhone, app="standard", play_integrity=services)


def says(phone, verdict):
    """What Google says of the phone from now on; None: its app asks no more."""
    if verdict is None:
        phone.play_integrity = None
    else:
        phone.play_integrity = replace(phone.play_integrity, verdict=verdict)


def kept(world, phone):
    return world.instance(phone.jkt).kept.play_integrity


def record(world):
    return [seen for seen in world.decisions.records if seen.outcome is DecisionOutcome.TOKEN][-1]


class TestVerdicts:
    @pytest.mark.parametrize("name", ["classic", "standard"])
    def test_a_sound_phone_is_trusted_and_its_verdict_kept(self, world, request, name):
        phone = request.getfixturevalue(name)
        assert world.enrol(phone).claims["ear_status"] == "affirming"
        assert record(world).formats == (Format.ANDROID_KEY, Format.PLAY_INTEGRITY, Format.RASP)
        stands = kept(world, phone)
        assert stands.verified_at == world.clock.now()
        assert stands.verdict.request is PlayIntegrityRequest(name)
        assert (stands.verdict.package, stands.verdict.device_recognition) == (
            "com.example.bank",
            ("MEETS_BASIC_INTEGRITY", "MEETS_DEVICE_INTEGRITY", "MEETS_STRONG_INTEGRITY"),
        )
        assert world.events.said == []

    @pytest.mark.parametrize("name", ["classic", "standard"])
    def test_a_rooted_phone_is_low_and_not_refused(self, world, request, name):
        phone = request.getfixturevalue(name)
        says(phone, ROOTED)
        answer = world.enrol(phone)
        assert answer.status == 200
        assert answer.claims["submods"]["play_integrity"]["ear_status"] == "contraindicated"
        assert answer.claims["submods"]["android_key"]["ear_status"] == "affirming"
        assert AppraisalReason.PLAY_DEVICE_INTEGRITY in record(world).reasons

    def test_a_test_response_counts_in_test_stages_alone(self, world, classic):
        says(classic, VERDICTS["test_response"])
        assert world.enrol(classic).status == 403
        assert world.refusal is RefusalReason.PLAY_INTEGRITY_TESTING
        world.attestations._play_integrity = replace(world.attestations._play_integrity, allow_test_responses=True)
        assert world.enrol(classic).status == 200
        assert kept(world, classic).verdict.testing is True


class TestWhoMaySendOne:
    def test_not_an_app_that_is_not_registered_for_any(self, world, classic):
        classic.app = "no-integrity"
        answer = world.enrol(classic)
        assert (answer.status, world.refusal) == (400, RefusalReason.PLAY_INTEGRITY_NOT_CONFIGURED)

    def test_not_an_app_that_is_registered_for_the_other_kind(self, world, classic, standard):
        classic.app, standard.app = "standard", "bank"
        for phone in (classic, standard):
            assert world.enrol(phone).status == 400
            assert world.refusal is RefusalReason.PLAY_INTEGRITY_NOT_CONFIGURED

    @pytest.mark.parametrize("purpose", Purpose)
    def test_not_an_apple_phone(self, world, apple, classic, purpose):
        world.enrol(apple)
        submission = with_its_keys(apple, purpose=purpose, challenge=world.challenge(purpose))
        token = classic.play_integrity.member(bound=submission.binding, app=classic.key_parameters())
        answer = world.attest(replace(submission, play_integrity=token).encode())
        assert (answer.status, world.refusal) == (400, RefusalReason.EVIDENCE_COMBINATION)

    def test_not_a_renewal_of_an_apple_instance_without_its_assertion(self, world, apple, classic):
        world.enrol(apple)
        submission = apple.renewal(challenge=world.challenge(Purpose.RENEW))
        token = classic.play_integrity.member(bound=submission.binding, app=classic.key_parameters())
        world.attest(replace(submission, statement=None, play_integrity=token).encode())
        assert world.refusal is RefusalReason.EVIDENCE_COMBINATION

    def test_nothing_is_enrolled_then(self, world, classic):
        classic.app = "no-integrity"
        world.enrol(classic)
        assert world.tables.items(world.tables.instances) == []


class TestBinding:
    def test_a_token_serves_one_submission(self, world, classic):
        """Why no store remembers tokens: the same one, beside another submission of the same phone."""
        world.enrol(classic)
        first = classic.renewal(challenge=world.challenge(Purpose.RENEW))
        assert world.attest(first.encode()).status == 200
        again = replace(classic.renewal(challenge=world.challenge(Purpose.RENEW)), play_integrity=first.play_integrity)
        assert world.attest(again.encode()).status == 403
        assert world.refusal is RefusalReason.PLAY_INTEGRITY_BINDING

    def test_a_token_of_a_sound_phone_does_not_serve_another(self, world, google, standard):
        sound = PlayServices(request=Request.STANDARD, play=google.play)
        other = world.phone(AndroidPhone, app="standard", play_integrity=sound)
        submission = standard.enrolment(challenge=world.challenge(app="standard"))
        lent = other.enrolment(challenge=world.challenge(app="standard")).play_integrity
        assert world.attest(replace(submission, play_integrity=lent).encode()).status == 403
        assert world.refusal is RefusalReason.PLAY_INTEGRITY_BINDING


class TestTheInstanceKeepsIt:
    def test_a_renewal_without_a_token_is_judged_by_the_verdict_that_stands(self, world, classic):
        says(classic, ROOTED)
        world.enrol(classic)
        stands = kept(world, classic)
        says(classic, None)
        world.clock.advance(3 * 3600)
        answer = world.renew(classic)
        assert answer.claims["submods"]["play_integrity"]["ear_status"] == "contraindicated"
        assert kept(world, classic) == stands

    def test_a_renewal_that_brings_one_replaces_it_and_nothing_else(self, world, classic):
        says(classic, ROOTED)
        world.enrol(classic)
        before = world.instance(classic.jkt)
        says(classic, SOUND)
        world.clock.advance(3600)
        assert world.renew(classic).claims["ear_status"] == "affirming"
        after = world.instance(classic.jkt)
        assert after.kept.play_integrity.verified_at == world.clock.now()
        kept_before = replace(after.kept, play_integrity=before.kept.play_integrity)
        assert replace(after, kept=kept_before, history=before.history) == before

    def test_a_phone_that_turns_bad_is_found_by_a_renewal(self, world, classic):
        world.enrol(classic)
        says(classic, ROOTED)
        assert world.renew(classic).claims["ear_status"] == "contraindicated"
        says(classic, None)
        assert world.renew(classic).claims["ear_status"] == "contraindicated"

    def test_enrolling_the_same_key_again_without_a_token_does_not_shake_it_off(self, world, classic):
        says(classic, ROOTED)
        world.enrol(classic)
        stands = kept(world, classic)
        says(classic, None)
        again = with_its_keys(classic, purpose=Purpose.ENROL, challenge=world.challenge())
        assert world.attest(again.encode()).claims["ear_status"] == "contraindicated"
        assert kept(world, classic) == stands

    def test_nor_does_an_enrolment_that_began_before_the_verdict(self, world, classic):
        """The instance was read without a verdict; a renewal of the same phone brings one before the commit."""
        says(classic, None)
        world.enrol(classic)
        again = with_its_keys(classic, purpose=Purpose.ENROL, challenge=world.challenge())
        classic.play_integrity = PlayServices(play=SimulatedPlay(clock=world.clock.now), verdict=ROOTED)
        renewal = classic.build_renewal(challenge=world.challenge(Purpose.RENEW))
        world.challenge_store.before["commit"] = lambda: world.attest(renewal)
        assert world.attest(again.encode()).status == 200
        assert kept(world, classic).verdict.device_recognition == ()

    def test_enrolling_the_same_key_again_with_a_token_replaces_it(self, world, classic):
        says(classic, ROOTED)
        world.enrol(classic)
        says(classic, SOUND)
        again = with_its_keys(classic, purpose=Purpose.ENROL, challenge=world.challenge())
        token = classic.play_integrity.member(bound=again.binding, app=classic.key_parameters())
        assert world.attest(replace(again, play_integrity=token).encode()).claims["ear_status"] == "affirming"
        assert kept(world, classic).verdict.device_recognition != ()

    def test_a_new_key_starts_without_one_which_policy_may_mind(self, world, classic, policy):
        required = json.loads(policy)
        required["required"]["android"]["enrol"].append("play_integrity")
        world.documents.publish("policy", json.dumps(required, separators=(",", ":"), sort_keys=True).encode())
        world.clock.advance(3)
        says(classic, ROOTED)
        world.enrol(classic)
        says(classic, None)
        assert world.enrol(classic).claims["ear_status"] == "warning"
        assert record(world).reasons == (AppraisalReason.PLAY_INTEGRITY_MISSING,)

    def test_a_blocked_instance_brings_nothing(self, world, classic):
        world.enrol(classic)
        stands = kept(world, classic)
        world.clock.advance(60)
        body = classic.build_renewal(challenge=world.challenge(Purpose.RENEW))
        world.challenge_store.before["commit"] = lambda: world.tables.alter_instance(classic.jkt, blocked=True)
        assert world.attest(body).status == 403
        assert (world.refusal, kept(world, classic)) == (RefusalReason.INSTANCE_BLOCKED, stands)

    def test_an_instance_of_before_there_were_verdicts_is_read(self, world, classic):
        says(classic, None)
        world.enrol(classic)
        [item] = world.tables.items(world.tables.instances)
        older = json.loads(item["kept"]["S"])
        del older["attest_key"]
        world.tables.alter_instance(classic.jkt, kept=json.dumps(older))
        assert "play_integrity" not in item
        assert isinstance(world.instance(classic.jkt).kept, KeptAndroid)
        assert world.renew(classic).claims["ear_status"] == "affirming"


def counted(world):
    """Calls as counted, by all that they are counted for."""
    items = [item for item in world.tables.items(world.tables.nonces) if item["id"]["S"].startswith("budget#")]
    return {item["id"]["S"]: int(item["calls"]["N"]) for item in items}


def budget(world):
    """Those of apps, by day."""
    return {name: calls for name, calls in counted(world).items() if name.count("#") == 3}


def renew_with(world, phone, token):
    """A good renewal beside any token."""
    renewal = phone.renewal(challenge=world.challenge(Purpose.RENEW, app=phone.app))
    return world.attest(replace(renewal, play_integrity={"request": "standard", "token": token}).encode())


class TestBudget:
    def test_a_standard_token_costs_a_call_and_a_classic_one_none(self, world, classic, standard):
        world.enrol(classic)
        assert budget(world) == {}
        world.enrol(standard)
        assert budget(world) == {"budget#standard#play_integrity#2026-11-20": 1}

    def test_a_spent_budget_is_an_event_and_a_medium_verdict_and_no_call(self, world, google, standard):
        for _ in range(DAILY_CALLS):
            assert world.enrol(standard).claims["ear_status"] == "affirming"
        answer = world.enrol(standard)
        assert (answer.status, answer.claims["ear_status"]) == (200, "warning")
        assert answer.claims["submods"]["play_integrity"]["ear_status"] == "warning"
        assert record(world).reasons == (AppraisalReason.PLAY_INTEGRITY_UNAVAILABLE,)
        assert world.events.said == [(EventKind.BUDGET_SPENT, "standard", "play_integrity")]
        assert google.asked[Vendor.PLAY_INTEGRITY] == DAILY_CALLS
        assert list(budget(world).values()) == [DAILY_CALLS]

    def test_tomorrow_there_is_another(self, world, standard):
        for _ in range(DAILY_CALLS + 1):
            world.enrol(standard)
        world.clock.advance(12 * 3600)
        assert world.enrol(standard).claims["ear_status"] == "affirming"
        assert sorted(budget(world).values()) == [1, DAILY_CALLS]

    def test_a_verdict_of_the_last_day_stands_in(self, world, standard):
        world.enrol(standard)
        world.attestations._play_integrity.budget.spend(
            app="standard", call="play_integrity", limit=DAILY_CALLS, now=world.clock.now()
        )
        world.renew(standard)
        assert budget(world) == {"budget#standard#play_integrity#2026-11-20": DAILY_CALLS}
        assert world.renew(standard).claims["ear_status"] == "affirming"
        assert world.events.said[-1][0] is EventKind.BUDGET_SPENT

    def test_nothing_is_spent_on_what_is_refused_anyhow(self, world, google, standard):
        sound = standard.enrolment(challenge=world.challenge(app="standard"))
        refused = [
            replace(sound, proof=standard.renewal(challenge=bytes(32)).proof),
            replace(sound, challenge=world.challenge(app="standard"), rasp_report=b"{"),
            replace(
                standard.enrolment(challenge=world.challenge(app="standard")),
                statement=standard.key_statement(challenge=bytes(32)),
            ),
        ]
        for submission in refused:
            assert world.attest(submission.encode()).status >= 400
        assert world.renew(standard).status == 403  # never enrolled
        assert counted(world) == {}
        assert google.asked == {}

    def test_one_phone_spends_what_is_its_own_and_no_more(self, world, google):
        """With tokens that are none, each of which Google has to be asked about."""
        generous = PlayServices(request=Request.STANDARD, play=google.play)
        phone = world.phone(AndroidPhone, app="generous", play_integrity=generous)
        world.enrol(phone)
        for _ in range(DAILY_CALLS_OF_AN_INSTANCE - 1):
            assert renew_with(world, phone, "AAAA").status == 403
        asked = google.asked.copy()
        for _ in range(3):
            answer = renew_with(world, phone, "AAAA")
            assert answer.claims["ear_status"] == "affirming"  # by the verdict that stands
        assert google.asked == asked
        assert counted(world) == {
            "budget#generous#play_integrity#2026-11-20": DAILY_CALLS_OF_AN_INSTANCE,
            f"budget#generous#play_integrity#{phone.jkt}#2026-11-20": DAILY_CALLS_OF_AN_INSTANCE,
        }
        # A phone that harms itself wakes nobody.
        assert world.events.said == []
        other = world.phone(AndroidPhone, app="generous", play_integrity=generous)
        assert world.enrol(other).claims["ear_status"] == "affirming"
        world.clock.advance(12 * 3600)
        assert world.renew(phone).claims["ear_status"] == "affirming"
        assert google.asked[Vendor.PLAY_INTEGRITY] == asked[Vendor.PLAY_INTEGRITY] + 2

    @pytest.mark.usefixtures("google")
    def test_a_phone_without_a_verdict_gets_none_by_spending_its_calls(self, world):
        phone = world.phone(AndroidPhone, app="generous")
        world.enrol(phone)
        for _ in range(DAILY_CALLS_OF_AN_INSTANCE):
            renew_with(world, phone, "AAAA")
        answer = renew_with(world, phone, "AAAA")
        assert answer.claims["ear_status"] == "warning"
        assert record(world).reasons == (AppraisalReason.PLAY_INTEGRITY_UNAVAILABLE,)

    def test_an_account_that_is_of_no_use_spends_nothing(self, world, google, standard, secretsmanager):
        for broken in ({"private_key": "nonsense"}, {"client_email": "somebody@else.example"}):
            account = {**google.service_account, **broken}
            secretsmanager.put_secret_value(SecretId=SECRET, SecretString=json.dumps({"standard": account}))
            world.clock.advance(1_000)
            for _ in range(DAILY_CALLS + 1):
                assert world.enrol(standard).claims["ear_status"] == "warning"
        assert counted(world) == {}
        assert {kind for kind, _, _ in world.events.said} == {EventKind.SECRET_UNUSABLE}

    def test_nor_does_google_while_it_is_left_alone(self, world, google, standard):
        google.failures[Vendor.GOOGLE_ACCESS] = Failure.BROKEN
        for _ in range(4):
            world.enrol(standard)
        assert counted(world) == {}
        assert google.asked == {Vendor.GOOGLE_ACCESS: 3}
        assert [kind for kind, _, _ in world.events.said] == [EventKind.VENDOR_UNAVAILABLE] * 4
        google.failures.clear()
        world.clock.advance(31)
        assert world.enrol(standard).claims["ear_status"] == "affirming"

    def test_where_the_count_cannot_be_written_nobody_is_judged(self, world, google, standard):
        tapped = Tap(world.attestations._play_integrity.budget)
        tapped.broken = {"spend"}
        world.attestations._play_integrity = replace(world.attestations._play_integrity, budget=tapped)
        body = standard.build_enrolment(challenge=world.challenge(app="standard"))
        with pytest.raises(Malfunction) as raised:
            world.attest(body)
        assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
        assert google.asked[Vendor.PLAY_INTEGRITY] == 0
        tapped.broken = set()
        assert world.attest(body).status == 200

    def test_its_item_is_deleted_only_after_its_day(self, world, standard):
        world.enrol(standard)
        items = [item for item in world.tables.items(world.tables.nonces) if item["id"]["S"].startswith("budget#")]
        tomorrow = (world.clock.now() + timedelta(days=1)).replace(hour=0).timestamp()
        assert len(items) == 2
        assert all(int(item["ttl"]["N"]) >= tomorrow for item in items)


class TestAgain:
    """Google tells the verdicts of a standard token once; a phone repeats its submission where no answer came."""

    def malfunctions(self, world, body):
        def fails():
            raise Malfunction(MalfunctionReason.SIGNER_UNAVAILABLE)

        world.signer.before["sign"] = fails
        with pytest.raises(Malfunction):
            world.attest(body)

    def test_a_sound_phone_stays_sound(self, world, google, standard):
        body = standard.build_enrolment(challenge=world.challenge(app="standard"))
        self.malfunctions(world, body)
        answer = world.attest(body)
        assert (answer.status, answer.claims["ear_status"]) == (200, "warning")
        assert record(world).reasons == (AppraisalReason.PLAY_INTEGRITY_UNAVAILABLE,)
        assert kept(world, standard) is None
        assert google.asked[Vendor.PLAY_INTEGRITY] == 1
        assert list(budget(world).values()) == [1]
        # Whoever looked after the malfunction knows.
        assert world.events.said == []
        assert world.renew(standard).claims["ear_status"] == "affirming"

    def test_the_verdict_that_stands_is_not_touched(self, world, standard):
        world.enrol(standard)
        stands = kept(world, standard)
        world.clock.advance(3600)
        body = standard.build_renewal(challenge=world.challenge(Purpose.RENEW, app="standard"))
        self.malfunctions(world, body)
        assert world.attest(body).claims["ear_status"] == "affirming"
        assert kept(world, standard) == stands

    def test_nor_is_it_shaken_off(self, world, standard):
        says(standard, ROOTED)
        world.enrol(standard)
        says(standard, SOUND)
        body = standard.build_renewal(challenge=world.challenge(Purpose.RENEW, app="standard"))
        self.malfunctions(world, body)
        assert world.attest(body).claims["ear_status"] == "contraindicated"

    def test_so_it_is_when_the_first_worker_never_came_back(self, world, google, standard):
        body = standard.build_enrolment(challenge=world.challenge(app="standard"))
        world.claim_by_another(body)
        world.clock.advance(LEASE.total_seconds() + 1)
        assert world.attest(body).claims["ear_status"] == "warning"
        assert google.asked == {}

    def test_a_classic_token_is_opened_as_often_as_need_be(self, world, classic):
        body = classic.build_enrolment(challenge=world.challenge())
        self.malfunctions(world, body)
        assert world.attest(body).claims["ear_status"] == "affirming"
        assert kept(world, classic) is not None


class TestOutages:
    @pytest.mark.parametrize("vendor", [Vendor.GOOGLE_ACCESS, Vendor.PLAY_INTEGRITY])
    @pytest.mark.parametrize("failure", [Failure.OVERLOADED, Failure.BROKEN, Failure.GARBLED])
    def test_a_vendor_that_fails_costs_the_verdict_and_no_phone_its_answer(
        self, world, google, standard, vendor, failure
    ):
        google.failures[vendor] = failure
        answer = world.enrol(standard)
        assert (answer.status, answer.claims["ear_status"]) == (200, "warning")
        [(kind, subject, _)] = world.events.said
        assert (kind, subject) == (EventKind.VENDOR_UNAVAILABLE, "standard")
        assert world.instance(standard.jkt).kept.play_integrity is None

    def test_an_outage_whitewashes_no_bad_verdict(self, world, google, standard):
        says(standard, ROOTED)
        world.enrol(standard)
        google.failures[Vendor.PLAY_INTEGRITY] = Failure.BROKEN
        assert world.renew(standard).claims["ear_status"] == "contraindicated"

    def test_when_it_is_over_the_next_token_is_verified(self, world, google, standard):
        google.failures[Vendor.PLAY_INTEGRITY] = Failure.BROKEN
        world.enrol(standard)
        google.failures.clear()
        assert world.renew(standard).claims["ear_status"] == "affirming"

    def test_an_account_without_the_right_is_ours_to_mend(self, world, google, standard):
        google.failures[Vendor.PLAY_INTEGRITY] = Failure.FORBIDDEN
        assert world.enrol(standard).claims["ear_status"] == "warning"
        assert world.events.said == [
            (EventKind.SECRET_UNUSABLE, "standard", "the service account may not decode: status 403")
        ]

    def test_a_phone_does_not_choose_an_outage_by_its_choice_of_cloud_project(self, world, standard):
        standard.play_integrity = replace(standard.play_integrity, foreign=True)
        assert world.enrol(standard).status == 403
        assert world.refusal is RefusalReason.PLAY_INTEGRITY_MALFORMED
        assert world.events.said == []

    def test_a_token_that_google_does_not_know_is_refused(self, world, standard):
        submission = standard.enrolment(challenge=world.challenge(app="standard"))
        forged = {"request": "standard", "token": "bWFkZS11cA"}
        assert world.attest(replace(submission, play_integrity=forged).encode()).status == 403
        assert world.refusal is RefusalReason.PLAY_INTEGRITY_MALFORMED
        assert world.events.said == []

    @pytest.mark.parametrize(
        ("document", "detail"),
        [
            (None, "the secret was not read: ResourceNotFoundException"),
            ("", "the secret is not usable: JSON"),
            ("{", "the secret is not usable: JSON"),
            (json.dumps({"classic": CLASSIC_SECRET}), "the secret has no service account"),
            (json.dumps({"standard": {"type": "authorized_user"}}), "`standard` is not the key file"),
            (json.dumps({"standard": ACCOUNT_WITHOUT_KEY_ID}), "`standard` has no text `private_key_id`"),
        ],
    )
    def test_a_secret_that_is_of_no_use(self, world, google, standard, secretsmanager, document, detail):
        if document is None:
            secretsmanager.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
        elif document:
            secretsmanager.put_secret_value(SecretId=SECRET, SecretString=document)
        else:
            secretsmanager.put_secret_value(SecretId=SECRET, SecretBinary=b"\xff")
        assert world.enrol(standard).claims["ear_status"] == "warning"
        [(kind, subject, said)] = world.events.said
        assert (kind, subject) == (EventKind.SECRET_UNUSABLE, "standard")
        assert detail in said
        assert google.asked == {}
        assert counted(world) == {}
        if document is None:
            secretsmanager.create_secret(Name=SECRET, SecretString="{}")

    def test_keys_for_standard_requests_open_no_classic_token(self, world, google, classic, secretsmanager):
        document = json.dumps({"standard": google.service_account})
        secretsmanager.put_secret_value(SecretId=f"assay/{STAGE}/play-integrity/play", SecretString=document)
        try:
            assert world.enrol(classic).claims["ear_status"] == "warning"
        finally:
            again = json.dumps({"classic": CLASSIC_SECRET})
            secretsmanager.put_secret_value(SecretId=f"assay/{STAGE}/play-integrity/play", SecretString=again)
        assert world.events.said == [(EventKind.SECRET_UNUSABLE, "bank", "the secret has no keys for classic requests")]

    def test_no_secret_and_no_token_is_in_any_line(self, world, google, standard):
        google.failures[Vendor.GOOGLE_ACCESS] = Failure.GARBLED
        submission = standard.enrolment(challenge=world.challenge(app="standard"))
        world.attest(submission.encode())
        lines = world.events.lines.getvalue() + world.decisions.lines.getvalue()
        assert "vendor_unavailable" in lines
        assert submission.play_integrity["token"] not in lines
        assert "PRIVATE KEY" not in lines
