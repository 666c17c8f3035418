"""The plot of one dimension in the tab Calibrate: a small multiple, drawn for the width at hand.

Above: what people say (up) against the score that was given (across). The reward model as it comes, the reward after correction
with its interval, and one person's scores as a band; a score that people agree with lies on the dotted diagonal. Below, on the
same axis: how often people and the reward model give each score. Hues are Okabe & Ito's (2008), made dark or light enough to be
read as text; lines differ in dash and width too, so that none is told by its hue alone.
"""

from __future__ import annotations

import io
import warnings
from typing import Any, Literal

import numpy as np

from annotate.tables import HIGHEST, LOWEST
from emotionthinker.plots import for_page

Theme = Literal["page", "light", "dark"]

# Names as in assets/calibrate.css (`--et-reward` …) and assets/style.css.
PALETTES: dict[str, dict[str, str]] = {
    "light": {"paper": "#fffefb", "ink": "#20242a", "soft": "#5d646e", "hair": "#dcdad3", "reward": "#a2437c",
              "reward-fill": "#f0d9e6", "people": "#00694d", "people-fill": "#cfe7dd"},
    "dark": {"paper": "#1b1f25", "ink": "#e9e7e1", "soft": "#a6adb7", "hair": "#343a43", "reward": "#e090bd",
             "reward-fill": "#4b2f40", "people": "#3fc79b", "people-fill": "#1f4a3d"},
}
LEFT_PX, RIGHT_PX, TOP_PX, GAP_PX, BOTTOM_PX = 24, 12, 22, 20, 34
BARS_PX = 76  # height of both histograms together
TEXT_PX = 12.0


def draw_calibration(part: dict[str, Any], histogram_edges: list[float], *, width_px: int = 420, theme: Theme = "page") -> str:
    """An SVG of one dimension.

    Args:
        part: the dimension as it stands in calibration.json; it must have a map.
        histogram_edges: likewise, from the top level.
        width_px: one unit of the drawing is one CSS pixel at this width.
        theme: "page" writes colours as CSS variables; "light" and "dark" write them out.
    """
    import matplotlib

    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["svg.hashsalt"] = "emotionthinker"
    from matplotlib.figure import Figure

    colour = PALETTES["light" if theme == "page" else theme]
    width_px = int(min(max(width_px, 240), 900))
    side = width_px - LEFT_PX - RIGHT_PX
    lines_px = round(side * 0.78)
    height_px = TOP_PX + lines_px + GAP_PX + BARS_PX + BOTTOM_PX
    figure = Figure(figsize=(width_px / 72, height_px / 72), dpi=72, facecolor=colour["paper"])

    def axes(top_px: float, tall_px: float) -> Any:
        ax = figure.add_axes((LEFT_PX / width_px, 1 - (top_px + tall_px) / height_px, side / width_px, tall_px / height_px))
        ax.set_xlim(LOWEST - 0.08, HIGHEST + 0.08)
        ax.patch.set_visible(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.tick_params(length=0, labelsize=TEXT_PX - 1, labelcolor=colour["soft"], pad=3)
        return ax

    _lines(axes(TOP_PX, lines_px), part["lines"], colour)
    _distributions(axes(TOP_PX + lines_px + GAP_PX, BARS_PX), part["shares"], np.asarray(histogram_edges), colour)
    out = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that matplotlib's own font lacks is drawn by the reader's font
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "EmotionThinker"})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    return for_page(svg, colour) if theme == "page" else svg


def _lines(ax: Any, lines: dict[str, list[dict[str, Any]]], colour: dict[str, str]) -> None:
    ax.set_ylim(LOWEST - 0.08, HIGHEST + 0.08)
    points = range(LOWEST, HIGHEST + 1)
    ax.set_yticks(points)
    ax.set_xticks([])
    for value in points:
        ax.axhline(value, color=colour["hair"], linewidth=0.7, zorder=0)
        ax.axvline(value, color=colour["hair"], linewidth=0.7, zorder=0)
    ax.plot([LOWEST, HIGHEST], [LOWEST, HIGHEST], color=colour["soft"], linewidth=1.1, linestyle=(0, (1, 2.5)), zorder=1)
    ax.text(LOWEST - 0.08, 1.0, "people say", transform=ax.get_xaxis_transform(), ha="left", va="bottom", fontsize=TEXT_PX,
            color=colour["soft"])

    x, said, low, high = _columns(lines["person"])
    ax.fill_between(x, np.where(np.isfinite(low), low, said - 0.03), np.where(np.isfinite(high), high, said + 0.03),
                    color=colour["people-fill"], linewidth=0, zorder=2)
    person = (x, said)
    x, said, _, _ = _columns(lines["reward"])
    ax.plot(x, said, color=colour["reward"], linewidth=1.6, linestyle=(0, (4, 2)), marker="o", markersize=3.4,
            markerfacecolor=colour["paper"], zorder=3)
    reward = (x, said)
    x, said, low, high = _columns(lines["corrected"])
    ax.vlines(x, low, high, color=colour["reward"], linewidth=1.3, zorder=4)
    ax.plot(x, said, color=colour["reward"], linewidth=2.4, marker="o", markersize=4.6, zorder=5)
    name = "corrected, with interval" if np.isfinite(low).any() else "corrected"
    _direct_labels(ax, [(name, (x, said), colour["reward"], "bold"),
                        ("reward as it comes", reward, colour["reward"], "normal"),
                        ("one person", person, colour["people"], "normal")],
                   [(a, b) for a, lowest, highest in zip(x, low, high, strict=True) for b in np.linspace(lowest, highest, 9)])


