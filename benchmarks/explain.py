"""How quick the page's parts are: start, first figure, first token, tokens per second.

    python -m benchmarks.explain [--model FOLDER_OR_ID] [CLIP …]      # default: Nano, the example clips

Every clip is measured and explained as on the page, after one run that warms everything up. The first figure is drawn
before the words are recognised; the first token comes after recognition. Prints a Markdown table of medians with the
worst clip in brackets.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from emotionthinker.audio import load_clip

EXAMPLES = Path(__file__).resolve().parents[1] / "assets" / "examples"


def import_seconds(statement: str) -> float:
    """Wall seconds of a fresh interpreter that runs the statement, less those of an empty one."""

    def run(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - started

    return max(0.0, min(run(statement) for _ in range(3)) - min(run("pass") for _ in range(3)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", help="clips; default: the examples that come with the app")
    parser.add_argument("--model", help="folder or hub id; default: the embedded Nano")
    args = parser.parse_args()
    paths = [Path(p) for p in args.clips] or sorted(EXAMPLES.glob("*.flac"))

    from emotionthinker.events import AnswerPiece, ProsodyReady, ReasoningPiece
    from emotionthinker.plots import draw_voice
    from emotionthinker.prosody.record import measure_prosody
    from emotionthinker.thinker import EmotionThinker

    started = time.perf_counter()
    thinker = EmotionThinker.from_pretrained(args.model)
    load_s = time.perf_counter() - started
    thinker.explain(paths[0])

    parts = ("first figure, s", "measured with words, s", "first token, s", "whole explanation, s", "tokens/s")
    rows: dict[str, list[float]] = {part: [] for part in parts}
    seconds_of_audio = []
    for path in paths:
        started = time.perf_counter()
        clip = load_clip(path)
        seconds_of_audio.append(clip.duration_s)
        draw_voice(measure_prosody(clip, transcript="").to_dict(), clip.samples)
        rows["first figure, s"].append(time.perf_counter() - started)

        started = time.perf_counter()
        first = None
        text = ""
        for event in thinker.stream(path):
            if isinstance(event, ProsodyReady):
                rows["measured with words, s"].append(time.perf_counter() - started)
            elif isinstance(event, ReasoningPiece | AnswerPiece):
                first = first or time.perf_counter()
                last = time.perf_counter()
                text += event.text
        rows["whole explanation, s"].append(time.perf_counter() - started)
        if first is not None:
            rows["first token, s"].append(first - started)
            n_tokens = len(thinker.processor.tokenizer.encode(text, add_special_tokens=False))
            rows["tokens/s"].append(n_tokens / max(last - first, 1e-9))

    import torch

    machine = f"{os.cpu_count()} cores ({platform.machine()}), {torch.get_num_threads()} thread(s) for the model"
    print(f"{time.strftime('%Y-%m-%d')}, {machine}; {len(paths)} clips of {median(seconds_of_audio):.1f} s\n")
    print("| part | median (worst) |\n|---|---|")
    print(f"| `import emotionthinker`, s | {import_seconds('import emotionthinker'):.2f} |")
    print(f"| loading the model, s | {load_s:.1f} |")
    for name, values in rows.items():
        worst = min(values) if name == "tokens/s" else max(values)
        print(f"| {name} | {median(values):.2f} ({worst:.2f}) |")


if __name__ == "__main__":
    main()
