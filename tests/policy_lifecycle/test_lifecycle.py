"""Publishing, activating, going back: versions are immutable, one item moves, and cases decide what may be in force."""

import json

import boto3
import pytest

from assay_toolkit.policy import compile_policy
from assay_toolkit.policy_cases import cases_about, compile_cases
from chalicelib.aws.policy_cases import CASES_KIND, PolicyCases
from chalicelib.model.outcome import Malfunction
from chalicelib.service.ports import ActivationConflict
from tests.policy_lifecycle.conftest import POLICIES, TABLE

BASELINE = POLICIES / "baseline.yaml"
CASES = POLICIES / "cases"
STRICTER = [("{more_than: 365}", "{more_than: 30}")]
BY = ("--author", "ana", "--reason", "because")
SOUND = "  - case: a sound phone\n    tier: high\n    reasons: []\n"
MEDIUM = "  - case: a sound phone\n    tier: medium\n    reasons: [android_patch_level_old]\n"


@pytest.fixture
def cases_of(documents):  # noqa: ARG001 - the table is there with it
    return PolicyCases(boto3.client("dynamodb"), TABLE)


@pytest.fixture
def in_force(documents):
    return lambda kind="policy": documents.active()[kind].digest


def items():
    return boto3.client("dynamodb").scan(TableName=TABLE)["Items"]


def test_a_policy_is_published_with_its_cases(assay, documents, cases_of):
    digest = assay("policy", "publish", BASELINE).strip()
    stored = cases_of.of(digest)
    assert documents.read(stored) == compile_cases(cases_about(BASELINE))
    before = items()
    assert assay("policy", "publish", BASELINE).strip() == digest
    assert items() == before


def test_a_policy_whose_cases_fail_is_not_published(assay, variant, documents):
    said = assay("policy", "publish", variant("stricter", STRICTER), "--cases", CASES, code=1)
    assert "not published: " in said
    assert "android: a sound phone is trusted\n  tier: expected high, and it is medium" in said
    assert documents.active() == {}
    assert items() == []


def test_a_policy_without_cases_is_not_published(assay, variant, documents):
    assert "no cases are about" in assay("policy", "publish", variant("any"), code=1)
    assert (documents.active(), items()) == ({}, [])


def test_a_policy_that_was_stored_without_cases_is_not_activated(assay, documents):
    digest = documents.put(kind="policy", body=compile_policy(BASELINE))
    assert "no cases are stored with" in assay("policy", "activate", digest, *BY, code=1)
    assert documents.active() == {}


def test_a_policy_whose_stored_cases_fail_today_is_not_activated(assay, documents, cases_of, variant, one_case):
    """As after a release of the service that judges otherwise: the cases held when it was published."""
    policy = variant("any")
    digest = documents.put(kind="policy", body=compile_policy(policy))
    cases_of.link(policy=digest, cases=documents.put(kind=CASES_KIND, body=compile_cases([one_case(MEDIUM)])))
    said = assay("policy", "activate", digest, *BY, code=1)
    assert "not activated: 1 of 1 cases have another verdict than expected" in said
    assert "tier: expected medium, and it is high" in said
    assert documents.active() == {}
    # What is now expected is written down, and then it may be put in force.
    assert assay("policy", "publish", policy, "--cases", one_case(SOUND)).strip() == digest
    assay("policy", "activate", digest, *BY)
    assert documents.active()["policy"].digest == digest


def test_cases_that_do_not_load_show_nothing(assay, documents, cases_of):
    digest = documents.put(kind="policy", body=compile_policy(BASELINE))
    cases_of.link(policy=digest, cases=documents.put(kind=CASES_KIND, body=b'{"version":1}'))
    assert "do not load" in assay("policy", "activate", digest, *BY, code=1)
    assert documents.active() == {}


def test_cases_of_two_publishers_at_once_are_not_lost_unseen(documents, cases_of, monkeypatch):
    digest = documents.put(kind="policy", body=compile_policy(BASELINE))
    first, second = (documents.put(kind=CASES_KIND, body=body) for body in (b"1", b"2"))
    cases_of.link(policy=digest, cases=first)
    monkeypatch.setattr(cases_of, "_last", lambda _policy: None)  # both looked before either wrote
    with pytest.raises(ActivationConflict):
        cases_of.link(policy=digest, cases=second)
    monkeypatch.undo()
    assert cases_of.of(digest) == first


