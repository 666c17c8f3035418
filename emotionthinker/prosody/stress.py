"""Which words a speaker stresses: duration, loudness and pitch of each aligned word against its neighbours and against
what its own phones would take.

A small network (one hidden layer, plain numpy here) weighs the cues; `training/stress_model.py` fits it on speech whose
emphasis is known because it was made so. Every cue is relative to the words around, so gain, voice and tempo drop out.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from emotionthinker.errors import shipped
from emotionthinker.prosody.energy import EnergyTrack
from emotionthinker.prosody.pitch import F0Track
from emotionthinker.transcript import Word

MODEL_PATH = Path(__file__).resolve().parents[2] / "assets" / "stress.json"

NEIGHBOURHOOD = 7  # words on each side that a word is held against: about one sentence
PAUSE_S = 0.15  # a longer gap after a word is a phrase end, where words are long without being stressed
MAX_STRESSED_SHARE = 0.5  # stress is contrast: more than half of a neighbourhood cannot stand out from it

_FUNCTION_WORDS = """
    a an the this that these those i you he she it we they me him her us them my your his its our their mine yours
    am is are was were be been being do does did have has had will would shall should can could may might must ought
    i'm you're he's she's it's we're they're i've you've we've they've i'd you'd he'd she'd we'd they'd i'll you'll
    he'll she'll we'll they'll it'll that's there's here's what's who's isn't aren't wasn't weren't
    and or but nor so if than as because while though although since until unless when where who whom whose which what
    of in on at to from by for with about into onto over under up down out off through between after before there here
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

CUES = (
    "lengthening", "loudness", "mean_loudness", "pitch", "pitch_span", "unvoiced",
    "lengthening_vs_neighbours", "loudness_vs_neighbours", "pitch_vs_neighbours",
    "lengthening_vs_next", "loudness_vs_next", "pitch_vs_next",
    "loudness_off_trend", "pitch_off_trend",
    "lengthening_vs_longest", "loudness_vs_loudest", "pitch_vs_highest",
    "function_word", "phrase_first", "phrase_last", "pause_before", "pause_after", "log_n_phones", "log_n_words",
)  # fmt: skip


@dataclass(frozen=True)
class StressedWord:
    """An aligned word (times in seconds) with its prominence, 0…1, and whether it carries sentence stress."""

    word: str
    start: float
    end: float
    prominence: float
    stressed: bool


def word_stress(words: list[Word] | None, energy: EnergyTrack, f0: F0Track) -> list[StressedWord]:
    """Prominence of every word: the chance, as the fitted network sees it, that the word was emphasised."""
    if not words:
        return []
    model = stress_model()
    prominence = model.prominence(word_cues(words, energy, f0, model.phone_s))
    stressed = prominence >= model.threshold
    for i in np.flatnonzero(stressed):
        around = prominence[max(0, i - NEIGHBOURHOOD) : i + NEIGHBOURHOOD + 1]
        allowed = max(1, int(MAX_STRESSED_SHARE * len(around)))
        stressed[i] = np.sum(around > prominence[i]) < allowed
    return [
        StressedWord(word.word, word.start, word.end, float(p), bool(s))
        for word, p, s in zip(words, prominence, stressed, strict=True)
    ]


