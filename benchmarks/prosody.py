"""CPU-seconds per second of audio and peak memory of the measured prosody, beside the published method.

    OMP_NUM_THREADS=1 python -m benchmarks.prosody CLIPS… [--clips 30] [--seed 1]

CLIPS are sound files or folders; `--clips` of them are drawn. One process, one thread; processor time of all threads is
counted, so a part that starts more gains nothing. Each stage is run on all clips after a warm-up (models are loaded),
and the rows add up. The published method finds pitch by librosa's pYIN once to extract the labels and once more for the
contour, and energy by librosa. It is run last, since librosa's memory would hide ours.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.f0_accuracy import pyin, sound_files
from emotionthinker.audio import SAMPLE_RATE, Clip, load_clip
from emotionthinker.prosody.energy import energy_summary, track_energy
from emotionthinker.prosody.intonation import classify_intonation
from emotionthinker.prosody.pitch import pitch_summary, track_f0
from emotionthinker.prosody.vad import speech_segments

WARM_UP_CLIPS = 2
Stage = Callable[[dict[str, Any]], None]  # reads and writes what is known of one clip


@dataclass(frozen=True)
class Cost:
    """What measuring costs, each with what comes before it: CPU-seconds per second of audio, and the memory held at most, MB."""

    acoustic: float
    aligned: float
    recognised: float
    acoustic_mb: float
    whole_mb: float
    published: float


GOALS = Cost(0.03, 0.06, 0.20, 800, 800, math.nan)


def acoustics(known: dict[str, Any]) -> None:
    """Speech, pitch, energy and melody of known["samples"] (n,) float32 at 16 kHz."""
    samples = known["samples"]
    known["segments"] = speech_segments(samples)
    known["f0"], known["energy"] = track_f0(samples), track_energy(samples)
    pitch_summary(known["f0"], known["segments"])
    energy_summary(known["energy"], known["segments"])
    classify_intonation(known["f0"], known["segments"])


def recognition(known: dict[str, Any]) -> None:
    """The words, as known["text"]."""
    from emotionthinker.transcript import recognise

    known["text"] = recognise(known["samples"], segments=known["segments"])


def alignment_and_stress(known: dict[str, Any]) -> None:
    """Times of the words, rates and stress."""
    from emotionthinker.prosody.rate import speaking_rates
    from emotionthinker.prosody.stress import word_stress
    from emotionthinker.transcript import align

    words = align(known["samples"], known["text"]) if known["text"] else None
    speaking_rates(words, known["segments"])
    word_stress(words, known["energy"], known["f0"])


def published(known: dict[str, Any]) -> None:
    """The signal part of the published method, of known["samples"] (n,) float32 at 16 kHz."""
    import librosa

    pyin(known["samples"])
    pyin(known["samples"])
    librosa.feature.rms(y=known["samples"], frame_length=1024, hop_length=256)


def cpu_share(stage: Stage, clips: list[dict[str, Any]]) -> float:
    """CPU-seconds of the stage per second of audio over all clips, after a warm-up on the first."""
    for known in clips[:WARM_UP_CLIPS]:
        stage(known)
    start = time.process_time()
    for known in clips:
        stage(known)
    return (time.process_time() - start) / sum(len(k["samples"]) / SAMPLE_RATE for k in clips)


def peak_mb() -> float:
    """The most memory this process has held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def cost(clips: Sequence[Clip]) -> Cost:
    """Measure the clips by every part and by the published method, in this process."""
    known: list[dict[str, Any]] = [{"samples": np.ascontiguousarray(c.samples)} for c in clips]
    acoustic, acoustic_mb = cpu_share(acoustics, known), peak_mb()
    # The words are needed before they can be aligned; the fields are in the order in which a user adds the parts.
    recognised = cpu_share(recognition, known)
    aligned = cpu_share(alignment_and_stress, known)
    whole_mb = peak_mb()
    return Cost(acoustic, acoustic + aligned, acoustic + aligned + recognised, acoustic_mb, whole_mb, cpu_share(published, known))


def table(clips: Sequence[Clip]) -> str:
    """`cost`, as Markdown."""
    found = cost(clips)
    rows = [("speech detection, pitch, energy, intonation", found.acoustic, GOALS.acoustic, found.acoustic_mb),
            ("+ alignment, rate, stress (of a given transcript)", found.aligned, GOALS.aligned, found.whole_mb),
            ("+ recognition", found.recognised, GOALS.recognised, found.whole_mb)]
    lines = [
        f"{len(clips)} clips, {sum(c.duration_s for c in clips):.0f} s of audio, one process, one thread.",
        "",
        f"| measured | CPU-s per s of audio | goal | peak memory, MB (goal ≤ {GOALS.whole_mb:.0f}) |",
        "|---|---|---|---|",
    ]
    lines += [f"| {name} | {share:.4f} | ≤ {goal:.2f} | {memory:.0f} |" for name, share, goal, memory in rows]
    lines.append(f"| published method: pYIN twice, RMS | {found.published:.4f} | | |")
    lines += ["", "The peak is that of the process so far; from the second row on all models are loaded."]
    return "\n".join(lines)


def main() -> None:
    """Print the table of clips that are drawn from the sources."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path, help="sound files or folders")
    parser.add_argument("--clips", type=int, default=30, help="how many clips to draw")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("set OMP_NUM_THREADS=1, so that everything runs on one thread")
    paths = sound_files(args.sources)
    random.Random(args.seed).shuffle(paths)
    print(table([load_clip(p) for p in paths[: args.clips]]))


if __name__ == "__main__":
    main()
