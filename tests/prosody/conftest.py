"""A real recording, for what synthetic sound cannot show."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from emotionthinker.audio import load_clip


@pytest.fixture(scope="session")
def real_speech() -> np.ndarray:
    """The first 12 s of a man reading, (n,) float32 at 16 kHz, from the recogniser's package."""
    package = importlib.util.find_spec("moonshine_voice")
    assert package is not None and package.submodule_search_locations, "moonshine-voice is not installed"
    path = Path(package.submodule_search_locations[0]) / "assets" / "two_cities.wav"
    return load_clip(path).samples[: 12 * 16_000]
