"""One pipeline from a clip to an explanation, for every model and for page, command line and API.

    clip -> prosody (measured once) -> what the model hears -> its reply, piece by piece -> claims held against the
    record as each sentence ends -> label and scores -> Explanation

A model joins in by subclassing `Explainer` with one method, `_reply`.
"""

from __future__ import annotations

import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from emotionthinker.audio import Clip, load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.events import (
    AnswerPiece,
    AnswerReady,
    ClaimsReady,
    Event,
    Explanation,
    Finished,
    ProsodyReady,
    ReasoningPiece,
)
from emotionthinker.listening import choose_span, hear
from emotionthinker.prompt import Mode, PromptStyle, canonical_label, choose_labels, messages
from emotionthinker.response import ParsedResponse, ResponseParser

if TYPE_CHECKING:
    from emotionthinker.grounding import Claim
    from emotionthinker.prosody.record import Prosody
    from emotionthinker.settings import Settings

Source = str | Path | tuple[np.ndarray, int] | Clip

MAX_NEW_TOKENS = 4096
MAX_TEMPERATURE = 2.0
QUICK_TOKENS = 24  # an answer without reasoning: two tags and a label
SENTENCE_END = re.compile(r"[.!?][\"'”’)]*(?=\s|$)")
CUT_TOLERANCE_S = 0.01
OFTEN_CHARS = 4000  # up to here claims are checked at each end of a sentence, and then …
CHECK_GROWTH = 1.15  # … whenever the text has grown by this factor, so that a model that runs on costs little


@dataclass(frozen=True)
class ReplyOptions:
    """How a reply is made. `temperature` 0: the likeliest token each time; above: sampled, repeatable by `seed`."""

    max_new_tokens: int
    temperature: float = 0.0
    seed: int | None = None


class Reply(ABC):
    """A reply in the making. Iterate over its pieces of text; `close` ends it and frees the model, at any time."""

    complete = False  # the model ended it by itself

    @abstractmethod
    def __iter__(self) -> Iterator[str]: ...

    @abstractmethod
    def close(self) -> None:
        """End it, wherever it is; a second call does nothing."""

    @abstractmethod
    def label_scores(self, labels: Sequence[str]) -> dict[str, float]:
        """Probability of each label after the reasoning that was really generated, summing to 1; {} where unknown."""


