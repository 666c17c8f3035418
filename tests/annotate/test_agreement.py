"""Agreement figures equal those of independent programs, and say why when there is nothing to say."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from annotate import estimates
from annotate.agreement import NAMES, NO_PAIRS, Agreement, agreement, weighted_kappa
from annotate.estimates import Estimate, bootstrap
from annotate.tables import Scores

# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", example C: 4 observers, 12 units; 0 is missing.
KRIPPENDORFF = np.array([[1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
                         [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0]]).T


@pytest.fixture(autouse=True)
def _fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to see what an interval does, in a fifth of the time."""
    monkeypatch.setattr(estimates, "MOST_RESAMPLES", 200)


def table(matrix: np.ndarray) -> Scores:
    """(items, raters) of 1 … 5, 0 where missing."""
    item, rater = np.nonzero(matrix)
    return Scores(item, rater, matrix[item, rater], *matrix.shape)


def of(matrix: np.ndarray) -> Agreement:
    return agreement(table(matrix), np.arange(len(matrix)))


def test_krippendorffs_example() -> None:
    found = of(KRIPPENDORFF)
    assert found.figures["alpha"].value == pytest.approx(0.815, abs=5e-4)  # as published
    assert (found.n_items, found.n_ratings, found.n_raters, found.n_single) == (11, 40, 4, 1)
    # irrCAC 0.4.4 on the 11 units with two observers or more: CAC(…, weights="quadratic", categories=[1, …, 5]).gwet()
    assert found.figures["ac2"].value == pytest.approx(0.9128, abs=5e-5)
    assert found.figures["raw"].value == pytest.approx(0.81818, abs=5e-6)  # the same with weights="identity": pa


def test_icc_as_pingouin_gives_it() -> None:
    matrix = np.array([[5, 4, 4], [2, 3, 1], [4, 4, 5], [1, 2, 2], [3, 3, 4], [5, 5, 3], [2, 1, 1], [4, 3, 4]])
    found = of(matrix)  # pingouin 0.5: intraclass_corr, ICC(1,1) and ICC(1,k)
    assert found.figures["icc"].value == pytest.approx(0.726179, abs=1e-6)
    assert found.figures["icc_mean"].value == pytest.approx(0.888344, abs=1e-6)


def test_icc_of_unequal_numbers_is_the_textbook_one() -> None:
    rows = [[5, 4], [2, 3, 1, 2], [4, 4, 5], [1, 2], [3, 5, 4]]
    matrix = np.array([row + [0] * (4 - len(row)) for row in rows])
    n = [len(row) for row in rows]
    grand = sum(map(sum, rows)) / sum(n)
    between = sum(k * (np.mean(row) - grand) ** 2 for k, row in zip(n, rows, strict=True)) / (len(rows) - 1)
    within = sum(((np.array(row) - np.mean(row)) ** 2).sum() for row in rows) / (sum(n) - len(rows))
    n0 = (sum(n) - sum(k * k for k in n) / sum(n)) / (len(rows) - 1)
    assert of(matrix).figures["icc"].value == pytest.approx((between - within) / (between + (n0 - 1) * within))


def test_kappa_of_two_raters_is_cohens() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(1, 6, 40)
    second = np.clip(first + rng.integers(-1, 2, 40), 1, 5)
    expected = cohen_kappa_score(first, second, weights="quadratic", labels=[1, 2, 3, 4, 5])
    assert of(np.column_stack([first, second])).figures["kappa"].value == pytest.approx(expected)


def test_kappa_needs_no_pair_with_everything_in_common() -> None:
    """Twelve raters, three to an item: near the value that the same raters reach on items that all of them rate."""
    rng = np.random.default_rng(1)
    quality = rng.normal(3, 1.2, 400)
    full = np.clip(np.round(quality[:, None] + rng.normal(0, 0.8, (400, 12))), 1, 5).astype(int)
    sparse = np.where(rng.permuted(np.arange(12) < np.full((400, 1), 3), axis=1), full, 0)
    whole, part = (weighted_kappa(table(matrix))(np.ones(400, int)) for matrix in (full, sparse))
    assert part == pytest.approx(whole, abs=0.05)


