"""How many known turns of tone are found within 3 seconds, on real voices; and how many that are none.

    OMP_NUM_THREADS=1 python -m benchmarks.turns --root CREMA_D_FOLDER [--recordings 2] [--speakers held-out|tuned|all] [--model M]

CREMA-D's dev clips of one speaker are joined to recordings of five to eight stretches, each of five to ten clips of one intended
emotion, no clip twice, with pauses of 0.1 to 0.6 s; the turns are where the emotion changes. Each recording goes the whole way:
decoded from a wav, cut, transcribed, measured, explained. Besides, each speaker has a recording without any turn. The scale and
the cost of `timeline.turns` were chosen on the nine speakers with an even number ("tuned"); the nine others are "held-out".

What it does not show: acted sentences that follow each other so abruptly are not a call. The rows "by chance" say what as many
turns, laid anywhere at utterances, would find.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotionthinker.audio import SAMPLE_RATE, load_clip
from emotionthinker.cli_explain import silence_progress_bars
from emotionthinker.pipeline import Explainer
from emotionthinker.prosody.vad import speech_segments
from emotionthinker.timeline.follow import Finished, Timeline, follow
from emotionthinker.timeline.lines import reference_of
from emotionthinker.timeline.turns import find_turns
from training.corpora import CorpusClip, read_corpus

WITHIN_S = 3.0
STRETCHES, CLIPS, PAUSE_S = (5, 9), (5, 11), (0.1, 0.6)
ROOM = 1e-4  # -80 dBFS of noise in the pauses
CHANCE_DRAWS = 200


@dataclass(frozen=True)
class Joined:
    """(n,) float32 at 16 kHz, and the times in seconds at which another emotion begins to speak."""

    samples: np.ndarray
    turns_s: list[float]


def join(clips: Sequence[Sequence[CorpusClip]], rng: np.random.Generator) -> Joined:
    """Stretches of clips as one recording."""
    parts: list[np.ndarray] = []
    turns: list[float] = []
    at = 0
    for number, stretch in enumerate(clips):
        for place, clip in enumerate(stretch):
            samples = load_clip(clip.audio_path).samples
            if number and not place:
                speech = speech_segments(samples)
                turns.append(at / SAMPLE_RATE + (speech[0][0] if speech else 0.0))
            pause = rng.normal(0, ROOM, int(rng.uniform(*PAUSE_S) * SAMPLE_RATE)).astype(np.float32)
            parts += [samples, pause]
            at += len(samples) + len(pause)
    return Joined(np.concatenate(parts), turns)


def draw_stretches(clips: Sequence[CorpusClip], rng: np.random.Generator) -> list[list[CorpusClip]]:
    """Stretches of one emotion each, no two neighbours alike, no clip twice."""
    pools: dict[str, list[CorpusClip]] = defaultdict(list)
    for i in rng.permutation(len(clips)):
        pools[clips[i].emotion].append(clips[i])
    stretches: list[list[CorpusClip]] = []
    for _ in range(int(rng.integers(*STRETCHES))):
        before = stretches[-1][0].emotion if stretches else None
        left = sorted(emotion for emotion, pool in pools.items() if emotion != before and len(pool) >= CLIPS[0])
        if not left:
            break
        pool = pools[left[int(rng.integers(len(left)))]]
        n = int(rng.integers(*CLIPS))
        stretches.append([pool.pop() for _ in range(min(n, len(pool)))])
    return stretches


def run(joined: Joined, explainer: Explainer) -> Timeline:
    """The timeline of a recording, by way of a wav file."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "joined.wav"
        soundfile.write(path, joined.samples, SAMPLE_RATE, subtype="PCM_16")
        *_, last = follow(path, explainer)
    assert isinstance(last, Finished)
    return last.timeline


def turn_times(timeline: Timeline, *, sound_alone: bool = False) -> list[float]:
    """Times of the turns; sound_alone: as if no model had been asked."""
    segments = timeline.of_line("voice")
    reference = reference_of(segments)
    if reference is None:
        return []
    return [turn.time_s for turn in find_turns(segments, reference, () if sound_alone else timeline.labels)]


