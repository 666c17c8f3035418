"""Fit the stress network of `emotionthinker/prosody/stress.py` on speech with known emphasis; writes assets/stress.json.

    python -m training.stress_model --root CREMA_DIR      # about 8 minutes on one core

1. Expected phone lengths: non-negative least squares on the lengths of unstressed words, each clip first brought to one
   tempo; from the made speech and from CREMA-D train clips, whose phones are as long as people's.
2. The network: cues of each word → emphasised or not, on the training sentences and voices of `stress_speech`.
3. The threshold: best F1 on every sixth training sentence, which the network for this choice has not seen.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prosody.energy import EnergyTrack, track_energy
from emotionthinker.prosody.pitch import F0Track, track_f0
from emotionthinker.prosody.stress import CUES, MODEL_PATH, word_cues
from emotionthinker.transcript import Word, align
from training.corpora import CorpusError, read_corpus, require_trainable
from training.stress_speech import StressClip, make_clips

N_ESPEAK, N_FLITE, SEED = 1500, 900, 1
N_CORPUS_CLIPS = 400
HIDDEN, DECAY = 16, 0.005
PRIOR_S = {True: 0.10, False: 0.07}  # a vowel's and a consonant's usual length, for phones that are seldom heard
PRIOR_WEIGHT = 5.0  # as many words as that
_ARPABET = """
    AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH
"""
PHONES = _ARPABET.split()


@dataclass(frozen=True)
class Measured:
    """A clip as the cues see it, with the truth for each word."""

    text: str
    voice: str
    source: str
    words: list[Word]
    energy: EnergyTrack
    f0: F0Track
    emphasised: np.ndarray  # (n words,) bool


def measure(clips: Iterable[StressClip]) -> tuple[list[Measured], int]:
    """Aligned and tracked clips, and how many could not be aligned."""
    measured, lost = [], 0
    for clip in clips:
        words = align(clip.samples, clip.text)
        if not words or len(words) != len(clip.emphasised):
            lost += 1
            continue
        tracks = track_energy(clip.samples), track_f0(clip.samples)
        measured.append(Measured(clip.text, clip.voice, clip.source, words, *tracks, np.array(clip.emphasised)))
    return measured, lost


def corpus_words(root: Path) -> list[list[Word]]:
    """Aligned words of some CREMA-D clips of train speakers below `root`, for phone lengths only. Raises CorpusError."""
    train = read_corpus("crema-d", root, "train")
    if not train:
        raise CorpusError(f"{root} holds no CREMA-D clip of a train speaker; give the folder of the whole corpus.")
    require_trainable(train)
    sample = random.Random(SEED).sample(train, min(N_CORPUS_CLIPS, len(train)))
    found = [align(load_clip(clip.audio_path).samples, clip.transcription or "") for clip in sample]
    return [words for words in found if words]


def phone_lengths(clips: list[list[Word]]) -> dict[str, float]:
    """Seconds that each phone takes at a usual tempo, from words of unstressed speech clip by clip."""
    from scipy.optimize import nnls

    column = {phone: i for i, phone in enumerate(PHONES)}
    prior_s = np.array([PRIOR_S[phone[0] in "AEIOU"] for phone in PHONES])
    lengths_s = prior_s
    counts = []
    for words in clips:
        of_clip = np.zeros((len(words), len(PHONES)))
        for i, word in enumerate(words):
            np.add.at(of_clip[i], [column[phone] for phone in word.phones], 1.0)
        counts.append(of_clip)
    durations_s = [np.array([word.end - word.start for word in words]) for words in clips]
    for _ in range(4):  # tempo of each clip, then lengths, in turn
        tempo = [(count @ lengths_s).sum() / seconds.sum() for count, seconds in zip(counts, durations_s, strict=True)]
        target_s = np.concatenate([seconds * t for seconds, t in zip(durations_s, tempo, strict=True)])
        a = np.vstack([*counts, PRIOR_WEIGHT * np.eye(len(PHONES))])
        lengths_s = nnls(a, np.concatenate([target_s, PRIOR_WEIGHT * prior_s]))[0]
    return {phone: round(float(max(seconds, 0.03)), 4) for phone, seconds in zip(PHONES, lengths_s, strict=True)}


def cues_and_truth(clips: list[Measured], phone_s: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """(n words, k) cues and (n words,) bool over all clips."""
    cues = [word_cues(clip.words, clip.energy, clip.f0, phone_s) for clip in clips]
    return np.concatenate(cues), np.concatenate([clip.emphasised for clip in clips])


def fit_network(cues: np.ndarray, truth: np.ndarray) -> dict:
    """Weights as the model file holds them, without the threshold."""
    from sklearn.neural_network import MLPClassifier

    mean, scale = cues.mean(0), cues.std(0) + 1e-6
    network = MLPClassifier((HIDDEN,), "tanh", alpha=DECAY * len(cues) / 200, max_iter=400, random_state=SEED, tol=1e-5)
    network.fit(np.clip((cues - mean) / scale, -4.0, 4.0), truth)
    (hidden, output), (hidden_bias, output_bias) = network.coefs_, network.intercepts_
    return {
        "mean": mean, "scale": scale, "hidden": hidden, "hidden_bias": hidden_bias, "output": output[:, 0],
        "output_bias": float(output_bias[0]),
    }  # fmt: skip


def network_output(weights: dict, cues: np.ndarray) -> np.ndarray:
    """Prominence (n,) by weights that are not in a file yet."""
    from emotionthinker.prosody.stress import StressModel

    return StressModel({}, threshold=0.5, **weights).prominence(cues)


def best_threshold(prominence: np.ndarray, truth: np.ndarray) -> float:
    """The threshold with the highest F1."""
    choices = np.arange(0.1, 0.9, 0.01)
    return float(choices[np.argmax([scores(prominence >= choice, truth)["f1"] for choice in choices])])


def scores(said: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Precision, recall and F1 of stressed words."""
    hits = float(np.sum(said & truth))
    precision, recall = hits / max(1, said.sum()), hits / max(1, truth.sum())
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / max(1e-9, precision + recall)}


def main() -> int:
    """Make the speech, fit, write the file; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of CREMA-D: real phone lengths, of train speakers alone")
    parser.add_argument("--output", type=Path, default=MODEL_PATH)
    args = parser.parse_args()

    try:
        of_people = corpus_words(args.root)
    except EmotionThinkerError as error:
        print(error, file=sys.stderr)
        return 2
    clips, lost = measure(make_clips("train", N_ESPEAK, N_FLITE, SEED))
    plain = [[w for w, e in zip(clip.words, clip.emphasised, strict=True) if not e] for clip in clips]
    phone_s = phone_lengths(plain + 2 * of_people)
    sentences = sorted({clip.text for clip in clips})
    aside = set(sentences[::6])
    seen, unseen = ([clip for clip in clips if (clip.text in aside) == is_aside] for is_aside in (False, True))
    cues, truth = cues_and_truth(unseen, phone_s)
    prominence = network_output(fit_network(*cues_and_truth(seen, phone_s)), cues)
    threshold = best_threshold(prominence, truth)
    print(f"{len(clips)} clips, {lost} not aligned; sentences put aside: {scores(prominence >= threshold, truth)}")

    weights = fit_network(*cues_and_truth(clips, phone_s))
    stored = {"cues": CUES, "phone_s": phone_s, "threshold": round(threshold, 2)}
    stored |= {name: np.round(value, 4).tolist() for name, value in weights.items()}
    args.output.write_text(json.dumps(stored) + "\n", encoding="utf-8")
    print(f"written: {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
