"""Studies with a known truth: raters of known severity, spread and attention; clips inside speakers; a reward model of known bias.

For tests and benchmarks, and for a demonstration database, which must say that its raters are simulated. A simulation shows whether
a method finds what was put in. It cannot show that people behave like this.

How a score comes about: the item has a quality on a latent scale whose unit is one rater's noise. The rater hears
`spread · quality − severity + noise` and says how many of four thresholds that passes. A rater who is not attending (probability
1 − attention) presses any of the five keys.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from annotate.severity import expected_score
from annotate.tables import DIMENSIONS, HIGHEST, LOWEST, Items, Ratings, Scores, scores_of

THRESHOLDS = np.array([-2.2, -0.9, 0.4, 1.7])  # between 1|2, 2|3, 3|4, 4|5; more good explanations than bad ones
Assignment = Literal["random", "severe raters get harder items"]


@dataclasses.dataclass(frozen=True)
class RewardBias:
    """How the simulated reward model errs, in points of the scale 1–5, except where said.

    Attributes:
        generosity: exponent on the true score's place in the scale; below 1 it gives too much, and most in the middle. 1: no bias.
        saturates_at: share of the scale above which it can tell no difference any more and gives its best score. 1: nowhere.
        noise: standard deviation of its error from item to item.
        speaker_noise: standard deviation of an error that all clips of a speaker share.
        per_doubling: what it adds for twice as many words.
    """

    generosity: float = 0.5
    saturates_at: float = 1.0
    noise: float = 0.6
    speaker_noise: float = 0.2
    per_doubling: float = 0.0


@dataclasses.dataclass(frozen=True)
class Simulation:
    """What raters and reward model did, and what was true.

    Attributes:
        items, ratings: as from a store.
        quality: (n_items, 4) latent quality.
        severity: (n_raters, 4) latent; its mean over raters is 0 in each dimension.
        spread: (n_raters, 4); its geometric mean over raters is 1.
        attention: (n_raters,) probability of attending.
        speaker: (n_items,) which speaker.
    """

    items: Items
    ratings: Ratings
    quality: np.ndarray
    severity: np.ndarray
    spread: np.ndarray
    attention: np.ndarray
    speaker: np.ndarray

    def true_score(self, dimension: str = DIMENSIONS[0]) -> np.ndarray:
        """(n_items,) what the average attentive rater would say on average, in points of the scale."""
        return expected_score(self.quality[:, DIMENSIONS.index(dimension)], THRESHOLDS)

    def true_severity(self, dimension: str = DIMENSIONS[0]) -> np.ndarray:
        """(n_raters,) points that each rater, when attending, gives less than the mean of all raters, if all rated every item."""
        d = DIMENSIONS.index(dimension)
        given = expected_score(self.spread[:, d] * self.quality[:, d, None] - self.severity[:, d], THRESHOLDS).mean(0)
        return given.mean() - given

    def scores(self, dimension: str = DIMENSIONS[0]) -> Scores:
        """The ratings of one dimension."""
        return scores_of(self.ratings, len(self.items), dimension)


def simulate(
    seed: int,
    *,
    n_speakers: int = 20,
    clips_per_speaker: int = 2,
    system_quality: tuple[float, ...] = (-0.8, 0.0, 0.8),
    n_raters: int = 12,
    ratings_per_item: int = 3,
    rated_share: float = 1.0,
    severity_sd: float = 0.7,
    spread_sd: float = 0.2,
    careless: int = 0,
    assignment: Assignment = "random",
    bias: RewardBias | None = None,
) -> Simulation:
    """Draw a study.

    Args:
        seed: of all randomness.
        system_quality: mean latent quality of each system; every system explains every clip.
        ratings_per_item: distinct raters for each rated item.
        rated_share: share of the items, drawn at random, that people rate at all.
        severity_sd, spread_sd: standard deviations over raters of severity and of the logarithm of spread.
        careless: how many of the raters attend to only 40 % of the items; the others attend to 97 %.
        assignment: "random", or items of low quality go to severe raters with higher probability.
        bias: of the reward model.
    """
    rng = np.random.default_rng(seed)
    bias = bias or RewardBias()
    n_clips, n_systems = n_speakers * clips_per_speaker, len(system_quality)
    clip = np.repeat(np.arange(n_clips), n_systems)
    speaker = clip // clips_per_speaker
    n_items = len(clip)

    def levels(size: int, sd: float) -> np.ndarray:
        """(size, 4) normal, correlated .7 between the dimensions."""
        return sd * (np.sqrt(0.7) * rng.normal(size=(size, 1)) + np.sqrt(0.3) * rng.normal(size=(size, 4)))

    system = np.tile(np.arange(n_systems), n_clips)
    quality = (np.asarray(system_quality)[system, None] + levels(n_speakers, 0.4)[speaker] + levels(n_clips, 0.4)[clip]
               + levels(n_items, 0.9))
    severity = levels(n_raters, severity_sd)
    severity -= severity.mean(0)
    log_spread = levels(n_raters, spread_sd)
    spread = np.exp(log_spread - log_spread.mean(0))
    attention = np.full(n_raters, 0.97)
    attention[rng.permutation(n_raters)[:careless]] = 0.4

    rated = rng.permutation(n_items)[: round(rated_share * n_items)]
    item, rater = _assign(rng, rated, quality.mean(1), severity.mean(1), ratings_per_item, assignment)
    heard = spread[rater] * quality[item] - severity[rater] + rng.normal(size=(len(item), 4))
    score = LOWEST + (heard[:, :, None] > THRESHOLDS).sum(-1)
    absent = rng.random(len(item)) > attention[rater]
    score[absent] = rng.integers(LOWEST, HIGHEST + 1, (int(absent.sum()), 4))

    n_words = np.round(np.exp(rng.normal(np.log(90), 0.35, n_items))).astype(int)
    place = (expected_score(quality, THRESHOLDS) - LOWEST) / (HIGHEST - LOWEST)
    place = np.minimum(place / bias.saturates_at, 1.0) ** bias.generosity
    reward = (LOWEST + (HIGHEST - LOWEST) * place + levels(n_speakers, bias.speaker_noise)[speaker]
              + bias.noise * rng.normal(size=(n_items, 4)) + bias.per_doubling * np.log2(n_words / 90)[:, None])
    reward = np.clip(reward, LOWEST, HIGHEST)
    items = Items(tuple(f"item-{i}" for i in range(n_items)), clip, speaker, tuple(f"system-{s}" for s in system),
                  np.column_stack([reward, reward.mean(1)]), n_words)
    position = np.zeros(len(rater), int)
    for r in range(n_raters):
        position[rater == r] = np.arange(1, (rater == r).sum() + 1)
    ratings = Ratings(item, rater, score, position, tuple(f"rater-{r}" for r in range(n_raters)))
    return Simulation(items, ratings, quality, severity, spread, attention, speaker)


def _assign(rng: np.random.Generator, rated: np.ndarray, quality: np.ndarray, severity: np.ndarray, k: int, assignment: Assignment,
            ) -> tuple[np.ndarray, np.ndarray]:
    """Which rater gets which item: k distinct raters each, the load kept even."""
    load = np.zeros(len(severity))
    items, raters = [], []
    pull = 2.0 if assignment == "severe raters get harder items" else 0.0
    for item in rated:
        wish = rng.gumbel(size=len(severity)) - 0.5 * load - pull * severity * quality[item]
        chosen = np.argsort(-wish)[:k]
        load[chosen] += 1
        load -= load.min()
        items += [item] * k
        raters += chosen.tolist()
    return np.array(items, int), np.array(raters, int)
