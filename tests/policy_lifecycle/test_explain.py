"""`assay explain`: every code has a sentence for support, and a record reads without its reader knowing the code."""

import io
import json
import re
from pathlib import Path

import httpx
import pytest

from assay_toolkit.explain_codes import Help, all_reasons, answered, help_of, reason_of, table
from assay_toolkit.local.stack import local_stack
from assay_toolkit.policy import compile_policy
from assay_toolkit.simulator.answers import Attested, Problem
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.phone import AndroidPhone
from chalicelib.api.problems import Problem as ProblemType
from chalicelib.model.reasons import AppraisalReason, MalfunctionReason, RefusalReason
from tests.policy_lifecycle.conftest import POLICIES

DOCS = Path(__file__).resolve().parents[2] / "docs"
BASELINE = POLICIES / "baseline.yaml"
BY = ("--author", "ana", "--reason", "because")
RECORD = {
    "event": "decision",
    "time": "2026-10-03T10:00:00.000+00:00",
    "reference": "0d5c7e0e-0000-4000-8000-000000000001",
    "app": "demo-bank",
    "purpose": "renew",
    "audience": "https://api.bank.example",
}
TOKEN = {
    **RECORD,
    "outcome": "token",
    "platform": "android",
    "jkt": "abc",
    "jti": "a-token",
    "tier": "contraindicated",
    "reasons": ["android_bootloader_unlocked", "android_revocation_unknown", "not_confirmed"],
    "applied": [
        {"rule": "android-bootloader", "reason": "android_bootloader_unlocked", "format": "instance"},
        {"rule": "failures.android.stale_list", "reason": "android_revocation_unknown", "format": "instance"},
    ],
    "endorsement_ages": {"google_status": 90_000},
    "endorsements_id": "google_status@c0ffee",
    "formats": ["instance", "rasp"],
    "vectors": {"instance": {"configuration": 96, "hardware": 2}, "rasp": {"executables": 2}},
}
REFUSED = {
    **RECORD,
    "outcome": "refused",
    "platform": "apple",
    "refusal": "app_attest_counter",
    "detail": "step 8",
    "vectors": {"apple_attestation": {"instance-identity": 99}},
}


@pytest.fixture
def told(assay):
    """The sentences about a record on standard input."""

    def tell(record, *options):
        return assay("explain", "-", *options, given=json.dumps(record))

    return tell


@pytest.mark.parametrize("reason", list(all_reasons()))
def test_every_code_has_a_sentence_for_support(reason):
    assert isinstance(help_of(reason), Help)
    assert reason_of(reason.value) is reason


def test_a_finding_that_is_not_to_be_named_is_not_named():
    for reason in AppraisalReason:
        if help_of(reason) is Help.QUIET:
            assert reason.sentence not in help_of(reason).value
    assert help_of(AppraisalReason.RASP_HOOKING) is Help.QUIET


def test_what_the_phone_heard_is_what_the_edge_answers():
    assert answered(RefusalReason.INSTANCE_UNKNOWN) == "403 `enrolment-required`, remedy `re_enrol`"
    assert answered(MalfunctionReason.BUSY) == "503 `busy`, remedy `retry`"
    problems = {
        str(problem.status) + f" `{problem.type.removeprefix('urn:assay:problem:')}`" for problem in ProblemType
    }
    heard = {answered(reason).partition(",")[0] for reason in all_reasons()}
    assert heard - {"nothing", "200 with a token"} <= problems


def test_the_page_of_codes_has_the_generated_table(assay):
    page = (DOCS / "reasons.md").read_text(encoding="utf-8")
    generated = assay("explain", "--all")
    assert generated == "\n".join(table()) + "\n"
    assert page.endswith(generated)
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [reason.value for reason in all_reasons()]


def test_a_code_names_the_rules_that_lead_to_it(assay):
    said = assay("explain", "android_bootloader_unlocked").splitlines()
    assert said[0] == "android_bootloader_unlocked: The bootloader is unlocked."
    assert "200 with a token" in said[2]
    rule = "  rule android-bootloader, when android.device_locked equals false: configuration to unsupportable (96)"
    assert rule in said
    # Of an absent claim, and where policy speaks of a failure.
    assert "where what it asks for is not there" in assay("explain", "android_root_of_trust_missing")
    assert "failures.android.missing_report" in assay("explain", "rasp_missing")


def test_a_code_is_explained_by_the_policy_that_is_named_or_in_force(assay, documents, variant):
    other = variant("other", [("rule: android-bootloader\n", "rule: renamed-by-ana\n")])
    assert "rule renamed-by-ana" in assay("explain", "android_bootloader_unlocked", "--policy", other)
    assert "rule renamed-by-ana" not in assay("explain", "android_bootloader_unlocked")
    digest = documents.put(kind="policy", body=compile_policy(other))
    documents.activate(kind="policy", digest=digest, expected=None, author="ana", reason="hers")
    assert "rule renamed-by-ana" in assay("explain", "android_bootloader_unlocked")


def test_a_refusal_and_a_malfunction_come_from_no_rule(assay):
    assert "comes from" not in assay("explain", "app_attest_nonce")
    assert "It is our side" in assay("explain", "store_unavailable")


def test_a_misspelt_code_is_guessed(assay):
    said = assay("explain", "android_bootloder_unlocked", code=1)
    assert "did you mean android_bootloader_unlocked" in said
    assert "wants a code" in assay("explain", code=2)


