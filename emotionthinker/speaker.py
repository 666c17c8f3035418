"""Who speaks, as far as the voice shows it: sex with a confidence. Age is not estimated.

Sex is read from the formants and the pitch of the voiced frames: the first grow with the vocal tract, the second with
the vocal folds, and acted speech moves the second far more than the first. A small network of our own weighs them
(`training/speaker_model.py`). Only what lies under 5.5 kHz is looked at, so that a wider band says nothing; in a narrower one,
as a telephone's, formants are missing and women are taken for men, so nothing is stated. Formants are the poles of a linear
prediction (autocorrelation method; Markel & Gray 1976).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.errors import shipped
from emotionthinker.prosody.energy import inside
from emotionthinker.prosody.pitch import F0Track

WEIGHTS = Path(__file__).resolve().parents[1] / "assets" / "speaker.npz"

LPC_RATE = 11_000  # Hz: keeps what lies under 5.5 kHz, where adults have five formants
LPC_ORDER = 12  # two poles a formant, two for the tilt of the source
WINDOW = 330  # samples at LPC_RATE = 30 ms
PRE_EMPHASIS = 0.95
N_FORMANTS = 5
FORMANT_HZ = (150.0, 5300.0)
WIDEST_HZ = 700.0  # bandwidth; wider poles are the tilt, not a resonance
MIN_VOICED_S = 0.25
# A recording of speech is narrow where what lies in the upper band is this far under what lies in the lower one. Of 400 clips of
# CREMA-D and RAVDESS none is under -43 dB; at 8 kHz all are under -64 dB, and in 16 bits 19 of 20 under -48 dB.
LOWER_HZ, UPPER_HZ, NARROW_DB = (300.0, 3000.0), (4300.0, 5200.0), -50.0
SPECTRUM = 512  # samples = 32 ms
MAX_FRAMES = 2000  # of voice, evenly taken: half a minute says as much as ten


def speaker_profile(
    samples: np.ndarray, f0: F0Track, segments: list[tuple[float, float]], narrow: bool = False
) -> dict[str, Any]:
    """`gender` ("Male", "Female", None), `gender_confidence` (0.5 to 1, None), `age_level` and `age_years` (None).

    samples: (n,) float32 at 16 kHz. gender is None under 0.25 s of voice, in a narrow recording (`is_narrow`), and where the
    confidence is below the one from which the network is right often enough (stored with its weights).
    """
    profile: dict[str, Any] = {"gender": None, "gender_confidence": None, "age_level": None, "age_years": None}
    times_s, hz = voiced_frames(f0, segments)
    if narrow or len(hz) * f0.hop_s < MIN_VOICED_S:
        return profile
    chosen = np.unique(np.linspace(0, len(hz) - 1, min(len(hz), MAX_FRAMES)).astype(int))
    weights = _shipped_weights()
    female = probability_female(voice_features(formants(samples, times_s[chosen]), hz), weights)
    confidence = max(female, 1 - female)
    profile["gender_confidence"] = confidence
    if confidence >= float(weights["least_confidence"]):
        profile["gender"] = "Female" if female >= 0.5 else "Male"
    return profile


def is_narrow(samples: np.ndarray, source_rate: int = SAMPLE_RATE) -> bool:
    """Whether a recording holds too little above 4 kHz to tell sex by, as a telephone's.

    samples: (n,) float32 at 16 kHz; source_rate: of the file they came from, in Hz. A file at 16 kHz may still hold a telephone's
    sound, so the spectrum is looked at, too. Silence is not narrow.
    """
    if source_rate < 2 * UPPER_HZ[1]:
        return True
    if len(samples) < SPECTRUM:
        return False
    starts = np.unique(np.linspace(0, len(samples) - SPECTRUM, min(len(samples) // (SPECTRUM // 2), MAX_FRAMES)).astype(int))
    frames = np.asarray(samples, np.float64)[starts[:, None] + np.arange(SPECTRUM)] * np.hanning(SPECTRUM)
    power = np.square(np.abs(np.fft.rfft(frames))).mean(axis=0)
    hz = np.fft.rfftfreq(SPECTRUM, 1 / SAMPLE_RATE)
    lower, upper = (float(power[(hz >= low) & (hz < high)].mean()) for low, high in (LOWER_HZ, UPPER_HZ))
    return upper < lower * 10 ** (NARROW_DB / 10)


def voiced_frames(f0: F0Track, segments: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds (n,) and pitch in Hz (n,) of the voiced frames inside speech."""
    kept = inside(segments, len(f0.hz), f0.hop_s, offset=0.0) & np.isfinite(f0.hz)
    return np.flatnonzero(kept) * f0.hop_s, f0.hz[kept]


