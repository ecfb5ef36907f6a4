"""`assay verify-vectors` over a folder of simulated evidence, and over the recorded one where it is at hand."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import cbor2
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from assay_toolkit.cli import main
from assay_toolkit.simulator import apple, apple_receipt, key_description, roots
from assay_toolkit.simulator.apple_parameters import AppleParameters, Launch
from assay_toolkit.simulator.conditions import AndroidCondition, Condition
from assay_toolkit.simulator.phone import AndroidPhone

RECORDED = Path(__file__).resolve().parents[2] / "../shared/vectors"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHALLENGE = hashlib.sha256(b"challenge").digest()
PARAMETERS = AppleParameters()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pem(chain: list[bytes]) -> bytes:
    return b"".join(
        b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n" for der in chain
    )


class Folder:
    """Six vectors: two Android chains, an attestation, an assertion, a receipt, and a kind that has no verifier."""

    def __init__(self, path: Path):
        self.path = path
        (path / "anchors.pem").write_bytes(roots.ANDROID_ROOT_PEM + roots.APPLE_ROOT_PEM + roots.APPLE_RECEIPT_ROOT_PEM)
        self.index = {
            "vectors": [
                self.android("sound", Condition(name="sound", how="")),
                self.android(
                    "revoked", Condition(name="revoked", how="", android=AndroidCondition(batch_serial=0xABC))
                ),
                self.attestation("attested"),
                self.assertion("asserted"),
                self.receipt("receipted"),
                self.entry("unknown", "a kind of next year", b"evidence", {}, {"verification": "verified"}),
            ],
            "status_lists": {"list": {"file": "status.json"}},
        }
        entries = {"abc": {"status": "REVOKED"}, "1": {"status": "REVOKED", "comment": "the serial of every leaf"}}
        (path / "status.json").write_text(json.dumps({"entries": entries}))
        self.write()

    def entry(self, name, kind, evidence, params, expected):
        (self.path / f"{name}.bin").write_bytes(evidence)
        return {"id": name, "kind": kind, "file": f"{name}.bin", "params": params, "expected": expected}

    def android(self, name, condition):
        phone = AndroidPhone(app="bank", audience="bank", condition=condition, clock=lambda: NOW)
        chain = [base64.b64decode(der) for der in phone.key_statement(challenge=CHALLENGE)["x5c"]]
        stated = key_description.KeyParameters()
        params = {
            "expected_challenge_hex": CHALLENGE.hex(),
            "package_infos": [{"name": stated.package_name, "version": stated.package_version}],
            "signature_digests": [digest.hex() for digest in stated.signature_digests],
            "verification_time": "2026-11-22T12:00:00Z",
        }
        parsed = {
            "attestationVersion": 300,
            "attestationSecurityLevel": "TrustedEnvironment",
            "rootOfTrust": {"deviceLocked": True, "deviceLockedRaw": "ff", "verifiedBootState": "Verified"},
            "osPatchLevel": 202610,
            "purpose": [2],
            "attestationId": None,
        }
        baseline = "accept" if name == "sound" else "reject"
        expected = {"verification": "verified", "why": [], "baseline": baseline, "parsed": parsed}
        return self.entry(name, "android_key", pem(chain), params, expected)

    def attestation(self, name):
        key = ec.generate_private_key(ec.SECP256R1())
        evidence = apple.attest(key=key, client_data_hash=CHALLENGE, parameters=PARAMETERS, now=NOW)
        params = {
            "app_id": PARAMETERS.app_id,
            "key_id_b64": b64(apple.key_id(key.public_key())),
            "client_data_hash_b64": b64(CHALLENGE),
            "environment": "production",
            "verification_time": "2026-11-22T12:00:00Z",
        }
        expected = {"verification": "verified", "counter": 0, "aaguid": "production", "receipt_type": "ATTEST"}
        return self.entry(name, "apple_attestation", evidence, params, expected)

    def assertion(self, name):
        key = ec.generate_private_key(ec.SECP256R1())
        numbers = key.public_key().public_numbers()
        evidence = apple.make_assertion(
            key=key,
            client_data_hash=CHALLENGE,
            app_id=PARAMETERS.app_id,
            counter=4,
            launch=Launch(validation_category=4, bundle_version="71"),
        )
        params = {
            "app_id": PARAMETERS.app_id,
            "public_key_x962_b64": b64(b"\x04" + numbers.x.to_bytes(32) + numbers.y.to_bytes(32)),
            "client_data_hash_b64": b64(CHALLENGE),
            "stored_counter_before": 3,
            "counter": 4,
        }
        return self.entry(name, "apple_assertion", evidence, params, {"verification": "verified"})

    def receipt(self, name):
        key = ec.generate_private_key(ec.SECP256R1())
        attestation = apple.attest(key=key, client_data_hash=CHALLENGE, parameters=PARAMETERS, now=NOW)
        evidence = apple_receipt.refreshed(
            receipt_of=cbor2.loads(attestation)["attStmt"]["receipt"], risk_metric=2, created_at=NOW
        )
        fields = {
            str(number): b64(value) if number in (3, 4, 5) else value.decode()
            for number, value in apple_receipt.read_fields(evidence).items()
        }
        pem_key = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        params = {"app_id": PARAMETERS.app_id, "public_key_spki_pem": pem_key.decode()}
        return self.entry(name, "apple_receipt", evidence, params, {"verification": "verified", "fields": fields})

    def named(self, name):
        return next(entry for entry in self.index["vectors"] if entry["id"] == name)

    def write(self):
        (self.path / "index.json").write_text(json.dumps(self.index))

    def run(self, *options):
        self.write()
        arguments = ["verify-vectors", str(self.path), "--anchors", str(self.path / "anchors.pem"), *options]
        return CliRunner().invoke(main, arguments)

    def outcomes(self):
        """By evidence, whatever the entry is called."""
        document = json.loads(self.run("--json").stdout)
        files = {entry["id"]: entry["file"] for entry in self.index["vectors"]}
        return {
            hashlib.sha256((self.path / files[item["id"]]).read_bytes()).hexdigest(): {
                name: value for name, value in item.items() if name != "id"
            }
            for item in document["vectors"]
        }


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_one_line_per_vector_then_a_summary(folder):
    result = folder.run()
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("sound  kind=android_key  verification=verified  baseline=accept  reasons=-  claims={")
    assert "revoked  kind=android_key  verification=verified  baseline=reject" in lines[1]
    assert "reasons=android_batch_key_revoked" in lines[1]
    assert '"counter":0,"aaguid":"production"' in lines[2]
    assert '"counter":4' in lines[3]
    assert '"validation_category":4,"bundle_version":"71"' in lines[3]
    assert '"6":"RECEIPT","7":"production"' in lines[4]
    assert lines[5] == "unknown  kind=a kind of next year  verification=unsupported  reasons=-  claims={}"
    assert lines[6:] == [
        "6 vectors: 1 unsupported, 5 verified",
        "5 compared with what is expected: 5 agree, 0 do not; 1 unsupported",
    ]


def test_json_is_one_document(folder):
    document = json.loads(folder.run("--json").stdout)
    assert document["summary"] == {
        "vectors": 6,
        "verification": {"unsupported": 1, "verified": 5},
        "compared": 5,
        "as_expected": 5,
        "mismatches": 0,
        "unsupported": 1,
    }
    sound = document["vectors"][0]
    assert (sound["id"], sound["verification"], sound["baseline"], sound["mismatches"]) == (
        "sound",
        "verified",
        "accept",
        [],
    )
    assert sound["claims"]["rootOfTrust"]["verifiedBootState"] == "Verified"


def test_without_the_anchors_nothing_simulated_is_trusted(folder):
    result = CliRunner().invoke(main, ["verify-vectors", str(folder.path), "--json"])
    assert result.exit_code == 1
    reasons = {item["id"]: item["reasons"] for item in json.loads(result.stdout)["vectors"]}
    assert reasons["sound"] == ["chain_root_unknown"]
    assert reasons["attested"] == ["app_attest_chain"]
    assert reasons["receipted"] == ["apple_receipt_signature"]


def test_works_the_same_where_nothing_is_expected(folder):
    with_expected = folder.outcomes()
    for entry in folder.index["vectors"]:
        del entry["expected"]
    result = folder.run()
    assert result.exit_code == 0
    assert "nothing is expected, so nothing was compared; 1 unsupported" in result.stdout
    without = folder.outcomes()
    for outcome in with_expected.values():
        outcome.pop("mismatches", None)
    assert without == with_expected


def test_order_ids_and_file_names_mean_nothing(folder):
    before = folder.outcomes()
    for number, entry in enumerate(folder.index["vectors"]):
        renamed = f"renamed/{number}.x"
        (folder.path / "renamed").mkdir(exist_ok=True)
        (folder.path / entry["file"]).rename(folder.path / renamed)
        entry.update(file=renamed, id=f"android/refused {number}")
    folder.index["vectors"].reverse()
    assert folder.outcomes() == before


@pytest.mark.parametrize(
    ("name", "expected", "mismatch"),
    [
        ("sound", {"verification": "refused"}, "verification"),
        ("asserted", {"verification": "refused"}, "verification"),
        ("sound", {"verification": "verified", "baseline": "reject"}, "baseline"),
        ("sound", {"verification": "verified", "parsed": {"osPatchLevel": 1}}, "claims.osPatchLevel"),
        (
            "sound",
            {"verification": "verified", "parsed": {"rootOfTrust": {"deviceLocked": False}}},
            "claims.rootOfTrust.deviceLocked",
        ),
        ("sound", {"verification": "verified", "parsed": {"rootOfTrust": None}}, "claims.rootOfTrust"),
        ("attested", {"verification": "verified", "counter": 1}, "claims.counter"),
        ("attested", {"verification": "verified", "aaguid": "development"}, "claims.aaguid"),
        (
            "receipted",
            {"verification": "verified", "fields": {"6": "ATTEST"}},
            "fields.12,fields.17,fields.19,fields.2,fields.21,fields.3,fields.4,fields.5,fields.6,fields.7",
        ),
    ],
)
def test_a_mismatch_is_named_and_exits_with_1(folder, name, expected, mismatch):
    folder.named(name)["expected"] = expected
    result = folder.run()
    assert result.exit_code == 1
    line = next(line for line in result.stdout.splitlines() if line.startswith(f"{name}  "))
    assert line.endswith(f"MISMATCH={mismatch}")
    assert "1 do not" in result.stdout


@pytest.mark.parametrize("name", ["sound", "asserted"])
def test_either_takes_both_answers(folder, name):
    folder.named(name)["expected"] = {"verification": "either"}
    assert folder.run().exit_code == 0
    (folder.path / folder.named(name)["file"]).write_bytes(b"garbage")
    assert folder.run().exit_code == 0


def test_an_unsupported_kind_is_never_a_mismatch_nor_a_pass(folder):
    folder.named("unknown")["expected"] = {"verification": "refused"}
    result = folder.run()
    assert result.exit_code == 0
    assert "5 compared" in result.stdout
    assert "1 unsupported" in result.stdout


@pytest.mark.parametrize(("time", "code"), [("2026-11-22T12:00:00Z", 0), ("2027-02-21T12:00:00Z", 1)])
def test_a_receipt_is_judged_at_the_time_that_is_told(folder, time, code):
    folder.named("receipted")["params"]["verification_time"] = time
    assert folder.run().exit_code == code


def test_no_challenge_told_is_a_refusal(folder):
    folder.named("sound")["params"]["expected_challenge_hex"] = None
    folder.named("sound")["expected"] = {"verification": "refused"}
    result = folder.run()
    assert result.exit_code == 0
    assert "reasons=key_description_challenge" in result.stdout


@pytest.mark.parametrize("evidence", [b"", b"\x00", b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"])
@pytest.mark.parametrize("name", ["sound", "attested", "asserted", "receipted"])
def test_broken_evidence_is_refused_and_breaks_nothing(folder, name, evidence):
    entry = folder.named(name)
    (folder.path / entry["file"]).write_bytes(evidence)
    entry["expected"] = {"verification": "refused"}
    assert folder.run().exit_code == 0


@pytest.mark.parametrize("member", ["package_infos", "signature_digests"])
def test_a_registration_without_apps_takes_nobody(folder, member):
    folder.named("sound")["params"][member] = None
    folder.named("sound")["expected"]["baseline"] = "reject"
    assert folder.run().exit_code == 0


def test_another_policy_can_be_asked(folder, tmp_path):
    broken = tmp_path / "policy.yaml"
    broken.write_text("version: 1\n")
    result = folder.run("--policy", str(broken))
    assert result.exit_code == 2
    assert "policy.yaml" in result.stderr


def drop(name):
    def change(folder):
        del folder.named("attested")[name]

    return change


def param(entry, name, value):
    def change(folder):
        folder.named(entry)["params"][name] = value

    return change


def index(document):
    def change(folder):
        folder.index = document

    return change


def public_key_pem(curve):
    key = ec.derive_private_key(7, curve).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def outside(folder):
    """Sound evidence, beside the folder."""
    file = folder.path.parent / "outside.bin"
    file.write_bytes((folder.path / "attested.bin").read_bytes())
    return file


def climb(name):
    def change(folder):
        outside(folder)
        folder.named("attested")["file"] = name

    return change


def absolute(folder):
    folder.named("attested")["file"] = str(outside(folder))


def link_out(folder):
    (folder.path / "linked.bin").symlink_to(outside(folder))
    folder.named("attested")["file"] = "linked.bin"


def link_to_itself(folder):
    (folder.path / "loop.bin").symlink_to("loop.bin")
    folder.named("attested")["file"] = "loop.bin"


BROKEN = {
    "entry without id": (drop("id"), "`id`"),
    "entry without kind": (drop("kind"), "attested: no text `kind`"),
    "entry without file": (drop("file"), "attested: no text `file`"),
    "missing file": (lambda folder: (folder.path / "attested.bin").unlink(), "attested.bin: No such file"),
    "missing status list": (lambda folder: (folder.path / "status.json").unlink(), "status.json: No such file"),
    "status list that is none": (
        lambda folder: (folder.path / "status.json").write_text("{}"),
        "status_lists.list: the status list has no object `entries`",
    ),
    "file is a folder": (lambda folder: folder.named("attested").update(file="."), ".: Is a directory"),
    "file name with NUL": (lambda folder: folder.named("attested").update(file="\x00"), "not a file name"),
    "id that moves the cursor": (lambda folder: folder.named("attested").update(id="\x1b[2J"), "not printable"),
    "params a list": (lambda folder: folder.named("attested").update(params=[]), "attested: params is not an object"),
    "expected a list": (lambda folder: folder.named("attested").update(expected=[]), "expected is not an object"),
    "parsed a list": (
        lambda folder: folder.named("sound")["expected"].update(parsed=[1]),
        "sound: expected.parsed is not an object",
    ),
    "document a list": (index([]), "the document is not an object"),
    "vectors an object": (index({"vectors": {}}), "no list `vectors`"),
    "no vectors": (index({"vectors": []}), "`vectors` is empty"),
    "file that climbs out": (climb("../outside.bin"), "../outside.bin: outside the folder"),
    "file by its absolute name": (absolute, "outside.bin: outside the folder"),
    "file that is a link to elsewhere": (link_out, "linked.bin: outside the folder"),
    "file that is a link to itself": (link_to_itself, "loop.bin: "),
    "status list that climbs out": (
        lambda folder: folder.index["status_lists"]["list"].update(file="x/../../status.json"),
        "x/../../status.json: outside the folder",
    ),
    "an entry that is text": (index({"vectors": ["text"]}), "vectors[0] is not an object"),
    "key id not base64": (param("attested", "key_id_b64", "!"), "attested: params.key_id_b64 is not base64"),
    "no app id": (param("attested", "app_id", None), "params.app_id is not of type str"),
    "unknown environment": (param("attested", "environment", "staging"), "is not an App Attest environment"),
    "no time": (param("attested", "verification_time", None), "params.verification_time is not of type str"),
    "not a time": (param("attested", "verification_time", "noon"), "is not an RFC 3339 time"),
    "time without zone": (param("sound", "verification_time", "2026-11-22T12:00:00"), "has no time zone"),
    "counter as text": (param("asserted", "stored_counter_before", "3"), "is not of type int"),
    "counter as truth": (param("asserted", "stored_counter_before", True), "is not an integer"),
    "key not on the curve": (
        param("asserted", "public_key_x962_b64", b64(b"\x04" + b"\x01" * 64)),
        "not a P-256 point",
    ),
    "receipt's key not PEM": (param("receipted", "public_key_spki_pem", "!"), "is not a public key"),
    "receipt's key on another curve": (
        param("receipted", "public_key_spki_pem", public_key_pem(ec.SECP384R1())),
        "is not a P-256 key",
    ),
    "fields a list": (
        lambda folder: folder.named("receipted")["expected"].update(fields=[1]),
        "receipted: expected.fields is not an object",
    ),
    "challenge not hex": (param("sound", "expected_challenge_hex", "xyz"), "params.expected_challenge_hex is not hex"),
    "packages a text": (param("sound", "package_infos", "bank"), "params.package_infos is not a list"),
    "packages without name": (param("sound", "package_infos", [{}]), "is not a list of objects with a name"),
    "digests of numbers": (param("sound", "signature_digests", [1]), "params.signature_digests is not hex"),
}


@pytest.mark.parametrize(("change", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_folder_is_a_clear_error(folder, change, sentence):
    change(folder)
    result = folder.run()
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert not result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_an_index_that_is_not_json_is_a_clear_error(folder, content):
    (folder.path / "index.json").write_bytes(content)
    result = CliRunner().invoke(main, ["verify-vectors", str(folder.path)])
    assert result.exit_code == 2
    assert "index.json: not JSON" in result.stderr


def test_a_folder_without_an_index_is_a_clear_error(tmp_path):
    result = CliRunner().invoke(main, ["verify-vectors", str(tmp_path)])
    assert result.exit_code == 2
    assert "index.json: No such file" in result.stderr


def test_anchors_that_are_none_are_a_clear_error(folder):
    (folder.path / "anchors.pem").write_text("nothing")
    result = folder.run()
    assert result.exit_code == 2
    assert "anchors.pem" in result.stderr


def public_keys(count):
    keys = (ec.derive_private_key(secret, ec.SECP256R1()).public_key() for secret in range(1, count + 1))
    return b"".join(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in keys)


def test_dozens_of_anchors_are_taken(folder):
    anchors = folder.path / "anchors.pem"
    anchors.write_bytes(public_keys(40) + anchors.read_bytes())
    assert folder.run().exit_code == 0


@pytest.mark.parametrize("count", [62, 64, 100])
def test_more_anchors_than_are_taken_are_a_clear_error(folder, count):
    """Too many by themselves, or only beside those that are trusted anyway."""
    anchors = folder.path / "anchors.pem"
    anchors.write_bytes(public_keys(count) + anchors.read_bytes())
    result = folder.run()
    assert result.exit_code == 2
    assert "anchors.pem: " in result.stderr
    assert "trust anchors" in result.stderr


def test_an_anchor_of_no_accepted_kind_takes_nothing_from_the_others(folder):
    anchors = folder.path / "anchors.pem"
    odd = ec.derive_private_key(7, ec.SECP521R1()).public_key()
    anchors.write_bytes(odd.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) + anchors.read_bytes())
    sound = folder.path / "sound.bin"
    begin = b"-----BEGIN CERTIFICATE-----"
    sound.write_bytes(sound.read_bytes().rpartition(begin)[0])  # without its root
    assert folder.run().exit_code == 0


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the shared vectors are not beside this repository")
def test_the_recorded_evidence_comes_out_as_expected():
    result = CliRunner().invoke(main, ["verify-vectors", str(RECORDED), "--json"])
    document = json.loads(result.stdout)
    assert [(item["id"], item["mismatches"]) for item in document["vectors"] if item.get("mismatches")] == []
    assert result.exit_code == 0
    assert document["summary"]["compared"] == 221
