"""Mean human score of each system, from few ratings and many reward scores: prediction-powered inference.

People rated some of a system's items; the reward model scored all. The mean of the reward is precise but off; the mean of the
ratings is right but imprecise. With y the human score, f the reward, "rated" and "rest" the items with and without ratings:

    mean = mean(y, rated) + λ · (mean(f, rest) − mean(f, rated))

is right on average whatever f is worth, provided the rated items are a random draw of the system's items. λ is chosen for the
smallest variance, λ = cov(y, f) / ((1 + n/N) var(f)); with a useless reward it is about 0 and the plain mean remains.
Angelopoulos et al. 2023, "Prediction-powered inference" (Science 382:669–674), and Angelopoulos, Duchi & Zrnic 2023, "PPI++"
(arXiv 2311.01453), §5, in closed form. Theirs takes items to be independent; here items of a speaker move together, so the
variance sums over speakers first (cluster-robust, t with speakers − 1 degrees of freedom). The package `ppi-python` would bring
statsmodels and a downloader for one line.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy.special import stdtrit

from annotate.estimates import MIN_CLUSTERS, Estimate

MIN_RATED = 20  # items of a system with human scores: λ is estimated from them


@dataclasses.dataclass(frozen=True)
class SystemMean:
    """One system on one dimension, points of the scale 1–5.

    Attributes:
        corrected: the prediction-powered mean.
        rated: plain mean of the human scores of the rated items.
        reward: plain mean of the reward over all items; no interval, because it is not a measure of what people say.
        weight: λ; None where there is no corrected mean.
        n_rated, n_rest: items with and without human scores.
        n_speakers: among all of them.
    """

    corrected: Estimate
    rated: Estimate
    reward: float | None
    weight: float | None
    n_rated: int
    n_rest: int
    n_speakers: int


def system_means(model: tuple[str, ...], human: np.ndarray, reward: np.ndarray, group: np.ndarray) -> dict[str, SystemMean]:
    """The mean of each system, sorted by name.

    Args:
        model: n names, one for each item.
        human: (n,) human scores, NaN where not rated.
        reward: (n,) reward scores, NaN where there is none.
        group: (n,) int, what moves together (the speaker).
    """
    names = np.array(model, object)
    return {name: _one_system(human[names == name], reward[names == name], group[names == name]) for name in sorted(set(model))}


def _one_system(human: np.ndarray, reward: np.ndarray, group: np.ndarray) -> SystemMean:
    rated, scored = np.isfinite(human), np.isfinite(reward)
    both, rest = rated & scored, ~rated & scored
    n_speakers = len(np.unique(group))
    mean_reward = float(reward[scored].mean()) if scored.any() else None
    counts = (int(rated.sum()), int(rest.sum()), n_speakers)
    if not rated.any():
        nothing = Estimate(None, reason="No item of this system is rated by two people or more.")
        return SystemMean(nothing, nothing, mean_reward, None, *counts)
    plain = _with_interval(float(human[rated].mean()), (human[rated] - human[rated].mean()) / rated.sum(), group[rated])

    def without(reason: str) -> SystemMean:
        return SystemMean(Estimate(None, reason=reason), plain, mean_reward, None, *counts)

    if both.sum() < MIN_RATED:
        return without(f"A corrected mean needs {MIN_RATED} items with ratings and a reward score; there are {both.sum()}.")
    if not rest.any():
        return without("Every item with a reward score is rated, so the mean of the ratings is all there is to know.")
    y, f, g = human[both], reward[both], reward[rest]
    n, big_n = len(y), len(g)
    spread = np.var(np.r_[f, g], ddof=1)
    if spread < 1e-12:
        return without("All reward scores of this system are the same, so they add nothing.")
    weight = float(np.cov(y, f)[0, 1] / ((1 + n / big_n) * spread))
    value = float(y.mean() + weight * (g.mean() - f.mean()))
    own_rest = y - weight * f
    influence = np.r_[(own_rest - own_rest.mean()) / n, weight * (g - g.mean()) / big_n]
    return SystemMean(_with_interval(value, influence, np.r_[group[both], group[rest]]), plain, mean_reward, weight, *counts)


def _with_interval(value: float, influence: np.ndarray, group: np.ndarray) -> Estimate:
    """A 95 % interval from what each item adds to the error, summed over what moves together."""
    _, place = np.unique(group, return_inverse=True)
    n_groups = int(place.max()) + 1
    if n_groups < MIN_CLUSTERS:
        return Estimate(value, reason=f"An interval needs at least {MIN_CLUSTERS} speakers; there are {n_groups}.")
    error = math.sqrt((np.bincount(place, influence) ** 2).sum() * n_groups / (n_groups - 1))
    half = float(stdtrit(n_groups - 1, 0.975)) * error
    return Estimate(value, value - half, value + half)
