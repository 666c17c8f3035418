"""Label a corpus with measured prosody, in two passes.

    python -m training.label_prosody --input_path IN.jsonl --output_path OUT.jsonl [--stage extract|calibrate]
                                     [--workers N] [--reference FILE]

extract    measures every clip of IN (`audio_path`, `transcription`, `emotion`; other fields are carried through) and
           appends one line to OUT as it is done. A run that was stopped goes on where it was. Clips that cannot be
           measured go to OUT.failed.jsonl with the reason, and are tried again by the next run.
calibrate  sets the levels (low, normal, high) from the data: tertiles per corpus, for pitch per corpus and sex. With
           --reference they are held against that table instead, as a clip in the app is: wanted for clips of other
           speakers or corpora than the table's. A corpus of under 30 clips has no tertiles: it is held against the
           shipped table. Cut points go to OUT.cuts.json, a report to OUT.report.md. It reads
           IN where that holds measurements already, else OUT.

Without --stage: both. The given transcription is used as it is; only a clip without one is recognised.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import Any

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prosody.levels import MEASURES, Reference, judge
from training.corpora import read_jsonl
from training.reference_levels import TooFewClips, build_table, sex_of

FRAMES = ("f0", "energy")  # a value every 16 or 10 ms: left out, as they make a line ten times as long
QUEUED_PER_WORKER = 4
REPORT_EVERY_S = 5.0


def measure(row: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the output from one line of the input."""
    from emotionthinker.prosody.record import measure_prosody

    found = measure_prosody(row["audio_path"], row.get("transcription")).to_dict()
    return {**row, **{name: value for name, value in found.items() if name not in FRAMES}}


def extract(rows: Sequence[Mapping[str, Any]], output: Path, workers: int) -> tuple[int, int]:
    """Append a labelled line to `output` for every row that it lacks; returns how many were measured and failed."""
    _drop_unfinished_line(output)
    done = {row["audio_path"] for row in read_jsonl(output)} if output.exists() else set()
    todo = list({row["audio_path"]: row for row in rows if row["audio_path"] not in done}.values())
    failures = output.with_suffix(".failed.jsonl")
    failures.unlink(missing_ok=True)
    measured, failed, progress = 0, 0, Progress(len(todo), len(done))
    with output.open("a", encoding="utf-8") as out:
        for row, record, reason in _measure_all(todo, workers):
            if record is not None:
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
                out.flush()  # a line is whole on disk before the next is begun
                measured += 1
            else:
                with failures.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({**row, "reason": reason}, ensure_ascii=False) + "\n")
                failed += 1
            progress.show(measured, failed)
    progress.show(measured, failed, last=True)
    return measured, failed


def _measure_all(
    rows: Sequence[Mapping[str, Any]], workers: int
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any] | None, str]]:
    """(row, record, "") or (row, None, reason) for every row, in the order in which they are ready.

    A clip on which a process dies takes the others in work with it: those are tried again, each in its own process.
    """
    suspects: list[Mapping[str, Any]] = []
    waiting = iter(rows)
    while True:
        with _pool(workers) as pool:
            running: dict[Future[dict[str, Any]], Mapping[str, Any]] = {}
            broken = False
            while not broken:
                for row in islice(waiting, workers * QUEUED_PER_WORKER - len(running)):
                    try:
                        running[pool.submit(measure, row)] = row
                    except BrokenProcessPool:
                        suspects.append(row)
                        broken = True
                        break
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    row = running.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        suspects.append(row)
                        broken = True
                    else:
                        yield (row, *_result(future))
            suspects += running.values()
        if not broken:
            break
    for row in suspects:
        with _pool(1) as pool:
            yield (row, *_result(pool.submit(measure, row)))


def _pool(workers: int) -> ProcessPoolExecutor:
    # Fresh processes: a fork of a process with running threads (onnxruntime has some) can hang.
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _result(future: Future[dict[str, Any]]) -> tuple[dict[str, Any] | None, str]:
    try:
        return future.result(), ""
    except BrokenProcessPool:
        return None, "the process that measured it died"
    except Exception as error:  # one bad clip of thousands must not end the run; the reason is kept with it
        return None, f"{type(error).__name__}: {error}"


class Progress:
    """A line on standard error every few seconds: done, per second, time left."""

    def __init__(self, todo: int, before: int):
        self.todo, self.before = todo, before
        self.start = self.shown = time.monotonic()

    def show(self, measured: int, failed: int, last: bool = False) -> None:
        now = time.monotonic()
        if not last and now - self.shown < REPORT_EVERY_S:
            return
        self.shown = now
        done = measured + failed
        rate = done / max(now - self.start, 1e-9)
        left_min = (self.todo - done) / rate / 60 if done else 0.0
        print(f"{self.before + done}/{self.before + self.todo} clips, {rate:.1f} clips/s, {left_min:.0f} min left,"
              f" {failed} failed", file=sys.stderr)


