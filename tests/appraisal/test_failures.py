"""What cannot be had or checked: each class through the whole of `appraise`, and what its advice can and cannot do."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import rfc8785

from chalicelib.appraisal import appraise, daily_unattested, load_policy
from chalicelib.appraisal.advice import is_milder, stricter
from chalicelib.appraisal.claims import Evidence
from chalicelib.appraisal.failures import NOT_CONFIGURED, OF_PLATFORM, Failure
from chalicelib.model.claims import CheckState, EvidenceSet, Outage, Unattested
from chalicelib.model.play_integrity import KeptPlayIntegrity, VerifiedPlayIntegrity
from chalicelib.model.reasons import AppraisalReason as Reason
from chalicelib.model.submission import Format, PlayIntegrityRequest, UnattestedCause
from chalicelib.model.trust import Tier
from chalicelib.model.verdict import Advice, Decision, Obligation

DENY = Advice(decision=Decision.DENY)


@pytest.fixture
def draft(baseline_document):
    """The baseline, requiring an integrity token."""
    document = json.loads(baseline_document)
    for listed in document["required"]["android"].values():
        listed.append("play_integrity")
    return document


@pytest.fixture
def judged(bank, empty_list, now):
    def judge(evidence, document, **choices):
        given = {"app": bank, "status_list": empty_list, "status_list_at": now, **choices}
        return appraise(evidence, policy=load_policy(rfc8785.dumps(document)), now=now, **given)

    return judge


@pytest.fixture
def kept(now):
    def of(*, hours):
        verdict = VerifiedPlayIntegrity(
            request=PlayIntegrityRequest.STANDARD,
            requested_at=now,
            package="com.example.bank",
            app_recognition="PLAY_RECOGNIZED",
            certificate_digests=(bytes(32),),
            version_code=71,
            device_recognition=("MEETS_DEVICE_INTEGRITY",),
            device_activity=None,
            device_sdk_version=None,
            device_recall=None,
            app_licensing="LICENSED",
            apps_detected=None,
            play_protect=None,
        )
        return KeptPlayIntegrity(verdict=verdict, verified_at=now - timedelta(hours=hours))

    return of


@pytest.fixture
def happens(android, apple, kept):
    """A sound phone, to which the failure happens."""

    def to(platform, failure):
        phone = android if platform is Evidence.ANDROID else apple
        with_verdict = {"play_integrity": kept(hours=25)} if platform is Evidence.ANDROID else {}
        fresh = (Format.INSTANCE,) if platform is Evidence.ANDROID else (Format.APPLE_ASSERTION,)
        evidence, choices = phone(fresh=fresh, **with_verdict), {}
        match failure:
            case Failure.PLATFORM_OUTAGE:
                evidence = replace(evidence, unavailable={Format.PLAY_INTEGRITY: Outage.UNAVAILABLE})
            case Failure.BUDGET_SPENT:
                evidence = replace(evidence, unavailable={Format.PLAY_INTEGRITY: Outage.BUDGET_SPENT})
            case Failure.STALE_LIST:
                choices = {"status_list": None}
            case Failure.MISSING_REPORT:
                evidence = replace(evidence, rasp=None)
            case Failure.MISSING_INTEGRITY_TOKEN:
                evidence = android(fresh=fresh)
            case Failure.UNSUPPORTED_PHONE:
                evidence = replace(evidence, platform=Unattested(UnattestedCause.UNSUPPORTED), fresh_formats=())
        return evidence, choices

    return to


EVERY = [(platform, failure) for platform, classes in OF_PLATFORM.items() for failure in classes]
ATTESTED = [item for item in EVERY if item[1] is not Failure.UNSUPPORTED_PHONE]


@pytest.mark.parametrize(("platform", "failure"), EVERY, ids=str)
def test_what_no_policy_mentions_is_none_and_denies_everything(judged, happens, draft, platform, failure):
    del draft["failures"]
    evidence, choices = happens(platform, failure)
    verdict = judged(evidence, draft, **choices)
    assert verdict.tier is Tier.NONE
    assert verdict.reasons == (Reason.FAILURE_NOT_CONFIGURED,)
    assert set(verdict.advice.values()) == {DENY}
    assert f"failures.{platform.value}.{failure.value}" in [rule.rule for rule in verdict.applied]


@pytest.mark.parametrize(("platform", "failure"), ATTESTED, ids=str)
def test_each_class_has_tier_reason_and_advice_of_its_own(judged, happens, draft, platform, failure):
    mine = {
        "tier": "low",
        "reason": "apple_risk_metric",  # of none of the others
        "actions": {"login": {"decision": "deny", "obligations": ["notify"]}},
    }
    others = {"tier": "medium", "reason": "android_patch_level_old"}
    draft["failures"] = {
        kind.value: {item.value: mine if (kind, item) == (platform, failure) else others for item in classes}
        for kind, classes in OF_PLATFORM.items()
    }
    for classes in draft["failures"].values():
        classes["unsupported_phone"] = {"tier": "none", "daily": 1}
    evidence, choices = happens(platform, failure)
    verdict = judged(evidence, draft, **choices)
    assert (verdict.tier, verdict.reasons) == (Tier.CONTRAINDICATED, (Reason.APPLE_RISK_METRIC,))
    # The stricter decision with the obligations of both.
    assert verdict.advice["login"].obligations == (Obligation.NOTIFY, Obligation.INVESTIGATE)
    sound, choices = happens(platform, None)
    assert judged(sound, draft, **choices).tier is Tier.AFFIRMING


@pytest.mark.parametrize("outage", Outage)
@pytest.mark.parametrize(("earlier", "age", "stands_in"), [(None, 0, False), (3, 3, True), (3, 4, False)])
def test_an_earlier_verdict_stands_in_where_policy_lets_it(
    judged, android, kept, draft, outage, earlier, age, stands_in
):
    for name in ("platform_outage", "budget_spent"):
        draft["failures"]["android"][name] = {"tier": "medium", "reason": "play_integrity_unavailable"}
        if earlier is not None:
            draft["failures"]["android"][name]["earlier_hours"] = earlier
    evidence = replace(android(play_integrity=kept(hours=age)), unavailable={Format.PLAY_INTEGRITY: outage})
    assert judged(evidence, draft).tier is (Tier.AFFIRMING if stands_in else Tier.WARNING)


def test_evidence_that_nobody_could_verify_has_a_status_and_an_empty_vector(judged, android, draft):
    evidence = replace(android(), unavailable={Format.PLAY_INTEGRITY: Outage.UNAVAILABLE})
    verdict = judged(evidence, draft)
    play = next(item for item in verdict.submodules if item.format is Format.PLAY_INTEGRITY)
    assert (play.tier, dict(play.vector.values)) == (Tier.WARNING, {})


def test_a_failure_softens_nothing(judged, android, report, draft):
    rooted = report(checks={"environment.root": CheckState.DETECTED})
    evidence = replace(
        android(rasp=rooted, device_locked=False), unavailable={Format.PLAY_INTEGRITY: Outage.UNAVAILABLE}
    )
    verdict = judged(evidence, draft, status_list=None)
    assert verdict.tier is Tier.CONTRAINDICATED
    assert verdict.reasons == (
        Reason.ANDROID_BOOTLOADER_UNLOCKED,
        Reason.RASP_ROOTED,
        Reason.ANDROID_REVOCATION_UNKNOWN,
        Reason.PLAY_INTEGRITY_UNAVAILABLE,
    )


class TestPhonesWithoutAPlatform:
    @pytest.fixture
    def let_in(self, draft):
        draft["failures"]["android"]["unsupported_phone"] = {"tier": "none", "daily": 100}
        draft["failures"]["apple"]["unsupported_phone"] = {
            "tier": "low",
            "daily": 7,
            "actions": {"search": {"decision": "deny"}},
        }
        return draft

    @pytest.fixture
    def phone(self, now, report):
        def claiming(cause=UnattestedCause.UNSUPPORTED, **changes):
            return EvidenceSet(
                platform=Unattested(cause), platform_attested_at=now, rasp=report(), fresh_formats=(), **changes
            )

        return claiming

    @pytest.mark.parametrize(
        ("without", "daily", "tier", "search"),
        [
            ("apple", 100, Tier.NONE, Decision.DELAY),
            ("android", 7, Tier.CONTRAINDICATED, Decision.DENY),
            (None, 7, Tier.CONTRAINDICATED, Decision.DENY),
        ],
    )
    def test_they_meet_the_strictest_of_their_apps_platforms(
        self, judged, let_in, phone, bank, without, daily, tier, search
    ):
        app = replace(bank, **{without: None}) if without else bank
        assert daily_unattested(load_policy(rfc8785.dumps(let_in)), app) == daily
        verdict = judged(phone(), let_in, app=app)
        assert (verdict.tier, verdict.advice["search"].decision) == (tier, search)

    def test_one_platform_that_is_not_configured_is_enough_for_no(self, let_in, bank):
        del let_in["failures"]["apple"]["unsupported_phone"]
        policy = load_policy(rfc8785.dumps(let_in))
        assert daily_unattested(policy, bank) is None
        assert daily_unattested(policy, replace(bank, apple=None)) == 100
        assert daily_unattested(policy, replace(bank, android=None)) is None
        assert daily_unattested(policy, replace(bank, android=None, apple=None)) is None

    def test_the_reason_is_what_it_claims_and_the_rest_is_the_same(self, judged, let_in, phone):
        one, other = (judged(phone(cause), let_in) for cause in UnattestedCause)
        assert (one.reasons, other.reasons) == ((Reason.PLATFORM_UNSUPPORTED,), (Reason.PLATFORM_UNAVAILABLE_CLAIMED,))
        assert (one.tier, one.advice, one.submodules) == (other.tier, other.advice, other.submodules)

    def test_their_evidence_is_named_and_has_no_vector(self, judged, let_in, phone):
        unattested, rasp = judged(phone(), let_in).submodules
        assert (unattested.format, dict(unattested.vector.values)) == (Format.UNATTESTED, {})
        assert (rasp.format, rasp.tier) == (Format.RASP, Tier.AFFIRMING)

    def test_the_baseline_lets_none_in(self, baseline, bank):
        assert daily_unattested(baseline, bank) is None


ADVICE = [
    Advice(decision=Decision.ALLOW),
    Advice(decision=Decision.ALLOW, obligations=(Obligation.NOTIFY,)),
    Advice(decision=Decision.DELAY, delay_seconds=(1, 9)),
    Advice(decision=Decision.DELAY, delay_seconds=(3, 5), obligations=(Obligation.INVESTIGATE,)),
    Advice(decision=Decision.STEP_UP, acr="phr"),
    Advice(decision=Decision.STEP_UP, acr="phrh", obligations=(Obligation.END_SESSION,)),
    DENY,
]


@pytest.mark.parametrize("one", ADVICE)
@pytest.mark.parametrize("other", ADVICE)
def test_the_stricter_of_two_is_milder_than_neither(one, other):
    met = stricter(one, other)
    assert not is_milder(met, one)
    assert not is_milder(met, other)
    assert met.decision in (one.decision, other.decision)
    assert set(met.obligations) == {*one.obligations, *other.obligations}
    assert (met.acr is not None) is (met.decision is Decision.STEP_UP)
    assert (met.delay_seconds is not None) is (met.decision is Decision.DELAY)
    # Which one comes first decides nothing but whose `acr` it is.
    assert replace(met, acr=None) == replace(stricter(other, one), acr=None)


def test_the_strictest_answer_is_what_its_name_says():
    assert NOT_CONFIGURED.tier is Tier.NONE
    assert NOT_CONFIGURED.advice_for("whatever an app calls it") == DENY
