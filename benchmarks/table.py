"""One table of how quick everything is, each row measured beside its peer in the same run.

    python -m benchmarks.table [--crema-d DIR] [--clips 30] [--quick] [--write docs/speed.md]

`make bench` is this command with `--write docs/speed.md`. Each part runs in a process of its own, one after the other, so
that neither memory nor threads of one are in the figures of the next; those that count processor time run on one thread. The
clips are drawn from the folder of CREMA-D as its authors release it; without one, the example clips, which are synthetic and
few, are used and the table says so. `--quick` takes a few clips and short runs: to see that everything works, not to quote.
Take it on an idle machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import when_and_where, write_between

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "assets" / "examples"
BEGIN, END = "<!-- speed: begin, written by python -m benchmarks.table -->", "<!-- speed: end -->"
SEED = 4
QUICK_CLIPS = 3
START_GOAL_S, IMPORT_GOAL_S, FIGURE_GOAL_S = 6.0, 1.0, 1.0


@dataclass(frozen=True)
class Given:
    """What the parts are run on. clips: label rows with `audio_path` (a file) and `transcription`."""

    clips: tuple[Mapping[str, Any], ...]
    quick: bool

    @property
    def paths(self) -> list[Path]:
        """The files of the clips."""
        return [Path(row["audio_path"]) for row in self.clips]


@dataclass(frozen=True)
class Row:
    """One line of the table, in words. met: whether what was wanted was reached, None where nothing is."""

    what: str
    reached: str
    peer: str = "–"
    wanted: str = "–"
    met: bool | None = None
    command: str = ""


def at_most(what: str, value: float, goal: float, unit: str, peer: str, command: str, digits: int = 2) -> Row:
    """A row of which less is better."""
    return Row(what, f"{value:.{digits}f} {unit}", peer, f"≤ {goal:g} {unit}", value <= goal, command)


def measuring(given: Given) -> list[Row]:
    """Processor time of the measurements beside the published method."""
    from benchmarks.prosody import GOALS, cost
    from emotionthinker.audio import load_clip

    found, command = cost([load_clip(path) for path in given.paths]), "python -m benchmarks.prosody CLIPS…"
    peer, unit = f"{found.published:.3f} (published method: pYIN twice, RMS)", "CPU-s per s of audio"
    return [
        at_most("speech, pitch, energy, melody", found.acoustic, GOALS.acoustic, unit, peer, command, 3),
        at_most("… with alignment, rate, stress", found.aligned, GOALS.aligned, unit, peer, command, 3),
        at_most("… with recognition of the words", found.recognised, GOALS.recognised, unit, peer, command, 3),
        at_most("… memory at most", found.whole_mb, GOALS.whole_mb, "MB", f"{found.acoustic_mb:.0f} MB (no words)", command, 0),
    ]


def pitch(given: Given) -> list[Row]:
    """Gross errors of pitch beside swift-f0 alone, pYIN and Praat."""
    from benchmarks.f0_accuracy import GOALS, accuracy, trackers

    known, command = trackers(), "python -m benchmarks.f0_accuracy CLIPS…"
    used, scores = accuracy(given.paths, len(given.paths), SEED, known)

    def cells(tracker: str) -> str:
        return " · ".join(f"{scores[condition, tracker].gross_percent:.2f}" for condition in GOALS)

    found = [median(scores[condition, name].found_percent for condition in GOALS) for name in known]
    peers = [f"{cells(name)} ({name})" for name in known if name != "ours"]
    if "Praat" not in known:
        peers.append("Praat is not installed")
    met = all(scores[condition, "ours"].gross_percent <= goal for condition, goal in GOALS.items())
    return [
        Row(f"gross pitch errors, %, of {used} clips of known pitch: {' · '.join(GOALS)}", cells("ours"), "; ".join(peers),
            "≤ " + " · ".join(f"{goal:g}" for goal in GOALS.values()), met, command),
        Row("… voiced frames found, %, median of these conditions", f"{found[0]:.0f}",
            "; ".join(f"{share:.0f} ({name})" for share, name in zip(found[1:], list(known)[1:], strict=True)), command=command),
    ]


def labelling(given: Given) -> list[Row]:
    """Clips labelled per second, by a core and by two workers."""
    from benchmarks.labelling import GOAL, OURS, PUBLISHED, WHOLE, rate_of_workers, rates_per_core

    rates, command = rates_per_core(given.clips), "python -m benchmarks.labelling IN.jsonl"
    times = rates[OURS] / rates[PUBLISHED]
    one, two = rate_of_workers(given.clips, 1), rate_of_workers(given.clips, 2)
    return [
        Row("labelling, signal fields, clips/s and core", f"{rates[OURS]:.1f}, {times:.1f} times the published",
            f"{rates[PUBLISHED]:.1f} (published method)", f"≥ {GOAL:g} times", times >= GOAL, command),
        Row("labelling, all fields, clips/s and core", f"{rates[WHOLE]:.1f}",
            f"{rates[PUBLISHED]:.1f} (published method, signal fields alone)", command=command),
        Row("labelling, all fields, clips/s with 2 workers", f"{two:.1f}", f"{one:.1f} (1 worker)", command="the same"),
    ]


def starting(given: Given) -> list[Row]:
    """The page from its start to its first effect, and the import."""
    from benchmarks.start_up import import_seconds, start_up

    found, command = start_up(1 if given.quick else 3), "python -m benchmarks.start_up"
    rows = [Row("`python app.py` until it answers", f"{found.answers_s:.1f} s",
                f"{found.empty_answers_s:.1f} s (Gradio's smallest page)", command=command)]
    if found.usable_s is None:
        rows.append(Row("… until the page is usable", "no browser here", wanted=f"≤ {START_GOAL_S:g} s", command=command))
    else:
        rows.append(at_most("… until the page is usable", found.usable_s, START_GOAL_S, "s",
                            f"{found.empty_usable_s:.1f} s (Gradio's smallest page)", command, 1))
    torch = f"{import_seconds('import torch'):.2f} s (`import torch`)"
    return [*rows,
            at_most("`import emotionthinker`", import_seconds("import emotionthinker"), IMPORT_GOAL_S, "s", torch, command),
            Row("… with every name that it offers", f"{import_seconds('from emotionthinker import *'):.2f} s", torch,
                command=command)]


def explaining(given: Given) -> list[Row]:
    """What a visitor waits for, and decoding beside its floor."""
    import time

    import numpy as np

    from benchmarks.decode_floor import GOAL, decoding
    from benchmarks.explain import timings
    from benchmarks.prosody import published
    from emotionthinker.audio import load_clip
    from emotionthinker.thinker import EmotionThinker

    thinker, command = EmotionThinker.from_pretrained(), "python -m benchmarks.explain CLIPS…"
    found = timings(thinker, given.paths)
    floor = decoding(thinker, 32 if given.quick else 128)

    def seconds_of_published(path: Path) -> float:
        started = time.perf_counter()
        published({"samples": np.ascontiguousarray(load_clip(path).samples)})
        return time.perf_counter() - started

    seconds_of_published(given.paths[0])  # numba compiles
    theirs = median(seconds_of_published(path) for path in given.paths)
    return [
        at_most("first figure", median(found.figure_s), FIGURE_GOAL_S, "s", f"{theirs:.2f} s (published, no figure)", command),
        Row("first token, words recognised before", f"{median(found.first_token_s):.2f} s",
            f"{median(found.measured_s):.2f} s (measuring alone)", command=command),
        Row("whole explanation", f"{median(found.whole_s):.2f} s", f"worst {max(found.whole_s):.2f} s", command=command),
        Row("tokens/s on the page", f"{median(found.tokens_per_s):.0f}", f"{1 / floor.token_s:.0f} (decoding alone)",
            command=command),
        Row(f"a token of Nano; floor: {floor.weights_bytes / 1e6:.1f} MB of weights at {floor.bytes_per_s / 1e9:.1f} GB/s",
            f"{1e3 * floor.token_s:.2f} ms, {floor.times_floor:.1f} floors", f"{1e3 * floor.floor_s:.2f} ms (floor)",
            f"≤ {GOAL:g} floors", floor.times_floor <= GOAL, "python -m benchmarks.decode_floor"),
    ]


def rewarding(given: Given) -> list[Row]:
    """Our trainer beside TRL's, and the rewards."""
    from benchmarks.grpo_overhead import GOAL, OURS, SILENT, STOCK, reward_seconds, step_seconds

    steps, k, prompts, tokens = (1, 2, 1, 8) if given.quick else (12, 8, 4, 48)
    found, command = step_seconds(steps, k, prompts, tokens), "python -m benchmarks.grpo_overhead"
    over = found[SILENT] / found[STOCK] - 1
    return [
        Row(f"GRPO step, {prompts} clips × {k} replies of {tokens} tokens, loss without the clip",
            f"{found[SILENT]:.2f} s, {over:+.1%}", f"{found[STOCK]:.2f} s (TRL's trainer)", f"≤ {GOAL:+.0%}", over <= GOAL,
            command),
        Row("… with the clip in the loss", f"{found[OURS]:.2f} s", f"{found[STOCK]:.2f} s (TRL's trainer, which leaves it out)",
            command=command),
        Row(f"rewards and τ of a group of {k} replies", f"{1e3 * reward_seconds(k):.2f} ms",
            f"{1e3 * found[STOCK] / prompts:.0f} ms (its share of TRL's step)", command=command),
    ]


