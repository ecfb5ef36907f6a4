"""The register of apps: what is understood whole, and what is refused with its place."""

import json
from pathlib import Path

import pytest
import rfc8785

from assay_toolkit.register import compile_register
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.endorsements.register import load_register
from chalicelib.model.apps import AppVersion, AudienceKind
from chalicelib.model.claims import AppleEnvironment
from chalicelib.model.submission import PlayIntegrityRequest
from chalicelib.model.trust import Tier

DEMO_BANK = Path(__file__).resolve().parents[2] / "policies/apps/demo-bank.yaml"
API, PAYMENTS, GATEWAY = (f"https://{host}.bank.example" for host in ("api", "payments", "gateway"))


@pytest.fixture
def draft():
    return json.loads(compile_register([DEMO_BANK]))


def test_the_demo_bank():
    bank = load_register(compile_register([DEMO_BANK]))["demo-bank"]
    assert bank.app == "demo-bank"
    assert bank.android.packages == ("com.example.bank",)
    assert [len(digest) for digest in bank.android.signature_digests] == [32]
    assert bank.apple.app_ids == ("A1B2C3D4E5.com.example.bank",)
    assert bank.apple.environment is AppleEnvironment.PRODUCTION
    assert {name: audience.kind for name, audience in bank.audiences.items()} == {
        API: AudienceKind.CLEAR,
        PAYMENTS: AudienceKind.CONFIDENTIAL,
        GATEWAY: AudienceKind.GATEWAY,
    }
    assert bank.audiences[GATEWAY].minimum_tier is Tier.WARNING
    assert set(bank.audiences[PAYMENTS].encryption_jwk) == {"kty", "crv", "x", "y", "kid"}


def test_one_platform_is_enough(draft):
    del draft["apps"]["demo-bank"]["apple"]
    for version in draft["apps"]["demo-bank"]["versions"]:
        version.pop("apple_bundle_version", None)
    del draft["apps"]["demo-bank"]["token_lifetime"]
    bank = load_register(rfc8785.dumps(draft))["demo-bank"]
    assert bank.apple is None
    assert bank.token_lifetime == 300


STANDARD = {"requests": ["standard"], "secret": "play-bank", "daily_calls": 5000}


def test_integrity_tokens_and_the_risk_metric(draft):
    registered = draft["apps"]["demo-bank"]
    registered["android"]["play_integrity"] = {**STANDARD, "requests": ["classic", "standard"]}
    registered["apple"]["risk_metric_secret"] = "apple-bank"
    bank = load_register(rfc8785.dumps(draft))["demo-bank"]
    reference = bank.android.play_integrity
    assert reference.requests == (PlayIntegrityRequest.CLASSIC, PlayIntegrityRequest.STANDARD)
    assert (reference.secret, reference.daily_calls) == ("play-bank", 5000)
    assert bank.apple.risk_metric_secret == "apple-bank"


def test_classic_tokens_cost_no_call(draft):
    draft["apps"]["demo-bank"]["android"]["play_integrity"] = {"requests": ["classic"], "secret": "play-bank"}
    assert load_register(rfc8785.dumps(draft))["demo-bank"].android.play_integrity.daily_calls == 0


def test_versions_of_the_app(draft):
    draft["apps"]["demo-bank"]["versions"] = [
        # The same name on both platforms, each with checks of its own.
        {"name": "7.1", "android_version_code": 71, "required_checks": ["environment.adb", "code.hooking"]},
        {"name": "7.1", "apple_bundle_version": "7.1.0", "required_checks": ["code.hooking"]},
        {"name": "7.0", "android_version_code": 70, "apple_bundle_version": "70", "required_checks": ["code.hooking"]},
    ]
    assert load_register(rfc8785.dumps(draft))["demo-bank"].versions == (
        AppVersion(
            name="7.1",
            android_version_code=71,
            apple_bundle_version=None,
            required_checks=("environment.adb", "code.hooking"),
        ),
        AppVersion(
            name="7.1", android_version_code=None, apple_bundle_version="7.1.0", required_checks=("code.hooking",)
        ),
        AppVersion(name="7.0", android_version_code=70, apple_bundle_version="70", required_checks=("code.hooking",)),
    )