@dataclass
class Count:
    """known: turns that are there; hit: those found; told: turns that were told; right: those that are there."""

    known: int = 0
    hit: int = 0
    told: int = 0
    right: int = 0

    def add(self, known_s: Sequence[float], told_s: Sequence[float]) -> None:
        """One recording: turns known and told (seconds). A turn is found within WITHIN_S."""
        self.known += len(known_s)
        self.told += len(told_s)
        self.hit += sum(any(abs(t - k) <= WITHIN_S for t in told_s) for k in known_s)
        self.right += sum(any(abs(t - k) <= WITHIN_S for k in known_s) for t in told_s)

    def row(self, name: str) -> str:
        """One line of the table: recall of the known, precision of the told."""
        return (f"| {name} | {self.known} | {self.hit / max(self.known, 1):.2f} | {self.told} | "
                f"{self.right / max(self.told, 1):.2f} |")


def main() -> None:
    """Print the table of recordings joined from clips of CREMA-D."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="CREMA-D as released, or a folder with its manifest.csv")
    parser.add_argument("--recordings", type=int, default=2, help="for each speaker")
    parser.add_argument("--speakers", choices=("held-out", "tuned", "all"), default="all")
    parser.add_argument("--at-most", type=int, metavar="N", help="only the first N speakers: a quick look")
    parser.add_argument("--model", help="folder or hub id; default: the embedded Nano")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("set OMP_NUM_THREADS=1, so that everything runs on one thread")

    from emotionthinker.thinker import EmotionThinker

    silence_progress_bars()
    explainer = EmotionThinker.from_pretrained(args.model)
    by_speaker: dict[str, list[CorpusClip]] = defaultdict(list)
    for clip in read_corpus("crema-d", args.root, "dev"):
        by_speaker[clip.speaker].append(clip)
    groups = {"tuned": [s for s in by_speaker if int(s[-1]) % 2 == 0], "held-out": [s for s in by_speaker if int(s[-1]) % 2]}
    counts: dict[str, Count] = defaultdict(Count)
    false_turns = steady_s = 0.0
    n_recordings = heard_s = 0.0
    for group in ("tuned", "held-out") if args.speakers == "all" else (args.speakers,):
        for speaker in sorted(groups[group])[: args.at_most]:
            clips = by_speaker[speaker]
            for number in range(args.recordings):
                rng = np.random.default_rng([args.seed, number, int(speaker[-4:])])
                joined = join(draw_stretches(clips, rng), rng)
                timeline = run(joined, explainer)
                told = turn_times(timeline)
                counts[f"{group} speakers"].add(joined.turns_s, told)
                counts[f"{group} speakers, measured voice alone"].add(joined.turns_s, turn_times(timeline, sound_alone=True))
                starts = [segment.start_s for segment in timeline.segments]
                for _ in range(CHANCE_DRAWS):
                    counts[f"{group} speakers, by chance"].add(joined.turns_s, list(rng.choice(starts, len(told), replace=False)))
                n_recordings, heard_s = n_recordings + 1, heard_s + timeline.duration_s
            rng = np.random.default_rng([args.seed, 99, int(speaker[-4:])])
            emotion = sorted({clip.emotion for clip in clips})[int(rng.integers(6))]
            steady = [clip for clip in clips if clip.emotion == emotion]
            timeline = run(join([[steady[i] for i in rng.permutation(len(steady))]], rng), explainer)
            false_turns, steady_s = false_turns + len(timeline.turns()), steady_s + timeline.duration_s

    print(f"{n_recordings:.0f} recordings of {heard_s / max(n_recordings, 1):.0f} s, model {explainer.name}\n")
    print("| | known turns | found within 3 s | told turns | of them right |\n|---|---|---|---|---|")
    for name, count in counts.items():
        if name.endswith("by chance"):
            count = Count(*(round(value / CHANCE_DRAWS) for value in (count.known, count.hit, count.told, count.right)))
        print(count.row(name))
    print(f"\nWithout a turn ({steady_s / 60:.0f} minutes of one intended emotion each): "
          f"{60 * false_turns / steady_s:.2f} turns told a minute.")


if __name__ == "__main__":
    main()
