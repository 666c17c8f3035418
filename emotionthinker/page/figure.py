"""The drawing with the layer that makes it an instrument: playhead, words to press, values under the pointer.

The layer is plain HTML over the SVG, placed in fractions of its size; `assets/page.js` moves it. What the pointer needs to know
travels as numbers in an attribute.
"""

from __future__ import annotations

import json
import math
from html import escape
from typing import Any

from emotionthinker.plots import Drawing

MAX_POINTS = 2000  # per curve, under the pointer


def empty_figure_html(text: str = "") -> str:
    """The frame with room for the figure, before there is one."""
    text = text or ("Press an example, bring a recording or speak. The voice is drawn here on one time axis, and the words below "
                    "point at it.")
    return f'<div class="et-figure et-empty"><p>{escape(text)}</p></div>'


def figure_html(drawing: Drawing, record: dict[str, Any]) -> str:
    """The drawing and its layer.

    Words are buttons that play themselves; the whole layer is a slider that arrow keys move and Space plays.
    """
    duration_s = record["duration_s"]
    words = record.get("words") or []
    buttons = []
    for box in drawing.words:
        place = (f"left:{100 * box.left:.2f}%;top:{100 * box.top:.2f}%;width:{100 * box.width:.2f}%;"
                 f"height:{100 * box.height:.2f}%")
        buttons.append(_word_button(box.index, words[box.index], f' style="{place}"', ""))
    flow = ""
    if len(drawing.words) < len(words):  # too many for the lane: the text below the figure holds them all
        flow = "".join(_word_button(index, word, "", escape(str(word["word"]))) for index, word in enumerate(words))
        flow = f'<p class="et-flow" dir="auto">{flow}</p>'
    lanes = "".join(
        f'<div class="et-lane" data-name="{name}" style="top:{100 * top:.2f}%;height:{100 * (bottom - top):.2f}%"></div>'
        for name, (top, bottom) in drawing.lanes.items())
    series = {
        "duration": duration_s,
        "f0": _thin(record["f0"], 1),
        "energy": _thin(record["energy"], 1),
        "median": record.get("f0_median_hz"),
        "words": [[w["word"], w["start"], w["end"]] for w in words],
    }
    numbers = escape(json.dumps(series, ensure_ascii=False, allow_nan=False), quote=True)
    left, right = 100 * drawing.plot_left, 100 * (1 - drawing.plot_right)
    return (
        f'<figure class="et-figure" role="group" aria-label="The voice on one time axis">'
        f'<div class="et-drawing" data-width="{drawing.width_px}" data-series="{numbers}" '
        f'style="aspect-ratio:{drawing.width_px} / {drawing.height_px}">'
        f'<div role="img" aria-label="{escape(drawing.alt)}">{drawing.svg}</div>'
        f'<div class="et-layer" style="left:{left:.3f}%;right:{right:.3f}%" role="slider" tabindex="0" aria-label="Playhead" '
        f'aria-valuemin="0" aria-valuemax="{duration_s:.2f}" aria-valuenow="0" aria-valuetext="0 seconds">'
        f'{lanes}<div class="et-selection" hidden></div><div class="et-playhead"></div></div>'
        f'<div class="et-words">{"".join(buttons)}</div><div class="et-tip" aria-hidden="true" hidden></div></div>'
        f'{flow}<figcaption class="et-sr">{escape(drawing.alt)}</figcaption></figure>'
    )


def _word_button(index: int, word: dict[str, Any], attributes: str, text: str) -> str:
    stressed = ", stressed" if word.get("stressed") else ""
    label = f"{word['word']}, {word['start']:.2f} to {word['end']:.2f} seconds{stressed}"
    return (f'<button type="button" class="et-word{" et-stressed" if stressed else ""}" data-word="{index}" data-words="{index}" '
            f'data-lane="words" data-start="{word["start"]:.3f}" data-end="{word["end"]:.3f}" '
            f'aria-label="{escape(label)}"{attributes}>{text}</button>')


def _thin(track: dict[str, Any], digits: int) -> dict[str, Any]:
    """A curve with at most MAX_POINTS values: every n-th, rounded; None stays None."""
    key = "hz" if "hz" in track else "dbfs"
    values = track[key]
    stride = max(1, math.ceil(len(values) / MAX_POINTS))
    return {"hop": track["hop_s"] * stride, "y": [None if v is None else round(v, digits) for v in values[::stride]]}
