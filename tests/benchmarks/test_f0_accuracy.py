"""The yardstick itself: what it counts, and that its truth is one."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.f0_accuracy import WORLD_HOP_S, Score, resynthesise
from emotionthinker.prosody.pitch import track_f0
from tests.sounds import speech_like


def test_only_frames_voiced_in_both_and_off_by_a_fifth_are_gross_errors() -> None:
    truth_hz = np.full(200, 100.0)
    truth_hz[:50] = 0  # unvoiced in truth: whatever is found there is not judged
    audible = np.ones(16_000, bool)
    times = np.arange(100) * 0.01
    hz = np.full(100, 100.0)
    hz[:10] = 300.0  # unvoiced in truth
    hz[40:50] = 119.0  # within a fifth
    hz[50:60] = 121.0
    hz[60:80] = np.nan  # not found
    score = Score()
    score.add(times, hz, truth_hz, audible)
    assert score.gross == 10
    assert score.voiced - score.found == 20
    assert 60 <= score.voiced <= 75  # the edges of the voiced stretch are left out
    silent = Score()
    silent.add(times, hz, truth_hz, ~audible)
    assert silent.voiced == 0


def test_resynthesised_speech_has_the_pitch_that_is_written_down() -> None:
    pytest.importorskip("pyworld", reason="pyworld-prebuilt is not installed (requirements.txt); it resynthesises the speech")
    made = resynthesise(speech_like(1.5, lambda t: 150 + 40 * np.sin(2 * np.pi * t)))
    assert made is not None
    samples, truth_hz = made
    track = track_f0(samples)
    index = np.round(np.arange(len(track.hz)) * track.hop_s / WORLD_HOP_S).astype(int)
    both = np.isfinite(track.hz) & (truth_hz[index] > 0)
    assert both.sum() > 50
    assert np.median(np.abs(track.hz[both] / truth_hz[index][both] - 1)) < 0.01


def test_silence_has_no_pitch_to_measure_against() -> None:
    pytest.importorskip("pyworld", reason="pyworld-prebuilt is not installed (requirements.txt); it resynthesises the speech")
    assert resynthesise(np.zeros(16_000, np.float32)) is None
