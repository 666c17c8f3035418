"""How often the pitch is wrong, on speech whose pitch is known exactly, beside swift-f0 alone, librosa's pYIN and Praat.

Known pitch: a recorded clip is taken apart by WORLD and put together again from a pitch curve that is written down, so
the curve is the truth whatever the recording was. The curve is WORLD's own (Harvest), a third method, smoothed; every
frame of it is sounded as voiced. A gross error is a frame that is voiced in truth and in the estimate, whose pitch is
off by more than 20 %. What share of the voiced frames was found stands beside it: a tracker may not win by silence.

    python -m benchmarks.f0_accuracy CLIPS… [--clips 40] [--seed 1] [--no-peers]
    python -m benchmarks.f0_accuracy --real DIR     # share of recordings of 2 s or more that get a pitch at all

CLIPS are sound files or folders; `--clips` of them are drawn. Praat takes part where it is installed (`pip install
praat-parselmouth`; GPL-3, so it is not among the requirements).
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE, load_clip
from emotionthinker.errors import AudioError
from emotionthinker.prosody.pitch import FMAX_HZ, FMIN_HZ, VOICED, pitch_summary, track_f0
from emotionthinker.prosody.vad import speech_segments

GROSS = 0.2
WORLD_HOP_S = 0.005
AUDIBLE_DB = 35  # frames further below the clip's loudest are not scored: nobody hears their pitch
GOALS = {  # gross error in %
    "clean": 0.5,
    "white noise 10 dB": 0.5,
    "telephone 300–3400 Hz": 0.5,
    "babble 10 dB": 4.0,
    "no fundamental": 1.0,
}
SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".webm"}

Tracker = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # samples -> times in s, Hz with NaN where unvoiced


def resynthesise(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Speech of known pitch made from a recording: (samples at 16 kHz, Hz each 5 ms with 0 where unvoiced)."""
    import pyworld

    x = samples.astype(np.float64)
    found, times = pyworld.harvest(x, SAMPLE_RATE, f0_floor=65, f0_ceil=600, frame_period=WORLD_HOP_S * 1e3)
    truth_hz = _smooth_stretches(found)
    if (truth_hz > 0).sum() * WORLD_HOP_S < 0.3:
        return None
    envelope = pyworld.cheaptrick(x, truth_hz, times, SAMPLE_RATE)
    # threshold 0: no frame that the curve calls voiced is sounded as noise.
    aperiodicity = pyworld.d4c(x, truth_hz, times, SAMPLE_RATE, threshold=0.0)
    made = pyworld.synthesize(truth_hz, envelope, aperiodicity, SAMPLE_RATE, WORLD_HOP_S * 1e3)
    return made.astype(np.float32), truth_hz


def _smooth_stretches(hz: np.ndarray) -> np.ndarray:
    """The curve in stretches of at least 50 ms without jumps (over 10 % in 5 ms), each smoothed over 25 ms."""
    result = np.zeros_like(hz)
    voiced = hz > 0
    jumps = np.abs(np.diff(np.log(np.maximum(hz, 1)))) > 0.1
    edges = np.flatnonzero(jumps | (np.diff(voiced.astype(int)) != 0)) + 1
    for stretch in np.split(np.arange(len(hz)), edges):
        if len(stretch) >= 10 and voiced[stretch[0]]:
            padded = np.pad(np.log(hz[stretch]), 2, mode="edge")
            result[stretch] = np.exp(np.convolve(padded, np.ones(5) / 5, mode="valid"))
    return result


def conditions(
    speech: np.ndarray, truth_hz: np.ndarray, others: list[np.ndarray], rng: np.random.Generator
) -> Iterable[tuple[str, np.ndarray]]:
    """The clip under each condition of GOALS. Noise is at 10 dB under the mean power of the clip's audible frames."""
    power = np.mean(np.square(speech[_audible_samples(speech)]))
    yield "clean", speech
    yield "white noise 10 dB", speech + rng.normal(0, np.sqrt(power / 10), len(speech))
    yield "telephone 300–3400 Hz", _band_pass(speech, 300, 3400)
    babble = sum(np.resize(o / np.sqrt(np.mean(np.square(o)) + 1e-12), len(speech)) for o in others)
    yield "babble 10 dB", speech + babble * np.sqrt(power / 10 / np.mean(np.square(babble)))
    yield "no fundamental", _band_pass(speech, 1.3 * float(np.percentile(truth_hz[truth_hz > 0], 99)), 7900)


