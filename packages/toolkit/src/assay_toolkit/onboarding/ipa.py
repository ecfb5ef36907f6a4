"""What an IPA says of itself: Info.plist, the entitlements of its code signature, its provisioning profile.

None of Apple's signatures is verified here: what is found is shown, and a person knows the own team.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from assay_toolkit.onboarding.archive import Archive
from assay_toolkit.onboarding.artefact import AppleArtefact, ArtefactUnusable, printable
from assay_toolkit.onboarding.mach_o import read_entitlements
from assay_toolkit.onboarding.property_list import read_property_list
from chalicelib.model.claims import AppleEnvironment
from chalicelib.verifiers.codec import ber, der
from chalicelib.verifiers.codec.errors import Malformed

_APP: Final = re.compile(r"Payload/([^/]+\.app)/Info\.plist")
_BUNDLE_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,155}")
_TEAM: Final = re.compile(r"[A-Z0-9]{10}")
_PLAIN_NAME: Final = re.compile(r"[^/\x00]{1,255}")

_LARGEST_LIST: Final = 1024**2  # bytes
_LARGEST_PROFILE: Final = 4 * 1024**2  # one with a hundred phones has some ten thousand
_LARGEST_EXECUTABLE: Final = 1024**3

_APP_IDENTIFIER: Final = "application-identifier"
_TEAM_IDENTIFIER: Final = "com.apple.developer.team-identifier"
# https://developer.apple.com/documentation/bundleresources/entitlements/com.apple.developer.devicecheck.appattest-environment
_ENVIRONMENT: Final = "com.apple.developer.devicecheck.appattest-environment"
_ENVIRONMENTS: Final = {environment.label: environment for environment in AppleEnvironment}

_NO_ENTITLEMENT: Final = "Its entitlements do not have App Attest: the capability may be missing in the project."
_TWO_PREFIXES: Final = (
    "Its team and the prefix of its application identifier differ, as those of apps from before 2011 may. Apple's "
    "pages do not say which of them App Attest uses: try one with a phone, then the other."
)


def app_folder(names: tuple[str, ...]) -> str | None:
    """`Payload/<name>.app/` of the one app in an IPA; None: it is no IPA. Raises ArtefactUnusable for several."""
    found = [match for name in names if (match := _APP.fullmatch(name))]
    if len(found) > 1:
        raise ArtefactUnusable("has more than one app in its Payload")
    return f"Payload/{found[0][1]}/" if found else None


def read_ipa(archive: Archive, folder: str) -> AppleArtefact:
    """Raises ArtefactUnusable."""
    info = read_property_list(archive.read(folder + "Info.plist", most=_LARGEST_LIST), of="an Info.plist")
    bundle_id = info.get("CFBundleIdentifier")
    if not isinstance(bundle_id, str) or not _BUNDLE_ID.fullmatch(bundle_id):
        raise ArtefactUnusable("has an Info.plist without a bundle id")
    signed = _signed_entitlements(archive, folder, info.get("CFBundleExecutable"))
    profile = _profile(archive, folder)
    allowed = profile.get("Entitlements", {})
    if not isinstance(allowed, dict):
        raise ArtefactUnusable("has a provisioning profile that is broken")
    identity = _identity(bundle_id, allowed if signed is None else signed)
    if signed is not None and profile and _identity(bundle_id, allowed).prefix != identity.prefix:
        raise ArtefactUnusable("has a provisioning profile that is another app's or another team's")
    environment, source = _environment(profile, allowed if signed is None else signed)
    return AppleArtefact(
        bundle_id=bundle_id,
        app_id=identity.app_id(bundle_id),
        version_name=printable(info.get("CFBundleShortVersionString")),
        build=printable(info.get("CFBundleVersion")),
        environment=environment,
        environment_source=source,
        notes=(
            *([_TWO_PREFIXES] if identity.is_ambiguous else []),
            *([_NO_ENTITLEMENT] if signed is not None and _ENVIRONMENT not in signed else []),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Identity:
    """The two things that are called the team; None: not stated."""

    prefix: str | None
    team: str | None

    @property
    def is_ambiguous(self) -> bool:
        return None not in (self.prefix, self.team) and self.prefix != self.team

    def app_id(self, bundle_id: str) -> str | None:
        team = self.prefix or self.team
        return None if team is None or self.is_ambiguous else f"{team}.{bundle_id}"


def _identity(bundle_id: str, entitlements: dict[str, Any]) -> _Identity:
    stated, team = entitlements.get(_APP_IDENTIFIER), entitlements.get(_TEAM_IDENTIFIER)
    prefix = None
    if stated is not None:
        prefix, _, named = stated.partition(".") if isinstance(stated, str) else ("", "", "")
        # A profile may be for all apps of a team, or for all below a name.
        wildcard = named.endswith("*") and bundle_id.startswith(named.removesuffix("*"))
        if not _TEAM.fullmatch(prefix) or (named != bundle_id and not wildcard):
            raise ArtefactUnusable("has an application identifier that is not that of its bundle id")
    if team is not None and not (isinstance(team, str) and _TEAM.fullmatch(team)):
        raise ArtefactUnusable("has a team identifier that is none")
    return _Identity(prefix, team)


def _signed_entitlements(archive: Archive, folder: str, executable: object) -> dict[str, Any] | None:
    """None: the executable has no signature, or there is none."""
    if not isinstance(executable, str) or not _PLAIN_NAME.fullmatch(executable):
        return None
    name = folder + executable
    if name not in archive.names:
        return None
    with archive.stream(name, most=_LARGEST_EXECUTABLE) as stream:
        entitlements = read_entitlements(stream)
    return None if entitlements is None else read_property_list(entitlements, of="entitlements")


def _profile(archive: Archive, folder: str) -> dict[str, Any]:
    """The property list in embedded.mobileprovision, which is CMS (RFC 5652 section 5.1); empty: there is none."""
    name = folder + "embedded.mobileprovision"
    if name not in archive.names:
        return {}
    data = archive.read(name, most=_LARGEST_PROFILE)
    try:
        cms = ber.to_der(data, max_bytes=_LARGEST_PROFILE, max_depth=8, max_elements=256)
        outer = der.members(der.one(cms, field="profile"), tag=der.SEQUENCE, field="profile")
        signed_data = der.members(_explicit(outer), tag=der.SEQUENCE, field="profile")
        encapsulated = der.members(signed_data[2], tag=der.SEQUENCE, field="profile")
        content = der.octets(_explicit(encapsulated), field="profile")
    except (Malformed, IndexError) as error:
        raise ArtefactUnusable("has a provisioning profile that is broken") from error
    return read_property_list(content, of="a provisioning profile")


def _explicit(fields: list[der.Tlv]) -> der.Tlv:
    """`[0] EXPLICIT` in second place, as in ContentInfo and EncapsulatedContentInfo. Raises Malformed, IndexError."""
    return der.members(fields[1], tag=b"\xa0", field="profile")[0]


def _environment(profile: dict[str, Any], entitlements: dict[str, Any]) -> tuple[AppleEnvironment | None, str]:
    """How the build is distributed decides; only builds for registered phones go by their entitlement (see the URL at
    `_ENVIRONMENT`)."""
    if not profile:
        return None, "there is no provisioning profile to say how it is distributed"
    if profile.get("ProvisionsAllDevices") is True:
        return AppleEnvironment.PRODUCTION, "enterprise builds use production, whatever the entitlement says"
    if "ProvisionedDevices" not in profile:
        return (
            AppleEnvironment.PRODUCTION,
            "App Store and TestFlight builds use production, whatever the entitlement says",
        )
    stated = entitlements.get(_ENVIRONMENT)
    if isinstance(stated, str) and stated in _ENVIRONMENTS:
        return _ENVIRONMENTS[stated], "the entitlement, for a build on registered phones"
    if stated is None and entitlements.get("get-task-allow") is True:
        return AppleEnvironment.DEVELOPMENT, "what a development build without the entitlement uses"
    return None, "a build for registered phones, whose entitlement does not say"