def test_a_token_is_told_rule_by_rule(assay, told):
    policy = assay("policy", "lint", BASELINE).strip().rpartition(" ")[2]
    said = told({**TOKEN, "policy_id": policy}).splitlines()
    assert said[0] == "Reference 0d5c7e0e-0000-4000-8000-000000000001, 2026-10-03T10:00:00.000+00:00."
    assert said[1] == (
        "App demo-bank: an Android phone wanted a new token for https://api.bank.example. The instance is abc."
    )
    assert said[2] == "A token was made (a-token). The phone counts as low."
    assert said[3] == (
        "On what the enrolled instance is known by: rule android-bootloader lowered configuration to unsupportable "
        "(96), because it held: The bootloader is unlocked. (android_bootloader_unlocked)"
    )
    assert said[4].startswith("Something could not be had or checked, stale list of android, and policy caps the tier")
    assert said[5].startswith("No rule says it: ")
    assert said[6].startswith("Policy advises backends at least ")
    assert "transfer: deny" in said[6]
    assert said[7] == f"To the customer: {Help.OWN_SYSTEM.value}"
    assert said[8] == f"It was judged by policy {policy}."
    assert said[9] == "The list google_status had been fetched 25 hours before."
    assert (
        "The vector of what the enrolled instance is known by: configuration is unsupportable (96); hardware is"
        in (said[12])
    )


def test_another_policys_rules_explain_nothing(told):
    said = told({**TOKEN, "policy_id": "baseline@" + "0" * 64})
    assert "rule android-bootloader applied: The bootloader is unlocked." in said
    assert "advises" not in said


def test_a_sound_phone(told):
    said = told({**TOKEN, "tier": "affirming", "reasons": [], "applied": []})
    assert "counts as high" in said
    assert "nothing spoke against the phone" in said
    assert "To the customer" not in said


def test_a_refusal_is_told_with_what_the_phone_heard(told):
    said = told(REFUSED)
    assert "what says that it is an iPhone or iPad wanted a new token" in said
    assert "No key was proven" in said
    assert f"It was refused: {RefusalReason.APP_ATTEST_COUNTER.sentence} (app_attest_counter)" in said
    assert "The step: step 8." in said
    assert "The phone was answered 403 `evidence-refused`, remedy `new_challenge`." in said
    assert "instance-identity is not proven by its signature (99)" in said


def test_a_discarded_answer_and_codes_of_a_later_service(told):
    assert "never left" in told({**RECORD, "outcome": "discarded", "member_of_tomorrow": 1})
    assert "a reason that this version of `assay` does not know" in told({**REFUSED, "refusal": "reason_of_tomorrow"})
    later = {"rule": "android-bootloader", "reason": "reason_of_tomorrow", "format": "format_of_tomorrow"}
    said = told({**TOKEN, "applied": [later], "reasons": ["reason_of_tomorrow"]})
    assert "On format_of_tomorrow: rule android-bootloader applied: reason_of_tomorrow, a reason that" in said


def test_what_a_refused_phone_calls_itself_moves_no_terminal(told):
    assert "\x1b" not in told({**REFUSED, "app": "\x1b[2Jbank", "audience": "a\nb"})


def test_one_of_many_lines(assay, tmp_path):
    other = {**REFUSED, "reference": "0d5c7e0e-0000-4000-8000-000000000002"}
    lines = [json.dumps(TOKEN), "START RequestId", json.dumps({"event": "budget_spent"}), json.dumps(other)]
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    assert assay("explain", file).count("Reference ") == 2
    said = assay("explain", file, "--reference", other["reference"])
    assert said.count("Reference ") == 1
    assert "app_attest_counter" in said
    assert said == assay("explain", file, "--reference", f"URN:UUID:{other['reference'].upper()}")
    assert "no record has the reference" in assay("explain", file, "--reference", "x", code=1)


@pytest.mark.parametrize(
    "given", ["", "{}", "[1]", '{"event": "decision"}', json.dumps({**TOKEN, "outcome": "guessed"})]
)
def test_what_is_no_record_is_refused(assay, given):
    assert "decision record" in assay("explain", "-", given=given, code=1)


def test_the_policy_of_a_record_is_fetched_by_its_digest(documents, told, variant):
    policies = [compile_policy(variant(name)) for name in ("first", "second")]
    digests = [documents.put(kind="policy", body=body) for body in policies]
    documents.activate(kind="policy", digest=digests[0], expected=None, author="ana", reason="first")
    said = told({**TOKEN, "policy_id": f"first@{digests[0]}"})
    assert "lowered configuration to unsupportable (96)" in said
    assert f"policy first@{digests[0]}, which is still in force." in said
    documents.activate(kind="policy", digest=digests[1], expected=digests[0], author="ana", reason="second")
    assert f"policy first@{digests[0]}, which is no longer in force." in told(
        {**TOKEN, "policy_id": f"first@{digests[0]}"}
    )
    assert "rule android-bootloader applied" in told({**TOKEN, "policy_id": f"lost@{'0' * 64}"})


def test_records_of_the_running_service_are_told(told):
    """As its log has them, and nothing of the evidence in them."""
    log = io.StringIO()
    with local_stack(log=log) as stack, httpx.Client(base_url=stack.url) as service:
        client = PhoneClient(phone=AndroidPhone(app="demo-bank", audience="https://api.bank.example"), service=service)
        challenge = client.take_challenge("enrol")
        body = client.phone.build_enrolment(challenge=challenge)
        token = client.submit(body)
        assert isinstance(token, Attested)
        refused = client.submit(body.replace(b'"demo-bank"', b'"demo-bonk"'))
        assert isinstance(refused, Problem)
    records = [json.loads(line) for line in log.getvalue().splitlines() if '"decision"' in line]
    by_outcome = {record["outcome"]: record for record in records}
    assert "Everything that policy wants was confirmed" in told(by_outcome["token"])
    assert "It was refused: " in told(by_outcome["refused"])
