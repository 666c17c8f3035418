"""What the first screen says before anybody speaks (`tests/page/test_notice.py`) stands in README and model card, too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emotionthinker.loading import NANO_FOLDER

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = {"README": ROOT / "README.md", "model card": NANO_FOLDER / "README.md"}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("part", ["how a voice sounds", "employees, applicants, pupils or students", r"Art\. 5\(1\)\(f\)",
                                  r"Art\. 50\(3\)", "not .{0,12}(what a person feels|reading of feelings)", "prohibits inferring"])
def test_check_14_it_says_what_it_is_and_is_not_for(name: str, part: str) -> None:
    text = " ".join(DOCUMENTS[name].read_text(encoding="utf-8").replace("**", "").split())
    assert re.search(part, text, re.IGNORECASE), f"the {name} does not say: {part}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_check_14_it_gives_the_error_rates_with_their_intervals(name: str) -> None:
    """Over all, by emotion and by sex, on speakers and a corpus that it never heard."""
    text = DOCUMENTS[name].read_text(encoding="utf-8")
    for row in ("UAR, intended label", "accuracy, intended label"):
        assert re.search(rf"^\| {row} \| 0\.\d{{3}} \[0\.\d{{3}}, 0\.\d{{3}}\] \| 0\.\d{{3}} \[", text, re.MULTILINE), row
    labels = ("neutral", "happy", "sad", "angry", "disgust", "fear")
    for row in ("UAR, female", "UAR, male", *(f"recall, {label}" for label in labels)):
        assert re.search(rf"^\| {row} \| [01]\.\d{{3}} \| [01]\.\d{{3}} \|", text, re.MULTILINE), row


@pytest.mark.parametrize(("name", "parts"), [
    ("README", ["pitch", "energy", "pace", "melody", "stress"]),
    ("model card", ["writes why a voice sounds as it does", "one of six labels"]),
])
def test_check_14_it_says_what_is_computed(name: str, parts: list[str]) -> None:
    text = " ".join(DOCUMENTS[name].read_text(encoding="utf-8").split())
    assert [part for part in parts if part not in text] == []
