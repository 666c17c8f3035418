"""Speech with a known text: espeak-ng's, and a real recording that comes inside moonshine-voice's wheel."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotionthinker.audio import SAMPLE_RATE, load_clip

TWO_CITIES_BEGINS = "It was the best of times, it was the worst of times, it was the age of wisdom"
TWO_CITIES_BEGINS_S = 6.6  # the recording up to the end of these words


def need(command: str, why: str) -> None:
    """Skip the test where a Debian package's command is not installed; in CI, which installs them all, fail it."""
    if not shutil.which(command):
        reason = f"{command} is not installed, and {why}: run `apt-get install {command}`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def espeak(text: str, voice: str = "en-us+m3", speed: int = 150) -> np.ndarray:
    """(n,) at 16 kHz of espeak-ng reading a text or SSML. Without espeak-ng: fails in CI, elsewhere skips the test."""
    need("espeak-ng", "this test listens to it")
    return _espeak(text, voice, speed)


@lru_cache(maxsize=32)
def _espeak(text: str, voice: str, speed: int) -> np.ndarray:
    command = ["espeak-ng", "-m", "-v", voice, "-s", str(speed), "--stdout", text]
    wav = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    return load_clip((samples, rate)).samples


@lru_cache(maxsize=1)
def two_cities() -> np.ndarray:
    """(n,) at 16 kHz: a person reading `TWO_CITIES_BEGINS`."""
    package = importlib.util.find_spec("moonshine_voice")
    assert package and package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0])
    return load_clip(folder / "assets" / "two_cities.wav").samples[: int(TWO_CITIES_BEGINS_S * SAMPLE_RATE)]
