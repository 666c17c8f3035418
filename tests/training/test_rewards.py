"""Rewards: the published formula, the schedule and its state, calibration, and nothing for any way around the parser."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.prompt import PUBLISHED_LABELS
from training.reward_calibration import SCHEMA, calibrated, read_calibration
from training.rewards import (
    DIMENSIONS,
    RewardError,
    Schedule,
    Weights,
    format_reward,
    group_rewards,
    outcome_reward,
    reasoning_reward,
    sample_table,
    score_group,
    trust_weight,
)

RIGHT = "<think> The pace is fast. </think><answer> angry </answer>"
WRONG = "<think> The pace is slow. </think><answer> sad </answer>"
HACKS = {
    "all labels": f"<think> Hm. </think><answer> {', '.join(PUBLISHED_LABELS)} </answer>",
    "two labels": "<think> Hm. </think><answer> angry or sad </answer>",
    "empty answer": "<think> Hm. </think><answer> </answer>",
    "empty reasoning": "<think> </think><answer> angry </answer>",
    "no reasoning": "<answer> angry </answer>",
    "label inside the reasoning": "<think> <answer> angry </answer> </think>",
    "label inside the reasoning, and outside": "<think> <answer> angry </answer> </think><answer> angry </answer>",
    "two answers": "<think> Hm. </think><answer> angry </answer><answer> sad </answer>",
    "the same answer twice": "<think> Hm. </think><answer> angry </answer><answer> angry </answer>",
    "nested tags": "<think> <think> Hm. </think> </think><answer> angry </answer>",
    "text around": "angry <think> Hm. </think><answer> angry </answer>",
    "text behind": "<think> Hm. </think><answer> angry </answer> angry",
    "answer first": "<answer> angry </answer><think> Hm. </think>",
    "not closed": "<think> Hm. </think><answer> angry",
    "a sentence": "<think> Hm. </think><answer> It is angry </answer>",
    "no label": "<think> Hm. </think><answer> furious </answer>",
    "plain": "angry",
    "nothing": "",
}


@pytest.mark.parametrize("hack", list(HACKS))
def test_check_04_no_way_around_the_parser_is_paid(hack: str) -> None:
    text = HACKS[hack]
    assert format_reward(text) == 0.0 and outcome_reward(text, "angry") == 0.0
    for on in (True, False):
        assert group_rewards([text, RIGHT, WRONG], "angry", [1.0, 0.5, 0.5], on)[0] == 0.0
    # … and says nothing about how far the reasoning of the others is to be trusted.
    assert group_rewards([text, RIGHT, WRONG], "angry", [1.0, 0.5, 0.6])[1:] == group_rewards([RIGHT, WRONG], "angry", [0.5, 0.6])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*"<x \n", "<think>", "</think>", "<answer>", "</answer>", "angry", " sad "]), max_size=14))
def test_check_04_whatever_is_written_only_a_whole_reply_is_paid(parts: list[str]) -> None:
    text = "".join(parts)
    [reward] = group_rewards([text], "angry", [1.0])
    whole = text.count("<think>") == text.count("</think>") == text.count("<answer>") == text.count("</answer>") == 1
    assert reward in (0.0, 0.8, 1.8) and (reward == 0.0 or whole)


def test_the_published_formula() -> None:
    reasoning = [0.9, 0.5, 0.8]
    found = score_group([RIGHT, RIGHT, WRONG], "angry", reasoning)
    tau = math.exp((0.9 + 0.5) / 2 - 0.8)
    assert [s.trust for s in found] == [pytest.approx(tau)] * 3
    expected = [0.3 + 1.0 + 0.5 * tau * 0.9, 0.3 + 1.0 + 0.5 * tau * 0.5, 0.3 + 0.5 * tau * 0.8]
    assert [s.total for s in found] == pytest.approx(expected)
    assert group_rewards([RIGHT, RIGHT, WRONG], "angry", reasoning) == [s.total for s in found]
    assert group_rewards([RIGHT, RIGHT, WRONG], "angry", reasoning, reasoning_on=False) == pytest.approx([1.3, 1.3, 0.3])
    plain = score_group([RIGHT, WRONG], "angry", [0.1, 0.9], trust_on=False, weights=Weights(0.0, 1.0, 1.0))
    assert [s.total for s in plain] == pytest.approx([1.1, 0.9])
    assert sample_table([RIGHT], found[:1])[0]["completion"] == RIGHT and sample_table([RIGHT], found[:1])[0]["outcome"] == 1.0


def test_other_names_and_other_labels_of_a_model() -> None:
    nano = ("neutral", "happy", "sad", "angry", "disgust", "fear")
    text = "<think> Hm. </think><answer> Disgust. </answer>"
    assert outcome_reward(text, "disgust", nano) == 1.0
    assert outcome_reward(text, "disgust") == 1.0  # contempt or disgust
    with pytest.raises(RewardError, match="gold label 'whisper'"):
        group_rewards([text], "whisper", [0.5], labels=nano)


def test_trust() -> None:
    assert trust_weight([], []) == 1.0 and trust_weight([0.2, 0.9], [False, False]) == 1.0
    assert trust_weight([0.7, 0.7], [True, False]) == 1.0
    assert trust_weight(np.float32([0.2, 1.0]), np.array([True, False])) == pytest.approx(math.exp(-0.8))
    assert trust_weight([0.0, 1.0], [True, False]) == pytest.approx(math.exp(-1))  # never below
    for bad in ([1.2, 0.5], [float("nan"), 0.5], [-0.1, 0.5], [0.5]):
        with pytest.raises(RewardError):
            trust_weight(bad, [True, False])
        with pytest.raises(RewardError):
            group_rewards([RIGHT, WRONG], "angry", bad)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=12))
def test_trust_is_between_e_to_the_minus_one_and_one(group: list[tuple[float, bool]]) -> None:
    tau = trust_weight([r for r, _ in group], [c for _, c in group])
    assert math.exp(-1) - 1e-12 <= tau <= 1.0


def test_reasoning_reward_takes_four_sound_scores() -> None:
    scores = dict(zip(DIMENSIONS, (3.54, 4.01, 3.96, 4.42), strict=True))
    assert reasoning_reward(scores) * 5 == pytest.approx(3.98, abs=0.005)  # the published mean, with equal weights
    assert reasoning_reward(dict.fromkeys(DIMENSIONS, 5), dict(zip(DIMENSIONS, (0.3, 0.3, 0.2, 0.2), strict=True))) == 1.0
    for bad in ({**scores, DIMENSIONS[0]: 5.5}, {**scores, DIMENSIONS[0]: None}, dict.fromkeys(DIMENSIONS[:3], 4),
                {**scores, DIMENSIONS[0]: float("nan")}):  # fmt: skip
        with pytest.raises(RewardError, match=DIMENSIONS[0] if len(bad) == 4 else DIMENSIONS[3]):
            reasoning_reward(bad)
    for weights in ({DIMENSIONS[0]: 0.5}, {"wit": 1.0}, {DIMENSIONS[0]: 2.0, DIMENSIONS[1]: -1.0}):
        with pytest.raises(RewardError, match="add up to 1"):
            reasoning_reward(scores, weights)


def test_schedule_waits_for_a_full_window_and_does_not_flicker() -> None:
    schedule = Schedule(window=10, threshold=0.5, hysteresis=0.1)
    assert schedule.accuracy is None and not schedule.on
    assert not schedule.update([True] * 9)  # all right, but too few to tell
    assert schedule.update([True])
    assert schedule.update([False] * 5) and schedule.accuracy == 0.5
    assert schedule.update([False]) and schedule.accuracy == 0.4  # not yet below threshold - hysteresis
    assert not schedule.update([False]) and schedule.accuracy == pytest.approx(0.3)
    assert not schedule.update([True, True, False])  # two of ten
    assert Schedule(window=10, threshold=0.0).on and Schedule(window=10, threshold=0.0).update([False] * 20)
    for settings_ in ({"window": 0}, {"threshold": 1.5}, {"hysteresis": -1.0}):
        with pytest.raises(RewardError):
            Schedule(**settings_)


def test_a_resumed_schedule_has_the_same_curve() -> None:
    rng = np.random.default_rng(0)
    flags = [list(rng.random(8) < 0.3 + i / 60) for i in range(40)]
    whole = Schedule(window=64)
    curve = [whole.update(step) for step in flags]
    assert any(curve) and not all(curve)
    for stop in (1, 7, 20, 33):
        first = Schedule(window=64)
        for step in flags[:stop]:
            first.update(step)
        state = json.loads(json.dumps(first.state_dict()))
        resumed = Schedule(window=64)
        resumed.load_state_dict(state)
        assert [resumed.update(step) for step in flags[stop:]] == curve[stop:]
    with pytest.raises(RewardError, match="settings"):
        Schedule(window=32).load_state_dict(state)
    for broken in ({**state, "last": "10x"}, {**state, "on": "yes"}, {**state, "last": None}):
        with pytest.raises(RewardError, match="broken"):
            Schedule(window=64).load_state_dict(broken)


def write_calibration(path: Path, **changed: object) -> Path:
    rising = {"map": {"kind": "isotonic", "x": [1.0, 3.0, 5.0], "y": [2.0, 2.5, 4.0]}, "reason": ""}
    dimensions: dict[str, object] = dict.fromkeys((*DIMENSIONS, "overall"), rising)
    path.write_text(json.dumps({"schema": SCHEMA, "dimensions": dimensions | changed}))
    return path


def test_calibration_moves_scores_onto_the_human_scale(tmp_path: Path) -> None:
    logistic = {"map": {"kind": "logistic", "slope": 1.0, "intercept": 0.0}, "reason": ""}
    maps = read_calibration(write_calibration(tmp_path / "c.json", fluency_and_structural_clarity=logistic))
    found = calibrated(dict.fromkeys(DIMENSIONS, 4.0), maps)
    assert found["factual_alignment"] == pytest.approx(3.25)
    assert found["fluency_and_structural_clarity"] == pytest.approx(1 + 4 / (1 + math.exp(-1)))
    assert calibrated(dict.fromkeys(DIMENSIONS, 9.0), maps)["factual_alignment"] == 4.0  # outside counts as the end
    assert reasoning_reward(found) < reasoning_reward(dict.fromkeys(DIMENSIONS, 4.0))


UNSOUND = [
    ({"map": None, "reason": "Too few ratings."}, "Too few ratings"),
    ({"map": {"kind": "isotonic", "x": [1, 2], "y": [3, 2]}}, "not rising"),
    ({"map": {"kind": "isotonic", "x": [1, 1], "y": [2, 3]}}, "not rising"),
    ({"map": {"kind": "isotonic", "x": [1], "y": [7]}}, "broken"),
    ({"map": {"kind": "spline"}}, "broken"),
    ({"map": {"kind": "logistic", "slope": -1, "intercept": 0}}, "broken"),
    (3, "broken"),
]


@pytest.mark.parametrize(("part", "says"), UNSOUND)
def test_a_calibration_without_a_sound_map_is_refused(tmp_path: Path, part: object, says: str) -> None:
    with pytest.raises(RewardError, match=says):
        read_calibration(write_calibration(tmp_path / "c.json", caption_completeness=part))


def test_what_is_no_calibration_is_refused(tmp_path: Path) -> None:
    for text in ("no json", "[]", '{"schema": "other", "dimensions": {}}', json.dumps({"schema": SCHEMA})):
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(RewardError, match="annotate calibrate"):
            read_calibration(tmp_path / "c.json")
    with pytest.raises(RewardError):
        read_calibration(tmp_path / "none.json")
