"""The clients against servers that speak the vendors' protocols and check what they get."""

import json
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from assay_toolkit.local.vendors import TEAM_ID, Failure, Vendor, Vendors, serving
from assay_toolkit.simulator import apple_receipt
from assay_toolkit.simulator.apple_parameters import DEVELOPMENT, AppleParameters
from assay_toolkit.simulator.play_integrity import Request
from chalicelib.model.claims import AppleEnvironment
from chalicelib.model.outcome import Refused, Unavailable
from chalicelib.model.reasons import RefusalReason
from chalicelib.service.ports import NotYet, UnusableCredentials
from chalicelib.vendors.bounded_http import HttpClient
from chalicelib.vendors.endpoints import stand_ins
from chalicelib.vendors.google_lists import PublishedList
from chalicelib.vendors.play_integrity import GooglePlayIntegrityDecoder
from chalicelib.vendors.risk_metrics import AppleRiskMetrics
from tests.vendors.keys import pem

PACKAGE = "com.example.bank"
STATUS_LIST = b'{"entries":{"abc":{"status":"REVOKED"}}}'
ROOTS = b'["a root"]'


@pytest.fixture
def vendors(clock):
    made = Vendors(now=clock.now, status_list=STATUS_LIST, roots=ROOTS)
    with serving(made):
        yield made


@pytest.fixture
def http(clock):
    return HttpClient(clock=clock, plain_loopback=True)


@pytest.fixture
def decoder(vendors, http, clock):
    return GooglePlayIntegrityDecoder(http=http, clock=clock, endpoints=stand_ins(vendors.origin))


@pytest.fixture
def metrics(vendors, http):
    return AppleRiskMetrics(http=http, endpoints=stand_ins(vendors.origin))


def standard_token(vendors, *, foreign=False):
    payload = vendors.play.payload(request=Request.STANDARD, bound=bytes(32))
    return vendors.play.token(request=Request.STANDARD, payload=payload, foreign=foreign)


def account(vendors, **changes):
    return json.dumps({**vendors.service_account, **changes}).encode()


def decode(decoder, vendors, *, token=None, package=PACKAGE, service_account=None):
    call = decoder.access(service_account=service_account or account(vendors))
    if isinstance(call, Unavailable | UnusableCredentials):
        return call
    return call.decode(package=package, token=token or standard_token(vendors))


