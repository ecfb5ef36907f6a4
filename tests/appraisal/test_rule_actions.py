"""A rule's own advice at an action stands where nothing as bad was found beside it, and nobody gains by being worse."""

import json

import pytest
import rfc8785
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.appraisal import PolicyInvalid, appraise, load_policy
from chalicelib.endorsements.google_status import StatusList
from chalicelib.model.claims import CheckState
from chalicelib.model.trust import Tier
from chalicelib.model.verdict import Advice, Decision, Obligation

STEP_UP = {"decision": "step_up", "acr": "phr"}
EMULATOR = {"environment.virtual_environment": CheckState.DETECTED}
ROOTED = {"environment.root": CheckState.DETECTED}
DEVELOPER = {"environment.developer_mode": CheckState.DETECTED}
RULES = {"rasp-virtual-environment": EMULATOR, "rasp-root": ROOTED, "rasp-developer-mode": DEVELOPER}


@pytest.fixture(scope="session")
def with_actions(baseline_document):
    """The baseline with these `actions`, by rule."""

    def change(**actions):
        document = json.loads(baseline_document)
        for rule in document["rules"]:
            if given := actions.get(rule["rule"].replace("-", "_")):
                rule["actions"] = given
        return load_policy(rfc8785.dumps(document))

    return change


@pytest.fixture(scope="session")
def judged(bank, now, android, report):
    def judge(policy, checks):
        evidence = android(rasp=report(checks=checks))
        return appraise(evidence, app=bank, policy=policy, status_list=StatusList({}), status_list_at=now, now=now)

    return judge


def test_an_emulator_steps_up_at_login_and_everything_else_stays(with_actions, baseline, judged):
    changed = with_actions(rasp_virtual_environment={"login": STEP_UP})
    before, after = judged(baseline, EMULATOR), judged(changed, EMULATOR)
    assert before.advice["login"].decision is Decision.DENY
    assert after.advice["login"] == Advice(decision=Decision.STEP_UP, acr="phr")
    assert {**after.advice, "login": before.advice["login"]} == before.advice
    assert (after.tier, after.reasons) == (before.tier, before.reasons)
    for others in ({}, ROOTED, DEVELOPER):
        assert judged(changed, others).advice == judged(baseline, others).advice


def test_what_is_as_bad_and_has_no_advice_of_its_own_decides(with_actions, baseline, judged):
    changed = with_actions(rasp_virtual_environment={"login": STEP_UP})
    assert judged(changed, EMULATOR | ROOTED).advice == judged(baseline, EMULATOR | ROOTED).advice


def test_of_two_with_advice_of_their_own_the_stricter_stands(with_actions, judged):
    changed = with_actions(rasp_virtual_environment={"login": STEP_UP}, rasp_root={"login": {"decision": "deny"}})
    assert judged(changed, EMULATOR).advice["login"].decision is Decision.STEP_UP
    assert judged(changed, EMULATOR | ROOTED).advice["login"].decision is Decision.DENY


def test_what_is_less_bad_and_was_found_beside_it_is_advised_too(with_actions, judged):
    allowed = {"decision": "allow", "obligations": ["notify"]}
    changed = with_actions(rasp_virtual_environment={"login": allowed}, rasp_developer_mode={"login": STEP_UP})
    assert judged(changed, EMULATOR).advice["login"].decision is Decision.ALLOW
    beside = judged(changed, EMULATOR | DEVELOPER)
    assert beside.tier is Tier.CONTRAINDICATED
    assert beside.advice["login"] == Advice(decision=Decision.STEP_UP, acr="phr", obligations=(Obligation.NOTIFY,))


def test_a_stricter_one_is_not_lost_to_something_as_bad(with_actions, judged):
    changed = with_actions(rasp_developer_mode={"login": {"decision": "deny"}})
    adb = {"environment.adb": CheckState.DETECTED}
    for beside in (adb, ROOTED, EMULATOR):
        assert judged(changed, DEVELOPER | beside).advice["login"].decision is Decision.DENY


