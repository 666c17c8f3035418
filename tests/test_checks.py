"""SECURITY.md promises fourteen things, each with its tests: none without, no test that is not there, none that is not listed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = [f"{number:02}" for number in range(1, 15)]
NAMED = re.compile(r"test_check_(\d\d)_\w+")
LISTED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def checks() -> dict[str, set[str]]:
    """Number of a promise -> its tests, as `file::function`, read from the source."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_check_"):
                number = NAMED.fullmatch(node.name)
                assert number is not None, f"{node.name} must be named test_check_NN_…, with two digits"
                found.setdefault(number[1], set()).add(f"{path.relative_to(ROOT).as_posix()}::{node.name}")
    return found


def promises() -> dict[str, set[str]]:
    """Number of a promise -> the tests that SECURITY.md lists under its heading."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    parts = re.split(r"^### (\d\d) .+$", text, flags=re.MULTILINE)
    return {number: {"::".join(found) for found in LISTED.findall(body)}
            for number, body in zip(parts[1::2], parts[2::2], strict=True)}


def test_every_promise_has_a_number_and_a_test() -> None:
    assert sorted(promises()) == sorted(checks()) == NUMBERS


@pytest.mark.parametrize("number", NUMBERS)
def test_the_tests_that_are_listed_are_the_tests_that_exist(number: str) -> None:
    listed, there = promises()[number], checks()[number]
    assert sorted(listed - there) == [], "SECURITY.md names tests that do not exist"
    assert sorted(there - listed) == [], "these tests are missing from SECURITY.md"


@pytest.mark.parametrize("name", ["SECURITY.md", "docs/faults.md"])
def test_every_test_that_a_document_names_exists(name: str) -> None:
    listed = LISTED.findall((ROOT / name).read_text(encoding="utf-8"))
    assert len(listed) > 10
    missing = [f"{file}::{test}" for file, test in listed
               if not (ROOT / file).is_file() or f"def {test}(" not in (ROOT / file).read_text(encoding="utf-8")]
    assert missing == []


def test_no_promise_is_without_words() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for number in NUMBERS:
        body = re.split(rf"^### {number} .+$", text, flags=re.MULTILINE)[1]
        assert re.match(r"\s*[A-Z].{60,}", body), f"promise {number} says nothing"
