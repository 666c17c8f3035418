"""Sex from the voice: known formants in, known formants out; real voices; and silence where it cannot be told."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soxr
from scipy.signal import lfilter

from emotionthinker.audio import SAMPLE_RATE, load_clip
from emotionthinker.prosody.pitch import F0Track, track_f0
from emotionthinker.prosody.record import NARROW, measure_prosody
from emotionthinker.prosody.vad import speech_segments
from emotionthinker.speaker import WEIGHTS, formants, is_narrow, speaker_profile, voice_features


def vowel(formants_hz, f0_hz=110.0, dur_s=1.0):
    """Pulses through one resonance for each formant (80 Hz wide)."""
    n = int(dur_s * SAMPLE_RATE)
    x = np.zeros(n)
    x[(np.arange(0, dur_s, 1 / f0_hz) * SAMPLE_RATE).astype(int)] = 1.0
    x = lfilter([1], [1, -0.95], x)  # the source falls with frequency, as the voice's does
    for hz in formants_hz:
        r = np.exp(-np.pi * 80 / SAMPLE_RATE)
        x = lfilter([1], [1, -2 * r * np.cos(2 * np.pi * hz / SAMPLE_RATE), r * r], x)
    return (0.3 * x / np.abs(x).max()).astype(np.float32)


@pytest.mark.parametrize("scale", [0.9, 1.0, 1.1])
def test_formants_of_a_synthetic_vowel(scale):
    true_hz = scale * np.array([500.0, 1500.0, 2500.0, 3500.0, 4450.0])
    found = formants(vowel(true_hz), np.arange(0.2, 0.8, 0.016))
    assert np.nanmedian(found, axis=0) == pytest.approx(true_hz, rel=0.03)


def test_features_do_not_depend_on_gain():
    sound, times = vowel([500, 1500, 2500, 3500, 4450]), np.arange(0.2, 0.8, 0.016)
    hz = np.full(len(times), 110.0)
    loud, quiet = (voice_features(formants(g * sound, times), hz) for g in (1.0, 0.01))
    assert loud.shape == (14,) and np.allclose(loud, quiet, atol=1e-3)


def test_features_stay_finite_where_no_formant_is_found():
    assert np.all(np.isfinite(voice_features(np.full((5, 5), np.nan), np.full(5, 150.0))))
    assert np.all(np.isfinite(voice_features(formants(np.zeros(SAMPLE_RATE), np.array([0.5])), np.array([150.0]))))


@pytest.fixture(scope="module")
def reader():
    """Seven seconds of a man reading, from the moonshine-voice package."""
    package = importlib.util.find_spec("moonshine_voice").submodule_search_locations[0]
    whole = load_clip(Path(package) / "assets" / "two_cities.wav")
    return whole.samples[int(6.6 * SAMPLE_RATE) : 14 * SAMPLE_RATE]


def profile(samples):
    return speaker_profile(samples, track_f0(samples), speech_segments(samples))


def test_a_man_reading(reader):
    found = profile(reader)
    assert found["gender"] == "Male" and 0.8 < found["gender_confidence"] <= 1
    assert found["age_level"] is None and found["age_years"] is None


def test_band_limits_do_not_change_the_answer(reader):
    limited = soxr.resample(soxr.resample(reader, SAMPLE_RATE, 11_025), 11_025, SAMPLE_RATE).astype(np.float32)
    wide, narrow = profile(reader), profile(limited)
    assert narrow["gender"] == wide["gender"]
    assert narrow["gender_confidence"] == pytest.approx(wide["gender_confidence"], abs=0.05)


def test_a_telephones_band_says_nothing(reader):
    """Where the upper formants are missing, women were taken for men with a confidence of .9 and more."""
    telephone = soxr.resample(reader, SAMPLE_RATE, 8_000)
    as_file = measure_prosody((telephone, 8_000), "", recognise=False)
    again_16_khz = soxr.resample(telephone, 8_000, SAMPLE_RATE).astype(np.float32)
    copied = measure_prosody((np.round(again_16_khz * 32767).astype(np.int16), SAMPLE_RATE), "", recognise=False)
    for record in (as_file, copied):
        assert (record.gender, record.gender_confidence) == (None, None)
        assert record.f0_reliable and NARROW in record.warnings
    assert not is_narrow(reader) and not is_narrow(np.zeros(SAMPLE_RATE, np.float32)) and not is_narrow(reader[:100])


@pytest.mark.parametrize("n_voiced", [0, 5, 15])
def test_too_little_voice_says_nothing(reader, n_voiced):
    hz = np.full(400, np.nan, np.float32)
    hz[100 : 100 + n_voiced] = 110.0
    found = speaker_profile(reader, F0Track(0.016, hz, np.ones(400, np.float32)), [(0.0, 6.0)])
    assert found == {"gender": None, "gender_confidence": None, "age_level": None, "age_years": None}


def test_weights_are_small():
    assert WEIGHTS.stat().st_size < 300_000
