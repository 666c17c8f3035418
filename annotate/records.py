"""The plain records that the store gives out, and the scales that people rate on.

The four dimensions are those of the published reward model; `guide` says what each point means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DIMENSIONS = ("factual_alignment", "interpretative_quality", "caption_completeness", "fluency_and_structural_clarity")
POINTS = (1, 2, 3, 4, 5)
FLAGS = ("bad_audio", "offensive", "cannot_judge")
UNSCORED_FLAGS = ("bad_audio", "cannot_judge")  # with one of these, scores may be left out
MARKS = ("supported", "wrong", "not checkable")
ROLES = ("rater", "lead")
PURPOSES = ("work", "attention", "qualification")


@dataclass(frozen=True)
class Project:
    """A set of items with its settings (`settings.ProjectSettings` reads them)."""

    id: int
    name: str
    settings: dict[str, Any]
    created: str


@dataclass(frozen=True)
class Rater:
    """One person in one project, in one role. `simulated`: no person but a program, said wherever the name stands."""

    id: int
    project_id: int
    name: str
    role: str
    order_seed: int
    consented: str | None
    instructed: str | None
    qualified: bool | None  # None: not tried yet
    simulated: bool
    active: bool
    withdrawn: str | None  # when they withdrew: UTC; nothing of the person is here any more


@dataclass(frozen=True)
class Item:
    """One explanation of one clip. Times in seconds, `prosody` as `Prosody.to_dict()`."""

    id: int
    project_id: int
    clip_sha256: str
    speaker: str | None
    transcript: str | None
    explanation: str
    answer: str | None
    model_id: str
    gold_emotion: str | None
    reward_scores: dict[str, float] | None
    source: str
    purpose: str
    swapped_from: int | None
    expected: dict[str, Any] | None
    prosody: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Rating:
    """The latest revision of what one rater said about one item.

    The four scores are 1 to 5, or None where the rater flagged `bad_audio` or `cannot_judge` and left them out.
    answer_right: True, False, or None for "cannot say". seconds: time on the item. position: 1 for the rater's first item.
    is_attention: the explanation held a fact that we had swapped; leave such ratings out of every figure about models.
    is_qualification: given while qualifying, likewise. words: length of the explanation. created, updated: UTC, ISO 8601.
    """

    id: int
    item_id: int
    clip_sha256: str
    speaker: str | None
    rater_id: int
    rater_name: str
    simulated: bool
    model_id: str
    factual_alignment: int | None
    interpretative_quality: int | None
    caption_completeness: int | None
    fluency_and_structural_clarity: int | None
    heard_emotion: str | None
    answer: str | None
    answer_right: bool | None
    flags: tuple[str, ...]
    comment: str
    seconds: float
    position: int
    revision: int
    is_attention: bool
    is_qualification: bool
    reward_scores: dict[str, float] | None
    words: int
    gold_emotion: str | None
    created: str
    updated: str

    @property
    def scores(self) -> dict[str, int | None]:
        """Dimension -> score."""
        return {name: getattr(self, name) for name in DIMENSIONS}


@dataclass(frozen=True)
class Preference:
    """The latest revision of what one rater prefers in one pair of explanations of the same clip.

    Choices are "a", "b", "tie" or "both bad", or None where flagged; they name the items `item_a` and `item_b`, wherever these
    stood. swapped: True where `item_b` stood first, which is what a check for position bias needs.
    """

    id: int
    pair_id: int
    item_a: int
    item_b: int
    model_a: str
    model_b: str
    clip_sha256: str
    speaker: str | None
    rater_id: int
    rater_name: str
    simulated: bool
    swapped: bool
    factual_alignment: str | None
    interpretative_quality: str | None
    caption_completeness: str | None
    fluency_and_structural_clarity: str | None
    flags: tuple[str, ...]
    comment: str
    seconds: float
    position: int
    revision: int
    created: str
    updated: str
