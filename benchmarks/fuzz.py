"""Thousands of hostile inputs, each within bounds of time: no crash, no hang, no error but our own, memory that stays flat.

    python -m benchmarks.fuzz audio --count 10000 [--output DIR]     # files in every format, mutated
    python -m benchmarks.fuzz texts --count 10000 [--output DIR]     # model replies, through reader, claims, verdicts and page
    python -m benchmarks.fuzz audio --only 4711                      # one input again

An input is made from its number alone, so a number is all that is needed to see a fault again; inputs that failed are kept as
files in DIR, too. They run in a process of their own: when a decoder takes it down, or an input takes longer than LIMIT_S, that
number is noted and the rest goes on. A run that was stopped goes on from the last hundred, and one with a larger --count from where
the smaller one ended; delete DIR to begin anew. Exit code 1 where anything failed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import os
import re
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

LIMIT_S = 10.0  # of wall time for one input; a visitor would not wait longer
START_S = 120.0  # until a process is ready for its first input
KEEP_EVERY = 100  # inputs between two notes of how far it is
WARM = 50  # inputs after which everything is loaded: from there on memory must stay
GROWTH_MB = 64  # that memory may grow from there to the end, whatever the number of inputs
SLOWEST = 10
# What our own code writes around texts of models.
TAGS = frozenset(["bdi", "button", "caption", "div", "i", "li", "p", "span", "strong", "sup", "table", "td", "th", "tr", "ul"])


@dataclasses.dataclass(frozen=True)
class Target:
    """make: number -> input. check: raises for a fault, gives a word for the count. ending: of files with failed inputs."""

    make: Callable[[int], Any]
    check: Callable[[Any, int], str]
    ending: str


def audio_target() -> Target:
    """Files through decoder, guard and, now and then, the measurements."""
    from benchmarks.fuzz_inputs import audio_case
    from emotionthinker.audio import SAMPLE_RATE, Limits, load_clip, open_recording
    from emotionthinker.errors import AudioError, EmotionThinkerError
    from emotionthinker.prosody.record import measure_prosody

    folder, limits = tempfile.TemporaryDirectory(prefix="fuzz-"), Limits()

    def check(data: bytes, seed: int) -> str:
        path = Path(folder.name) / "clip.wav"
        path.write_bytes(data)
        try:
            with open_recording(path, limits) as recording:  # as the Timeline reads
                for block in recording.blocks:
                    assert np.isfinite(block).all(), "a block holds what is no number"
        except AudioError as error:
            one_sentence(str(error))
        try:
            clip = load_clip(path, limits)
        except AudioError as error:
            one_sentence(str(error))
            return type(error).__name__
        assert np.isfinite(clip.samples).all() and 0 < len(clip.samples) <= limits.max_seconds * SAMPLE_RATE + 1
        if seed % 20 == 0:  # a tenth of a second each: whatever can be decoded can also be measured
            try:
                json.dumps(measure_prosody(clip, "").to_dict(), allow_nan=False)
            except EmotionThinkerError as error:
                one_sentence(str(error))
        return "sound"

    return Target(audio_case, check, "bin")


def one_sentence(text: str) -> None:
    """Raises AssertionError for what is not one sentence that people can read."""
    assert text.isprintable() and text.endswith(".") and not re.search(r"[.!?]\s", text), f"no sentence: {text!r}"


class OnlyOurTags(HTMLParser):
    """Raises AssertionError for what our own code does not write: then a text has become markup."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element, as HTMLParser tells it."""
        assert tag in TAGS, f"<{tag}> on the page"
        for name, value in attrs:
            assert not name.startswith("on"), f"{name}= on the page"
            assert not (value or "").strip().lower().startswith("javascript:"), "a script in an attribute"


