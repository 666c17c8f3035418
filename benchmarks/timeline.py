"""How quick and how large it is to follow a long recording: real-time factor and peak memory.

    OMP_NUM_THREADS=1 python -m benchmarks.timeline [--minutes 60] [--recording FILE] [--model FOLDER_OR_ID] [--no-transcribe]

A recording of that length is made by repeating the example call (two channels; or FILE) into a wav, and followed as the command
line does. Prints the first result's delay, the real-time factor (seconds of work per second of recording; below 1 is faster than
real time), the same in CPU seconds, and the memory of the process at the start, every ten minutes, and at its peak.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.prosody import peak_mb
from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.cli_explain import silence_progress_bars
from emotionthinker.timeline.follow import Finished, Opened, Progress, clock, follow

EXAMPLE = Path(__file__).resolve().parents[1] / "assets" / "examples" / "call.ogg"
STEP_S = 600.0


def make_long(source: Path, minutes: float, path: Path) -> None:
    """Repeat `source` into a 16-bit wav of that length at 16 kHz, which for an hour of two channels is within the limit."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(source, dtype="float32", always_2d=True)
    samples = (np.clip(soxr.resample(samples, rate, SAMPLE_RATE), -1, 1) * 32767).astype(np.int16)
    left = round(minutes * 60 * SAMPLE_RATE)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, samples.shape[1], "PCM_16") as file:
        for part in itertools.repeat(samples):
            file.write(np.ascontiguousarray(part[:left]))
            left -= len(part)
            if left <= 0:
                return


def memory_mb() -> float | None:
    """What the process holds now; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Print CPU-seconds and memory of following a recording."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--recording", type=Path, default=EXAMPLE, help="what is repeated; default: the example call")
    parser.add_argument("--model", help="folder or hub id; default: the embedded Nano")
    parser.add_argument("--transcribe", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()

    from emotionthinker.thinker import EmotionThinker

    silence_progress_bars()
    explainer = EmotionThinker.from_pretrained(args.model)
    held = [("at the start", memory_mb())]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        make_long(args.recording, args.minutes, path)
        size_mb = path.stat().st_size / 1e6
        started, cpu_started, first_s, next_s = time.perf_counter(), time.process_time(), None, STEP_S
        for event in follow(path, explainer, transcribe=args.transcribe):
            if isinstance(event, Opened):
                timeline = event.timeline
            elif isinstance(event, Progress) and event.segment is not None:
                first_s = first_s or time.perf_counter() - started
            elif isinstance(event, Finished):
                timeline = event.timeline
            if timeline.heard_s >= next_s:
                held.append((f"after {clock(next_s)}", memory_mb()))
                next_s += STEP_S
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    result = timeline.to_dict()
    turns_s = time.perf_counter()
    timeline.turns()
    turns_s = time.perf_counter() - turns_s
    speech_s = sum(segment.speech_s for segment in timeline.segments)
    print(f"{clock(timeline.duration_s)} of {args.recording.name} repeated ({size_mb:.0f} MB of wav), {len(result['segments'])} "
          f"utterances, {speech_s / timeline.duration_s:.0%} speech, {os.cpu_count()} cores, model {explainer.name}\n")
    print("| what | value |\n|---|---|")
    print(f"| first result after, s | {first_s if first_s is None else round(first_s, 1)} |")
    print(f"| real-time factor | {wall_s / timeline.duration_s:.3f} |")
    print(f"| CPU seconds per second | {cpu_s / timeline.duration_s:.3f} |")
    print(f"| finding all turns once, s | {turns_s:.2f} |")
    for name, value in held:
        print(f"| memory {name}, MB | {'not known' if value is None else round(value)} |")
    print(f"| peak memory, MB | {peak_mb():.0f} |")


if __name__ == "__main__":
    main()
