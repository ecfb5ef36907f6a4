"""The register of apps: reference values and audiences, compiled from `policies/apps/*.yaml` by the `assay` command."""

import base64
import re
from collections.abc import Collection, Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.endorsements.document import DocumentInvalid, Node, read_canonical
from chalicelib.endorsements.errors import UnusableEndorsement
from chalicelib.model.apps import (
    AlternativeBootKey,
    AndroidReference,
    AppleReference,
    AppRegistration,
    AppVersion,
    Audience,
    AudienceKind,
    PlayIntegrityReference,
)
from chalicelib.model.claims import AppleEnvironment
from chalicelib.model.keys import b64url
from chalicelib.model.rasp import CHECKS
from chalicelib.model.submission import PlayIntegrityRequest
from chalicelib.model.trust import Tier

_MOST_APPS: Final = 1000
_MOST_PER_APP: Final = 32  # packages, digests, App IDs, audiences

# docs/wire.md sections 2 and 3.
_APP: Final = re.compile(r"[a-z0-9._-]{1,64}")
_AUDIENCE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")
# docs/wire.md section 6: seconds. Below 60, phones would do little else but renew.
_SHORTEST_TOKEN, _LONGEST_TOKEN = 60, 300

# https://developer.android.com/build/configure-app-module#set-application-id: two segments at least.
_PACKAGE: Final = re.compile(r"(?=.{3,255}$)[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
# https://developer.apple.com/help/glossary/app-id: the ten characters of the team, a dot, the bundle id.
_APP_ID: Final = re.compile(r"[A-Z0-9]{10}\.[A-Za-z0-9.-]{1,155}")
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COORDINATE: Final = re.compile(r"[A-Za-z0-9_-]{43}")

# Below the stage's prefix in AWS Secrets Manager, whose own characters are these and some more:
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
_SECRET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SECRET_SHAPE: Final = "the name of a secret: 1 to 64 of a-z, 0-9, `.`, `_` and `-`"  # noqa: S105 - a sentence
# Google allows 10,000 a day unless asked for more; a hundred times that is a slip of the pen.
# https://developer.android.com/google/play/integrity/setup#increase-daily
_MOST_DAILY_CALLS: Final = 1_000_000

_MOST_BOOT_KEYS: Final = 64  # a system has one for each model of phone
_SYSTEM: Final = re.compile(r"[\x20-\x7e]{1,64}")

_MOST_VERSIONS: Final = 256  # releases that phones still have: some years of them
# docs/wire.md section 10: what a report's `app_version` may be, but printable ASCII.
_VERSION_NAME: Final = re.compile(r"[\x20-\x7e]{1,64}")
# https://developer.android.com/studio/publish/versioning#versioningsettings
_HIGHEST_VERSION_CODE: Final = 2_100_000_000
# https://developer.apple.com/documentation/bundleresources/information-property-list/cfbundleversion
_BUNDLE_VERSION: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18}){0,2}(?:[a-z]{1,2}[0-9]{1,3})?")

_CHECKS: Final = {check: check for check in CHECKS}
_REQUESTS: Final = {request.value: request for request in PlayIntegrityRequest}
_KINDS: Final = {kind.value: kind for kind in AudienceKind}
_ENVIRONMENTS: Final = {environment.label: environment for environment in AppleEnvironment}
# A gateway that takes every tier, or tokens that say nothing, is a clear audience.
_MINIMUM_TIERS: Final = {"high": Tier.AFFIRMING, "medium": Tier.WARNING}


def load_register(document: bytes) -> Mapping[str, AppRegistration]:
    """The registered apps by app id. Raises `UnusableEndorsement` with the place and a sentence."""
    try:
        root = read_canonical(document).members(required=("version", "apps"))
        root["version"].integer(lowest=1, highest=1)
        return {name: _app(name, node) for name, node in root["apps"].entries(most=_MOST_APPS).items()}
    except DocumentInvalid as error:
        raise UnusableEndorsement(str(error)) from error


