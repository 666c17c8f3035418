"""Label a corpus with measured prosody, in two passes.

    python -m training.label_prosody --input_path IN.jsonl --output_path OUT.jsonl [--stage all|extract|calibrate]
                                     [--workers N] [--engine processes|ray] [--reference FILE]

extract    measures every clip of IN (`audio_path`, `transcription`, `emotion`; other fields are carried through) and
           appends one line to OUT as it is done. A run that was stopped goes on where it was. Clips that cannot be
           measured go to OUT.failed.jsonl with the reason, and are tried again by the next run. With --engine ray the same
           function runs on the cluster that RAY_ADDRESS names, or on one started here.
calibrate  sets the levels (low, normal, high) from the data: tertiles per corpus, for pitch per corpus and sex. With
           --reference they are held against that table instead, as a clip in the app is: wanted for clips of other
           speakers or corpora than the table's. A corpus of under 30 clips has no tertiles: it is held against the
           shipped table. Cut points go to OUT.cuts.json, a report to OUT.report.md. It reads
           IN where that holds measurements already, else OUT.

The given transcription (`transcription`, else `text` or `transcript`) is used as it is; only a clip without one is
recognised. Where `language` is not English the words are carried through and nothing is measured from them: the aligner knows
English only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prosody.levels import Reference, judge
from training.corpora import read_jsonl
from training.label_engines import ENGINES
from training.label_report import report
from training.reference_levels import TooFewClips, build_table, sex_of
from training.resumable import Progress, append_line, drop_unfinished_line, read_rows, write_whole, writing

FRAMES = ("f0", "energy")  # a value every 16 or 10 ms: left out, as they make a line ten times as long
TEXT_FIELDS = ("transcription", "text", "transcript")  # as the published pipeline reads them
# What nothing can be said about without an aligner for the language.
OF_WORDS = ("words", "stressed_words", "stress_pairs", "n_phonemes")


def measure(row: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the output from one line of the input. Raises AudioError, TranscriptError."""
    from emotionthinker.prosody.record import measure_prosody

    text = next((row[name] for name in TEXT_FIELDS if isinstance(row.get(name), str)), None)
    english = str(row.get("language") or "en").lower().startswith("en")
    found = measure_prosody(row["audio_path"], text if english else "").to_dict()
    if not english:
        found |= {"transcription": text} | dict.fromkeys(OF_WORDS)
    return {**row, **{name: value for name, value in found.items() if name not in FRAMES}}


def extract(rows: Sequence[Mapping[str, Any]], output: Path, workers: int, engine: str = "processes") -> tuple[int, int]:
    """Append a labelled line to `output` for every row that it lacks; returns how many were measured and failed."""
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        output.touch()
        drop_unfinished_line(output)
    done = {row["audio_path"] for row in read_jsonl(output)}
    todo = list({row["audio_path"]: row for row in rows if row["audio_path"] not in done}.values())
    failures = output.with_suffix(".failed.jsonl")
    failures.unlink(missing_ok=True)
    measured, failed, progress = 0, 0, Progress(len(todo), len(done))
    for row, record, reason in ENGINES[engine](measure, todo, workers):
        if record is not None:
            append_line(output, record)
            measured += 1
        else:
            append_line(failures, {**row, "reason": reason})
            failed += 1
        progress.show(measured, failed)
    progress.show(measured, failed, last=True)
    return measured, failed


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


def run(args: argparse.Namespace) -> None:
    """Do the passes that the arguments name. Raises EmotionThinkerError."""
    source, output = Path(args.input_path), Path(args.output_path)
    if args.workers < 1:
        raise EmotionThinkerError(f"--workers is {args.workers}; give a whole number from 1.")
    rows = read_rows(source)
    if args.stage != "calibrate":
        measured, failed = extract(rows, output, args.workers, args.engine)
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
        write_whole(output.with_suffix(".cuts.json"), json.dumps(tables, indent=1) + "\n")
        write_whole(output.with_suffix(".report.md"), report(labelled, tables))
        write_whole(output, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in labelled))
        print(f"{len(labelled)} clips have their levels; report: {output.with_suffix('.report.md')}")


def main(argv: list[str] | None = None) -> int:
    """Run the command; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.label_prosody",
                                     description="Label a corpus with measured prosody.")
    parser.add_argument("--input_path", required=True, help="JSONL with audio_path, transcription, emotion")
    parser.add_argument("--output_path", required=True, help="JSONL that is written, and continued after a stop")
    parser.add_argument("--stage", choices=["all", "extract", "calibrate"], default="all", help="one pass only; default: both")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; default: one a core")
    parser.add_argument("--engine", choices=list(ENGINES), default="processes", help="where they run; ray: a Ray cluster")
    parser.add_argument("--reference", help="table of levels to hold the clips against; default: their own corpus")
    args = parser.parse_args(argv)
    try:
        run(args)
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