def _columns(line: list[dict[str, Any]]) -> tuple[np.ndarray, ...]:
    """predicted, said, low, high as arrays; NaN where there is no interval."""
    return tuple(np.array([np.nan if point[name] is None else point[name] for point in line]) for name in
                 ("predicted", "said", "low", "high"))


def _direct_labels(ax: Any, labels: list[tuple[str, tuple[np.ndarray, np.ndarray], str, str]], taken: list[tuple[float, float]],
                   ) -> None:
    """Write each name near its line where it covers no line and no other name: of a grid of places the nearest that is free."""
    box = ax.get_position()
    per_x = np.diff(ax.get_xlim())[0] / (box.width * ax.figure.get_figwidth() * 72)
    per_y = np.diff(ax.get_ylim())[0] / (box.height * ax.figure.get_figheight() * 72)
    diagonal = np.linspace(LOWEST, HIGHEST, 60)
    avoid = [np.column_stack([diagonal, diagonal]), np.array(taken, float).reshape(-1, 2)]
    for _, (x, y), _, _ in labels:
        if len(x):
            dense = np.linspace(x[0], x[-1], 80)
            avoid.append(np.column_stack([dense, np.interp(dense, x, y)]))
    points = np.concatenate(avoid)
    points = points[np.isfinite(points).all(1)]
    boxes: list[tuple[float, float, float, float]] = []
    for text, (x, y), colour, weight in labels:
        half_x, half_y = len(text) * TEXT_PX * (0.29 if weight == "bold" else 0.265) * per_x, 0.68 * TEXT_PX * per_y
        own = np.column_stack([x, y])
        best, least = None, np.inf
        for cx in np.arange(LOWEST + half_x, HIGHEST - half_x, 0.1):
            for cy in np.arange(LOWEST + half_y, HIGHEST - half_y, 0.1):
                if any(abs(cx - bx) < half_x + hx and abs(cy - by) < half_y + hy for bx, by, hx, hy in boxes):
                    continue
                if ((np.abs(points[:, 0] - cx) < half_x) & (np.abs(points[:, 1] - cy) < half_y)).any():
                    continue
                gap_x = np.maximum(np.abs(own[:, 0] - cx) - half_x, 0) / per_x
                gap_y = np.maximum(np.abs(own[:, 1] - cy) - half_y, 0) / per_y
                away = float(np.hypot(gap_x, gap_y).min()) if len(own) else 0.0
                if away < least:
                    best, least = (float(cx), float(cy)), away
        if best is not None:
            boxes.append((*best, half_x, half_y))
            ax.text(*best, text, ha="center", va="center", fontsize=TEXT_PX, color=colour, fontweight=weight, zorder=6)


def _distributions(ax: Any, shares: dict[str, list[float]], edges: np.ndarray, colour: dict[str, str]) -> None:
    """People's scores upwards, the reward model's downwards, on one scale of shares."""
    people, reward = np.array(shares["people"]), np.array(shares["reward"])
    top = max(people.max(), reward.max(), 1e-9)
    width = np.diff(edges)
    ax.bar(edges[:-1], people, width, align="edge", color=colour["people-fill"], edgecolor=colour["people"], linewidth=0.8)
    ax.bar(edges[:-1], -reward, width, align="edge", color=colour["reward-fill"], edgecolor=colour["reward"], linewidth=0.8)
    ax.axhline(0, color=colour["ink"], linewidth=0.8)
    ax.set_ylim(-1.05 * top, 1.05 * top)
    ax.set_yticks([])
    ax.set_xticks(range(LOWEST, HIGHEST + 1))
    ax.set_xlabel("score given", fontsize=TEXT_PX, color=colour["soft"], labelpad=1)
    # In the corner that is emptier: what stands under the words is what would hide them.
    for y, va, name, bars in ((0.97, "top", "people", people), (0.03, "bottom", "reward", reward)):
        left = bars[: len(bars) // 3].sum() <= bars[-(len(bars) // 3) :].sum()
        ax.text(0.01 if left else 0.99, y, name, transform=ax.transAxes, ha="left" if left else "right", va=va, fontsize=TEXT_PX,
                color=colour[name])
