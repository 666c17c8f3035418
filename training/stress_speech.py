"""Speech with known emphasis, made offline: sentences × voices × emphasised words.

Two sources, so that a model does not learn one synthesiser's habit:
- espeak-ng reads SSML in which the emphasised words carry `<emphasis level="strong">` and sometimes a `<prosody>` change;
- flite reads the plain sentence, the words are found by alignment, and the WORLD vocoder (Morise et al. 2016) makes the
  emphasised ones longer, louder and higher, the words after them often softer and lower (post-focal compression).

Function words are emphasised seldom, a quarter of the sentences not at all. Sentences and voices of the test part are
never used for training. Needs the Debian packages espeak-ng and flite, and `pyworld`.
"""

from __future__ import annotations

import html
import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotionthinker.audio import SAMPLE_RATE, load_clip
from emotionthinker.prosody.stress import is_function_word
from emotionthinker.transcript import Word, align

SENTENCES_PATH = Path(__file__).with_name("stress_sentences.txt")
TEST_SENTENCES = 30  # the last ones of the file

ESPEAK_VOICES = {
    "train": "en-us+m1 en-us+f2 en-us+m3 en-us+f4 en-us+Andy en-us+linda en-us+max en-gb+m2 en-gb+f1 en-gb+m7 en-gb-x-rp+f3 "
    "en-gb-x-rp+m4 en-gb-scotland+m5 en-029+f5 en-us-nyc+m6 en-us+Annie",
    "test": "en-us+m8 en-us+steph en-gb+f5 en-gb-x-rp+Michael en-us-nyc+Alicia en-gb-scotland+f2",
}
FLITE_VOICES = {"train": "slt rms kal16", "test": "awb"}

UNSTRESSED_SHARE, TWICE_STRESSED_SHARE = 0.25, 0.15
FUNCTION_WORD_ODDS = 0.12  # of being emphasised, against 1 for a content word
WORLD_HOP_S = 0.005


@dataclass(frozen=True)
class StressClip:
    """A clip (n,) at 16 kHz with its text, and for each word of the text whether it was emphasised."""

    samples: np.ndarray
    text: str
    emphasised: tuple[bool, ...]
    voice: str
    source: str  # "espeak-ng" | "flite"


def make_clips(part: str, n_espeak: int, n_flite: int, seed: int) -> Iterator[StressClip]:
    """Clips of a part ("train" or "test"), the same for the same seed. Raises RuntimeError where a synthesiser lacks."""
    for program in ("espeak-ng", "flite"):
        if not shutil.which(program):
            raise RuntimeError(f"{program} is not installed, and it makes the speech: run `apt-get install {program}`.")
    rng = np.random.default_rng([seed, part == "test"])
    sentences = SENTENCES_PATH.read_text(encoding="utf-8").split("\n")
    sentences = [sentence for sentence in sentences if sentence]
    sentences = sentences[-TEST_SENTENCES:] if part == "test" else sentences[:-TEST_SENTENCES]
    espeak_voices, flite_voices = ESPEAK_VOICES[part].split(), FLITE_VOICES[part].split()
    for i in range(n_espeak):
        text = sentences[i % len(sentences)]
        emphasised = choose_words(text.split(), rng)
        voice = str(rng.choice(espeak_voices))
        yield StressClip(record(espeak(text, emphasised, voice, rng), rng), text, emphasised, voice, "espeak-ng")
    for i in range(n_flite):
        text = sentences[i % len(sentences)]
        emphasised = choose_words(text.split(), rng)
        voice = str(rng.choice(flite_voices))
        plain = flite(text, voice)
        words = align(plain, text)
        if words and len(words) == len(emphasised):
            samples = record(emphasise(plain, words, emphasised, rng), rng)
            yield StressClip(samples, text, emphasised, voice, "flite")


def choose_words(words: list[str], rng: np.random.Generator) -> tuple[bool, ...]:
    """Which words to emphasise: none, one, or two that are no neighbours."""
    share = rng.random()
    how_many = 0 if share < UNSTRESSED_SHARE else 2 if share > 1 - TWICE_STRESSED_SHARE and len(words) > 4 else 1
    odds = np.array([FUNCTION_WORD_ODDS if is_function_word(word.strip(".,?!")) else 1.0 for word in words])
    chosen = [False] * len(words)
    for _ in range(how_many):
        free = odds * [not any(chosen[max(0, i - 1) : i + 2]) for i in range(len(words))]
        chosen[int(rng.choice(len(words), p=free / free.sum()))] = True
    return tuple(chosen)