class Explainer(ABC):
    """Something that explains clips. `style`: how its model is asked; `name`: of the model, for people."""

    style: PromptStyle
    name: str

    @abstractmethod
    def _reply(
        self, samples: np.ndarray, chat: list[dict[str, Any]], options: ReplyOptions, cancel: threading.Event
    ) -> Reply:
        """Ask about samples (n,) float32 at 16 kHz. Setting `cancel` ends the reply within a second."""

    def stream(
        self,
        source: Source,
        *,
        transcript: str | None = None,
        labels: Sequence[str] | None = None,
        question: str | None = None,
        mode: Mode = "emotion",
        max_new_tokens: int | None = None,
        temperature: float = 0.0,
        seed: int | None = None,
        prosody: Prosody | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Explain a clip, event by event (see `events`).

        source: path, (samples, sample rate) or Clip. transcript: the words; None recognises them, "" means none.
        labels: a part of what the model knows, default all. question: asked in place of the model's own. mode:
        "emotion" for reasoning and a label, "describe" for a caption without a label. prosody: a record of this clip,
        measured before. Setting `cancel`, or closing the iterator, frees the model within a second.
        Raises EmotionThinkerError subclasses: at once for wrong options, while iterating for the clip or the model.
        """
        chosen = choose_labels(labels, self.style.labels)
        longest = self.style.max_new_tokens if max_new_tokens is None else max_new_tokens
        options = _check_options(mode, longest, temperature, seed)
        return self._events(source, transcript, chosen, question, mode, options, prosody, cancel or threading.Event())

    def explain(self, source: Source, **options: Any) -> Explanation:
        """The same as `stream`, with the same options, all at once."""
        last = None
        for event in self.stream(source, **options):
            last = event
        assert isinstance(last, Finished)
        return last.explanation

    def _events(
        self,
        source: Source,
        transcript: str | None,
        labels: tuple[str, ...],
        question: str | None,
        mode: Mode,
        options: ReplyOptions,
        prosody: Prosody | None,
        cancel: threading.Event,
    ) -> Iterator[Event]:
        started = time.monotonic()
        clip = load_clip(source)
        record = _measure(clip, transcript, prosody)
        yield ProsodyReady(record)

        span_s = choose_span(record.segments, clip.duration_s, self.style.max_audio_s)
        words = _words_heard(record, span_s)
        warnings = list(record.warnings) + _span_warnings(record, span_s)
        chat = messages(self.style, labels, words, question, mode)

        parser, checked, raw = ResponseParser(labels, mode), ClaimChecker(record, mode), ""
        label_scores: dict[str, float] = {}
        first_impression: dict[str, float] = {}
        if not record.segments:
            warnings.append("No speech was found, so the model was not asked.")
            parsed = parser.finish()
        else:
            samples = hear(clip.samples, span_s, self.style.bandwidth_hz)
            reply = self._reply(samples, chat, options, cancel)
            try:
                for piece in reply:
                    raw += piece
                    yield from _piece_events(parser.feed(piece), checked)
                yield from _piece_events(parser.flush(), checked)
                yield from checked.finish()
                parsed = parser.finish()
                if mode == "emotion" and not cancel.is_set():
                    label_scores = reply.label_scores(labels)
                named = canonical_label(parsed.answer, self.style.labels) if parsed.well_formed else None
                warnings += _reply_warnings(parsed, named, reply.complete, cancel.is_set(), mode, options)
            finally:
                reply.close()
            if mode == "emotion" and not cancel.is_set():
                first_impression = self._first_impression(samples, labels, words, cancel)
        yield AnswerReady(parsed.emotion, parsed.answer, label_scores, first_impression)
        yield Finished(
            Explanation(
                prosody=record,
                emotion=parsed.emotion,
                answer=parsed.answer,
                reasoning=parsed.reasoning,
                raw=raw,
                label_scores=label_scores,
                first_impression=first_impression,
                claims=list(checked.claims),
                model=self.name,
                seconds=time.monotonic() - started,
                labels=labels,
                mode=mode,
                well_formed=parsed.well_formed,
                span_s=span_s,
                warnings=warnings,
            )
        )

    def _first_impression(
        self, samples: np.ndarray, labels: Sequence[str], words: str | None, cancel: threading.Event
    ) -> dict[str, float]:
        """Probabilities of the labels before any reasoning; {} for a model that was not taught to answer at once.

        After its reasoning a model is nearly sure of what it has just argued for; this is how sure it was before.
        """
        if self.style.quick_question is None:
            return {}
        chat = messages(self.style, labels, words, self.style.quick_question)
        reply = self._reply(samples, chat, ReplyOptions(QUICK_TOKENS), cancel)
        try:
            for _ in reply:
                pass
            return {} if cancel.is_set() else reply.label_scores(labels)
        finally:
            reply.close()


class ClaimChecker:
    """Holds the text against the record whenever a sentence of it has ended."""

    def __init__(self, record: Prosody, mode: Mode) -> None:
        self.section = "answer" if mode == "describe" else "think"
        self.claims: tuple[Claim, ...] = ()
        self._facts, self._text, self._checked = record.to_dict(), "", 0

    def feed(self, piece: str) -> Iterator[ClaimsReady]:
        """More text; gives all claims so far where a sentence ended and changed them."""
        self._text += piece
        # A stop at the very end may be the point of a number or of an abbreviation: wait for what follows.
        ends = [match.end() for match in SENTENCE_END.finditer(self._text, self._checked)]
        ends = [end for end in ends if end < len(self._text)]
        if ends and (ends[-1] <= OFTEN_CHARS or ends[-1] >= CHECK_GROWTH * self._checked):
            yield from self._check(ends[-1])

    def finish(self) -> Iterator[ClaimsReady]:
        """The text is whole: the same for what follows its last sentence's end."""
        if self._checked < len(self._text):
            yield from self._check(len(self._text))

    def _check(self, end: int) -> Iterator[ClaimsReady]:
        from emotionthinker.grounding import verify_claims

        # The whole text again, not the new sentence alone: a sentence may lean on the one before ("It is also loud"), a quote
        # may run over several, and 200 words take a few milliseconds (`python -m benchmarks.grounding`).
        self._checked = end
        found = tuple(verify_claims(self._text[:end], self._facts))
        if found != self.claims:
            self.claims = found
            yield ClaimsReady(found)


def _piece_events(pieces: list[tuple[Any, str]], checked: ClaimChecker) -> Iterator[Event]:
    for section, text in pieces:
        yield ReasoningPiece(text) if section == "think" else AnswerPiece(text)
        if section == checked.section:
            yield from checked.feed(text)


def _check_options(mode: str, max_new_tokens: int, temperature: float, seed: int | None) -> ReplyOptions:
    if mode not in get_args(Mode):
        raise EmotionThinkerError(f"The mode is {mode!r}, but it must be one of {', '.join(get_args(Mode))}.")
    if not 1 <= max_new_tokens <= MAX_NEW_TOKENS:
        raise EmotionThinkerError(
            f"{max_new_tokens} new tokens were asked for, but 1 to {MAX_NEW_TOKENS} are allowed; choose within that."
        )
    if not 0 <= temperature <= MAX_TEMPERATURE:
        raise EmotionThinkerError(
            f"The temperature is {temperature}, but 0 (no sampling) to {MAX_TEMPERATURE:g} is allowed; choose one."
        )
    if seed is not None and not 0 <= seed < 2**63:
        raise EmotionThinkerError(f"The seed is {seed}, but a whole number from 0 to 2^63 - 1 is needed; choose one.")
    return ReplyOptions(int(max_new_tokens), float(temperature), seed)


def _measure(clip: Clip, transcript: str | None, prosody: Prosody | None) -> Prosody:
    """The record of the clip: the one that was given (with the words corrected where they differ), or a new one."""
    if prosody is None:
        from emotionthinker.prosody.record import measure_prosody

        return measure_prosody(clip, transcript)
    if transcript is not None and transcript != prosody.transcription:
        return prosody.with_transcript(clip, transcript)
    return prosody


def _unheard_s(record: Prosody, span_s: tuple[float, float]) -> float:
    """Seconds of speech outside of the span; 0 for what is too little to matter."""
    start, end = span_s
    unheard_s = sum(max(0.0, min(b, start) - a) + max(0.0, b - max(a, end)) for a, b in record.segments)
    return unheard_s if unheard_s > CUT_TOLERANCE_S else 0.0


def _words_heard(record: Prosody, span_s: tuple[float, float]) -> str | None:
    """The words inside the span, so that a model does not quote what it did not hear.

    All of them where it hears all of the speech. None where it does not, and nobody knows which words those seconds hold.
    """
    if not _unheard_s(record, span_s):
        return record.transcription
    inside = [word["word"] for word in record.words if span_s[0] <= (word["start"] + word["end"]) / 2 <= span_s[1]]
    return " ".join(inside) if record.words else None


def _span_warnings(record: Prosody, span_s: tuple[float, float]) -> list[str]:
    start, end = span_s
    unheard_s = _unheard_s(record, span_s)
    if not unheard_s:
        return []
    cut = (f"The model heard {start:.1f} s to {end:.1f} s of this clip of {record.duration_s:.1f} s, as much as it can "
           f"hear at once; {unheard_s:.1f} s of speech were left out.")
    if record.words or not record.transcription:
        return [cut]
    return [cut, "The words could not be placed in time, so it was told none of them."]


def _reply_warnings(
    parsed: ParsedResponse, named: str | None, complete: bool, cancelled: bool, mode: Mode, options: ReplyOptions
) -> list[str]:
    """named: the label of the model that the answer is, chosen from or not."""
    if cancelled:
        return ["The reply was stopped before it was complete."]
    if not complete:
        return [f"The reply reached its limit of {options.max_new_tokens} tokens before it was complete."]
    if mode == "emotion" and parsed.emotion is None and named is not None:
        return [f"The reply names {named}, which was not among the labels to choose from, so no label was taken from it."]
    if mode == "emotion" and parsed.emotion is None:
        return ["The reply does not name exactly one label in the expected form, so no label was taken from it."]
    return []


def open_explainer(settings: Settings) -> Explainer:
    """The model that the settings name: at an endpoint, from a folder or hub id, or the embedded one.

    Raises ModelError subclasses.
    """
    if settings.endpoint:
        from emotionthinker.remote import Remote

        model = settings.model or "ddwang2000/EmotionThinker"
        return Remote(settings.endpoint, model, api_key=settings.api_key, timeout_s=settings.timeout_s)
    from emotionthinker import zero_gpu
    from emotionthinker.thinker import EmotionThinker

    if zero_gpu.active() and settings.device != "cpu":
        return zero_gpu.lend(settings)

    return EmotionThinker.from_pretrained(
        settings.model, dtype=settings.dtype, device=settings.device, load_in_4bit=settings.load_in_4bit
    )
