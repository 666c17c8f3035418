"""The embedded model itself: it loads with nothing but the project, and its reply has the form and the words it should."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emotionthinker.prompt import PUBLISHED_LABELS
from emotionthinker.thinker import EmotionThinker

CLIP = Path(__file__).resolve().parent.parent / "assets" / "examples" / "angry.flac"
TRANSCRIPTS = ["I will never do that again.", "The baker sold eleven purple umbrellas."]  # the second is not what is said


@pytest.fixture(scope="module")
def nano() -> EmotionThinker:
    return EmotionThinker.from_pretrained()


@pytest.fixture(scope="module")
def explanations(nano):
    return [nano.explain(CLIP, transcript=transcript) for transcript in TRANSCRIPTS]


def words_of(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.casefold().replace("’", "'"))


def test_the_weights_are_small_enough_to_ship():
    from emotionthinker.loading import NANO_FOLDER

    assert sum(file.stat().st_size for file in NANO_FOLDER.glob("*.safetensors")) <= 45_000_000


def test_it_knows_the_six_labels(nano):
    assert set(nano.style.labels) == {"neutral", "happy", "sad", "angry", "disgust", "fear"}
    assert set(nano.style.labels) != set(PUBLISHED_LABELS)
    assert nano.style.transcript_line and "{transcript}" in nano.style.transcript_line


def test_replies_are_well_formed(nano, explanations):
    for result in explanations:
        assert result.well_formed, result.raw
        assert result.emotion in nano.style.labels
        assert 20 <= len(words_of(result.reasoning)) <= 200
        assert sum(result.label_scores.values()) == pytest.approx(1)
        assert max(result.label_scores, key=result.label_scores.__getitem__) == result.emotion


def test_it_says_how_sure_it_was_before_reasoning_only_where_it_was_taught_to(nano, explanations):
    for result in explanations:
        known = set() if nano.style.quick_question is None else set(nano.style.labels)
        assert set(result.first_impression) == known
        assert sum(result.first_impression.values()) == pytest.approx(float(bool(known)))


@pytest.mark.parametrize("which", [0, 1])
def test_it_quotes_only_words_of_the_transcript(explanations, which):
    reasoning = explanations[which].reasoning
    quoted = [word for quote in re.findall(r"[\"“]([^\"”]*)[\"”]", reasoning) for word in words_of(quote)]
    assert set(quoted) <= set(words_of(TRANSCRIPTS[which])), reasoning


def test_the_claims_of_a_reply_can_be_checked(explanations):
    for result in explanations:
        assert any(claim.verdict == "supported" for claim in result.claims)


def test_a_caption_names_no_label(nano):
    result = nano.explain(CLIP, transcript=TRANSCRIPTS[0], mode="describe")
    assert result.well_formed and result.emotion is None
    assert len(words_of(result.answer)) >= 8
    assert not set(words_of(result.answer)) & set(nano.style.labels) - {"neutral"}


def test_the_same_question_gets_the_same_reply(nano, explanations):
    assert nano.explain(CLIP, transcript=TRANSCRIPTS[0]).raw == explanations[0].raw