@dataclass(frozen=True)
class StressModel:
    """Weights of the network and the expected length of each phone.

    `phone_s`: seconds by ARPABET phone; `mean`, `scale` (k,) of the cues; `hidden` (k, h), `hidden_bias` (h,), `output`
    (h,), `output_bias`; words from `threshold` on are stressed.
    """

    phone_s: dict[str, float]
    mean: np.ndarray
    scale: np.ndarray
    hidden: np.ndarray
    hidden_bias: np.ndarray
    output: np.ndarray
    output_bias: float
    threshold: float

    @classmethod
    def from_file(cls, path: Path) -> StressModel:
        """Read what `training/stress_model.py` wrote. Raises ValueError if it was fitted on other cues."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        if tuple(stored["cues"]) != CUES:
            raise ValueError(f"{path.name} was fitted on other cues: run `python -m training.stress_model` again.")
        arrays = {name: np.array(stored[name]) for name in ("mean", "scale", "hidden", "hidden_bias", "output")}
        return cls(stored["phone_s"], **arrays, output_bias=stored["output_bias"], threshold=stored["threshold"])

    def prominence(self, cues: np.ndarray) -> np.ndarray:
        """(n, k) cues → (n,) in 0…1."""
        z = np.clip((cues - self.mean) / self.scale, -4.0, 4.0)
        logit = np.tanh(z @ self.hidden + self.hidden_bias) @ self.output + self.output_bias
        return 1.0 / (1.0 + np.exp(-logit))


@lru_cache(maxsize=1)
def stress_model() -> StressModel:
    """The model shipped in `assets/`, read once."""
    with shipped(MODEL_PATH):
        return StressModel.from_file(MODEL_PATH)


def word_cues(words: list[Word], energy: EnergyTrack, f0: F0Track, phone_s: dict[str, float]) -> np.ndarray:
    """(n words, k) array of `CUES`. Lengths in natural log, loudness in dB, pitch in semitones, pauses in seconds."""
    n = len(words)
    usual_s = float(np.mean(list(phone_s.values())))
    expected_s = np.array([sum(phone_s.get(phone, usual_s) for phone in word.phones) or usual_s for word in words])
    length = np.log(np.array([max(word.end - word.start, 0.01) for word in words]) / expected_s)
    loudness = np.array([_levels(word, energy) for word in words])
    pitch = np.array([_pitches(word, f0) for word in words])
    unvoiced = np.isnan(pitch[:, 0])

    lengthening = length - _around(length, np.median)
    loud = loudness[:, 0] - _around(loudness[:, 0], np.median)
    mean_loud = loudness[:, 1] - _around(loudness[:, 1], np.median)
    high = pitch[:, 0] - _around(pitch[:, 0], np.nanmedian)
    high = np.where(np.isfinite(high), high, 0.0)

    starts, ends = np.array([word.start for word in words]), np.array([word.end for word in words])
    gaps = np.concatenate(([0.5], np.clip(starts[1:] - ends[:-1], 0.0, 0.5), [0.5]))
    columns = {
        "lengthening": lengthening,
        "loudness": loud,
        "mean_loudness": mean_loud,
        "pitch": high,
        "pitch_span": np.where(unvoiced, 0.0, pitch[:, 1]),
        "unvoiced": unvoiced,
        "function_word": [is_function_word(word.word) for word in words],
        "phrase_first": gaps[:-1] > PAUSE_S,
        "phrase_last": gaps[1:] > PAUSE_S,
        "pause_before": gaps[:-1],
        "pause_after": gaps[1:],
        "log_n_phones": [math.log(max(1, len(word.phones))) for word in words],
        "log_n_words": np.full(n, math.log(min(n, 2 * NEIGHBOURHOOD + 1))),
    }
    relative = (("lengthening", lengthening, "longest"), ("loudness", loud, "loudest"), ("pitch", high, "highest"))
    for name, cue, most in relative:
        columns[f"{name}_vs_neighbours"] = cue - _beside(cue)
        columns[f"{name}_vs_next"] = cue - np.append(cue[1:], cue[-1])
        columns[f"{name}_vs_{most}"] = cue - _around(cue, np.max, without_self=True)
    for name, cue in (("loudness", loud), ("pitch", high)):
        columns[f"{name}_off_trend"] = cue - _trend((starts + ends) / 2, cue)
    return np.column_stack([np.asarray(columns[name], float) for name in CUES])


def is_function_word(word: str) -> bool:
    """Whether a word only joins others; such words are seldom stressed."""
    return word.casefold().replace("’", "'") in FUNCTION_WORDS


def _levels(word: Word, energy: EnergyTrack) -> tuple[float, float]:
    """Loudest and mean level of a word in dB: the 90th percentile, and the mean of the frames within 25 dB of it."""
    first = int(word.start / energy.hop_s)
    frames = energy.dbfs[first : max(first + 1, math.ceil(word.end / energy.hop_s))]
    if not len(frames):
        return -100.0, -100.0
    loud = float(np.percentile(frames, 90))
    return loud, float(np.mean(frames[frames > loud - 25.0]))


def _pitches(word: Word, f0: F0Track) -> tuple[float, float]:
    """Highest pitch of a word in semitones re 100 Hz, and its span; NaN with fewer than three voiced frames."""
    hz = f0.hz[max(0, int(word.start / f0.hop_s)) : math.ceil(word.end / f0.hop_s)]
    semitones = 12.0 * np.log2(hz[np.isfinite(hz)] / 100.0)
    if len(semitones) < 3:
        return math.nan, math.nan
    low, high = np.percentile(semitones, [10, 90])
    return float(high), float(high - low)


def _around(values: np.ndarray, statistic, without_self: bool = False) -> np.ndarray:
    """A statistic of each word's neighbourhood; 0 where a word has no neighbour."""
    found = np.zeros(len(values))
    for i in range(len(values)):
        first = max(0, i - NEIGHBOURHOOD)
        near = values[first : i + NEIGHBOURHOOD + 1]
        if without_self:
            near = np.delete(near, i - first)
        near = near[np.isfinite(near)]
        found[i] = statistic(near) if len(near) else 0.0
    return found


def _beside(values: np.ndarray) -> np.ndarray:
    """Mean of the words directly before and after; 0 for a word alone."""
    if len(values) < 2:
        return np.zeros(len(values))
    padded = np.concatenate(([values[1]], values, [values[-2]]))
    return (padded[:-2] + padded[2:]) / 2


def _trend(times_s: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A straight line through each word's neighbourhood: voices sink, and grow softer, towards the end of a sentence."""
    line = np.zeros(len(values))
    for i in range(len(values)):
        near = slice(max(0, i - NEIGHBOURHOOD), i + NEIGHBOURHOOD + 1)
        t, v = times_s[near] - times_s[i], values[near]
        spread = t - t.mean()
        slope = float(spread @ v) / float(spread @ spread) if len(t) > 3 and np.any(spread) else 0.0
        line[i] = v.mean() - slope * t.mean()
    return line
