"""How far the model's decoding is from the least that this machine needs for it.

    python -m benchmarks.decode_floor [--model FOLDER_OR_ID] [--tokens 128]

The floor: for each token every weight of the decoder is read once, and nothing else is done. A token costs its weights' bytes, as
they lie in memory, divided by the bytes that one thread reads in a second. The embedding counts once where it is also the output
layer, which reads it whole; else not, as a token reads one row of it. The audio tower is used once a clip and does not count, nor
does the cache of keys and values, which grows from nothing.

Bandwidth is the best of several passes over BANDWIDTH_BYTES, far more than a processor's cache holds: of copying (which reads and
writes each byte) and of reading alone, the faster. A model that fits into the cache may be quicker than this floor.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.report import when_and_where
from emotionthinker.audio import load_clip
from emotionthinker.page.engine import EXAMPLES
from emotionthinker.prompt import messages
from emotionthinker.thinker import EmotionThinker

BANDWIDTH_BYTES = 512 * 2**20
REPEATS = 5
SHORT = 8  # tokens of the run that is taken off: what a reply costs before its tokens
GOAL = 3.0  # times the floor


@dataclass(frozen=True)
class Decoding:
    """Seconds of one token as it is, the decoder's bytes that it reads, and bytes per second of memory."""

    token_s: float
    weights_bytes: int
    bytes_per_s: float

    @property
    def floor_s(self) -> float:
        """Of one token."""
        return self.weights_bytes / self.bytes_per_s

    @property
    def times_floor(self) -> float:
        """How many floors a token takes."""
        return self.token_s / self.floor_s


def memory_bytes_per_s(n_bytes: int = BANDWIDTH_BYTES, repeats: int = REPEATS) -> float:
    """Bytes that one thread moves in a second, of an array of n_bytes."""
    source = np.ones(n_bytes // 8, np.int64)
    target = np.zeros_like(source)  # its pages exist before the clock runs
    np.copyto(target, source)

    def best(work: Callable[[], Any]) -> float:
        seconds = []
        for _ in range(repeats):
            started = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - started)
        return min(seconds)

    return max(2 * source.nbytes / best(lambda: np.copyto(target, source)), source.nbytes / best(source.max))


def bytes_per_token(model: Any) -> int:
    """Bytes of the weights that one token reads in a loaded Qwen2.5-Omni thinker."""
    embedding = model.get_input_embeddings().weight
    head = model.get_output_embeddings().weight
    read = {id(weight): weight for weight in [*model.model.language_model.parameters(), head]}
    if head is not embedding:
        read.pop(id(embedding), None)
    return sum(weight.numel() * weight.element_size() for weight in read.values())


def token_seconds(thinker: EmotionThinker, n_tokens: int, repeats: int = REPEATS) -> float:
    """Median seconds of one token: of replies of n_tokens + SHORT tokens, less replies of SHORT tokens, to an example clip."""
    import torch

    samples = load_clip(EXAMPLES / "flat.flac").samples
    chat = messages(thinker.style, thinker.style.labels, None)
    text = thinker.processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    inputs = thinker.processor(text=[text], audio=[samples], return_tensors="pt", padding=True)
    inputs = inputs.to(thinker.model.device, thinker.model.dtype)

    def seconds(n: int) -> float:
        started = time.perf_counter()
        with torch.inference_mode():
            thinker.model.generate(**inputs, min_new_tokens=n, max_new_tokens=n, do_sample=False,
                                   suppress_tokens=thinker.processor.media_token_ids(), eos_token_id=thinker.end_token_ids(),
                                   pad_token_id=thinker.processor.tokenizer.pad_token_id)
        return time.perf_counter() - started

    seconds(SHORT)
    return median((seconds(SHORT + n_tokens) - seconds(SHORT)) / n_tokens for _ in range(repeats))


def decoding(thinker: EmotionThinker, n_tokens: int = 128) -> Decoding:
    """A model's decoding beside its floor, measured one after the other."""
    return Decoding(token_seconds(thinker, n_tokens), bytes_per_token(thinker.model), memory_bytes_per_s())


def main() -> None:
    """Print the floor, the token and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder or hub id; default: the embedded Nano")
    parser.add_argument("--tokens", type=int, default=128, help="tokens of a reply; default 128")
    args = parser.parse_args()
    found = decoding(EmotionThinker.from_pretrained(args.model), args.tokens)
    print(f"{when_and_where()}: {found.weights_bytes / 1e6:.1f} MB a token at {found.bytes_per_s / 1e9:.1f} GB/s: floor "
          f"{1e3 * found.floor_s:.2f} ms; a token takes {1e3 * found.token_s:.2f} ms, {found.times_floor:.1f} times the floor "
          f"(goal ≤ {GOAL:g})")


if __name__ == "__main__":
    main()
