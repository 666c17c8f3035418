"""The rewards of GRPO-PTR: pure functions over the texts of one group, and the schedule that lets the reasoning reward in.

    R = 0.3 R_f + 1.0 R_o + 0.5 τ R_t

R_f   1 if the reply follows the schema, as the app's own parser reads it (`emotionthinker.response`): one complete pair of
      sections, in order, nothing around them, exactly one of the labels as the answer. Else 0.
R_o   1 if that label is the gold one, else 0.
R_t   quality of the reasoning in [0, 1]: Σ w_j g_j / 5 over the reward model's four scores g_j in 1–5.
τ     trust in R_t within the group: 1 unless the wrong replies are reasoned better than the right ones.

Published (Wang et al. 2026, sec. 3.3, by notes about it): the weights 0.3, 1.0, 0.5; τ = 1 if the mean R_t of the right replies is
no smaller than that of the wrong ones, else e to the (negative) difference; R_t from an accuracy of about one half on. Not
published, so settings here: w_j (equal), the window of the accuracy, its hysteresis, and τ with one side empty (1).

Where this is stricter: a reply that breaks the schema gets nothing at all, R_t included, and has no say in τ. Else fluent text
without an answer would be paid for, and every way around the parser would be a way to a reward.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prompt import PUBLISHED_LABELS, canonical_label
from emotionthinker.response import parse_response

DIMENSIONS = ("factual_alignment", "interpretative_quality", "caption_completeness", "fluency_and_structural_clarity")
LOWEST, HIGHEST = 1.0, 5.0  # of a score


class RewardError(EmotionThinkerError):
    """Scores, labels or a saved state that rewards cannot be made from."""


@dataclass(frozen=True)
class Weights:
    """How much each reward counts; the defaults are the published ones."""

    format: float = 0.3
    outcome: float = 1.0
    reasoning: float = 0.5


@dataclass(frozen=True)
class Scored:
    """One reply with its rewards: `format`, `outcome` 0 or 1; `reasoning` R_t as it counted; `trust` τ of its group; `total` R."""

    format: float
    outcome: float
    reasoning: float
    trust: float
    total: float


def format_reward(completion: str, labels: Sequence[str] = PUBLISHED_LABELS) -> float:
    """1.0 if a reply follows the schema with one of the labels, else 0.0.

    >>> format_reward("<think> The pace is fast. </think><answer> angry </answer>")
    1.0
    >>> format_reward("<think> It is angry. </think><answer> angry, sad </answer>"), format_reward("<answer> angry </answer>")
    (0.0, 0.0)
    """
    return float(parse_response(completion, labels).emotion is not None)


def outcome_reward(completion: str, gold: str, labels: Sequence[str] = PUBLISHED_LABELS) -> float:
    """1.0 if the reply's one label is the gold one, else 0.0. Raises RewardError where `gold` is none of the labels.

    >>> outcome_reward("<think> Fast. </think><answer> Anger. </answer>", "angry")
    1.0
    >>> outcome_reward("<think> Fast. </think><answer> angry </answer> <answer> sad </answer>", "angry")
    0.0
    """
    return float(parse_response(completion, labels).emotion == gold_label(gold, labels))


def gold_label(gold: str, labels: Sequence[str]) -> str:
    """The label that `gold` names. Raises RewardError where it names none: a typing error must not pass for a hard clip."""
    found = canonical_label(gold, labels)
    if found is None:
        raise RewardError(f"The gold label {gold!r} is none of {', '.join(labels)}; give the model's own labels, or mend the data.")
    return found


def reasoning_reward(scores: Mapping[str, float], weights: Mapping[str, float] | None = None) -> float:
    """R_t = Σ w_j g_j / 5 of the four scores in 1–5; without weights all count alike. Raises RewardError.

    >>> reasoning_reward(dict.fromkeys(DIMENSIONS, 5.0)), reasoning_reward(dict.fromkeys(DIMENSIONS, 1.0))
    (1.0, 0.2)
    >>> round(reasoning_reward({**dict.fromkeys(DIMENSIONS, 5.0), "factual_alignment": 1.0}, {"factual_alignment": 1.0}), 3)
    0.2
    """
    shares = dict.fromkeys(DIMENSIONS, 1 / len(DIMENSIONS)) if weights is None else {d: weights.get(d, 0.0) for d in DIMENSIONS}
    if weights is not None and (set(weights) - set(DIMENSIONS) or min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6):
        raise RewardError(f"The weights of the scores are {dict(weights)}, but must be 0 or more for {', '.join(DIMENSIONS)} and "
                          "add up to 1.")  # fmt: skip
    missing = [d for d in DIMENSIONS if not _within(scores.get(d), LOWEST, HIGHEST)]
    if missing:
        raise RewardError(f"The scores {dict(scores)} lack a number from 1 to 5 for {', '.join(missing)}.")
    return min(1.0, sum(shares[d] * float(scores[d]) for d in DIMENSIONS) / HIGHEST)  # not 1 + 2e-16


def _within(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def trust_weight(reasoning: Sequence[float], correct: Sequence[bool]) -> float:
    """τ of one group: 1 if the right replies are on average reasoned no worse than the wrong ones, else exp(c̄ − w̄).

    reasoning: R_t in [0, 1] of each reply; correct: whether its answer is right. With one side empty: 1.

    >>> trust_weight([0.9, 0.5], [True, False]), trust_weight([0.9, 0.5], [True, True])
    (1.0, 1.0)
    >>> round(trust_weight([0.5, 0.9], [True, False]), 4)  # e to the -0.4
    0.6703
    """
    values = _rewards_of(reasoning, len(correct))
    right = [value for value, is_right in zip(values, correct, strict=True) if is_right]
    wrong = [value for value, is_right in zip(values, correct, strict=True) if not is_right]
    if not right or not wrong:
        return 1.0
    return math.exp(min(0.0, sum(right) / len(right) - sum(wrong) / len(wrong)))


def _rewards_of(reasoning: Sequence[float], n: int) -> list[float]:
    """R_t of n replies. Raises RewardError for another number of them, or one outside [0, 1]."""
    values = [float(value) for value in reasoning]
    if len(values) != n:
        raise RewardError(f"There are {len(values)} reasoning rewards for {n} replies; give one for each.")
    if not all(0.0 <= value <= 1.0 for value in values):
        raise RewardError(f"The reasoning rewards are {values}, but each must be a number from 0 to 1.")
    return values


def score_group(
    completions: Sequence[str], gold: str, reasoning: Sequence[float], reasoning_on: bool = True, *,
    labels: Sequence[str] = PUBLISHED_LABELS, weights: Weights | None = None, trust_on: bool = True,
) -> list[Scored]:  # fmt: skip
    """The rewards of one group of K replies to the same clip, with their parts.

    gold: the group's label; reasoning: (K,) R_t in [0, 1]; reasoning_on: what the schedule says; trust_on: False for τ = 1 (the
    ablation). Raises RewardError for rewards outside [0, 1], a length that differs, or a gold label that is none of `labels`.
    """
    weights = weights or Weights()
    true = gold_label(gold, labels)
    reasoning = _rewards_of(reasoning, len(completions))
    answers = [parse_response(text, labels).emotion for text in completions]
    followed = [answer is not None for answer in answers]
    tau = trust_weight([r for r, ok in zip(reasoning, followed, strict=True) if ok],
                       [answer == true for answer in answers if answer is not None])  # fmt: skip
    if not trust_on:
        tau = 1.0
    group = []
    for answer, ok, quality in zip(answers, followed, reasoning, strict=True):
        outcome, counted = float(answer == true), quality if ok and reasoning_on else 0.0
        total = weights.format * ok + weights.outcome * outcome + weights.reasoning * tau * counted
        group.append(Scored(float(ok), outcome, counted, tau, total))
    return group


def group_rewards(
    completions: Sequence[str], gold: str, reasoning: Sequence[float], reasoning_on: bool = True, *,
    labels: Sequence[str] = PUBLISHED_LABELS, weights: Weights | None = None,
) -> list[float]:  # fmt: skip
    """R of each of one group's K replies; arguments as of `score_group`.

    >>> right, wrong = "<think> Fast. </think><answer> angry </answer>", "<think> Slow. </think><answer> sad </answer>"
    >>> [round(r, 3) for r in group_rewards([right, wrong, "angry"], "angry", [0.8, 0.4, 0.9])]
    [1.7, 0.5, 0.0]
    >>> [round(r, 3) for r in group_rewards([right, wrong, "angry"], "angry", [0.8, 0.4, 0.9], reasoning_on=False)]
    [1.3, 0.3, 0.0]
    """
    return [scored.total for scored in score_group(completions, gold, reasoning, reasoning_on, labels=labels, weights=weights)]


@dataclass
class Schedule:
    """When the reasoning reward counts: from the moment that the share of right answers reaches `threshold`.

    The share is that of the last `window` replies; before there are so many the reasoning reward stays off. Once on it goes
    off only `hysteresis` below the threshold, so that it does not flicker. A threshold of 0 means on from the start.

    >>> schedule = Schedule(window=4, threshold=0.5, hysteresis=0.25)
    >>> [schedule.update([right]) for right in (1, 1, 1, 0, 0, 0, 0)]
    [False, False, False, True, True, True, False]
    >>> resumed = Schedule(window=4, threshold=0.5, hysteresis=0.25)
    >>> resumed.load_state_dict(schedule.state_dict())
    >>> resumed.accuracy, resumed.on
    (0.0, False)
    """

    window: int = 512  # replies: 64 groups of 8
    threshold: float = 0.5
    hysteresis: float = 0.05
    on: bool = field(default=False, init=False)
    _last: deque[bool] = field(default_factory=deque, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.window < 1 or not 0 <= self.threshold <= 1 or not 0 <= self.hysteresis <= 1:
            raise RewardError(f"The schedule has the settings {self.settings()}; give a window from 1, the others from 0 to 1.")
        self._last = deque(maxlen=self.window)
        self.on = self.threshold == 0

    @property
    def accuracy(self) -> float | None:
        """Share of right answers in the window; None while there is none."""
        return sum(self._last) / len(self._last) if self._last else None

    def update(self, correct: Sequence[bool]) -> bool:
        """Take in which replies of a step were right, of all processes; whether the reasoning reward counts from now on."""
        self._last.extend(bool(right) for right in correct)
        if self.threshold > 0 and len(self._last) == self.window:
            share = sum(self._last) / self.window
            self.on = share >= (self.threshold - self.hysteresis if self.on else self.threshold)
        return self.on

    def settings(self) -> dict[str, float]:
        """What a checkpoint must have been made with."""
        return {"window": self.window, "threshold": self.threshold, "hysteresis": self.hysteresis}

    def state_dict(self) -> dict[str, Any]:
        """Everything that a checkpoint must hold, as plain JSON."""
        return {"settings": self.settings(), "on": self.on, "last": "".join("01"[right] for right in self._last)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a checkpoint was. Raises RewardError for one with other settings: its curve could not be continued."""
        last, on = state.get("last"), state.get("on")
        if state.get("settings") != self.settings():
            raise RewardError(f"The checkpoint's schedule has the settings {state.get('settings')}, this run {self.settings()}; "
                              "give the same ones, or begin anew.")  # fmt: skip
        if not isinstance(last, str) or set(last) - {"0", "1"} or not isinstance(on, bool):
            raise RewardError("The checkpoint's schedule is broken; go back to an earlier checkpoint.")
        self._last, self.on = deque((c == "1" for c in last), maxlen=self.window), on


def sample_table(completions: Sequence[str], group: Sequence[Scored]) -> list[dict[str, Any]]:
    """Rows for the log: each reply with its rewards and τ."""
    return [{"completion": text, **asdict(scored)} for text, scored in zip(completions, group, strict=True)]
