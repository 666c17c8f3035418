from __future__ import annotations

import numpy as np
import pytest

from emotionthinker.prosody.energy import EnergyTrack, at_working_level, energy_summary, track_energy
from emotionthinker.prosody.vad import speech_segments
from tests.sounds import SAMPLE_RATE, glide, speech_like


def measured(samples: np.ndarray) -> dict:
    return energy_summary(track_energy(samples), speech_segments(samples))


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


def test_a_sine_at_full_scale_is_three_db_below_full_scale() -> None:
    track = track_energy(np.sin(2 * np.pi * 400 * np.arange(16_000) / SAMPLE_RATE).astype(np.float32))
    assert track.hop_s == 0.01 and len(track.dbfs) == 100
    np.testing.assert_allclose(track.dbfs, -3.01, atol=0.25)  # 25 ms are ten periods; the ends see half a frame


def test_frames_lie_where_the_sound_is() -> None:
    x = np.concatenate([silence(0.5), np.full(160, 0.5, np.float32), silence(0.5)])
    assert int(np.argmax(track_energy(x).dbfs)) == 50


def test_digital_silence_is_the_floor_and_lengths_fit() -> None:
    for n in (0, 1, 159, 160, 161, 16_000):
        track = track_energy(np.zeros(n, np.float32))
        assert len(track.dbfs) == -(-n // 160)
        assert (track.dbfs == -100).all()


@pytest.mark.parametrize("gain_db", [-40, -12, -3, 6])
def test_level_tracks_gain_to_a_fifth_of_a_db(real_speech: np.ndarray, gain_db: float) -> None:
    change = measured(real_speech * np.float32(10 ** (gain_db / 20)))["energy_dbfs"] - measured(real_speech)["energy_dbfs"]
    assert change == pytest.approx(gain_db, abs=0.2)


@pytest.mark.parametrize(("before", "after"), [(1.0, 0.0), (0.0, 3.0), (0.37, 1.11), (5.0, 5.0)])
@pytest.mark.parametrize("sound", ["synthetic", "real"])
def test_silence_around_the_clip_changes_nothing(
    real_speech: np.ndarray, sound: str, before: float, after: float
) -> None:
    x = speech_like(2.0) if sound == "synthetic" else real_speech
    padded = np.concatenate([silence(before), x, silence(after)])
    assert measured(padded)["energy_dbfs"] == pytest.approx(measured(x)["energy_dbfs"], abs=0.5)
    assert measured(padded)["est_snr_db"] == pytest.approx(measured(x)["est_snr_db"], abs=3)


@pytest.mark.parametrize("snr_db", [5, 10, 20, 30])
def test_noise_floor_and_snr_are_those_that_were_mixed(snr_db: float) -> None:
    x = np.concatenate([silence(0.5), speech_like(3.0), silence(0.5)])
    speech = x[8_000:-8_000]
    noise_power = np.mean(np.square(speech)) / 10 ** (snr_db / 10)
    noisy = x + np.random.default_rng(0).normal(0, np.sqrt(noise_power), len(x)).astype(np.float32)
    result = energy_summary(track_energy(noisy), [(0.5, 3.5)])
    assert result["noise_floor_dbfs"] == pytest.approx(10 * np.log10(noise_power), abs=0.5)
    assert result["est_snr_db"] == pytest.approx(snr_db, abs=1)


def test_without_speech_there_is_no_level() -> None:
    nothing = {"energy_dbfs": None, "noise_floor_dbfs": None, "est_snr_db": None}
    assert energy_summary(track_energy(silence(1)), []) == nothing
    assert energy_summary(EnergyTrack(0.01, np.zeros(0, np.float32)), [(0, 1)]) == nothing


def test_the_working_level_depends_on_neither_gain_nor_padding() -> None:
    x = glide(150.0, 1)
    expected = at_working_level(x)
    np.testing.assert_allclose(at_working_level(x * np.float32(0.01)), expected, rtol=1e-4, atol=1e-6)
    padded = at_working_level(np.concatenate([silence(1), x, silence(1)]))
    np.testing.assert_allclose(padded[16_000:-16_000], expected, rtol=0.05)  # frames at the ends are shorter
    assert not at_working_level(silence(1)).any()
