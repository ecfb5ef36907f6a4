"""Property lists, XML or binary, from files that may be hostile."""

import plistlib
import struct
from typing import Any
from xml.parsers.expat import ExpatError

from assay_toolkit.onboarding.artefact import ArtefactUnusable

# plistlib checks little by itself: over a broken file it raises whatever its parser stumbled on. Entities, which grow,
# it refuses; sizes are the caller's to bound.
_BROKEN = (
    plistlib.InvalidFileException,
    ExpatError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
    MemoryError,
    struct.error,
)


def read_property_list(data: bytes, *, of: str) -> dict[str, Any]:
    """A dictionary with texts as keys. `of`: what it is, for the sentence. Raises ArtefactUnusable."""
    try:
        value = plistlib.loads(data)
    except _BROKEN as error:
        raise ArtefactUnusable(f"has {of} that is no readable property list") from error
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ArtefactUnusable(f"has {of} that is no dictionary")
    return value
