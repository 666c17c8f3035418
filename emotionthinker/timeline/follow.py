"""A long recording followed from its first second to its last: decoded, cut, measured, explained, in blocks.

    for event in follow("call.mp3", explainer): ...      # Opened, then a Progress for every utterance and block, then Finished
    timeline = event.timeline.to_dict()

Memory does not grow with the length, but for the table of utterances (about 3 kB each, 1,200 an hour). Setting `cancel`
ends it after the utterance at hand; with a `Store`, the next run takes what is done from there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE, Limits
from emotionthinker.pipeline import Explainer
from emotionthinker.prompt import Mode, choose_labels
from emotionthinker.prosody.energy import track_energy
from emotionthinker.timeline.lines import MEASURES, Reference, reference_of, relative, smoothed_lines
from emotionthinker.timeline.reading import Lines, open_lines
from emotionthinker.timeline.scoring import Segment, score
from emotionthinker.timeline.segments import Segmenter, Utterance
from emotionthinker.timeline.store import Store
from emotionthinker.timeline.turns import Turn, find_turns

# One side of a call heard on the other's channel: the same rise and fall of level, and weaker.
LEAK_DB, LEAK_LIKENESS = 6.0, 0.8
RECENT_S = 60.0  # of sound kept to look for it


@dataclass
class Timeline:
    """What is known of a recording: all segments in order of time. Lines and turns are computed from them when asked for."""

    name: str
    channels: str
    lines: tuple[str, ...]
    labels: tuple[str, ...]  # () where no emotion was asked for
    mode: Mode
    model: str | None
    announced_s: float | None = None
    heard_s: float = 0.0
    complete: bool = False
    leaked: int = 0  # utterances left out because they are the other channel's
    segments: list[Segment] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        """Seconds: as heard once it is complete, before that as the header announced, where it did."""
        return self.heard_s if self.complete else max(self.heard_s, self.announced_s or 0.0)

    def of_line(self, line: str) -> list[Segment]:
        """The segments of one line, in order of time."""
        return sorted((s for s in self.segments if s.line == line), key=lambda s: s.start_s)

    def spoken_lines(self) -> list[str]:
        """The lines on which anybody spoke so far."""
        return [line for line in self.lines if any(s.line == line for s in self.segments)]

    def reference(self, line: str) -> Reference | None:
        """The beginning of a line, which its change is held against; None where nobody spoke on it yet."""
        return reference_of(self.of_line(line))

    def smoothed(self, line: str) -> dict[str, Any]:
        """As `lines.smoothed_lines`. The line must be a spoken one."""
        segments = self.of_line(line)
        reference = reference_of(segments)
        assert reference is not None
        return smoothed_lines(segments, reference, self.labels)

    def turns(self) -> list[Turn]:
        """Of all lines, in order of time."""
        found: list[Turn] = []
        for line in self.spoken_lines():
            segments = self.of_line(line)
            reference = reference_of(segments)
            assert reference is not None
            found += find_turns(segments, reference, self.labels)
        return sorted(found, key=lambda turn: turn.time_s)

    def to_dict(self) -> dict[str, Any]:
        """The timeline's JSON: plain types, numbers to 4 decimals, None for what was not measured."""
        lines = {}
        rows: dict[tuple[str, float], dict[str, Any]] = {}
        for line in self.spoken_lines():
            segments, smoothed = self.of_line(line), self.smoothed(line)
            reference = reference_of(segments)
            assert reference is not None
            lines[line] = {"reference": asdict(reference)}
            for i, segment in enumerate(segments):
                rows[line, segment.start_s] = {
                    **segment.to_dict(),
                    "relative": relative(segment, reference),
                    "smoothed": {"scores": {label: track[i] for label, track in smoothed["scores"].items()},
                                 **{name: smoothed[name][i] for name in MEASURES}},
                }
        return rounded({
            "name": self.name, "duration_s": self.duration_s, "heard_s": self.heard_s, "complete": self.complete,
            "channels": self.channels, "labels": list(self.labels), "mode": self.mode, "model": self.model, "lines": lines,
            "segments": [rows[key] for key in sorted(rows, key=lambda key: (key[1], key[0]))],
            "turns": [turn.to_dict() for turn in self.turns()],
            "warnings": self.warnings(),
        })

    def warnings(self) -> list[str]:
        """Sentences on what the recording does not support, or what was left out."""
        said = []
        if self.complete and not self.segments:
            said.append(f"No speech was found in this recording of {clock(self.duration_s)}.")
        if self.channels == "mixed":
            said.append("Its channels hold the same sound, so all speakers are on one line: a change of speaker can look like a "
                        "turn of tone.")
        elif self.channels == "mono":
            said.append("It has one channel, so all speakers are on one line: a change of speaker can look like a turn of tone.")
        if self.leaked:
            said.append(f"{self.leaked} utterances were left out, because they are the other side of the call, heard through.")
        return said


@dataclass(frozen=True)
class Opened:
    """The recording is open. `timeline` grows while it is followed."""

    timeline: Timeline


