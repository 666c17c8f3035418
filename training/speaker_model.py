"""Train the network that tells a speaker's sex from the voice (`emotionthinker/speaker.py`), and measure it.

    python -m training.speaker_model --train_path train.jsonl --dev_path dev.jsonl [--eval_path ravdess.jsonl]

The JSONL files come from `python -m training.corpora`. The network sees 14 numbers a clip through one hidden layer.
Its copies of a clip differ in channel, noise and length, because 56 speakers in one studio would otherwise teach it
that studio. The confidence under which it stays silent is chosen on the dev speakers, and so is nothing else.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotionthinker import speaker
from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prosody.pitch import track_f0
from emotionthinker.prosody.vad import speech_segments
from emotionthinker.speaker import MIN_VOICED_S, formants, probability_female, voice_features, voiced_frames
from training.corpora import read_jsonl, require_trainable

HIDDEN = 16
COPIES = 1  # of each training clip through another channel: on noisy dev speakers 88.6 % right instead of 85.3 %
CROPS = 4  # parts of every clip and copy
EPOCHS = 12
BATCH = 256
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05
DROPOUT = 0.2
SEEDS = 3  # networks, whose answers are averaged into one wider network
WANTED_ACCURACY = 0.97  # of what is stated, on dev


@dataclass(frozen=True)
class Voice:
    """The voiced frames of a clip: formants in Hz (n, 5), pitch in Hz (n,), and whose they are."""

    formants_hz: np.ndarray
    f0_hz: np.ndarray
    female: bool
    speaker: str

    def features(self) -> np.ndarray:
        """(n, k) what the model judges of each frame."""
        return voice_features(self.formants_hz, self.f0_hz)


def read_voices(rows: Iterable[Mapping[str, Any]], copies: int = 0) -> list[Voice]:
    """Voices of the clips whose sex is known and that have enough voice to be judged at all, each followed by its varied copies."""
    rng = np.random.default_rng(0)
    voices = []
    for row in rows:
        if row.get("sex") not in ("female", "male"):
            continue
        samples = load_clip(row["audio_path"]).samples
        f0 = track_f0(samples)
        times_s, hz = voiced_frames(f0, speech_segments(samples))
        if len(hz) * f0.hop_s < MIN_VOICED_S:
            continue
        for heard in (samples, *(vary(samples, rng) for _ in range(copies))):
            voices.append(Voice(formants(heard, times_s), hz, row["sex"] == "female", row["speaker"]))
    return voices


def vary(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The clip through another channel (a first-order tilt, up or down) with white or falling noise under it."""
    tilt = rng.uniform(-0.6, 0.6)
    heard = np.append(samples[:1], samples[1:] - tilt * samples[:-1])
    noise = rng.normal(size=len(heard))
    if rng.random() < 0.5:
        noise = np.append(noise[:1], noise[1:] + 0.9 * noise[:-1])
    snr_db = rng.uniform(8, 40)
    gain = np.sqrt(np.mean(heard**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    return (heard + gain * noise).astype(np.float32)


def crop(voice: Voice, rng: np.random.Generator) -> Voice:
    """A part of 40 to 100 % of the voiced frames."""
    n = len(voice.f0_hz)
    length = max(1, int(n * rng.uniform(0.4, 1.0)))
    part = slice(start := int(rng.integers(0, n - length + 1)), start + length)
    return Voice(voice.formants_hz[part], voice.f0_hz[part], voice.female, voice.speaker)


def fit(voices: Sequence[Voice]) -> dict[str, np.ndarray]:
    """Weights: SEEDS networks side by side in one, so that its logit is the mean of theirs."""
    import torch

    rng = np.random.default_rng(0)
    seen = [*voices, *(crop(v, rng) for _ in range(CROPS) for v in voices)]
    x = np.stack([v.features() for v in seen])
    mean, std = x.mean(0), x.std(0) + 1e-6
    # Men and women, and every speaker, count alike, however many clips they have.
    clips_of = Counter(v.speaker for v in seen)
    speakers_of = Counter(female for _, female in {(v.speaker, v.female) for v in seen})
    weight = np.array([1 / (clips_of[v.speaker] * speakers_of[v.female]) for v in seen])
    inputs, targets, weights = (torch.tensor(a, dtype=torch.float32) for a in (
        (x - mean) / std, np.array([v.female for v in seen], float) * 0.96 + 0.02, weight / weight.mean()))
    layers = []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        first, second = torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.Linear(HIDDEN, 1)
        net = torch.nn.Sequential(first, torch.nn.ReLU(), torch.nn.Dropout(DROPOUT), second)
        optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        for _ in range(EPOCHS * len(inputs) // BATCH):
            chosen = torch.tensor(rng.integers(0, len(inputs), BATCH))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                net(inputs[chosen])[:, 0], targets[chosen], weights[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        layers.append([t.detach().numpy() for t in (first.weight, first.bias, second.weight[0], second.bias[0])])
    w1, b1, w2, b2 = zip(*layers, strict=True)
    arrays = {"mean": mean, "std": std, "w1": np.concatenate(w1), "b1": np.concatenate(b1),
              "w2": np.concatenate(w2) / SEEDS, "b2": np.mean(b2), "least_confidence": 0.5}
    return {name: np.asarray(a, np.float32) for name, a in arrays.items()}


def probabilities(voices: Sequence[Voice], weights: dict[str, np.ndarray]) -> np.ndarray:
    """Of being female, (n,)."""
    return np.array([probability_female(v.features(), weights) for v in voices])


def least_confidence(female: np.ndarray, truth: np.ndarray) -> float:
    """The lowest confidence from which 97 % of the answers are right; at most 0.95."""
    confidence, right = np.maximum(female, 1 - female), (female >= 0.5) == truth
    for floor in np.arange(0.5, 0.95, 0.01):
        if right[confidence >= floor].mean() >= WANTED_ACCURACY:
            return round(float(floor), 2)
    return 0.95


def describe(name: str, voices: Sequence[Voice], weights: dict[str, np.ndarray]) -> str:
    """Accuracy over all clips, over the clips that get an answer, and per sex."""
    female, truth = probabilities(voices, weights), np.array([v.female for v in voices])
    right = (female >= 0.5) == truth
    stated = np.maximum(female, 1 - female) >= weights["least_confidence"]
    return (f"{name}: {len(voices)} clips of {len({v.speaker for v in voices})} speakers: right {right.mean():.1%}; "
            f"stated on {stated.mean():.1%}, right there {right[stated].mean():.1%} "
            f"(women {right[stated & truth].mean():.1%}, men {right[stated & ~truth].mean():.1%})")


def main(argv: list[str] | None = None) -> int:
    """Fit the model of the speaker's sex, print its errors, write it; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.speaker_model",
                                     description="Train and measure the network that tells a speaker's sex.")
    parser.add_argument("--train_path", required=True, help="JSONL of clips to train on")
    parser.add_argument("--dev_path", required=True, help="JSONL of other speakers, for the least confidence")
    parser.add_argument("--eval_path", action="append", default=[], help="JSONL that is only measured; may be repeated")
    args = parser.parse_args(argv)
    try:
        train_rows, dev_rows = read_jsonl(args.train_path), read_jsonl(args.dev_path)
        require_trainable(train_rows)
        require_trainable(dev_rows, also=["dev"])  # the least confidence is chosen on them
        unknown = sum(row.get("sex") not in ("female", "male") for row in (*train_rows, *dev_rows))
        if unknown:
            print(f"{unknown} clips whose speaker's sex is not known are left out")
        train, dev = read_voices(train_rows, COPIES), read_voices(dev_rows)
        others = {path: read_voices(read_jsonl(path)) for path in args.eval_path}
    except EmotionThinkerError as error:
        print(error, file=sys.stderr)
        return 2
    weights = fit(train)
    truth = np.array([v.female for v in dev])
    weights["least_confidence"] = np.asarray(least_confidence(probabilities(dev, weights), truth), np.float32)
    np.savez(speaker.WEIGHTS, allow_pickle=False, **weights)
    print(f"least confidence stated: {float(weights['least_confidence']):.2f}")
    for name, voices in {"train, with copies": train, "dev": dev, **others}.items():
        print(describe(name, voices, weights))
    return 0


if __name__ == "__main__":
    sys.exit(main())
