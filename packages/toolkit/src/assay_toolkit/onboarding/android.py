"""What an APK or an AAB says of itself."""

import re
from typing import Final

from assay_toolkit.onboarding import apk_signers, binary_manifest, bundle_manifest, jar_signature
from assay_toolkit.onboarding.archive import Archive
from assay_toolkit.onboarding.artefact import AndroidArtefact, ArtefactUnusable, Signer, printable
from assay_toolkit.onboarding.public_key import digest_of, read_certificate
from assay_toolkit.onboarding.signing_block import read_signing_block

APK_MANIFEST: Final = "AndroidManifest.xml"
BUNDLE_MANIFEST: Final = "base/manifest/AndroidManifest.xml"

# What a comment and a terminal take; whether it is an application id, the register says.
_PACKAGE: Final = re.compile(r"[A-Za-z0-9_.]{1,255}")
_LARGEST_MANIFEST: Final = 4 * 1024**2  # bytes; genuine ones reach some hundred thousand

_UPLOAD_KEY: Final = (
    "Google Play signs what it delivers with its own key, which the bundle does not name. Phones report that one: Play "
    "Console shows it under App integrity, App signing key certificate, SHA-256."
)
_DEBUG: Final = "It is signed with a debug key, which any developer's machine has: do not register it for production."


def read_apk(archive: Archive) -> AndroidArtefact:
    """Raises ArtefactUnusable."""
    manifest = archive.read(APK_MANIFEST, most=_LARGEST_MANIFEST)
    root = binary_manifest.read_root(manifest)
    package = root.named.get("package")
    if root.name != "manifest" or not isinstance(package, str) or not _PACKAGE.fullmatch(package):
        raise ArtefactUnusable("has an AndroidManifest.xml that names no package")
    signers, notes = _apk_signers(archive, manifest)
    low, high = (
        value if isinstance(value := root.framework.get(name), int) else None
        for name in (binary_manifest.VERSION_CODE, binary_manifest.VERSION_CODE_MAJOR)
    )
    return AndroidArtefact(
        package=package,
        version_code=None if low is None else (high or 0) << 32 | low,
        version_name=printable(root.framework.get(binary_manifest.VERSION_NAME)),
        signers=signers,
        notes=(*notes, *([_DEBUG] if any(map(_is_debug, signers)) else [])),
    )


def read_bundle(archive: Archive) -> AndroidArtefact:
    """Raises ArtefactUnusable."""
    manifest = archive.read(BUNDLE_MANIFEST, most=_LARGEST_MANIFEST)
    root = bundle_manifest.read_root(manifest)
    if not _PACKAGE.fullmatch(root.get("package", "")):
        raise ArtefactUnusable("has a manifest that names no package")
    upload = jar_signature.read_certificates(archive, entry=BUNDLE_MANIFEST, contents=manifest)
    notes = [f"Its upload key, which is not registered: {digest_of(certificate).hex()}." for certificate in upload]
    code = root.get("android:versionCode", "")
    return AndroidArtefact(
        package=root["package"],
        version_code=int(code) if code.isascii() and code.isdecimal() and len(code) < 20 else None,
        version_name=_literal(root.get("android:versionName")),
        signers=(),
        notes=(*notes, _UPLOAD_KEY),
    )


def _literal(text: str | None) -> str | None:
    """None where the text names a resource."""
    return None if text is None or text.startswith("@") else printable(text)


def _apk_signers(archive: Archive, manifest: bytes) -> tuple[tuple[Signer, ...], tuple[str, ...]]:
    block = read_signing_block(archive)
    signers: tuple[Signer, ...] = ()
    notes: tuple[str, ...] = ()
    if block is not None:
        start, values = block
        signers, notes = apk_signers.read_signers(archive, start=start, blocks=values)
    if signers:
        return signers, notes
    certificates = jar_signature.read_certificates(archive, entry=APK_MANIFEST, contents=manifest)
    if not certificates:
        return (), (*notes, "It is not signed.")
    return tuple(
        Signer(certificate=item, source="JAR signature (v1), over the manifest") for item in certificates
    ), notes


def _is_debug(signer: Signer) -> bool:
    """Android Studio makes such a certificate on each machine: https://developer.android.com/studio/publish/app-signing"""
    return "CN=Android Debug" in read_certificate(signer.certificate).subject.rfc4514_string().split(",")
