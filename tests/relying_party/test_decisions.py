"""From verdict to decision: the stricter of the route's rule and Assay's advice."""

from dataclasses import FrozenInstanceError

import pytest

from assay_rp import Decision, RouteRule, Source, Tier, TierRule, TokenKind, decide

TIERS = TierRule(allow=Tier.AFFIRMING, step_up=Tier.WARNING)


def judged(world, *, rule=None, action=None, tiers=None, **verdict):
    rule = rule or RouteRule(method="POST", path="/transfer", action=action, tiers=tiers)
    verifier = world.verifier(confidential_keys=world.confidential_keys())
    token = world.confidential_token(verdict=verdict)
    return decide(verifier.verify(world.submit(token), accept=TokenKind.SESSION), rule=rule)


def judged_clear(world, *, status, **rule):
    token = world.token(ear_status=status)
    request = world.verifier().verify(world.submit(token), accept=TokenKind.SESSION)
    return decide(request, rule=RouteRule(method="POST", path="/transfer", **rule))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("affirming", Decision.ALLOW),
        ("warning", Decision.STEP_UP),
        ("contraindicated", Decision.DENY),
    ],
)
def test_without_advice_the_tiers_decide(world, status, expected):
    judgement = judged_clear(world, status=status, action="transfer", tiers=TIERS)
    assert (judgement.decision, judgement.source) == (expected, Source.TIERS)


@pytest.mark.parametrize(
    ("status", "expected"),
    [("affirming", Decision.ALLOW), ("warning", Decision.DELAY), ("contraindicated", Decision.STEP_UP)],
)
def test_each_decision_may_have_its_tier(world, status, expected):
    tiers = TierRule(allow=Tier.AFFIRMING, delay=Tier.WARNING, step_up=Tier.CONTRAINDICATED)
    assert judged_clear(world, status=status, tiers=tiers).decision is expected


def test_the_advice_for_the_action_decides(world):
    judgement = judged(world, action="transfer")
    assert (judgement.decision, judgement.source) == (Decision.STEP_UP, Source.ADVICE)
    assert (judgement.obligations, judgement.acr) == (("notify",), "urn:bank:acr:code")


def test_an_action_without_advice_of_its_own_takes_the_default(world):
    assert judged(world, action="close-account").decision is Decision.ALLOW


@pytest.mark.parametrize(
    ("advised", "status", "expected", "source"),
    [
        ("allow", "warning", Decision.STEP_UP, Source.TIERS),
        ("allow", "affirming", Decision.ALLOW, Source.ADVICE),
        ("delay", "warning", Decision.STEP_UP, Source.TIERS),
        ("deny", "affirming", Decision.DENY, Source.ADVICE),
        ("step_up", "contraindicated", Decision.DENY, Source.TIERS),
    ],
)
def test_the_stricter_of_advice_and_tiers_wins(world, advised, status, expected, source):
    advice = {"*": {"decision": advised, "obligations": ["investigate"]}}
    judgement = judged(world, action="transfer", tiers=TIERS, advice=advice, ear_status=status)
    assert (judgement.decision, judgement.source) == (expected, source)
    assert judgement.obligations == ("investigate",)


def test_neither_advice_nor_tiers_is_a_no(world):
    judgement = judged_clear(world, status="affirming", action="transfer")
    assert (judgement.decision, judgement.source) == (Decision.DENY, Source.NO_BASIS)


@pytest.mark.parametrize("advised", ["allow", "delay"])
def test_none_is_no_attestation_whatever_mildness_is_advised(world, advised):
    judgement = judged(world, action="transfer", ear_status="none", advice={"*": {"decision": advised}})
    assert judgement.missing
    assert judgement.decision is Decision.DENY
    assert judged_clear(world, status="none", tiers=TierRule(allow=Tier.CONTRAINDICATED)).missing


def test_without_evidence_a_person_can_still_be_asked_where_the_policy_says_so(world):
    advice = {"*": {"decision": "step_up", "acr": "phr"}}
    judgement = judged(world, action="login", ear_status="none", advice=advice)
    assert (judgement.decision, judgement.acr) == (Decision.STEP_UP, "phr")
    assert judged(world, action="login", tiers=TIERS, ear_status="none", advice=advice).missing


def test_a_clear_none_without_tiers_is_missing_too(world):
    assert judged_clear(world, status="none", action="login").missing


def test_a_denial_that_the_policy_spelled_out_stays_one(world):
    advice = {"*": {"decision": "deny", "obligations": ["investigate"]}}
    judgement = judged(world, action="transfer", ear_status="none", advice=advice)
    assert (judgement.decision, judgement.missing) == (Decision.DENY, False)


def test_a_delay_takes_the_advices_range_or_the_rules(world):
    rule = RouteRule(method="GET", path="/quote", action="browse", delay_seconds=(1, 9))
    assert judged(world, rule=rule).delay_seconds == (3, 5)
    assert judged(world, rule=rule, advice={"*": {"decision": "delay"}}).delay_seconds == (1, 9)


@pytest.mark.parametrize(
    "tiers",
    [
        {"allow": Tier.NONE},
        {"allow": Tier.WARNING, "step_up": Tier.AFFIRMING},
        {"allow": Tier.AFFIRMING, "delay": Tier.AFFIRMING},
        {"allow": Tier.AFFIRMING, "delay": Tier.CONTRAINDICATED, "step_up": Tier.WARNING},
    ],
    ids=str,
)
def test_tiers_that_contradict_themselves_are_refused_when_written(tiers):
    with pytest.raises(ValueError, match="tier"):
        TierRule(**tiers)


def test_a_rule_that_says_nothing_is_refused_when_written():
    with pytest.raises(ValueError, match="says nothing"):
        RouteRule(method="GET", path="/quote")


def test_decisions_are_ordered_from_mild_to_strict():
    assert sorted(Decision, key=lambda decision: decision.severity) == [
        Decision.ALLOW,
        Decision.DELAY,
        Decision.STEP_UP,
        Decision.DENY,
    ]


def test_what_was_verified_cannot_be_changed(world):
    request = world.verifier().verify(world.submit(world.token()), accept=TokenKind.SESSION)
    with pytest.raises(FrozenInstanceError):
        request.token.clear_tier = Tier.AFFIRMING
    with pytest.raises(TypeError):
        request.token.submodules["rasp"] = None