@dataclass(frozen=True)
class Progress:
    """Another utterance is done (`segment`), or another block was heard (None)."""

    segment: Segment | None = None


@dataclass(frozen=True)
class Finished:
    """The last event: the whole recording, or what was done when it was stopped."""

    timeline: Timeline


Event = Opened | Progress | Finished


def follow(
    path: str | Path,
    explainer: Explainer | None,
    *,
    transcribe: bool = True,
    mode: Mode = "emotion",
    labels: Sequence[str] | None = None,
    limits: Limits | None = None,
    store: Store | None = None,
    cancel: threading.Event | None = None,
) -> Iterator[Event]:
    """Follow a recording, event by event.

    explainer: None only measures. transcribe: whether the words are recognised (without them there is no speaking rate).
    mode: "emotion", or "describe" for captions without any emotion. labels: a part of what the model knows. limits: default
    `Limits.long_from_env()`. store: takes what is there, and keeps what is done.
    Raises EmotionThinkerError subclasses, some of them in the middle.
    """
    cancel = cancel or threading.Event()
    chosen = choose_labels(labels, explainer.style.labels) if explainer is not None and mode == "emotion" else ()
    with open_lines(path, limits or Limits.long_from_env()) as opened:
        timeline = Timeline(opened.name, opened.channels, opened.lines, chosen, mode,
                            None if explainer is None else explainer.name, opened.announced_s)
        yield Opened(timeline)
        for heard_s, line, utterance in _utterances(opened, timeline):
            timeline.heard_s = heard_s
            if cancel.is_set():
                break
            if utterance is None:
                yield Progress()
                continue
            kept = store.get(line, utterance.start_s, utterance.end_s) if store is not None else None
            segment = kept or score(utterance, line, explainer, transcribe=transcribe, mode=mode, labels=chosen or None,
                                    cancel=cancel)
            if segment is None:
                break
            if store is not None and kept is None:
                store.add(segment)
            timeline.segments.append(segment)
            yield Progress(segment)
        else:
            timeline.complete = True
    timeline.segments.sort(key=lambda s: (s.start_s, s.line))  # two lines are heard a window at a time each
    yield Finished(timeline)


def _utterances(opened: Lines, timeline: Timeline) -> Iterator[tuple[float, str, Utterance | None]]:
    """Seconds heard, line, utterance, as they are found; None for the utterance after each block. Leaks are left out."""
    segmenters = [Segmenter() for _ in opened.lines]
    recent = np.zeros((0, len(opened.lines)), np.float32)
    heard = 0

    def kept(found: Iterator[Utterance], index: int) -> Iterator[tuple[float, str, Utterance]]:
        for utterance in found:
            if len(opened.lines) > 1 and leaked(utterance, index, recent, heard / SAMPLE_RATE):
                timeline.leaked += 1
            else:
                yield heard / SAMPLE_RATE, opened.lines[index], utterance

    for block in opened.blocks:
        # The first block of a stereo file may be minutes long: the segmenters get it in pieces, so that results come at once.
        for start in range(0, len(block), int(RECENT_S * SAMPLE_RATE) // 4):
            piece = block[start : start + int(RECENT_S * SAMPLE_RATE) // 4]
            heard += len(piece)
            if len(opened.lines) > 1:
                recent = np.concatenate((recent, piece))[-int(RECENT_S * SAMPLE_RATE) :]
            for index, segmenter in enumerate(segmenters):
                yield from kept(segmenter.feed(piece[:, index]), index)
            yield heard / SAMPLE_RATE, "", None
    for index, segmenter in enumerate(segmenters):
        yield from kept(segmenter.finish(), index)
    yield heard / SAMPLE_RATE, "", None


def leaked(utterance: Utterance, index: int, recent: np.ndarray, until_s: float) -> bool:
    """Whether an utterance of line `index` is the other line's speech heard through: weaker, and rising and falling with it.

    recent: (n, 2) at 16 kHz, both lines up to `until_s` seconds.
    """
    from_s = until_s - len(recent) / SAMPLE_RATE
    part = recent[max(0, round((utterance.start_s - from_s) * SAMPLE_RATE)) : round((utterance.end_s - from_s) * SAMPLE_RATE)]
    if len(part) < SAMPLE_RATE // 10:
        return False
    own, other = (track_energy(np.ascontiguousarray(part[:, i])).dbfs for i in (index, 1 - index))
    if np.mean(10 ** (other / 10)) < 10 ** (LEAK_DB / 10) * np.mean(10 ** (own / 10)) or min(own.std(), other.std()) < 1e-6:
        return False
    return bool(np.corrcoef(own, other)[0, 1] >= LEAK_LIKENESS)


def rounded(value: Any) -> Any:
    """Numbers to 4 decimals, in whatever dictionaries and lists they lie."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


def clock(seconds: float) -> str:
    """Minutes and seconds for people, hours where there are any.

    >>> clock(75.4), clock(3661)
    ('1:15', '1:01:01')
    """
    whole = int(seconds)
    minutes = f"{whole // 60 % 60}:{whole % 60:02d}"
    return minutes if whole < 3600 else f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
