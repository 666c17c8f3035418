from __future__ import annotations

import numpy as np
import pytest

from emotionthinker.prosody import pitch
from emotionthinker.prosody.pitch import F0Track, pitch_summary, semitones, track_f0
from tests.sounds import SAMPLE_RATE, glide, speech_like

EDGE = 6  # frames at each end that see the silence outside
PITCHES_HZ = (80.0, 95.0, 120.0, 150.0, 190.0, 240.0, 290.0, 330.0)


def inner(samples: np.ndarray) -> np.ndarray:
    return track_f0(samples).hz[EDGE:-EDGE]


@pytest.mark.parametrize("tilt", [0.0, -6.0, -12.0, -18.0])
@pytest.mark.parametrize("hz", PITCHES_HZ)
def test_within_two_percent_from_80_to_330_hz_whatever_the_tilt(hz: float, tilt: float) -> None:
    np.testing.assert_allclose(inner(glide(hz, 0.8, tilt_db_per_octave=tilt)), hz, rtol=0.02)


@pytest.mark.parametrize("tilt", [0.0, -6.0])
@pytest.mark.parametrize("hz", PITCHES_HZ)
def test_right_with_a_missing_fundamental(hz: float, tilt: float) -> None:
    found = inner(glide(hz, 0.8, first_harmonic=2, tilt_db_per_octave=tilt))
    assert np.isfinite(found).mean() > 0.9
    np.testing.assert_allclose(found[np.isfinite(found)], hz, rtol=0.02)


def test_a_moving_pitch_is_followed() -> None:
    x = glide(lambda t: 160 * 2 ** (0.5 * np.sin(2 * np.pi * t)), 2.0)  # an octave up and down each second
    track = track_f0(x)
    t = np.arange(len(track.hz)) * track.hop_s
    off_st = semitones(track.hz / (160 * 2 ** (0.5 * np.sin(2 * np.pi * t))), 1.0)[EDGE:-EDGE]
    assert np.nanmax(np.abs(off_st)) < 1.0 and np.nanmedian(np.abs(off_st)) < 0.2
    assert np.isfinite(off_st).mean() > 0.95


@pytest.mark.parametrize("gain", [0.002, 0.1, 3.0])
def test_gain_does_not_matter(real_speech: np.ndarray, gain: float) -> None:
    np.testing.assert_allclose(track_f0(real_speech * np.float32(gain)).hz, track_f0(real_speech).hz, rtol=0.01)


@pytest.mark.parametrize(
    "sound",
    [np.zeros(16_000, np.float32), np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)],
    ids=["silence", "noise"],
)
def test_what_has_no_pitch_is_unvoiced(sound: np.ndarray) -> None:
    assert np.isfinite(track_f0(sound).hz).mean() < 0.02


def test_lengths_and_ends() -> None:
    for n in (0, 1, 255, 256, 4_000, 40_000):
        track = track_f0(np.zeros(n, np.float32))
        assert len(track.hz) == len(track.confidence) and track.hop_s == pytest.approx(0.016)
        assert len(track.hz) == (max(1, n // 256) if n else 0)


def telephone(x: np.ndarray) -> np.ndarray:
    spectrum, f = np.fft.rfft(x), np.fft.rfftfreq(len(x), 1 / SAMPLE_RATE)
    spectrum[(f < 300) | (f > 3400)] = 0
    return np.fft.irfft(spectrum, len(x)).astype(np.float32)


def wrong_share(x: np.ndarray, truth: np.ndarray) -> float:
    """Share of the voiced frames of x, voiced in truth too, that are off by more than 20 %."""
    hz = track_f0(x).hz
    both = np.isfinite(hz) & np.isfinite(truth)
    return float((np.abs(hz[both] / truth[both] - 1) > 0.2).mean())


def test_the_second_opinion_pays_over_a_telephone(real_speech: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same speech with and without its fundamental has the same pitch."""
    truth = track_f0(real_speech).hz
    with_opinion = wrong_share(telephone(real_speech), truth)
    monkeypatch.setattr(pitch, "RIVALS", ())
    without = wrong_share(telephone(real_speech), truth)
    assert without > 0.05 and with_opinion < without / 3


def test_summary_of_a_known_track() -> None:
    hz = np.full(100, np.nan, np.float32)
    hz[20:60] = np.geomspace(100, 200, 40)
    hz[90:] = 400.0  # outside speech: does not count
    summary = pitch_summary(F0Track(0.016, hz, np.full(100, 0.9, np.float32)), [(0.16, 1.28)])
    assert summary["f0_median_hz"] == pytest.approx(141.4, rel=0.01)
    assert summary["f0_range_st"] == pytest.approx(0.9 * 12, rel=0.01)
    assert summary["f0_std_st"] == pytest.approx(12 / np.sqrt(12), rel=0.05)
    assert summary["voiced_share_of_speech"] == pytest.approx(40 / 70)
    assert summary["f0_reliable"] is True


def test_no_voice_gives_no_numbers() -> None:
    track = track_f0(np.zeros(16_000, np.float32))
    summary = pitch_summary(track, [(0.1, 0.9)])
    assert summary["f0_median_hz"] is None and summary["f0_range_st"] is None and summary["f0_reliable"] is False
    assert summary["voiced_share_of_speech"] == 0.0
    assert pitch_summary(track, [])["voiced_share_of_speech"] is None


def test_a_doubtful_track_is_not_reliable() -> None:
    hz = np.full(60, 120.0, np.float32)
    assert pitch_summary(F0Track(0.016, hz, np.full(60, 0.52, np.float32)), [(0, 1)])["f0_reliable"] is False
    assert pitch_summary(F0Track(0.016, hz, np.full(60, 0.9, np.float32)), [(0, 0.2)])["f0_reliable"] is False


def test_semitones() -> None:
    np.testing.assert_allclose(semitones(np.array([100, 200, 50, np.nan]), 100), [0, 12, -12, np.nan])


def test_median_is_that_of_the_voice() -> None:
    x = speech_like(2.0, 180.0)
    assert pitch_summary(track_f0(x), [(0, 2)])["f0_median_hz"] == pytest.approx(180, rel=0.02)
