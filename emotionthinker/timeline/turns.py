"""Where the tone turns: change points of the label scores and of the measured voice together.

Each utterance of a line is a point whose coordinates are its label scores and its pitch, energy, speed and pitch range, brought
to one scale; the recording is cut where that lowers the squared distance to the mean of each stretch by more than a fixed cost
(Killick et al. 2012, PELT, with the linear kernel; `ruptures`, Truong et al. 2020). The cost is not raised with the length of
the recording: what counts as a turn in a minute must count as one in an hour.

The scale and the cost were chosen on recordings joined from clips of nine CREMA-D dev speakers; `python -m benchmarks.turns`
reports the other nine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from emotionthinker.timeline.lines import Reference, relative
from emotionthinker.timeline.scoring import Segment

# One unit of distance: the whole probability of a label, or this much of a measure. Differences are cut off at LIMIT units of
# it, so that one shout, or one octave error, is no turn.
UNITS = {"pitch_st": 10.0, "energy_db": 10.0, "speed_percent": 80.0, "range_st": 27.0}
LIMIT = {"pitch_st": 0.8, "energy_db": 1.2, "speed_percent": 0.6, "range_st": 0.6}
COST = 1.6  # of a turn, in squared units, with label scores
COST_OF_SOUND = 0.4  # … and from the measured voice alone
SHORTEST = 3  # utterances between two turns: a tone that lasts
BESIDE = 8  # utterances on each side at most that a turn is described by

# What is told as a change: more than listeners need to notice one between two stretches of speech ('t Hart 1981 for pitch),
# and more than twice its standard error.
TOLD = {"pitch_st": 1.0, "range_st": 2.0, "energy_db": 2.0, "speed_percent": 8.0}
WORDS = {"pitch_st": ("higher", "lower"), "range_st": ("wider", "narrower"), "energy_db": ("louder", "quieter"),
         "speed_percent": ("faster", "slower")}
AMOUNTS = {"pitch_st": "{:.1f} semitones {}", "range_st": "pitch range {:.1f} semitones {}", "energy_db": "{:.0f} dB {}",
           "speed_percent": "{:.0f} % {}"}


@dataclass(frozen=True)
class Side:
    """The stretch on one side of a turn: from and to in seconds, utterances, and the label with the highest mean score."""

    from_s: float
    to_s: float
    n: int
    label: str | None
    score: float | None


@dataclass(frozen=True)
class Change:
    """A measure that differs between both sides: after minus before, in the unit of its name, and as words."""

    measure: str
    difference: float
    text: str


@dataclass(frozen=True)
class Turn:
    """A moment where the tone of one line turns: the start, in seconds, of the first utterance that sounds otherwise.

    `explained_s`: the start of the utterance after the turn whose explanation stands for it.
    """

    line: str
    time_s: float
    before: Side
    after: Side
    changes: list[Change]
    summary: str
    explained_s: float

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as in the timeline's JSON."""
        return asdict(self)


def find_turns(segments: Sequence[Segment], reference: Reference, labels: Sequence[str]) -> list[Turn]:
    """The turns of one line's segments, in order of time."""
    judged = [s for s in segments if s.scores] if labels else [s for s in segments if s.energy_dbfs is not None]
    edges = [0, *change_points(judged, reference, labels), len(judged)]
    turns = []
    for (start, at), (_, end) in pairwise(pairwise(edges)):
        turns.append(_describe(judged[max(start, at - BESIDE) : at], judged[at : min(end, at + BESIDE)], reference, labels))
    return turns


def change_points(segments: Sequence[Segment], reference: Reference, labels: Sequence[str]) -> list[int]:
    """Indices of the segments with which another tone begins. labels: () where no model was asked."""
    if len(segments) < 2 * SHORTEST:
        return []
    import ruptures

    found = ruptures.KernelCPD(kernel="linear", min_size=SHORTEST).fit(points(segments, reference, labels))
    return [int(i) for i in found.predict(pen=COST if labels else COST_OF_SOUND)[:-1]]


def points(segments: Sequence[Segment], reference: Reference, labels: Sequence[str]) -> np.ndarray:
    """(n, labels + 4): the coordinates of each segment. What was not measured lies at the middle of what was."""
    scores = np.array([[s.scores.get(label, 0.0) for label in labels] for s in segments], float).reshape(len(segments), -1)
    columns = [scores]
    for name in UNITS:
        values = np.array([_value(s, reference, name) for s in segments], float)
        known = values[np.isfinite(values)]
        middle = float(np.median(known)) if len(known) else 0.0
        scaled = (np.where(np.isfinite(values), values, middle) - middle) / UNITS[name]
        columns.append(np.clip(scaled, -LIMIT[name], LIMIT[name])[:, None])
    return np.concatenate(columns, axis=1)


def _value(segment: Segment, reference: Reference, name: str) -> float:
    value = segment.f0_range_st if name == "range_st" else relative(segment, reference)[name]
    return np.nan if value is None else value


def _describe(before: Sequence[Segment], after: Sequence[Segment], reference: Reference, labels: Sequence[str]) -> Turn:
    first, second = _side(before, labels), _side(after, labels)
    changes = [change for name in TOLD if (change := _change(name, before, after, reference)) is not None]
    fitting = [s for s in after[:SHORTEST] if second.label is not None and s.emotion == second.label]
    return Turn(
        line=after[0].line,
        time_s=after[0].start_s,
        before=first,
        after=second,
        changes=changes,
        summary=_summary(first, second, changes),
        explained_s=(fitting or after)[0].start_s,
    )


def _side(segments: Sequence[Segment], labels: Sequence[str]) -> Side:
    weights = np.array([s.speech_s for s in segments])
    means = {label: float(np.average([s.scores.get(label, 0.0) for s in segments], weights=weights)) for label in labels}
    label = max(means, key=means.__getitem__) if means else None
    return Side(segments[0].start_s, segments[-1].end_s, len(segments), label, means[label] if label is not None else None)


def _change(name: str, before: Sequence[Segment], after: Sequence[Segment], reference: Reference) -> Change | None:
    one, other = (np.array([v for s in side if np.isfinite(v := _value(s, reference, name))]) for side in (before, after))
    if len(one) < 2 or len(other) < 2:
        return None
    difference = float(other.mean() - one.mean())
    error = float(np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other)))
    if abs(difference) < TOLD[name] or abs(difference) < 2 * error:
        return None
    return Change(name, difference, AMOUNTS[name].format(abs(difference), WORDS[name][difference < 0]))


def _summary(before: Side, after: Side, changes: Sequence[Change]) -> str:
    """What happens at a turn, in one sentence."""
    measured = ", ".join(change.text for change in changes)
    if after.label is None:
        return f"The voice changes: {measured}." if measured else "The voice changes in several measures, in none of them clearly."
    if after.label == before.label:
        told = f"The tone changes, but stays {after.label}"
    else:
        told = f"The tone turns from {before.label} to {after.label}"
    return f"{told}: {measured}." if measured else f"{told}; no measure changes clearly."
