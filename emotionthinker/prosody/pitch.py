"""Fundamental frequency by swift-f0 with a second opinion on octaves, and what it says about a voice.

swift-f0 (Nieradzik 2025) names a pitch and a confidence for each 16 ms. Where the fundamental is missing or the band is
a telephone's, some frames come out at a simple ratio to the true pitch (2/3, 4/3, 1/2, 2). Such a frame is found by the
autocorrelation of its 50 ms (normalised by the energy of both ends; Boersma 1993): sound repeats better after the true period
than after 3/2 of it. A frame that repeats better at a simple ratio of the period it was given is called unvoiced: that costs
a few frames, while taking the better ratio instead brought errors into clean speech that had none.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.prosody.energy import at_working_level, inside

FMIN_HZ, FMAX_HZ = 55.0, 700.0  # from creaky male voices to shouting; speech does not leave it
VOICED = 0.5  # the network's confidence is calibrated so that a frame is voiced from here on

RIVALS = (2.0, 3.0, 3 / 2, 4 / 3, 3 / 4, 2 / 3, 1 / 2, 1 / 3)  # of the given pitch: the mistakes that trackers make
RIVAL_TOLERANCE = 0.06  # of a rival's period: a semitone
# A rival wins if the sound repeats better after its period by this much: two periods repeat nearly as well as one. At 0.03
# speech in babble loses another hundredth of its frames, at 0.10 more errors stay (babble 1.5 % for 1.3 %).
MARGIN = 0.05
WINDOW = 800  # samples = 50 ms: two periods and a half of the lowest pitch
MAX_LAG = int(SAMPLE_RATE / FMIN_HZ) + 1
# At 330 Hz a period is 48.5 samples: between whole samples a sharp peak would be missed, and two periods found instead.
FINER = 4

MIN_VOICED_S = 0.1  # less voice than this gives no summary
RELIABLE_VOICED_S = 0.25
RELIABLE_CONFIDENCE = 0.6

_detector: Any = None
_detector_lock = threading.Lock()


@dataclass(frozen=True)
class F0Track:
    """`hz` (n,) float32, NaN where unvoiced; `confidence` (n,) float32 in 0…1; frame i is centred on i · `hop_s`."""

    hop_s: float
    hz: np.ndarray
    confidence: np.ndarray


def track_f0(samples: np.ndarray) -> F0Track:
    """Fundamental frequency of mono samples (n,) at 16 kHz, every 16 ms. The gain does not matter."""
    from swift_f0 import FRAME_PERIOD

    if not len(samples):
        return F0Track(FRAME_PERIOD, np.zeros(0, np.float32), np.zeros(0, np.float32))
    found = _swift_f0().detect(at_working_level(samples), SAMPLE_RATE, FMIN_HZ, FMAX_HZ)
    hz = np.where(found.confidence >= VOICED, found.pitch_hz, np.nan)
    hz[_has_better_rival(samples, hz, int(FRAME_PERIOD * SAMPLE_RATE))] = np.nan
    return F0Track(FRAME_PERIOD, hz.astype(np.float32), found.confidence.astype(np.float32))


def _has_better_rival(samples: np.ndarray, hz: np.ndarray, hop: int) -> np.ndarray:
    """(n,) bool: voiced frames, centred on i · hop samples, whose sound repeats better at a simple ratio of their pitch."""
    voiced = np.flatnonzero(np.isfinite(hz))
    beaten = np.zeros(len(hz), bool)
    for part in np.array_split(voiced, len(voiced) // 512 + 1):  # 30 MB each, however long the clip
        similarity = _autocorrelation(samples, part * hop)
        own = _best_near(similarity, hz[part])
        for ratio in RIVALS:
            beaten[part] |= _best_near(similarity, hz[part] * ratio) - MARGIN > own
    return beaten


def _autocorrelation(samples: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(m, FINER · MAX_LAG + 1): likeness (-1…1) of a window around each centre (m,) to itself, by lag in 1 / FINER samples."""
    padded = np.pad(samples, (WINDOW // 2, WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[centres].astype(np.float64)
    frames -= frames.mean(axis=1, keepdims=True)
    n_fft = 1 << (WINDOW + MAX_LAG).bit_length()
    spectrum = np.fft.rfft(frames, n_fft)
    # A longer transform back gives the products between whole samples of lag as well.
    products = FINER * np.fft.irfft(spectrum.real**2 + spectrum.imag**2, FINER * n_fft)[:, : FINER * MAX_LAG + 1]
    energy = np.cumsum(np.square(frames), axis=1)
    energy = np.concatenate((np.zeros((len(frames), 1)), energy), axis=1)
    lags = np.arange(FINER * MAX_LAG + 1) // FINER
    head, tail = energy[:, WINDOW - lags], energy[:, -1:] - energy[:, lags]
    return products / np.sqrt(np.maximum(head * tail, 1e-24))


def _best_near(similarity: np.ndarray, hz: np.ndarray) -> np.ndarray:
    """(m,): the best likeness within a semitone of the period of each pitch (m,); -1 for a pitch that speech has not."""
    best = np.full(len(hz), -1.0)
    period = FINER * SAMPLE_RATE / hz
    low = np.floor(period / (1 + RIVAL_TOLERANCE)).astype(int)
    high = np.minimum(np.ceil(period * (1 + RIVAL_TOLERANCE)).astype(int), FINER * MAX_LAG)
    for i in np.flatnonzero((hz >= FMIN_HZ) & (hz <= FMAX_HZ)):
        best[i] = similarity[i, low[i] : high[i] + 1].max()
    return best


def pitch_summary(track: F0Track, segments: list[tuple[float, float]]) -> dict:
    """Pitch of the voiced frames inside speech (`segments`, seconds).

    Returns `f0_median_hz`, `f0_p5_hz`, `f0_p95_hz`; `f0_range_st`, the semitones between the last two; `f0_std_st`;
    `voiced_share_of_speech` (0…1); `f0_reliable`, whether there are 0.25 s of voice that the network is sure of.
    Under 0.1 s of voice the numbers are None.
    """
    speech = inside(segments, len(track.hz), track.hop_s, offset=0.0)
    voiced = speech & np.isfinite(track.hz)
    n_speech, n_voiced = int(speech.sum()), int(voiced.sum())
    share = n_voiced / n_speech if n_speech else None
    if n_voiced * track.hop_s < MIN_VOICED_S:
        names = ("f0_median_hz", "f0_p5_hz", "f0_p95_hz", "f0_range_st", "f0_std_st")
        return {**dict.fromkeys(names), "f0_reliable": False, "voiced_share_of_speech": share}
    hz = track.hz[voiced].astype(np.float64)
    p5, median, p95 = np.percentile(hz, (5, 50, 95))
    reliable = n_voiced * track.hop_s >= RELIABLE_VOICED_S and track.confidence[voiced].mean() >= RELIABLE_CONFIDENCE
    return {
        "f0_median_hz": float(median),
        "f0_p5_hz": float(p5),
        "f0_p95_hz": float(p95),
        "f0_range_st": float(semitones(p95, p5)),
        "f0_std_st": float(semitones(hz, median).std()),
        "f0_reliable": bool(reliable),
        "voiced_share_of_speech": share,
    }


def semitones(hz: np.ndarray | float, reference_hz: float) -> np.ndarray:
    """Interval from the reference in semitones, of the shape of `hz`; NaN stays NaN."""
    return 12 * np.log2(np.asarray(hz, np.float64) / reference_hz)


def _swift_f0() -> Any:
    """One detector for the process, made when first needed; it may be called from several threads."""
    global _detector
    with _detector_lock:
        if _detector is None:
            from swift_f0 import SwiftF0

            _detector = SwiftF0(threads=1)
        return _detector
