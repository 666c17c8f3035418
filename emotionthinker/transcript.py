"""What was said, and when each word was said.

`recognise` writes the words down (Moonshine tiny-en from its own wheel, or any faster-whisper model by a setting);
`align` places the words of a known text in time by forced alignment (PocketSphinx: Viterbi over the text as the only
allowed word sequence, with optional silence between words).
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.errors import TranscriptError
from emotionthinker.pronounce import MAX_CHARS, Token, letters_to_phones, tokens
from emotionthinker.prosody.energy import at_working_level, track_energy
from emotionthinker.prosody.vad import speech_segments

DEFAULT_RECOGNISER = "moonshine"

MAX_WINDOW_S = 20.0  # Moonshine's attention grows with the square of the length; it was trained on 30 s at most
WINDOW_MARGIN_S = 0.5  # kept around speech: soft onsets lie outside what the speech detector marks

SILENT = 1e-4  # -80 dBFS: no room is that quiet
# Noise put under the clip before it is aligned, in dBFS where the loudest 25 ms are at -12. The acoustic model knows rooms,
# not the digital silence of cleaned or synthetic speech: without the noise it rejects 15 % of espeak-ng's sentences.
ROOM_DBFS = -57.0
FRAME_S, FRAME_SAMPLES = 0.01, SAMPLE_RATE // 100  # PocketSphinx's frame
MIN_PHONE_S = 0.03  # three-state phone models last three frames at least: a denser text cannot be placed
# Mean log likelihood ratio per frame of the aligned words (against the likeliest sound of each frame) below which the
# text is taken for another one. On CREMA-D right texts lie above -3.5, 5 % of wrong ones above -4.0; noise draws both down,
# so the line follows the contrast of the clip: dB between its loud frames (95th percentile) and its quiet ones (10th).
CONTRAST_DB, MIN_SCORES = (10.0, 20.0), (-4.9, -3.9)
MIN_ENERGY_SHARE = 0.5  # of the clip, inside the words: a text that leaves more unsaid is another one (right ones: > .6)
_SCORE_UNIT = 1024  # PocketSphinx reports its frame scores divided by 2^10
MAX_ADDED_WORDS = 2000  # then a fresh dictionary, so that a long-running server does not grow


@dataclass(frozen=True)
class Word:
    """A word as the transcript spells it, its times in seconds, and its ARPABET phones."""

    word: str
    start: float
    end: float
    phones: tuple[str, ...] = ()


def recognise(
    samples: np.ndarray, recogniser: str | None = None, segments: list[tuple[float, float]] | None = None
) -> str:
    """Words of a clip as text, "" where no words are heard.

    samples: (n,) float32 at 16 kHz. recogniser: "moonshine", or a faster-whisper size or folder ("base.en",
    "/models/whisper"); default: the setting ET_RECOGNISER, else "moonshine". segments: speech as `speech_segments`
    found it; only this is listened to, since recognisers write words into silence. Raises TranscriptError where the
    recogniser is not installed or its model cannot be loaded.
    """
    name = (recogniser or os.environ.get("ET_RECOGNISER") or DEFAULT_RECOGNISER).strip()
    model = _moonshine() if name == DEFAULT_RECOGNISER else _whisper(name)
    if segments is None:
        segments = speech_segments(samples)
    texts = []
    for start, end in _listening_windows(segments):
        window = samples[max(0, int(start * SAMPLE_RATE)) : int(end * SAMPLE_RATE)]
        if isinstance(model, _Moonshine):
            texts.append(model.text(window))
        else:
            heard, _ = model.transcribe(window, beam_size=1, condition_on_previous_text=False)
            texts.extend(segment.text for segment in heard)
    return re.sub(r"([,.;:!?])\1+", r"\1", " ".join(" ".join(texts).split()))


def _listening_windows(segments: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Speech in windows of at most `MAX_WINDOW_S`, cut at pauses where there are any, margins added."""
    windows: list[tuple[float, float]] = []
    for start, end in segments:
        if windows and end - windows[-1][0] <= MAX_WINDOW_S:
            start = windows.pop()[0]
        while end - start > MAX_WINDOW_S:
            windows.append((start, start + MAX_WINDOW_S))
            start += MAX_WINDOW_S
        windows.append((start, end))
    edges = [(0.0, 0.0), *windows, (math.inf, math.inf)]
    return [
        (start - min(WINDOW_MARGIN_S, (start - before) / 2), end + min(WINDOW_MARGIN_S, (after - end) / 2))
        for (_, before), (start, end), (after, _) in zip(edges, windows, edges[2:], strict=False)
    ]


