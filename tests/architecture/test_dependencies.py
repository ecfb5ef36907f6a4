"""What is deployed (requirements.in, locked in requirements.txt) is what the package says that it needs."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def requirements(lines: list[str]) -> dict[str, str]:
    """Name → the rest. Names are compared as packaging.python.org's "Name normalization" has it."""
    found = {}
    for line in lines:
        if requirement := line.partition("#")[0].strip():
            name = NAME.match(requirement).group()
            found[re.sub(r"[-_.]+", "-", name).lower()] = requirement.removeprefix(name)
    return found


def test_the_artefact_gets_what_the_package_declares():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    deployed = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    assert requirements(deployed) == requirements(declared) != {}


def test_the_lock_holds_every_one_of_them():
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert requirements((ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()).keys() <= set(locked)
