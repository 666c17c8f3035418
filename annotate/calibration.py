"""The reward model against people: how close it is, the map that corrects it, and how close one person is.

For each dimension and for the mean of the four ("overall"):

1. Human score of an item: the mean of its ratings with each rater's severity taken out (`annotate.severity`, `adjusted`).
2. The map from reward to human score, fitted on four fifths of the items and tried on the fifth that holds none of the same clips
   or speakers; so every figure about the corrected reward is out of fold. The map that is kept is fitted on all.
3. The human ceiling: one rater's score as a prediction of what the *other* raters of the item say, as it is and through a map of
   its own, out of fold too. Beside it the reward against the same others, because others are fewer and so noisier than all.

Below a stated minimum nothing is fitted and nothing drawn; the report says how many rated items are missing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from annotate.calibration_map import SCHEMA
from annotate.closeness import (
    calibration_error,
    calibration_error_by_chance,
    mean_absolute_error,
    reliability,
    spearman,
    weighted_kappa,
)
from annotate.estimates import Estimate, Undefined, bootstrap
from annotate.monotone import fit_map, out_of_fold
from annotate.severity import SeverityFit, fit_severity
from annotate.tables import DIMENSIONS, HIGHEST, LOWEST, OVERALL, Items, Ratings, scores_of

MIN_ITEMS = 30  # rated by two people or more, with a reward score
MIN_SPEAKERS = 5  # one for each fold
HISTOGRAM_EDGES = np.linspace(LOWEST, HIGHEST, 17)  # quarter points
Closeness = Callable[[np.ndarray, np.ndarray], float]
FIGURES: dict[str, Closeness] = {"spearman": spearman, "qwk": weighted_kappa, "mae": mean_absolute_error, "ece": calibration_error}


@dataclasses.dataclass(frozen=True)
class HumanScores:
    """What people said, severity taken out; columns are the four dimensions and then overall. NaN where there is nothing.

    Attributes:
        item: (n_items, 5) adjusted mean of the item's ratings; only where two people or more rated it.
        own: (n_ratings, 5) each rating as it was given.
        others: (n_ratings, 5) adjusted mean of the other ratings of the same item.
        n_ratings: (n_items, 5).
    """

    item: np.ndarray
    own: np.ndarray
    others: np.ndarray
    n_ratings: np.ndarray


@dataclasses.dataclass(frozen=True)
class DimensionReport:
    """One dimension's calibration.

    Attributes:
        n: `items`, `ratings`, `clips`, `speakers`, `raters` that it rests on, and `without_reward`, `rated_once` left out.
        map: as `annotate.calibration_map.apply_map` takes it, or None.
        reason: why there is no map; empty where there is one.
        figures: row -> figure -> Estimate. Rows against all raters: `reward`, `corrected`; against the *other* raters of each
            rating: `person`, `person_corrected`, `reward_on_others`, `corrected_on_others`. Figures: `spearman` (order; not on
            corrected scores, as a map changes none), `qwk`, `mae`, `ece` (points; against all raters only). `reward_less_person`:
            what the reward's order, and the corrected reward's error, have over one person's, on the same rows.
        ece_by_chance: what ece would be if every corrected reward were right.
        lines: `reward`, `corrected`, `person`: reliability lines.
        shares: `reward`, `corrected`, `people`: (16,) share of items in each quarter point of the scale.
    """

    n: dict[str, int]
    map: dict[str, Any] | None
    reason: str
    figures: dict[str, dict[str, Estimate]]
    ece_by_chance: float | None
    lines: dict[str, list[dict[str, Any]]]
    shares: dict[str, list[float]]


def severity_fits(ratings: Ratings, n_items: int) -> dict[str, SeverityFit | Undefined]:
    """The severity model of each dimension, or why there is none."""
    fits: dict[str, SeverityFit | Undefined] = {}
    for dimension in DIMENSIONS:
        try:
            fits[dimension] = fit_severity(scores_of(ratings, n_items, dimension))
        except Undefined as undefined:
            fits[dimension] = undefined
    return fits


def human_scores(ratings: Ratings, n_items: int, fits: dict[str, SeverityFit | Undefined] | None = None) -> HumanScores:
    """What people said, with severity taken out. fits: `severity_fits(ratings, n_items)`, where the caller has them."""
    m, n_columns = len(ratings), len(DIMENSIONS) + 1
    item, own, others = (np.full((size, n_columns), np.nan) for size in (n_items, m, m))
    counts = np.zeros((n_items, n_columns), int)
    fits = fits or severity_fits(ratings, n_items)
    for d, dimension in enumerate(DIMENSIONS):
        fit = fits[dimension]
        given = ratings.score[:, d] > 0
        counts[:, d] = np.bincount(ratings.item[given], minlength=n_items)
        own[given, d] = ratings.score[given, d]
        if isinstance(fit, Undefined):
            continue
        item[:, d] = np.where(counts[:, d] >= 2, fit.adjusted, np.nan)
        others[given, d] = fit.others
    complete = (ratings.score > 0).all(1)
    counts[:, -1] = np.bincount(ratings.item[complete], minlength=n_items)
    for values in (item, own, others):
        values[:, -1] = values[:, :-1].mean(1)  # NaN where one of the four is
    item[counts[:, -1] < 2, -1] = np.nan
    return HumanScores(item, own, others, counts)


def calibrate(items: Items, ratings: Ratings, human: HumanScores | None = None, *, seed: int = 0) -> dict[str, DimensionReport]:
    """The calibration of each dimension and of "overall".

    Args:
        items, ratings: the tables.
        human: `human_scores(ratings, len(items))`, where the caller has it already.
        seed: of folds and resamples.
    """
    human = human or human_scores(ratings, len(items))
    return {dimension: _one_dimension(items, ratings, human, d, seed)
            for d, dimension in enumerate((*DIMENSIONS, OVERALL))}


def _one_dimension(items: Items, ratings: Ratings, human: HumanScores, d: int, seed: int) -> DimensionReport:
    reward, rated = items.reward[:, d], np.isfinite(human.item[:, d])
    used = np.flatnonzero(rated & np.isfinite(reward))
    of_used = np.isin(ratings.item, used) & np.isfinite(human.own[:, d])
    n = {"items": len(used), "ratings": int(of_used.sum()), "clips": len(np.unique(items.clip[used])),
         "speakers": len(np.unique(items.group[used])), "raters": len(np.unique(ratings.rater[of_used])),
         "without_reward": int((rated & ~np.isfinite(reward)).sum()), "rated_once": int((human.n_ratings[:, d] == 1).sum())}
    reason = what_is_missing(n)
    if reason:
        return DimensionReport(n, None, reason, {}, None, {}, {})

    x, y, group = reward[used], human.item[used, d], items.group[used]
    corrected = out_of_fold(x, y, group, seed=seed)
    corrected_of_item = np.full(len(items), np.nan)
    corrected_of_item[used] = corrected
    mine = np.flatnonzero(of_used & np.isfinite(human.others[:, d]))
    others, rating_group = human.others[mine, d], items.group[ratings.item[mine]]
    person = out_of_fold(human.own[mine, d], others, rating_group, seed=seed)

    def compare(predicted: np.ndarray, said: np.ndarray, cluster: np.ndarray, names: tuple[str, ...]) -> dict[str, Estimate]:
        return bootstrap({name: _on_rows(FIGURES[name], predicted, said) for name in names}, cluster, "speakers", seed=seed,
                         recentred=("ece",))

    own, reward_of_rating = human.own[mine, d], reward[ratings.item[mine]]
    corrected_of_rating = corrected_of_item[ratings.item[mine]]
    # A map changes no order, so order is compared on the scores as they came: folds with maps of their own would only blur it.
    figures = {
        "reward": compare(x, y, group, ("spearman", "qwk", "mae", "ece")),
        "corrected": compare(corrected, y, group, ("qwk", "mae", "ece")),
        "person": compare(own, others, rating_group, ("spearman", "qwk", "mae")),
        "person_corrected": compare(person, others, rating_group, ("qwk", "mae")),
        "reward_on_others": compare(reward_of_rating, others, rating_group, ("spearman", "qwk", "mae")),
        "corrected_on_others": compare(corrected_of_rating, others, rating_group, ("qwk", "mae")),
        "reward_less_person": bootstrap({
            "spearman": _difference(_on_rows(spearman, reward_of_rating, others), _on_rows(spearman, own, others)),
            "mae": _difference(_on_rows(mean_absolute_error, corrected_of_rating, others),
                               _on_rows(mean_absolute_error, person, others)),
        }, rating_group, "speakers", seed=seed),
    }
    lines = {"reward": reliability(x, y, group, seed=seed),
             "corrected": reliability(corrected, y, group, seed=seed),
             "person": reliability(own, others, rating_group, seed=seed)}
    shares = {"reward": _shares(x), "corrected": _shares(corrected), "people": _shares(y)}
    return DimensionReport(n, fit_map(x, y), "", figures, calibration_error_by_chance(corrected, y), lines, shares)


def what_is_missing(n: dict[str, int]) -> str:
    """How far the ratings are from the minimum, in one sentence; empty where they reach it."""
    lacks = []
    if n["items"] < MIN_ITEMS:
        missing = MIN_ITEMS - n["items"]
        which = "explanation that has a reward score and is" if missing == 1 else "explanations that have a reward score and are"
        lacks.append(f"{missing} more {which} rated by two people or more ({n['items']} of {MIN_ITEMS} are there)")
    if n["speakers"] < MIN_SPEAKERS:
        missing = MIN_SPEAKERS - n["speakers"]
        lacks.append(f"{missing} more speaker{'' if missing == 1 else 's'} ({n['speakers']} of {MIN_SPEAKERS} are there)")
    return f"No line is drawn yet: it needs {' and '.join(lacks)}." if lacks else ""


def _on_rows(figure: Closeness, predicted: np.ndarray, said: np.ndarray) -> Callable[[np.ndarray], float]:
    def counted(times: np.ndarray) -> float:
        rows = np.repeat(np.arange(len(times)), times)
        return figure(predicted[rows], said[rows])

    return counted


def _difference(one: Callable[[np.ndarray], float], other: Callable[[np.ndarray], float]) -> Callable[[np.ndarray], float]:
    return lambda times: one(times) - other(times)


def _shares(scores: np.ndarray) -> list[float]:
    counts, _ = np.histogram(np.clip(scores, LOWEST, HIGHEST), HISTOGRAM_EDGES)
    return (counts / len(scores)).tolist()


def as_json(report: dict[str, DimensionReport]) -> dict[str, Any]:
    """The report as plain JSON: the core of calibration.json (docs/calibration.md describes it)."""
    return {"schema": SCHEMA, "scale": [LOWEST, HIGHEST], "minimum": {"items": MIN_ITEMS, "speakers": MIN_SPEAKERS},
            "histogram_edges": HISTOGRAM_EDGES.tolist(),
            "dimensions": {dimension: dataclasses.asdict(part) for dimension, part in report.items()}}
