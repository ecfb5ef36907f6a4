"""`assay app add`: what it shows, what it asks, what it writes, and what it does not touch."""

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding
from jsonschema import Draft202012Validator

from assay_toolkit.cli import main
from assay_toolkit.onboarding import app_command
from assay_toolkit.onboarding.app_file import AppFile, CannotEdit, Scalar
from assay_toolkit.onboarding.reading import read_artefact
from tests.onboarding import android, apple
from tests.onboarding.android import V2, V3, Signature

ROOT = Path(__file__).resolve().parents[2]
API, PLAY = "https://api.bank.example", "ab" * 32


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "policies/apps/bank.yaml"


@pytest.fixture
def assay():
    def run(*arguments, code=0, said=None):
        done = CliRunner().invoke(main, [str(argument) for argument in arguments], input=said)
        assert done.exit_code == code, done.output
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done.output

    return run


@pytest.fixture
def artefacts(written, owners):
    apk = android.signed(android.unsigned_apk(), Signature(scheme=V2, owner=owners.bank))
    bundle = {"base/manifest/AndroidManifest.xml": android.bundle_manifest()}
    written(apk, "bank.apk")
    written(android.unsigned_apk(), "unsigned.apk")
    written(android.signed(android.unsigned_apk(), Signature(scheme=V3, owner=owners.stranger)), "foreign.apk")
    written(
        android.signed(android.unsigned_apk(package="com.other"), Signature(scheme=V2, owner=owners.bank)), "other.apk"
    )
    written(android.jar_signed(bundle, owners.rsa), "bank.aab")
    written(apple.ipa(owners.rsa), "bank.ipa")
    written(apple.ipa(owners.rsa, more={"ProvisionedDevices": ["x"]}), "test.ipa")


@pytest.fixture
def bank(assay, place, request):
    request.getfixturevalue("artefacts")
    assay("app", "add", "bank.apk", "--app", "bank", "--audience", API, "--no-input")
    return place


def value(file):
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def test_an_apk_becomes_an_app_that_lints(assay, bank, owners):
    assert value(bank) == {
        "app": "bank",
        "android": {"packages": [android.PACKAGE], "signature_digests": [owners.bank.digest]},
        "audiences": {API: {"kind": "clear"}},
    }
    assert assay("app", "lint", bank) == "bank: 1 audiences\n"


@pytest.mark.usefixtures("artefacts")
def test_it_shows_what_it_found_and_where_before_it_asks_to_write(assay, place, owners):
    output = assay("app", "add", "bank.apk", "--app", "bank", "--audience", API, said="n\n", code=1)
    assert f"signer      {owners.bank.digest}  (APK Signature Scheme v2)" in output
    assert "version     7.1.0 (70100)  (its manifest)" in output
    assert output.index(owners.bank.digest) < output.index("a new file") < output.index("Write it?")
    assert not place.exists()


def test_every_member_of_a_new_file_has_a_comment_above_it(assay, bank):
    assay("app", "add", "bank.ipa", "--app", "bank", "--no-input")
    lines = bank.read_text(encoding="utf-8").splitlines()
    members = [index for index, line in enumerate(lines) if re.match(r" {0,2}[a-z_]+:( |$)", line)]
    assert len(members) == 8
    assert all(lines[index - 1].lstrip().startswith("#") for index in members)


@pytest.mark.usefixtures("artefacts")
def test_an_editor_is_told_where_the_schema_is_if_it_is_there(assay, place):
    schema = ROOT / "policies/apps/app.schema.json"
    place.parent.mkdir(parents=True)
    (place.parent / "app.schema.json").write_bytes(schema.read_bytes())
    assay("app", "add", "bank.apk", "--app", "bank", "--audience", API, "--no-input")
    assert place.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=app.schema.json\n")
    assert Draft202012Validator(yaml.safe_load(schema.read_text(encoding="utf-8"))).is_valid(value(place))


def test_a_second_artefact_of_the_same_app_is_added_to_its_file(assay, bank):
    before = bank.read_text(encoding="utf-8")
    output = assay("app", "add", "bank.ipa", "--app", "bank", "--no-input")
    assert "App Store and TestFlight builds use production" in output
    assert value(bank)["apple"] == {"app_ids": [f"{apple.TEAM}.{apple.BUNDLE}"], "environment": "production"}
    assert bank.read_text(encoding="utf-8").startswith(before)
    assert "has all of that already" in assay("app", "add", "bank.ipa", "--app", "bank", "--no-input")


