"""Words against voice: who is called friendly, who unhappy, and when it is worth a sentence."""

from __future__ import annotations

import pytest

from emotionthinker.page.handlers import _words_remark
from emotionthinker.page.story import answer_html
from emotionthinker.prompt import PUBLISHED_LABELS
from emotionthinker.words_voice import (
    VOICE_CHARGED,
    WORDS_CHARGED,
    label_valence,
    voice_valence,
    words_and_voice,
    words_compound,
    words_valence,
)
from training.corpora.crema_ravdess import CREMA_SENTENCES

FRIENDLY, UNHAPPY = "Thank you, this is wonderful!", "I hate this horrible place."


@pytest.mark.parametrize(("text", "emotion", "scores", "sentence"), [
    (FRIENDLY, "angry", {"angry": 0.9, "happy": 0.1}, "The words sound friendly, the voice does not: it sounds angry."),
    (FRIENDLY, "sad", {}, "The words sound friendly, the voice does not: it sounds sad."),
    (UNHAPPY, "happy", {"happy": 0.8, "sad": 0.2}, "The words sound unhappy, the voice does not: it sounds happy."),
    (FRIENDLY, "happy", {"happy": 0.9, "sad": 0.1}, ""),
    (UNHAPPY, "angry", {"angry": 1.0}, ""),
    (FRIENDLY, "neutral", {"neutral": 1.0}, ""),
    (FRIENDLY, "surprise", {"surprise": 1.0}, ""),
    (FRIENDLY, "neutral", {"neutral": 0.4, "angry": 0.6}, ""),
    ("The airplane is almost full.", "angry", {"angry": 1.0}, ""),
])
def test_only_charged_words_against_a_clear_voice_are_remarked(text: str, emotion: str, scores: dict[str, float],
                                                               sentence: str) -> None:
    found = words_and_voice(text, emotion, scores)
    assert found is not None
    assert found.sentence == sentence
    assert found.disagree is bool(sentence)


def test_the_thresholds_are_where_they_are_said_to_be() -> None:
    charged = VOICE_CHARGED / 2 + 0.5  # P(angry) of angry and happy that gives exactly the threshold
    at = words_and_voice(FRIENDLY, "angry", {"angry": charged, "happy": 1 - charged})
    below = words_and_voice(FRIENDLY, "angry", {"angry": charged - 0.01, "happy": 1 - charged + 0.01})
    assert at is not None
    assert below is not None
    assert (at.disagree, below.disagree) == (True, False)
    weak = "That is fine."
    assert 0 < words_compound(weak) < WORDS_CHARGED
    found = words_and_voice(weak, "angry", {"angry": 1.0})
    assert found is not None
    assert not found.disagree


@pytest.mark.parametrize("text", [None, "", "   "])
def test_no_words_no_remark(text: str | None) -> None:
    assert words_and_voice(text, "angry", {"angry": 1.0}) is None
    assert words_and_voice(FRIENDLY, None, {"angry": 1.0}) is None


def test_the_corpus_sentences_are_plain_and_every_label_has_a_side() -> None:
    assert [words_valence(text) for text in CREMA_SENTENCES.values()] == [0] * 12
    sides = {label: label_valence(label) for label in PUBLISHED_LABELS}
    assert [label for label, side in sides.items() if side > 0] == ["happy"]
    assert [label for label, side in sides.items() if side < 0] == ["sad", "angry", "contempt or disgust", "fear"]
    assert label_valence("joy") == 1
    assert voice_valence({"joy": 0.25, "anger": 0.5, "neutral": 0.25}) == pytest.approx(-0.25)


def test_the_page_says_it_below_the_answer_with_its_grounds() -> None:
    result = {"words_and_voice": {"words": 0.8, "voice": -0.9, "sentence": "The <b>words</b> …", "disagree": True}}
    remark, why = _words_remark(result)
    html = answer_html("done", emotion="angry", answer="angry", scores={"angry": 1.0}, remark=remark, remark_why=why)
    assert "The &lt;b&gt;words&lt;/b&gt;" in html
    assert "+0.80" in html
    assert "−0.90" in html
    assert html.index("et-verdict") < html.index("et-remark") < html.index("et-bars")
    assert _words_remark({"words_and_voice": None}) == ("", "")
    assert "et-remark" not in answer_html("done", emotion="angry", answer="angry")
