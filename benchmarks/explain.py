"""How quick the page's parts are: first figure, first token, the whole explanation, tokens per second.

    python -m benchmarks.explain [--model FOLDER_OR_ID] [CLIP …]      # default: Nano, the example clips

Every clip is measured and explained as on the page, after one run that warms everything up. The first figure is drawn
before the words are recognised; the first token comes after recognition. Prints a Markdown table of medians with the
worst clip in brackets. What comes before, the start, is in `benchmarks.start_up`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.report import when_and_where
from emotionthinker.audio import load_clip
from emotionthinker.events import AnswerPiece, ProsodyReady, ReasoningPiece
from emotionthinker.page.engine import EXAMPLES
from emotionthinker.plots import draw_voice
from emotionthinker.prosody.record import measure_prosody
from emotionthinker.thinker import EmotionThinker


@dataclass
class Timings:
    """Of each clip: seconds since it was there until each part was; tokens per second from when it was measured to the last one.

    The model writes in a thread of its own, so pieces may reach the reader late and in a bunch: from the first to the last of them
    would flatter.
    """

    figure_s: list[float] = field(default_factory=list)
    measured_s: list[float] = field(default_factory=list)
    first_token_s: list[float] = field(default_factory=list)
    whole_s: list[float] = field(default_factory=list)
    tokens_per_s: list[float] = field(default_factory=list)


def timings(thinker: EmotionThinker, paths: Sequence[Path]) -> Timings:
    """Measure and explain each clip, after one that warms everything up. A clip without speech has no tokens."""
    thinker.explain(paths[0])
    found = Timings()
    for path in paths:
        started = time.perf_counter()
        clip = load_clip(path)
        draw_voice(measure_prosody(clip, transcript="").to_dict(), clip.samples)
        found.figure_s.append(time.perf_counter() - started)

        started = time.perf_counter()
        stamps: list[float] = []
        text = ""
        measured = started
        for event in thinker.stream(path):
            if isinstance(event, ProsodyReady):
                measured = time.perf_counter()
                found.measured_s.append(measured - started)
            elif isinstance(event, ReasoningPiece | AnswerPiece):
                stamps.append(time.perf_counter())
                text += event.text
        found.whole_s.append(time.perf_counter() - started)
        if stamps:
            found.first_token_s.append(stamps[0] - started)
            n_tokens = len(thinker.processor.tokenizer.encode(text, add_special_tokens=False))
            found.tokens_per_s.append(n_tokens / (stamps[-1] - measured))
    return found


def main() -> None:
    """Print the table of the clips given, or of the example clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", help="clips; default: the examples that come with the app")
    parser.add_argument("--model", help="folder or hub id; default: the embedded Nano")
    args = parser.parse_args()
    paths = [Path(p) for p in args.clips] or sorted(EXAMPLES.glob("*.flac"))

    import torch

    started = time.perf_counter()
    thinker = EmotionThinker.from_pretrained(args.model)
    load_s = time.perf_counter() - started
    found = timings(thinker, paths)
    seconds = median(load_clip(path).duration_s for path in paths)
    print(f"{when_and_where()}, {torch.get_num_threads()} thread(s) for the model; {len(paths)} clips of {seconds:.1f} s\n")
    print("| part | median (worst) |\n|---|---|")
    print(f"| loading the model, s | {load_s:.1f} |")
    for name, values in (("first figure, s", found.figure_s), ("measured with words, s", found.measured_s),
                         ("first token, s", found.first_token_s), ("whole explanation, s", found.whole_s)):
        print(f"| {name} | {median(values):.2f} ({max(values):.2f}) |")
    print(f"| tokens/s | {median(found.tokens_per_s):.2f} ({min(found.tokens_per_s):.2f}) |")


if __name__ == "__main__":
    main()