def texts_target() -> Target:
    """Texts of a model through reader, claims, verdicts, page and export."""
    from benchmarks.fuzz_inputs import text_case
    from emotionthinker.export import result_json
    from emotionthinker.page import handlers
    from emotionthinker.page.engine import EXAMPLES, Engine, Run
    from emotionthinker.pipeline import Explainer, Reply
    from emotionthinker.prompt import PUBLISHED_LABELS, PromptStyle, canonical_label
    from emotionthinker.prosody.record import measure_prosody
    from emotionthinker.settings import Settings

    clip = EXAMPLES / "angry.flac"
    record = measure_prosody(clip, "I will never do that again.")

    class Replay(Explainer):
        """A model that says what it is told to, in pieces of any length."""

        style, name = PromptStyle(), "replay"

        def __init__(self, text: str, seed: int) -> None:
            self.text, self.rng = text, np.random.default_rng(seed)

        def _reply(self, samples: Any, chat: Any, options: Any, cancel: threading.Event) -> Reply:
            text, rng = self.text, self.rng

            class Pieces(Reply):
                complete = True

                def __iter__(self) -> Iterator[str]:
                    at, longest = 0, max(12, len(text) // 300)
                    while at < len(text):
                        size = int(rng.integers(1, longest))
                        yield text[at : at + size]
                        at += size

                def close(self) -> None:
                    pass

                def label_scores(self, labels: Sequence[str]) -> dict[str, float]:
                    return dict.fromkeys(labels, 1 / len(labels))

            return Pieces()

    class Playing(Engine):
        def __init__(self, thinker: Explainer) -> None:
            super().__init__(Settings())
            self._thinker = thinker
            self._ready.set()

        def warm_up(self) -> None:
            pass

    def check(text: str, seed: int) -> str:
        options = handlers.Options(describe=seed % 7 == 0)
        last, outcome = None, "stopped short"
        for last in handlers.explain(Playing(Replay(text, seed)), Run(seed), str(clip), record, options):
            for html in (last.status, last.reasoning, last.answer):
                if html is not None:
                    parser = OnlyOurTags(convert_charrefs=True)
                    parser.feed(html)
                    parser.close()
        assert last is not None and last.result is not None, f"no result: {last and last.status}"
        result = json.loads(result_json(last.result))
        if result["emotion"] is not None:
            assert not options.describe and all(text.count(tag) == 1 for tag in ("<think>", "</think>", "<answer>", "</answer>"))
            answer = text.partition("<answer>")[2].partition("</answer>")[0]
            assert canonical_label(answer.strip(), PUBLISHED_LABELS) == result["emotion"], "another label than the answer's"
            outcome = "label"
        elif result["raw"] == text:
            outcome = "no label"
        assert result["raw"] == text
        for claim in result["claims"]:
            told = result["answer"] if options.describe else result["reasoning"]
            assert told[claim["start_char"] : claim["end_char"]] == claim["text"], "a claim does not stand where it says"
        return outcome

    return Target(text_case, check, "txt")


def memory_mb() -> float:
    """Resident memory of this process, in 10^6 bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def work(make_target: Callable[[], Target], first: int, count: int, pipe: Any) -> None:
    """In the process of its own: `first` to `count`, telling of each before and after it."""
    target = make_target()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders in C complain there, once for each input and more
    for seed in range(first, count):
        pipe.send(("begin", seed, 0.0, "", 0.0))
        started, fault, outcome = time.perf_counter(), "", ""
        try:
            outcome = target.check(target.make(seed), seed)
        except BaseException as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            fault = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {error}"[:500]
        pipe.send(("fault" if fault else "end", seed, time.perf_counter() - started, fault or outcome, memory_mb()))
    pipe.send(("over", count, 0.0, "", memory_mb()))


@dataclasses.dataclass
class Found:
    """What a run has seen so far; kept as `progress.json`. Memory in 10^6 bytes, time in seconds; slowest: (seconds, number)."""

    done: int = 0
    outcomes: dict[str, int] = dataclasses.field(default_factory=dict)
    faults: dict[str, str] = dataclasses.field(default_factory=dict)
    slowest: list[list[float]] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    memory_start: float | None = None  # of the process at hand, once it is warm
    memory_end: float | None = None
    memory_grew: float = 0.0  # the most that any one process grew

    @classmethod
    def read(cls, folder: Path) -> Found:
        """What an earlier run into this folder has seen; nothing where there was none."""
        file = folder / "progress.json"
        return cls(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else cls()

    def keep(self, folder: Path) -> None:
        """Write it whole, so that a kill loses one input at most."""
        new = folder / "progress.json.new"
        new.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")
        os.replace(new, folder / "progress.json")

    def add(self, seed: int, took_s: float, outcome: str) -> None:
        """Count one input."""
        self.done, self.seconds = seed + 1, self.seconds + took_s
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.slowest = sorted([*self.slowest, [round(took_s, 4), seed]], reverse=True)[:SLOWEST]

    def seen(self, memory: float, since_start: int) -> None:
        """Memory after an input of a process that has had so many."""
        if since_start <= WARM:
            self.memory_start = memory
        self.memory_end = memory
        self.memory_grew = max(self.memory_grew, memory - (self.memory_start or memory))


def run(make_target: Callable[[], Target], folder: Path, count: int, limit_s: float = LIMIT_S) -> Found:
    """Every number below `count` that `folder` has not had yet. Gives what was found over all runs."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Found.read(folder)
    context = multiprocessing.get_context("fork")  # a fork is there at once; nothing here has threads yet
    while found.done < count:
        here, there = context.Pipe(duplex=False)
        first = found.done
        process = context.Process(target=work, args=(make_target, first, count, there), daemon=True)
        process.start()
        there.close()
        at, begun, over = first, False, False
        try:
            while not over:
                patient_s = limit_s if begun else max(limit_s, START_S)
                if not here.poll(patient_s):
                    raise TimeoutError(f"not done after {patient_s:g} s")
                event, seed, took_s, said, memory = here.recv()
                at, begun = seed, True
                if event == "over":
                    over = True
                elif event in ("end", "fault"):
                    found.seen(memory, seed - first)
                    found.add(seed, took_s, "FAULT" if event == "fault" else said)
                    if event == "fault":
                        note(found, make_target, folder, seed, said)
                    if found.done % KEEP_EVERY == 0:
                        found.keep(folder)
                        tell(found, count)
        except (EOFError, TimeoutError) as error:
            process.kill()
            process.join()
            code = process.exitcode
            said = str(error) if isinstance(error, TimeoutError) else f"the process ended with {code}"
            found.add(at, limit_s if isinstance(error, TimeoutError) else 0.0, "FAULT")
            note(found, make_target, folder, at, said)
        process.join(30)
        here.close()
        found.keep(folder)
    return found


def note(found: Found, make_target: Callable[[], Target], folder: Path, seed: int, said: str) -> None:
    """Keep an input that failed. It is made here, in the process that has not met it."""
    found.faults[str(seed)] = said
    print(f"FAULT at {seed}: {said}", flush=True)
    target = make_target()
    data = target.make(seed)
    raw = data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogatepass")
    (folder / f"{seed}.{target.ending}").write_bytes(raw)


def tell(found: Found, count: int) -> None:
    """A line of progress on standard error."""
    rate = found.done / max(found.seconds, 1e-9)
    print(f"{found.done}/{count}, {rate:.0f} a second, {(count - found.done) / rate:.0f} s left, {len(found.faults)} faults, "
          f"{found.memory_end or 0:.0f} MB", file=sys.stderr, flush=True)


def report(kind: str, found: Found) -> str:
    """What was found, as Markdown."""
    counts = ", ".join(f"{name} {n}" for name, n in Counter(found.outcomes).most_common())
    slowest = ", ".join(f"{int(seed)}: {took_s:.2f} s" for took_s, seed in found.slowest)
    memory = "not measured" if found.memory_start is None else (
        f"{found.memory_start:.0f} MB after {WARM} inputs, {found.memory_end:.0f} MB at the end; "
        f"grew by {found.memory_grew:.0f} MB at most")
    lines = [f"| fuzz {kind} | |", "|---|---|", f"| inputs | {found.done} |", f"| faults | {len(found.faults)} |",
             f"| what came of them | {counts} |",
             f"| time | {found.seconds:.0f} s, {1000 * found.seconds / max(1, found.done):.1f} ms each |",
             f"| slowest | {slowest} |", f"| memory | {memory} |"]
    return "\n".join([*lines, *(f"| fault at {seed} | {said} |" for seed, said in found.faults.items())])


TARGETS: dict[str, Callable[[], Target]] = {"audio": audio_target, "texts": texts_target}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one target over numbers from 0; gives 1 where a fault was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=list(TARGETS))
    parser.add_argument("--count", type=int, default=10_000, metavar="N", help="numbers 0 to N-1; default 10000")
    parser.add_argument("--output", type=Path, metavar="DIR", help="failed inputs and how far it is; default: build/fuzz-KIND")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this one alone, here, with its traceback")
    args = parser.parse_args(argv)
    make_target = TARGETS[args.kind]
    if args.only is not None:
        target = make_target()
        print(target.check(target.make(args.only), args.only))
        return 0
    found = run(make_target, args.output or Path("build") / f"fuzz-{args.kind}", args.count)
    print(report(args.kind, found))
    flat = found.memory_grew <= GROWTH_MB
    if not flat:
        print(f"Memory grew by {found.memory_grew:.0f} MB, and {GROWTH_MB} MB are allowed.", file=sys.stderr)
    return 0 if flat and not found.faults else 1


if __name__ == "__main__":
    sys.exit(main())
