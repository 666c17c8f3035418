"""Fundamental frequency by swift-f0, and what it says about a voice."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.prosody.energy import at_working_level, inside

FMIN_HZ, FMAX_HZ = 55.0, 700.0  # from creaky male voices to shouting; speech does not leave it
VOICED = 0.5  # the network's confidence is calibrated so that a frame is voiced from here on
MIN_VOICED_S = 0.1  # less voice than this gives no summary
RELIABLE_VOICED_S = 0.25
RELIABLE_CONFIDENCE = 0.7

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
    return F0Track(FRAME_PERIOD, hz.astype(np.float32), found.confidence.astype(np.float32))


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
