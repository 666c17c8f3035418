"""Add an explanation to each labelled record: from measured prosody and the emotion to a reasoning in words.

    python -m training.augment_cot --input_path LABELS.jsonl --output_path COT.jsonl [--writer template] [--dry-run N]
    OPENAI_API_KEY=… python -m training.augment_cot --input_path LABELS.jsonl --output_path COT.jsonl --writer openai \\
        --base_url https://HOST/v1 --model gpt-4o --price_in 2.5 --price_out 10 --max_spend 20

The input is what `training.label_prosody` writes. Each text is held against its record before it is written: one with a
contradicted claim is written anew, and dropped if that keeps happening. Lines are appended as they are done, and a run that was
stopped goes on where it was. `--dry-run N` prints N texts, or N requests with what all would cost, and writes nothing.

template   the grammar of `training.template_writer`; the same input gives the same texts
openai     a language model at an endpoint (`training.endpoint_writer`, prompt and checks in `training.cot_prompt`); OUT.usage.jsonl
           holds what each request cost, OUT.failed.jsonl what failed or stayed wrong
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.grounding import verify_claims
from training.corpora import clip_seed, read_jsonl
from training.cot_prompt import cot_faults, cot_messages
from training.endpoint_writer import Task, add_flags, run
from training.resumable import Progress, drop_unfinished_line, read_rows, writing
from training.template_writer import write_explanation

ATTEMPTS = 5

Writer = Callable[[Mapping[str, Any], Sequence[str], int], str]  # (record, labels, seed) -> text


def write_by_template(record: Mapping[str, Any], labels: Sequence[str], seed: int) -> str:
    """A text of the grammar; records of any split but train get the frames of dev."""
    split = "train" if record.get("split", "train") == "train" else "dev"
    transcript = record.get("transcription")
    return write_explanation(record, record["emotion"], seed=seed, split=split, labels=labels, transcript=transcript)


def explain(
    record: Mapping[str, Any], labels: Sequence[str], write: Writer = write_by_template
) -> tuple[str | None, int]:
    """(text, attempts): a text without a contradicted claim, or (None, attempts) if none was found."""
    seed = clip_seed(record)
    for attempt in range(ATTEMPTS):
        text = write(record, labels, seed + attempt)
        if not any(claim.verdict == "contradicted" for claim in verify_claims(text, record)):
            return text, attempt + 1
    return None, ATTEMPTS


def augment(records: Sequence[Mapping[str, Any]], output: Path, write: Writer = write_by_template) -> Counter[str]:
    """Append every record that `output` lacks, with its "explanation". Counts: written, rewritten, dropped, there before."""
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        drop_unfinished_line(output)
    done = {row["audio_path"] for row in read_jsonl(output)} if output.exists() else set()
    labels = known_labels(records)
    counts: Counter[str] = Counter(there_before=len(done))
    todo = [record for record in records if record["audio_path"] not in done]
    progress = Progress(len(todo), len(records) - len(todo), "explanations")
    with writing(output), output.open("a", encoding="utf-8") as out:
        for record in todo:
            text, attempts = explain(record, labels, write)
            counts["rewritten"] += attempts > 1 and text is not None
            if text is None:
                counts["dropped"] += 1
            else:
                out.write(json.dumps({**record, "explanation": text}, ensure_ascii=False) + "\n")
                out.flush()  # a line is whole on disk before the next is begun
                counts["written"] += 1
            progress.show(counts["written"], counts["dropped"])
    return counts


def known_labels(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The emotions of the data, which are those that can be confused with each other. Raises EmotionThinkerError."""
    for record in records:
        if not record.get("emotion") or "levels" not in record:
            raise EmotionThinkerError(
                f'The record of {record["audio_path"]} lacks an emotion or "levels"; give records that were labelled by '
                "`python -m training.label_prosody`."
            )
    return sorted({record["emotion"] for record in records})


def endpoint_tasks(records: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> tuple[list[Task], dict[str, str]]:
    """One task a record: its request, the check of a text against it, and the line with the text as "explanation". Beside them the
    records that cannot be put to a model, `audio_path` -> reason."""
    tasks, unfit = [], {}
    for record in records:
        try:
            tasks.append(_task(record, labels))
        except EmotionThinkerError as error:  # such as a transcript that is too long
            unfit[record["audio_path"]] = str(error)
    return tasks, unfit


def _task(record: Mapping[str, Any], labels: Sequence[str]) -> Task:
    return Task(record["audio_path"], cot_messages(record, labels), lambda text: cot_faults(text, record),
                lambda text: {**record, "explanation": text})  # fmt: skip


def by_endpoint(records: Sequence[Mapping[str, Any]], labels: Sequence[str], output: Path, args: argparse.Namespace) -> None:
    """Have them written with the settings of `endpoint_writer.add_flags`. Raises EndpointError."""
    tasks, unfit = endpoint_tasks(records, labels)
    for audio_path, reason in unfit.items():
        print(f"{audio_path} is left out: {reason}", file=sys.stderr)
    run(tasks, output, args)


def main(argv: list[str] | None = None) -> int:
    """Write explanations for labelled clips; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.augment_cot", description="Add an explanation to each labelled record."
    )
    parser.add_argument("--input_path", required=True, help="JSONL made by training.label_prosody")
    parser.add_argument("--output_path", required=True, help="JSONL that is written, and continued after a stop")
    parser.add_argument("--writer", choices=["template", "openai"], default="template",
                        help="the grammar of template_writer, or a model at an OpenAI-compatible endpoint")
    parser.add_argument("--dry-run", type=int, metavar="N", help="print the first N texts, or requests, and write nothing")
    add_flags(parser)
    args = parser.parse_args(argv)
    try:
        records, output = read_rows(Path(args.input_path)), Path(args.output_path)
        labels = known_labels(records)
        if args.writer == "openai":
            by_endpoint(records, labels, output, args)
        elif args.dry_run is not None:
            for record in records[: args.dry_run]:
                print(f"{record['audio_path']} ({record['emotion']})\n{explain(record, labels)[0]}\n")
        else:
            counts = augment(records, output)
            print(f"{counts['written']} explanations written ({counts['rewritten']} at a further attempt), {counts['dropped']} "
                  f"dropped, {counts['there_before']} there before")  # fmt: skip
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