@pytest.mark.usefixtures("artefacts")
def test_a_bundle_wants_plays_certificate(assay, place, owners):
    common = ("app", "add", "bank.aab", "--app", "bank", "--audience", API)
    output = assay(*common, "--no-input", code=1)
    assert "--play-certificate" in output
    assert f"upload key, which is not registered: {owners.rsa.digest}" in output
    assert "App signing key certificate" in output
    assert not place.exists()
    assay(*common, said=f"nonsense\n{PLAY}\ny\n")
    assert value(place)["android"]["signature_digests"] == [PLAY]


@pytest.mark.parametrize("form", ["hex", "colons", "pem", "der"])
def test_plays_certificate_is_added_beside_the_signer(assay, bank, written, owners, form):
    digest = owners.rsa.digest
    given = {
        "hex": digest,
        "colons": ":".join(digest[at : at + 2] for at in range(0, 64, 2)).upper(),
        "pem": written(owners.rsa.x509.public_bytes(Encoding.PEM), "play.pem"),
        "der": written(owners.rsa.certificate, "play.der"),
    }[form]
    assay("app", "add", "bank.aab", "--app", "bank", "--play-certificate", given, "--no-input")
    assert value(bank)["android"]["signature_digests"] == [owners.bank.digest, digest]
    assert f"- {digest}  # Google Play's app signing certificate\n" in bank.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        (b"", "cannot be read"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        (b"-----BEGIN CERTIFICATE-----\n" * 2, "several certificates"),
        (b"-----BEGIN EC PRIVATE KEY-----\n", "private key"),
        (bytes(100_000), "larger than"),
    ],
)
@pytest.mark.usefixtures("bank")
def test_a_file_that_is_no_certificate(assay, written, contents, sentence):
    file = written(contents, "play.pem")
    output = assay("app", "add", "bank.aab", "--app", "bank", "--play-certificate", file, "--no-input", code=2)
    assert sentence in output


@pytest.mark.parametrize(
    ("given", "sentence"), [("ab" * 20, "SHA-1"), ("ab" * 16, "MD5"), ("ab" * 31, "neither"), ("a\0b", "neither")]
)
@pytest.mark.usefixtures("bank")
def test_a_digest_that_is_none(assay, given, sentence):
    output = assay("app", "add", "bank.aab", "--app", "bank", "--play-certificate", given, "--no-input", code=2)
    assert sentence in output


@pytest.mark.parametrize(
    ("artefact", "options", "named"),
    [
        ("bank.apk", ("--audience", API), "--app"),
        ("bank.apk", ("--app", "bank"), "--audience"),
        ("unsigned.apk", ("--app", "bank", "--audience", API), "--signing-certificate"),
        ("bank.aab", ("--app", "bank", "--audience", API), "--play-certificate"),
    ],
)
@pytest.mark.usefixtures("artefacts")
def test_without_input_what_is_missing_is_an_option(assay, place, artefact, options, named):
    assert f"give {named}" in assay("app", "add", artefact, *options, "--no-input", code=1).replace(
        "give --play-certificate or --signing", "give --signing" if named == "--signing-certificate" else "give --play"
    )
    assert not place.exists()


def test_what_an_ipa_does_not_say_is_asked(assay, place, written, owners):
    granted = apple.entitlements(app_id=None, team=None, environment=None)
    file = written(apple.ipa(owners.rsa, granted=granted, without=("embedded.mobileprovision",)), "bare.ipa")
    common = ("app", "add", file, "--app", "bank", "--audience", API)
    app_id = f"{apple.TEAM}.{apple.BUNDLE}"
    assert "--app-id" in assay(*common, "--no-input", code=1)
    assert "--environment" in assay(*common, "--no-input", "--app-id", app_id, code=1)
    assert "is not one of" in assay(*common, "--no-input", "--app-id", f"{apple.TEAM}.com.other", code=1)
    assay(*common, said=f"{app_id}\nproduction\ny\n")
    assert value(place)["apple"] == {"app_ids": [app_id], "environment": "production"}


@pytest.mark.usefixtures("artefacts")
def test_the_app_and_its_audience_are_asked(assay, place):
    assay("app", "add", "bank.apk", said=f"bank\nnonsense\n{API}\n\n")
    assert value(place)["audiences"] == {API: {"kind": "clear"}}


