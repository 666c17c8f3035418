"""One picture of a voice: waveform, pitch, energy and words on one time axis.

matplotlib draws it as SVG (for the page, and to keep) or PNG, through its object interface only, so that two threads may draw at
once. One unit of the drawing is one CSS pixel at the width asked for: text stays as large on a phone as on a desk, the lanes get
taller instead. Colours are Okabe & Ito's (2008), which stay apart for colour-blind eyes; in the page they are CSS variables, so
that light and dark need no second drawing.
"""

from __future__ import annotations

import dataclasses
import io
import math
import re
import warnings
from typing import Any, Literal

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.scale import Scale, fit_scale, track

Theme = Literal["page", "light", "dark"]

# Names of the colours, as in assets/style.css (`--et-pitch` …), for light and dark ground.
PALETTES: dict[str, dict[str, str]] = {
    "light": {"paper": "#fffefb", "ink": "#20242a", "soft": "#5d646e", "hair": "#dcdad3", "faint": "#c3c6ca",
              "pitch": "#0072b2", "energy": "#8f5600", "band": "#d6e6f0", "fill": "#f3dfb9", "out": "#eceae4"},
    "dark": {"paper": "#1b1f25", "ink": "#e9e7e1", "soft": "#a6adb7", "hair": "#343a43", "faint": "#565e69",
             "pitch": "#56b4e9", "energy": "#e69f00", "band": "#1f3a4c", "fill": "#4a3a16", "out": "#262b32"},
}
ARROWS = {"rising": "↗", "falling": "↘", "flat": "→", "rising-falling": "↗↘", "falling-rising": "↘↗", "expressive": "∿"}
PHONE_PX = 560  # narrower drawings stack more and label less
MAX_COLUMNS = 4000  # points of a curve that are drawn at most; more cannot be seen


