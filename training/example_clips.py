"""Make the example clips of the page: a synthesiser's voice, bent into several ways of speaking.

    python -m training.example_clips --output_path assets/examples

flite speaks each sentence (its voices slt and rms), WORLD (Morise et al. 2016, through pyworld) takes the voice apart into
pitch, spectrum and noise, each is bent as the recipe below says, and the parts are put together again. Nobody's emotion is in
these clips: they show what the instruments measure, and what the expected cues of an emotion (Juslin & Laukka 2003) sound like.

Needs the command `flite` (Debian package of that name) and `pyworld`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

FRAME_S = 0.005  # WORLD's step
EDGE_S = 0.25  # near-silence before and after the speech
ROOM_DBFS = -66.0  # level of the faint noise that stands for a room


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one clip is spoken. Stretches of the sentence are given as (first, last) index of flite's phones, silence included."""

    name: str
    voice: str
    text: str
    level_dbfs: float  # of the whole clip's loudest tenth
    shift_st: float = 0.0
    range_factor: float = 1.0  # 1 keeps the synthesiser's melody, 0 is a monotone
    rate: float = 1.0  # above 1 is faster
    end_st: float = 0.0  # added over the last 40 %, rising or falling
    tilt_db_per_octave: float = 0.0  # above 500 Hz: more for a pressed voice, less for a soft one
    tremor_st: float = 0.0
    whispered: bool = False
    stressed: tuple[tuple[int, int], ...] = ()
    pause_after: int | None = None  # phone index


RECIPES = (
    Recipe("angry", "slt", "I will never do that again.", -13.0, shift_st=5.0, range_factor=2.2, rate=1.12, end_st=-5.0,
           tilt_db_per_octave=2.5, stressed=((5, 8), (14, 17))),
    Recipe("sad", "rms", "I thought you would stay a little longer.", -31.0, shift_st=-2.5, range_factor=0.45, rate=0.78,
           end_st=-2.0, tilt_db_per_octave=-2.5),
    Recipe("happy", "slt", "We are going to the sea tomorrow!", -18.0, shift_st=4.0, range_factor=2.4, rate=1.1, end_st=3.0,
           tilt_db_per_octave=0.5, stressed=((13, 14),)),
    Recipe("afraid", "slt", "There is somebody in the garden.", -27.0, shift_st=6.0, range_factor=0.7, rate=1.22, end_st=3.5,
           tremor_st=0.7, tilt_db_per_octave=-1.0),
    Recipe("flat", "rms", "The meeting starts at ten o'clock.", -23.0, range_factor=0.12),
    Recipe("whisper", "slt", "Be quiet, the children are asleep.", -38.0, rate=0.9, whispered=True, pause_after=8),
)


def speak(recipe: Recipe) -> tuple[np.ndarray, int, list[float]]:
    """flite's plain reading: samples (n,) float64, sample rate, and the end of each phone in seconds."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "plain.wav"
        command = ["flite", "-voice", recipe.voice, "-t", recipe.text, "-o", str(wav), "-psdur"]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        samples, rate = soundfile.read(wav)
    return samples, rate, [float(part.rsplit(":", 1)[1]) for part in listing.split()]


def bend(recipe: Recipe) -> tuple[np.ndarray, int]:
    """Samples (n,) float32 and sample rate of the clip that the recipe describes."""
    import pyworld

    samples, sample_rate, phone_ends = speak(recipe)
    f0_hz, times = pyworld.harvest(samples, sample_rate, frame_period=FRAME_S * 1000)
    spectrum = pyworld.cheaptrick(samples, f0_hz, times, sample_rate)
    aperiodicity = pyworld.d4c(samples, f0_hz, times, sample_rate)
    n = len(f0_hz)
    edges = np.concatenate([[0.0], phone_ends])

    def over(first: int, last: int) -> np.ndarray:
        """A smooth 0-1-0 bump over the phones first..last."""
        start, end = edges[first], edges[last + 1]
        x = np.clip((times - start) / (end - start), 0.0, 1.0)
        return np.sin(np.pi * x) ** 2

    weight = np.zeros(n)
    for first, last in recipe.stressed:
        weight = np.maximum(weight, over(first, last))

    voiced = f0_hz > 0
    median_hz = float(np.median(f0_hz[voiced]))
    semitones = np.zeros(n)
    semitones[voiced] = 12 * np.log2(f0_hz[voiced] / median_hz) * recipe.range_factor
    late = np.clip((times / times[-1] - 0.6) / 0.4, 0.0, 1.0)
    semitones += recipe.shift_st + recipe.end_st * late + 3.0 * weight
    semitones += recipe.tremor_st * np.sin(2 * np.pi * 6.0 * times)
    f0_hz = np.where(voiced, median_hz * 2 ** (semitones / 12), 0.0)

    hz = np.linspace(0, sample_rate / 2, spectrum.shape[1])
    gain_db = recipe.tilt_db_per_octave * np.log2(np.maximum(hz, 500.0) / 500.0)
    spectrum = spectrum * 10 ** ((gain_db[None, :] + 5.0 * weight[:, None]) / 10)
    if recipe.whispered:
        f0_hz = np.zeros(n)
        aperiodicity = np.ones_like(aperiodicity)

    # Durations: walk through the source faster or slower; a stressed stretch takes a third longer, a pause stands still.
    step_s = FRAME_S / recipe.rate * (1 + 0.35 * weight)
    if recipe.pause_after is not None:
        step_s[np.searchsorted(times, edges[recipe.pause_after + 1])] += 0.35
    clock = np.concatenate([[0.0], np.cumsum(step_s)])[:n]
    wanted = np.arange(0.0, clock[-1], FRAME_S)
    pick = np.clip(np.searchsorted(clock, wanted, side="right") - 1, 0, n - 1)
    held = np.concatenate([[False], np.diff(pick) == 0])  # frames where the source stands still for long are silent
    run = np.zeros(len(pick))
    for i in range(1, len(pick)):
        run[i] = run[i - 1] + 1 if held[i] else 0
    spectrum = spectrum[pick] * np.where(run > 6, 1e-6, 1.0)[:, None]

    voice = pyworld.synthesize(f0_hz[pick], np.ascontiguousarray(spectrum), np.ascontiguousarray(aperiodicity[pick]),
                               sample_rate, frame_period=FRAME_S * 1000)
    silence = np.zeros(round(EDGE_S * sample_rate))
    voice = np.concatenate([silence, voice, silence])
    frames = voice[: len(voice) // 160 * 160].reshape(-1, 160)
    loud = np.sqrt(np.quantile((frames**2).mean(1), 0.9))
    voice = voice * 10 ** (recipe.level_dbfs / 20) / loud
    room = np.random.default_rng(0).normal(size=len(voice)) * 10 ** (ROOM_DBFS / 20)
    return np.clip(voice + room, -0.99, 0.99).astype(np.float32), sample_rate


def main() -> None:
    """Make the example clips anew."""
    import soundfile

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output_path", type=Path, required=True, help="folder for the clips and examples.json")
    folder = parser.parse_args().output_path
    folder.mkdir(parents=True, exist_ok=True)
    listing = []
    for recipe in RECIPES:
        samples, rate = bend(recipe)
        soundfile.write(folder / f"{recipe.name}.flac", samples, rate, subtype="PCM_16")
        listing.append({"name": recipe.name, "file": f"{recipe.name}.flac", "text": recipe.text, "synthetic": True})
    (folder / "examples.json").write_text(json.dumps(listing, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
