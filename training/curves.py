"""Curves of GRPO-PTR runs in one picture: right answers, reasoning reward, distance from the start, tokens a reply.

    python -m training.curves --run "seed 0=runs/nano/grpo/log.jsonl" [--run …] --output curves.svg

Each point is the mean of the last eight steps, since one step holds only a few clips; the thin line is the step itself.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.plots import PALETTES
from training.resumable import write_whole, writing

SMOOTHED_STEPS = 8
CURVES = {
    "accuracy": "right answers of those sampled",
    "rewards/reasoning_reward/mean": "τ · reasoning reward (0 until the schedule lets it in)",
    "kl": "KL to the start, nats a token",
    "completions/mean_length": "tokens a reply",
}
INK = PALETTES["light"]
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # told apart by colour-blind people too (Okabe and Ito 2008)
WIDTH_PX, HEIGHT_PX, DPI = 1080, 520, 96


def read_curves(log: Path) -> dict[str, list[tuple[int, float]]]:
    """Curve -> [(step, value)], from the log of a run; a curve that the run does not have is empty.

    Raises EmotionThinkerError for a file that is not such a log.
    """
    try:
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").split("\n") if line.strip()]
        found = {key: [(int(line["step"]), float(line[key])) for line in lines if key in line] for key in CURVES}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EmotionThinkerError(f"{log} is no log of a run; give a log.jsonl that training.grpo_ptr wrote.") from error
    steps = [step for step, _ in found["accuracy"]]
    if not steps or steps != sorted(set(steps)):
        raise EmotionThinkerError(
            f"{log} has no step of GRPO, or those of several runs; give a log.jsonl that training.grpo_ptr wrote."
        )
    return found


def smoothed(values: Sequence[float], steps: int = SMOOTHED_STEPS) -> list[float]:
    """Mean of each value and those before it, `steps` at most.

    >>> smoothed([1, 2, 3, 4], 2)
    [1.0, 1.5, 2.5, 3.5]
    """
    return [float(np.mean(values[max(0, i - steps + 1) : i + 1])) for i in range(len(values))]


def plot(runs: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]) -> str:
    """The picture as SVG. runs: name -> what `read_curves` gave."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # Ids from a fixed seed and no date, so that the same logs give the same file.
    with rc_context({"svg.hashsalt": "curves", "svg.fonttype": "none", "font.size": 9, "text.parse_math": False}):
        figure = Figure(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), dpi=DPI, facecolor=INK["paper"], layout="constrained")
        FigureCanvasSVG(figure)
        panels = list(figure.subplots(2, 2).flat)
        for axes, (key, title) in zip(panels, CURVES.items(), strict=True):
            _draw(axes, title, {name: run[key] for name, run in runs.items()})
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=max(1, len(runs)), frameon=False,
                      fontsize=8, labelcolor=INK["ink"])  # fmt: skip
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _draw(axes: Any, title: str, curves: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    for i, (name, points) in enumerate(curves.items()):
        steps, values = [step for step, _ in points], [value for _, value in points]
        colour = COLOURS[i % len(COLOURS)]
        axes.plot(steps, values, color=colour, linewidth=0.6, alpha=0.3)
        axes.plot(steps, smoothed(values), color=colour, linewidth=1.6, label=name, linestyle=("-", "--")[i // len(COLOURS) % 2])
    axes.set_title(title, color=INK["ink"], fontsize=9, loc="left")
    axes.set_xlabel("step", color=INK["soft"], fontsize=8)
    axes.tick_params(colors=INK["soft"], length=0, labelsize=8)
    axes.set_facecolor(INK["paper"])
    for side in axes.spines.values():
        side.set_color(INK["hair"])


def main(argv: list[str] | None = None) -> int:
    """Draw the curves; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="append", required=True, metavar="NAME=log.jsonl", help="may be repeated")
    parser.add_argument("--output", required=True, type=Path, help="SVG file")
    args = parser.parse_args(argv)
    try:
        pairs = [item.partition("=")[::2] for item in args.run]
        if not all(name and file for name, file in pairs) or len(dict(pairs)) < len(pairs):
            raise EmotionThinkerError(f"--run takes NAME=log.jsonl, each name once; given was {', '.join(args.run)}.")
        picture = plot({name: read_curves(Path(file)) for name, file in pairs})
        with writing(args.output):
            args.output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(args.output, picture)
        print(args.output)
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
