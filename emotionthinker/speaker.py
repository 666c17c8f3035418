"""Who speaks, as far as the voice shows it: sex with a confidence. Age is not estimated.

Sex is read from the pitch and from the spectrum of the voiced frames, whose resonances tell the length of the vocal
tract, by a small network of our own (`training/speaker_model.py`). Only what lies under 5.2 kHz is looked at, so that
the bandwidth of a recording says nothing. Pitch alone is right on about 82 % of acted speech, where men raise it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.prosody.pitch import F0Track

WEIGHTS = Path(__file__).resolve().parents[1] / "assets" / "speaker.npz"

N_FFT = 512
WINDOW = 400  # samples = 25 ms
N_BANDS = 32
LOW_HZ, HIGH_HZ = 80.0, 5200.0  # the upper end is below the 5.5 kHz to which CREMA-D is band-limited
N_SPREAD = 10  # cosine coefficients of how much each band varies
MIN_VOICED_S = 0.25
NOISE_FLOOR = 1e-4  # of a frame's mean power, -40 dB: bands under it hold the recorder's noise, not the voice


def speaker_profile(samples: np.ndarray, f0: F0Track, segments: list[tuple[float, float]]) -> dict[str, Any]:
    """`gender` ("Male", "Female", None), `gender_confidence` (0.5 to 1, None), `age_level` and `age_years` (None).

    samples: (n,) float32 at 16 kHz. gender is None under 0.25 s of voice, and where the confidence is below the one
    under which the network is wrong too often (stored with its weights).
    """
    profile: dict[str, Any] = {"gender": None, "gender_confidence": None, "age_level": None, "age_years": None}
    power, hz = voiced_spectrum(samples, f0, segments)
    if len(hz) * f0.hop_s < MIN_VOICED_S:
        return profile
    weights = _shipped_weights()
    female = probability_female(voice_features(power, hz), weights)
    confidence = max(female, 1 - female)
    profile["gender_confidence"] = confidence
    if confidence >= float(weights["least_confidence"]):
        profile["gender"] = "Female" if female >= 0.5 else "Male"
    return profile


def voiced_spectrum(
    samples: np.ndarray, f0: F0Track, segments: list[tuple[float, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Power in mel bands (n, 32) and F0 in Hz (n,) of the voiced frames inside speech."""
    times = np.arange(len(f0.hz)) * f0.hop_s
    kept = np.isfinite(f0.hz) & np.any([(times >= a) & (times < b) for a, b in segments] or [times < 0], axis=0)
    centres = np.round(times[kept] * SAMPLE_RATE).astype(int)
    padded = np.pad(np.asarray(samples, np.float32), (WINDOW // 2, WINDOW))
    frames = padded[centres[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, N_FFT, axis=1)) ** 2
    return (power @ _mel_filters().T).astype(np.float32), f0.hz[kept].astype(np.float32)


def voice_features(power: np.ndarray, hz: np.ndarray) -> np.ndarray:
    """(46,) features of voiced frames: mean and spread of the log spectrum, and pitch.

    power: (n, 32) from `voiced_spectrum`; hz: (n,). The gain of the recording cancels out.
    """
    level = power.mean(axis=1, keepdims=True)
    log_power = np.log(np.maximum(power, NOISE_FLOOR * level) + 1e-12 * level.max()) - np.log(level + 1e-20)
    mean = log_power.mean(axis=0)
    spread = _cosines() @ log_power.std(axis=0)
    octaves = np.log2(hz / 150.0)
    pitch = np.percentile(octaves, (5, 50, 95))
    return np.concatenate([mean - mean.mean(), spread, pitch, [octaves.std()]]).astype(np.float32)


def probability_female(features: np.ndarray, w: dict[str, np.ndarray]) -> float:
    """Of one feature vector: a network with one hidden layer, on standardised features. w: its weights."""
    x = (features - w["mean"]) / w["std"]
    hidden = np.maximum(w["w1"] @ x + w["b1"], 0)
    logit = float(w["w2"] @ hidden + w["b2"])
    return 1 / (1 + float(np.exp(-np.clip(logit, -30, 30))))


@lru_cache(maxsize=1)
def _shipped_weights() -> dict[str, np.ndarray]:
    with np.load(WEIGHTS, allow_pickle=False) as file:
        return dict(file)


@lru_cache(maxsize=1)
def _mel_filters() -> np.ndarray:
    """(32, 257) triangles of equal width in mel, between LOW_HZ and HIGH_HZ."""
    def mel(f: np.ndarray | float) -> np.ndarray:
        return 2595 * np.log10(1 + np.asarray(f, float) / 700)

    edges = 700 * (10 ** (np.linspace(mel(LOW_HZ), mel(HIGH_HZ), N_BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    # A triangle narrower than a bin would be empty: it is widened to one bin on each side of its centre.
    step = bins[1]
    left = np.minimum(edges[:-2], edges[1:-1] - step)[:, None]
    right = np.maximum(edges[2:], edges[1:-1] + step)[:, None]
    centre = edges[1:-1, None]
    return np.clip(np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)), 0, None)


@lru_cache(maxsize=1)
def _cosines() -> np.ndarray:
    """(10, 32) orthonormal cosine transform."""
    k, n = np.arange(N_SPREAD)[:, None], np.arange(N_BANDS)[None, :]
    return np.cos(np.pi * k * (n + 0.5) / N_BANDS) * np.sqrt(2 / N_BANDS)
