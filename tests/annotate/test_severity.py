"""The severity model finds what simulated raters were given, better than means do: `benchmarks/agreement.py`, in small."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate import severity
from annotate.estimates import Undefined
from annotate.severity import fit_severity
from annotate.simulate import simulate
from annotate.tables import Scores
from benchmarks.agreement import recover

SEEDS = range(3)


def mean_errors(**study: object) -> tuple[dict[str, float], dict[str, float]]:
    """Mean over the seeds of each method's error: of the consensus, of severity."""
    runs = [recover(simulate(seed, **study)) for seed in SEEDS]  # type: ignore[arg-type]
    return ({name: float(np.mean([run[0][name][0] for run in runs])) for name in runs[0][0]},
            {name: float(np.mean([run[1][name] for run in runs])) for name in runs[0][1]})


def test_consensus_and_severity_beat_the_plain_mean() -> None:
    consensus, found = mean_errors()
    assert consensus["model"] < 0.9 * consensus["plain mean"]
    assert consensus["model"] < consensus["mean drawn to the grand mean"]
    assert consensus["model, not drawn in"] < consensus["plain mean"]
    assert found["model"] < 1.05 * min(found["gap to all ratings"], found["gap to others, same items"])


def test_severe_raters_with_harder_items_are_not_blamed_for_them() -> None:
    consensus, found = mean_errors(assignment="severe raters get harder items")
    assert consensus["model"] < 0.85 * consensus["plain mean"]
    assert consensus["model"] < 0.9 * consensus["model without g"]
    assert consensus["model"] < 0.75 * consensus["mean after centring raters"]
    assert found["model"] < 0.6 * found["gap to all ratings"]


def test_with_few_ratings_each_it_does_no_harm() -> None:
    for seed in range(2):
        study = simulate(seed, n_raters=60)
        scores, truth = study.scores(), study.true_score()
        model, plain = (np.sqrt(np.mean((found - truth) ** 2)) for found in (fit_severity(scores).consensus, scores.mean()))
        assert model < plain


def test_the_gradient_is_the_slope_of_the_loss() -> None:
    design = severity._design(simulate(0, n_speakers=3, n_raters=4).scores())
    theta = severity._start(4) + 0.2 * np.random.default_rng(0).normal(size=len(severity._start(4)))
    steps = 1e-5 * np.eye(len(theta))
    slopes = [(severity._loss(theta + s, design)[0] - severity._loss(theta - s, design)[0]) / 2e-5 for s in steps]
    assert severity._loss(theta, design)[1] == pytest.approx(np.array(slopes), abs=1e-5)


def test_a_careless_rater_is_seen_and_has_little_say() -> None:
    study = simulate(3, n_speakers=30, careless=1)
    scores, careless = study.scores(), int(study.attention.argmin())
    fit = fit_severity(scores)
    assert fit.attention[careless] == fit.attention.min()
    assert fit.attention[careless] < 0.7 < np.delete(fit.attention, careless).min()
    theirs = np.flatnonzero(scores.rater == careless)
    moved = dataclasses.replace(scores, score=np.where(np.isin(np.arange(len(scores)), theirs), 6 - scores.score, scores.score))
    assert np.abs(fit_severity(moved).consensus - fit.consensus).max() < 1.0  # turned right round, a mean of three may move by 1.33


def test_names_and_order_do_not_matter() -> None:
    scores = simulate(1, n_speakers=6, n_raters=5).scores()
    rng = np.random.default_rng(0)
    turned, shuffled = rng.permutation(5), rng.permutation(len(scores))
    other = dataclasses.replace(scores, item=scores.item[shuffled], rater=turned[scores.rater][shuffled],
                                score=scores.score[shuffled])
    one, two = fit_severity(scores), fit_severity(other)
    assert two.severity[turned] == pytest.approx(one.severity, abs=2e-3)
    assert two.consensus == pytest.approx(one.consensus, abs=2e-3)
    assert two.others == pytest.approx(one.others[shuffled], abs=2e-3)


def test_others_are_judged_without_the_rating_itself() -> None:
    """Turning one rating from 1 to 5 moves its item's mean by two points and what the others say hardly."""
    scores = simulate(2, n_speakers=12, ratings_per_item=2).scores()
    low, high = (dataclasses.replace(scores, score=np.r_[value, scores.score[1:]]) for value in (1, 5))
    one, two = fit_severity(low), fit_severity(high)
    assert two.adjusted[scores.item[0]] - one.adjusted[scores.item[0]] > 1.5
    assert abs(two.others[0] - one.others[0]) < 0.25


def test_what_is_missing_stays_missing() -> None:
    scores = Scores(np.array([0, 0, 1, 3, 3]), np.array([0, 1, 0, 1, 0]), np.array([4, 5, 3, 1, 2]), 4, 3)
    fit = fit_severity(scores)
    assert np.isnan(fit.consensus).tolist() == [False, False, True, False]
    assert np.isnan(fit.adjusted).tolist() == [False, False, True, False]
    assert np.isnan(fit.others).tolist() == [False, False, True, False, False]
    assert fit.n_ratings.tolist() == [3, 2, 0]
    assert np.isfinite(fit.severity).all()


def test_raters_who_share_nothing_are_counted_apart() -> None:
    item = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    together = Scores(item, np.array([0, 1, 1, 2, 2, 3, 3, 0]), np.full(8, 3), 4, 4)
    apart = dataclasses.replace(together, rater=np.array([0, 1, 0, 1, 2, 3, 2, 3]))
    assert (fit_severity(together).n_parts, fit_severity(apart).n_parts) == (1, 2)


def test_without_a_shared_item_it_says_so() -> None:
    with pytest.raises(Undefined, match="none was rated by two people"):
        fit_severity(Scores(np.array([0, 1]), np.array([0, 1]), np.array([3, 3]), 2, 2))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=2, max_size=8))
def test_whatever_the_ratings_the_fit_is_finite(rows: list[list[int]]) -> None:
    """Ties, one category only, raters who rated one thing: priors hold it all."""
    matrix = np.array(rows)
    item, rater = np.nonzero(matrix)
    scores = Scores(item, rater, matrix[item, rater], *matrix.shape)
    if not (scores.per_item >= 2).any():
        return
    fit = fit_severity(scores)
    rated = scores.per_item > 0
    assert np.isfinite(fit.severity).all()
    assert np.isfinite(fit.severity_se).all()
    assert np.isfinite(fit.spread).all()
    assert ((fit.consensus[rated] >= 1) & (fit.consensus[rated] <= 5)).all()
    assert np.isfinite(fit.adjusted[rated]).all()
