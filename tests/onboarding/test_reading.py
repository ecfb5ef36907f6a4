"""Genuine artefacts say what they say."""

import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from assay_toolkit.onboarding.artefact import ArtefactUnusable
from assay_toolkit.onboarding.public_key import digest_of
from assay_toolkit.onboarding.reading import read_artefact
from chalicelib.model.claims import AppleEnvironment
from tests.onboarding import android, apple
from tests.onboarding.android import V2, V3, V31, Signature


def digests(found):
    return [digest_of(signer.certificate).hex() for signer in found.signers]


@pytest.mark.parametrize("utf8", [False, True])
@pytest.mark.parametrize(("major", "code"), [(None, 70100), (0, 70100), (2, 2 << 32 | 70100)])
def test_an_apk_states_package_and_version(written, owners, utf8, major, code):
    apk = android.unsigned_apk(utf8=utf8, major=major, name="7.1.0 ß")
    found = read_artefact(written(android.signed(apk, Signature(scheme=V2, owner=owners.bank))))
    assert (found.package, found.version_code, found.version_name) == (android.PACKAGE, code, "7.1.0 ß")
    assert digests(found) == [owners.bank.digest]


def test_a_version_name_that_would_move_the_cursor_is_not_shown(written):
    for name in ("7.1\x1b[2J", "7.1\n# android:", "7" * 65, "\u202e1.7"):
        apk = android.unsigned_apk(name=name)
        assert read_artefact(written(apk)).version_name is None


@pytest.mark.parametrize("algorithm", [android.RSA_PSS_SHA256, android.RSA_SHA256, android.RSA_SHA512])
@pytest.mark.parametrize("scheme", [V2, V3])
def test_each_algorithm(written, owners, scheme, algorithm):
    signature = Signature(scheme=scheme, owner=owners.rsa, algorithms=(algorithm,))
    found = read_artefact(written(android.signed(android.unsigned_apk(), signature)))
    assert digests(found) == [owners.rsa.digest]


def test_an_algorithm_that_is_not_known_stands_beside_one_that_is(written, owners):
    algorithms = (android.RSA_SHA256, android.VERITY_RSA)
    signature = Signature(scheme=V2, owner=owners.rsa, algorithms=algorithms)
    assert digests(read_artefact(written(android.signed(android.unsigned_apk(), signature)))) == [owners.rsa.digest]


def test_all_signers_of_an_apk_are_named(written, owners):
    both = (Signature(scheme=V2, owner=owners.bank), Signature(scheme=V2, owner=owners.rsa))
    found = read_artefact(written(android.signed(android.unsigned_apk(), *both)))
    assert digests(found) == [owners.bank.digest, owners.rsa.digest]


def test_a_rotated_key_is_named_with_the_oldest_of_its_lineage(written, owners):
    """Which is the one that Android's key attestation reports."""
    signatures = (
        Signature(scheme=V3, owner=owners.bank),
        Signature(scheme=V31, owner=owners.new, lineage=(owners.rsa, owners.bank, owners.new)),
    )
    found = read_artefact(written(android.signed(android.unsigned_apk(), *signatures)))
    assert digests(found) == [owners.bank.digest, owners.rsa.digest, owners.new.digest]
    assert owners.rsa.digest[:8] in found.notes[0]


def test_a_hybrid_signature_is_mentioned(written, owners):
    signature = Signature(scheme=V3, owner=owners.bank)
    apk = android.signed(android.unsigned_apk(), signature, more=[(0x70E1C89F, b"post-quantum")])
    assert "v3.2" in read_artefact(written(apk)).notes[0]


def test_a_debug_key_is_mentioned(written, owners):
    apk = android.signed(android.unsigned_apk(), Signature(scheme=V2, owner=owners.debug))
    assert "debug key" in read_artefact(written(apk)).notes[0]


@pytest.mark.parametrize(
    ("owner", "digest"), [("rsa", hashes.SHA256()), ("rsa", hashes.SHA512()), ("bank", hashes.SHA256())]
)
def test_the_jar_signature_counts_where_there_is_no_other(written, owners, owner, digest):
    signer = getattr(owners, owner)
    entries = {"AndroidManifest.xml": android.manifest(), "classes.dex": b"dex"}
    assert digests(read_artefact(written(android.jar_signed(entries, signer, digest=digest)))) == [signer.digest]


def test_an_apk_without_a_signature(written):
    found = read_artefact(written(android.unsigned_apk()))
    assert (found.signers, found.notes) == ((), ("It is not signed.",))


def test_a_bundle_names_its_upload_key_but_no_signer(written, owners):
    entries = {"base/manifest/AndroidManifest.xml": android.bundle_manifest(), "base/dex/classes.dex": b"dex"}
    for contents, notes in ((android.archive(entries), 1), (android.jar_signed(entries, owners.rsa), 2)):
        found = read_artefact(written(contents))
        assert (found.package, found.version_code, found.version_name) == (android.PACKAGE, 70100, "7.1.0")
        assert found.signers == ()
        assert len(found.notes) == notes
    assert owners.rsa.digest in found.notes[0]


def test_a_version_name_that_is_a_resource_is_not_known(written):
    for manifest in (android.bundle_manifest(name="@string/version"), android.bundle_manifest(name="")):
        found = read_artefact(written(android.archive({"base/manifest/AndroidManifest.xml": manifest})))
        assert found.version_name is None