def versions(*changes):
    entries = [
        {"name": "7.1", "android_version_code": 71, "required_checks": ["code.hooking"], **one} for one in changes
    ]
    return bank(versions=[{name: value for name, value in entry.items() if value is not ...} for entry in entries])


def apple_alone(draft):
    versions({})(draft)
    del draft["apps"]["demo-bank"]["android"]


def integrity(**members):
    return android(play_integrity={**STANDARD, **members})


def bank(**members):
    return lambda draft: draft["apps"]["demo-bank"].update(members)


def android(**members):
    return lambda draft: draft["apps"]["demo-bank"]["android"].update(members)


def jwk(**members):
    return lambda draft: draft["apps"]["demo-bank"]["audiences"][PAYMENTS]["encryption_jwk"].update(members)


def audience(name, entry):
    return lambda draft: draft["apps"]["demo-bank"]["audiences"].update({name: entry})


def no_platform(draft):
    del draft["apps"]["demo-bank"]["android"], draft["apps"]["demo-bank"]["apple"]


AT_BANK = "$.apps.demo-bank"
AT_PAYMENTS = f'{AT_BANK}.audiences["{PAYMENTS}"]'

BROKEN = {
    "no apps": (lambda draft: draft.update(apps={}), "$.apps", "is empty"),
    "a version of the future": (lambda draft: draft.update(version=2), "$.version", "it must be 1"),
    "an unknown member": (bank(audience={}), f"{AT_BANK}.audience", "did you mean `audiences`?"),
    "an app id in upper case": (
        lambda draft: draft.update(apps={"Bank": draft["apps"]["demo-bank"]}), "$.apps.Bank", "an app id"
    ),
    "no platform": (no_platform, AT_BANK, "neither an `android` nor an `apple` app"),
    "no audiences": (bank(audiences={}), f"{AT_BANK}.audiences", "is empty"),
    "no packages": (android(packages=[]), f"{AT_BANK}.android.packages", "empty list"),
    "a package that is none": (android(packages=["bank"]), f"{AT_BANK}.android.packages[0]", "com.example.app"),
    "a package twice": (android(packages=["a.b", "a.b"]), f"{AT_BANK}.android.packages", "twice"),
    "a digest with colons": (
        android(signature_digests=["a1:" * 31 + "a1"]), f"{AT_BANK}.android.signature_digests[0]", "64 hex digits"
    ),
    "a SHA-1 digest": (
        android(signature_digests=["a1" * 20]), f"{AT_BANK}.android.signature_digests[0]", "64 hex digits"
    ),
    "a bundle id without its team": (
        bank(apple={"app_ids": ["com.example.bank"], "environment": "production"}),
        f"{AT_BANK}.apple.app_ids[0]",
        "ABCDE12345.com.example.app",
    ),
    "integrity tokens of no kind": (
        integrity(requests=[]), f"{AT_BANK}.android.play_integrity.requests", "empty list"
    ),
    "integrity tokens of an unknown kind": (
        integrity(requests=["express"]), f"{AT_BANK}.android.play_integrity.requests[0]", "no kind of integrity request"
    ),
    "a kind of integrity token twice": (
        integrity(requests=["standard", "standard"]), f"{AT_BANK}.android.play_integrity.requests", "twice"
    ),
    "standard tokens without a budget": (
        android(play_integrity={"requests": ["standard"], "secret": "play-bank"}),
        f"{AT_BANK}.android.play_integrity",
        "wants `daily_calls`",
    ),
    "a budget for calls that nobody makes": (
        integrity(requests=["classic"]), f"{AT_BANK}.android.play_integrity", "only with it"
    ),
    "a budget of nothing": (
        integrity(daily_calls=0), f"{AT_BANK}.android.play_integrity.daily_calls", "between 1 and 1000000"
    ),
    "a budget without bound": (
        integrity(daily_calls=1_000_001), f"{AT_BANK}.android.play_integrity.daily_calls", "between 1 and 1000000"
    ),
    "a secret in another folder": (
        integrity(secret="../prod/play"), f"{AT_BANK}.android.play_integrity.secret", "the name of a secret"
    ),
    "a key in place of its name": (
        bank(apple={"app_ids": ["A1B2C3D4E5.x"], "environment": "production", "risk_metric_secret": "-----BEGIN"}),
        f"{AT_BANK}.apple.risk_metric_secret",
        "the name of a secret",
    ),
    "an unknown environment": (
        bank(apple={"app_ids": ["A1B2C3D4E5.x"], "environment": "sandbox"}),
        f"{AT_BANK}.apple.environment",
        "no App Attest environment",
    ),
    "no versions": (bank(versions=[]), f"{AT_BANK}.versions", "empty list"),
    "a version without checks": (
        versions({"required_checks": []}), f"{AT_BANK}.versions[0].required_checks", "empty list"
    ),
    "a check that nobody has": (
        versions({"required_checks": ["environment.jailbreak"]}),
        f"{AT_BANK}.versions[0].required_checks[0]",
        "no check of a RASP report",
    ),
    "a check twice": (
        versions({"required_checks": ["code.hooking"] * 2}), f"{AT_BANK}.versions[0].required_checks", "twice"
    ),
    "a version that no platform states": (
        versions({"android_version_code": ...}), f"{AT_BANK}.versions[0]", "the phone's word"
    ),
    "a version without a name": (versions({"name": ""}), f"{AT_BANK}.versions[0].name", "a version's name"),
    "a version code of nothing": (
        versions({"android_version_code": 0}), f"{AT_BANK}.versions[0].android_version_code", "between 1 and 2100000000"
    ),
    "a bundle version that is none": (
        versions({"apple_bundle_version": "seven"}), f"{AT_BANK}.versions[0].apple_bundle_version", "such as 7.1.0"
    ),
    "two versions of one name": (
        versions({}, {"android_version_code": 72}), f"{AT_BANK}.versions[1]", "of an earlier version for android"
    ),
    "two versions of one number": (
        versions({}, {"name": "7.2"}), f"{AT_BANK}.versions[1]", "of an earlier version for android"
    ),
    "a version for another platform": (apple_alone, f"{AT_BANK}.versions[0]", "not registered"),
    "tokens of an hour": (bank(token_lifetime=3600), f"{AT_BANK}.token_lifetime", "between 60 and 300"),
    "an audience with a space": (audience("the bank", {"kind": "clear"}), f'{AT_BANK}.audiences["the bank"]', "space"),
    "an unknown kind": (audience(API, {"kind": "open"}), f'{AT_BANK}.audiences["{API}"].kind', "no kind of audience"),
    "a confidential audience without a key": (
        audience(PAYMENTS, {"kind": "confidential"}), AT_PAYMENTS, "wants `encryption_jwk`"
    ),
    "a clear audience with a tier": (
        audience(API, {"kind": "clear", "minimum_tier": "high"}),
        f'{AT_BANK}.audiences["{API}"]',
        "wants `minimum_tier`",
    ),
    "a gateway that takes anything": (
        audience(GATEWAY, {"kind": "gateway", "minimum_tier": "low"}),
        f'{AT_BANK}.audiences["{GATEWAY}"].minimum_tier',
        "no tier for a gateway",
    ),
    "a private key": (jwk(d="x" * 43), f"{AT_PAYMENTS}.encryption_jwk", "the private half"),
    "a key without an id": (
        lambda draft: draft["apps"]["demo-bank"]["audiences"][PAYMENTS]["encryption_jwk"].pop("kid"),
        f"{AT_PAYMENTS}.encryption_jwk",
        "lacks the member `kid`",
    ),
    "a key on another curve": (jwk(crv="P-384"), f"{AT_PAYMENTS}.encryption_jwk.crv", "no curve that is taken"),
    "a key that is on no curve": (jwk(x="A" * 43), f"{AT_PAYMENTS}.encryption_jwk", "no point on P-256"),
    "a coordinate in two spellings": (
        jwk(x="A" * 42 + "B"), f"{AT_PAYMENTS}.encryption_jwk.x", "one canonical spelling"
    ),
    "a coordinate that is too short": (jwk(y="AAAA"), f"{AT_PAYMENTS}.encryption_jwk.y", "32 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_register_is_refused_with_its_place(draft, name):
    edit, path, sentence = BROKEN[name]
    edit(draft)
    with pytest.raises(UnusableEndorsement) as refused:
        load_register(rfc8785.dumps(draft))
    place, _, said = str(refused.value).partition(": ")
    assert place == path
    assert sentence in said


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b'{ "version": 1 }', b'{"apps":{},"apps":{}}'])
def test_what_is_no_register_is_refused(document):
    with pytest.raises(UnusableEndorsement):
        load_register(document)
