"""Data on its way out: every documented format exists, holds what is documented, and comes back the same."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from annotate.assignment import claim
from annotate.board import adjudicate
from annotate.columns import TABLES, Column, schema_markdown
from annotate.errors import AnnotateError, StoreError
from annotate.exporting import FORMATS, export, rows
from annotate.importing import pair_up
from annotate.rating import submit
from annotate.records import DIMENSIONS, Project
from annotate.roster import change_settings
from annotate.sentences import sentences
from annotate.store import Store
from tests.annotate.filling import add_items, full_answers, full_choices, listen, make_rater, make_store

ROOT = Path(__file__).resolve().parents[2]
COMMENTS = ["=1+1", "+1", "-2", "@SUM(A1)", "\tx", "\rx", "'quoted", "''", 'plain, "quoted"\nline\r\n', "ümlaut \u202e 🎧", "", "-"]


@pytest.fixture
def rated(tmp_path: Path) -> tuple[Store, Project]:
    """Ratings with hostile comments, a flagged one, marks, an attention item, preferences, and a decision."""
    store, project = make_store(tmp_path / "store", len(COMMENTS))
    add_items(store, project, 1, explanation="=HYPERLINK(1) \tA claim. Another.", reward_scores=None, gold_emotion=None,
              speaker=None, answer=None)
    rater, lead = make_rater(store, project, "Ada Lovelace"), make_rater(store, project, "Grace Hopper", "lead")
    for number in range(len(COMMENTS) + 1):
        work = claim(store, project, rater)
        assert work is not None
        listen(store, project, rater, work.lease_id, 2.0)
        spans = sentences(work.items[0].explanation)
        comment = COMMENTS[number] if number < len(COMMENTS) else "last"
        answers = {"flags": ["cannot_judge"]} if number == 3 else full_answers(1 + number % 5, marks=[[*spans[0], "wrong"]])
        if work.items[0].answer is None:
            answers["answer_right"] = None
        submit(store, project, rater, work.lease_id, f"press-{number:04}", answers | {"comment": comment}, 7.25)
    pair_up(store, project)
    project = change_settings(store, project, mode="pair")
    work = claim(store, project, rater)
    assert work is not None and work.is_pair
    listen(store, project, rater, work.lease_id, 2.0)
    submit(store, project, rater, work.lease_id, "press-pair", full_choices("tie", comment="=cmd"), 5.0)
    adjudicate(store, project, lead, 1, dict.fromkeys(DIMENSIONS, 3), "so be it")
    return store, project


def back(path: Path, columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    """The rows of an exported file, read by the documentation alone."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    read = {"text": lambda text: text.removeprefix("'"), "json": lambda text: text.removeprefix("'"), "whole": int, "number": float,
            "truth": {"true": True, "false": False}.__getitem__}
    with path.open(encoding="utf-8", newline="") as file:
        return [{c.name: None if row[c.name] == "" else read[c.kind](row[c.name]) for c in columns}
                for row in csv.DictReader(file)]


@pytest.mark.parametrize("form", FORMATS)
def test_check_09_every_format_exists_and_comes_back_the_same(rated: tuple[Store, Project], tmp_path: Path, form: str) -> None:
    store, project = rated
    files = export(store, project, tmp_path / "out", form)
    data = tmp_path / "out" / ("data" if form == "hub" else "")
    suffix = "parquet" if form == "hub" else form
    for table, columns in TABLES.items():
        path = data / f"{table}.{suffix}"
        assert path in files
        found = back(path, columns)
        wanted = list(rows(store, project, table))
        assert wanted
        assert found == wanted
        assert all(list(row) == [column.name for column in columns] for row in found)
    assert not list(data.glob(".*"))


def test_check_09_formulas_are_quoted_and_numbers_untouched(rated: tuple[Store, Project], tmp_path: Path) -> None:
    store, project = rated
    export(store, project, tmp_path, "csv")
    with (tmp_path / "ratings.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    written = [row["comment"] for row in table]
    assert [text[0] for text in written[:7]] == ["'"] * 7
    assert [text for text in written if text[:1] in ("=", "+", "-", "@", "\t", "\r")] == []
    assert [float(row["seconds"]) for row in table] == [row["seconds"] for row in rows(store, project, "ratings")]
    assert [row["position"] for row in table] == [str(number) for number in range(1, len(COMMENTS) + 2)]
    with (tmp_path / "items.csv").open(encoding="utf-8", newline="") as file:
        assert [row["explanation"][:2] for row in csv.DictReader(file)][-1] == "'="


@pytest.mark.parametrize("table", TABLES)
def test_every_value_has_the_documented_type(rated: tuple[Store, Project], table: str) -> None:
    store, project = rated
    types = {"text": str, "json": str, "whole": int, "number": float, "truth": bool}
    missing = set()
    for row in rows(store, project, table):
        for column in TABLES[table]:
            value = row[column.name]
            if value is None:
                assert column.empty, column
                missing.add(column.name)
            else:
                assert type(value) is types[column.kind], (column, value)
                if column.kind == "json":
                    json.loads(value)
    assert table != "ratings" or missing >= {"factual_alignment", "comment", "gold_emotion", "speaker", "answer_right"}


def test_the_documentation_is_the_schema() -> None:
    assert schema_markdown() in (ROOT / "docs" / "annotate.md").read_text(encoding="utf-8")


def test_names_stay_in_the_database(rated: tuple[Store, Project], tmp_path: Path) -> None:
    store, project = rated
    for form in FORMATS:
        export(store, project, tmp_path / form, form)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"Lovelace" not in path.read_bytes() or "store" in path.parts


def test_a_hub_folder_says_what_it_is_and_whether_people_made_it(rated: tuple[Store, Project], tmp_path: Path) -> None:
    import yaml

    store, project = rated
    files = export(store, project, tmp_path / "real", "hub", clips=True)
    card = (tmp_path / "real" / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---")[1])
    assert {config["config_name"]: config["data_files"] for config in front["configs"]} == {
        table: f"data/{table}.parquet" for table in TABLES}
    assert "simulated raters" not in card
    hashes = {row["clip_sha256"] for row in rows(store, project, "items")}
    assert {file.stem for file in files if file.parent.name == "clips"} == hashes
    project = change_settings(store, project, simulated=True)
    export(store, project, tmp_path / "demo", "hub")
    assert "made by a program (simulated raters)" in (tmp_path / "demo" / "README.md").read_text(encoding="utf-8")


def test_an_export_that_cannot_be_written_is_a_sentence(rated: tuple[Store, Project], tmp_path: Path) -> None:
    store, project = rated
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="failed"):
        export(store, project, tmp_path / "file", "csv")
    with pytest.raises(AnnotateError, match="jsonl, csv, parquet, hub"):
        export(store, project, tmp_path / "x", "xlsx")