def formants(samples: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """(n, 5) formant frequencies in Hz, lowest first, of the frames centred on `times_s`; NaN where there are fewer."""
    import soxr

    x = soxr.resample(np.asarray(samples, np.float64), SAMPLE_RATE, LPC_RATE)
    x = np.append(x[:1], x[1:] - PRE_EMPHASIS * x[:-1])
    padded = np.pad(x, (WINDOW // 2, WINDOW))
    frames = padded[np.round(times_s * LPC_RATE).astype(int)[:, None] + np.arange(WINDOW)] * np.hamming(WINDOW)
    poles = np.linalg.eigvals(_companion(_predictor(frames)))
    hz = np.angle(poles) * LPC_RATE / (2 * np.pi)
    width_hz = -np.log(np.maximum(np.abs(poles), 1e-9)) * LPC_RATE / np.pi
    resonant = (hz > FORMANT_HZ[0]) & (hz < FORMANT_HZ[1]) & (width_hz < WIDEST_HZ)
    return np.sort(np.where(resonant, hz, np.nan), axis=1)[:, :N_FORMANTS]


def voice_features(formants_hz: np.ndarray, f0_hz: np.ndarray) -> np.ndarray:
    """(14,): median and mean of each formant in units of 500 Hz, 5th, 50th, 95th percentile and deviation of the pitch
    in octaves from 150 Hz. A formant that is never found stands in the middle of its usual place."""
    usual = 500.0 * np.arange(1, 2 * N_FORMANTS, 2)  # of a uniform tube of 17.5 cm
    never = np.all(np.isnan(formants_hz), axis=0)
    found = np.where(never, usual, formants_hz)
    octaves = np.log2(f0_hz / 150.0)
    return np.concatenate([np.nanmedian(found, axis=0) / 500, np.nanmean(found, axis=0) / 500,
                           np.percentile(octaves, (5, 50, 95)), [octaves.std()]]).astype(np.float32)


def probability_female(features: np.ndarray, weights: dict[str, np.ndarray]) -> float:
    """Of one feature vector: a network with one hidden layer, on standardised features."""
    x = (features - weights["mean"]) / weights["std"]
    hidden = np.maximum(weights["w1"] @ x + weights["b1"], 0)
    logit = float(weights["w2"] @ hidden + weights["b2"])
    return 1 / (1 + float(np.exp(-np.clip(logit, -30, 30))))


def _predictor(frames: np.ndarray) -> np.ndarray:
    """(m, 12) coefficients a of x[t] ≈ -Σ a[k]·x[t-1-k] for each frame, by the Levinson-Durbin recursion."""
    spectrum = np.fft.rfft(frames, 1024)
    r = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[:, : LPC_ORDER + 1]
    r[:, 0] = r[:, 0] * 1.0001 + 1e-12  # a floor 40 dB down keeps the recursion stable on pure tones and silence
    a = np.zeros_like(r)
    a[:, 0] = 1
    error = r[:, 0].copy()
    for i in range(1, LPC_ORDER + 1):
        reflection = -np.sum(a[:, :i] * r[:, i:0:-1], axis=1) / error
        a[:, 1 : i + 1] += reflection[:, None] * a[:, i - 1 :: -1]
        error *= 1 - reflection**2
    return a[:, 1:]


def _companion(a: np.ndarray) -> np.ndarray:
    """(m, 12, 12) matrices whose eigenvalues are the poles."""
    c = np.zeros((len(a), LPC_ORDER, LPC_ORDER))
    c[:, 0, :] = -a
    c[:, np.arange(1, LPC_ORDER), np.arange(LPC_ORDER - 1)] = 1
    return c


@lru_cache(maxsize=1)
def _shipped_weights() -> dict[str, np.ndarray]:
    with shipped(WEIGHTS), np.load(WEIGHTS, allow_pickle=False) as file:
        return dict(file)