def _band_pass(x: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Linear phase, 60 dB down 40 Hz outside the band."""
    from scipy.signal import firwin, oaconvolve

    taps = firwin(1601, (low_hz + 20, min(high_hz, 7950) - 20), window=("kaiser", 6.0), pass_zero=False, fs=SAMPLE_RATE)
    return oaconvolve(x, taps, mode="same")


def _audible_samples(x: np.ndarray) -> np.ndarray:
    level = np.sqrt(np.convolve(np.square(x), np.ones(400) / 400, mode="same"))
    return level > level.max() * 10 ** (-AUDIBLE_DB / 20)


def ours(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the app measures."""
    track = track_f0(samples.astype(np.float32))
    return np.arange(len(track.hz)) * track.hop_s, track.hz


def pyin(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """librosa's pYIN over the published range; windows of 64 ms, the most accurate of 64 and 128 ms here."""
    import librosa

    x = samples.astype(np.float32)
    hz, _, _ = librosa.pyin(x, fmin=65, fmax=500, sr=SAMPLE_RATE, frame_length=1024, hop_length=256)
    return np.arange(len(hz)) * 256 / SAMPLE_RATE, hz


def swift_alone(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The network that ours builds on, over the same range, without the second look at octaves."""
    from swift_f0 import FRAME_PERIOD

    found = _swift_f0().detect(samples.astype(np.float32), SAMPLE_RATE, FMIN_HZ, FMAX_HZ)
    hz = np.where(found.confidence >= VOICED, found.pitch_hz, np.nan)
    return np.arange(len(hz)) * FRAME_PERIOD, hz


@cache
def _swift_f0() -> Any:
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1)


def praat(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Praat's autocorrelation (Boersma 1993) over the range of `pyin`, all else as it comes. Raises ImportError without it."""
    import parselmouth

    pitch = parselmouth.Sound(samples.astype(np.float64), SAMPLE_RATE).to_pitch_ac(0.01, pitch_floor=65.0, pitch_ceiling=500.0)
    hz = pitch.selected_array["frequency"]
    return pitch.xs(), np.where(hz > 0, hz, np.nan)


def trackers() -> dict[str, Tracker]:
    """Ours and its peers by name; Praat where it is installed."""
    found: dict[str, Tracker] = {"ours": ours, "swift-f0 alone": swift_alone, "pYIN": pyin}
    return found | ({"Praat": praat} if find_spec("parselmouth") else {})


class Score:
    """Frames voiced in truth, those of them found voiced, and those of these grossly wrong."""

    def __init__(self) -> None:
        self.voiced = self.found = self.gross = 0

    def add(self, times: np.ndarray, hz: np.ndarray, truth_hz: np.ndarray, audible: np.ndarray) -> None:
        """Count one clip: an estimate (m,) Hz at times (m,) s, the truth (k,) Hz each 5 ms, audible (n,) bool at 16 kHz."""
        index = np.minimum(np.round(times / WORLD_HOP_S).astype(int), len(truth_hz) - 1)
        # A frame is judged only where the truth is voiced 20 ms to both sides: edges have no pitch to be wrong about.
        sure = np.convolve(truth_hz > 0, np.ones(9), mode="same") == 9
        heard = audible[np.minimum((times * SAMPLE_RATE).astype(int), len(audible) - 1)]
        judged = sure[index] & heard
        found = judged & np.isfinite(hz)
        with np.errstate(invalid="ignore", divide="ignore"):
            wrong = np.abs(hz / truth_hz[index] - 1) > GROSS
        self.voiced += int(judged.sum())
        self.found += int(found.sum())
        self.gross += int((found & wrong).sum())

    @property
    def gross_percent(self) -> float:
        """Of the frames found."""
        return 100 * self.gross / max(self.found, 1)

    @property
    def found_percent(self) -> float:
        """Of the frames voiced in truth."""
        return 100 * self.found / max(self.voiced, 1)


def accuracy(
    paths: list[Path], n_clips: int, seed: int, trackers: dict[str, Tracker]
) -> tuple[int, dict[tuple[str, str], Score]]:
    """How many of the clips had a pitch to resynthesise, and the score of each (condition, tracker)."""
    rng = np.random.default_rng(seed)
    recordings = [load_clip(p).samples for p in paths[: n_clips + 6]]
    scores = {(c, t): Score() for c in GOALS for t in trackers}
    used = 0
    for i, recording in enumerate(recordings[:n_clips]):
        made = resynthesise(recording)
        if made is None:
            continue
        used += 1
        speech, truth_hz = made
        audible = _audible_samples(speech)
        others = [r for j, r in enumerate(recordings) if j != i]
        others = [others[j] for j in rng.choice(len(others), size=min(6, len(others)), replace=False)]
        for condition, sound in conditions(speech, truth_hz, others, rng):
            for name, tracker in trackers.items():
                scores[condition, name].add(*tracker(sound), truth_hz, audible)
    return used, scores


def accuracy_table(paths: list[Path], n_clips: int, seed: int, trackers: dict[str, Tracker]) -> str:
    """`accuracy` as Markdown: gross error and share found."""
    used, scores = accuracy(paths, n_clips, seed, trackers)
    lines = [f"{used} clips of known pitch, seed {seed}; gross errors among the frames found, and share found.", ""]
    lines.append("| condition | goal | " + " | ".join(f"{t}: gross error | found" for t in trackers) + " |")
    lines.append("|---|---|" + "---|---|" * len(trackers))
    for condition, goal in GOALS.items():
        found = [scores[condition, t] for t in trackers]
        cells = " | ".join(f"{one.gross_percent:.2f} % | {one.found_percent:.1f} %" for one in found)
        lines.append(f"| {condition} | ≤ {goal:g} % | {cells} |")
    return "\n".join(lines)


def real_share(paths: list[Path]) -> str:
    """One line: how many recordings of 2 s or more get a median pitch, and how many a reliable one."""
    n = with_pitch = reliable = 0
    without: list[str] = []
    for path in paths:
        try:
            clip = load_clip(path)
        except AudioError:
            continue
        if clip.duration_s < 2:
            continue
        summary = pitch_summary(track_f0(clip.samples), speech_segments(clip.samples))
        n += 1
        with_pitch += summary["f0_median_hz"] is not None
        reliable += summary["f0_reliable"]
        if summary["f0_median_hz"] is None:
            without.append(path.name)
    return (
        f"{n} recordings of 2 s or more: a pitch on {100 * with_pitch / max(n, 1):.1f} % (goal ≥ 98 %), "
        f"a reliable one on {100 * reliable / max(n, 1):.1f} %. Without: {', '.join(without[:20]) or 'none'}."
    )


def sound_files(sources: list[Path]) -> list[Path]:
    """The files given and all sound files under the folders given, in order of their names."""
    found = []
    for source in sources:
        found += sorted(p for p in source.rglob("*") if p.suffix.lower() in SUFFIXES) if source.is_dir() else [source]
    return found


def main() -> None:
    """Print the table of clips that are drawn from the sources, and the share of real recordings with a pitch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", type=Path, help="sound files or folders")
    parser.add_argument("--clips", type=int, default=40, help="how many clips to draw")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-peers", action="store_true", help="ours alone: pYIN takes most of the time")
    parser.add_argument("--real", type=Path, help="folder of recordings: report the share that gets a pitch")
    args = parser.parse_args()
    if not args.sources and not args.real:
        parser.error("give sound files or folders, or --real with a folder")
    drawn = random.Random(args.seed)
    if args.sources:
        paths = sound_files(args.sources)
        drawn.shuffle(paths)
        print(accuracy_table(paths, args.clips, args.seed, {"ours": ours} if args.no_peers else trackers()))
    if args.real:
        paths = sound_files([args.real])
        drawn.shuffle(paths)
        print(real_share(paths[: 10 * args.clips]))


if __name__ == "__main__":
    main()