class TestPlayIntegrity:
    def test_a_token_is_decoded(self, decoder, vendors):
        payload = json.loads(decode(decoder, vendors))["tokenPayloadExternal"]
        assert payload["requestDetails"]["requestPackageName"] == PACKAGE

    @pytest.mark.parametrize(("token", "package"), [("unknown", PACKAGE), (None, "com.example.other"), ("Ü€", PACKAGE)])
    def test_a_token_of_another_package_or_none_is_refused(self, decoder, vendors, token, package):
        outcome = decode(decoder, vendors, token=token, package=package)
        assert isinstance(outcome, Refused)
        assert outcome.reason is RefusalReason.PLAY_INTEGRITY_MALFORMED

    def test_an_access_token_serves_until_five_minutes_before_its_end(self, decoder, vendors, clock):
        decode(decoder, vendors)
        clock.date += timedelta(seconds=3_599 - 300 - 1)
        vendors.failures[Vendor.GOOGLE_ACCESS] = Failure.BROKEN  # nobody gets another one
        assert isinstance(decode(decoder, vendors), bytes)
        clock.date += timedelta(seconds=1)
        assert decode(decoder, vendors) == Unavailable("access token: status 500")

    def test_an_access_token_that_was_revoked_is_replaced_once(self, decoder, vendors):
        decode(decoder, vendors)
        vendors._access_tokens.clear()
        assert isinstance(decode(decoder, vendors), bytes)
        assert len(vendors._access_tokens) == 1

    def test_two_accounts_do_not_share_a_token(self, decoder, vendors):
        decode(decoder, vendors)
        stranger = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        outcome = decode(decoder, vendors, service_account=account(vendors, private_key=pem(stranger)))
        assert outcome == UnusableCredentials("access token: status 400")

    def test_the_grant_is_what_google_asks_for(self, vendors, clock):
        """The stand-in takes nothing else: each claim that is changed costs the token."""
        taken = {
            "iss": vendors.service_account["client_email"],
            "scope": "https://www.googleapis.com/auth/playintegrity",
            "aud": stand_ins(vendors.origin).google_token,
            "iat": int(clock.now().timestamp()),
            "exp": int(clock.now().timestamp()) + 3_600,
        }

        def status(**changes):
            claims = {name: value for name, value in {**taken, **changes}.items() if value is not None}
            key = vendors.service_account["private_key"]
            assertion = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "simulated-key"})
            form = f"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
            path = stand_ins("").google_token
            return vendors.answer("POST", path, authorization="", body=form.encode()).status

        assert status() == 200
        for changes in (
            {"iss": "somebody@else.example"},
            {"scope": "https://www.googleapis.com/auth/cloud-platform"},
            {"scope": None},
            {"aud": "https://elsewhere.example/token"},
            {"iat": taken["iat"] - 301},
            {"exp": taken["exp"] + 1},
            {"exp": taken["iat"]},
        ):
            assert status(**changes) == 400, changes

    @pytest.mark.parametrize(
        ("changes", "detail"),
        [
            ({"token_uri": "https://attacker.example/token"}, "service account: another token_uri"),
            ({"type": "authorized_user"}, "service account: not a key file"),
            ({"private_key": "none"}, "service account: its private key is not readable"),
            ({"private_key": 1}, "service account: not a key file"),
            (
                {"private_key": pem(ec.generate_private_key(ec.SECP256R1()))},
                "service account: its private key is not RSA of a usual size",
            ),
        ],
    )
    def test_a_secret_that_is_no_key_file_is_not_used(self, decoder, vendors, changes, detail):
        assert decode(decoder, vendors, service_account=account(vendors, **changes)) == UnusableCredentials(detail)
        assert vendors.asked == {}

    def test_a_secret_that_is_no_json(self, decoder, vendors):
        assert decode(decoder, vendors, service_account=b"{") == UnusableCredentials("service account: not JSON")

    def test_google_tells_the_verdicts_of_a_token_once(self, decoder, vendors):
        token = standard_token(vendors)
        first, again = (json.loads(decode(decoder, vendors, token=token)) for _ in range(2))
        assert first["tokenPayloadExternal"]["deviceIntegrity"]["deviceRecognitionVerdict"]
        assert again["tokenPayloadExternal"]["deviceIntegrity"] == {}
        assert again["tokenPayloadExternal"]["appIntegrity"] == {"appRecognitionVerdict": "UNEVALUATED"}
        assert again["tokenPayloadExternal"]["requestDetails"] == first["tokenPayloadExternal"]["requestDetails"]


class TestForbidden:
    """Google's 403 is about the account, or about the token: it says which where no token is sent at all."""

    NOT_OURS = Refused(RefusalReason.PLAY_INTEGRITY_MALFORMED, "Google does not let the app's account decode the token")
    OURS = UnusableCredentials("the service account may not decode: status 403")

    def test_a_token_of_another_cloud_project_is_refused(self, decoder, vendors):
        assert decode(decoder, vendors, token=standard_token(vendors, foreign=True)) == self.NOT_OURS

    def test_an_account_that_may_not_decode_is_ours_to_mend(self, decoder, vendors):
        vendors.failures[Vendor.PLAY_INTEGRITY] = Failure.FORBIDDEN
        assert decode(decoder, vendors) == self.OURS

    def test_nor_is_a_token_taken_for_bad_when_the_account_lost_its_right(self, decoder, vendors, clock):
        decode(decoder, vendors)
        vendors.failures[Vendor.PLAY_INTEGRITY] = Failure.FORBIDDEN
        clock.lapse(61)
        assert decode(decoder, vendors) == self.OURS

    def test_who_was_let_in_just_now_is_not_asked_about_again(self, decoder, vendors, clock):
        decode(decoder, vendors)
        for _ in range(3):
            decode(decoder, vendors, token=standard_token(vendors, foreign=True))
        assert vendors.asked[Vendor.PLAY_INTEGRITY] == 4
        clock.lapse(61)
        assert decode(decoder, vendors, token=standard_token(vendors, foreign=True)) == self.NOT_OURS
        assert vendors.asked[Vendor.PLAY_INTEGRITY] == 6

    def test_another_package_is_another_right(self, decoder, vendors):
        decode(decoder, vendors)
        vendors.failures[Vendor.PLAY_INTEGRITY] = Failure.FORBIDDEN
        assert decode(decoder, vendors, package="com.example.other") == self.OURS


