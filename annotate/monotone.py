"""Monotone maps from reward to the human scale, and predictions that no clip or speaker has seen before.

With many items the map is isotonic: any rising shape, found without a setting. With few it would chase noise, so a curve with two
parameters stands in. `python -m benchmarks.calibration` shows where the one becomes better than the other; `ISOTONIC_MIN_ITEMS` is
taken from there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression, least_squares

from annotate.calibration_map import CENTRE, HIGHEST, LOWEST, apply_map

ISOTONIC_MIN_ITEMS = 250
MAX_FOLDS = 5


def fit_map(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The map for so many points as there are.

    Args:
        x: (n,) reward scores, 1–5.
        y: (n,) what people said, in points; may leave the scale a little.

    Returns:
        A map as `annotate.calibration_map.apply_map` takes it.
    """
    return fit_isotonic(x, y) if len(x) >= ISOTONIC_MIN_ITEMS else fit_logistic(x, y)


def fit_isotonic(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Centred isotonic regression (Oron & Flournoy 2017, Stat. Biopharm. Res. 9:258–267).

    Ordinary isotonic regression gives steps, and two rewards on one step would become equal, which a training signal must not.
    So the value of each step stands at the mean x of its points, with straight lines between.
    """
    points, place = np.unique(x, return_inverse=True)
    weight = np.bincount(place).astype(float)
    found = isotonic_regression(np.bincount(place, y) / weight, weights=weight)
    starts = found.blocks[:-1]
    centre = np.add.reduceat(points * weight, starts) / np.add.reduceat(weight, starts)
    return {"kind": "isotonic", "x": centre.tolist(), "y": np.clip(found.x[starts], LOWEST, HIGHEST).tolist()}


def fit_logistic(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """1 + 4 / (1 + exp(−(intercept + slope · (x − 3)))) by least squares, slope ≥ 0: always rising, never off the scale."""
    def misses(p: np.ndarray) -> np.ndarray:
        return apply_map({"kind": "logistic", "intercept": p[0], "slope": p[1]}, x) - y

    share = (np.clip(np.mean(y), LOWEST + 0.1, HIGHEST - 0.1) - LOWEST) / (HIGHEST - LOWEST)
    start = [np.log(share / (1 - share)) - 0.5 * (np.mean(x) - CENTRE), 0.5]
    found = least_squares(misses, start, bounds=([-20.0, 0.0], [20.0, 20.0])).x
    return {"kind": "logistic", "intercept": float(found[0]), "slope": float(found[1])}


def folds(group: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Deal groups to folds of about equal size; what shares a group is never torn apart.

    Args:
        group: (n,) int, for each row.

    Returns:
        (n,) int, the fold of each row: 0 … 4, or fewer where there are fewer groups.
    """
    groups, place, sizes = np.unique(group, return_inverse=True, return_counts=True)
    fold = np.zeros(len(groups), int)
    load = np.zeros(min(MAX_FOLDS, len(groups)))
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    for g in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:  # the largest first, each to the emptiest fold
        fold[g] = load.argmin()
        load[fold[g]] += sizes[g]
    return fold[place]


def out_of_fold(x: np.ndarray, y: np.ndarray, group: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """(n,) each x through a map that was fitted without its fold. Needs two groups or more (ValueError)."""
    fold = folds(group, seed=seed)
    if fold.max() == 0:
        raise ValueError("with one group nothing can be held out")
    predicted = np.empty(len(x))
    for f in range(fold.max() + 1):
        predicted[fold == f] = apply_map(fit_map(x[fold != f], y[fold != f]), x[fold == f])
    return predicted
