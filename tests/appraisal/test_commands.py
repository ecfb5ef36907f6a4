"""The commands of documents: complaints with file and line, and documents that reach the table or do not."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from jsonschema import Draft202012Validator
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler

from assay_toolkit.cli import main
from assay_toolkit.endorsements import compile_trust_anchors
from assay_toolkit.local.moto_lock import atomic_dynamodb
from assay_toolkit.local.template import tables
from assay_toolkit.policy import compile_policy
from assay_toolkit.policy_schema import policy_schema, rendered
from assay_toolkit.register import compile_register
from assay_toolkit.simulator.roots import ANDROID_ROOT_PEM
from assay_toolkit.yaml_source import Source, SourceInvalid
from chalicelib.aws.document_bodies import S3Bodies
from chalicelib.aws.documents import Documents
from chalicelib.endorsements.anchors import anchors_from_pem
from chalicelib.endorsements.register import load_register
from chalicelib.endorsements.trust_anchors import BUILT_IN, AnchorUse

POLICIES = Path(__file__).resolve().parents[2] / "policies"
BASELINE = POLICIES / "baseline.yaml"
CASES = POLICIES / "cases"
DEMO_BANK = POLICIES / "apps/demo-bank.yaml"
PAYMENTS = "https://payments.bank.example"
TABLE = "assay-test-documents"
BUCKET = "assay-test-documents"


@pytest.fixture
def assay():
    def run(*arguments, code=0):
        done = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert done.exit_code == code, done.output
        return done.output

    return run


@pytest.fixture
def written(tmp_path):
    def write(text, name="policy.yaml"):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def documents(monkeypatch):
    made_up = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
    for name, value in made_up.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("ASSAY_DOCUMENTS_TABLE", TABLE)
    monkeypatch.setenv("ASSAY_DOCUMENTS_BUCKET", BUCKET)
    with mock_aws(), atomic_dynamodb():
        client = boto3.client("dynamodb")
        for table in tables(stage="test"):
            client.create_table(**table)
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield Documents(client, TABLE, bodies=S3Bodies(s3, BUCKET))


def digests(documents):
    return {kind: active.digest for kind, active in documents.active().items()}


def line_of(file, text):
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("android.revoked: {equals: revoked}", "android.revoked: {equals: revokd}", "revokd", "`revoked`"),
        ("reason: android_package_foreign", "reason: a_reason", "a_reason", "no reason"),
        (
            "    high: {decision: allow}\n    medium: {decision: allow",
            "    medium: {decision: allow",
            "  login:",
            "`high`",
        ),
        ("version: 1", "version: 1\nversion: 1", None, "a second time"),
        ("version: 1", "version: 2026-01-01", "2026", "quote it if it is text"),
        ("version: 1", "version: 1.5", "1.5", "whole number"),
        ("version: 1", "version: !!python/name:os.system", "os.system", "has the type"),
        ("name: baseline", "name: [", None, "is not YAML"),
        ("name: baseline", "name: &a baseline\nrevocation: *a", "&a", "anchor"),
        ("name: baseline", "name: baseline\n1: one", "1: one", "a key that is no text"),
    ],
)
def test_a_complaint_names_file_and_line(assay, written, old, new, line, sentence):
    text = BASELINE.read_text(encoding="utf-8")
    assert old in text
    file = written(text.replace(old, new, 1))
    output = assay("policy", "lint", file, code=1)
    assert output.startswith(f"Error: {file}:")
    assert sentence in output
    if line is not None:
        assert f"{file}:{line_of(file, line)}: " in output


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"--- 1\n--- 2\n", b"a: \x00"])
def test_what_is_no_yaml_text_is_refused(tmp_path, content):
    file = tmp_path / "policy.yaml"
    file.write_bytes(content)
    with pytest.raises(SourceInvalid):
        Source(file)


def test_a_file_that_is_not_there(assay, tmp_path):
    said = assay("policy", "lint", tmp_path / "nowhere.yaml", BASELINE, tmp_path / "nor-here.yaml", code=1)
    assert said.count("No such file") == 2
    assert f"{BASELINE}: baseline@" in said  # one that is broken hides no other


def test_yes_and_no_are_not_quietly_turned_into_names(written):
    source = Source(written("a: true\nb: 'yes'\nc: '0x1f'\nd: -31\n"))
    assert source.root.value == {"a": True, "b": "yes", "c": "0x1f", "d": -31}
    for text in ("a: yes", "a: True", "a: 0x1f", "a: 010", "a: 1_0", "a: 1:30"):
        with pytest.raises(SourceInvalid, match=r"policy.yaml:1: is `"):
            Source(written(text))


def test_comments_do_not_change_the_digest(written):
    commented = written(BASELINE.read_text(encoding="utf-8").replace("rules:", "# one more remark\nrules:", 1))
    assert compile_policy(commented) == compile_policy(BASELINE)


def test_lint_names_the_digest(assay):
    digest = hashlib.sha256(compile_policy(BASELINE)).hexdigest()
    assert assay("policy", "lint", BASELINE) == f"{BASELINE}: baseline@{digest}\n"


def test_show_tells_the_policy_and_its_canonical_form(assay):
    output = assay("policy", "show", BASELINE)
    lowered = "lowers configuration to unsupportable (96), android_bootloader_unlocked: The bootloader is unlocked."
    assert f"android-bootloader: {lowered}" in output
    assert "rasp-developer-mode: absent: ignored" in output
    assert "warning: transfer: step_up, acr phr" in output
    assert assay("policy", "show", "--canonical", BASELINE).encode() == compile_policy(BASELINE)


def test_the_schemas_for_editors(assay):
    assert assay("policy", "schema") == rendered(policy_schema())
    assert (POLICIES / "policy.schema.json").read_text(encoding="utf-8") == rendered(policy_schema())
    for_apps = json.loads((POLICIES / "apps/app.schema.json").read_text(encoding="utf-8"))
    for schema, file in ((policy_schema(), BASELINE), (for_apps, DEMO_BANK)):
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)
        value = Source(file).root.value
        assert list(validator.iter_errors(value)) == []
        assert not validator.is_valid(value | {"typo": 1})


def test_a_policy_is_published_and_then_put_in_force(assay, documents):
    digest = assay("policy", "publish", BASELINE).strip()
    assert documents.read(digest) == compile_policy(BASELINE)
    assert documents.active() == {}
    output = assay("policy", "activate", digest, "--author", "ana", "--reason", "first policy")
    assert output == f"in force: {digest}, the first one\n"
    assert digests(documents) == {"policy": digest}


def test_an_activation_says_what_it_replaces(assay, documents, written):
    first = assay("policy", "publish", BASELINE).strip()
    renamed = written(BASELINE.read_text(encoding="utf-8").replace("name: baseline", "name: stricter", 1))
    second = assay("policy", "publish", renamed, "--cases", CASES).strip()
    for digest in (first, second):
        output = assay("policy", "activate", digest, "--author", "ana", "--reason", "because")
    assert output == f"in force: {second}, instead of {first}\n"
    assert [entry.digest for entry in documents.history(kind="policy")] == [first, second]


def test_an_activation_instead_of_what_a_colleague_replaced_meanwhile_changes_nothing(assay, documents, written):
    """Both looked at the first policy; without the option, the second of them would undo the first unseen."""
    text = BASELINE.read_text(encoding="utf-8")
    first, ana, bob = (
        assay(
            "policy", "publish", written(text.replace("name: baseline", f"name: {name}", 1)), "--cases", CASES
        ).strip()
        for name in ("first", "anas", "bobs")
    )

    def activate(digest, *, instead_of, code=0):
        given = ("--author", "ana", "--reason", "because", "--instead-of", instead_of)
        return assay("policy", "activate", digest, *given, code=code)

    assert activate(first, instead_of="none") == f"in force: {first}, the first one\n"
    assert activate(ana, instead_of=first) == f"in force: {ana}, instead of {first}\n"
    for late in (first, "none"):
        assert "another document is in force" in activate(bob, instead_of=late, code=1)
    assert digests(documents) == {"policy": ana}


def test_a_revocation_list_is_published_as_it_was_fetched_and_put_in_force(assay, documents, written):
    text = '{ "entries": {"c0ffee": {"status": "REVOKED", "reason": "KEY_COMPROMISE"}} }\n'
    file = written(text, name="status.json")
    assert assay("endorsements", "lint", file) == f"{file}: 1 serial numbers\n"
    digest = assay("endorsements", "publish", file).strip()
    assert documents.read(digest).decode() == text
    assay("endorsements", "activate", digest, "--author", "ana", "--reason", "today's")
    assert digests(documents) == {"google_status": digest}
    # Unchanged on the next day, it may be put in force again: its age counts from then.
    again = ("--author", "ana", "--reason", "today's", "--instead-of", digest)
    assert assay("endorsements", "activate", digest, *again).startswith(
        f"in force: {digest}, as before: nothing changes but its age"
    )
    assert len(documents.history(kind="google_status")) == 2


@pytest.mark.parametrize("content", ["", "{}", '{"entries": {"xyz": {"status": "REVOKED"}}}', "<html>"])
def test_what_is_no_revocation_list_is_not_published(assay, documents, written, content):
    file = written(content, name="status.json")
    for command in ("lint", "publish"):
        assert assay("endorsements", command, file, code=1).startswith(f"Error: {file}: ")
    assert documents.active() == {}


@pytest.mark.usefixtures("documents")
def test_a_revocation_list_that_nothing_can_hold(assay, written):
    file = written('{"entries":{}}' + " " * 4 * 1024 * 1024, name="status.json")
    assert "larger than" in assay("endorsements", "publish", file, code=1)
    assert "No such file" in assay("endorsements", "lint", file.with_name("nowhere.json"), code=1)


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (["policy"], "policy"),
        (["app"], "apps"),
        (["endorsements"], "google_status"),
        (["endorsements", "anchors"], "trust_anchors"),
    ],
)
def test_a_document_that_does_not_load_is_not_put_in_force(assay, documents, command, kind):
    digest = documents.put(kind=kind, body=b"{}")
    output = assay(*command, "activate", digest, "--author", "ana", "--reason", "in a hurry", code=1)
    assert "does not load" in output
    assert documents.active() == {}


def test_a_register_is_no_policy(assay, documents):
    digest = assay("app", "publish", DEMO_BANK).strip()
    assert "does not load" in assay("policy", "activate", digest, "--author", "a", "--reason", "b", code=1)
    assert documents.active() == {}


def test_a_document_that_is_not_stored_is_not_put_in_force(assay, documents):
    assay("policy", "activate", "0" * 64, "--author", "ana", "--reason", "a slip", code=1)
    assert documents.active() == {}


def test_a_register_is_published_and_then_put_in_force(assay, documents):
    digest = assay("app", "publish", DEMO_BANK).strip()
    assay("app", "activate", digest, "--author", "ana", "--reason", "the bank")
    assert digests(documents) == {"apps": digest}


def test_apps_are_linted_together(assay, written):
    assert assay("app", "lint", DEMO_BANK) == "demo-bank: 3 audiences\n"
    twin = written(DEMO_BANK.read_text(encoding="utf-8"), name="twin.yaml")
    assert "as another file does" in assay("app", "lint", DEMO_BANK, twin, code=1)


def test_a_complaint_about_an_app_names_file_and_line(assay, written):
    text = DEMO_BANK.read_text(encoding="utf-8").replace("minimum_tier: medium", "minimum_tier: some", 1)
    file = written(text, name="bank.yaml")
    assert f"{file}:{line_of(file, 'minimum_tier: some')}: " in assay("app", "lint", file, code=1)
    nameless = written(text.replace("app: demo-bank", "name: demo-bank", 1), name="nameless.yaml")
    assert f"{nameless}:1: wants the member `app`" in assay("app", "lint", nameless, code=1)


def test_a_key_is_given_to_an_audience(assay, written):
    registered = load_register(compile_register([DEMO_BANK]))["demo-bank"].audiences[PAYMENTS].encryption_jwk
    key = {**registered, "kid": "the-one-of-today"}
    compiled = compile_register([DEMO_BANK], audience_keys={("demo-bank", PAYMENTS): key})
    assert load_register(compiled)["demo-bank"].audiences[PAYMENTS].encryption_jwk == key
    file = written(json.dumps(key), name="key.json")
    assert assay("app", "lint", DEMO_BANK, "--audience-key", "demo-bank", PAYMENTS, file)


@pytest.mark.parametrize(
    ("app", "audience", "content", "sentence"),
    [
        ("demo-bank", "https://api.bank.example", "{}", "no confidential audience"),
        ("other-bank", PAYMENTS, "{}", "no confidential audience"),
        ("demo-bank", PAYMENTS, "{}", "lacks the member `kty`"),
        ("demo-bank", PAYMENTS, "[", "no JWK can be read"),
    ],
)
def test_a_key_that_fits_nowhere_is_refused(assay, written, app, audience, content, sentence):
    file = written(content, name="key.json")
    output = assay("app", "lint", DEMO_BANK, "--audience-key", app, audience, file, code=1)
    assert sentence in output


ANCHORS = POLICIES / "endorsements/trust-anchors.yaml"


def the_one_of_apple():
    """The file with App Attest's root alone."""
    text = ANCHORS.read_text(encoding="utf-8")
    head, *entries = text.split("  - name: ")
    return head + "".join(f"  - name: {entry}" for entry in entries if entry.startswith("apple-app"))


