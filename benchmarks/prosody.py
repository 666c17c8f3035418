"""CPU-seconds per second of audio and peak memory of the measured prosody, beside the published method.

    OMP_NUM_THREADS=1 python -m benchmarks.prosody CLIPS… [--clips 30] [--seed 1]

CLIPS are sound files or folders; `--clips` of them are drawn. One process, one thread; processor time of all threads is
counted, so a part that starts more gains nothing. Each stage is run on all clips after a warm-up (models are loaded),
and the rows add up. The published method finds pitch by librosa's pYIN once to extract the labels and once more for the
contour, and energy by librosa. It is run last, since librosa's memory would hide ours.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import time
from collections.abc import Callable
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


def acoustics(known: dict[str, Any]) -> None:
    samples = known["samples"]
    known["segments"] = speech_segments(samples)
    known["f0"], known["energy"] = track_f0(samples), track_energy(samples)
    pitch_summary(known["f0"], known["segments"])
    energy_summary(known["energy"], known["segments"])
    classify_intonation(known["f0"], known["segments"])


def recognition(known: dict[str, Any]) -> None:
    from emotionthinker.transcript import recognise

    known["text"] = recognise(known["samples"], segments=known["segments"])


def alignment_and_stress(known: dict[str, Any]) -> None:
    from emotionthinker.prosody.rate import speaking_rates
    from emotionthinker.prosody.stress import word_stress
    from emotionthinker.transcript import align

    words = align(known["samples"], known["text"]) if known["text"] else None
    speaking_rates(words, known["segments"], known["samples"])
    word_stress(words, known["energy"], known["f0"])


def published(known: dict[str, Any]) -> None:
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


def table(clips: list[Clip]) -> str:
    known: list[dict[str, Any]] = [{"samples": np.ascontiguousarray(c.samples)} for c in clips]
    rows = []
    acoustic = cpu_share(acoustics, known)
    rows.append(("speech detection, pitch, energy, intonation", acoustic, 0.03, peak_mb()))
    # The words are needed before they can be aligned; the rows are in the order in which a user adds the parts.
    recognised = cpu_share(recognition, known)
    aligned = cpu_share(alignment_and_stress, known)
    rows.append(("+ alignment, rate, stress (of a given transcript)", acoustic + aligned, 0.06, peak_mb()))
    rows.append(("+ recognition", acoustic + aligned + recognised, 0.20, peak_mb()))
    theirs = cpu_share(published, known)
    lines = [
        f"{len(clips)} clips, {sum(c.duration_s for c in clips):.0f} s of audio, one process, one thread.",
        "",
        "| measured | CPU-s per s of audio | goal | peak memory, MB (goal ≤ 800) |",
        "|---|---|---|---|",
    ]
    lines += [f"| {name} | {share:.4f} | ≤ {goal:.2f} | {memory:.0f} |" for name, share, goal, memory in rows]
    lines.append(f"| published method: pYIN twice, RMS | {theirs:.4f} | | |")
    lines += ["", "The peak is that of the process so far; from the second row on all models are loaded."]
    return "\n".join(lines)


def main() -> None:
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
