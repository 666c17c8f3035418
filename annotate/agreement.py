"""How far people agree on one dimension: six figures, each with its interval over clips or the reason why there is none.

All figures use the items that two people or more have rated, and none needs every rater to rate every item. No single figure is
enough: alpha and kappa fall to nothing when nearly all scores are the same although people agree (they compare with chance), raw
agreement and AC2 stay high then, and ICC depends on how much the items differ. So all are shown, beside how many ratings they
rest on.

    raw       share of pairs of ratings of one item that are equal
    kappa     Cohen's kappa with quadratic weights, pooled over pairs of raters
    alpha     Krippendorff's alpha, ordinal metric
    ac2       Gwet's AC2 with quadratic weights
    icc       ICC(1, 1): how well one rating tells the items apart
    icc_mean  ICC(1, k): how well the mean of an item's ratings does

The intervals resample clips and take the raters as they are: they answer "what if other clips had been rated by these people".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import krippendorff
import numpy as np

from annotate.estimates import Estimate, Undefined, bootstrap
from annotate.tables import HIGHEST, LOWEST, SCALE, Scores

NAMES = {"raw": "raw agreement", "kappa": "quadratic-weighted kappa", "alpha": "Krippendorff's alpha (ordinal)",
         "ac2": "Gwet's AC2 (quadratic)", "icc": "ICC(1,1), one rating", "icc_mean": "ICC(1,k), mean of an item's ratings"}
WEIGHTS = 1 - (SCALE[:, None] - SCALE) ** 2 / (HIGHEST - LOWEST) ** 2  # (5, 5) quadratic: 1 for equal scores, 0 for 1 against 5
NO_PAIRS = "No item was rated by two people or more, so there is nothing to compare."
Figure = Callable[[np.ndarray], float]


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Agreement on one dimension.

    Attributes:
        figures: an `Estimate` for each name in `NAMES`.
        n_items, n_ratings, n_clips, n_raters: of the items with two ratings or more, which are all that the figures use.
        n_single: items left out, because only one person rated them.
    """

    figures: dict[str, Estimate]
    n_items: int
    n_ratings: int
    n_clips: int
    n_raters: int
    n_single: int


def agreement(scores: Scores, clip: np.ndarray, *, seed: int = 0) -> Agreement:
    """All figures for one dimension.

    Args:
        scores: the ratings.
        clip: (n_items,) int, the clip of each item; intervals resample these.
        seed: of the resampling.
    """
    n = scores.per_item
    usable = np.flatnonzero(n >= 2)
    row = np.full(scores.n_items, -1)
    row[usable] = np.arange(len(usable))
    kept = scores.only(n[scores.item] >= 2)
    kept = dataclasses.replace(kept, item=row[kept.item], n_items=len(usable))
    counts = np.zeros((len(usable), len(SCALE)), int)
    np.add.at(counts, (kept.item, kept.score - LOWEST), 1)
    figures = {"raw": raw_agreement(counts), "kappa": weighted_kappa(kept), "alpha": ordinal_alpha(counts), "ac2": gwet_ac2(counts),
               "icc": intraclass(counts), "icc_mean": intraclass(counts, of_mean=True)}
    if len(usable):
        found = bootstrap(figures, np.asarray(clip)[usable], "clips", seed=seed)
    else:
        found = {name: Estimate(None, reason=NO_PAIRS) for name in figures}
    return Agreement(found, len(usable), len(kept), len(np.unique(np.asarray(clip)[usable])), len(np.unique(kept.rater)),
                     int((n == 1).sum()))


# Each function below takes what is fixed and gives a function of how often each item counts, as `bootstrap` wants it.
# counts: (n_items, 5) int, how many raters gave each score; every item has two ratings or more.


def raw_agreement(counts: np.ndarray) -> Figure:
    """Mean over items of the share of pairs of ratings that are equal."""
    n = counts.sum(1)
    equal = (counts * (counts - 1)).sum(1) / (n * (n - 1))
    return lambda times: float((times * equal).sum() / times.sum())


def gwet_ac2(counts: np.ndarray) -> Figure:
    """Gwet (2014), Handbook of Inter-Rater Reliability, 4th ed., ch. 3 and 5: AC1 with weights, any number of raters per item.

    It has a value even where all ratings are the same: 1.
    """
    n = counts.sum(1)
    alike = (counts * (counts @ WEIGHTS - 1)).sum(1) / (n * (n - 1))
    shares = counts / n[:, None]
    chance_scale = WEIGHTS.sum() / (len(SCALE) * (len(SCALE) - 1))

    def figure(times: np.ndarray) -> float:
        share = times @ shares / times.sum()
        chance = chance_scale * (share * (1 - share)).sum()
        return float(((times * alike).sum() / times.sum() - chance) / (1 - chance))

    return figure


