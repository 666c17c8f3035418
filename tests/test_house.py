"""The house rules that a machine can read: what is public says what it is, and a file can be read in one go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [ROOT / "app.py", *(path for package in ("annotate", "benchmarks", "emotionthinker", "training", "tests")
                              for path in sorted((ROOT / package).rglob("*.py")))]
READ_BY_PEOPLE = [*SOURCES, *(ROOT / "assets").glob("*.js"), *(ROOT / "assets").glob("*.css"), *(ROOT / "docs").glob("*.md"),
                  *ROOT.glob("*.md")]
MOST_LINES = 600
MADE = {"docs/commands.md"}  # written by `python -m tests.commands`


def public(node: ast.AST, within: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Functions and classes of a module, and the methods of its classes, whose names do not begin with an underscore."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield f"{within}{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{child.name}.")


@pytest.mark.parametrize("package", ["annotate", "benchmarks", "training"])
def test_what_is_public_has_a_docstring(package: str) -> None:
    bare = []
    for path in sorted((ROOT / package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if tree.body and not ast.get_docstring(tree):
            bare.append(str(path.relative_to(ROOT)))
        bare += [f"{path.relative_to(ROOT)}: {name}" for name, node in public(tree) if not ast.get_docstring(node)]
    assert bare == []


def test_a_docstring_speaks_of_an_exit_code_only_where_there_is_one() -> None:
    false = []
    for path in SOURCES:
        for name, node in public(ast.parse(path.read_text(encoding="utf-8"))):
            returns = getattr(node, "returns", None)
            if "exit code" in (ast.get_docstring(node) or "") and isinstance(returns, ast.Constant) and returns.value is None:
                false.append(f"{path.relative_to(ROOT)}: {name}")
    assert false == []


def test_no_file_is_longer_than_can_be_read_in_one_go() -> None:
    assert len(READ_BY_PEOPLE) > 300
    long = {str(path.relative_to(ROOT)): n for path in READ_BY_PEOPLE
            if (n := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES}
    assert set(long) <= MADE, long