class _Moonshine:
    """One loaded Moonshine model. A lock, because its C library keeps one transcript per handle."""

    def __init__(self) -> None:
        try:
            from moonshine_voice import ModelArch, Transcriber, get_model_path
        except ImportError as error:
            raise _not_here(
                "The recogniser Moonshine is not installed: run `pip install moonshine-voice`, or give the transcript."
            ) from error
        # Its own speech detector is off: with it 22 % of words were wrong on 80 CREMA-D clips, without 14 %.
        options = {"return_audio_data": "false", "identify_speakers": "false", "vad_threshold": "0.0"}
        try:
            self._transcriber = Transcriber(get_model_path("tiny-en"), ModelArch.TINY, options=options)
        except Exception as error:
            raise _not_here(
                f"The recogniser Moonshine does not load ({_one_line(error)}): reinstall moonshine-voice, "
                "or give the transcript."
            ) from error
        self._lock = threading.Lock()

    def text(self, samples: np.ndarray) -> str:
        with self._lock:
            transcript = self._transcriber.transcribe_without_streaming(samples.tolist(), SAMPLE_RATE)
        return " ".join(line.text for line in transcript.lines)


@lru_cache(maxsize=1)
def _moonshine() -> _Moonshine:
    return _Moonshine()


@lru_cache(maxsize=1)
def _whisper(name: str) -> Any:
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise _not_here(
            f"The recogniser {name!r} needs faster-whisper: run `pip install faster-whisper`, "
            "or set ET_RECOGNISER=moonshine."
        ) from error
    threads = os.environ.get("OMP_NUM_THREADS", "")  # may be a list such as 2,1; then faster-whisper chooses
    try:
        return WhisperModel(name, device="cpu", compute_type="int8", cpu_threads=int(threads) if threads.isdecimal() else 0)
    except Exception as error:
        raise _not_here(
            f"The recogniser {name!r} is neither a known faster-whisper size nor a folder that loads "
            f"({_one_line(error)}): set ET_RECOGNISER to a size such as base.en, to a folder, or to moonshine."
        ) from error


def _not_here(whole: str) -> TranscriptError:
    """whole: for the host alone, as it may name a folder and quote another library."""
    return TranscriptError("The words cannot be recognised on this server just now; write them yourself, or tell its host.",
                           whole=whole)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def align(samples: np.ndarray, text: str) -> list[Word] | None:
    """Times of the words of `text` in a clip, or None where the text does not fit the sound.

    samples: (n,) float32 at 16 kHz. English only; a text without words gives an empty list. A text is rejected when it
    holds letters that the aligner cannot say, when it is too long for the sound, or when the sound is too unlike it.
    """
    found = tokens(text)
    if not found:
        return []
    if len(text) > MAX_CHARS or not all(token.spoken for token in found):
        return None
    return _aligner().align(samples, found)


def count_phones(text: str) -> int:
    """Phones of a text by the aligner's dictionary; 0 where it holds no words or letters that nobody can look up."""
    found = tokens(text)
    if len(text) > MAX_CHARS or not all(token.spoken for token in found):
        return 0
    return _aligner().count_phones(found)


