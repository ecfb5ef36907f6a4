"""`assay policy test` and `diff`: cases that hold or do not, what none reaches, and what a change changes."""

import pytest

from assay_toolkit.policy import compile_policy
from assay_toolkit.policy_cases import cases_about, compile_cases, load_cases, run_cases
from chalicelib.endorsements.document import DocumentInvalid
from tests.policy_lifecycle.conftest import POLICIES

BASELINE = POLICIES / "baseline.yaml"
CASES = POLICIES / "cases"
SOUND = "  - case: a sound phone\n    tier: high\n    reasons: []\n"
STRICTER = [("{more_than: 365}", "{more_than: 30}")]


def test_the_shipped_policy_does_what_its_cases_say(assay):
    said = assay("policy", "test", BASELINE)
    assert ", 0 with another verdict than expected\n" in said
    assert "outcomes of the policy have a case" in said


def test_a_case_that_does_not_hold_is_named_with_everything_that_differs(assay, variant, one_case):
    cases = one_case(
        "  - case: wishful\n    change: {android.device_locked: false}\n    tier: high\n"
        "    reasons: [not_confirmed]\n    vector: {android_key: {configuration: 3, hardware: 2}}\n"
        "    advice: {login: allow, teleport: allow}\n"
    )
    said = assay("policy", "test", variant("any"), "--cases", cases, code=1)
    line = cases.read_text(encoding="utf-8").splitlines().index("  - case: wishful") + 1
    assert said.splitlines()[:6] == [
        f"{cases}:{line}: wishful",
        "  tier: expected high, and it is low",
        "  reasons: expected not_confirmed, and they are android_bootloader_unlocked",
        "  vector: android_key configuration: expected 3, and it is 96",
        "  advice: login: expected allow, and it is deny",
        "  advice: the policy has no action teleport",
    ]
    assert "1 cases, 1 with another verdict than expected" in said


def test_what_no_case_reaches_is_listed_and_fails_where_that_is_asked_for(assay, variant, one_case):
    file, cases = variant("any"), one_case(SOUND)
    said = assay("policy", "test", file, "--cases", cases)
    assert "  rule android-bootloader: no case where it holds\n" in said
    assert "  rule android-bootloader: no case where a claim that it looks at is absent\n" in said
    assert "affirms hardware of apple: no case where it holds" in said
    assert "affirms hardware of android" not in said
    assert assay("policy", "test", file, "--cases", cases, "--complete", code=1) == said


def test_the_cases_of_a_policy_are_those_beside_it_that_name_it(assay, variant, one_case):
    file = variant("any")
    assert "no cases are about" in assay("policy", "test", file, code=1)
    mine = one_case(SOUND, policy="any.yaml")
    one_case(SOUND, policy="other.yaml", name="others")
    assert cases_about(file) == [mine]
    assert "1 cases, 0 with" in assay("policy", "test", file)


def test_an_amendment_that_does_not_load_fails_its_cases(variant, one_case):
    file = one_case(SOUND)
    file.write_text(file.read_text(encoding="utf-8") + "amend: {version: 2}\n", encoding="utf-8")
    [result] = run_cases(load_cases(compile_cases([file])), compile_policy(variant("any")))
    assert result.verdict is None
    assert "does not load with the file's `amend`" in result.differs[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SOUND + SOUND, "like an earlier case"),
        (SOUND.replace("high", "hihg"), "did you mean `high`"),
        (SOUND.replace("reasons: []", "reasons: [sound]"), "no reason"),
        (SOUND + "    change: {android.device_lokced: true}\n", "android.device_locked"),
        (SOUND + "    change: {apple.app_registered: true}\n", "claim of the sound phone"),
        (SOUND + "    change: {android.device_locked: yes please}\n", "wants true or false"),
        (SOUND + "    change: {android.revoked: revokd}\n", "did you mean `revoked`"),
        (SOUND + "    absent: [apple.app_registered]\n", "claim of the sound phone"),
        (SOUND + "    without: [raps]\n", "did you mean `rasp`"),
        (SOUND + "    vector: {android_key: {hardwear: 2}}\n", "did you mean `hardware`"),
        (SOUND + "    advice: {login: alow}\n", "did you mean `allow`"),
        (SOUND + "    teir: high\n", "did you mean `tier`"),
        ("  - case: nothing\n    reasons: []\n", "lacks the member `tier`"),
    ],
)
def test_a_slip_of_the_pen_in_a_case_has_file_line_and_a_sentence(assay, variant, one_case, text, sentence):
    cases = one_case(text)
    said = assay("policy", "test", variant("any"), "--cases", cases, code=1)
    assert said.startswith(f"Error: {cases}:")
    assert int(said.removeprefix(f"Error: {cases}:").partition(":")[0]) > 10
    assert sentence in said


