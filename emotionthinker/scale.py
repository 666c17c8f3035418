"""The axes of a figure: fitted to one clip, or to several that are to be compared by eye."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE


@dataclass(frozen=True)
class Scale:
    """Seconds across; the sample that fills the waveform's lane; what pitch is told from, in Hz (None: no clip has a pitch),
    with the lowest and highest semitone from there; and the lowest and highest level in dBFS (None: none was measured)."""

    duration_s: float
    peak: float
    reference_hz: float | None
    semitones: tuple[float, float]
    dbfs: tuple[float, float] | None


def fit_scale(records: Sequence[dict[str, Any]], samples: Sequence[np.ndarray]) -> Scale:
    """The scale that holds all of `records` (`Prosody.to_dict()`) and their samples, (n,) float32 at 16 kHz each.

    The pitch of one clip is told from its median; that of several from the geometric mean of theirs.
    """
    durations = [float(r.get("duration_s") or len(x) / SAMPLE_RATE) for r, x in zip(records, samples, strict=True)]
    medians = [hz for hz in map(median_hz, records) if hz]
    reference_hz = math.exp(sum(map(math.log, medians)) / len(medians)) if medians else None
    low, high = -4.0, 4.0
    edges = []
    for record in records:
        f0_hz = track(record, "f0", "hz")
        finite = f0_hz[np.isfinite(f0_hz)]
        if reference_hz and len(finite):
            low = min(low, 12 * math.log2(float(finite.min()) / reference_hz) - 1)
            high = max(high, 12 * math.log2(float(finite.max()) / reference_hz) + 1)
        dbfs = track(record, "energy", "dbfs")
        if np.isfinite(dbfs).any():
            edges.append((float(np.nanquantile(dbfs, 0.05)) - 4, float(np.nanmax(dbfs))))
    levels = None
    if edges:
        top = max(edge for _, edge in edges)
        bottom = max(min(edge for edge, _ in edges), top - 70)
        levels = (bottom, top + 0.3 * max(top - bottom, 10))  # room for the label
    peak = max([1e-4, *(float(np.abs(x).max()) for x in samples if len(x))])
    return Scale(max(durations) or 1.0, peak, reference_hz, (low, high + 0.16 * (high - low)), levels)


def median_hz(record: dict[str, Any]) -> float | None:
    """The clip's median pitch; where the record gives none (too little voice), that of the frames there are."""
    if record.get("f0_median_hz"):
        return float(record["f0_median_hz"])
    f0_hz = track(record, "f0", "hz")
    return float(np.nanmedian(f0_hz)) if np.isfinite(f0_hz).any() else None


def track(record: Mapping[str, Any], name: str, key: str) -> np.ndarray:
    """(n,) float64 of a curve of the record, NaN where nothing was measured."""
    values = (record.get(name) or {}).get(key) or []
    return np.array([math.nan if v is None else v for v in values], float)
