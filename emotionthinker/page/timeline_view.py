"""A timeline as HTML: the lines over the recording, the turns, and the table of utterances.

Every lane is a small SVG that stretches with the page, so nothing has to be drawn again for another width; `assets/timeline.js`
moves the playhead and plays. Emotions are told apart by their row and its name, never by colour alone. Every text of a model or
a recogniser is escaped here, once, at the last moment.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from html import escape
from typing import Any

from emotionthinker.page.story import reasoning_html
from emotionthinker.timeline.follow import Timeline, clock
from emotionthinker.timeline.lines import relative
from emotionthinker.timeline.scoring import Segment
from emotionthinker.timeline.turns import Turn

MAX_POINTS = 400  # of a smoothed line: one for nine seconds of an hour, about the width of the smoothing
WIDTH, LABEL_ROW, MEASURE_ROW = 1000, 18, 46  # units of the drawings
# measure -> (name, unit, least distance from the middle to an edge)
LANES = {"pitch_st": ("pitch", "st", 3.0), "energy_db": ("energy", "dB", 4.0), "speed_percent": ("speed", "%", 20.0)}
NOTHING = ("Bring a call or an interview of up to {minutes:g} minutes. What its voices do is drawn here as it is heard, with the "
           "moments where their tone turns.")
LISTED_WHILE_RUNNING = 30  # utterances in the table; all of them once it is done
BEFORE_TURN_S, AFTER_TURN_S = 4.0, 10.0  # played around a turn


def empty_timeline_html(longest_s: float) -> str:
    """The frame before there is a recording."""
    return f'<div class="tl-empty"><p>{escape(NOTHING.format(minutes=longest_s / 60))}</p></div>'


def timeline_html(timeline: Timeline, turns: Sequence[Turn]) -> str:
    """All lanes of all spoken lines on one time axis, turns marked, with what the pointer needs to know as numbers."""
    duration_s = max(timeline.duration_s, 1e-3)
    several = len(timeline.lines) > 1
    lanes, series = [], {}
    for line in timeline.spoken_lines():
        segments, smoothed = timeline.of_line(line), timeline.smoothed(line)
        reference = timeline.reference(line)
        assert reference is not None
        if several:
            lanes.append(f'<div class="tl-name tl-line">{escape(line)} channel</div><div></div>')
        lanes.append(_lane("speech", "", _speech(segments, duration_s), 8))
        for label, track in smoothed["scores"].items():
            lanes.append(_lane(label, "", _area(smoothed["times_s"], track, duration_s), LABEL_ROW, "tl-label"))
        for name, (title, unit, least) in LANES.items():
            lanes.append(_measure_lane(title, unit, smoothed["times_s"], smoothed[name], least, duration_s))
        series[line] = [_spoken(segment, relative(segment, reference)) for segment in segments]
    numbers = json.dumps({"duration": round(duration_s, 3), "lines": series}, ensure_ascii=False, allow_nan=False)
    marks = "".join(
        f'<button type="button" class="tl-turn" style="left:{100 * turn.time_s / duration_s:.3f}%" '
        f'data-tl-start="{max(0.0, turn.time_s - BEFORE_TURN_S):.2f}" data-tl-end="{turn.time_s + AFTER_TURN_S:.2f}" '
        f'data-tl-card="{number}" aria-label="Turn {number} at {clock(turn.time_s)}: {escape(turn.summary)}">'
        f'<span>{number}</span></button>' for number, turn in enumerate(turns, 1))
    done = 100 * min(timeline.heard_s / duration_s, 1.0)
    return (
        f'<figure class="tl-figure" aria-label="{escape(_alt(turns))}" data-series="{escape(numbers)}">'
        f'<div class="tl-grid">{"".join(lanes)}<div class="tl-name"></div><div class="tl-axis">{_axis(duration_s)}</div>'
        f'<div class="tl-layer" role="slider" tabindex="0" aria-label="Playhead" aria-valuemin="0" '
        f'aria-valuemax="{duration_s:.1f}" aria-valuenow="0" aria-valuetext="0:00">'
        f'<div class="tl-ahead" style="left:{done:.3f}%"></div>{marks}'
        f'<div class="tl-playhead"></div></div></div><div class="tl-tip" aria-hidden="true" hidden></div>'
        f'<figcaption class="et-note">{escape(_caption(timeline))}</figcaption></figure>'
    )


def _alt(turns: Sequence[Turn]) -> str:
    """What the figure shows, for those who do not see it."""
    told = "; ".join(f"{clock(turn.time_s)} {turn.summary}" for turn in turns[:10])
    more = f"; and {len(turns) - 10} more" if len(turns) > 10 else ""
    return f"The recording over time. Turns: {told}{more}" if turns else "The recording over time, without a turn"


def _caption(timeline: Timeline) -> str:
    told = []
    for line in timeline.spoken_lines():
        reference = timeline.reference(line)
        assert reference is not None
        whose = f"the {line} channel's" if len(timeline.lines) > 1 else "the voice's"
        values = [f"{reference.f0_hz:.0f} Hz" if reference.f0_hz else "", f"{reference.energy_dbfs:.0f} dBFS".replace("-", "−")
                  if reference.energy_dbfs is not None else "", f"{reference.rate_pps:.1f} phones/s" if reference.rate_pps else ""]
        told.append(f"{whose} own {clock(reference.from_s)} to {clock(reference.to_s)} ({', '.join(v for v in values if v)})")
    what = "share of each emotion that the voice sounds like, and " if timeline.labels else ""
    return (f"Smoothed over about 20 s: {what}pitch, energy and speed against " + "; ".join(told) + ".") if told else ""


def _lane(name: str, note: str, drawing: str, height: int, css: str = "") -> str:
    """note: of a lane whose name is ours and is translated; a label of the model is not."""
    shown = f"<span>{escape(name)}</span><small>{escape(note)}</small>" if note else f"<bdi>{escape(name)}</bdi>"
    return (f'<div class="tl-name {css}">{shown}</div><svg class="tl-svg {css}" viewBox="0 0 {WIDTH} {height}" '
            f'preserveAspectRatio="none" style="height:{height}px" aria-hidden="true" focusable="false">{drawing}</svg>')


def _x(seconds: float, duration_s: float) -> str:
    return f"{WIDTH * seconds / duration_s:.1f}"


def _speech(segments: Sequence[Segment], duration_s: float) -> str:
    parts = [f"M{_x(s.start_s, duration_s)} 1H{max(WIDTH * s.end_s / duration_s, WIDTH * s.start_s / duration_s + 0.6):.1f}V7H"
             f"{_x(s.start_s, duration_s)}Z" for s in segments]
    return f'<path class="tl-speech" d="{"".join(parts)}"/>'


def _runs(times_s: Sequence[float], values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """Stretches without a gap, with at most MAX_POINTS points in all."""
    stride = max(1, math.ceil(len(times_s) / MAX_POINTS))
    runs: list[list[tuple[float, float]]] = [[]]
    for t, value in list(zip(times_s, values, strict=True))[::stride]:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((t, value))
    return [run for run in runs if run]


def _area(times_s: Sequence[float], values: Sequence[float | None], duration_s: float) -> str:
    height = LABEL_ROW - 2
    parts = [f'<line class="tl-zero" x1="0" x2="{WIDTH}" y1="{LABEL_ROW - 1}" y2="{LABEL_ROW - 1}"/>']
    for run in _runs(times_s, values):
        points = "L".join(f"{_x(t, duration_s)} {LABEL_ROW - 1 - height * min(max(v, 0.0), 1.0):.1f}" for t, v in run)
        parts.append(f'<path class="tl-area" d="M{_x(run[0][0], duration_s)} {LABEL_ROW - 1}L{points}'
                     f'L{_x(run[-1][0], duration_s)} {LABEL_ROW - 1}Z"/>')
    return "".join(parts)


def _measure_lane(title: str, unit: str, times_s: Sequence[float], values: Sequence[float | None], least: float,
                  duration_s: float) -> str:
    """A line around zero (the voice's own beginning); the lane reaches as far above as below."""
    known = [abs(v) for v in values if v is not None]
    reach = max([least, *known])
    middle = MEASURE_ROW / 2
    parts = [f'<line class="tl-zero" x1="0" x2="{WIDTH}" y1="{middle}" y2="{middle}"/>']
    for run in _runs(times_s, values):
        points = "L".join(f"{_x(t, duration_s)} {middle - (middle - 2) * v / reach:.1f}" for t, v in run)
        parts.append(f'<path class="tl-curve tl-{title}" d="M{points}"/>')
    return _lane(title, f"±{reach:.0f} {unit}" if known else "not measured", "".join(parts), MEASURE_ROW, f"tl-measure tl-{title}")


def _axis(duration_s: float) -> str:
    step = next((s for s in (5, 10, 15, 30, 60, 120, 300, 600, 900) if duration_s / s <= 8), 1800)
    ticks = range(0, int(duration_s) + 1, step)
    return "".join(f'<span style="left:{100 * t / duration_s:.2f}%">{clock(t)}</span>' for t in ticks if t <= 0.97 * duration_s)


def _spoken(segment: Segment, measured: dict[str, float | None]) -> list[Any]:
    """What the pointer shows of an utterance: start, end, label, probability, pitch, energy, speed."""
    best = round(max(segment.scores.values()), 2) if segment.scores else None
    values = [None if value is None else round(value, 1) for value in measured.values()]
    return [round(segment.start_s, 2), round(segment.end_s, 2), segment.emotion, best, *values]


def turns_html(timeline: Timeline, turns: Sequence[Turn]) -> str:
    """Each turn as a card: play, what changed, and the model's explanation of the utterance after it."""
    if not turns:
        text = "No turn was found." if timeline.complete else "No turn was found so far."
        return f'<div class="tl-cards"><p class="et-note">{text}</p></div>'
    by_start = {(s.line, s.start_s): s for s in timeline.segments}
    cards = []
    for number, turn in enumerate(turns, 1):
        who = f" · <span>{escape(turn.line)} channel</span>" if len(timeline.lines) > 1 else ""
        explained = by_start[turn.line, turn.explained_s]
        cards.append(
            f'<article class="tl-card" data-tl-number="{number}"><h3><button type="button" class="tl-play" '
            f'data-tl-start="{max(0.0, turn.time_s - BEFORE_TURN_S):.2f}" data-tl-end="{turn.time_s + AFTER_TURN_S:.2f}">'
            f'<span aria-hidden="true">▶</span> {number} · {clock(turn.time_s)}</button>{who}</h3>'
            f'<p class="tl-what">{escape(turn.summary)}</p>{_explanation(explained)}</article>')
    return f'<div class="tl-cards">{"".join(cards)}</div>'


def _explanation(segment: Segment) -> str:
    if not segment.reasoning:
        return ""
    words = f"“<bdi>{escape(segment.words)}</bdi>”" if segment.words else f"the utterance at {clock(segment.start_s)}"
    return (f'<p class="et-note">What the model says of <button type="button" class="tl-quote" dir="auto" '
            f'data-tl-start="{segment.start_s:.2f}" data-tl-end="{segment.end_s:.2f}">{words}</button></p>'
            + reasoning_html(segment.reasoning, segment.claims, None, "done"))


def table_html(timeline: Timeline, turns: Sequence[Turn]) -> str:
    """The utterances, the newest at the end; while it runs only the last ones, and it says so."""
    rows = timeline.segments if timeline.complete else timeline.segments[-LISTED_WHILE_RUNNING:]
    if not rows:
        return '<div class="tl-table"></div>'
    references = {line: timeline.reference(line) for line in timeline.spoken_lines()}
    starts = {(turn.line, turn.time_s) for turn in turns}
    several = len(timeline.lines) > 1
    body = []
    for segment in sorted(rows, key=lambda s: (s.start_s, s.line)):
        reference = references[segment.line]
        assert reference is not None
        found = relative(segment, reference)
        turned = ' class="tl-turned"' if (segment.line, segment.start_s) in starts else ""
        best = f" {max(segment.scores.values()):.2f}" if segment.scores else ""
        body.append(
            f'<tr{turned}><th scope="row"><button type="button" data-tl-start="{segment.start_s:.2f}" '
            f'data-tl-end="{segment.end_s:.2f}">{clock(segment.start_s)}</button></th>'
            + (f"<td>{escape(segment.line)}</td>" if several else "")
            + (f"<td class=\"tl-sounds\"><bdi>{escape(segment.emotion or '–')}</bdi>{best}</td>" if timeline.labels else "")
            + "".join(f"<td>{_signed(found[name], digits)}</td>"
                      for name, digits in (("pitch_st", 1), ("energy_db", 0), ("speed_percent", 0)))
            + f'<td class="tl-said" dir="auto">{escape(segment.words or "")}</td></tr>')
    css = {"sounds": ' class="tl-sounds"', "words": ' class="tl-said"'}
    head = "".join(f'<th scope="col"{css.get(text, "")}>{text}</th>' for text in (
        "time", *(["channel"] if several else []), *(["sounds"] if timeline.labels else []), "pitch, st", "energy, dB", "speed, %",
        "words"))
    hidden = len(timeline.segments) - len(rows)
    note = f'<p class="et-note">The last {len(rows)} of {len(timeline.segments)} utterances; all of them when it is done.</p>'
    return (f'<div class="tl-table">{note if hidden else ""}<div class="tl-scroll" tabindex="0"><table>'
            f'<caption class="et-sr">Utterances</caption>'
            f'<thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div></div>')


def _signed(value: float | None, digits: int) -> str:
    if value is None:
        return "–"
    shown = round(value, digits) or 0.0  # no "−0"
    return f"{shown:+.{digits}f}".replace("-", "−") if shown else "0"