def test_a_line_of_cases_that_is_none_of_ours_is_a_malfunction(cases_of):
    line = {"id": {"S": "cases#" + "0" * 64}, "revision": {"N": "1"}, "digest": {"S": "elsewhere"}}
    boto3.client("dynamodb").put_item(TableName=TABLE, Item=line)
    with pytest.raises(Malfunction, match="not of its form"):
        cases_of.of("0" * 64)


@pytest.fixture
def three(assay, variant, one_case):
    """Three policies, put in force one after the other."""
    digests, cases = [], one_case(SOUND)
    for name in ("one", "two", "three"):
        digests.append(assay("policy", "publish", variant(name), "--cases", cases).strip())
        assay("policy", "activate", digests[-1], *BY)
    return digests


@pytest.mark.usefixtures("documents")
def test_rollback_goes_back_step_by_step(assay, in_force, three):
    one, two, three_ = three
    said = assay("policy", "rollback", *BY)
    assert said == f"in force: {two}, that of revision 2, instead of {three_}\n"
    assert in_force() == two
    # Once more: further back, and not to what the first time left.
    assay("policy", "rollback", *BY)
    assert in_force() == one
    assert "no other policy was in force before" in assay("policy", "rollback", *BY, code=1)
    assert in_force() == one
    # What is activated after a rollback has that before it.
    assay("policy", "activate", three_, *BY)
    assay("policy", "rollback", *BY)
    assert in_force() == one
    assert "no other policy" in assay("policy", "rollback", *BY, code=1)


@pytest.mark.usefixtures("documents")
def test_rollback_to_a_digest_or_a_revision_that_was_in_force(assay, in_force, three):
    one, two, three_ = three
    assay("policy", "rollback", "--to", "1", *BY)
    assert in_force() == one
    assay("policy", "rollback", "--to", three_, *BY)
    assert in_force() == three_
    for to, said in (
        (three_, "is in force already"),
        ("9", "no policy 9 was ever in force"),
        ("f" * 64, "was ever in force"),
        ("two", "neither a digest"),
    ):
        assert said in assay("policy", "rollback", "--to", to, *BY, code=1)
    assert in_force() == three_
    assert two not in assay("policy", "history").splitlines()[-2]


@pytest.mark.usefixtures("documents")
def test_a_rollback_of_what_a_colleague_rolled_back_meanwhile_changes_nothing(assay, in_force, three):
    """Both looked at the third; without the option, the second of them would go back two steps."""
    one, two, three_ = three
    assay("policy", "rollback", *BY, "--instead-of", three_)
    said = assay("policy", "rollback", *BY, "--instead-of", three_, code=1)
    last = json.loads(assay("policy", "history", "--json"))[-1]
    assert f"another document is in force: {two}, by ana since {last['activated_at']}" in said
    assert in_force() == two
    assert one != two


def test_a_rollback_runs_the_cases_too(assay, documents, cases_of, in_force, three, one_case):
    """No way leads around them: whoever wants the policy back writes down what it does today."""
    _, two, three_ = three
    cases_of.link(policy=two, cases=documents.put(kind=CASES_KIND, body=compile_cases([one_case(MEDIUM)])))
    assert "not activated: 1 of 1 cases" in assay("policy", "rollback", *BY, code=1)
    assert in_force() == three_


@pytest.mark.usefixtures("documents")
def test_nothing_to_go_back_to(assay):
    assert "no policy was ever in force" in assay("policy", "rollback", *BY, code=1)