def _drop_unfinished_line(path: Path) -> None:
    """Cut off what a killed run left of its last line."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)


def calibrate(
    records: Iterable[Mapping[str, Any]], reference: Reference | None
) -> tuple[list[dict[str, Any]], dict[str, Mapping[str, Any]]]:
    """Records with their levels set, and the table of each corpus that they were held against."""
    by_corpus: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        by_corpus.setdefault(record.get("dataset") or "all", []).append(record)
    labelled: list[dict[str, Any]] = []
    tables: dict[str, Mapping[str, Any]] = {}
    for corpus, rows in by_corpus.items():
        tables[corpus] = reference.table if reference else _own_table(rows, corpus)
        held_against = Reference(tables[corpus])
        labelled += [{**row, **judge(row, held_against, sex_of(row))} for row in rows]
    return labelled, tables


def _own_table(rows: Sequence[Mapping[str, Any]], corpus: str) -> Mapping[str, Any]:
    """The corpus's own tertiles, or the shipped table where it is too small to have any."""
    try:
        return build_table(rows, corpus, "python -m training.label_prosody --stage calibrate")
    except TooFewClips:
        return Reference.from_file().table


def report(records: Sequence[Mapping[str, Any]], tables: Mapping[str, Mapping[str, Any]]) -> str:
    """What was measured on how many clips, and how the labels fall, as Markdown."""
    lines = ["# Prosody labels", ""]
    for corpus, table in tables.items():
        rows = [r for r in records if (r.get("dataset") or "all") == corpus]
        lines += [f"## {corpus}: {len(rows)} clips, held against {table['name']} ({table['n_clips']} clips)", "",
                  "| measure | group | low cut | high cut | unit |", "|---|---|---|---|---|"]
        for kind, measure_ in table["measures"].items():
            lines += [f"| {kind} | {group} | {found['cuts'][0]:.2f} | {found['cuts'][1]:.2f} | {measure_['unit']} |"
                      for group, found in measure_["groups"].items()]
        lines += ["", "| label | values |", "|---|---|"]
        for kind in MEASURES:
            lines.append(f"| {kind} | {_shares(r['levels'][kind]['level'] for r in rows)} |")
        for name in ("intonation", "gender", "age_level", "rate_source"):
            lines.append(f"| {name} | {_shares(r[name] for r in rows)} |")
        lines += ["", f"Warnings on {sum(bool(r['warnings']) for r in rows)} clips; no reliable pitch on "
                      f"{sum(not r['f0_reliable'] for r in rows)}.", ""]
    return "\n".join(lines)


def _shares(values: Iterable[str | None]) -> str:
    counts = Counter("none" if v is None else v for v in values)
    return ", ".join(f"{name} {n} ({n / counts.total():.0%})" for name, n in counts.most_common())


def _read_input(path: Path) -> list[dict[str, Any]]:
    """Input rows. The last line may lack its line end here: people write such files by hand."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise EmotionThinkerError(f"{path} cannot be read; give a JSONL file with an audio_path a line.") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("audio_path"), str):
            raise EmotionThinkerError(f"Line {number} of {path} is no JSON object with an audio_path; correct it.")
        rows.append(row)
    return rows


def _write_whole(path: Path, text: str) -> None:
    """All or nothing, so that a kill leaves the old file."""
    new = path.with_suffix(path.suffix + ".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def run(args: argparse.Namespace) -> None:
    source, output = Path(args.input_path), Path(args.output_path)
    rows = _read_input(source)
    output.parent.mkdir(parents=True, exist_ok=True)
    if args.stage != "calibrate":
        measured, failed = extract(rows, output, args.workers)
        where = f", see {output.with_suffix('.failed.jsonl')}" if failed else ""
        print(f"{measured} clips measured, {failed} failed{where}")
    if args.stage != "extract":
        if args.stage == "calibrate" and rows and all("f0_median_hz" in row for row in rows):
            records = rows
        elif output.exists():
            records = read_jsonl(output)
        else:
            raise EmotionThinkerError(f"Neither {source} nor {output} holds measured clips; run --stage extract first.")
        reference = Reference.from_file(args.reference) if args.reference else None
        labelled, tables = calibrate(records, reference)
        _write_whole(output.with_suffix(".cuts.json"), json.dumps(tables, indent=1) + "\n")
        _write_whole(output.with_suffix(".report.md"), report(labelled, tables))
        _write_whole(output, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in labelled))
        print(f"{len(labelled)} clips have their levels; report: {output.with_suffix('.report.md')}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.label_prosody",
                                     description="Label a corpus with measured prosody.")
    parser.add_argument("--input_path", required=True, help="JSONL with audio_path, transcription, emotion")
    parser.add_argument("--output_path", required=True, help="JSONL that is written, and continued after a stop")
    parser.add_argument("--stage", choices=["extract", "calibrate"], help="one pass only; default: both")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; default: one a core")
    parser.add_argument("--reference", help="table of levels to hold the clips against; default: their own corpus")
    args = parser.parse_args(argv)
    try:
        run(args)
    except EmotionThinkerError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