@pytest.mark.parametrize(
    ("artefact", "sentence", "member", "replaced"),
    [
        ("other.apk", "not com.other", ("android", "packages"), ["com.other"]),
        ("foreign.apk", "other certificates", ("android", "signature_digests"), "stranger"),
        ("test.ipa", "environment production, not development", ("apple", "environment"), "development"),
    ],
)
def test_what_differs_is_replaced_only_when_told_to(assay, bank, owners, artefact, sentence, member, replaced):
    assay("app", "add", "bank.ipa", "--app", "bank", "--no-input")
    before = bank.read_bytes()
    output = assay("app", "add", artefact, "--app", "bank", "--no-input", code=1)
    assert sentence in output
    assert "--replace" in output
    assert bank.read_bytes() == before
    assay("app", "add", artefact, "--app", "bank", "--no-input", "--replace")
    group, name = member
    expected = [getattr(owners, replaced).digest] if replaced == "stranger" else replaced
    assert value(bank)[group][name] == expected


def test_a_certificate_that_a_person_names_is_added(assay, bank, owners):
    named = ("--signing-certificate", owners.stranger.digest)
    assay("app", "add", "foreign.apk", "--app", "bank", *named, "--no-input")
    assert value(bank)["android"]["signature_digests"] == [owners.bank.digest, owners.stranger.digest]


def test_a_signer_beside_a_registered_one_is_added(assay, bank, owners, written):
    both = (Signature(scheme=V2, owner=owners.bank), Signature(scheme=V2, owner=owners.rsa))
    written(android.signed(android.unsigned_apk(), *both), "both.apk")
    assay("app", "add", "both.apk", "--app", "bank", "--no-input")
    assert value(bank)["android"]["signature_digests"] == [owners.bank.digest, owners.rsa.digest]


@pytest.mark.usefixtures("bank")
def test_an_option_of_the_other_platform_is_a_slip(assay):
    assert "for an IPA" in assay("app", "add", "bank.apk", "--app", "bank", "--environment", "production", code=2)
    assert "for an Android app" in assay("app", "add", "bank.ipa", "--app", "bank", "--play-certificate", PLAY, code=2)


@pytest.mark.parametrize("name", ["../bank", "Bank", "", "b" * 65, "bank\n"])
@pytest.mark.usefixtures("artefacts")
def test_an_app_id_names_no_other_file(assay, place, name):
    given = ("app", "add", "bank.apk", "--app", name, "--audience", API, "--no-input")
    assert ("is no app id" if name else "give --app") in assay(*given, code=1)
    assert not (place.parents[2] / "policies").exists()


def test_another_apps_file_is_not_touched(assay, bank):
    output = assay("app", "add", "bank.apk", "--app", "other", "--output", bank, "--no-input", code=1)
    assert "registers the app bank, not other" in output


def test_a_file_that_does_not_lint_is_not_touched(assay, bank):
    bank.write_text(bank.read_text(encoding="utf-8") + "typo: 1\n", encoding="utf-8")
    before = bank.read_bytes()
    assert f"{bank}:" in assay("app", "add", "bank.ipa", "--app", "bank", "--no-input", code=1)
    assert bank.read_bytes() == before


@pytest.mark.usefixtures("artefacts")
def test_what_would_not_lint_is_not_written(assay, place, written, owners):
    """A package that Android takes and an application id is not."""
    written(android.signed(android.unsigned_apk(package="bank"), Signature(scheme=V2, owner=owners.bank)), "odd.apk")
    output = assay("app", "add", "odd.apk", "--app", "bank", "--audience", API, "--no-input", code=1)
    assert "would not pass `assay app lint`: policies/apps/bank.yaml:" in output
    assert list(place.parent.iterdir()) == []


@pytest.mark.usefixtures("place")
def test_a_hostile_artefact_is_a_sentence_with_its_name(assay, written):
    written(b"PK", "bad.apk")
    output = assay("app", "add", "bad.apk", "--app", "bank", "--no-input", code=1)
    assert output == "Error: bad.apk is no ZIP archive, as APK, AAB and IPA files are\n"


def test_a_version_that_is_not_listed_is_mentioned(capsys, written, owners):
    listed = 'versions: [{name: "7.1.0", android_version_code: 70100}, {name: "7.0.0", apple_bundle_version: "70"}]\n'
    for contents, said in (
        (android.unsigned_apk(), ""),
        (android.unsigned_apk(code=70200), "no entry with android_version_code 70200"),
        (apple.ipa(owners.rsa), "no entry with apple_bundle_version 71"),
    ):
        app_command._remind_of_versions(AppFile(listed), read_artefact(written(contents)))
        assert said in (output := capsys.readouterr().out)
        assert bool(said) is bool(output)
    app_command._remind_of_versions(AppFile("app: bank\n"), read_artefact(written(contents)))
    assert capsys.readouterr().out == ""


# The file that people wrote ---------------------------------------------------------------------------------------