def test_nothing_in_force_is_shown_as_such(assay, documents):
    shown = assay("endorsements", "show")
    assert shown.startswith("google_status: none in force")
    assert "trust_anchors: none in force" in shown
    for anchors in BUILT_IN.values():
        assert all(f"{anchor.name} {anchor.spki_sha256}, built in" in shown for anchor in anchors)
    assert documents.active() == {}


def test_what_is_in_force_is_shown_with_age_entries_and_provenance(assay, documents, written):
    entries = {f"{serial:x}": {"status": "REVOKED"} for serial in range(1, 8)}
    listed = documents.put(kind="google_status", body=json.dumps({"entries": entries}).encode())
    fetched = datetime.now(UTC) - timedelta(hours=5)
    documents.activate(
        kind="google_status", digest=listed, expected=None, author="refresh", reason="the first", fetched_at=fetched
    )
    # What it does not name is shown as built in.
    file = written(the_one_of_apple(), name="anchors.yaml")
    anchored = assay("endorsements", "anchors", "publish", file).strip()
    assay("endorsements", "anchors", "activate", anchored, "--author", "ana", "--reason", "Apple's, reviewed")
    shown = assay("endorsements", "show").splitlines()
    assert shown[0] == f"google_status@{listed}"
    assert "by refresh: the first" in shown[1]
    assert shown[2] == f"  fetched {fetched:%Y-%m-%dT%H:%M:%SZ}, 5.0 hours ago"
    assert shown[3:5] == ["  7 serial numbers", ""]
    assert shown[5] == f"trust_anchors@{anchored}"
    assert "by ana: Apple's, reviewed" in shown[6]
    [apple] = BUILT_IN[AnchorUse.APP_ATTEST]
    assert shown[7] == f"  app_attest: {apple.name} {apple.spki_sha256}"
    assert "https://www.apple.com/" in shown[8]
    built_in = [line for line in shown if line.endswith(", built in")]
    assert [line.split(":")[0].strip() for line in built_in] == ["android_key", "android_key", "app_attest_receipt"]


