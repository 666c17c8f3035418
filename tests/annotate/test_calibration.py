"""The calibration corrects a reward model of known bias, says what is missing, and never holds NaN."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from annotate import calibration_words as words
from annotate import estimates
from annotate.calibration import MIN_ITEMS, DimensionReport, calibrate, human_scores
from annotate.calibration import as_json as calibration_json
from annotate.calibration_map import apply_map
from annotate.monotone import fit_isotonic
from annotate.simulate import RewardBias, Simulation, simulate
from annotate.tables import DIMENSIONS, OVERALL

FIRST = DIMENSIONS[0]


N_RESAMPLES = 60


@pytest.fixture(scope="module", autouse=True)
def _fewer_resamples() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimates, "MOST_RESAMPLES", N_RESAMPLES)
        patch.setattr(estimates, "FEWEST_RESAMPLES", N_RESAMPLES)
        yield


@pytest.fixture(scope="module")
def study() -> Simulation:
    return simulate(1)


@pytest.fixture(scope="module")
def report(study: Simulation) -> dict[str, DimensionReport]:
    return calibrate(study.items, study.ratings)


def first(study: Simulation) -> DimensionReport:
    """The first dimension alone, in a fifth of the time: the others are not judged."""
    score = study.ratings.score * (np.arange(4) == 0)
    return calibrate(study.items, dataclasses.replace(study.ratings, score=score))[FIRST]


def as_part(found: DimensionReport) -> dict[str, Any]:
    return calibration_json({FIRST: found})["dimensions"][FIRST]


def test_the_correction_comes_near_the_truth(study: Simulation, report: dict[str, DimensionReport]) -> None:
    """Not the noisy ratings are the judge, but what the average rater would say; the reward is 0.7 points too generous."""
    found = report[FIRST]
    assert found.map is not None
    reward, truth = study.items.reward[:, 0], study.true_score()
    before, after = (reward - truth).mean(), (apply_map(found.map, reward) - truth).mean()
    assert before > 0.5
    assert abs(after) < 0.15
    big = simulate(10_000, n_speakers=1000, n_raters=2, rated_share=0.0)
    best = apply_map(fit_isotonic(big.items.reward[:, 0], big.true_score()), reward)
    assert np.abs(apply_map(found.map, reward) - best).mean() < 0.3 * np.abs(reward - best).mean()


def test_figures_say_what_they_compare(report: dict[str, DimensionReport]) -> None:
    found = report[FIRST].figures
    assert set(found) == {*words.ROWS, "reward_less_person"}
    value: dict[str, Any] = {row: {name: estimate.value for name, estimate in part.items()} for row, part in found.items()}
    assert value["corrected"]["mae"] < value["reward"]["mae"]
    assert value["corrected"]["ece"] < 0.5 * value["reward"]["ece"]
    assert value["reward_less_person"]["spearman"] == pytest.approx(
        value["reward_on_others"]["spearman"] - value["person"]["spearman"])
    assert value["corrected_on_others"]["mae"] > value["corrected"]["mae"]  # the others are fewer, and so noisier
    for part in found.values():
        for estimate in part.values():
            assert None not in (estimate.value, estimate.low, estimate.high)


def test_the_human_ceiling_rises_with_what_people_agree_on() -> None:
    """Where raters hear the same, one person predicts the others better than where they press any key."""
    careful, careless = (first(simulate(2, **settings)).figures["person"]["spearman"].value  # type: ignore[arg-type]
                         for settings in ({"severity_sd": 0.0}, {"careless": 12}))
    assert careful > careless + 0.2  # type: ignore[operator]


def test_the_reward_can_be_better_than_a_person_or_worse() -> None:
    good, bad = (first(simulate(3, n_speakers=30, bias=RewardBias(noise=noise))) for noise in (0.05, 2.5))
    assert good.figures["reward_less_person"]["spearman"].low > 0  # type: ignore[operator]
    assert bad.figures["reward_less_person"]["spearman"].high < 0  # type: ignore[operator]
    assert "better than one person" in words.meaning(as_part(good))
    assert "worse than one person" in words.meaning(as_part(bad))


def test_severity_is_taken_out_before_anything_is_compared() -> None:
    severe = simulate(5, severity_sd=1.2, assignment="severe raters get harder items")
    human = human_scores(severe.ratings, len(severe.items)).item[:, 0]
    truth = severe.true_score()
    assert np.sqrt(np.mean((human - truth) ** 2)) < 0.9 * np.sqrt(np.mean((severe.scores().mean() - truth) ** 2))


def test_below_the_minimum_it_says_how_many_are_missing() -> None:
    few = simulate(0, n_speakers=4, clips_per_speaker=2)
    for part in calibrate(few.items, few.ratings).values():
        assert (part.map, part.figures, part.lines) == (None, {}, {})
        assert f"{MIN_ITEMS - 24} more explanations" in part.reason
        assert "1 more speaker (4 of 5 are there)" in part.reason
        assert words.meaning(as_part(part)) == part.reason


def test_items_without_reward_or_with_one_rating_are_counted_and_left_out() -> None:
    full = simulate(0, n_speakers=12)
    reward = full.items.reward.copy()
    reward[:5] = np.nan
    keep = ~np.isin(np.arange(len(full.ratings)), np.flatnonzero(full.ratings.item == 10)[1:])
    ratings = dataclasses.replace(full.ratings, item=full.ratings.item[keep], rater=full.ratings.rater[keep],
                                  score=full.ratings.score[keep], position=full.ratings.position[keep])
    n = first(dataclasses.replace(full, items=dataclasses.replace(full.items, reward=reward), ratings=ratings)).n
    assert (n["items"], n["without_reward"], n["rated_once"]) == (72 - 6, 5, 1)


def test_a_dimension_that_nobody_judged_leaves_the_others_alone() -> None:
    study = simulate(0, n_speakers=12)
    score = study.ratings.score.copy()
    score[:, 2:] = 0
    report = calibrate(study.items, dataclasses.replace(study.ratings, score=score))
    assert [report[dimension].map is None for dimension in (*DIMENSIONS, OVERALL)] == [False, False, True, True, True]


def test_one_speaker_is_not_enough_whatever_the_number(study: Simulation) -> None:
    alone = dataclasses.replace(study, items=dataclasses.replace(study.items, group=np.zeros(len(study.items), int)))
    assert "4 more speakers (1 of 5 are there)" in first(alone).reason


def test_the_report_is_json_without_nan(report: dict[str, DimensionReport]) -> None:
    text = json.dumps(calibration_json(report), allow_nan=False)
    assert json.loads(text)["dimensions"].keys() == {*DIMENSIONS, OVERALL}


def test_sentences_say_what_the_figures_say(report: dict[str, DimensionReport]) -> None:
    part = as_part(report[FIRST])
    said = words.meaning(part)
    assert "too generous by 0." in said
    assert f"{words.number(part['figures']['corrected']['mae']['value'])} after correction" in said
    assert "120 explanations, 360 ratings by 12 people" in words.basis(part)


def test_a_reward_that_knows_nothing_is_said_to_know_nothing(study: Simulation) -> None:
    blind = dataclasses.replace(study.items, reward=np.random.default_rng(0).uniform(1, 5, study.items.reward.shape))
    said = words.meaning(as_part(first(dataclasses.replace(study, items=blind))))
    assert "do not show that the reward model follows people at all" in said
