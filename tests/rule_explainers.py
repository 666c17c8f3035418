"""Explainers that follow a rule, so that what probing must find is known. They hear the samples that any model would hear."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from emotionthinker.pipeline import Explainer, Reply, ReplyOptions
from emotionthinker.prompt import PromptStyle
from emotionthinker.prosody.pitch import track_f0

LABELS = ("neutral", "happy", "sad", "angry")


class RuleReply(Reply):
    complete = True

    def __init__(self, text: str, scores: dict[str, float]) -> None:
        self._text, self._scores = text, scores

    def __iter__(self) -> Iterator[str]:
        yield self._text

    def close(self) -> None:
        pass

    def label_scores(self, labels: Sequence[str]) -> dict[str, float]:
        return {label: self._scores[label] for label in labels}


class PitchExplainer(Explainer):
    """Answers angry above 230 Hz of median pitch, sad below, the surer the further away; neutral without pitch.

    cites: what it says of every clip that has a pitch ("The voice is loud."); None: what the pitch is. `heard` and `asked` keep the
    samples and the user's text of each question.
    """

    def __init__(self, cites: str | None = None) -> None:
        self.style = PromptStyle(labels=LABELS, name="Rule", transcript_line="Words: {transcript}")
        self.name = "Rule"
        self.cites = cites
        self.heard: list[np.ndarray] = []
        self.asked: list[str] = []

    def _reply(self, samples: np.ndarray, chat: list[dict[str, Any]], options: ReplyOptions, cancel: threading.Event) -> Reply:
        self.heard.append(samples)
        self.asked.append(chat[1]["content"][1]["text"])
        hz = track_f0(samples).hz
        hz = hz[np.isfinite(hz)]
        if len(hz) < 10:
            return RuleReply("<think> The voice has no tone. </think><answer> neutral </answer>",
                             {"neutral": 1.0, "happy": 0.0, "sad": 0.0, "angry": 0.0})
        angry = float(1 / (1 + np.exp(-12 * np.log2(np.median(hz) / 230))))
        says = self.cites or f"The pitch is {'high' if angry > 0.5 else 'low'}."
        label = "angry" if angry > 0.5 else "sad"
        return RuleReply(f"<think> {says} </think><answer> {label} </answer>",
                         {"neutral": 0.0, "happy": 0.0, "sad": 1 - angry, "angry": angry})
