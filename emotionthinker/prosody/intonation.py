"""The melody of an utterance in one word: how pitch moves as a whole, and how much.

A parabola is fitted to the voiced frames, in semitones, over *voiced time*: the axis counts voiced frames and nothing
else, so consonants, pauses and tempo cannot bend it. Its two arms, before and after its turning point, give the shape.
"""

from __future__ import annotations

import numpy as np

from emotionthinker.prosody.energy import inside
from emotionthinker.prosody.pitch import F0Track, semitones

MIN_VOICED_S = 0.25  # less voice has no melody
MIN_SPEECH_S = 0.4
FLAT_ST, EXPRESSIVE_ST = 3.0, 9.0  # range between the 5th and 95th percentile, as published
ARM_ST = 2.0  # a movement that listeners hear as one; 1.5–2 in running speech ('t Hart, 1981: 3 st to be sure)
MIN_EXPLAINED = 0.3  # share of the variance that the shape must explain to be called one
MIN_CONFIDENCE = 0.6  # mean confidence of the pitch track
POINTS = 101


def classify_intonation(track: F0Track, segments: list[tuple[float, float]]) -> dict:
    """Intonation of the voiced frames inside speech (`segments`, seconds).

    Returns `contour_shape`: rising, falling, rising-falling, falling-rising, flat (no movement of 2 st) or None;
    `contour_dynamics`: flat under 3 semitones of range, expressive over 9, else moderate, or None;
    `intonation`: flat where the range is; else the shape where it explains the contour; else expressive where the range
    is; uncertain where none of this holds or the pitch is doubtful; too_short under 0.25 s of voice, 0.4 s of speech;
    `contour_confidence` 0…1: how much of the contour's variance that label accounts for, times the trust in the pitch.
    """
    speech = inside(segments, len(track.hz), track.hop_s, offset=0.0)
    voiced = speech & np.isfinite(track.hz)
    if voiced.sum() * track.hop_s < MIN_VOICED_S or speech.sum() * track.hop_s < MIN_SPEECH_S:
        return _result("too_short", None, None, 0.0)
    hz = track.hz[voiced].astype(np.float64)
    contour_st = semitones(hz, float(np.median(hz)))
    trust = float(track.confidence[voiced].mean())
    low, high = np.percentile(contour_st, (5, 95))
    range_st = high - low
    dynamics = "flat" if range_st < FLAT_ST else "expressive" if range_st > EXPRESSIVE_ST else "moderate"
    shape, explained = _shape(contour_st)

    if trust < MIN_CONFIDENCE:
        return _result("uncertain", shape, dynamics, trust * explained)
    if dynamics == "flat":
        # Sure at no range at all, even odds at the border to a movement.
        return _result("flat", shape, dynamics, trust * (1 - 0.5 * range_st / FLAT_ST))
    if shape != "flat" and explained >= MIN_EXPLAINED:
        return _result(shape, shape, dynamics, trust * explained)
    if dynamics == "expressive":
        return _result("expressive", shape, dynamics, trust * (1 - explained))
    return _result("uncertain", shape, dynamics, trust * explained)


def _shape(contour_st: np.ndarray) -> tuple[str, float]:
    """Shape of a contour (n,) in semitones, and the share of its variance (0…1) that the fitted parabola explains."""
    x = np.linspace(-1, 1, len(contour_st))
    # Twice over, the second time without what lies far off the first fit: octave slips and creak at the ends.
    kept = np.ones(len(x), bool)
    for _ in range(2):
        fit = np.polynomial.Polynomial.fit(x[kept], contour_st[kept], 2, domain=(-1, 1))
        off = np.abs(contour_st - fit(x))
        kept = off <= max(3 * np.median(off), 1.0)
    kept_st = contour_st[kept]
    explained = 1 - np.var(kept_st - fit(x[kept])) / max(np.var(kept_st), 1e-12)
    curve = fit(np.linspace(-1, 1, POINTS))
    start, end = curve[0], curve[-1]
    peak, valley = curve.max(), curve.min()
    if min(peak - start, peak - end) >= ARM_ST:
        shape = "rising-falling"
    elif min(start - valley, end - valley) >= ARM_ST:
        shape = "falling-rising"
    elif abs(end - start) >= ARM_ST:
        shape = "rising" if end > start else "falling"
    else:
        shape = "flat"
    return shape, float(np.clip(explained, 0, 1))


def _result(intonation: str, shape: str | None, dynamics: str | None, confidence: float) -> dict:
    return {
        "intonation": intonation,
        "contour_shape": shape,
        "contour_dynamics": dynamics,
        "contour_confidence": round(float(confidence), 3),
    }
