"""How fast a model explains: seconds to the first text, tokens per second, seconds from clip to label.

    python -m benchmarks.thinker [--model PATH_OR_ID] [--clip FILE] [--runs 10]

The prosody is measured once, before the clock starts (`benchmarks.prosody` times that). Wall-clock times: run it on an
idle machine. The first run warms up and is left out.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from emotionthinker.events import AnswerPiece, Explanation, Finished, ReasoningPiece
from emotionthinker.prosody.record import measure_prosody
from emotionthinker.thinker import EmotionThinker

CLIP = Path(__file__).resolve().parent.parent / "assets" / "examples" / "angry.flac"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder or hub id; default: the embedded Nano")
    parser.add_argument("--clip", default=str(CLIP))
    parser.add_argument("--runs", type=int, default=10)
    args = parser.parse_args()

    began = time.perf_counter()
    thinker = EmotionThinker.from_pretrained(args.model)
    loaded_s = time.perf_counter() - began
    record = measure_prosody(args.clip)
    firsts_s, rates, totals_s, n_tokens = [], [], [], 0
    for run in range(args.runs + 1):
        began, first_s = time.perf_counter(), None
        result: Explanation | None = None
        for event in thinker.stream(args.clip, prosody=record):
            if isinstance(event, ReasoningPiece | AnswerPiece):
                last_s = time.perf_counter() - began
                first_s = last_s if first_s is None else first_s
            elif isinstance(event, Finished):
                result = event.explanation
        total_s = time.perf_counter() - began
        if run == 0 or result is None or first_s is None:
            continue
        n_tokens = len(thinker.processor.tokenizer.encode(result.raw, add_special_tokens=False))
        firsts_s.append(first_s)
        rates.append((n_tokens - 1) / max(last_s - first_s, 1e-9))
        totals_s.append(total_s)
    if not totals_s:
        raise SystemExit("The model wrote nothing about this clip; give another one.")
    print(f"model {thinker.name}, loaded in {loaded_s:.1f} s; clip of {record.duration_s:.1f} s; {len(totals_s)} runs, medians:")
    print(f"first text after {statistics.median(firsts_s):.2f} s")
    print(f"{statistics.median(rates):.0f} tokens/s, {n_tokens} tokens")
    print(f"clip to label and scores {statistics.median(totals_s):.2f} s (slowest {max(totals_s):.2f} s)")


if __name__ == "__main__":
    main()