def rating(given: Given) -> list[Row]:
    """Submissions of ratings beside what the disk allows."""
    from benchmarks.annotate import bare_commits_per_s, raters

    people, each = (4, 3) if given.quick else (50, 10)
    with tempfile.TemporaryDirectory(prefix="annotate-load-") as name:
        bare = bare_commits_per_s(Path(name))
        found = raters(Path(name), people, each, 0.0)
    whole = not (found.lost or found.doubled or found.not_acknowledged or found.errors)
    return [
        Row(f"ratings/s, {people} raters without a rest, each rating with the four requests before it", f"{found.per_second:.1f}",
            f"{bare:.0f} (bare rows committed to this disk)", command="python -m benchmarks.annotate raters --think 0"),
        Row("… lost, doubled, kept but not acknowledged, errors",
            f"{found.lost}, {found.doubled}, {found.not_acknowledged}, {len(found.errors)}", wanted="0", met=whole,
            command="the same"),
    ]


# One thread: what is counted is processor time, or one core's work. Else: as the page and training run, on what there is.
PARTS: dict[Callable[[Given], list[Row]], bool] = {measuring: True, pitch: True, labelling: True, starting: False,
                                                   explaining: False, rewarding: False, rating: False}


@contextmanager
def _threads(one: bool) -> Iterator[None]:
    """What child processes find in their environment."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if one:
        os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        os.environ.pop("OMP_NUM_THREADS", None)
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before


def apart(part: Callable[[Given], list[Row]], given: Given, one_thread: bool) -> list[Row]:
    """Run a part in a fresh process. A part that fails gives a row that says so: the others are worth having."""
    with _threads(one_thread), ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(part, given).result()
        except (Exception, SystemExit) as error:  # whatever it is, the table must say it
            return [Row(part.__name__, f"not measured: {type(error).__name__}: {' '.join(str(error).split())[:200]}", met=False)]


def markdown(rows: Sequence[Row]) -> str:
    """The table; what was not reached is in bold."""
    lines = ["| what | reached | beside it, in the same run | wanted | command |", "|---|---|---|---|---|"]
    for row in rows:
        reached = f"**{row.reached}**" if row.met is False else row.reached
        cells = (row.what, reached, row.peer, row.wanted, f"`{row.command}`" if row.command.startswith("python") else row.command)
        lines.append("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def example_rows() -> list[dict[str, Any]]:
    """The example clips that come with the app, as label rows."""
    import json

    known = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))
    return [{"audio_path": str(EXAMPLES / one["file"]), "transcription": one["text"]} for one in known]


def crema_d_rows(folder: Path) -> list[dict[str, Any]]:
    """The usable clips of its dev speakers, as label rows. Raises CorpusError where the folder is not CREMA-D."""
    from training.corpora import read_corpus

    return [{"audio_path": clip.audio_path, "transcription": clip.transcription} for clip in read_corpus("crema-d", folder, "dev")
            if clip.usable]


def main(argv: list[str] | None = None) -> int:
    """Print the table, and write it where that is asked for; 2 where there are no clips."""
    from emotionthinker.errors import EmotionThinkerError

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crema-d", type=Path, metavar="DIR", help="folder of CREMA-D; default: the example clips")
    parser.add_argument("--clips", type=int, default=30, help="how many clips are drawn; default 30")
    parser.add_argument("--quick", action="store_true", help="few clips and short runs, to see that it works")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this document, between its marks")
    args = parser.parse_args(argv)
    try:
        rows = crema_d_rows(args.crema_d) if args.crema_d else example_rows()
    except EmotionThinkerError as error:
        print(error, file=sys.stderr)
        return 2
    random.Random(SEED).shuffle(rows)
    given = Given(tuple(rows[: min(args.clips, QUICK_CLIPS) if args.quick else args.clips]), args.quick)
    table: list[Row] = []
    for part, one_thread in PARTS.items():
        print(f"{part.__name__} …", file=sys.stderr, flush=True)
        table += apart(part, given, one_thread)
    source = "CREMA-D dev speakers" if args.crema_d else "example clips, which are synthetic: no figure of accuracy on people"
    speed = " A quick run, to see that it works: nothing to quote." if args.quick else ""
    text = f"{when_and_where()}; {len(given.clips)} clips ({source}).{speed} What was not reached is in bold.\n\n{markdown(table)}"
    print(text)
    if args.write:
        write_between(args.write, BEGIN, END, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