def test_the_history_says_when_who_why_and_what(assay, cases_of, three):
    one, two, three_ = three
    assay("policy", "rollback", "--to", "1", "--author", "bob", "--reason", "false positives on Pixel 4")
    told = json.loads(assay("policy", "history", "--json"))
    assert [(line["revision"], line["digest"], line["name"], line["author"], line["returns_to"]) for line in told] == [
        (1, one, "one", "ana", None),
        (2, two, "two", "ana", None),
        (3, three_, "three", "ana", None),
        (4, one, "one", "bob", 1),
    ]
    assert [line["in_force"] for line in told] == [False, False, False, True]
    assert told[3]["cases"] == cases_of.of(one)
    lines = assay("policy", "history").splitlines()
    assert len(lines) == 8
    assert lines[6].startswith(f"4: {told[3]['activated_at']} one@{one}, in force")
    assert lines[7] == "   by bob: false positives on Pixel 4 (back to revision 1)"


def test_the_history_is_told_where_what_is_in_force_does_not_load(assay, documents):
    digest = documents.put(kind="policy", body=b"{}")
    documents.activate(kind="policy", digest=digest, expected=None, author="ana", reason="past `assay`")
    boto3.client("dynamodb").delete_item(
        TableName=TABLE, Key={"id": {"S": f"document#{digest}"}, "revision": {"N": "0"}}
    )
    [line] = json.loads(assay("policy", "history", "--json"))
    assert (line["digest"], line["name"], line["cases"]) == (digest, None, None)


@pytest.mark.usefixtures("documents")
def test_an_empty_history(assay):
    assert assay("policy", "history") == ""
    assert json.loads(assay("policy", "history", "--json")) == []


def test_apps_and_lists_go_back_too(assay, documents, in_force, tmp_path):
    bank = POLICIES / "apps/demo-bank.yaml"
    other = tmp_path / "bank.yaml"
    other.write_text(bank.read_text(encoding="utf-8").replace("token_lifetime: 300", "token_lifetime: 120"), "utf-8")
    first, second = (assay("app", "publish", file).strip() for file in (bank, other))
    for digest in (first, second):
        assay("app", "activate", digest, *BY)
    assay("app", "rollback", *BY)
    assert in_force("apps") == first
    assert [line["returns_to"] for line in json.loads(assay("app", "history", "--json"))] == [None, None, 1]

    digests = []
    for serial, fetched in (("c0ffee", "2026-01-01T00:00:00Z"), ("decade", "2026-01-02T00:00:00Z")):
        file = tmp_path / "status.json"
        file.write_text(json.dumps({"entries": {serial: {"status": "REVOKED"}}}), "utf-8")
        digests.append(assay("endorsements", "publish", file).strip())
        assay("endorsements", "activate", digests[-1], *BY, "--fetched-at", fetched)
    assay("endorsements", "rollback", *BY)
    # A list that is gone back to is as old as it was.
    assert documents.active()["google_status"].fetched_at.isoformat() == "2026-01-01T00:00:00+00:00"
    assert in_force("google_status") == digests[0]
    assert "no document of trust anchors" in assay("endorsements", "anchors", "rollback", *BY, code=1)


@pytest.mark.usefixtures("documents")
def test_a_digest_is_taken_with_the_name_that_is_printed_before_it(assay, in_force, three):
    one, two, three_ = three
    named = (f"one@{one}", *BY, "--instead-of", f"three@{three_}")
    assert assay("policy", "activate", *named) == f"in force: {one}, instead of {three_}\n"
    assay("policy", "rollback", "--to", f"two@{two}", *BY)
    assert in_force() == two


@pytest.mark.usefixtures("documents")
def test_what_is_no_digest_or_of_no_document(assay):
    for given in (("baseline",), (f"@{'a' * 64}",), ("a" * 64, "--instead-of", "nothing")):
        assert "is no digest" in assay("policy", "activate", *given, *BY, code=2)
    said = assay("policy", "activate", "a" * 64, *BY, code=1)
    assert said == "Error: no policy of this digest is stored: `publish` it first\n"


@pytest.mark.usefixtures("documents")
def test_activating_what_is_in_force_says_that_it_is(assay, in_force, three):
    *_, last = three
    before = len(json.loads(assay("policy", "history", "--json")))
    said = assay("policy", "activate", last, *BY)
    assert said == f"in force: {last}, as before: nothing changes but the history\n"
    assert in_force() == last
    assert len(json.loads(assay("policy", "history", "--json"))) == before + 1
