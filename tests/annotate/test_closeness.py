"""Closeness figures against independent programs and hand-made cases."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from annotate.closeness import (
    calibration_error,
    calibration_error_by_chance,
    equal_bins,
    mean_absolute_error,
    reliability,
    spearman,
    weighted_kappa,
    whole_points,
)
from annotate.estimates import Undefined

RNG = np.random.default_rng(0)
SAID = RNG.uniform(1, 5, 200)
PREDICTED = np.clip(SAID + RNG.normal(0, 0.8, 200), 1, 5)


def test_spearman_is_scipys_ties_and_all() -> None:
    assert spearman(PREDICTED, SAID) == pytest.approx(spearmanr(PREDICTED, SAID)[0])
    assert spearman(np.round(PREDICTED), np.round(SAID)) == pytest.approx(spearmanr(np.round(PREDICTED), np.round(SAID))[0])


def test_kappa_is_cohens_on_whole_points() -> None:
    points = whole_points(PREDICTED).astype(int), whole_points(SAID).astype(int)
    assert weighted_kappa(PREDICTED, SAID) == pytest.approx(cohen_kappa_score(*points, weights="quadratic", labels=[1, 2, 3, 4, 5]))


def test_halves_are_rounded_up_and_nothing_leaves_the_scale() -> None:
    assert whole_points(np.array([0.2, 1.5, 2.5, 4.49, 5.7])).tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("figure", [spearman, weighted_kappa])
def test_without_variation_it_says_why(figure: object) -> None:
    with pytest.raises(Undefined, match="All 40"):
        figure(np.full(40, 3.0), np.full(40, 3.1))  # type: ignore[operator]


def test_errors_are_what_they_are_called() -> None:
    said = np.tile([1.0, 2.0, 3.0, 4.0], 20)
    assert mean_absolute_error(said + 0.5, said) == pytest.approx(0.5)
    assert calibration_error(said + 0.5, said) == pytest.approx(0.5)
    assert calibration_error(said, said) == 0
    noisy = said + np.where(np.arange(80) < 40, 1.0, -1.0)  # off by a point each, right on average
    assert mean_absolute_error(said, noisy) == pytest.approx(1.0)
    assert calibration_error(said, noisy) == pytest.approx(0.0)


def test_chance_alone_gives_the_calibration_error_that_is_announced() -> None:
    found, announced = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        predicted = rng.uniform(1, 5, 200)
        said = predicted + rng.normal(0, 1, 200)
        found.append(calibration_error(predicted, said))
        announced.append(calibration_error_by_chance(predicted, said))
    assert np.mean(found) == pytest.approx(np.mean(announced), rel=0.1)


def test_bins_hold_ties_together_and_every_row_once() -> None:
    for values in (PREDICTED, np.round(PREDICTED), np.full(50, 3.0), PREDICTED[:30], PREDICTED[:4]):
        bins = equal_bins(values)
        assert sorted(np.concatenate(bins).tolist()) == list(range(len(values)))
        edges = [(values[rows].min(), values[rows].max()) for rows in bins]
        assert all(before[1] < after[0] for before, after in pairwise(edges))
        assert len(values) < 10 or min(map(len, bins)) >= 10
    assert len(equal_bins(PREDICTED[:30])) == 3
    assert len(equal_bins(PREDICTED)) == 10


def test_a_reliability_line_has_intervals_only_with_enough_clusters() -> None:
    line = reliability(PREDICTED, SAID, np.arange(200) // 5)
    assert all(point["low"] < point["said"] < point["high"] for point in line)
    assert [point["predicted"] for point in line] == sorted(point["predicted"] for point in line)
    assert all(point["low"] is None for point in reliability(PREDICTED, SAID, np.arange(200) // 40))
