"""The checks find a bias that was put in, and none that was not."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from annotate import calibration_words as words
from annotate import estimates
from annotate.biases import drift, first_shown_preferred, length_bias
from annotate.simulate import RewardBias, simulate
from annotate.tables import DIMENSIONS


@pytest.fixture(autouse=True)
def _fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "MOST_RESAMPLES", 200)


def lengths(per_doubling: float) -> Any:
    study = simulate(1, n_speakers=40, bias=RewardBias(generosity=1.0, per_doubling=per_doubling))
    return length_bias(study.items.n_words, study.items.reward[:, 0], study.true_score(), study.items.group)


def test_a_reward_that_pays_for_length_is_found() -> None:
    found = lengths(0.5)
    assert found.difference.value == pytest.approx(0.5, abs=0.15)
    assert found.difference.low > 0
    assert "pays for length" in words.length_meaning(dataclasses.asdict(found))


def test_a_reward_that_does_not_is_not_accused() -> None:
    found = lengths(0.0)
    assert found.difference.low < 0 < found.difference.high
    assert "no difference that these ratings could show" in words.length_meaning(dataclasses.asdict(found))


def test_without_lengths_that_differ_it_says_so() -> None:
    found = length_bias(np.full(50, 80), np.linspace(1, 5, 50), np.linspace(1, 5, 50), np.arange(50))
    assert "same number of words" in found.difference.reason
    assert "there are 3" in length_bias(np.arange(1, 4), np.ones(3), np.ones(3), np.arange(3)).reward.reason


def choices(share_first: float, n: int = 200) -> list[Any]:
    """Pairs of which the first shown wins that share; half of them swapped, and some ties."""
    rng = np.random.default_rng(0)
    made = []
    for pair in range(n):
        swapped, first = bool(rng.integers(2)), rng.random() < share_first
        won = "tie" if pair % 10 == 0 else ("b" if swapped else "a") if first else ("a" if swapped else "b")
        made.append(SimpleNamespace(swapped=swapped, clip_sha256=f"{pair % 50}", **dict.fromkeys(DIMENSIONS, won)))
    return made


def test_the_first_place_is_found_to_win_only_where_it_does() -> None:
    biased, fair = (first_shown_preferred(choices(share))[DIMENSIONS[0]] for share in (0.7, 0.5))
    assert biased.low > 0.5
    assert biased.value == pytest.approx(0.7, abs=0.08)
    assert fair.low < 0.5 < fair.high
    assert "first place is favoured" in words.first_meaning(dataclasses.asdict(biased))
    assert "no bias" in words.first_meaning(dataclasses.asdict(fair))


def test_few_choices_say_how_many() -> None:
    assert "there are 18" in first_shown_preferred(choices(0.5, 20))[DIMENSIONS[0]].reason


def test_raters_who_become_stricter_are_seen_to() -> None:
    study = simulate(1, n_speakers=60, n_raters=6)  # 180 items each, in step with each other
    score = study.ratings.score[:, 0].astype(float)
    tired = np.where(study.ratings.position > 90, np.maximum(score - 1, 1), score)
    before, after = (drift(study.items, study.ratings, own) for own in (score, tired))
    assert before.low < 0 < before.high
    assert after.high < 0
    assert "stricter as they go" in words.drift_meaning(dataclasses.asdict(after))


def test_a_severe_rater_who_did_more_is_no_drift() -> None:
    study = simulate(1, n_speakers=60, n_raters=6)
    late = dataclasses.replace(study.ratings, position=np.where(study.ratings.rater == 0, study.ratings.position + 500,
                                                                study.ratings.position))
    own = study.ratings.score[:, 0] - 1.5 * (study.ratings.rater == 0)
    found = drift(study.items, late, own)
    assert found.low < 0 < found.high
