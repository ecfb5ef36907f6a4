"""Where an app's file is, and how it is written: whole or not at all."""

import os
import re
from pathlib import Path
from typing import Final

import click

from assay_toolkit.onboarding.app_file import AppFile
from assay_toolkit.register import compile_register

# docs/wire.md section 2; here because a file is named by it before the register is asked.
_APP: Final = re.compile(r"[a-z0-9._-]{1,64}")
_FOLDER: Final = Path("policies", "apps")


def file_of(app: str, given: Path | None) -> Path:
    """The file itself where a link leads to it. Raises click.ClickException for what is no app id."""
    if not _APP.fullmatch(app):
        raise click.ClickException(f"{app!a} is no app id: 1 to 64 of a-z, 0-9, `.`, `_` and `-`")
    return (given or _FOLDER / f"{app}.yaml").resolve()


def load(path: Path, app: str) -> AppFile | None:
    """The file of an app, which must pass `assay app lint`; None: there is none yet. Raises click.ClickException."""
    if not path.exists():
        return None
    compile_register([path])
    file = AppFile(path.read_bytes().decode("utf-8"))
    registered = file.value.get("app")
    if registered != app:
        raise click.ClickException(f"{path} registers the app {registered}, not {app}")
    return file


def save(path: Path, file: AppFile) -> None:
    """Puts the text in place once it passes `assay app lint`. Raises click.ClickException, with nothing changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".unfinished.{path.name}")
    try:
        unfinished.write_bytes(file.text.encode("utf-8"))
        _check(unfinished, path)
        if path.exists():
            unfinished.chmod(path.stat().st_mode & 0o777)
        unfinished.replace(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _check(unfinished: Path, path: Path) -> None:
    try:
        compile_register([unfinished])
    except click.ClickException as error:
        sentence = error.message.replace(str(unfinished), shown(path))
        raise click.ClickException(f"not written, since it would not pass `assay app lint`: {sentence}") from error


def shown(path: Path) -> str:
    """As the person would write it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
