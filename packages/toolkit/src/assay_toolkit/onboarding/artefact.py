"""What is read out of an artefact, and the one error of all that read it."""

from dataclasses import dataclass
from typing import Final

from chalicelib.model.claims import AppleEnvironment

# Characters. Versions are for people; what is longer, or would move a terminal's cursor, is not shown.
_LONGEST_SHOWN: Final = 64


class ArtefactUnusable(Exception):  # noqa: N818 - says what the file is
    """The file cannot be read, or not be believed. The message is a sentence without its subject: `is …`, `has …`.

    It holds nothing that the file says.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """`certificate`: DER, of somebody who signed. `source`: which signature says so, for people."""

    certificate: bytes
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidArtefact:
    """`signers`: empty where the artefact does not say what phones will report. `notes`: sentences for people."""

    package: str
    version_code: int | None
    version_name: str | None
    signers: tuple[Signer, ...]
    notes: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        return _version(self.version_name, self.version_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleArtefact:
    """`app_id`: team and bundle id, joined by a dot; None: the artefact does not say, or in two ways.

    `environment` None: the artefact does not say. `environment_source`: why it is what it is.
    """

    bundle_id: str
    app_id: str | None
    version_name: str | None
    build: str | None
    environment: AppleEnvironment | None
    environment_source: str
    notes: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        return _version(self.version_name, self.build)


def printable(text: object) -> str | None:
    """`text` where it is one short line that can be shown and written into a comment; otherwise None."""
    fits = isinstance(text, str) and 0 < len(text) <= _LONGEST_SHOWN and text.isprintable()
    return text if isinstance(text, str) and fits else None


def _version(name: str | None, number: object) -> str:
    return " ".join([name or "(its name is a resource)", *([] if number is None else [f"({number})"])])