class _Aligner:
    """A PocketSphinx decoder with its dictionary; calls take turns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._load()

    def _load(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise TranscriptError("The aligner is not installed: run `pip install pocketsphinx`.") from error
        # Wide beams keep the true path alive through breaths, slips and noise (at 10 dB SNR beams of 1e-100 lose 15 % of
        # right texts). Without bestpath: its lattice drops the last words of one text in ten.
        self._decoder = Decoder(lm=None, loglevel="FATAL", bestpath=False, beam=1e-250, wbeam=1e-200, pbeam=1e-250)
        self._n_added = 0

    def align(self, samples: np.ndarray, found: list[Token]) -> list[Word] | None:
        with self._lock:
            if self._look_up(found) * MIN_PHONE_S > len(samples) / SAMPLE_RATE:
                return None
            return self._place(samples, found)

    def count_phones(self, found: list[Token]) -> int:
        with self._lock:
            return self._look_up(found)

    def _look_up(self, found: list[Token]) -> int:
        """Number of phones; afterwards the dictionary knows every word."""
        if self._n_added > MAX_ADDED_WORDS:
            self._load()
        return sum(len(self._phones(word)) for token in found for word in token.spoken)

    def _phones(self, word: str) -> tuple[str, ...]:
        """Pronunciation from the dictionary; for a word it lacks, one is guessed and added."""
        listed = self._decoder.lookup_word(word)
        if listed:
            return tuple(listed.split())
        stem, _, ending = word.partition("'")
        base = self._decoder.lookup_word(stem) if ending == "s" else None
        guess = (*base.split(), "Z") if base else letters_to_phones(word)
        self._decoder.add_word(word, " ".join(guess), False)
        self._n_added += 1
        return guess

    def _place(self, samples: np.ndarray, found: list[Token]) -> list[Word] | None:
        spoken = [word for token in found for word in token.spoken]
        samples, offset_s = _without_silent_ends(samples)
        room = np.random.default_rng(0).normal(0.0, 10.0 ** (ROOM_DBFS / 20), len(samples))
        pcm = (np.clip(at_working_level(samples) + room, -1.0, 1.0) * 32767).astype("<i2").tobytes()
        try:
            self._decoder.reinit_feat()  # else the noise estimate of earlier clips shifts the words of this one
            self._decoder.set_align_text(" ".join(spoken))
            self._decoder.start_utt()
            self._decoder.process_raw(pcm, full_utt=True)
            self._decoder.end_utt()
        except RuntimeError:
            self._load()  # a decoder that failed within an utterance does not recover
            return None
        placed = list(self._segments())
        if [name for name, *_ in placed] != spoken:
            return None
        frames = sum(end - start for _, start, end, _, _ in placed)
        quiet_dbfs, loud_dbfs = np.percentile(track_energy(samples).dbfs, [10, 95])
        least = np.interp(loud_dbfs - quiet_dbfs, CONTRAST_DB, MIN_SCORES)
        if sum(score for *_, score in placed) / frames < least:
            return None
        energy = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
        edges = np.array([(start, end) for _, start, end, _, _ in placed]) * FRAME_SAMPLES
        edges = np.minimum(edges, len(samples))
        if np.sum(energy[edges[:, 1]] - energy[edges[:, 0]]) < MIN_ENERGY_SHARE * energy[-1]:
            return None
        words = []
        at = 0
        for token in found:
            parts = placed[at : at + len(token.spoken)]
            at += len(parts)
            phones = tuple(phone for *_, said, _ in parts for phone in said)
            end = min(parts[-1][2] * FRAME_S, len(samples) / SAMPLE_RATE)
            start = round(offset_s + parts[0][1] * FRAME_S, 4)
            words.append(Word(token.spelling, start, round(offset_s + end, 4), phones))
        return words

    def _segments(self) -> Iterator[tuple[str, int, int, tuple[str, ...], float]]:
        """Of each placed word: its name, first frame, frame after the last, phones, summed log likelihood ratio."""
        for segment in self._decoder.seg() or ():
            if segment.word[0] in "<([+":  # silence, noise, null transitions
                continue
            phones = tuple(self._decoder.lookup_word(segment.word).split())
            name = re.sub(r"\(\d+\)$", "", segment.word)  # "the(2)": the second pronunciation was heard
            score = math.log(max(segment.ascore, 1e-300)) * _SCORE_UNIT
            yield name, segment.start_frame, segment.end_frame + 1, phones, score


def _without_silent_ends(samples: np.ndarray) -> tuple[np.ndarray, float]:
    """The clip from its first to its last audible sample, and the seconds cut off before.

    The aligner normalises by the mean over all it is given; digital silence that an editor added would move the words.
    """
    audible = np.flatnonzero(np.abs(samples) > SILENT)
    if not len(audible):
        return samples, 0.0
    return samples[audible[0] : audible[-1] + 1], float(audible[0]) / SAMPLE_RATE


@lru_cache(maxsize=1)
def _aligner() -> _Aligner:
    return _Aligner()
