"""May the answer be had without the reasoning? Label scores right after a forced `<answer>`, against the whole explanation.

    OMP_NUM_THREADS=1 python -m benchmarks.forced_answer --root CREMA_D_FOLDER [--clips 100] [--model FOLDER_OR_ID]

For each drawn dev clip the model explains it as always; then its prompt is continued by a fixed beginning and the labels are scored
there. Were the two to agree, a long recording could be followed at the lower price. The words are the corpus's own.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emotionthinker.audio import load_clip
from emotionthinker.cli_explain import silence_progress_bars
from emotionthinker.listening import choose_span, hear
from emotionthinker.pipeline import ReplyOptions
from emotionthinker.prompt import messages
from emotionthinker.prosody.record import measure_prosody
from emotionthinker.thinker import EmotionThinker, LocalReply
from training.corpora import read_corpus
from training.evaluate import uar

FULL = "whole explanation"
FORCED = {"`<answer>` at once": "<answer>", "`<think> </think><answer>`": "<think> </think><answer>"}


def forced_scores(thinker: EmotionThinker, samples: np.ndarray, words: str, beginning: str) -> dict[str, float]:
    """P(label | audio, words, a reply that begins so). samples: (n,) float32 at 16 kHz, as the model hears them."""
    import torch

    labels = thinker.style.labels
    reply = thinker._reply(samples, messages(thinker.style, labels, words), ReplyOptions(1), threading.Event())
    assert isinstance(reply, LocalReply)
    reply._ids = thinker.processor.tokenizer.encode(beginning, add_special_tokens=False)
    more = torch.tensor([reply._ids])
    inputs = dict(reply._inputs)
    inputs["input_ids"] = torch.cat([inputs["input_ids"], more], dim=1)
    inputs["attention_mask"] = torch.cat([inputs["attention_mask"], torch.ones_like(more)], dim=1)
    with torch.inference_mode():
        reply._cache = thinker.model(**inputs, use_cache=True).past_key_values
    return reply.label_scores(labels)


def best(scores: dict[str, float]) -> str | None:
    """The likeliest label; None where there are no scores."""
    return max(scores, key=scores.__getitem__) if scores else None


def row(name: str, truth: Sequence[str], guess: Sequence[str | None], full: Sequence[str | None], cpu_s: float) -> str:
    """One line of the table: how often the guesses are those of the full reply, and right; UAR; CPU-seconds a clip."""
    same = np.mean([g == f for g, f in zip(guess, full, strict=True)])
    right = np.mean([g == t for g, t in zip(guess, truth, strict=True)])
    return f"| {name} | {same:.2f} | {right:.2f} | {uar(truth, guess):.2f} | {cpu_s / len(truth):.2f} |"


def main() -> None:
    """Print the table of a draw of CREMA-D dev clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="CREMA-D as released, or a folder with its manifest.csv")
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--model", help="folder or hub id; default: the embedded Nano")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    silence_progress_bars()
    thinker = EmotionThinker.from_pretrained(args.model)
    clips = read_corpus("crema-d", args.root, "dev")
    order = np.random.default_rng(args.seed).permutation(len(clips))[: args.clips]
    truth: list[str] = []
    guesses: dict[str, list[str | None]] = defaultdict(list)
    cpu_s: dict[str, float] = defaultdict(float)
    for clip in (clips[i] for i in order):
        sound = load_clip(clip.audio_path)
        record = measure_prosody(sound, clip.transcription)
        if not record.segments:
            continue
        truth.append(clip.emotion)
        started = time.process_time()
        guesses[FULL].append(thinker.explain(sound, prosody=record).emotion)
        cpu_s[FULL] += time.process_time() - started
        heard = hear(sound.samples, choose_span(record.segments, sound.duration_s, thinker.style.max_audio_s),
                     thinker.style.bandwidth_hz)
        for name, beginning in FORCED.items():
            started = time.process_time()
            guesses[name].append(best(forced_scores(thinker, heard, clip.transcription, beginning)))
            cpu_s[name] += time.process_time() - started
    print(f"{len(truth)} CREMA-D dev clips, model {thinker.name}, {len(thinker.style.labels)} labels\n")
    print("| answer from | agrees with the whole | right | UAR | CPU-s a clip |\n|---|---|---|---|---|")
    for name in (FULL, *FORCED):
        print(row(name, truth, guesses[name], guesses[FULL], cpu_s[name]))


if __name__ == "__main__":
    main()