def test_an_outcome_for_absence_that_is_the_rules_own_has_the_rules_advice(baseline_document, judged):
    document = json.loads(baseline_document)
    [rule] = [rule for rule in document["rules"] if rule["rule"] == "rasp-root"]
    rule |= {"absent": {"to": rule["to"]}, "actions": {"login": STEP_UP}}
    policy = load_policy(rfc8785.dumps(document))
    for state in (CheckState.DETECTED, CheckState.NOT_RUN):
        assert judged(policy, {"environment.root": state}).advice["login"].decision is Decision.STEP_UP


def test_a_check_that_did_not_run_gets_its_tiers_advice(with_actions, baseline, judged):
    changed = with_actions(rasp_virtual_environment={"login": STEP_UP})
    unseen = {"environment.virtual_environment": CheckState.NOT_RUN}
    assert judged(changed, unseen).advice == judged(baseline, unseen).advice


@pytest.mark.parametrize(
    ("actions", "complaint"),
    [
        ({"transfer": {"decision": "allow"}}, "milder than step_up, what medium gets"),
        ({"pay": STEP_UP}, "action that has `advice`"),
        ({}, "empty"),
        ({"login": {"decision": "step_up"}}, "`acr`"),
        ({"transfer": {"decision": "step_up", "acr": "pwd"}}, "nobody can say which is the stronger one"),
        ([], ""),
    ],
)
def test_broken_ones_are_refused_with_their_place(baseline_document, actions, complaint):
    document = json.loads(baseline_document)
    index = [rule["rule"] for rule in document["rules"]].index("rasp-virtual-environment")
    document["rules"][index]["actions"] = actions
    with pytest.raises(PolicyInvalid) as refused:
        load_policy(rfc8785.dumps(document))
    assert refused.value.path.startswith(f"$.rules[{index}].actions")
    assert complaint in refused.value.sentence


def test_rules_ask_for_one_acr(baseline_document):
    document = json.loads(baseline_document)
    for tier in ("medium", "low", "none"):
        document["advice"]["login"][tier] = {"decision": "deny"}
    for rule in document["rules"]:
        if acr := {"rasp-root": "phr", "rasp-hooking": "pwd"}.get(rule["rule"]):
            rule["actions"] = {"login": {"decision": "deny"}, "search": {"decision": "step_up", "acr": acr}}
    document["advice"]["search"]["none"] = document["advice"]["search"]["low"]
    with pytest.raises(PolicyInvalid, match="with another one for search"):
        load_policy(rfc8785.dumps(document))


def test_a_detection_is_advised_no_more_mildly_than_a_check_that_was_not_required(baseline_document):
    document = json.loads(baseline_document)
    document["advice"]["login"]["none"] = document["advice"]["login"]["low"] = {"decision": "deny"}
    [rule] = [rule for rule in document["rules"] if rule["rule"] == "rasp-root"]
    rule["actions"] = {"login": STEP_UP}
    with pytest.raises(PolicyInvalid, match="not_required"):
        load_policy(rfc8785.dumps(document))


CHECKED = [
    *("environment.virtual_environment", "environment.root", "environment.developer_mode", "environment.adb"),
    *("code.hooking", "code.tracing"),
]
ADVICE = st.sampled_from([STEP_UP, {"decision": "deny"}, {"decision": "deny", "obligations": ["investigate"]}])


@given(
    st.dictionaries(
        st.sampled_from(["rasp_virtual_environment", "rasp_root", "rasp_developer_mode", "rasp_adb", "rasp_hooking"]),
        st.dictionaries(st.sampled_from(["login", "transfer", "*"]), ADVICE, min_size=1),
    ),
    st.sets(st.sampled_from(CHECKED)),
    st.sampled_from(CHECKED),
)
def test_one_more_detection_is_never_advised_more_mildly(with_actions, judged, actions, found, more):
    try:
        policy = with_actions(**actions)
    except PolicyInvalid:
        assume(False)
    before = judged(policy, dict.fromkeys(found, CheckState.DETECTED))
    after = judged(policy, dict.fromkeys({*found, more}, CheckState.DETECTED))
    assert all(
        after.advice[action].decision.severity >= advice.decision.severity for action, advice in before.advice.items()
    )
