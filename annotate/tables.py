"""Ratings as plain arrays, so that the statistics need no database.

Two tables: `Items` (one row for each explanation) and `Ratings` (one row for each person who rated one). Words used here: an *item*
is one explanation of one clip by one model; a *clip* may have several items; a *group* is a set of clips that must not be torn
apart when something is held out, because they share a speaker.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from annotate.errors import AnnotateError
from annotate.records import DIMENSIONS, POINTS

OVERALL = "overall"  # the mean of the four dimensions, where all four are there
LOWEST, HIGHEST = POINTS[0], POINTS[-1]
SCALE = np.array(POINTS)


@dataclasses.dataclass(frozen=True)
class ItemRow:
    """What the statistics need of one item. `reward_scores`: from dimension, or "overall", to a number from 1 to 5; or None."""

    id: Hashable
    clip_sha256: str
    speaker: str | None
    model_id: str
    reward_scores: Mapping[str, float] | None
    words: int


class RatingRow(Protocol):
    """What the statistics need of one rating; `annotate.records.Rating` has it. `position`: 1 for the rater's first item."""

    @property
    def item_id(self) -> Hashable:
        """Of the item rated."""

    @property
    def rater_id(self) -> Hashable:
        """Of the person."""

    @property
    def position(self) -> int:
        """1 for the rater's first item."""

    @property
    def scores(self) -> Mapping[str, int | None]:
        """Dimension -> 1 to 5, or None where it was left out."""



@dataclasses.dataclass(frozen=True)
class Items:
    """What is known of n items, rated or not.

    Attributes:
        ids: n names.
        clip: (n,) int, which clip, 0 … n_clips − 1.
        group: (n,) int, which set of clips with a common speaker, 0 … n_groups − 1.
        model: n names of the models that wrote the explanations.
        reward: (n, 5) float, the reward model's scores on the scale 1–5 in the order of `DIMENSIONS`, and overall: as it gave it,
            else the mean of the four. NaN where there is none.
        n_words: (n,) int, words of the explanation.
    """

    ids: tuple[Hashable, ...]
    clip: np.ndarray
    group: np.ndarray
    model: tuple[str, ...]
    reward: np.ndarray
    n_words: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclasses.dataclass(frozen=True)
class Ratings:
    """m ratings.

    Attributes:
        item: (m,) int, row of `Items`.
        rater: (m,) int, place in `rater_ids`.
        score: (m, 4) int in 1 … 5 in the order of `DIMENSIONS`; 0 where the rater could not judge.
        position: (m,) int, the how-manieth of its rater's items this is, from 1.
        rater_ids: names of the raters.
    """

    item: np.ndarray
    rater: np.ndarray
    score: np.ndarray
    position: np.ndarray
    rater_ids: tuple[Hashable, ...]

    def __len__(self) -> int:
        return len(self.item)


@dataclasses.dataclass(frozen=True)
class Scores:
    """The ratings of one dimension: what the agreement figures and the severity model work on.

    Attributes:
        item: (m,) int in 0 … n_items − 1.
        rater: (m,) int in 0 … n_raters − 1.
        score: (m,) int in 1 … 5.
        n_items, n_raters: sizes of the tables that `item` and `rater` point into; some may have no rating.
    """

    item: np.ndarray
    rater: np.ndarray
    score: np.ndarray
    n_items: int
    n_raters: int

    def __post_init__(self) -> None:
        if len(self.score) and (self.score.min() < LOWEST or self.score.max() > HIGHEST):
            raise ValueError(f"scores are whole numbers from {LOWEST} to {HIGHEST}, not {self.score.min()} … {self.score.max()}")

    def __len__(self) -> int:
        return len(self.score)

    @property
    def per_item(self) -> np.ndarray:
        """(n_items,) int, how many ratings each item has."""
        return np.bincount(self.item, minlength=self.n_items)

    def mean(self) -> np.ndarray:
        """(n_items,) float, the plain mean of each item's scores; NaN where there are none."""
        n = self.per_item
        total = np.bincount(self.item, self.score, minlength=self.n_items)
        return np.where(n > 0, total / np.maximum(n, 1), np.nan)

    def only(self, keep: np.ndarray) -> Scores:
        """The ratings where the boolean (m,) `keep` is set."""
        return dataclasses.replace(self, item=self.item[keep], rater=self.rater[keep], score=self.score[keep])


def scores_of(ratings: Ratings, n_items: int, dimension: str) -> Scores:
    """One dimension of the ratings, without those that left it out."""
    column = ratings.score[:, DIMENSIONS.index(dimension)] if len(ratings) else np.zeros(0, int)
    given = column > 0
    return Scores(ratings.item[given], ratings.rater[given], column[given], n_items, len(ratings.rater_ids))


def tied_groups(clips: Sequence[Hashable], speakers: Sequence[Hashable | None]) -> tuple[np.ndarray, np.ndarray]:
    """Number clips, and the groups of clips that are tied together by a speaker (or by several, step by step).

    Args:
        clips, speakers: n each, one for each item; a speaker that is not known (None or empty) ties nothing.

    Returns:
        clip (n,) int, group (n,) int.

    >>> tied_groups(["a", "a", "b", "c"], ["x", "x", "x", None])[1].tolist()
    [0, 0, 0, 1]
    """
    parent: dict[Hashable, Hashable] = {}

    def root(node: Hashable) -> Hashable:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for clip, speaker in zip(clips, speakers, strict=True):
        start = root(("clip", clip))
        if speaker not in (None, ""):
            parent[root(("speaker", speaker))] = start
    return _numbered(clips), _numbered([root(("clip", clip)) for clip in clips])


def _numbered(values: Iterable[Hashable]) -> np.ndarray:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], int)


def tables(items: Iterable[ItemRow], ratings: Iterable[RatingRow]) -> tuple[Items, Ratings]:
    """The two tables from records, such as the store gives. Every rating's item must be among `items` (KeyError).

    Raises:
        AnnotateError: a reward score is no number on the scale.
    """
    items, ratings = list(items), list(ratings)
    clip, group = tied_groups([i.clip_sha256 for i in items], [i.speaker for i in items])
    reward = np.array([[_reward(i, d) for d in (*DIMENSIONS, OVERALL)] for i in items], float).reshape(len(items), 5)
    reward[:, 4] = np.where(np.isfinite(reward[:, 4]), reward[:, 4], reward[:, :4].mean(1))
    rows = {i.id: row for row, i in enumerate(items)}
    item_table = Items(tuple(rows), clip, group, tuple(i.model_id for i in items), reward, np.array([i.words for i in items], int))
    rater = _numbered([r.rater_id for r in ratings])
    score = np.array([[r.scores.get(d) or 0 for d in DIMENSIONS] for r in ratings], int).reshape(len(ratings), len(DIMENSIONS))
    return item_table, Ratings(np.array([rows[r.item_id] for r in ratings], int), rater, score,
                               np.array([r.position for r in ratings], int), tuple(dict.fromkeys(r.rater_id for r in ratings)))


def _reward(item: ItemRow, dimension: str) -> float:
    value = (item.reward_scores or {}).get(dimension)
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not LOWEST <= value <= HIGHEST:
        raise AnnotateError(f"Item {item.id} has the reward score {str(value)[:20]!r} for {dimension}; reward scores are numbers "
                            f"from {LOWEST} to {HIGHEST}: import the item again with a score on that scale.")
    return float(value)
