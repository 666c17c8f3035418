"""Do the words and the voice say the same? "Great, thank you so much" in an angry voice is worth a remark.

The words are judged alone by VADER (Hutto & Gilbert 2014), a lexicon with rules for negation and emphasis that comes inside its
package; the voice by the model's answer. Both thresholds are choices: VADER calls plain sentences slightly charged (up to |0.3| on
CREMA-D's), and an answer below 0.5 is no clear one. Surprise, confusion and whispering are neither pleasant nor unpleasant.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emotionthinker.prompt import canonical_label

WORDS_CHARGED = 0.4  # |compound| from which words carry a feeling of their own
VOICE_CHARGED = 0.5  # |P(pleasant) − P(unpleasant)| from which the answer does
PLEASANT = ("happy",)
UNPLEASANT = ("sad", "angry", "disgust", "fear")


@dataclass(frozen=True)
class WordsAndVoice:
    """`words`: VADER's compound, −1 unpleasant … +1 pleasant. `voice`: the probability of pleasant labels less that of unpleasant
    ones, −1 … +1. `sentence`: for people, "" where they do not disagree."""

    words: float
    voice: float
    sentence: str

    @property
    def disagree(self) -> bool:
        """Whether words and voice are charged in opposite directions."""
        return bool(self.sentence)


def words_and_voice(text: str | None, emotion: str | None, label_scores: Mapping[str, float]) -> WordsAndVoice | None:
    """Words held against an answer; None without words or without a label.

    label_scores: label → probability, before any reasoning where the model gives both; where there are none, the label counts as
    certain. They disagree where both are charged in opposite directions and the label lies on the side of the scores.
    """
    if not (text or "").strip() or emotion is None:
        return None
    words, voice = words_compound(str(text)), voice_valence(label_scores or {emotion: 1.0})
    sentence = ""
    clear = abs(voice) >= VOICE_CHARGED and label_valence(emotion) * voice > 0
    if abs(words) >= WORDS_CHARGED and clear and words * voice < 0:
        tone = "friendly" if words > 0 else "unhappy"
        sentence = f"The words sound {tone}, the voice does not: it sounds {emotion}."
    return WordsAndVoice(round(words, 4), round(voice, 4), sentence)


def words_compound(text: str) -> float:
    """VADER's compound of a text, −1 … +1; English only, 0 where it knows no word."""
    return float(_lexicon().polarity_scores(text)["compound"])


def words_valence(text: str) -> int:
    """+1, 0 or −1: whether the words alone are pleasant, plain or unpleasant."""
    compound = words_compound(text)
    return 0 if abs(compound) < WORDS_CHARGED else 1 if compound > 0 else -1


def label_valence(label: str) -> int:
    """+1, 0 or −1: whether a label is pleasant, neither, or unpleasant."""
    return (canonical_label(label, PLEASANT) is not None) - (canonical_label(label, UNPLEASANT) is not None)


def voice_valence(label_scores: Mapping[str, float]) -> float:
    """The probability of pleasant labels less that of unpleasant ones, −1 … +1."""
    return float(sum(score * label_valence(label) for label, score in label_scores.items()))


@functools.lru_cache(maxsize=1)
def _lexicon() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
