"""A figure with its interval, or with the reason why it has none; and the resampling that intervals come from.

No figure here is ever NaN: it is a number, or it is missing and a sentence says why.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import numpy as np
from scipy.special import stdtrit

from annotate.errors import AnnotateError

MOST_RESAMPLES, FEWEST_RESAMPLES = 1000, 200
ROWS_IN_ALL = 2_000_000  # resamples × rows: large tables get fewer resamples, and need fewer
MIN_CLUSTERS = 10  # with fewer clips (or speakers) their spread says too little about others
LOST_SHARE = 0.05  # an interval is withheld where the figure is undefined in more of the resamples than this
PERCENTILES = (2.5, 97.5)


class Undefined(AnnotateError):
    """A figure that has no value for the ratings there are; the sentence says why."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A figure with a 95 % interval.

    Attributes:
        value: finite, or None.
        low, high: the interval, or None.
        reason: why the value, or else the interval, is missing; empty where both are there.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        for number in (self.value, self.low, self.high):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"an estimate holds a finite number or None, not {number}")
        if not self.reason and None in (self.value, self.low, self.high):
            raise ValueError("an estimate that misses something says why")

    def __str__(self) -> str:
        """
        >>> str(Estimate(0.5, 0.41, 0.58)), str(Estimate(None, reason="All 40 ratings are 4."))
        ('0.50 [0.41, 0.58]', 'undefined: All 40 ratings are 4.')
        """
        if self.value is None:
            return f"undefined: {self.reason}"
        value = _shown(self.value)
        return f"{value} (no interval: {self.reason})" if self.low is None or self.high is None else (
            f"{value} [{_shown(self.low)}, {_shown(self.high)}]")


def _shown(number: float) -> str:
    return f"{number:.2f}".replace("-", "−")


def n_resamples(n_rows: int) -> int:
    """How many resamples a table of so many rows gets."""
    return int(np.clip(ROWS_IN_ALL // max(n_rows, 1), FEWEST_RESAMPLES, MOST_RESAMPLES))


def resamples(cluster: np.ndarray, *, seed: int = 0) -> Iterator[np.ndarray]:
    """Draws with replacement of whole clusters (Davison & Hinkley 1997, §3.8).

    Args:
        cluster: (n_rows,) int, the cluster that each row belongs to.

    Yields:
        (n_rows,) int: how often each row is in the draw; rows of one cluster come together.
    """
    _, place = np.unique(cluster, return_inverse=True)
    n_clusters = int(place.max()) + 1 if len(place) else 0
    rng = np.random.default_rng(seed)
    for _ in range(n_resamples(len(place))):
        yield np.bincount(rng.integers(0, n_clusters, n_clusters), minlength=n_clusters)[place]


def bootstrap(figures: Mapping[str, Callable[[np.ndarray], float]], cluster: np.ndarray, unit: str, *, seed: int = 0,
              recentred: Collection[str] = ()) -> dict[str, Estimate]:
    """Each figure with its percentile interval over resampled clusters; all figures see the same resamples.

    Args:
        figures: name -> function of how often each row counts ((n_rows,) int; all ones for the data as they are) that gives a
            number or raises Undefined.
        cluster: (n_rows,) int.
        unit: what a cluster is, in the plural, for the sentences: "clips".
        recentred: names of figures that resampling inflates, because they are sums of absolute values and a resample adds chance:
            their draws are moved down by what their mean exceeds the figure, and stay at 0 or above.
    """
    values: dict[str, float] = {}
    found: dict[str, Estimate] = {}
    for name, figure in figures.items():
        try:
            values[name] = float(figure(np.ones(len(cluster), int)))
        except Undefined as undefined:
            found[name] = Estimate(None, reason=str(undefined))
    n_clusters = len(np.unique(cluster))
    if n_clusters < MIN_CLUSTERS:
        few = f"An interval needs at least {MIN_CLUSTERS} {unit}; there are {n_clusters}."
        return {name: found.get(name) or Estimate(values[name], reason=few) for name in figures}
    draws: dict[str, list[float]] = {name: [] for name in values}
    for counts in resamples(cluster, seed=seed):
        for name, drawn in draws.items():
            with contextlib.suppress(Undefined):
                drawn.append(float(figures[name](counts)))
    for name, drawn in draws.items():
        lost = 1 - len(drawn) / n_resamples(len(cluster))
        if lost > LOST_SHARE:
            found[name] = Estimate(values[name], reason=f"The figure hangs on a few {unit}: it is undefined in {lost:.0%} of the "
                                                        "resamples, so it gets no interval.")
            continue
        low, high = np.percentile(drawn, PERCENTILES)
        if name in recentred:
            excess = np.mean(drawn) - values[name]
            low, high = max(low - excess, 0.0), max(high - excess, 0.0)
        found[name] = Estimate(values[name], float(low), float(high))
    return {name: found[name] for name in figures}


def normal_estimate(value: float, standard_error: float) -> Estimate:
    """An estimate with the interval ±1.96 standard errors."""
    return Estimate(value, value - 1.96 * standard_error, value + 1.96 * standard_error)


def mean_and_interval(values: Iterable[float]) -> Estimate:
    """Mean over independent runs (seeds) with its 95 % t interval."""
    data = np.asarray(list(values), float)
    if len(data) < 2:
        return Estimate(float(data.mean()), reason="An interval needs at least two runs.")
    half = float(stdtrit(len(data) - 1, 0.975) * data.std(ddof=1) / math.sqrt(len(data)))
    return Estimate(float(data.mean()), float(data.mean()) - half, float(data.mean()) + half)