WRITTEN = {
    "block": "# head\napp: bank  # id\nandroid:\n  packages:\n  - com.a.b\n  # why this one\n  signature_digests:\n"
    f"  - {'a1' * 32}   # ours\n\n  # before the next\naudiences:\n  # the API\n  {API}:\n    kind: clear\n"
    "    # at the end\n# tail",
    "flow": f"app: bank\nandroid: {{packages: [com.a.b], signature_digests: ['{'a1' * 32}',]}} # one line\n"
    f"audiences: {{ {API}: {{kind: clear}} }}\n",
    "quoted": f"app: 'bank'\n'android':\n    \"packages\": [ 'com.a.b' ]\n    signature_digests: [\n        # first\n"
    f"        '{'a1' * 32}',  # ours\n    ]\naudiences: {{'{API}': {{'kind': clear}}}}\n",
    "windows": f"app: bank\r\nandroid:\r\n  packages: [com.a.b]\r\n  signature_digests:\r\n    - {'a1' * 32} # x\r\n"
    f"audiences:\r\n  {API}: {{kind: clear}} # y\r\n",
    "demo": (ROOT / "policies/apps/demo-bank.yaml").read_text(encoding="utf-8"),
}
EDITS = {
    "append": lambda file: file.append(("android", "signature_digests"), [Scalar("b2" * 32, "new"), Scalar("1" * 64)]),
    "set list": lambda file: file.set(("android", "packages"), ["com.c", "com.d"]),
    "set": lambda file: file.set(("audiences", API), {"kind": "gateway", "minimum_tier": "medium"}),
    "add": lambda file: file.add_entry(("audiences",), "https://x.example:8", {"kind": "clear"}, remark="why"),
    "add nested": lambda file: file.add_entry(("audiences",), "on", {"kind": {"deep": ["null", "1"]}}),
    "block": lambda file: file.add_block("# more\nmore:\n  - 1\n", {"more": [1]}),
}
# Lines that an edit may change: those of its member.
OWN = {
    "append": "a1a1|signature_digests: {",
    "set list": r"packages|com\.a\.b",
    "set": f"{API}|kind: clear",
    "add": "audiences: {",
    "add nested": "audiences: {",
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("style", WRITTEN)
def test_what_people_wrote_stays_as_they_wrote_it(style, edit):
    """`AppFile` itself proves the value; here: every line that is not the member's own is still there, in order."""
    before = AppFile(WRITTEN[style])
    after = EDITS[edit](before)
    assert after.value != before.value
    kept = iter(after.text.splitlines(keepends=True))
    own = OWN.get(edit, "nothing of it")
    for line in WRITTEN[style].splitlines(keepends=True):
        if re.search(own, line):
            continue
        assert any(line.strip() == found.strip() for found in kept), line
    ends = {line[-2:] for line in after.text.splitlines(keepends=True)}
    assert (ends == {"\r\n"}) is (style == "windows")
    comments = [line.partition("#")[2] for line in WRITTEN[style].splitlines() if "#" in line]
    assert all(comment in after.text for comment in comments)


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("android: {packages: []}", lambda file: file.append(("android", "packages"), [Scalar("a")])),
        ("android: {packages: x}", lambda file: file.append(("android", "packages"), [Scalar("a")])),
        ("android: {}", lambda file: file.append(("android", "packages"), [Scalar("a")])),
        ("audiences: {}", lambda file: file.add_entry(("audiences",), "a", {})),
        ("? a\n: [b]\n", lambda file: file.set(("a",), ["c"])),
        ("a: b\n...\n", lambda file: file.add_block("c: d\n", {"c": "d"})),
        ("{a: b}", lambda file: file.add_block("c: d\n", {"c": "d"})),
        ("a: !!set {b, c}\n", lambda file: file.append(("a",), [Scalar("d")])),
        ("", lambda file: file.set(("a",), "b")),
    ],
)
def test_a_file_that_is_written_otherwise_is_left_to_its_author(text, edit):
    with pytest.raises(CannotEdit):
        edit(AppFile(text))


def test_a_literal_text_at_the_end_is_no_trap():
    file = AppFile("a:\n  b: |\n    text\n    more\n# tail\n")
    assert file.add_entry(("a",), "c", {"d": "e"}).value == {"a": {"b": "text\nmore\n", "c": {"d": "e"}}}


@pytest.mark.parametrize(
    "text", ["on", "null", "1", "1.5", "2026-01-01", "a: b", "- a", "# a", "~", "", "1234567890.1"]
)
def test_a_text_stays_a_text(text):
    flow = AppFile("a: [x]\n").append(("a",), [Scalar(text)])
    assert AppFile("a:\n- x\n").append(("a",), [Scalar(text, "b")]).value == flow.value == {"a": ["x", text]}
