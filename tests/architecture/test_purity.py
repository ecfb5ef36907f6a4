"""Below `service` nothing asks the world: what import contracts cannot see, the syntax tree can."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "chalicelib"
STAGES = ("model", "verifiers", "endorsements", "appraisal", "results")
CLOCK = {"now", "utcnow", "today", "time", "monotonic"}
WORLD = {"open", "input", "print", "eval", "exec", "__import__"}


def asks(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=name) if name in WORLD:
                found.append(f"line {node.lineno}: {name}()")
            case ast.Attribute(
                value=ast.Name(id="datetime" | "date" | "dt") | ast.Attribute(attr="datetime" | "date"), attr=name
            ) if name in CLOCK:
                found.append(f"line {node.lineno}: {name}()")
            case ast.Attribute(value=ast.Name(id="importlib"), attr=name):
                found.append(f"line {node.lineno}: {name}()")
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_no_clock_file_or_console(stage: str) -> None:
    files = sorted((ROOT / stage).rglob("*.py"))
    assert files
    assert {str(file): found for file in files if (found := asks(file.read_text()))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "datetime.datetime.now()",
        "date.today()",
        "importlib.import_module('os')",
        "open('x')",
        "print(1)",
    ],
)
def test_the_check_can_fail(line: str) -> None:
    assert asks(line)