def test_unanimous_ratings_say_why() -> None:
    figures = of(np.full((12, 3), 4)).figures
    assert (figures["raw"].value, figures["ac2"].value) == (1.0, 1.0)
    for name in ("kappa", "alpha", "icc", "icc_mean"):
        assert figures[name].value is None
        assert figures[name].reason.startswith("All 36 ratings are 4")


def test_one_disagreement_in_ten_is_shown_with_what_it_hangs_on() -> None:
    matrix = np.full((10, 2), 4)
    matrix[0, 1] = 3
    figures = of(matrix).figures
    assert figures["alpha"].value == pytest.approx(0.0)
    assert figures["alpha"].low is None
    assert re.search("undefined in (2|3|4).%", figures["alpha"].reason)
    assert "hangs on a few clips" in figures["alpha"].reason  # 0.9^10 = 35 % of the resamples miss the one clip
    assert str(figures["raw"]).startswith("0.90 [0.")


@pytest.mark.parametrize("matrix", [np.zeros((3, 2), int), np.diag([3, 4, 5])], ids=["no ratings", "one rating each"])
def test_nothing_to_compare_says_why(matrix: np.ndarray) -> None:
    for found in of(matrix).figures.values():
        assert (found.value, found.reason) == (None, NO_PAIRS)


def test_few_clips_get_no_interval() -> None:
    found = of(KRIPPENDORFF[:6]).figures["alpha"]
    assert found.value is not None
    assert (found.low, found.reason) == (None, "An interval needs at least 10 clips; there are 6.")


def test_intervals_resample_clips_and_not_items() -> None:
    """Four items of a clip that move together: an interval over items would be half as wide as one over clips."""
    rng = np.random.default_rng(2)
    quality = np.repeat(rng.normal(3, 1, 30), 4)
    matrix = np.clip(np.round(quality[:, None] + np.repeat(rng.normal(0, 0.7, (30, 3)), 4, axis=0)), 1, 5).astype(int)
    over_clips = agreement(table(matrix), np.repeat(np.arange(30), 4)).figures["icc"]
    over_items = agreement(table(matrix), np.arange(120)).figures["icc"]
    assert over_clips.value == over_items.value
    assert width(over_clips) > 1.5 * width(over_items)


def width(found: Estimate) -> float:
    assert found.low is not None
    assert found.high is not None
    return found.high - found.low


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=1, max_size=14))
def test_whatever_the_ratings_a_figure_is_a_number_or_a_reason(rows: list[list[int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimates, "MOST_RESAMPLES", 20)
        patch.setattr(estimates, "FEWEST_RESAMPLES", 20)
        figures = of(np.array(rows)).figures
    assert set(figures) == set(NAMES)
    for found in figures.values():
        for number in (found.value, found.low, found.high):
            assert number is None or math.isfinite(number)
        assert found.reason or None not in (found.value, found.low, found.high)


def test_an_estimate_cannot_hold_nan() -> None:
    with pytest.raises(ValueError, match="finite"):
        Estimate(math.nan, reason="x")
    with pytest.raises(ValueError, match="says why"):
        Estimate(1.0)


def test_a_bootstrap_interval_of_a_mean_is_the_known_one() -> None:
    values = np.random.default_rng(3).normal(0, 2, 400)
    found = bootstrap({"mean": lambda times: float((times * values).sum() / times.sum())}, np.arange(400), "rows")["mean"]
    assert width(found) == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_recentring_moves_the_interval_and_not_the_value() -> None:
    values = np.random.default_rng(4).normal(0, 1, 100)

    def size_of_mean(times: np.ndarray) -> float:
        return abs(float((times * values).sum() / times.sum()))

    plain, moved = (bootstrap({"x": size_of_mean}, np.arange(100), "rows", recentred=names)["x"] for names in ((), ("x",)))
    assert plain.value == moved.value
    assert moved.low is not None
    assert plain.low is not None
    assert 0 <= moved.low < plain.low or moved.low == 0
    assert dataclasses.astuple(plain) != dataclasses.astuple(moved)