def _app(name: str, node: Node) -> AppRegistration:
    Node(name, node.path).text(_APP, "an app id: 1 to 64 of a-z, 0-9, `.`, `_` and `-`")
    members = node.members(required=("audiences",), optional=("android", "apple", "token_lifetime", "versions"))
    if "android" not in members and "apple" not in members:
        node.refuse("names neither an `android` nor an `apple` app, so that no phone could ever attest")
    lifetime = members.get("token_lifetime")
    return AppRegistration(
        app=name,
        android=_android(members["android"]) if "android" in members else None,
        apple=_apple(members["apple"]) if "apple" in members else None,
        audiences={
            audience: _audience(audience, item)
            for audience, item in members["audiences"].entries(most=_MOST_PER_APP).items()
        },
        token_lifetime=lifetime.integer(lowest=_SHORTEST_TOKEN, highest=_LONGEST_TOKEN) if lifetime else _LONGEST_TOKEN,
        versions=_versions(members["versions"], platforms=members.keys()) if "versions" in members else (),
    )


def _android(node: Node) -> AndroidReference:
    members = node.members(
        required=("packages", "signature_digests"), optional=("play_integrity", "alternative_boot_keys")
    )
    return AndroidReference(
        packages=_texts(members["packages"], _PACKAGE, "an Android application id such as com.example.app"),
        signature_digests=tuple(
            bytes.fromhex(digest)
            for digest in _texts(
                members["signature_digests"], _DIGEST, "a certificate's SHA-256 digest in 64 hex digits, lower case"
            )
        ),
        play_integrity=_play_integrity(members["play_integrity"]) if "play_integrity" in members else None,
        alternative_boot_keys=_boot_keys(members["alternative_boot_keys"])
        if "alternative_boot_keys" in members
        else (),
    )


def _boot_keys(node: Node) -> tuple[AlternativeBootKey, ...]:
    found: list[AlternativeBootKey] = []
    for item in node.items(most=_MOST_BOOT_KEYS):
        members = item.members(required=("name", "key"))
        key = bytes.fromhex(members["key"].text(_DIGEST, "a verified boot key: 64 hex digits, lower case"))
        if not any(key):
            members["key"].refuse("is all zeros, which is what phones state that verified nothing")
        if any(key == earlier.key for earlier in found):
            members["key"].refuse("is the key of an earlier entry")
        found.append(
            AlternativeBootKey(name=members["name"].text(_SYSTEM, "1 to 64 printable ASCII characters"), key=key)
        )
    return tuple(found)


def _play_integrity(node: Node) -> PlayIntegrityReference:
    members = node.members(required=("requests", "secret"), optional=("daily_calls",))
    requests = tuple(
        item.choice(_REQUESTS, "kind of integrity request") for item in members["requests"].items(most=len(_REQUESTS))
    )
    if len(set(requests)) < len(requests):
        members["requests"].refuse("names the same kind twice")
    # Classic tokens are read here and cost no call, so that a number beside them alone would mean nothing.
    if ("daily_calls" in members) is not (PlayIntegrityRequest.STANDARD in requests):
        node.refuse("wants `daily_calls` with the kind standard, and only with it")
    calls = members.get("daily_calls")
    return PlayIntegrityReference(
        requests=requests,
        secret=members["secret"].text(_SECRET, _SECRET_SHAPE),
        daily_calls=calls.integer(lowest=1, highest=_MOST_DAILY_CALLS) if calls else 0,
    )


def _apple(node: Node) -> AppleReference:
    members = node.members(required=("app_ids", "environment"), optional=("risk_metric_secret",))
    return AppleReference(
        app_ids=_texts(members["app_ids"], _APP_ID, "an App ID such as ABCDE12345.com.example.app"),
        environment=members["environment"].choice(_ENVIRONMENTS, "App Attest environment"),
        risk_metric_secret=members["risk_metric_secret"].text(_SECRET, _SECRET_SHAPE)
        if "risk_metric_secret" in members
        else None,
    )


