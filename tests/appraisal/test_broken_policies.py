"""Broken policies are refused by file, line and sentence, and nothing of them is kept."""

import boto3
import pytest
from click.testing import CliRunner
from moto import mock_aws

from assay_toolkit.cli import main
from assay_toolkit.local.template import tables
from assay_toolkit.policy import compile_policy
from assay_toolkit.yaml_source import SourceInvalid
from tests.appraisal.broken_policies import BROKEN, SOUND

TABLE = "assay-test-documents"

# What shows that the sound policy is one: without it, nothing is published for another reason.
CASES = """\
policy: ../policy.yaml
platform: instance
sound: {android.package_registered: true, rasp.code.hooking: clear}
cases:
  - {case: a sound phone, tier: high, reasons: []}
"""

# Files that no text editor shows as what they are: bytes, the line to name, words to say.
BYTES = {
    "nothing": (b"", 1, "is empty"),
    "white space": (b"\n  \n", 1, "is empty"),
    "comments alone": (b"# version: 1\n", 1, "is empty"),
    "a byte order mark": (b"\xef\xbb\xbf" + SOUND.encode(), 1, "byte order mark"),
    "UTF-16": (SOUND.encode("utf-16"), 1, "byte order mark"),
    "UTF-16 without a mark": (SOUND.encode("utf-16-le"), 1, "a character that no text has"),
    "Latin-1": (SOUND.encode() + b"# f\xfcr\n", SOUND.count("\n") + 1, "not UTF-8"),
    "a zero byte": (SOUND.replace("small", "sm\x00all").encode(), 2, "a character that no text has"),
    "an escape character": (SOUND.replace("small", "sm\x1ball").encode(), 2, "a character that no text has"),
    "two megabytes": (SOUND.encode() + b"# " + b"x" * 2_000_000, 1, "bytes long"),
    "ten thousand brackets": (SOUND.encode() + b"more: " + b"[" * 10_000, SOUND.count("\n") + 1, "nested"),
    "laughs": (
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n" + SOUND.encode(), 1, "has an anchor"
    ),
    "a text": (b"allow everybody\n", 1, "wants an object"),
    "a number": (b"1\n", 1, "wants an object"),
    "JSON of another kind": (b'{"version": 1, "apps": {}}\n', 1, "no member that is known here"),
}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    def write(content, name="policy.yaml"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


def test_the_policy_that_they_were_is_sound(written):
    assert compile_policy(written(SOUND))


def test_there_are_enough_of_them():
    assert len(BROKEN) + len(BYTES) > 120
    assert len({broken.name for broken in BROKEN}) == len(BROKEN)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_policy(written, broken):
    file = written(broken.text)
    with pytest.raises(SourceInvalid) as refused:
        compile_policy(file)
    said = refused.value.message
    assert said.startswith(f"{file}:{broken.line_number}: "), said
    assert broken.says in said
    # A sentence, and not a listing: whoever reads it sits at a terminal.
    assert len(said) < 1_500
    assert "Traceback" not in said


@pytest.mark.parametrize("name", BYTES)
def test_a_file_that_is_no_policy(written, name):
    content, line, says = BYTES[name]
    file = written(content)
    with pytest.raises(SourceInvalid) as refused:
        compile_policy(file)
    assert refused.value.message.startswith(f"{file}:{line}: "), refused.value.message
    assert says in refused.value.message


@pytest.mark.parametrize("name", ["policy.txt", "policy.json", "policy.yml", "policy"])
def test_a_file_of_another_name(written, name):
    file = written(SOUND, name)
    with pytest.raises(SourceInvalid) as refused:
        compile_policy(file)
    assert refused.value.message == f"{file}:1: is no file whose name ends in .yaml"


def test_line_ends_of_windows_are_line_ends(written):
    assert compile_policy(written(SOUND.replace("\n", "\r\n"))) == compile_policy(written(SOUND, "unix.yaml"))
    file = written(SOUND.replace("rule: hooking", "role: hooking").replace("\n", "\r\n"), "broken.yaml")
    line = SOUND.splitlines().index("  - rule: hooking") + 1
    with pytest.raises(SourceInvalid, match=f"broken.yaml:{line}: "):
        compile_policy(file)


def test_a_folder_and_a_file_that_is_not_there(tmp_path):
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    for path, says in ((folder, "is a directory"), (tmp_path / "nowhere.yaml", "No such file")):
        done = CliRunner().invoke(main, ["policy", "lint", str(path)])
        assert done.exit_code != 0
        assert str(path) in done.output
        assert says in done.output


def test_nothing_of_a_broken_policy_is_stored(monkeypatch, tmp_path, written):
    made_up = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
    for name, value in {**made_up, "ASSAY_DOCUMENTS_TABLE": TABLE, "ASSAY_DOCUMENTS_BUCKET": TABLE}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("dynamodb")
        for table in tables(stage="test"):
            client.create_table(**table)
        # Some of each kind: a process of the command takes a tenth of a second.
        contents = [(broken.text, broken.line_number) for broken in BROKEN[::5]]
        contents += [(content, line) for content, line, _ in BYTES.values()]
        (tmp_path / "cases").mkdir()
        (tmp_path / "cases/small.yaml").write_text(CASES, encoding="utf-8")
        for content, line in contents:
            file = written(content)
            done = CliRunner().invoke(main, ["policy", "publish", str(file)])
            assert done.exit_code != 0
            assert done.output.startswith(f"Error: {file}:{line}: ")
        stored = [
            item for table in client.list_tables()["TableNames"] for item in client.scan(TableName=table)["Items"]
        ]
        assert stored == []
        # And the same command does store what is sound.
        done = CliRunner().invoke(main, ["policy", "publish", str(written(SOUND))])
        assert done.exit_code == 0, done.output
        assert client.scan(TableName=TABLE)["Items"]
