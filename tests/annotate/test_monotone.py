"""Maps rise, find what was put in, and never see what they are tried on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from annotate.calibration_map import apply_map
from annotate.monotone import ISOTONIC_MIN_ITEMS, fit_isotonic, fit_logistic, fit_map, folds, out_of_fold

scores = st.floats(1, 5, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(scores, st.floats(0.5, 5.5)), min_size=2, max_size=40))
def test_whatever_the_points_a_map_rises_and_stays_on_the_scale(points: list[tuple[float, float]]) -> None:
    x, y = np.array(points).T
    grid = np.linspace(0, 6, 200)
    for found in (fit_isotonic(x, y), fit_logistic(x, y)):
        mapped = apply_map(found, grid)
        assert (np.diff(mapped) >= -1e-12).all()
        assert (mapped >= 1).all()
        assert (mapped <= 5).all()


def test_isotonic_goes_through_the_middles_of_the_steps() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 5, 300)
    y = np.clip(x + rng.normal(0, 1, 300), 1, 5)
    found = fit_isotonic(x, y)
    steps = IsotonicRegression().fit(x, y)
    assert found["y"] == pytest.approx(np.unique(steps.predict(x)), abs=1e-9)
    assert apply_map(found, found["x"]) == pytest.approx(steps.predict(found["x"]), abs=1e-9)
    assert (np.diff(apply_map(found, np.linspace(found["x"][0], found["x"][-1], 500))) > 0).all()  # no two rewards become one


def test_the_two_parameters_are_found() -> None:
    x = np.random.default_rng(0).uniform(1, 5, 500)
    y = apply_map({"kind": "logistic", "intercept": -0.7, "slope": 1.3}, x)
    found = fit_logistic(x, y)
    assert (found["intercept"], found["slope"]) == pytest.approx((-0.7, 1.3), abs=1e-4)


def test_a_reward_that_runs_against_people_gets_a_flat_map() -> None:
    x = np.linspace(1, 5, 50)
    found = fit_logistic(x, 6 - x)
    assert found["slope"] == pytest.approx(0, abs=1e-6)
    assert apply_map(found, [1.0, 5.0]) == pytest.approx([3.0, 3.0], abs=0.01)


def test_the_number_of_items_chooses_the_map() -> None:
    x = np.linspace(1, 5, ISOTONIC_MIN_ITEMS)
    assert fit_map(x, x)["kind"] == "isotonic"
    assert fit_map(x[1:], x[1:])["kind"] == "logistic"


def test_folds_tear_no_group_and_are_even() -> None:
    group = np.random.default_rng(0).integers(0, 23, 200)
    fold = folds(group, seed=3)
    assert all(len(set(fold[group == g])) == 1 for g in range(23))
    assert sorted(np.unique(fold)) == [0, 1, 2, 3, 4]
    assert np.bincount(fold).max() - np.bincount(fold).min() <= np.bincount(group).max()


def test_a_prediction_does_not_depend_on_its_own_group() -> None:
    rng = np.random.default_rng(0)
    group, x = np.repeat(np.arange(10), 8), rng.uniform(1, 5, 80)
    y = np.clip(x + rng.normal(0, 1, 80), 1, 5)
    before = out_of_fold(x, y, group)
    fold = folds(group)
    after = out_of_fold(x, np.where(fold == 2, 6 - y, y), group)
    assert after[fold == 2] == pytest.approx(before[fold == 2])
    assert np.abs(after[fold != 2] - before[fold != 2]).max() > 0.05


def test_one_group_cannot_be_held_out() -> None:
    with pytest.raises(ValueError, match="nothing can be held out"):
        out_of_fold(np.arange(5.0), np.arange(5.0), np.zeros(5, int))
