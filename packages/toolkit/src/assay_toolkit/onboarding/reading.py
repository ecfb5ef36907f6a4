"""Any artefact: what it is, is what is in it; its name says nothing."""

from pathlib import Path
from typing import Final

from assay_toolkit.onboarding.android import APK_MANIFEST, BUNDLE_MANIFEST, read_apk, read_bundle
from assay_toolkit.onboarding.archive import opened
from assay_toolkit.onboarding.artefact import AndroidArtefact, AppleArtefact, ArtefactUnusable
from assay_toolkit.onboarding.ipa import app_folder, read_ipa

_READERS: Final = {APK_MANIFEST: read_apk, BUNDLE_MANIFEST: read_bundle}


def read_artefact(path: Path) -> AndroidArtefact | AppleArtefact:
    """Raises ArtefactUnusable, and nothing else, whatever the file holds."""
    with opened(path) as archive:
        kinds = [name for name in _READERS if name in archive.names]
        folder = app_folder(archive.names)
        if len(kinds) + (folder is not None) > 1:
            raise ArtefactUnusable("is several kinds of app in one file, of which readers would take one or the other")
        if folder is not None:
            return read_ipa(archive, folder)
        if not kinds:
            raise ArtefactUnusable("is neither an APK nor an AAB nor an IPA: none of their manifests is in it")
        return _READERS[kinds[0]](archive)