class TestCircuitBreaker:
    RESTS = Unavailable("not asked: no usable answer several times in a row")

    @pytest.mark.parametrize("vendor", [Vendor.PLAY_INTEGRITY, Vendor.GOOGLE_ACCESS])
    def test_who_fails_three_times_in_a_row_is_left_alone_for_half_a_minute(self, decoder, vendors, clock, vendor):
        vendors.failures[vendor] = Failure.BROKEN
        failed = [decode(decoder, vendors) for _ in range(3)]
        assert self.RESTS not in failed
        vendors.failures.clear()
        asked = vendors.asked.copy()
        assert [decode(decoder, vendors) for _ in range(5)] == [self.RESTS] * 5
        clock.lapse(29)
        assert decode(decoder, vendors) == self.RESTS
        assert vendors.asked == asked
        clock.lapse(2)
        assert isinstance(decode(decoder, vendors), bytes)

    def test_after_a_rest_one_failure_is_enough(self, decoder, vendors, clock):
        vendors.failures[Vendor.PLAY_INTEGRITY] = Failure.BROKEN
        for _ in range(3):
            decode(decoder, vendors)
        clock.lapse(31)
        assert decode(decoder, vendors) == Unavailable("status 500")
        assert decode(decoder, vendors) == self.RESTS

    @pytest.mark.parametrize("token", [None, "unknown"])
    def test_an_answer_between_them_ends_the_row(self, decoder, vendors, token):
        for _ in range(3):
            vendors.failures[Vendor.PLAY_INTEGRITY] = Failure.BROKEN
            assert [decode(decoder, vendors) for _ in range(2)] == [Unavailable("status 500")] * 2
            vendors.failures.clear()
            assert not isinstance(decode(decoder, vendors, token=token), Unavailable)

    def test_what_is_wrong_with_our_credentials_is_no_outage(self, decoder, vendors):
        for _ in range(4):
            decode(decoder, vendors, service_account=account(vendors, client_email="a@b.example"))
        assert isinstance(decode(decoder, vendors), bytes)


def receipt(clock, **parameters):
    return apple_receipt.attestation_receipt(
        leaf_der=b"leaf", client_data_hash=bytes(32), parameters=AppleParameters(**parameters), now=clock.now()
    )


def exchange(metrics, vendors, clock, *, old, environment=AppleEnvironment.PRODUCTION, **changes):
    credentials = json.dumps({**vendors.apple_credentials, **changes}).encode()
    return metrics.exchange(old, environment=environment, credentials=credentials, now=clock.now())