@dataclasses.dataclass(frozen=True)
class WordBox:
    """Where a word stands in the drawing, as fractions of its width and height."""

    index: int
    left: float
    top: float
    width: float
    height: float


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A drawn figure, and where things are in it (fractions of width and height, from the top left)."""

    svg: str
    alt: str
    width_px: int
    height_px: int
    plot_left: float
    plot_right: float
    lanes: dict[str, tuple[float, float]]
    words: list[WordBox]


def describe_figure(record: dict[str, Any]) -> str:
    """What the figure shows, in one sentence or two: the text for those who do not see it.

    >>> describe_figure({"levels": {"pitch": {"level": "high"}}, "intonation": "falling", "f0_range_st": 10.5})
    'Pitch high and falling, 10.5 semitones wide.'
    """
    levels = record.get("levels") or {}

    def level(kind: str) -> str | None:
        return (levels.get(kind) or {}).get("level")

    parts = []
    melody = record.get("intonation")
    melody = melody if melody not in (None, "uncertain", "too_short") else None
    pitch = " and ".join(p for p in (level("pitch"), melody) if p)
    if record.get("f0_range_st") is not None:
        pitch = f"{pitch}, {record['f0_range_st']:.1f} semitones wide" if pitch else (
            f"{record['f0_range_st']:.1f} semitones wide")
    parts.append(f"pitch {pitch}" if pitch else "no pitch measured" if "f0" in record else "")
    if record.get("energy_dbfs") is not None:
        parts.append(f"energy {level('energy') or 'measured'}, {record['energy_dbfs']:.0f} dBFS".replace("-", "−"))
    if record.get("articulation_rate_pps") is not None:
        parts.append(f"speed {level('speed') or 'measured'}, {record['articulation_rate_pps']:.1f} phones per second")
    text = "; ".join(p for p in parts if p)
    text = text[:1].upper() + text[1:] + "." if text else ""
    if record.get("stressed_words"):
        text += " Stressed: " + ", ".join(map(str, record["stressed_words"])) + "."
    if record.get("duration_s") is not None and record.get("speech_s") is not None:
        text += f" {record['duration_s']:.1f} seconds, {record['speech_s']:.1f} of them speech."
    return text.strip()


def draw_voice(
    record: dict[str, Any],
    samples: np.ndarray,
    *,
    width_px: int = 960,
    theme: Theme = "page",
    hz: bool = False,
    spectrogram: bool = False,
    image: bool = True,
    scale: Scale | None = None,
    word_rows: int = 0,
) -> Drawing:
    """Draw the record of a clip.

    Args:
        record: `Prosody.to_dict()`: `f0`, `energy`, `words`, `segments`, `span_s` and the measured values.
        samples: (n,) float32 at 16 kHz, the clip that was measured.
        width_px: width at hand; the height follows from it and from the rows that the words need.
        theme: "page" writes colours as CSS variables; "light" and "dark" write them out.
        hz: label the pitch axis in Hz (logarithmic) instead of semitones re the median.
        spectrogram: put a mel spectrogram behind the pitch.
        image: whether to make the SVG at all; without, `svg` is empty.
        scale: axes that hold several clips, so that their figures can be compared; fitted to this clip unless given.
        word_rows: rows kept for the words at least, so that figures side by side are equally high (`rows_of_words`).
    """
    figure, drawing = _compose(record, samples, width_px, "light" if theme == "page" else theme, hz, spectrogram, scale, word_rows)
    if not image:
        return drawing
    out = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that matplotlib's own font lacks is drawn by the reader's font
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "EmotionThinker", "Title": drawing.alt})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    if theme == "page":
        svg = for_page(svg, PALETTES["light"])
    return dataclasses.replace(drawing, svg=svg)


def draw_png(record: dict[str, Any], samples: np.ndarray, *, width_px: int = 1200, hz: bool = False,
             spectrogram: bool = False) -> bytes:
    """The figure as a PNG at twice the pixels, on light ground."""
    figure, _ = _compose(record, samples, width_px, "light", hz, spectrogram)
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure.savefig(out, format="png", dpi=144)
    return out.getvalue()


def for_page(svg: str, palette: dict[str, str]) -> str:
    """Fit the SVG to be put into the page: width from the page, colours (drawn in `palette`) and fonts from its style sheet."""
    names = {colour: name for name, colour in palette.items()}

    def variable(match: re.Match[str]) -> str:
        name = names.get(match[2])
        return f"{match[1]}: var(--et-{name}, {match[2]})" if name else match[0]

    svg = re.sub(r"\b(fill|stroke): (#[0-9a-f]{6})", variable, svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<title>.*?</title>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r'\1 width="100%"', svg, count=1)
    svg = re.sub(r" font-family: [^;\"]*;", "", svg)
    svg = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), svg)  # 1/100 px is plenty
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def lane_axes(figure: Any, box: tuple[float, float, float, float], duration_s: float, size: float, colour: dict[str, str]) -> Any:
    """Axes of one lane, without frame or ticks. box: left, bottom, width, height as shares of the figure; size: of text, px."""
    ax = figure.add_axes(box)
    ax.set_xlim(0, duration_s)
    ax.patch.set_visible(False)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.tick_params(length=0, labelsize=size - 1, labelcolor=colour["soft"], pad=4)
    ax.set_xticks([])
    return ax


def rows_of_words(record: dict[str, Any], scale: Scale, width_px: int) -> int:
    """How many rows the words of a record (`Prosody.to_dict()`) take in a drawing of this width and scale."""
    plot = _Plot.of(width_px)
    return _word_rows(record.get("words") or [], scale.duration_s, plot)[1]


@dataclasses.dataclass(frozen=True)
class _Plot:
    """What follows from the width at hand, in px: the whole, its margins, the size of text, and how many rows words may take."""

    width: int
    left: int
    right: int
    size: float
    rows: tuple[int, int]

    @classmethod
    def of(cls, width_px: int) -> _Plot:
        width = int(min(max(width_px, 280), 2400))
        return cls(width, 34, 8, 11.0, (2, 4)) if width < PHONE_PX else cls(width, 46, 14, 12.0, (1, 3))

    @property
    def inner(self) -> int:
        return self.width - self.left - self.right


def _compose(record: dict[str, Any], samples: np.ndarray, width_px: int, theme: str, hz: bool, spectrogram: bool,
             scale: Scale | None = None, word_rows: int = 0) -> Any:
    import matplotlib

    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text: readable, small, in the reader's font
    matplotlib.rcParams["svg.hashsalt"] = "emotionthinker"  # the same clip gives the same file
    from matplotlib.figure import Figure

    colour = PALETTES[theme]
    plot = _Plot.of(width_px)
    width_px, size, left, plot_px = plot.width, plot.size, plot.left, plot.inner
    phone = width_px < PHONE_PX
    scale = scale or fit_scale([record], [samples])
    duration_s = scale.duration_s
    words = record.get("words") or []
    rows, n_rows = _word_rows(words, duration_s, plot)
    n_rows = max(n_rows, word_rows)
    row_px = size * 1.9
    heights = {"wave": 58, "pitch": 168 if phone else 158, "energy": 84 if phone else 78, "words": 18 + n_rows * row_px}
    gap, top, axis = 14, 6, 24
    height_px = top + sum(heights.values()) + gap * 3 + axis

    figure = Figure(figsize=(width_px / 72, height_px / 72), dpi=72, facecolor=colour["paper"])
    lanes: dict[str, tuple[float, float]] = {}
    axes = {}
    y = float(top)
    for name, height in heights.items():
        lanes[name] = (y / height_px, (y + height) / height_px)
        box = (left / width_px, 1 - (y + height) / height_px, plot_px / width_px, height / height_px)
        ax = lane_axes(figure, box, duration_s, size, colour)
        ax.set_gid(f"lane-{name}")
        axes[name] = ax
        y += height + gap

    _wave(axes["wave"], record, samples, scale, plot_px, colour)
    if spectrogram:
        _spectrogram(figure, axes["pitch"], samples, duration_s, plot_px)
    _pitch(axes["pitch"], record, scale, size, colour, hz, spectrogram)
    _energy(axes["energy"], record, scale, size, colour)
    _words(axes["words"], words, rows, n_rows, row_px, size, colour)
    _time(axes["words"], duration_s, plot_px, size, colour)

    boxes = []
    words_top, _ = lanes["words"]
    for index, (row, centre_px, half_px) in rows.items():
        top_px = words_top * height_px + 12 + row * row_px
        boxes.append(WordBox(index, (left + centre_px - half_px) / width_px, top_px / height_px,
                             2 * half_px / width_px, row_px / height_px))
    return figure, Drawing("", describe_figure(record), width_px, round(height_px), left / width_px,
                           (left + plot_px) / width_px, lanes, boxes)


def _word_rows(words: list[dict[str, Any]], duration_s: float, plot: _Plot) -> tuple[dict[int, tuple[int, float, float]], int]:
    """Rows in which the words stand without touching: index -> (row, centre in px, half width in px); and how many rows.

    A word that fits in no row is left out; its stretch is still drawn.
    """
    plot_px, size, (least_rows, max_rows) = plot.inner, plot.size, plot.rows
    ends = [-1e9] * max_rows
    placed: dict[int, tuple[int, float, float]] = {}
    for index, word in enumerate(words):
        half = max(len(str(word["word"])) * size * (0.34 if word.get("stressed") else 0.31), 7.0) + 3
        centre = (word["start"] + word["end"]) / 2 / duration_s * plot_px
        centre = min(max(centre, half), max(plot_px - half, half))
        for row in range(max_rows):
            if centre - half >= ends[row] + 2:
                ends[row] = centre + half
                placed[index] = (row, centre, half)
                break
    return placed, max(least_rows, 1 + max((row for row, _, _ in placed.values()), default=0))


def _wave(ax: Any, record: dict[str, Any], samples: np.ndarray, scale: Scale, plot_px: float, colour: dict[str, str]) -> None:
    duration_s = len(samples) / SAMPLE_RATE
    columns = int(max(min(plot_px * 1.2, len(samples)), 1))
    edges = np.linspace(0, len(samples), columns + 1).astype(int)[:-1]
    high = np.maximum.reduceat(samples, edges) if len(samples) else np.zeros(1)
    low = np.minimum.reduceat(samples, edges) if len(samples) else np.zeros(1)
    times = (np.arange(len(high)) + 0.5) / len(high) * duration_s
    spoken = np.zeros(len(high), bool)
    for start, end in record.get("segments") or []:
        spoken |= (times >= start) & (times <= end)
    ax.fill_between(times, low / scale.peak, high / scale.peak, color=colour["faint"], linewidth=0)
    ax.fill_between(times, low / scale.peak, high / scale.peak, where=spoken, color=colour["ink"], linewidth=0)
    ax.set_ylim(-1.05, 1.05)
    ax.set_yticks([])
    span = record.get("span_s")
    if span and (span[0] > 0.05 or span[1] < duration_s - 0.05):
        for start, end in ((0.0, span[0]), (span[1], duration_s)):
            if end > start:
                ax.axvspan(start, end, color=colour["out"], linewidth=0, zorder=0)


def _spectrogram(figure: Any, ax: Any, samples: np.ndarray, duration_s: float, plot_px: float) -> None:
    """A mel spectrogram behind the lane; ink that fades, so that it serves light and dark ground alike."""
    import librosa
    from matplotlib.colors import LinearSegmentedColormap

    hop = max(160, math.ceil(len(samples) / (plot_px * 1.5)))
    mel = librosa.feature.melspectrogram(y=samples, sr=SAMPLE_RATE, n_fft=1024, win_length=512, hop_length=hop, n_mels=96,
                                         fmin=0, fmax=SAMPLE_RATE / 2)
    level_db = librosa.power_to_db(mel, ref=np.max, top_db=50)
    fade = LinearSegmentedColormap.from_list("fade", [(0.45, 0.45, 0.52, 0.0), (0.45, 0.45, 0.52, 0.75)])
    behind = figure.add_axes(ax.get_position(), zorder=-1)
    behind.imshow(level_db, origin="lower", aspect="auto", extent=(0, duration_s, 0, 1), cmap=fade, interpolation="bilinear")
    behind.set_xlim(0, duration_s)
    behind.set_axis_off()


def _pitch(ax: Any, record: dict[str, Any], scale: Scale, size: float, colour: dict[str, str], hz: bool,
           spectrogram: bool) -> None:
    f0_hz = track(record, "f0", "hz")
    reference_hz = scale.reference_hz if np.isfinite(f0_hz).any() else None
    label = "pitch, Hz" if hz else "pitch, semitones"
    if reference_hz and not hz:
        label += f" from {reference_hz:.0f} Hz"
    if reference_hz and record.get("f0_reliable") is False:
        label += ", unsure: little is voiced"
    lane_label(ax, label, size, colour["pitch"])
    if spectrogram:  # at the foot: the head of the lane has no room for it beside the melody on a phone
        ground = {"facecolor": colour["paper"], "alpha": 0.85, "linewidth": 0, "pad": 1.5}
        ax.text(1.0, 0.02, f"spectrogram behind it: 0–{SAMPLE_RATE // 2000} kHz", transform=ax.transAxes, ha="right", va="bottom",
                fontsize=size, color=colour["soft"], bbox=ground, zorder=4)
    if not reference_hz:
        ax.set_yticks([])
        ax.set_ylim(-1, 1)
        ax.text(0.5, 0.45, "no pitch: too little voiced sound", transform=ax.transAxes, ha="center", fontsize=size,
                color=colour["soft"])
        return
    semitones = 12 * np.log2(f0_hz / reference_hz)
    times = np.arange(len(semitones)) * record["f0"]["hop_s"]
    stride = math.ceil(max(len(times), 1) / MAX_COLUMNS)
    times, semitones = times[::stride], semitones[::stride]
    low, high = scale.semitones
    ax.set_ylim(low, high)
    if record.get("f0_p5_hz") and record.get("f0_p95_hz"):
        p5, p95 = (12 * math.log2(record[key] / reference_hz) for key in ("f0_p5_hz", "f0_p95_hz"))
        ax.axhspan(p5, p95, color=colour["band"], alpha=0.55, linewidth=0, zorder=0.5)
    ax.plot(times, semitones, color=colour["pitch"], linewidth=2.2, solid_capstyle="round", solid_joinstyle="round", zorder=3)
    voiced = np.isfinite(semitones)
    alone = voiced & ~np.r_[False, voiced[:-1]] & ~np.r_[voiced[1:], False]
    ax.plot(times[alone], semitones[alone], ".", color=colour["pitch"], markersize=3, zorder=3)
    if hz:
        wanted = [50, 75, 100, 150, 200, 300, 400, 600, 800]
        ticks = [(12 * math.log2(value / reference_hz), str(value)) for value in wanted]
        ticks = [tick for tick in ticks if low < tick[0] < high - 1]
    else:
        step = 4 if high - low < 24 else 12
        ticks = [(float(value), f"{value:+d}".replace("-", "−") if value else "0")
                 for value in range(step * math.ceil(low / step), math.ceil(high - 1), step)]
    ax.set_yticks([value for value, _ in ticks], labels=[text for _, text in ticks])
    for value, _ in ticks:
        ax.axhline(value, color=colour["hair"], linewidth=0.7, zorder=1)
    melody = record.get("intonation")
    if melody in ARROWS:
        ax.text(1.0, 1.0, f"{ARROWS[melody]} {melody}", transform=ax.transAxes, ha="right", va="top", fontsize=size,
                fontweight="bold", color=colour["pitch"])


def _energy(ax: Any, record: dict[str, Any], scale: Scale, size: float, colour: dict[str, str]) -> None:
    dbfs = track(record, "energy", "dbfs")
    lane_label(ax, "energy, dBFS", size, colour["energy"])
    if scale.dbfs is None or not np.isfinite(dbfs).any():
        ax.set_yticks([])
        return
    stride = math.ceil(len(dbfs) / MAX_COLUMNS)
    times, dbfs = np.arange(len(dbfs))[::stride] * record["energy"]["hop_s"], dbfs[::stride]
    bottom, top = scale.dbfs
    ax.set_ylim(bottom, top)
    shown = np.clip(np.nan_to_num(dbfs, nan=bottom), bottom, None)
    ax.fill_between(times, bottom, shown, color=colour["fill"], linewidth=0, zorder=1)
    ax.plot(times, shown, color=colour["energy"], linewidth=1.3, zorder=2)
    label_room = 0.23 * (top - bottom)
    ticks = [value for value in range(-80, 1, 20) if bottom + 3 < value < top - label_room + 4]
    ax.set_yticks(ticks, labels=[f"−{-value}" if value else "0" for value in ticks])
    for value in ticks:
        ax.axhline(value, color=colour["hair"], linewidth=0.7, zorder=0.5)
    if record.get("energy_dbfs") is not None:
        ax.axhline(record["energy_dbfs"], color=colour["energy"], linewidth=0.9, linestyle=(0, (1, 3)), zorder=3)


def _words(ax: Any, words: list[dict[str, Any]], rows: dict[int, tuple[int, float, float]], n_rows: int, row_px: float,
           size: float, colour: dict[str, str]) -> None:
    height = 18 + n_rows * row_px
    ax.set_ylim(height, 0)
    ax.set_yticks([])
    per_px = ax.get_xlim()[1] / (ax.get_position().width * ax.figure.get_figwidth() * 72)
    for stressed, tint, linewidth in ((False, "faint", 1.4), (True, "ink", 3.4)):
        spans = [(w["start"] + per_px, max(w["end"] - per_px, w["start"] + per_px))
                 for w in words if bool(w.get("stressed")) is stressed]
        ax.hlines([5] * len(spans), [a for a, _ in spans], [b for _, b in spans], color=colour[tint], linewidth=linewidth)
    for index in rows:
        stressed = bool(words[index].get("stressed"))
        row, centre_px, _ = rows[index]
        y = 12 + (row + 0.5) * row_px
        text = ax.text(centre_px * per_px, y, str(words[index]["word"]) + ("●" if stressed else ""), ha="center", va="center",
                       fontsize=size + 1, fontweight="bold" if stressed else "normal",
                       color=colour["ink"] if stressed else colour["soft"], clip_on=False)
        text.set_parse_math(False)  # a word such as "$5" is no formula


def _time(ax: Any, duration_s: float, plot_px: float, size: float, colour: dict[str, str]) -> None:
    wanted = duration_s / max(plot_px / 90, 2)
    step = next((s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300) if s >= wanted), 600)
    ticks = np.arange(0, duration_s + 1e-6, step)

    def clock(seconds: float) -> str:
        if duration_s >= 90:
            return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
        return f"{seconds:.1f}" if step < 1 else f"{seconds:.0f}"

    labels = [clock(t) for t in ticks]
    labels[0] += " s" if duration_s < 90 else ""
    ax.set_xticks(ticks, labels=labels)


def lane_label(ax: Any, text: str, size: float, colour: str) -> None:
    ax.text(0.0, 1.0, text, transform=ax.transAxes, ha="left", va="top", fontsize=size, color=colour)