def test_an_ipa_of_the_app_store_uses_production_whatever_its_entitlement_says(written, owners):
    found = read_artefact(written(apple.ipa(owners.rsa)))
    assert found.app_id == f"{apple.TEAM}.{apple.BUNDLE}"
    assert (found.bundle_id, found.version_name, found.build) == (apple.BUNDLE, "7.1.0", "71")
    assert found.environment is AppleEnvironment.PRODUCTION
    assert found.notes == ()


@pytest.mark.parametrize(
    ("profile", "granted", "environment"),
    [
        ({"ProvisionsAllDevices": True}, apple.entitlements(), AppleEnvironment.PRODUCTION),
        ({"ProvisionedDevices": ["x"]}, apple.entitlements(), AppleEnvironment.DEVELOPMENT),
        ({"ProvisionedDevices": ["x"]}, apple.entitlements(environment="production"), AppleEnvironment.PRODUCTION),
        (
            {"ProvisionedDevices": ["x"]},
            apple.entitlements(environment=None) | {"get-task-allow": True},
            AppleEnvironment.DEVELOPMENT,
        ),
        ({"ProvisionedDevices": ["x"]}, apple.entitlements(environment=None), None),
        ({"ProvisionedDevices": ["x"]}, apple.entitlements(environment="prod"), None),
    ],
)
def test_how_an_ipa_is_distributed_decides_its_environment(written, owners, profile, granted, environment):
    assert read_artefact(written(apple.ipa(owners.rsa, granted=granted, more=profile))).environment is environment


def test_without_a_profile_nothing_says_how_an_ipa_is_distributed(written, owners):
    found = read_artefact(written(apple.ipa(owners.rsa, without=("embedded.mobileprovision",))))
    assert (found.app_id, found.environment) == (f"{apple.TEAM}.{apple.BUNDLE}", None)


def test_without_a_signature_the_profile_speaks(written, owners):
    allowed = apple.entitlements(app_id=f"{apple.TEAM}.*", environment=["development", "production"])
    for files in ({"without": ("Bank",)}, {"Bank": apple.executable(None)}):
        found = read_artefact(written(apple.ipa(owners.rsa, allowed=allowed, **files)))
        assert found.app_id == f"{apple.TEAM}.{apple.BUNDLE}"


def test_the_entitlements_of_the_code_for_iphones_count(written, owners):
    for cpus in itertools.permutations((apple.X86_64, apple.ARM64)):
        found = read_artefact(written(apple.ipa(owners.rsa, Bank=apple.fat(apple.entitlements(), cpus=cpus))))
        assert found.app_id == f"{apple.TEAM}.{apple.BUNDLE}"


def test_a_team_that_is_not_the_prefix_is_for_a_person_to_settle(written, owners):
    granted = apple.entitlements(app_id=f"ZZZZZZZZZZ.{apple.BUNDLE}")
    found = read_artefact(written(apple.ipa(owners.rsa, granted=granted, allowed=granted)))
    assert found.app_id is None
    assert "prefix" in found.notes[0]


def test_an_ipa_without_the_capability_is_mentioned(written, owners):
    found = read_artefact(written(apple.ipa(owners.rsa, granted=apple.entitlements(environment=None))))
    assert "App Attest" in found.notes[0]


@pytest.fixture
def android_tools(tmp_path):
    """aapt, apksigner and keytool, where a machine has them: the formats' own tools."""
    missing = [name for name in ("aapt", "apksigner", "keytool") if shutil.which(name) is None]
    # Where Debian's android-framework-res has it.
    framework = Path(os.environ.get("FRAMEWORK_RES", "/usr/share/android-framework-res/framework-res.apk"))
    if missing or not framework.exists():
        pytest.skip(f"not here: {', '.join(missing) or framework.name}")

    def run(*command):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "AndroidManifest.xml").write_text(
        f'<manifest xmlns:android="{android.ANDROID}" package="{android.PACKAGE}" android:versionCode="70100" '
        'android:versionName="7.1.0"><application android:label="B"/></manifest>'
    )
    run("aapt", "package", "-F", "unsigned.apk", "-M", "AndroidManifest.xml", "-I", framework)
    for store, kind in (("old.p12", "RSA"), ("new.p12", "EC")):
        given = ("-keystore", store, "-storepass", "passwd", "-alias", "k", "-keyalg", kind, "-dname", f"CN={kind}")
        run("keytool", "-genkeypair", *given)
    return run


@pytest.mark.parametrize("scheme", ["v1", "v2 and v3", "rotated"])
def test_what_androids_own_tools_make_is_read(tmp_path, android_tools, scheme):
    old = ("--ks", "old.p12", "--ks-pass", "pass:passwd")
    new = ("--ks", "new.p12", "--ks-pass", "pass:passwd")
    options = {
        "v1": ("--v2-signing-enabled", "false", "--v3-signing-enabled", "false", "--min-sdk-version", "21", *old),
        "v2 and v3": old,
        "rotated": ("--lineage", "lineage", *old, "--next-signer", *new),
    }
    android_tools("apksigner", "rotate", "--out", "lineage", "--old-signer", *old, "--new-signer", *new)
    android_tools("apksigner", "sign", *options[scheme], "--out", "signed.apk", "unsigned.apk")
    found = read_artefact(tmp_path / "signed.apk")
    assert (found.package, found.version) == (android.PACKAGE, "7.1.0 (70100)")
    assert len({*digests(found)}) == (2 if scheme == "rotated" else 1)
    changed = bytearray((tmp_path / "signed.apk").read_bytes())
    changed[30] ^= 1  # the name of the first entry
    (tmp_path / "changed.apk").write_bytes(changed)
    with pytest.raises(ArtefactUnusable):
        read_artefact(tmp_path / "changed.apk")
