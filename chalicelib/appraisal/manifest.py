"""Which self-protection checks an app's version has to run: the register says, by the version that the platform states.

A report names its app's version, too. That is the phone's word: it can add checks to those wanted, and take none away.
"""

from collections.abc import Iterable

from chalicelib.model.apps import AndroidReference, AppRegistration, AppVersion
from chalicelib.model.claims import EvidenceSet, KeptAndroid, KeptApple
from chalicelib.model.submission import Format


def android_version_code(kept: KeptAndroid, reference: AndroidReference | None) -> int | None:
    """Of the one registered package that made the key; None where there is none, or several share its user id."""
    registered = reference.packages if reference else ()
    codes = [package.version for package in kept.packages if package.name in registered]
    return codes[0] if len(codes) == 1 else None


def required_checks(evidence: EvidenceSet, app: AppRegistration, *, reported: str) -> frozenset[str] | None:
    """By "<group>.<check>"; None where the register says nothing about the platform's versions.

    Where the platform states no version, or one that is not registered: the checks of all versions together.
    """
    versions = _of_platform(evidence, app)
    if not versions:
        return None
    stated = _stated(versions, evidence, app)
    if stated is None:
        return frozenset(check for version in versions for check in version.required_checks)
    claimed = _named(versions, reported)
    return frozenset(stated.required_checks) | frozenset(claimed.required_checks if claimed else ())


def is_listed(evidence: EvidenceSet, app: AppRegistration, *, reported: str) -> bool | None:
    """Whether the register has a version of that name; None where it has none of the platform."""
    versions = _of_platform(evidence, app)
    return _named(versions, reported) is not None if versions else None


def agrees(evidence: EvidenceSet, app: AppRegistration, *, reported: str) -> bool | None:
    """Whether the report and the platform speak of the same version; None where one of them cannot be told.

    An Android phone that renews keeps the version that it enrolled with. The app may have become newer since. It has
    not become older: Android installs an older version only after it removed the app, and its keys with it.
    """
    versions = _of_platform(evidence, app)
    stated, claimed = _stated(versions, evidence, app), _named(versions, reported)
    if isinstance(evidence.platform, KeptAndroid):
        code, current = _latest_code(evidence, evidence.platform, app)
        if code is None:
            return None
        if not current:
            return None if claimed is None else (claimed.android_version_code or 0) >= code
    elif not isinstance(evidence.platform, KeptApple) or evidence.platform.validation.bundle_version is None:
        return None
    return None if stated is None and claimed is None else stated is claimed


def _of_platform(evidence: EvidenceSet, app: AppRegistration) -> tuple[AppVersion, ...]:
    match evidence.platform:
        case KeptAndroid():
            return tuple(version for version in app.versions if version.android_version_code is not None)
        case KeptApple():
            return tuple(version for version in app.versions if version.apple_bundle_version is not None)
        case _:  # no platform vouches for it, not even for which it is
            return app.versions


def _stated(versions: Iterable[AppVersion], evidence: EvidenceSet, app: AppRegistration) -> AppVersion | None:
    """The registered version that the platform states."""
    match evidence.platform:
        case KeptAndroid() as kept:
            code, _ = _latest_code(evidence, kept, app)
            return next((version for version in versions if version.android_version_code == code), None)
        case KeptApple(validation=validation):
            bundle = validation.bundle_version
            return next((version for version in versions if version.apple_bundle_version == bundle), None)
        case _:
            return None


def _latest_code(evidence: EvidenceSet, kept: KeptAndroid, app: AppRegistration) -> tuple[int | None, bool]:
    """And whether it is stated now: what a key was attested with is as old as the enrolment, and Google Play may have
    seen a newer version since."""
    attested = android_version_code(kept, app.android)
    seen = kept.play_integrity.verdict.version_code if kept.play_integrity else None
    fresh = {Format.ANDROID_KEY: attested, Format.PLAY_INTEGRITY: seen}
    current = any(fresh.get(format_) is not None for format_ in evidence.fresh_formats)
    return max((code for code in (attested, seen) if code is not None), default=None), current


def _named(versions: Iterable[AppVersion], name: str) -> AppVersion | None:
    return next((version for version in versions if version.name == name), None)
