"""Train the network that tells a speaker's sex from the voice (`emotionthinker/speaker.py`), and measure it.

    python -m training.speaker_model --train_path train.jsonl --dev_path dev.jsonl [--eval_path ravdess.jsonl]

The JSONL files come from `python -m training.corpora`. The network sees 46 numbers a clip through one hidden layer.
Its copies of a clip (`vary`) differ in channel, noise and length, because 56 speakers in one studio would otherwise
teach it that studio. The confidence under which it stays silent is chosen on the dev speakers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotionthinker import speaker
from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prosody.pitch import track_f0
from emotionthinker.prosody.vad import speech_segments
from emotionthinker.speaker import MIN_VOICED_S, N_BANDS, probability_female, voice_features, voiced_spectrum
from training.corpora import read_jsonl, require_trainable

HIDDEN = 24
COPIES = 8  # of each clip, one of them unchanged
EPOCHS = 30
BATCH = 256
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-3
SEEDS = 3  # networks trained; the best on dev is kept
WANTED_ACCURACY = 0.9  # on dev clips whose confidence is near the least one that is stated


@dataclass(frozen=True)
class Voice:
    """The voiced frames of a clip: power in bands (n, 32), F0 (n,), and whose they are."""

    power: np.ndarray
    hz: np.ndarray
    female: bool
    speaker: str
    age: int | None


def read_voices(rows: Iterable[Mapping[str, Any]]) -> list[Voice]:
    """Voices of the clips that have enough voice to be judged at all."""
    voices = []
    for row in rows:
        samples = load_clip(row["audio_path"]).samples
        f0 = track_f0(samples)
        power, hz = voiced_spectrum(samples, f0, speech_segments(samples))
        if len(hz) * f0.hop_s >= MIN_VOICED_S:
            voices.append(Voice(power, hz, row["sex"] == "female", row["speaker"], row.get("age")))
    return voices


def vary(voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """Features of a copy: a part of the clip, through another channel, with noise under it."""
    n = len(voice.hz)
    length = int(n * rng.uniform(0.4, 1.0))
    start = int(rng.integers(0, n - length + 1))
    power, hz = voice.power[start : start + length].astype(np.float64), voice.hz[start : start + length]
    x = np.linspace(-1, 1, N_BANDS)

    def curve_db(tilt: float, wave: float) -> np.ndarray:
        return rng.normal(0, tilt) * x + sum(
            rng.normal(0, wave) * np.cos(np.pi * k * (x + 1) / 2 + rng.uniform(0, np.pi)) for k in (2, 3))

    power = power * 10 ** (curve_db(4.0, 2.0) / 10)
    snr_db = rng.uniform(3, 45)
    noise = 10 ** ((curve_db(6.0, 1.0) - snr_db) / 10) * power.mean()
    power = power + noise * rng.exponential(1.0, power.shape)
    return voice_features(power, hz)


def fit(voices: Sequence[Voice], seed: int) -> dict[str, np.ndarray]:
    """Weights of one network."""
    import torch

    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    plain = [voice_features(v.power, v.hz) for v in voices]
    copies = [vary(v, rng) for _ in range(COPIES - 1) for v in voices]
    x = np.stack(plain + copies)
    y = np.tile([float(v.female) for v in voices], COPIES)
    mean, std = x.mean(0), x.std(0) + 1e-6
    # Men and women, and every speaker, count alike, however many clips they have.
    counts = {name: sum(v.speaker == name for v in voices) for name in {v.speaker for v in voices}}
    n_speakers = {sex: len({v.speaker for v in voices if v.female == sex}) for sex in (False, True)}
    weight = np.tile([1 / (counts[v.speaker] * n_speakers[v.female]) for v in voices], COPIES)
    inputs = torch.tensor((x - mean) / std, dtype=torch.float32)
    targets, weights = (torch.tensor(a, dtype=torch.float32) for a in (y, weight / weight.mean()))
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 1))
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * (len(inputs) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE * 3, total_steps=steps)
    for step in range(steps):
        chosen = torch.tensor(rng.integers(0, len(inputs), BATCH))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            net(inputs[chosen])[:, 0], targets[chosen] * 0.96 + 0.02, weights[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 2000 == 0:
            print(f"step {step}/{steps} loss {loss.item():.3f}", file=sys.stderr)
    first, second = net[0], net[2]
    arrays = {"mean": mean, "std": std, "w1": first.weight, "b1": first.bias, "w2": second.weight[0],
              "b2": second.bias[0], "least_confidence": 0.5}
    return {name: np.asarray(a.detach() if hasattr(a, "detach") else a, np.float32) for name, a in arrays.items()}


def probabilities(voices: Sequence[Voice], weights: dict[str, np.ndarray]) -> np.ndarray:
    """Of being female, (n,)."""
    return np.array([probability_female(voice_features(v.power, v.hz), weights) for v in voices])


def least_confidence(female: np.ndarray, truth: np.ndarray) -> float:
    """The lowest confidence from which answers are mostly right: of the clips up to 0.1 above it, 90 % at least."""
    confidence, right = np.maximum(female, 1 - female), (female >= 0.5) == truth
    for floor in np.arange(0.5, 0.95, 0.05):
        near = right[(confidence >= floor) & (confidence < floor + 0.1)]
        if len(near) == 0 or near.mean() >= WANTED_ACCURACY:
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
    parser = argparse.ArgumentParser(prog="python -m training.speaker_model",
                                     description="Train and measure the network that tells a speaker's sex.")
    parser.add_argument("--train_path", required=True, help="JSONL of clips to train on")
    parser.add_argument("--dev_path", required=True, help="JSONL of other speakers, to choose on")
    parser.add_argument("--eval_path", action="append", default=[], help="JSONL that is only measured; may be repeated")
    args = parser.parse_args(argv)
    try:
        train_rows, dev_rows = read_jsonl(args.train_path), read_jsonl(args.dev_path)
        require_trainable(train_rows + dev_rows)
        train, dev = read_voices(train_rows), read_voices(dev_rows)
        others = {path: read_voices(read_jsonl(path)) for path in args.eval_path}
    except EmotionThinkerError as error:
        print(error, file=sys.stderr)
        return 2
    truth = np.array([v.female for v in dev])
    networks = [fit(train, seed) for seed in range(SEEDS)]
    loss = [-np.log(np.abs(1 - truth - probabilities(dev, w)).clip(1e-6)).mean() for w in networks]
    best = networks[int(np.argmin(loss))]
    best["least_confidence"] = np.float32(least_confidence(probabilities(dev, best), truth))
    np.savez(speaker.WEIGHTS, **{name: np.asarray(a, np.float32) for name, a in best.items()})
    print(f"least confidence stated: {float(best['least_confidence']):.2f}")
    for name, voices in {"train": train, "dev": dev, **others}.items():
        print(describe(name, voices, best))
    return 0


if __name__ == "__main__":
    sys.exit(main())
