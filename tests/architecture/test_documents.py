"""Documents name things that exist: tests, files, and Python that runs against the packages as they are."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "packages").glob("*/README.md")])

TEST = re.compile(r"`(?:tests/)?([\w/]+/test_\w+\.py)::([\w:]+)`")
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def defined_in(file: Path) -> set[str]:
    """Test functions by name, those of classes as `Class::name`."""
    names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return names


def test_every_test_that_a_page_names_exists():
    named = [(page.name, *match) for page in PAGES for match in TEST.findall(page.read_text(encoding="utf-8"))]
    assert len(named) > 40, "the threat model alone names more"
    missing = [
        f"{page}: {file}::{name}"
        for page, file, name in named
        if not (ROOT / "tests" / file).is_file() or name not in defined_in(ROOT / "tests" / file)
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readmes_example_runs():
    (example,) = PYTHON.findall((ROOT / "README.md").read_text(encoding="utf-8"))

    async def nothing(*_arguments):
        return None

    scope = {"app": nothing, "session_has_acr": nothing, "report_obligation": nothing}
    exec(example, scope)  # noqa: S102 - our own page
    assert scope["app"] is not nothing