class TestRiskMetric:
    def test_a_receipt_is_exchanged_and_again_when_it_is_time(self, metrics, vendors, clock):
        vendors.risk_metric = 7
        newer = exchange(metrics, vendors, clock, old=receipt(clock))
        assert apple_receipt.read_fields(newer)[apple_receipt.RISK_METRIC] == b"7"
        assert exchange(metrics, vendors, clock, old=newer) == NotYet()
        clock.date += timedelta(days=1)
        assert isinstance(exchange(metrics, vendors, clock, old=newer), bytes)

    def test_apple_has_no_data_any_more(self, metrics, vendors, clock):
        old = receipt(clock)
        clock.date += timedelta(days=91)
        assert exchange(metrics, vendors, clock, old=old) == NotYet()

    def test_environments_are_not_mixed(self, metrics, vendors, clock):
        old = receipt(clock, aaguid=DEVELOPMENT)
        assert isinstance(exchange(metrics, vendors, clock, old=old), Refused)
        right = AppleEnvironment.DEVELOPMENT
        assert isinstance(exchange(metrics, vendors, clock, old=old, environment=right), bytes)

    def test_what_is_no_receipt_is_refused(self, metrics, vendors, clock):
        assert isinstance(exchange(metrics, vendors, clock, old=b"none"), Refused)

    def test_a_token_is_used_for_half_an_hour(self, metrics, vendors, clock):
        """Apple takes one for an hour; this one would be too old by then, had it not been replaced."""
        for _ in range(5):
            assert isinstance(exchange(metrics, vendors, clock, old=receipt(clock)), bytes)
            clock.date += timedelta(minutes=29)
        assert len(metrics._kept) == 1

    @pytest.mark.parametrize(
        "changes",
        [{"team_id": "0000000000"}, {"key_id": "OTHER"}, {"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}],
    )
    def test_credentials_of_others_are_not_taken(self, metrics, vendors, clock, changes):
        outcome = exchange(metrics, vendors, clock, old=receipt(clock), **changes)
        assert outcome == UnusableCredentials("Apple does not take the credentials: status 401")

    def test_two_teams_do_not_share_a_token(self, metrics, vendors, clock):
        assert isinstance(exchange(metrics, vendors, clock, old=receipt(clock)), bytes)
        assert isinstance(
            exchange(metrics, vendors, clock, old=receipt(clock), team_id="0000000000"), UnusableCredentials
        )

    def test_a_receipt_of_another_team(self, metrics, vendors, clock):
        old = receipt(clock, app_id="0000000000.com.example.bank")
        outcome = exchange(metrics, vendors, clock, old=old)
        assert outcome == UnusableCredentials("Apple does not take the credentials: status 401")
        assert TEAM_ID != "0000000000"

    @pytest.mark.parametrize(
        ("changes", "detail"),
        [
            ({"private_key": "none"}, "credentials: the private key is not readable"),
            (
                {"private_key": pem(ec.generate_private_key(ec.SECP384R1()))},
                "credentials: the private key is not P-256",
            ),
            ({"team_id": None}, "credentials: team_id, key_id or private_key is missing"),
        ],
    )
    def test_credentials_that_are_none_are_not_used(self, metrics, vendors, clock, changes, detail):
        assert exchange(metrics, vendors, clock, old=receipt(clock), **changes) == UnusableCredentials(detail)


def test_lists_come_as_they_are(vendors, http):
    endpoints = stand_ins(vendors.origin)
    assert PublishedList(http=http, url=endpoints.google_status_list).fetch() == STATUS_LIST
    assert PublishedList(http=http, url=endpoints.google_roots).fetch() == ROOTS


@pytest.mark.parametrize("failure", [Failure.OVERLOADED, Failure.BROKEN, Failure.GARBLED, Failure.SILENT])
@pytest.mark.parametrize("vendor", [Vendor.PLAY_INTEGRITY, Vendor.GOOGLE_ACCESS, Vendor.APPLE])
def test_a_vendor_can_be_told_to_fail(vendors, http, clock, vendor, failure):
    vendors.failures[vendor] = failure
    patience = 0.05 if failure is Failure.SILENT else 30
    endpoints = stand_ins(vendors.origin)
    if vendor is Vendor.APPLE:
        metrics = AppleRiskMetrics(http=http, endpoints=endpoints, patience=patience)
        outcome = exchange(metrics, vendors, clock, old=receipt(clock))
    else:
        decoder = GooglePlayIntegrityDecoder(http=http, clock=clock, endpoints=endpoints, patience=patience)
        outcome = decode(decoder, vendors)
    assert isinstance(outcome, Unavailable)
    assert ("retry after 60 s" in outcome.detail) is (failure is Failure.OVERLOADED)
