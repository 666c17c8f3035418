"""Figures of the evaluation have known answers on made-up replies, and the command runs whole on a trained model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emotionthinker.response import parse_response
from training import evaluate, sft
from training.tasks import NANO_LABELS


def reply(text: str, label: str) -> str:
    return f"<think> {text} </think><answer> {label} </answer>"


def test_uar_counts_every_class_alike_and_no_answer_as_wrong() -> None:
    truth = ["sad", "sad", "sad", "angry"]
    assert evaluate.uar(truth, ["sad", "sad", "sad", None]) == pytest.approx(0.5)
    assert evaluate.uar(truth, ["sad", "happy", "happy", "angry"]) == pytest.approx((1 / 3 + 1) / 2)


def test_interval_resamples_speakers_not_clips() -> None:
    truth = ["sad", "angry"] * 40
    one_bad_speaker = ["sad", "angry"] * 20 + [None, None] * 20
    alike = evaluate.speaker_interval(truth, truth, ["a", "b"] * 40)
    assert alike == [1.0, 1.0]
    low, high = evaluate.speaker_interval(truth, one_bad_speaker, ["a"] * 40 + ["b"] * 40)
    assert (low, high) == (0.0, 1.0)  # with two speakers, one right and one wrong, both extremes are drawn


def test_heard_label_needs_a_clear_majority() -> None:
    assert evaluate.heard_label({"votes": {"sad": 4, "neutral": 5}}) == "neutral"
    assert evaluate.heard_label({"votes": {"sad": 4, "neutral": 4}}) is None
    assert evaluate.heard_label({"votes": None}) is None


def test_stated_facts_are_counted_against_the_measurement() -> None:
    record = {
        "levels": {"pitch": {"value": 250.0, "unit": "Hz", "level": "high", "percentile": 90.0, "z": 1.5, "reference": "x"}},
        "pitch_level": "high", "f0_median_hz": 250.0, "transcription": "", "words": [], "stressed_words": [], "pauses": [],
    }  # fmt: skip
    texts = ["The pitch is high.", "The pitch is low.", "The pitch is high."]
    parsed = [parse_response(reply(t, "sad"), NANO_LABELS) for t in texts]
    found = evaluate.groundedness([record] * 3, parsed)
    assert found["pitch_level"] == {"stated": 3, "checkable": 3, "right": pytest.approx(2 / 3, abs=1e-4)}


def test_quoted_words_must_be_the_transcripts() -> None:
    parsed = [parse_response(reply('The words "never go home" are plain.', "sad"), NANO_LABELS)]
    assert evaluate.quoted_words_right(parsed, ["I never go there."]) == {
        "words": 3, "right": pytest.approx(2 / 3, abs=1e-4), "replies_that_quote": 1.0,
    }  # fmt: skip


def test_the_command_runs_on_a_trained_model(recipe: dict, tmp_path: Path) -> None:
    model = sft.train(recipe)
    out = tmp_path / "evaluation"
    reports = evaluate.evaluate(model, {"made-up dev": recipe["dev"]}, out)
    saved = json.loads((out / "evaluation.json").read_text())
    assert saved["corpora"][0]["name"] == "made-up dev"
    assert saved["corpora"][0]["clips"] == reports["made-up dev"]["clips"] == 6
    assert len((out / "replies.jsonl").read_text().splitlines()) == 6
    assert "| clips (speakers) | 6 (4) |" in (out / "evaluation.md").read_text()
