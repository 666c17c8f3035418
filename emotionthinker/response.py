"""Reads `<think> reasoning </think><answer> label </answer>` as it arrives, from any model, however broken.

The same parser judges rewards in training, so every way to a label that is not an honest reply is a way to cheat:
naming all labels, answering twice, answering inside the reasoning. A label therefore comes only from a reply that is
one complete pair of sections, in order, with nothing around them but white space, whose answer is exactly one label.
Anything else still streams as text, and yields no label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from emotionthinker.prompt import Mode, canonical_label

Section = Literal["think", "answer"]
ANSWER_TAG, ANSWER_END = "<answer>", "</answer>"
TAGS = ("<think>", "</think>", ANSWER_TAG, ANSWER_END)
# The tags of a whole reply, in their order; a caption may come without reasoning.
WHOLE: dict[Mode, tuple[tuple[str, ...], ...]] = {"emotion": (TAGS,), "describe": (TAGS, TAGS[2:])}


@dataclass(frozen=True)
class ParsedResponse:
    """`reasoning` and `answer` without tags and outer white space; `emotion` one of the labels or None;
    `well_formed`: the reply had every section once, complete, not empty, in order, and nothing else."""

    reasoning: str
    answer: str
    emotion: str | None
    well_formed: bool


class ResponseParser:
    """Feed it pieces of a reply, in any cut; it gives back the text of each section without tags.

    The pieces of a section put together are its final text: outer white space and half-arrived tags are held back.
    In mode "describe" the reasoning may be absent, and text outside of tags counts as the answer, since models asked
    for a caption often write it plainly; there is no label then.
    """

    def __init__(self, labels: Sequence[str], mode: Mode = "emotion") -> None:
        self._labels = tuple(labels)
        self._mode = mode
        self._pending = ""  # text that may still turn out to be a tag
        self._space: dict[Section, str] = {"think": "", "answer": ""}  # white space held back at a section's end
        self._text: dict[Section, str] = {"think": "", "answer": ""}
        self._home: Section = "answer" if mode == "describe" else "think"  # where text outside of tags is shown
        self._section: Section | None = None
        self._tags: list[str] = []
        self._stray = False  # text outside of the sections

    def feed(self, piece: str) -> list[tuple[Section, str]]:
        """The next piece of the reply, in any length. Never raises."""
        out: list[tuple[Section, str]] = []
        self._pending += piece
        while self._pending:
            start = self._pending.find("<")
            if start < 0:
                start = len(self._pending)
            if start:
                self._emit(self._pending[:start], out)
                self._pending = self._pending[start:]
                continue
            tag = next((tag for tag in TAGS if self._pending.startswith(tag)), None)
            if tag is not None:
                self._enter(tag)
                self._pending = self._pending[len(tag) :]
            elif any(tag.startswith(self._pending) for tag in TAGS):
                break  # half a tag: wait for the rest
            else:
                self._emit("<", out)
                self._pending = self._pending[1:]
        return _joined(out)

    def flush(self) -> list[tuple[Section, str]]:
        """At the reply's end: what was held back as half a tag is text after all."""
        out: list[tuple[Section, str]] = []
        pending, self._pending = self._pending, ""
        if pending:
            self._emit(pending, out)
        return out

    def finish(self) -> ParsedResponse:
        """The reply as a whole."""
        self.flush()
        tags, reasoning, answer = tuple(self._tags), self._text["think"], self._text["answer"]
        empty = not answer or ("<think>" in tags and not reasoning)
        well_formed = tags in WHOLE[self._mode] and not self._stray and not empty
        labelled = well_formed and self._mode == "emotion"
        return ParsedResponse(
            reasoning=reasoning,
            answer=answer,
            emotion=canonical_label(answer, self._labels) if labelled else None,
            well_formed=well_formed,
        )

    def _enter(self, tag: str) -> None:
        self._tags.append(tag)
        if tag.startswith("</"):
            self._section = None
        else:
            self._section = "think" if tag == "<think>" else "answer"

    def _emit(self, text: str, out: list[tuple[Section, str]]) -> None:
        if self._section is None and text.strip():
            self._stray = True
        section = self._section or self._home
        body = text.rstrip()
        held = self._space[section]
        if not body:
            # White space before the first word is dropped; later it waits for the next word.
            self._space[section] = held + text if self._text[section] else ""
            return
        if self._text[section]:
            body = held + body
        else:
            body = body.lstrip()
        self._space[section] = text[len(text.rstrip()) :]
        self._text[section] += body
        out.append((section, body))


def _joined(pieces: list[tuple[Section, str]]) -> list[tuple[Section, str]]:
    """Neighbouring pieces of one section as one piece."""
    out: list[tuple[Section, str]] = []
    for section, text in pieces:
        if out and out[-1][0] == section:
            out[-1] = (section, out[-1][1] + text)
        else:
            out.append((section, text))
    return out


def parse_response(text: str, labels: Sequence[str], mode: Mode = "emotion") -> ParsedResponse:
    """A whole reply at once; the same as feeding it in pieces."""
    parser = ResponseParser(labels, mode)
    parser.feed(text)
    return parser.finish()
