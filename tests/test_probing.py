"""Asking again: what is changed, what the model is asked, and how two explanations are compared."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from emotionthinker.audio import Clip, load_clip
from emotionthinker.events import Explanation
from emotionthinker.grounding import verify_claims
from emotionthinker.probing import (
    ALL_CHANGES,
    ATTRIBUTES,
    Step,
    ask_again,
    cited_cues,
    compare,
    probe_clip,
    probe_dict,
    suggested_label,
)
from emotionthinker.prosody.record import Prosody, measure_prosody
from tests.browser.conftest import EXAMPLES
from tests.rule_explainers import PitchExplainer

pytest.importorskip("pyworld", reason="pyworld-prebuilt is not installed; it takes the voice apart")
TEXT = "I will never do that again."


@lru_cache(maxsize=1)
def angry() -> tuple[Clip, Prosody]:
    clip = load_clip(EXAMPLES / "angry.flac")
    return clip, measure_prosody(clip, TEXT)


def step_of(name: str, cites: str | None = None, **more: Any) -> tuple[Step, Explanation, PitchExplainer]:
    clip, record = angry()
    explainer = PitchExplainer(cites)
    before = explainer.explain(clip, prosody=record)
    return ask_again(explainer, name, clip, record, before.to_dict(), **more), before, explainer


def test_an_answer_that_follows_the_pitch_moves_with_it() -> None:
    step, before, explainer = step_of("lower")
    assert before.emotion == "angry"
    assert step.explanation is not None
    assert step.explanation.emotion == "sad"
    assert step.comparison["answer_changed"]
    assert step.comparison["shift"] > 0.5
    # The claim held for the first clip, does not for the second, and is not made of it.
    gone, = step.comparison["taken_away"]
    assert (gone["attribute"], gone["stated"], gone["said"]) == ("pitch_level", "high", "otherwise")
    # The changed clip was measured anew and heard by the model, with the same words.
    assert step.explanation.prosody.f0_median_hz == pytest.approx(before.prosody.f0_median_hz * 2 ** (-4 / 12), rel=0.04)
    assert step.explanation.prosody.transcription == TEXT
    assert len(explainer.heard) == 2
    assert not np.array_equal(explainer.heard[0], explainer.heard[1])
    assert [item.cue for item in step.moved if item.meant] == ["pitch"]


def test_a_claim_on_a_cue_that_was_taken_away_is_noticed() -> None:
    step, _, _ = step_of("lower", cites="The pitch is high.")
    gone, = step.comparison["taken_away"]
    assert gone["said"] == "still"
    assert gone["was"].startswith("high")
    assert not gone["now"].startswith("high")


def test_a_change_of_another_cue_takes_nothing_away() -> None:
    step, _, _ = step_of("softer")
    assert step.comparison["shift"] == pytest.approx(0.0, abs=0.01)
    assert step.comparison["taken_away"] == []
    assert [(item["holds"], item["said"]) for item in step.comparison["repeated"]] == [(True, "still")]


def test_a_whisper_leaves_no_pitch_to_speak_of() -> None:
    step, _, _ = step_of("whisper", cites=None)
    assert step.explanation is not None
    assert step.explanation.emotion == "neutral"
    gone, = step.comparison["taken_away"]
    assert (gone["attribute"], gone["now"], gone["said"]) == ("pitch_level", None, "no longer")


@pytest.mark.parametrize("name", ["silence", "noise"])
def test_without_speech_the_model_is_not_asked(name: str) -> None:
    step, _, explainer = step_of(name)
    assert step.explanation is not None
    assert step.explanation.emotion is None
    assert step.to_dict()["asked"] is False
    assert len(explainer.heard) == 1


def test_the_words_alone_are_asked_about_silence() -> None:
    step, _, explainer = step_of("words-alone")
    assert step.explanation is not None
    assert not explainer.heard[1].any()
    assert TEXT in explainer.asked[1]
    assert step.explanation.prosody.segments == []  # claims are held against what was heard
    claimed, _, _ = step_of("words-alone", cites="The pitch is high.")  # neutral: a deaf voice has no pitch to cite
    assert claimed.explanation is not None
    assert all(claim.verdict == "not checkable" for claim in claimed.explanation.claims)


def test_the_words_alone_need_words() -> None:
    clip, record = angry()
    explainer = PitchExplainer()
    wordless = record.with_transcript(clip, "")
    step = ask_again(explainer, "words-alone", clip, wordless, explainer.explain(clip, prosody=wordless).to_dict())
    assert "no words" in step.skipped
    assert step.to_dict() == {"change": "words-alone", "skipped": step.skipped}


def test_another_voice_comes_with_these_words() -> None:
    other = load_clip(EXAMPLES / "sad.flac")
    step, _, explainer = step_of("another-voice", other=other)
    assert step.explanation is not None
    assert step.explanation.emotion == "sad"
    assert TEXT in explainer.asked[1]
    assert len(explainer.heard[1]) > len(explainer.heard[0])
    assert "no other clip" in step_of("another-voice")[0].skipped


def test_the_question_suggests_what_the_model_finds_least_likely() -> None:
    step, before, explainer = step_of("leading-question", question="How does it sound? {labels}")
    assert step.suggested == "neutral"
    assert explainer.asked[1].startswith("How does it sound? neutral, happy, sad, angry I think that the speaker sounds neutral.")
    assert step.comparison["shift"] == pytest.approx(0.0)
    assert suggested_label({**before.to_dict(), "label_scores": {}}) == "neutral"


def test_scores_and_claims_are_compared() -> None:
    def told(scores: dict[str, float], emotion: str, text: str) -> dict[str, Any]:
        record = angry()[1].to_dict()
        return {**record, "label_scores": scores, "emotion": emotion, "reasoning": text,
                "claims": [asdict(claim) for claim in verify_claims(text, record)]}

    one = told({"sad": 0.7, "angry": 0.3}, "sad", "The pitch is high. Again, the pitch is high. The voice is soft.")
    other = told({"sad": 0.2, "angry": 0.8}, "angry", "The voice is loud.")
    found = compare(one, other, "pitch")
    assert found["shift"] == pytest.approx(0.5)
    assert [(item["attribute"], item["holds"], item["said"]) for item in found["repeated"]] == [("pitch_level", True, "no longer")]
    assert compare(one, {**other, "label_scores": {}}, None)["shift"] is None
    assert cited_cues(one) == ["pitch", "energy"]
    assert cited_cues({"claims": []}) == []


def test_a_whole_probe_is_plain_and_whole() -> None:
    clip, _ = angry()
    first, *steps = probe_clip(PitchExplainer(), clip, transcript=TEXT, other=load_clip(EXAMPLES / "sad.flac"),
                               changes=["copy", "softer", "no-pauses", "leading-question"])
    assert isinstance(first, Explanation)
    found = json.loads(json.dumps(probe_dict(first, [step for step in steps if isinstance(step, Step)]), allow_nan=False))
    assert [step["change"] for step in found["steps"]] == ["copy", "softer", "no-pauses", "leading-question"]
    assert [step["change"] for step in found["steps"] if "skipped" in step] == ["no-pauses"]
    assert found["cited"] == ["pitch"]
    assert "f0" not in found["before"]


def test_every_change_has_a_title_and_a_cue_that_claims_speak_of() -> None:
    assert all(change.title for change in ALL_CHANGES.values())
    assert {change.cue for change in ALL_CHANGES.values()} - {None} == set(ATTRIBUTES)


def test_an_unknown_change_is_skipped_with_the_names_of_the_known() -> None:
    step, _, explainer = step_of("nothing")
    assert "copy, flatter" in step.skipped
    assert len(explainer.heard) == 1
