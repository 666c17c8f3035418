"""The cached log-mel is the processor's, and an augmentation does to the sound what its `Shift` says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.errors import EmotionThinkerError
from training.mel import Augmentation, MelCache, _mel_centres_hz, augment, log_mel, whisper_scale

STILL = {
    "tempo": 0.0, "warp": 0.0, "gain_db": 0.0, "tilt_db": 0.0, "ripple_db": 0.0, "noise_share": 0.0, "reverb_share": 0.0,
    "mask_bins": 0, "mask_frames": 0,
}  # fmt: skip


def tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.1 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def test_log_mel_is_what_the_processor_feeds_the_model() -> None:
    from transformers import WhisperFeatureExtractor

    samples = np.random.default_rng(1).normal(0, 0.1, 24_000).astype(np.float32)
    extractor = WhisperFeatureExtractor(chunk_length=30)
    expected = extractor(samples, sampling_rate=SAMPLE_RATE, return_tensors="np")["input_features"][0][:, :150]
    assert np.abs(whisper_scale(log_mel(samples)) - expected).max() < 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_gain_is_said_as_it_is_done(seed: int) -> None:
    mel = log_mel(tone(440))
    changed, shift = augment(mel, Augmentation(**STILL | {"gain_db": 6.0}), np.random.default_rng(seed), None)
    assert shift.gain_db != 0
    assert np.allclose(changed - mel, shift.gain_db / 10, atol=1e-4)


def test_some_views_are_of_quiet_recordings() -> None:
    mel = log_mel(tone(440))
    how = Augmentation(**STILL | {"quiet_share": 0.3, "quiet_db": (12.0, 25.0)})
    rng = np.random.default_rng(0)
    views = [augment(mel, how, rng, None) for _ in range(200)]
    quiet = [(view, shift) for view, shift in views if shift.gain_db != 0]
    assert 40 <= len(quiet) <= 80
    for view, shift in quiet:
        assert -25 <= shift.gain_db <= -12
        assert np.allclose(view - mel, shift.gain_db / 10, atol=1e-4)


def test_tempo_shortens_by_the_factor_it_says() -> None:
    mel = log_mel(tone(440, 3.0))
    changed, shift = augment(mel, Augmentation(**STILL | {"tempo": 0.15}), np.random.default_rng(0), None)
    assert shift.tempo != 1
    assert changed.shape[1] == pytest.approx(mel.shape[1] / shift.tempo, abs=1)


@pytest.mark.parametrize("seed", range(4))
def test_warp_moves_a_tone_by_the_semitones_it_says(seed: int) -> None:
    centres = _mel_centres_hz(80)
    changed, shift = augment(log_mel(tone(3000)), Augmentation(**STILL | {"warp": 0.2}), np.random.default_rng(seed), None)
    loudest_hz = centres[changed.mean(1).argmax()]
    assert loudest_hz == pytest.approx(3000 * 2 ** (shift.pitch_st / 12), rel=0.04)


def test_mel_centres_are_where_tones_are_loudest() -> None:
    centres = _mel_centres_hz(80)
    for hz in (300.0, 1500.0, 5000.0):
        assert centres[log_mel(tone(hz)).mean(1).argmax()] == pytest.approx(hz, rel=0.05)


def test_noise_does_not_fill_what_the_low_pass_takes_away() -> None:
    how = Augmentation(**STILL | {"noise_share": 1.0, "noise_snr_db": (0.0, 0.0)})
    mel = log_mel(tone(440))
    noisy, _ = augment(mel, how, np.random.default_rng(0), 5500)
    high = _mel_centres_hz(80) > 5500
    assert noisy[high].max() == -10
    assert noisy[~high].mean() > mel[~high].mean() + 1


def test_same_seed_same_view() -> None:
    mel = log_mel(tone(440))
    first, shift = augment(mel, Augmentation(), np.random.default_rng(5), 5500)
    again, same = augment(mel, Augmentation(), np.random.default_rng(5), 5500)
    assert shift == same
    assert np.array_equal(first, again)


def test_a_cache_knows_the_clips_it_was_made_of(tmp_path: Path) -> None:
    records = []
    for hz in (200.0, 300.0, 400.0):
        path = tmp_path / f"{hz:.0f}.wav"
        soundfile.write(path, tone(hz), SAMPLE_RATE)
        records.append({"audio_path": str(path), "segments": [[0.1, 0.9]]})
    folder = tmp_path / "mel"
    first = MelCache(folder, records[:2], 12.0, 5500)
    made = first.frames_path.stat().st_mtime_ns
    assert np.array_equal(MelCache(folder, records[:2], 12, 5500.0)[1], first[1])
    assert first.frames_path.stat().st_mtime_ns == made  # read, not made again
    shorter = records[1] | {"segments": [[0.1, 0.5]]}
    for others, max_s, bandwidth_hz in (([records[0], records[2]], 12.0, 5500), (records[1::-1], 12.0, 5500),
                                        ([records[0], shorter], 12.0, 5500), (records[:2], 0.5, 5500), (records[:2], 12.0, None),
                                        (records, 12.0, 5500)):  # fmt: skip
        with pytest.raises(EmotionThinkerError, match="log-mels of other clips") as caught:
            MelCache(folder, others, max_s, bandwidth_hz)
        assert "\n" not in str(caught.value)
    first.key_path.unlink()  # a cache of before there was a hash: nobody knows of what it was made
    again = MelCache(folder, [records[0], records[2]], 12.0, 5500)
    assert not np.array_equal(again[1], first[1])
    assert np.array_equal(again[1], MelCache(tmp_path / "new", records[2:], 12.0, 5500)[0])
