"""Does length buy reward, and does the place on the screen or in the queue move a judgement?

Length: points that twice as many words add, for the reward and for people, each on its own scale, and the difference. Longer
explanations may be better; a reward that pays for length more than people do is one that training will learn to please with
words.

Position: of two explanations side by side, how often the one shown first is preferred (they are swapped at random, so half is
right); and how a rater's scores drift with the number of items done.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from annotate.estimates import Estimate, Undefined, bootstrap
from annotate.records import DIMENSIONS, Preference
from annotate.tables import Items, Ratings

MIN_ITEMS = 30
MIN_CHOICES = 30


@dataclasses.dataclass(frozen=True)
class LengthBias:
    """Points per doubling of the number of words: what the reward adds, what people add, and the difference. n: items."""

    reward: Estimate
    people: Estimate
    difference: Estimate
    n: int


def length_bias(n_words: np.ndarray, reward: np.ndarray, human: np.ndarray, group: np.ndarray, *, seed: int = 0) -> LengthBias:
    """Slopes over the items that have both scores.

    Args:
        n_words, reward, human: (n,); NaN where there is no score.
        group: (n,) int; intervals resample these.
    """
    used = np.isfinite(reward) & np.isfinite(human) & (n_words > 0)
    n = int(used.sum())
    if n < MIN_ITEMS:
        few = Estimate(None, reason=f"The check needs {MIN_ITEMS} items with a reward score and ratings by two people or more; "
                                    f"there are {n}.")
        return LengthBias(few, few, few, n)
    doublings, x, y = np.log2(n_words[used]), reward[used], human[used]
    same = "All explanations have the same number of words, so length can make no difference."
    found = bootstrap({"reward": _slope(doublings, x, same), "people": _slope(doublings, y, same),
                       "difference": _slope(doublings, x - y, same)}, group[used], "speakers", seed=seed)
    return LengthBias(found["reward"], found["people"], found["difference"], n)


def first_shown_preferred(preferences: Iterable[Preference], *, seed: int = 0) -> dict[str, Estimate]:
    """For each dimension, the share of decided pairs in which the explanation shown first won. 0.5: no bias."""
    preferences = list(preferences)
    return {dimension: _share_of_first([p for p in preferences if getattr(p, dimension) in ("a", "b")], dimension, seed)
            for dimension in DIMENSIONS}


def _share_of_first(decided: list[Preference], dimension: str, seed: int) -> Estimate:
    if len(decided) < MIN_CHOICES:
        return Estimate(None, reason=f"The check needs {MIN_CHOICES} pairs in which one explanation was preferred; there are "
                                     f"{len(decided)}.")
    won = np.array([(getattr(p, dimension) == "b") == p.swapped for p in decided], float)
    clips = np.unique([p.clip_sha256 for p in decided], return_inverse=True)[1]
    return bootstrap({"first": lambda times: float((times * won).sum() / times.sum())}, clips, "clips", seed=seed)["first"]


def drift(items: Items, ratings: Ratings, own: np.ndarray, *, seed: int = 0) -> Estimate:
    """Points that scores move per 100 items that a rater has done, within raters.

    It takes the items to come in an order that has nothing to do with their quality, as the queue deals them. (Holding each score
    against the other raters of the item instead would miss a drift that raters who work in step share.)

    Args:
        own: (m,) each rating; NaN where there is none.
    """
    used = np.isfinite(own)
    if used.sum() < MIN_ITEMS:
        return Estimate(None, reason=f"The check needs {MIN_ITEMS} ratings; there are {used.sum()}.")
    rater, position = ratings.rater[used], ratings.position[used] / 100
    n = np.maximum(np.bincount(rater), 1)
    # A severe rater who did more items than others must not look like a drift.
    figure = _slope(position - (np.bincount(rater, position) / n)[rater], own[used] - (np.bincount(rater, own[used]) / n)[rater],
                    "Every rater did one item only, so nothing can drift.")
    return bootstrap({"drift": figure}, items.clip[ratings.item[used]], "clips", seed=seed)["drift"]


def _slope(x: np.ndarray, y: np.ndarray, same: str) -> Callable[[np.ndarray], float]:
    """Least-squares slope of y on x as a function of how often each row counts; `same` is said where x does not vary."""
    def figure(times: np.ndarray) -> float:
        n = times.sum()
        a, b = x - (times * x).sum() / n, y - (times * y).sum() / n
        spread = (times * a * a).sum()
        if spread < 1e-12 * n:
            raise Undefined(same)
        return float((times * a * b).sum() / spread)

    return figure


def as_json(length: dict[str, LengthBias], first: dict[str, Estimate], moved: dict[str, Estimate]) -> dict[str, Any]:
    """The three checks as plain JSON, each by dimension."""
    return {"length": {d: dataclasses.asdict(found) for d, found in length.items()},
            "first_shown_preferred": {d: dataclasses.asdict(found) for d, found in first.items()},
            "drift_per_100_items": {d: dataclasses.asdict(found) for d, found in moved.items()}}
