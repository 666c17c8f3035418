"""The clips that ship show what their names promise, are small, and are said to be synthetic."""

from __future__ import annotations

import json

import numpy as np
import pytest

from emotionthinker.page.engine import EXAMPLES
from emotionthinker.prosody.record import Prosody, measure_prosody
from tests.spoken import need

CLIPS = {item["name"]: item for item in json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def measured() -> dict[str, Prosody]:
    return {name: measure_prosody(EXAMPLES / item["file"], transcript=item["text"]) for name, item in CLIPS.items()}


def test_they_are_small_and_named_synthetic() -> None:
    assert sum(path.stat().st_size for path in EXAMPLES.iterdir()) < 1_000_000
    assert all(item["synthetic"] for item in CLIPS.values())
    assert "Nobody speaks in them" in (EXAMPLES / "NOTICE.md").read_text(encoding="utf-8")


def test_each_sounds_as_its_cues_say(measured: dict[str, Prosody]) -> None:
    assert (measured["angry"].pitch_level, measured["angry"].energy_level) == ("high", "high")
    assert (measured["sad"].energy_level, measured["sad"].speed_level) == ("low", "slow")
    ranges = {name: record.f0_range_st for name, record in measured.items() if record.f0_range_st is not None}
    assert ranges["flat"] < 3 < ranges["happy"]
    assert ranges["flat"] == min(ranges.values())
    assert measured["whisper"].f0_reliable is False
    assert measured["whisper"].pitch_level is None


def test_a_recipe_is_spoken_as_written() -> None:
    need("flite", "it speaks the example clips")
    pytest.importorskip("pyworld", reason="pyworld-prebuilt is not installed (requirements.txt); it bends the voice")
    from training.example_clips import RECIPES, bend

    recipes = {recipe.name: recipe for recipe in RECIPES}
    assert set(recipes) == set(CLIPS)
    samples, rate = bend(recipes["flat"])
    made = measure_prosody((samples, rate), transcript=recipes["flat"].text)
    shipped = measure_prosody(EXAMPLES / CLIPS["flat"]["file"], transcript=recipes["flat"].text)
    assert made.f0_median_hz == pytest.approx(shipped.f0_median_hz, rel=0.02)
    assert np.abs(samples).max() <= 0.99