def espeak(text: str, emphasised: tuple[bool, ...], voice: str, rng: np.random.Generator) -> np.ndarray:
    """One sentence by espeak-ng: emphasis marks, at times with more pitch, length and volume."""
    spoken = []
    for word, is_emphasised in zip(text.split(), emphasised, strict=True):
        core = html.escape(word.rstrip(".,?!"))
        tail = word[len(word.rstrip(".,?!")) :]
        if is_emphasised:
            pitch, rate = rng.uniform(0, 35), rng.uniform(70, 100)
            core = f'<emphasis level="strong">{core}</emphasis>'
            if rng.random() < 0.5:
                core = f'<prosody pitch="+{pitch:.0f}%" rate="{rate:.0f}%">{core}</prosody>'
        spoken.append(core + tail)
    speed, height, span = rng.integers(125, 200), rng.integers(30, 70), rng.integers(50, 140)
    command = ["espeak-ng", "-m", "-v", voice, "-s", str(speed), "-p", str(height), "--stdout"]
    ssml = f'<speak><prosody range="{span}%">{" ".join(spoken)}</prosody></speak>'
    wav = subprocess.run([*command, ssml], capture_output=True, check=True, timeout=30).stdout
    return _read(wav)


def flite(text: str, voice: str) -> np.ndarray:
    """One plain sentence by flite."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, timeout=30)
        return load_clip(path).samples


def _read(wav: bytes) -> np.ndarray:
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    return load_clip((samples, rate)).samples


def emphasise(
    samples: np.ndarray, words: list[Word], emphasised: tuple[bool, ...], rng: np.random.Generator
) -> np.ndarray:
    """The same voice with some words emphasised, by changing what WORLD takes the sound apart into.

    Each word gets a natural spread of length (12 %), level (1.5 dB) and pitch (1 semitone); an emphasised one at least
    two of: 15–60 % longer, 2–6 dB louder, 1–5 semitones higher.
    """
    import pyworld

    sound = samples.astype(np.float64)
    f0_hz, times = pyworld.dio(sound, SAMPLE_RATE, frame_period=WORLD_HOP_S * 1000)
    f0_hz = pyworld.stonemask(sound, f0_hz, times, SAMPLE_RATE)
    envelope = pyworld.cheaptrick(sound, f0_hz, times, SAMPLE_RATE)
    aperiodicity = pyworld.d4c(sound, f0_hz, times, SAMPLE_RATE)

    stretch, level_db, raised_st = np.ones(len(times)), np.zeros(len(times)), np.zeros(len(times))
    compressed = rng.random() < 0.5
    after_stress = False
    for word, is_emphasised in zip(words, emphasised, strict=True):
        at = slice(int(word.start / WORLD_HOP_S), max(int(word.end / WORLD_HOP_S), int(word.start / WORLD_HOP_S) + 1))
        longer, louder, higher = np.exp(rng.normal(0, 0.12)), rng.normal(0, 1.5), rng.normal(0, 1.0)
        if is_emphasised:
            used = rng.permutation([True, True, rng.random() < 0.7])
            longer *= rng.uniform(1.15, 1.6) if used[0] else 1.0
            louder += rng.uniform(2.0, 6.0) * used[1]
            higher += rng.uniform(1.0, 5.0) * used[2]
            after_stress = True
        elif after_stress and compressed:
            louder -= rng.uniform(1.0, 3.0)
            higher -= rng.uniform(0.5, 1.5)
        stretch[at], level_db[at], raised_st[at] = longer, louder, higher
    raised_st += np.linspace(rng.uniform(-1, 2), rng.uniform(-2, 1.5), len(times))  # falling, level or rising sentence
    smooth = np.hanning(15) / np.hanning(15).sum()  # 75 ms: nothing jumps at a word's edge
    level_db, raised_st = (np.convolve(curve, smooth, "same") for curve in (level_db, raised_st))

    source = np.interp(np.arange(0.0, stretch.sum()), np.cumsum(stretch) - stretch, np.arange(len(times)))
    nearest = np.minimum(np.round(source).astype(int), len(times) - 1)
    f0_hz = (f0_hz * 2.0 ** (raised_st / 12))[nearest]
    envelope = np.ascontiguousarray((envelope * 10.0 ** (level_db / 10)[:, None])[nearest])
    aperiodicity = np.ascontiguousarray(aperiodicity[nearest])
    return pyworld.synthesize(f0_hz, envelope, aperiodicity, SAMPLE_RATE, WORLD_HOP_S * 1000).astype(np.float32)


def record(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As a microphone would have it: some level, some noise (15–40 dB under the speech), silence around."""
    padded = np.pad(samples, tuple(rng.integers(1600, 9600, 2)))
    gain = 10.0 ** (rng.uniform(-30, -12) / 20) / (np.sqrt(np.mean(samples**2)) + 1e-9)
    noise = np.convolve(rng.normal(size=len(padded) + 7), np.hanning(8) / 4, "valid")
    noise *= np.sqrt(np.mean(samples**2)) * 10.0 ** (-rng.uniform(15, 40) / 20) / np.sqrt(np.mean(noise**2))
    return np.clip((padded + noise) * gain, -1.0, 1.0).astype(np.float32)
