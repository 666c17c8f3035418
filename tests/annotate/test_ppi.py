"""System means: the closed form, what it is worth, and when it is not given."""

from __future__ import annotations

import numpy as np
import pytest

from annotate.ppi import MIN_RATED, system_means

RNG = np.random.default_rng(0)


def world(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Human scores with mean 3, and a reward that is 0.7 too high and has this much noise."""
    human = rng.normal(3, 1, n)
    return human, human + 0.7 + noise * rng.normal(size=n)


def one(human: np.ndarray, reward: np.ndarray, group: np.ndarray):  # type: ignore[no-untyped-def]
    return system_means(("s",) * len(human), human, reward, group)["s"]


def test_it_is_the_published_formula_when_items_are_independent() -> None:
    human, reward = world(300, 0.5, np.random.default_rng(1))
    seen = np.where(np.arange(300) < 60, human, np.nan)
    found = one(seen, reward, np.arange(300))
    y, f, g = human[:60], reward[:60], reward[60:]
    weight = np.cov(y, f)[0, 1] / ((1 + 60 / 240) * np.var(np.r_[f, g], ddof=1))
    variance = np.var(y - weight * f) / 60 + weight**2 * np.var(g) / 240
    assert found.weight == pytest.approx(weight)
    assert found.corrected.value == pytest.approx(y.mean() + weight * (g.mean() - f.mean()))
    half = (found.corrected.high - found.corrected.low) / 2
    assert half == pytest.approx(1.97 * np.sqrt(variance), rel=0.01)


def test_it_is_right_on_average_and_narrower_than_the_ratings_alone() -> None:
    errors, widths = [], []
    for seed in range(60):
        human, reward = world(300, 0.5, np.random.default_rng(seed))
        found = one(np.where(np.arange(300) < 60, human, np.nan), reward, np.arange(300))
        errors.append(found.corrected.value - 3)
        widths.append((found.corrected.high - found.corrected.low) / (found.rated.high - found.rated.low))
    assert abs(np.mean(errors)) < 0.03  # the reward's own mean is 0.7 off
    assert np.mean(widths) < 0.75


def test_a_useless_reward_changes_little() -> None:
    rng = np.random.default_rng(2)
    human = rng.normal(3, 1, 400)
    found = one(np.where(np.arange(400) < 200, human, np.nan), rng.uniform(1, 5, 400), np.arange(400))
    assert abs(found.weight) < 0.15
    assert found.corrected.value == pytest.approx(found.rated.value, abs=0.05)


def test_items_of_a_speaker_move_together() -> None:
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(30), 10)
    human = 3 + rng.normal(0, 1, 30)[group] + rng.normal(0, 0.3, 300)
    seen = np.where(rng.random(300) < 0.3, human, np.nan)
    reward = human + rng.normal(0, 0.3, 300)
    together, apart = one(seen, reward, group), one(seen, reward, np.arange(300))
    assert together.corrected.high - together.corrected.low > 1.5 * (apart.corrected.high - apart.corrected.low)


def test_systems_are_kept_apart() -> None:
    human, reward = world(200, 0.5, RNG)
    human[100:] += 1
    means = system_means(("b",) * 100 + ("a",) * 100, np.where(np.arange(200) % 2 == 0, human, np.nan), reward, np.arange(200))
    assert list(means) == ["a", "b"]
    assert means["a"].rated.value - means["b"].rated.value == pytest.approx(1, abs=0.5)


@pytest.mark.parametrize(("rated", "scored", "words"), [
    (0, 100, "No item of this system is rated"), (MIN_RATED - 1, 100, "there are 19"), (100, 100, "the mean of the ratings is all"),
    (50, 0, "there are 0"),
])
def test_what_cannot_be_given_says_why(rated: int, scored: int, words: str) -> None:
    human, reward = world(100, 0.5, RNG)
    found = one(np.where(np.arange(100) < rated, human, np.nan), np.where(np.arange(100) < scored, reward, np.nan), np.arange(100))
    assert found.corrected.value is None
    assert words in found.corrected.reason


def test_a_constant_reward_adds_nothing() -> None:
    human, _ = world(100, 0.5, RNG)
    found = one(np.where(np.arange(100) < 50, human, np.nan), np.full(100, 4.0), np.arange(100))
    assert "add nothing" in found.corrected.reason


def test_few_speakers_get_no_interval() -> None:
    human, reward = world(100, 0.5, RNG)
    found = one(np.where(np.arange(100) < 50, human, np.nan), reward, np.arange(100) % 4)
    assert found.corrected.value is not None
    assert found.corrected.reason == "An interval needs at least 10 speakers; there are 4."
