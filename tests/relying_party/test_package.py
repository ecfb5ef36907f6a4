"""What a backend gets when it installs the package: small, typed, documented, and alone."""

import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import assay_rp
from assay_rp import AssayError, errors

PACKAGE = Path(__file__).resolve().parents[2] / "packages/relying-party"


def subclasses(root):
    for child in root.__subclasses__():
        yield child
        yield from subclasses(child)


FAILURES = [AssayError, *subclasses(AssayError)]


def test_what_is_public_is_what_is_listed():
    public = {
        name for name, value in vars(assay_rp).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(assay_rp.__all__)
    assert list(assay_rp.__all__) == sorted(assay_rp.__all__)


def test_every_failure_is_drawn_in_the_docstring_below_its_parent():
    drawn = {}
    path = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"    (?P<indent>[│├└─ ]*)(?P<name>[A-Z]\w+)", line)
        if match:
            depth = len(match["indent"]) // 4
            path[depth:] = [match["name"]]
            drawn[match["name"]] = path[depth - 1] if depth else None
    assert drawn == {
        failure.__name__: failure.__bases__[0].__name__ if failure is not AssayError else None for failure in FAILURES
    }


def test_codes_are_unique_and_statuses_are_those_of_the_family():
    assert len({failure.code for failure in FAILURES}) == len(FAILURES)
    for failure in FAILURES[1:]:
        assert failure.status in ((503,) if issubclass(failure, errors.Unavailable) else (401, 403, 413))


@pytest.mark.parametrize("failure", FAILURES[1:], ids=lambda failure: failure.__name__)
def test_every_failure_is_a_problem_that_keeps_its_detail_to_itself(failure):
    error = failure(acr="x") if failure is errors.StepUpRequired else failure("a detail for the log")
    problem = error.problem()
    assert problem == {
        "type": "urn:assay:rp:problem:" + failure.code.replace("_", "-"),
        "title": failure.title,
        "status": failure.status,
    }
    assert (error.www_authenticate is not None) == (failure.status == 401)


def test_the_readme_tells_the_truth(world, tmp_path, monkeypatch):
    """Its two programs run as they stand."""
    setup, call = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    key = tmp_path / "confidential-key.json"
    key.write_text(json.dumps(world.audience_key.as_dict(private=True)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = dict.fromkeys(("app", "session_has_acr", "report_obligation"))
    exec(setup, names)  # noqa: S102 - the example itself is under test
    assert isinstance(names["app"], assay_rp.AttestationMiddleware)

    world.query = b""
    token = world.token()
    headers = {"OAuth-Client-Attestation": token, "OAuth-Client-Attestation-PoP": world.proof(token)}
    tiers = assay_rp.TierRule(allow=assay_rp.Tier.AFFIRMING)
    rule = assay_rp.RouteRule(method="POST", path="/transfer", tiers=tiers)
    names |= vars(assay_rp) | {"verifier": world.verifier(), "headers": headers, "body": world.body, "rule": rule}
    exec(call, names)  # noqa: S102 - as above
    assert names["judgement"].decision is assay_rp.Decision.ALLOW


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, as a release would be, with the build backend of the lock and no network."""
    work = tmp_path_factory.mktemp("wheel")
    source = work / "source"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work)]
    subprocess.run(build, cwd=source, check=True, capture_output=True, timeout=60)
    [built] = work.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_and_its_types_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "assay_rp/py.typed" in names
    packaged = {name for name in names if name.startswith("assay_rp/")}
    assert packaged == {f"assay_rp/{path.name}" for path in (PACKAGE / "src/assay_rp").iterdir() if path.is_file()}
    assert all(name.startswith(("assay_rp/", "assay_rp-")) for name in names)


def test_the_wheel_imports_with_its_dependencies_alone(wheel, tmp_path):
    """`-S` leaves site-packages out; only what the metadata names is linked in beside the wheel."""
    for name in ("jwt", "cryptography", "joserfc", "cffi", "pycparser", "_cffi_backend"):
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin)
        target = origin.parent if origin.name == "__init__.py" else origin
        (tmp_path / target.name).symlink_to(target)
    program = (
        "import sys, assay_rp\n"
        "foreign = {'chalicelib', 'assay_toolkit', 'boto3', 'starlette', 'httpx'} & set(sys.modules)\n"
        "print(assay_rp.__file__, foreign or 'alone')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(wheel), str(tmp_path)])}
    run = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", program],
        env=environment,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout.split() == [f"{wheel}/assay_rp/__init__.py", "alone"]
