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
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prosody import published
from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from training.label_engines import by_processes
from training.label_prosody import measure
from training.resumable import read_rows

WARM_UP_CLIPS = 2
GOAL = 6.0  # times the published method, per core
PUBLISHED, OURS, WHOLE = "published, signal fields", "ours, signal fields", "ours, all fields"

Row = Mapping[str, Any]


class MeasureError(EmotionThinkerError):
    """A clip of the benchmark cannot be labelled."""


def published_fields(row: Row) -> None:
    """The signal part of the published pipeline, as `benchmarks.prosody` runs it."""
    published({"samples": np.ascontiguousarray(load_clip(row["audio_path"]).samples)})


def without_words(row: Row) -> None:
    """Our signal fields, which need no words."""
    measure({**row, "transcription": ""})


def whole(row: Row) -> None:
    """All our fields."""
    measure(row)


def clips_per_s(work: Callable[[Row], None], rows: Sequence[Row]) -> float:
    """Clips per second of processor time, after a warm-up on the first."""
    for row in rows[:WARM_UP_CLIPS]:
        work(row)
    start = time.process_time()
    for row in rows:
        work(row)
    return len(rows) / (time.process_time() - start)


def rates_per_core(rows: Sequence[Row]) -> dict[str, float]:
    """Clips per second and core: by the published method (signal fields alone), and ours without and with words."""
    return {PUBLISHED: clips_per_s(published_fields, rows), OURS: clips_per_s(without_words, rows), WHOLE: clips_per_s(whole, rows)}


def rate_of_workers(rows: Sequence[Row], workers: int) -> float:
    """Clips per second of wall time that so many processes label together, all fields.

    What is done before each has labelled some clips is not counted: a corpus is long, and models are loaded once. The clips are
    taken again and again until there are enough. Raises MeasureError where a clip cannot be labelled.
    """
    enough = max(len(rows), 24 * workers)
    outcomes = by_processes(measure, list(islice(cycle(rows), enough)), workers)
    finished = []
    for row, record, reason in outcomes:
        if record is None:
            raise MeasureError(f"{Path(row['audio_path']).name} cannot be labelled ({reason}); leave it out.")
        finished.append(time.perf_counter())
    begun = 4 * workers
    return (len(finished) - begun) / (finished[-1] - finished[begun - 1])


def table(rows: Sequence[Row]) -> str:
    """`rates_per_core` and their ratios, as Markdown."""
    found = rates_per_core(rows)
    seconds = sum(load_clip(row["audio_path"]).duration_s for row in rows)
    lines = [f"{len(rows)} clips, {seconds:.0f} s of audio, one process, one thread.", "",
             f"| labelling | clips per second and core | times the published (goal ≥ {GOAL:g}) |", "|---|---|---|"]  # fmt: skip
    return "\n".join(lines + [f"| {name} | {rate:.2f} | {rate / found[PUBLISHED]:.1f} |" for name, rate in found.items()])


def main() -> None:
    """Print the table of clips that are drawn from a JSONL."""
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
