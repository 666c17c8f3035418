"""How close predicted scores are to what people said: order, agreement, error, and honesty of the scale.

Each function gives a number or raises `Undefined` with the reason. Arrays are (n,) float; scores are points of the scale 1–5.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.stats import rankdata

from annotate.estimates import MIN_CLUSTERS, PERCENTILES, Undefined, resamples
from annotate.tables import HIGHEST, LOWEST

ROWS_PER_BIN, MIN_PER_BIN = 20, 10
MIN_BINS, MAX_BINS = 3, 10


def spearman(predicted: np.ndarray, said: np.ndarray) -> float:
    """Spearman's rank correlation: is the order right, whatever the scale?"""
    a, b = rankdata(predicted), rankdata(said)
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt((a @ a) * (b @ b))
    if size == 0:
        which = "predicted scores" if not a.any() else "human scores"
        raise Undefined(f"All {len(a)} {which} are the same, so there is no order to compare.")
    return float(a @ b / size)


def weighted_kappa(predicted: np.ndarray, said: np.ndarray) -> float:
    """Cohen's kappa with quadratic weights, both rounded to whole points first."""
    a, b = whole_points(predicted), whole_points(said)
    expected = np.var(a) + np.var(b) + (a.mean() - b.mean()) ** 2
    if expected < 1e-12:
        raise Undefined(f"All {len(a)} scores, predicted and human, round to {a[0]:.0f}, so they cannot be told apart from chance.")
    return float(1 - ((a - b) ** 2).mean() / expected)


def mean_absolute_error(predicted: np.ndarray, said: np.ndarray) -> float:
    """Mean of |predicted − said|, points."""
    return float(np.abs(predicted - said).mean())


def calibration_error(predicted: np.ndarray, said: np.ndarray) -> float:
    """Expected calibration error, points: over bins of equal numbers, the mean of |mean predicted − mean said|.

    It is never 0, even for a perfect prediction, because a bin's mean has chance in it: see `calibration_error_by_chance`.
    """
    gaps = [len(rows) * abs(predicted[rows].mean() - said[rows].mean()) for rows in equal_bins(predicted)]
    return float(sum(gaps) / len(predicted))


def calibration_error_by_chance(predicted: np.ndarray, said: np.ndarray) -> float:
    """What `calibration_error` would be on average if every prediction were right: mean |N(0, sd²/n)| of the bins."""
    expected = [len(rows) * math.sqrt(2 / math.pi) * np.std(said[rows] - predicted[rows], ddof=1) / math.sqrt(len(rows))
                for rows in equal_bins(predicted)]
    return float(sum(expected) / len(predicted))


def whole_points(scores: np.ndarray) -> np.ndarray:
    """Rounded (halves up) and held on the scale."""
    return np.clip(np.floor(np.asarray(scores, float) + 0.5), LOWEST, HIGHEST)


def equal_bins(values: np.ndarray) -> list[np.ndarray]:
    """Rows of three to ten bins of about equal size, at least 10 rows each; equal values stay together, so there may be fewer."""
    n_bins = int(np.clip(len(values) // ROWS_PER_BIN, MIN_BINS, MAX_BINS))
    order = np.argsort(values, kind="stable")
    bins: list[np.ndarray] = []
    start = 0
    for end in (np.arange(1, n_bins + 1) * len(values) // n_bins).tolist():
        while end < len(order) and values[order[end]] == values[order[end - 1]]:
            end += 1
        if end - start >= min(MIN_PER_BIN, len(values)):
            bins.append(order[start:end])
            start = end
    if start < len(order):  # what is left over goes to the last bin
        bins[-1] = np.concatenate([bins[-1], order[start:]])
    return bins


def reliability(predicted: np.ndarray, said: np.ndarray, cluster: np.ndarray, *, seed: int = 0) -> list[dict[str, Any]]:
    """The reliability line: for each bin of predictions, what people said on average, with its 95 % interval over clusters.

    Returns:
        From low to high: `predicted`, `said`, `low`, `high` (points; None where there are too few clusters) and `n` (rows of the
            bin).
    """
    bins = equal_bins(predicted)
    line: list[dict[str, Any]] = [{"predicted": float(predicted[rows].mean()), "said": float(said[rows].mean()), "low": None,
                                   "high": None, "n": len(rows)} for rows in bins]
    if len(np.unique(cluster)) < MIN_CLUSTERS:
        return line
    place = np.empty(len(predicted), int)
    for number, rows in enumerate(bins):
        place[rows] = number
    drawn = []
    for counts in resamples(cluster, seed=seed):
        total = np.bincount(place, counts, minlength=len(bins)).astype(float)
        total[total == 0] = np.nan  # a resample may miss a bin
        drawn.append(np.bincount(place, counts * said, minlength=len(bins)) / total)
    low, high = np.nanpercentile(drawn, PERCENTILES, axis=0)
    return [point | {"low": float(low[i]), "high": float(high[i])} for i, point in enumerate(line)]
