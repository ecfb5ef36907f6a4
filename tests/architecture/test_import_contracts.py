"""The import contracts hold, and each of them notices when it is broken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the contracts over the packages in `folder`, and over nothing installed."""
    path = os.pathsep.join(str(folder / part) for part in (".", "packages/relying-party/src", "packages/toolkit/src"))
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    skip = shutil.ignore_patterns("__pycache__")
    for part in ("chalicelib", "packages/relying-party/src", "packages/toolkit/src"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=skip)
    return tmp_path


def test_the_contracts_hold(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("chalicelib/verifiers/rasp", "import chalicelib.appraisal", "One direction"),
        ("chalicelib/results", "import chalicelib.verifiers.rasp", "One direction"),
        ("chalicelib/model", "import chalicelib.service", "One direction"),
        ("chalicelib/verifiers/app_attest", "import chalicelib.verifiers.android_key", "Evidence formats"),
        ("chalicelib/appraisal", "import os", "Below service"),
        ("chalicelib/endorsements", "import asyncio", "Below service"),
        ("chalicelib/service", "import boto3", "boto3 stays in aws"),
        ("chalicelib/bootstrap.py", "import boto3", "boto3 stays in aws"),
        ("chalicelib", "import botocore.session", "boto3 stays in aws"),
        ("chalicelib", "", "One direction"),
        ("chalicelib/results", "import chalicelib.config", "One direction"),
        ("chalicelib/model", "import cryptography", "The vocabulary is standard library only"),
        ("chalicelib/api", "import assay_toolkit", "The service never loads a toolkit module"),
        ("packages/relying-party/src/assay_rp", "import chalicelib.model", "The relying party's package stands alone"),
    ],
)
def test_a_broken_contract_is_noticed(copy: Path, module: str, line: str, contract: str) -> None:
    place = copy / module
    with (place / "_trespass.py" if place.is_dir() else place).open("a") as source:
        source.write(line + "\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout
    assert any(row.startswith(contract) and " BROKEN" in row for row in done.stdout.splitlines()), done.stdout
