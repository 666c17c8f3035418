"""The same voice in another room: another sound, the same level and pitch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from emotionthinker.audio import load_clip
from emotionthinker.prosody.record import measure_prosody
from training.rooms import Rooms, another_room

CLIP = Path(__file__).resolve().parents[2] / "assets" / "examples" / "sad.flac"
ROUGH = Rooms(noise_share=1.0, snr_db=(12.0, 12.0), reverb_share=1.0)


def level_db(samples: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))))


def test_what_the_voice_does_stays() -> None:
    clip = load_clip(CLIP)
    before = measure_prosody(clip, transcript="")
    for seed in range(3):
        samples = another_room(clip.samples, ROUGH, np.random.default_rng(seed))
        assert (samples.dtype, len(samples)) == (np.float32, len(clip.samples))
        assert abs(level_db(samples) - level_db(clip.samples)) < 0.01
        assert np.corrcoef(samples, clip.samples)[0, 1] < 0.99
        after = measure_prosody(dataclasses.replace(clip, samples=samples), transcript="")
        assert before.f0_median_hz and after.f0_median_hz
        assert abs(12 * np.log2(after.f0_median_hz / before.f0_median_hz)) < 0.3  # semitones


def test_noise_is_as_loud_as_it_was_drawn() -> None:
    tone = np.sin(np.arange(32_000) * 0.2).astype(np.float32)
    plain = Rooms(tilt_db=0.0, ripple_db=0.0, noise_share=1.0, snr_db=(10.0, 10.0), reverb_share=0.0)
    made = another_room(tone, plain, np.random.default_rng(0)).astype(np.float64)
    part = made @ tone / (tone @ tone)
    assert abs(level_db(part * tone) - level_db(made - part * tone) - 10) < 0.3


def test_the_same_draw_is_the_same_room_and_silence_has_none() -> None:
    voice = load_clip(CLIP).samples
    once, again, other = (another_room(voice, ROUGH, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    silence = np.zeros(100, np.float32)
    assert another_room(silence, ROUGH, np.random.default_rng(0)) is silence
    assert len(another_room(silence[:0], ROUGH, np.random.default_rng(0))) == 0
