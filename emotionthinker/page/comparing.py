"""What happens in the Compare tab: two clips, or two models on one, side by side. No Gradio here.

Both figures have the same axes, so that what looks higher is higher. The explanations come in turn, A's first.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from emotionthinker.audio import Clip, load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page.engine import Engine, Run
from emotionthinker.page.facts import facts_of
from emotionthinker.page.handlers import WAITING_FOR_MODEL, Options, explain, recognised_words, sentence, status_html
from emotionthinker.page.story import answer_html, reasoning_html
from emotionthinker.plots import draw_voice, rows_of_words
from emotionthinker.prosody.record import Prosody, measure_prosody
from emotionthinker.scale import Scale, fit_scale

SIDES = ("A", "B")
FACTS_TO_COME = "Pitch, range, melody, energy, speed and the rest of both clips will stand here, with how B differs from A."
Pair = tuple[Prosody, Prosody]


@dataclasses.dataclass
class CompareScreen:
    """The parts of the tab that changed; None stays as it is. Pairs are A and B."""

    status: str | None = None
    figures: tuple[str, str] | None = None
    facts: str | None = None
    reasoning: tuple[str | None, str | None] = (None, None)
    answer: tuple[str | None, str | None] = (None, None)
    records: Pair | None = None


def empty_compare_screen(text: str = "Ready. Choose a clip for A and one for B.", state: str = "empty") -> CompareScreen:
    """Without figures, facts and explanations. text: of the status line; state: how it looks."""
    told = (reasoning_html("", [], None, "empty"),) * 2
    figures = tuple(f'<div class="cp-empty"><p>{side}</p></div>' for side in SIDES)
    return CompareScreen(status_html(state, text), (figures[0], figures[1]), f'<p class="et-note">{FACTS_TO_COME}</p>', told,
                         (answer_html("empty"),) * 2)


def chosen_screen(path_a: str | None, path_b: str | None) -> CompareScreen:
    """After a clip was chosen or taken away, before both are compared: what is still to be done."""
    missing = [side for side, path in zip(SIDES, (path_a, path_b), strict=True) if not path]
    if len(missing) == 2:
        return empty_compare_screen()
    return empty_compare_screen(f"Choose a clip for {missing[0]} too." if missing else "Both clips are there. Press “Compare”.")


def measure_both(engine: Engine, run: Run, paths: Sequence[str | None], width_px: int) -> Iterator[CompareScreen]:
    """Figures with one scale and facts side by side: first what needs no words, then the words."""
    try:
        clips = [load_clip(_given(path, side), engine.settings.limits) for path, side in zip(paths, SIDES, strict=True)]
        yield empty_compare_screen("Measuring both voices …", "measuring")
        records = [measure_prosody(clip, recognise=False) for clip in clips]
        scale = fit_scale([record.to_dict() for record in records], [clip.samples for clip in clips])
        yield CompareScreen(status_html("measuring", "Listening for the words …"), figures_html(records, clips, scale, width_px))
        if run.cancel.is_set():
            return
        records = [record.with_transcript(clip, recognised_words(clip, record))
                   for record, clip in zip(records, clips, strict=True)]
        pair = (records[0], records[1])
        yield CompareScreen(status_html("waiting", f"Measured. {WAITING_FOR_MODEL}"), figures_html(records, clips, scale, width_px),
                            comparison_html(pair[0].to_dict(), pair[1].to_dict()), records=pair)
    except Exception as error:
        yield empty_compare_screen(sentence(error), "refused")


def explain_both(engines: Sequence[Engine], run: Run, paths: Sequence[str], records: Pair,
                 describe: bool) -> Iterator[CompareScreen]:
    """The explanations in turn. engines: A's and B's, which may be the same. The status has a line for each."""
    options = Options(describe=describe)
    told: list[str] = []  # how the sides before ended
    for index, (engine, path, record) in enumerate(zip(engines, paths, records, strict=True)):
        if run.cancel.is_set():
            return
        last = ""
        for screen in explain(engine, run, path, record, options):
            if screen.status is not None:
                last = screen.status.replace("<span>", f"<span>{SIDES[index]}: ", 1)
            yield CompareScreen("".join([*told, last]) if screen.status is not None else None,
                                reasoning=_on_side(index, screen.reasoning), answer=_on_side(index, screen.answer))
        if last:
            told.append(last)


def _on_side(index: int, html: str | None) -> tuple[str | None, str | None]:
    return (html, None) if index == 0 else (None, html)


def _given(path: str | None, side: str) -> str:
    if not path:
        raise EmotionThinkerError(f"There is no clip {side} yet; bring one, or choose an example.")
    return path


def figures_html(records: Sequence[Prosody], clips: Sequence[Clip], scale: Scale, width_px: int) -> tuple[str, str]:
    """Both drawings with their playheads, of one scale and one height."""
    html = []
    facts = [prosody.to_dict() for prosody in records]
    rows = max(rows_of_words(record, scale, width_px) for record in facts)
    for side, record, clip in zip(SIDES, facts, clips, strict=True):
        drawing = draw_voice(record, clip.samples, width_px=width_px, scale=scale, word_rows=rows)
        html.append(
            f'<figure class="cp-figure" data-side="{side.lower()}" data-duration="{scale.duration_s:.3f}">'
            f'<div class="cp-drawing"><div role="img" aria-label="{side}: {escape(drawing.alt)}">{drawing.svg}</div>'
            f'<div class="cp-layer" style="left:{100 * drawing.plot_left:.3f}%;right:{100 * (1 - drawing.plot_right):.3f}%">'
            '<div class="cp-playhead"></div></div></div></figure>')
    return html[0], html[1]


def comparison_html(a: dict[str, Any], b: dict[str, Any]) -> str:
    """The facts of both clips as one table, with what differs. a, b: `Prosody.to_dict()`."""
    rows = []
    for one, other in zip(facts_of(a), facts_of(b), strict=True):
        cells = "".join(f'<td>{f"<strong>{escape(f.level)}</strong> " if f.level else ""}<bdi>{escape(f.value)}</bdi></td>'
                        for f in (one, other))
        rows.append(f'<tr data-row="{one.row}"><th scope="row">{escape(one.name)}</th>{cells}'
                    f'<td>{escape(difference(one.row, a, b))}</td></tr>')
    words = "".join(f'<td dir="auto">{escape(r.get("transcription") or "–")}</td>' for r in (a, b))
    return ('<table class="cp-facts"><caption class="et-sr">Measured facts of both clips</caption><thead><tr><th></th>'
            '<th scope="col">A</th><th scope="col">B</th><th scope="col">B against A</th></tr></thead>'
            f'<tbody>{"".join(rows)}<tr><th scope="row">Words</th>{words}<td></td></tr></tbody></table>')


def difference(row: str, a: dict[str, Any], b: dict[str, Any]) -> str:
    """B against A in one row of the facts, with its unit; "" where there is nothing to subtract.

    >>> difference("energy", {"energy_dbfs": -20.0}, {"energy_dbfs": -26.0})
    '−6.0 dB'
    """
    field, unit = {"pitch": ("f0_median_hz", "semitones"), "range": ("f0_range_st", "semitones"), "energy": ("energy_dbfs", "dB"),
                   "speed": ("articulation_rate_pps", "%"), "recording": ("est_snr_db", "dB")}.get(row, ("", ""))
    one, other = a.get(field), b.get(field)
    if one is None or other is None:
        return ""
    if row in ("pitch", "range") and not (a.get("f0_reliable") and b.get("f0_reliable")):
        return ""
    if row == "pitch":
        value = 12 * math.log2(other / one)
    elif row == "speed":
        value = 100 * (other / one - 1)
    else:
        value = other - one
    return f"{value:+.1f} {unit}".replace("-", "−") if row != "speed" else f"{value:+.0f} {unit}".replace("-", "−")