def test_compiled_cases_are_the_files_without_their_place(one_case):
    compiled = compile_cases([one_case(SOUND)])
    assert b"any.yaml" not in compiled
    [file] = load_cases(compiled)
    assert (file.name, [case.name for case in file.cases]) == ("android", ["a sound phone"])
    with pytest.raises(DocumentInvalid, match="canonical"):
        load_cases(compiled + b"\n")


def test_two_files_of_one_name_are_refused(assay, variant, one_case, tmp_path):
    first = one_case(SOUND)
    twin = tmp_path / "android.yaml"
    twin.write_text(first.read_text(encoding="utf-8"), encoding="utf-8")
    said = assay("policy", "test", variant("any"), "--cases", first, "--cases", twin, code=1)
    assert "as another file of cases does" in said


def test_the_same_policy_under_another_name_judges_nothing_otherwise(assay, variant):
    said = assay("policy", "diff", BASELINE, variant("twin"))
    assert said.startswith("name: baseline → twin\n\n0 of ")


def test_a_changed_bound_is_told_in_words_with_the_verdicts_that_it_changes(assay, variant):
    said = assay("policy", "diff", BASELINE, variant("stricter", STRICTER))
    assert (
        "rule android-patch-level: when: android.os_patch_age_days more than 365 → "
        "android.os_patch_age_days more than 30\n"
    ) in said
    changed = next(line for line in said.splitlines() if "android: a sound phone is trusted" in line)
    assert "high → medium; reasons none → android_patch_level_old; " in changed
    assert "transfer allow → step_up, acr phr" in changed


def test_rules_that_come_and_go_and_advice_that_changes_are_told(assay, variant):
    renamed = [
        ("rule: android-bootloader\n", "rule: android-locked\n"),
        ("    high: {decision: allow}\n    medium: {decision: delay, delay: [1, 3]}",
         "    high: {decision: allow}\n    medium: {decision: delay, delay: [2, 9], obligations: [notify]}"),
    ]  # fmt: skip
    said = assay("policy", "diff", BASELINE, variant("other", renamed))
    assert "rule android-bootloader: removed; it said: when android.device_locked equals false, lowers" in said
    assert "rule android-locked: added: when android.device_locked equals false, lowers configuration to" in said
    assert "advice: search, medium: delay, 1 to 3 s → delay, 2 to 9 s, notify\n" in said


def test_a_policy_that_is_stored_is_compared_by_digest_and_by_being_in_force(assay, documents, variant):
    assert documents.active() == {}
    assert "no policy is in force" in assay("policy", "diff", "active", BASELINE, code=1)
    first = assay("policy", "publish", BASELINE).strip()
    assay("policy", "activate", first, "--author", "ana", "--reason", "first")
    stricter = variant("stricter", STRICTER)
    by_digest = assay("policy", "diff", first, stricter)
    assert "more than 365 → android.os_patch_age_days more than 30" in by_digest
    assert assay("policy", "diff", "active", stricter) == by_digest
    # The cases are those stored with it: the draft has none of its own.
    assert "a sound phone is trusted" in by_digest


@pytest.mark.usefixtures("aws")
def test_what_is_in_a_table_wants_one(assay):
    assert "--table" in assay("policy", "diff", "active", BASELINE, code=2)
    assert "go together" in assay("policy", "diff", BASELINE, BASELINE, "--table", "t", code=2)
