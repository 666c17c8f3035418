from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emotionthinker.grounding import verify_claims
from tests.training.explanation_records import LABELS, random_record
from training.augment_cot import augment, explain, main


def write_labels(path: Path, n: int) -> list[dict]:
    rng = random.Random(5)
    records = [random_record(rng) | {"split": "train" if i % 2 else "dev", "speaker": f"s{i}"} for i in range(n)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return records


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(source: Path, output: Path, *more: str) -> int:
    return main(["--input_path", str(source), "--output_path", str(output), *more])


def test_every_record_gets_a_checked_explanation_and_keeps_its_fields(tmp_path, capsys) -> None:
    source, output = tmp_path / "labels.jsonl", tmp_path / "out" / "cot.jsonl"
    records = write_labels(source, 40)
    assert run(source, output, "--writer", "template") == 0
    rows = read(output)
    assert [{k: v for k, v in row.items() if k != "explanation"} for row in rows] == records
    for row in rows:
        assert all(claim.verdict == "supported" for claim in verify_claims(row["explanation"], row))
        assert row["explanation"].endswith(row["emotion"] + ".")
    assert "40 explanations written" in capsys.readouterr().out


def test_a_stopped_run_goes_on_where_it_was_and_ends_in_the_same_file(tmp_path, capsys) -> None:
    source, whole, stopped = tmp_path / "labels.jsonl", tmp_path / "whole.jsonl", tmp_path / "stopped.jsonl"
    write_labels(source, 20)
    assert run(source, whole) == 0
    lines = whole.read_text().splitlines(keepends=True)
    stopped.write_text("".join(lines[:7]) + lines[7][:50])  # killed in the middle of line 8
    capsys.readouterr()
    assert run(source, stopped) == 0
    assert stopped.read_text() == whole.read_text()
    assert "13 explanations written" in capsys.readouterr().out
    assert run(source, stopped) == 0
    assert stopped.read_text() == whole.read_text()
    assert "0 explanations written" in capsys.readouterr().out


def test_a_dry_run_prints_texts_and_writes_nothing(tmp_path, capsys) -> None:
    source, output = tmp_path / "labels.jsonl", tmp_path / "cot.jsonl"
    records = write_labels(source, 5)
    assert run(source, output, "--dry-run", "2") == 0
    printed = capsys.readouterr().out
    assert [record["audio_path"] in printed for record in records] == [True, True, False, False, False]
    assert not output.exists()


def test_a_contradicted_text_is_written_anew_with_another_seed(tmp_path) -> None:
    (record,) = write_labels(tmp_path / "labels.jsonl", 1)
    record["levels"]["pitch"] = {"value": 90.0, "unit": "Hz", "level": "low", "percentile": 5.0}
    seeds = []

    def right_at_the_third(record: Mapping[str, Any], labels: Sequence[str], seed: int) -> str:
        seeds.append(seed)
        return "The pitch is low." if len(seeds) == 3 else "The pitch is high."

    assert explain(record, LABELS, right_at_the_third) == ("The pitch is low.", 3)
    assert len(set(seeds)) == 3


def test_a_record_that_is_always_contradicted_is_dropped_and_counted(tmp_path) -> None:
    records = write_labels(tmp_path / "labels.jsonl", 3)
    for record, percentile, level in zip(records, (5.0, 95.0, 95.0), ("low", "high", "high"), strict=True):
        record["levels"]["pitch"] = {"value": 90.0, "unit": "Hz", "level": level, "percentile": percentile}
    output = tmp_path / "cot.jsonl"
    counts = augment(records, output, lambda record, labels, seed: "The pitch is high.")
    assert (counts["written"], counts["dropped"], counts["rewritten"]) == (2, 1, 0)
    assert [row["audio_path"] for row in read(output)] == [record["audio_path"] for record in records[1:]]


def test_faults_of_the_input_are_one_line(tmp_path, capsys) -> None:
    source, output = tmp_path / "labels.jsonl", tmp_path / "cot.jsonl"
    source.write_text('{"audio_path": "a.wav", "emotion": "sad"}\n')
    assert run(source, output) == 2
    error = capsys.readouterr().err
    assert "label_prosody" in error and error.count("\n") == 1
    assert run(tmp_path / "none.jsonl", output) == 2
    assert capsys.readouterr().err.count("\n") == 1
    source.write_text("no json\n")
    assert run(source, output) == 2
