"""Clips per second and core: `training.label_prosody` beside the published method, on the same clips.

    OMP_NUM_THREADS=1 python -m benchmarks.labelling IN.jsonl [--clips 30] [--seed 1]

IN is what `training.corpora` writes; `--clips` of its clips are drawn. One process, one thread; the processor time of all
threads is counted, reading the file included, so the figure is what one core labels. Both are warmed up on two clips.

The published method is what it needs for its signal fields alone: librosa's pYIN, pYIN once more, and RMS, with the settings
of `benchmarks.prosody`. Its stressed words and speaker's sex come from two networks on a GPU, and are not counted. Ours is
counted twice: without words, which gives the same signal fields, and whole, with aligned words, stress and sex.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prosody import published
from emotionthinker.audio import load_clip
from training.label_prosody import measure
from training.resumable import read_rows

WARM_UP_CLIPS = 2
GOAL = 6.0  # times the published method, per core

Row = Mapping[str, Any]


def published_fields(row: Row) -> None:
    """The signal part of the published pipeline, as `benchmarks.prosody` runs it."""
    published({"samples": np.ascontiguousarray(load_clip(row["audio_path"]).samples)})


def without_words(row: Row) -> None:
    measure({**row, "transcription": ""})


def whole(row: Row) -> None:
    measure(row)


def clips_per_s(work: Callable[[Row], None], rows: Sequence[Row]) -> float:
    """Clips per second of processor time, after a warm-up on the first."""
    for row in rows[:WARM_UP_CLIPS]:
        work(row)
    start = time.process_time()
    for row in rows:
        work(row)
    return len(rows) / (time.process_time() - start)


def table(rows: Sequence[Row]) -> str:
    """The three rates and their ratios, as Markdown."""
    theirs = clips_per_s(published_fields, rows)
    found = {"published, signal fields": theirs, "ours, signal fields": clips_per_s(without_words, rows),
             "ours, all fields": clips_per_s(whole, rows)}  # fmt: skip
    seconds = sum(load_clip(row["audio_path"]).duration_s for row in rows)
    lines = [f"{len(rows)} clips, {seconds:.0f} s of audio, one process, one thread.", "",
             f"| labelling | clips per second and core | times the published (goal ≥ {GOAL:g}) |", "|---|---|---|"]  # fmt: skip
    return "\n".join(lines + [f"| {name} | {rate:.2f} | {rate / theirs:.1f} |" for name, rate in found.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input_path", type=Path, help="JSONL of clips with their words")
    parser.add_argument("--clips", type=int, default=30, help="how many clips to draw")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("set OMP_NUM_THREADS=1, so that everything runs on one thread")
    rows = read_rows(args.input_path)
    random.Random(args.seed).shuffle(rows)
    print(table(rows[: args.clips]))


if __name__ == "__main__":
    main()
