"""Run a thinker on oruk-bench, the speech-emotion benchmark of 64,384 clips and seven classes (package `oruk-bench`).

    python -m training.oruk --data_dir SHARDS --out_dir OUT [--model assets/nano] [--name emotionthinker-nano] [--subsample 5000]

SHARDS is the folder of parquet files that the benchmark's makers give on request. Clips, order, subsample, resuming, scoring and
the result's JSON are the benchmark's own; only the model's side is here: the thinker is asked in its own words, with those of its
labels that are among the seven, and its answer is read by the app's strict parser. A reply without an answer is "unparsed"
there, counted and scored as neutral. No words are given: the clips are in some twenty languages, and the recogniser knows English.

The benchmark's own entry for EmotionThinker asks for one word, which the model was not trained for; compare with that in mind.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.errors import EmotionThinkerError

SEVEN = {"angry": "anger", "happy": "happiness", "sad": "sadness", "fear": "fear", "disgust": "disgust",
         "contempt or disgust": "disgust", "surprise": "surprise", "neutral": "neutral"}  # fmt: skip


class ThinkerAdapter:
    """An adapter of oruk-bench's audio-LLM arm: made with (model id, device), asked by `classify`."""

    def __init__(self, model_id: str, device: str | None) -> None:
        from emotionthinker.thinker import EmotionThinker

        self.thinker = EmotionThinker.from_pretrained(model_id, device=device)
        self.labels = [label for label in self.thinker.style.labels if label in SEVEN]

    def classify(self, audio: np.ndarray) -> str:
        """The benchmark's name of the answer; "" where the reply holds none. audio: (n,) float32 at 16 kHz."""
        found = self.thinker.explain((np.asarray(audio, np.float32), SAMPLE_RATE), transcript="", labels=self.labels)
        return SEVEN[found.emotion] if found.emotion else ""


def run(data_dir: Path, out_dir: Path, model: str, name: str, device: str | None, subsample: int) -> dict[str, Any]:
    """The benchmark's result for one model; also in `out_dir`. Raises EmotionThinkerError without the package or the shards."""
    try:
        from oruk_bench.adapters import audio_llm
        from oruk_bench.core import clip_audio, load_eval, stratified_subsample
    except ImportError as error:
        raise EmotionThinkerError("oruk-bench is not installed: pip install -r requirements-train.txt.") from error
    try:
        tables, index, labels, languages, sources = load_eval(data_dir)
    except FileNotFoundError as error:
        raise EmotionThinkerError(f"{data_dir} holds no parquet shard; give the benchmark's folder of shards.") from error
    chosen = stratified_subsample(labels, subsample)
    audio_llm.REGISTRY[name] = (model, ThinkerAdapter)
    return audio_llm.run_eval(name, chosen, lambda i: clip_audio(tables, index, i), labels[chosen], languages[chosen],
                              sources[chosen], out_dir, device=device)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.oruk", description="Run a thinker on oruk-bench.")
    parser.add_argument("--data_dir", required=True, type=Path, help="folder of parquet shards")
    parser.add_argument("--out_dir", required=True, type=Path, help="where the benchmark writes, and resumes from")
    parser.add_argument("--model", default="assets/nano", help="model folder or id")
    parser.add_argument("--name", default="emotionthinker-nano", help="name in the result")
    parser.add_argument("--device", help="cpu, cuda, cuda:1; default: what there is")
    parser.add_argument("--subsample", type=int, default=5000, help="clips, stratified by class; 5000 as in its leaderboard")
    args = parser.parse_args(argv)
    try:
        found = run(args.data_dir, args.out_dir, args.model, args.name, args.device, args.subsample)
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    print(f"accuracy {found['accuracy']:.3f}, macro-F1 {found['macro_f1']:.3f} on {found['n']} clips, "
          f"{found['api_errors_defaulted_to_neutral']} without an answer")
    return 0


if __name__ == "__main__":
    sys.exit(main())
