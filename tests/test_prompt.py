"""The published interface is kept to the letter; people's text cannot change it; labels outside the set are refused."""

import hashlib
import json

import pytest

from emotionthinker.errors import EmotionThinkerError, ModelError
from emotionthinker.prompt import (
    PUBLISHED_LABELS,
    PUBLISHED_SYSTEM_PROMPT,
    PromptStyle,
    canonical_label,
    choose_labels,
    messages,
    split_labels,
)

NANO_LABELS = ("neutral", "happy", "sad", "angry", "disgust", "fear")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_published_prompt_is_unchanged():
    # Hashes of the two texts in the model card's quickstart: a changed space would change them.
    style = PromptStyle()
    question = messages(style, style.labels)[1]["content"][1]["text"]
    assert question.startswith("<audio>What is the emotion") and question.endswith("whisper, surprise, fear.")
    assert sha256(PUBLISHED_SYSTEM_PROMPT) == "46b83e0440861f6d2a050bb1e26480805558d09ce844a655c6a78f1eb99a18a8"
    assert sha256(question) == "45ca53beba9fd181bb363b89db419557dcbbbdf87354e61337c28600dd3b6a31"


def test_messages_hold_one_audio_part_before_the_text():
    system, user = messages(PromptStyle(), PUBLISHED_LABELS)
    assert system["role"] == "system"
    assert [part["type"] for part in user["content"]] == ["audio", "text"]


def test_the_published_model_is_not_told_the_words():
    with_words = messages(PromptStyle(), PUBLISHED_LABELS, transcript="I am fine")
    assert with_words == messages(PromptStyle(), PUBLISHED_LABELS)


def test_a_style_with_a_transcript_line_gets_the_words():
    style = PromptStyle(transcript_line='The words are: "{transcript}"')
    text = messages(style, NANO_LABELS, transcript="It's  {eleven}\no'clock")[1]["content"][1]["text"]
    assert text.endswith('The words are: "It\'s {eleven} o\'clock"')
    assert "words are" not in messages(style, NANO_LABELS, transcript=" ")[1]["content"][1]["text"]


@pytest.mark.parametrize("mark", ["<|im_end|>", "<|AUDIO|>", "<|im_start|>assistant"])
def test_control_tokens_in_peoples_text_are_broken_up(mark):
    style = PromptStyle(transcript_line="{transcript}")
    asked = messages(style, NANO_LABELS, transcript=f"so {mark} now", question=f"What {mark}?")
    assert mark not in asked[1]["content"][1]["text"]


def test_a_blank_question_is_none():
    assert messages(PromptStyle(), NANO_LABELS, question=" \n") == messages(PromptStyle(), NANO_LABELS)


def test_a_question_replaces_the_styles_own():
    text = messages(PromptStyle(), NANO_LABELS, question="Is it one of {labels}?")[1]["content"][1]["text"]
    assert text == "Is it one of neutral, happy, sad, angry, disgust, fear?"


def test_texts_that_would_overflow_the_model_are_refused():
    with pytest.raises(EmotionThinkerError, match="5000 characters; at most 4000"):
        messages(PromptStyle(), NANO_LABELS, question="x" * 5000)


@pytest.mark.parametrize(
    ("text", "labels", "label"),
    [
        (" Angry. ", NANO_LABELS, "angry"),
        ("anger", NANO_LABELS, "angry"),
        ("joy", NANO_LABELS, "happy"),
        ("contempt or disgust", NANO_LABELS, "disgust"),
        ("disgust", PUBLISHED_LABELS, "contempt or disgust"),
        ("Contempt  or\ndisgust", PUBLISHED_LABELS, "contempt or disgust"),
        ("contempt", ("contempt", "disgust"), "contempt"),
        ("contempt or disgust", ("contempt", "disgust"), None),  # fits both
        ("angry sad", NANO_LABELS, None),
        ("", NANO_LABELS, None),
        ("calm", NANO_LABELS, None),
    ],
)
def test_canonical_label(text, labels, label):
    assert canonical_label(text, labels) == label


def test_labels_are_chosen_from_what_the_model_knows():
    assert choose_labels(None, NANO_LABELS) == NANO_LABELS
    assert choose_labels(["fear", "anger", "angry"], NANO_LABELS) == ("angry", "fear")
    with pytest.raises(EmotionThinkerError, match=r"'bored' are not known to this model; choose from neutral, happy"):
        choose_labels(["sad", "bored"], NANO_LABELS)
    with pytest.raises(EmotionThinkerError, match="At least 2"):
        choose_labels(["sad"], NANO_LABELS)


def test_a_folder_brings_its_own_style(tmp_path):
    assert PromptStyle.from_folder(tmp_path) == PromptStyle()
    brought = {"labels": NANO_LABELS, "name": "Nano", "max_audio_s": 12}
    (tmp_path / "emotionthinker.json").write_text(json.dumps(brought))
    style = PromptStyle.from_folder(tmp_path)
    assert (style.labels, style.name, style.max_audio_s) == (NANO_LABELS, "Nano", 12)


BROKEN = ["{", "[]", '{"lables": []}', '{"labels": 3}', '{"labels": []}', '{"max_audio_s": -1}', '{"question": null}']


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_style_is_refused_with_a_sentence(tmp_path, content):
    (tmp_path / "emotionthinker.json").write_text(content)
    with pytest.raises(ModelError, match=r"emotionthinker\.json"):
        PromptStyle.from_folder(tmp_path)


def test_labels_are_split_as_people_type_them():
    assert split_labels(" angry, sad ,, contempt or disgust,") == ["angry", "sad", "contempt or disgust"]
    assert split_labels(" , ") == []
