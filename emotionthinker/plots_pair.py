"""Two voices on the same axes: pitch, energy and words before and after a change, one curve over the other."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from emotionthinker.plots import PALETTES, PHONE_PX, describe_figure, for_page, lane_axes, lane_label
from emotionthinker.scale import track

Record = Mapping[str, Any]


def draw_pair(before: Record, after: Record, *, width_px: int = 960) -> tuple[str, str]:
    """SVG for the page and its alt text.

    before, after: prosody records (their `to_dict()`). Both share one time axis (seconds), one pitch axis (semitones from the
    median of the first, or of the second where the first has no pitch) and one energy axis (dBFS). The first is drawn thin and
    dashed.
    """
    import matplotlib

    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["svg.hashsalt"] = "emotionthinker"
    from matplotlib.figure import Figure

    colour = PALETTES["light"]
    width_px = int(min(max(width_px, 280), 2400))
    phone = width_px < PHONE_PX
    size = 11.0 if phone else 12.0
    left, right, top, gap, axis = (34 if phone else 46), 10, 6, 12, 24
    heights = {"pitch": 150, "energy": 84, "words": 62}
    height_px = top + sum(heights.values()) + 2 * gap + axis
    duration_s = max(before["duration_s"], after["duration_s"]) or 1.0
    figure = Figure(figsize=(width_px / 72, height_px / 72), dpi=72, facecolor=colour["paper"])
    plot_px = width_px - left - right
    axes, y = {}, float(top)
    for name, height in heights.items():
        box = (left / width_px, 1 - (y + height) / height_px, plot_px / width_px, height / height_px)
        axes[name] = lane_axes(figure, box, duration_s, size, colour)
        y += height + gap
    _pitch(axes["pitch"], before, after, size, colour)
    _energy(axes["energy"], before, after, size, colour)
    _words(axes["words"], before, after, size, colour, plot_px / duration_s)
    _seconds(axes["words"], duration_s, plot_px)

    alt = f"Before: {describe_figure(dict(before))} After: {describe_figure(dict(after))}"
    out = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that matplotlib's own font lacks is drawn by the reader's font
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "EmotionThinker", "Title": alt})
    svg = out.getvalue()
    return for_page(svg[svg.index("<svg") :], colour), alt


def _pitch(ax: Any, before: Record, after: Record, size: float, colour: dict[str, str]) -> None:
    reference_hz = before["f0_median_hz"] or after["f0_median_hz"]
    named = f", semitones from {reference_hz:.0f} Hz" if reference_hz else ""
    lane_label(ax, f"pitch{named}: dashed before", size, colour["pitch"])
    if not reference_hz:
        ax.set_yticks([])
        ax.text(0.5, 0.45, "no pitch in either", transform=ax.transAxes, ha="center", fontsize=size, color=colour["soft"])
        return
    curves = [12 * np.log2(track(record, "f0", "hz") / reference_hz) for record in (before, after)]
    known = np.concatenate([curve[np.isfinite(curve)] for curve in curves])
    low, high = min(float(known.min()) - 1, -4.0), max(float(known.max()) + 1, 4.0)
    ax.set_ylim(low, high + 0.2 * (high - low))
    step = 4 if high - low < 24 else 12
    ticks = range(step * math.ceil(low / step), math.ceil(high), step)
    ax.set_yticks(list(ticks), labels=[f"{value:+d}".replace("-", "−") if value else "0" for value in ticks])
    for value in ticks:
        ax.axhline(value, color=colour["hair"], linewidth=0.7, zorder=1)
    for record, curve, style in ((before, curves[0], _before_style(colour)), (after, curves[1], _after_style(colour, "pitch"))):
        times = np.arange(len(curve)) * record["f0"]["hop_s"]
        ax.plot(times, curve, **style)
        alone = np.isfinite(curve) & ~np.r_[False, np.isfinite(curve[:-1])] & ~np.r_[np.isfinite(curve[1:]), False]
        ax.plot(times[alone], curve[alone], ".", color=style["color"], markersize=3)
    if not np.isfinite(curves[1]).any():
        ax.text(0.99, 0.06, "no pitch after the change", transform=ax.transAxes, ha="right", fontsize=size, color=colour["pitch"])


def _energy(ax: Any, before: Record, after: Record, size: float, colour: dict[str, str]) -> None:
    lane_label(ax, "energy, dBFS: dashed before", size, colour["energy"])
    curves = [track(record, "energy", "dbfs") for record in (before, after)]
    top = max(float(np.nanmax(curve, initial=-100.0)) for curve in curves)
    bottom = max(min(float(np.nanquantile(curve, 0.05)) if len(curve) else -100.0 for curve in curves) - 4, top - 70)
    ax.set_ylim(bottom, top + 0.45 * max(top - bottom, 10))
    ticks = [value for value in range(-100, 1, 20) if bottom + 3 < value < top + 4]
    ax.set_yticks(ticks, labels=[f"−{-value}" if value else "0" for value in ticks])
    for value in ticks:
        ax.axhline(value, color=colour["hair"], linewidth=0.7, zorder=1)
    for record, curve, style in ((before, curves[0], _before_style(colour)), (after, curves[1], _after_style(colour, "energy"))):
        ax.plot(np.arange(len(curve)) * record["energy"]["hop_s"], np.clip(curve, bottom, None), **(style | {"linewidth": 1.3}))


def _words(ax: Any, before: Record, after: Record, size: float, colour: dict[str, str], px_per_s: float) -> None:
    """Two rows of words. A word without room is left out; its stretch is drawn all the same."""
    ax.set_ylim(2, 0)
    ax.set_yticks([0.62, 1.62], labels=["was", "is"])
    for row, (record, ink) in enumerate(((before, colour["soft"]), (after, colour["ink"]))):
        end_px = -1e9
        for word in record["words"]:
            ax.plot([word["start"], word["end"]], [row + 0.2] * 2, color=ink, linewidth=3 if word["stressed"] else 1.2,
                    solid_capstyle="butt")
            centre = (word["start"] + word["end"]) / 2
            half_px = len(word["word"]) * size * (0.35 if word["stressed"] else 0.31) + (7 if word["stressed"] else 3)
            if centre * px_per_s - half_px < max(end_px, 0.0):
                continue
            end_px = centre * px_per_s + half_px
            text = ax.text(centre, row + 0.62, word["word"] + ("●" if word["stressed"] else ""), ha="center", va="center",
                           fontsize=size, fontweight="bold" if word["stressed"] else "normal", color=ink)
            text.set_parse_math(False)  # a word such as "$5" is no formula


def _seconds(ax: Any, duration_s: float, plot_px: float) -> None:
    step = next((s for s in (0.2, 0.5, 1, 2, 5, 10, 15, 30) if s >= duration_s / max(plot_px / 90, 2)), 60)
    ticks = np.arange(0, duration_s + 1e-6, step)
    labels = [f"{t:.1f}" if step < 1 else f"{t:.0f}" for t in ticks]
    ax.set_xticks(ticks, labels=[labels[0] + " s", *labels[1:]])


def _before_style(colour: dict[str, str]) -> dict[str, Any]:
    return {"color": colour["soft"], "linewidth": 1.2, "linestyle": (0, (3, 2)), "zorder": 2}


def _after_style(colour: dict[str, str], name: str) -> dict[str, Any]:
    return {"color": colour[name], "linewidth": 2.2, "solid_capstyle": "round", "zorder": 3}