def ordinal_alpha(counts: np.ndarray) -> Figure:
    """Krippendorff (2019), Content Analysis, 4th ed., ch. 12, by the package `krippendorff`."""

    def figure(times: np.ndarray) -> float:
        drawn = np.repeat(counts, times, axis=0)
        _must_vary(drawn)
        return float(krippendorff.alpha(value_counts=drawn, value_domain=SCALE, level_of_measurement="ordinal"))

    return figure


def weighted_kappa(scores: Scores) -> Figure:
    """Cohen's (1968) quadratic-weighted kappa, pooled over all pairs of raters with an item in common.

    1 − (squared differences observed) / (squared differences expected), each summed over pairs of raters and weighted by how many
    items they share; expected if each rater drew independently from all of the own scores (Conger 1980, with missing ratings as in
    Gwet 2014, ch. 2). For two raters who rate everything it is Cohen's kappa.
    """
    first, second = _pairs(scores)
    item, (g, h) = scores.item[first], (scores.rater[first], scores.rater[second])
    apart = (scores.score[first] - scores.score[second]) ** 2

    def figure(times: np.ndarray) -> float:
        weight = times[scores.item]

        def per_rater(values: np.ndarray) -> np.ndarray:
            return np.bincount(scores.rater, weight * values, minlength=scores.n_raters)

        n = np.maximum(per_rater(np.ones(len(scores))), 1)
        mean = per_rater(scores.score) / n
        variance = per_rater(scores.score**2) / n - mean**2
        expected = (times[item] * (variance[g] + variance[h] + (mean[g] - mean[h]) ** 2)).sum()
        if expected < 1e-9:
            raise Undefined(_all_the_same(scores.score[weight > 0]))
        return float(1 - (times[item] * apart).sum() / expected)

    return figure


def intraclass(counts: np.ndarray, *, of_mean: bool = False) -> Figure:
    """ICC(1,1), or ICC(1,k) for k the usual number of ratings of an item: one-way random effects (Shrout & Fleiss 1979).

    One-way, because each item has other raters; what raters differ in severity counts as disagreement. Items with unequal numbers
    of ratings: the analysis of variance with n0 of Searle, Casella & McCulloch (1992), §3.6.
    """
    n = counts.sum(1)
    total, squares = counts @ SCALE, counts @ SCALE**2

    def figure(times: np.ndarray) -> float:
        _must_vary(counts[times > 0])
        n_items, m, grand = times.sum(), (times * n).sum(), (times * total).sum()
        if n_items < 2:
            raise Undefined("ICC compares items, and only one was rated by two people or more.")
        between = ((times * total**2 / n).sum() - grand**2 / m) / (n_items - 1)
        within = (times * (squares - total**2 / n)).sum() / (m - n_items)
        k = (m - (times * n**2).sum() / m) / (n_items - 1)
        if of_mean:
            if between <= 0:
                raise Undefined("The means of the items do not differ at all, so nothing is told apart.")
            return float((between - within) / between)
        return float((between - within) / (between + (k - 1) * within))

    return figure


def _pairs(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of ratings of one item, each once: places of the first and the second in `scores`."""
    by_item = np.argsort(scores.item, kind="stable")
    firsts, seconds = [], []
    for places in np.split(by_item, np.cumsum(np.bincount(scores.item, minlength=scores.n_items))[:-1]):
        a, b = np.triu_indices(len(places), 1)
        firsts.append(places[a])
        seconds.append(places[b])
    return (np.concatenate(firsts), np.concatenate(seconds)) if firsts else (np.zeros(0, int), np.zeros(0, int))


def _must_vary(counts: np.ndarray) -> None:
    """Raise Undefined where all ratings are the same score."""
    used = counts.sum(0) > 0
    if used.sum() == 1:
        raise Undefined(_all_the_same(np.repeat(SCALE, counts.sum(0))))


def _all_the_same(given: np.ndarray) -> str:
    if len(np.unique(given)) > 1:
        return "Every rater always gives the same score, so nothing can be told apart from chance."
    return f"All {len(given)} ratings are {given[0]}: without any variation it cannot be told apart from chance."
