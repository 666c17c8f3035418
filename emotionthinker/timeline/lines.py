"""The lines over a recording: each voice against its own beginning, and smoothed.

What is high for one speaker is low for another, so pitch, energy and speed are told relative to what the same voice did in
its first minutes. What those were (calm or already upset) nobody but the reader can say: the lines show change, not level.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotionthinker.timeline.scoring import Segment

REFERENCE_S = 120.0  # the "first minutes" of a voice, from its first utterance
REFERENCE_SEGMENTS = 8  # at least, however long that takes: a median of fewer is one mood, or one word
SMOOTHING_S = 8.0  # standard deviation of the window in time: two or three utterances on each side

MEASURES = ("pitch_st", "energy_db", "speed_percent")


@dataclass(frozen=True)
class Reference:
    """A voice's own beginning: from and to in seconds, of how many utterances, and their medians (None: not measured)."""

    from_s: float
    to_s: float
    n: int
    f0_hz: float | None
    energy_dbfs: float | None
    rate_pps: float | None


def reference_of(segments: Sequence[Segment]) -> Reference | None:
    """The reference of one line's segments, in order; None without any."""
    if not segments:
        return None
    until_s = segments[0].start_s + REFERENCE_S
    n = max(sum(s.start_s < until_s for s in segments), min(REFERENCE_SEGMENTS, len(segments)))
    first = segments[:n]

    def median(read: Callable[[Segment], float | None]) -> float | None:
        values = [value for value in map(read, first) if value is not None]
        return float(np.median(values)) if values else None

    return Reference(first[0].start_s, first[-1].end_s, n, median(lambda s: s.f0_median_hz), median(lambda s: s.energy_dbfs),
                     median(lambda s: s.articulation_rate_pps))


def relative(segment: Segment, reference: Reference) -> dict[str, float | None]:
    """Pitch in semitones, energy in dB and speed in percent, each above (+) or below (−) the reference."""
    pitch = energy = speed = None
    if segment.f0_median_hz is not None and reference.f0_hz is not None:
        pitch = 12 * math.log2(segment.f0_median_hz / reference.f0_hz)
    if segment.energy_dbfs is not None and reference.energy_dbfs is not None:
        energy = segment.energy_dbfs - reference.energy_dbfs
    if segment.articulation_rate_pps is not None and reference.rate_pps:
        speed = 100 * (segment.articulation_rate_pps / reference.rate_pps - 1)
    return {"pitch_st": pitch, "energy_db": energy, "speed_percent": speed}


def smooth(times_s: Sequence[float], values: Sequence[float | None], weights: Sequence[float]) -> list[float | None]:
    """A weighted mean around each time, with Gaussian weight in time; None where nothing was measured within two widths.

    times_s, values, weights: (n,), in order of time; a weight is the speech in seconds behind a value.
    """
    times, known = np.asarray(times_s, float), np.array([v is not None for v in values], bool)
    y = np.array([0.0 if v is None else v for v in values], float)
    w = np.asarray(weights, float) * known
    out: list[float | None] = []
    for t in times:  # a window a time: n² would be 10 MB for an hour, and most of it zeros
        near = slice(np.searchsorted(times, t - 3 * SMOOTHING_S), np.searchsorted(times, t + 3 * SMOOTHING_S, side="right"))
        distance = np.abs(times[near] - t)
        share = w[near] * np.exp(-0.5 * (distance / SMOOTHING_S) ** 2)
        close = (known[near] & (distance <= 2 * SMOOTHING_S)).any()
        out.append(float(share @ y[near] / share.sum()) if close and share.sum() > 0 else None)
    return out


def smoothed_lines(segments: Sequence[Segment], reference: Reference, labels: Sequence[str]) -> dict[str, Any]:
    """Of one line: `times_s` (n,), `scores` (label -> (n,)), and the three measures (n,) of `MEASURES`."""
    times = [s.middle_s for s in segments]
    weights = [s.speech_s for s in segments]
    measured = [relative(s, reference) for s in segments]
    return {
        "times_s": times,
        "scores": {label: smooth(times, [s.scores.get(label) if s.scores else None for s in segments], weights)
                   for label in labels},
        **{name: smooth(times, [m[name] for m in measured], weights) for name in MEASURES},
    }
