"""From what an artefact says to the changes of an app's file. Nothing is written here, and nobody is asked.

Adding is one thing and replacing another: an artefact that differs from what is registered would change who may attest,
so that only `may_replace` lets it. A certificate that a person named is added.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from assay_toolkit.onboarding import new_file
from assay_toolkit.onboarding.app_file import AppFile, Members, Scalar


class Differs(Exception):  # noqa: N818 - says what is the case
    """The file registers something else. The message is a sentence without its subject, and names the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidApp:
    """`signers`: digests of the artefact's; `named`: those that a person gave. `read_from`: for a comment."""

    package: str
    signers: tuple[Scalar, ...]
    named: tuple[Scalar, ...]
    read_from: str

    @property
    def digests(self) -> tuple[Scalar, ...]:
        """Each once."""
        first: dict[str, Scalar] = {}
        for item in (*self.signers, *self.named):
            first.setdefault(item.text, item)
        return tuple(first.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleApp:
    app_id: str
    environment: str
    read_from: str


class Draft:
    """`file` as it would be; `news`: what is new in it, line by line, for people.

    What does not fit raises Differs or CannotEdit, and the draft is then of no use.
    """

    def __init__(self, file: AppFile) -> None:
        self.file = file
        self.news: list[str] = []

    def add_android(self, app: AndroidApp, *, may_replace: bool) -> None:
        if "android" not in self.file.value:
            digests = [item.text for item in app.digests]
            block = new_file.android(package=app.package, signers=app.digests, read_from=app.read_from)
            self.file = self.file.add_block(
                block, {"android": {"packages": [app.package], "signature_digests": digests}}
            )
            self._tell(("android", "packages"), "+", app.package)
            self._tell(("android", "signature_digests"), "+", *digests)
            return
        self._admit(("android", "packages"), app.package, may_replace=may_replace)
        self._admit_signers(app, may_replace=may_replace)

    def add_apple(self, app: AppleApp, *, may_replace: bool) -> None:
        place = ("apple", "environment")
        if "apple" not in self.file.value:
            block = new_file.apple(app_id=app.app_id, environment=app.environment, read_from=app.read_from)
            self.file = self.file.add_block(block, {"apple": {"app_ids": [app.app_id], "environment": app.environment}})
            self._tell(("apple", "app_ids"), "+", app.app_id)
            self._tell(place, "+", app.environment)
            return
        self._admit(("apple", "app_ids"), app.app_id, may_replace=may_replace)
        registered = self.file.value["apple"]["environment"]
        if registered == app.environment:
            return
        if not may_replace:
            raise Differs(f"registers the environment {registered}, not {app.environment}; --replace changes it")
        self.file = self.file.set(place, app.environment)
        self._tell(place, "=", app.environment)

    def add_audiences(self, names: Sequence[str]) -> None:
        """Those that are not registered yet, as clear ones."""
        if "audiences" not in self.file.value:
            clear = {name: {"kind": "clear"} for name in names}
            self.file = self.file.add_block(new_file.audiences([*clear]), {"audiences": clear})
            self._tell(("audiences",), "+", *clear)
            return
        for name in names:
            if name not in self.file.value["audiences"]:
                self.file = self.file.add_entry(("audiences",), name, {"kind": "clear"})
                self._tell(("audiences",), "+", name)

    def _admit(self, place: Members, text: str, *, may_replace: bool) -> None:
        """The list at `place` has `text`, or is replaced by it."""
        group, member = place
        registered = self.file.value[group][member]
        if text in registered:
            return
        if not may_replace:
            raise Differs(f"registers {', '.join(registered)}, not {text}; --replace puts it in their place")
        self._set_list(place, [text])

    def _admit_signers(self, app: AndroidApp, *, may_replace: bool) -> None:
        """A signer beside a registered one signed the same file, so that its owner has both keys."""
        place = ("android", "signature_digests")
        registered = self.file.value["android"]["signature_digests"]
        found = {item.text for item in app.signers}
        strange = found - {item.text for item in app.named}
        if strange and not found & {*registered}:
            if not may_replace:
                raise Differs(
                    f"registers other certificates than {', '.join(sorted(strange))}; --replace puts it in their "
                    "place, --signing-certificate adds it"
                )
            self._set_list(place, [item.text for item in app.digests])
            return
        missing = [item for item in app.digests if item.text not in registered]
        if missing:
            self.file = self.file.append(place, missing)
            self._tell(place, "+", *(item.text for item in missing))

    def _set_list(self, place: Members, texts: list[str]) -> None:
        self.file = self.file.set(place, texts)
        self._tell(place, "=", *texts)

    def _tell(self, place: Members, sign: str, *texts: str) -> None:
        self.news.extend(f"{'.'.join(place)}: {sign} {text}" for text in texts)