def test_of_the_history_no_more_than_a_line_is_read(assay, documents, monkeypatch):
    """A line is added whenever a list changes: there are thousands in a year."""
    expected = None
    for number in range(3):
        body = json.dumps({"entries": {f"{number + 1:x}": {"status": "REVOKED"}}}).encode()
        listed = documents.put(kind="google_status", body=body)
        documents.activate(
            kind="google_status", digest=listed, expected=expected, author=f"author-{number}", reason="a test"
        )
        expected = listed
    monkeypatch.setattr(DynamoHandler, "query", lambda _: pytest.fail("the history was read"))
    assert "by author-2: a test" in assay("endorsements", "show")


def test_what_does_not_parse_is_shown_as_such(assay, documents):
    for kind in ("google_status", "trust_anchors"):
        digest = documents.put(kind=kind, body=f'{{"{kind}":0}}'.encode())
        documents.activate(kind=kind, digest=digest, expected=None, author="ana", reason="a slip")
    assert assay("endorsements", "show").count("DOES NOT PARSE") == 2


def test_a_list_that_was_fetched_earlier_is_as_old_as_that(assay, documents, written):
    file = written('{"entries": {"c0ffee": {"status": "REVOKED"}}}', name="status.json")
    digest = assay("endorsements", "publish", file).strip()
    by = ("--author", "ana", "--reason", "by hand")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    assert "fetched" in assay("endorsements", "activate", digest, *by, "--fetched-at", tomorrow, code=1)
    assert documents.active() == {}
    assay("endorsements", "activate", digest, *by, "--fetched-at", "2026-01-31T12:00:00Z")
    assert documents.active()["google_status"].fetched_at == datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_anchors_are_linted_published_and_put_in_force(assay, documents):
    assert assay("endorsements", "anchors", "lint", ANCHORS).count("certificate ") == 7
    digest = assay("endorsements", "anchors", "publish", ANCHORS).strip()
    assert documents.read(digest) == compile_trust_anchors(ANCHORS)
    assert documents.active() == {}
    assay("endorsements", "anchors", "activate", digest, "--author", "ana", "--reason", "reviewed")
    assert digests(documents) == {"trust_anchors": digest}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("spki_sha256: 1ae7", "spki_sha256: 2ae7", "spki_sha256: 2ae7"),
        ("use: app_attest\n", "use: app_atest\n", "use: app_atest"),
        ('not_after: "2045', 'not_after: "2046', "certificates:"),
        ("source: https://www.apple", "source: http://www.apple", "source: http://www"),
    ],
)
def test_a_complaint_about_an_anchor_names_file_and_line(assay, written, old, new, line):
    text = ANCHORS.read_text(encoding="utf-8")
    text = (
        text[: text.index("  - name:")] + text[text.index("  - name: apple-app") : text.index("  - name: apple-root")]
    )
    file = written(text.replace(old, new, 1), name="anchors.yaml")
    assert f"Error: {file}:{line_of(file, line)}: " in assay("endorsements", "anchors", "lint", file, code=1)


def test_a_published_private_key_is_no_anchor(assay, written):
    key = load_pem_x509_certificate(ANDROID_ROOT_PEM).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    [anchor] = anchors_from_pem(pem, name="simulated")
    text = ANCHORS.read_text(encoding="utf-8")
    begin, end = text.index("    pem: |"), text.index("    source:")
    indented = "".join(f"      {line}\n" for line in pem.decode().splitlines())
    simulated = f"    pem: |\n{indented}    spki_sha256: {anchor.spki_sha256}\n"
    file = written(text[:begin] + simulated + text[end:], name="anchors.yaml")
    assert "private key is public" in assay("endorsements", "anchors", "lint", file, code=1)