def _versions(node: Node, *, platforms: Collection[str]) -> tuple[AppVersion, ...]:
    """A platform knows a version by one name and one number."""
    found: list[AppVersion] = []
    taken: set[tuple[str, str, int | str]] = set()
    for item in node.items(most=_MOST_VERSIONS):
        version = _version(item)
        stated = {"android": version.android_version_code, "apple": version.apple_bundle_version}
        for platform, number in stated.items():
            if number is None:
                continue
            if platform not in platforms:
                item.refuse(f"is a version for {platform}, for which the app is not registered")
            own: set[tuple[str, str, int | str]] = {(platform, "name", version.name), (platform, "number", number)}
            if taken & own:
                item.refuse(f"has the name or the number of an earlier version for {platform}")
            taken |= own
        found.append(version)
    return tuple(found)


def _version(node: Node) -> AppVersion:
    members = node.members(
        required=("name", "required_checks"), optional=("android_version_code", "apple_bundle_version")
    )
    code, bundle = members.get("android_version_code"), members.get("apple_bundle_version")
    if code is None and bundle is None:
        node.refuse(
            "wants `android_version_code`, `apple_bundle_version` or both: the platform states them, and the name "
            "alone is the phone's word"
        )
    checks = tuple(
        item.choice(_CHECKS, "check of a RASP report") for item in members["required_checks"].items(most=len(_CHECKS))
    )
    if len(set(checks)) < len(checks):
        members["required_checks"].refuse("names the same check twice")
    return AppVersion(
        name=members["name"].text(_VERSION_NAME, "a version's name: 1 to 64 printable ASCII characters"),
        android_version_code=code.integer(lowest=1, highest=_HIGHEST_VERSION_CODE) if code else None,
        apple_bundle_version=bundle.text(_BUNDLE_VERSION, "a bundle version such as 7.1.0") if bundle else None,
        required_checks=checks,
    )


def _audience(name: str, node: Node) -> Audience:
    Node(name, node.path).text(_AUDIENCE, "an audience: 1 to 128 printable ASCII without space, quote and backslash")
    members = node.members(required=("kind",), optional=("encryption_jwk", "minimum_tier"))
    kind = members["kind"].choice(_KINDS, "kind of audience")
    for member, owner in (("encryption_jwk", AudienceKind.CONFIDENTIAL), ("minimum_tier", AudienceKind.GATEWAY)):
        if (member in members) is not (kind is owner):
            node.refuse(f"wants `{member}` with the kind {owner.value}, and only with it")
    return Audience(
        name=name,
        kind=kind,
        encryption_jwk=_encryption_jwk(members["encryption_jwk"]) if "encryption_jwk" in members else None,
        minimum_tier=members["minimum_tier"].choice(_MINIMUM_TIERS, "tier for a gateway")
        if "minimum_tier" in members
        else None,
    )


def _encryption_jwk(node: Node) -> dict[str, str]:
    """A P-256 public key (RFC 7518 section 6.2.1) with its `kid`, and nothing else."""
    if isinstance(node.value, dict) and "d" in node.value:
        node.refuse("holds `d`, the private half of the key: keep that, and register the public half")
    members = node.members(required=("kty", "crv", "x", "y", "kid"))
    members["kty"].choice({"EC": None}, "key type that is taken")
    members["crv"].choice({"P-256": None}, "curve that is taken")
    members["kid"].text(_KEY_ID, "a key id: 1 to 64 of the base64url alphabet")
    x, y = (_coordinate(members[name]) for name in ("x", "y"))
    try:
        ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError as error:
        raise DocumentInvalid(node.path, "is no point on P-256") from error
    return {name: str(item.value) for name, item in members.items()}


def _coordinate(node: Node) -> int:
    shape = "base64url of 32 bytes"
    text = node.text(_COORDINATE, shape)
    decoded = base64.urlsafe_b64decode(text + "=")
    if b64url(decoded) != text:
        node.refuse(f"is not {shape} in its one canonical spelling")
    return int.from_bytes(decoded, "big")


def _texts(node: Node, pattern: re.Pattern[str], shape: str) -> tuple[str, ...]:
    found = tuple(item.text(pattern, shape) for item in node.items(most=_MOST_PER_APP))
    if len(set(found)) < len(found):
        node.refuse("names the same value twice")
    return found
