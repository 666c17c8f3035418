"""Articulation rate by speech detection against the rate by aligned words, on clips whose text is known.

    python -m benchmarks.rate --manifest /data/crema-d/manifest.csv            # 300 clips of the dev speakers

The corpus says the text, so both count the same phones: what is compared is the time. Prints Pearson's r over clips, and
what the rates become when a second of silence is put before and after each clip.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np

from emotionthinker.audio import SAMPLE_RATE, load_clip
from emotionthinker.prosody.rate import speaking_rates
from emotionthinker.prosody.vad import speech_segments
from emotionthinker.transcript import align
from training.corpora import SPLITS, read_corpus


def main() -> None:
    """Print the agreement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True, help="manifest.csv of CREMA-D; the splits are our own")
    parser.add_argument("--split", default="dev", choices=SPLITS)
    parser.add_argument("--clips", type=int, default=300)
    args = parser.parse_args()
    chosen = read_corpus("crema-d", args.manifest.parent, args.split)
    chosen = random.Random(7).sample(chosen, min(args.clips, len(chosen)))

    pairs, n_aligned = [], 0
    padding = np.zeros(SAMPLE_RATE, np.float32)
    for clip in chosen:
        samples, text = load_clip(clip.audio_path).samples, clip.transcription or ""
        words = align(samples, text)
        n_aligned += words is not None
        padded = np.concatenate([padding, samples, padding])
        by_words = speaking_rates(words, [])
        by_detection = speaking_rates(None, speech_segments(samples), text)
        padded_words = speaking_rates(align(padded, text), [])
        padded_detection = speaking_rates(None, speech_segments(padded), text)
        pairs.append([r["articulation_rate_pps"] for r in (by_words, by_detection, padded_words, padded_detection)])

    rates = np.array(pairs, float)  # NaN where there is none
    both = np.isfinite(rates).all(1)
    rates = rates[both]
    print(f"{len(chosen)} clips, {n_aligned} aligned, {both.sum()} with a rate by both methods")
    print(f"r(words, speech detection) = {np.corrcoef(rates[:, 0], rates[:, 1])[0, 1]:.3f}")
    print(f"medians: words {np.median(rates[:, 0]):.1f}, speech detection {np.median(rates[:, 1]):.1f} phones per second")
    for i, name in enumerate(("words", "speech detection")):
        change = np.abs(rates[:, i + 2] / rates[:, i] - 1)
        print(f"change by 1 s of silence around, {name}: median {np.median(change):.1%}, 95 % of clips under "
              f"{np.percentile(change, 95):.1%}")


if __name__ == "__main__":
    main()
