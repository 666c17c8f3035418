"""The conflict set, and whom models of a known kind are found to follow."""

from __future__ import annotations

import os
import shutil
import threading
from typing import Any

import pytest

from benchmarks.words_against_voice import FRIENDLY, PLAIN, UNHAPPY, Item, ask, follows, markdown, summary, synthetic_items
from emotionthinker.audio import load_clip
from emotionthinker.pipeline import Reply, ReplyOptions
from emotionthinker.words_voice import words_valence
from tests.browser.conftest import EXAMPLES
from tests.rule_explainers import PitchExplainer, RuleReply
from training.sentences import CHARGED


class WordsExplainer(PitchExplainer):
    """Deaf: answers from the words that it is given."""

    def _reply(self, samples: Any, chat: list[dict[str, Any]], options: ReplyOptions, cancel: threading.Event) -> Reply:
        side = words_valence(chat[1]["content"][1]["text"].split("Words:")[-1])
        label = {1: "happy", 0: "neutral", -1: "sad"}[side]
        return RuleReply(f"<think> So. </think><answer> {label} </answer>",
                         {name: float(name == label) for name in ("neutral", "happy", "sad", "angry")})


def test_the_sentences_are_charged_as_they_are_listed_and_were_not_trained_on() -> None:
    assert [words_valence(f"{text}.") for text in (*FRIENDLY, *UNHAPPY, *PLAIN)] == [1] * 8 + [-1] * 8 + [0] * 4
    assert not {text.casefold() for text in (*FRIENDLY, *UNHAPPY)} & {text.casefold() for text in CHARGED}


def test_sides() -> None:
    def answer(voice: int, words: int, emotion: str | None) -> str:
        return follows({"voice": voice, "words": words, "emotion": emotion})

    assert answer(-1, 1, "angry") == "voice"
    assert answer(-1, 1, "happy") == "words"
    assert answer(-1, 1, "neutral") == answer(-1, 1, None) == answer(1, 1, "sad") == "neither"
    assert answer(1, 1, "happy") == "both"
    assert answer(1, 0, "happy") == "voice"


def items() -> list[Item]:
    """One unpleasant voice, under the same words in three moods."""
    clip = load_clip(EXAMPLES / "sad.flac")
    return [Item("set", str(words), clip, text, -1, words, "one") for words, text in
            ((1, FRIENDLY[0]), (-1, UNHAPPY[0]), (0, PLAIN[1]))]


def test_a_deaf_model_follows_the_words_and_a_listening_one_the_voice() -> None:
    deaf, listens = (summary(ask(explainer, items())) for explainer in (WordsExplainer(), PitchExplainer()))
    conflict = {"voice": "unpleasant", "words": "pleasant"}

    def row(found: dict[str, Any]) -> dict[str, Any]:
        return next(row for row in found["rows"] if row.items() >= conflict.items())

    assert (row(deaf)["words"], row(deaf)["clips"]) == ("pleasant", 1)
    assert row(deaf)["follows"]["words"]["share"] == 1.0
    assert row(listens)["follows"]["voice"]["share"] == 1.0
    assert deaf["moves"][0]["words_move"]["mean"] == 2.0
    assert listens["moves"][0]["words_move"]["mean"] == pytest.approx(0.0, abs=1e-6)
    text = markdown(deaf, "Deaf")
    assert "| set | unpleasant | pleasant | 1 | 0 % [0, 79] | 100 % [21, 100] | – | 0 % [0, 79] |" in text
    assert "no pairs" in text  # nobody with a pleasant voice was asked about


def test_the_synthetic_set_is_spoken() -> None:
    if not shutil.which("flite"):
        reason = "flite is not installed, and it speaks the sentences: run `apt-get install flite`"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    made = list(synthetic_items(voices=("slt",), per_side=1))
    assert [(item.voice, item.words) for item in made] == [(1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0)]
    happy, sad = made[0].clip, made[1].clip
    assert made[0].text == made[1].text == FRIENDLY[0] + "."
    assert sad.duration_s > 1.2 * happy.duration_s
    assert abs(sad.samples).max() < abs(happy.samples).max()
