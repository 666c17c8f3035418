"""Takes the data out: JSON lines, CSV, Parquet, or a folder laid out as a dataset for the Hugging Face Hub.

The columns are those of `columns`, the same in every format. Rows are read in portions and written as they come. A file appears
under its name when it is whole. Raters are numbers: their names stay in the database.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from annotate.columns import TABLES, Column, schema_markdown
from annotate.errors import AnnotateError, StoreError
from annotate.records import DIMENSIONS, Project
from annotate.settings import ProjectSettings
from annotate.store import Store
from emotionthinker.export import text_cell

FORMATS = ("jsonl", "csv", "parquet", "hub")
PORTION = 500  # rows that are held in memory at once


def export(store: Store, project: Project, folder: Path, form: str, *, clips: bool = False) -> list[Path]:
    """Write every table of a project into a folder, in one format; gives the files.

    form: "jsonl", "csv", "parquet", or "hub" (data/*.parquet and a README.md with the schema). clips: also copy the clips.
    Raises AnnotateError for an unknown format, StoreError where the folder cannot be written.
    """
    if form not in FORMATS:
        raise AnnotateError(f"The format is {form!r}, but it must be one of {', '.join(FORMATS)}.")
    data = folder / "data" if form == "hub" else folder
    suffix = "parquet" if form == "hub" else form
    write = {"jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet}[suffix]
    try:
        data.mkdir(parents=True, exist_ok=True)
        files = [data / f"{table}.{suffix}" for table in TABLES]
        for table, path in zip(TABLES, files, strict=True):
            _write_whole(path, partial(write, columns=TABLES[table], rows=rows(store, project, table)))
        if clips:
            files += _copy_clips(store, project, folder / "clips")
        if form == "hub":
            card = folder / "README.md"
            _write_whole(card, lambda place: place.write_text(_card(project), encoding="utf-8"))
            files.append(card)
    except OSError as error:
        # Not `strerror`: Arrow puts a text of several sentences there.
        said = os.strerror(error.errno) if error.errno else type(error).__name__
        raise StoreError(f"The export to {folder.name} failed ({said}); choose another folder or make room.") from error
    return files


def _write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a file, which gets its name when it is whole; half of one is deleted, as it may be what fills the disk."""
    unfinished = path.with_name(f".{path.name}.new")
    try:
        write(unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def rows(store: Store, project: Project, table: str) -> Iterator[dict[str, Any]]:
    """The rows of one table, with the columns of `columns.TABLES[table]` in that order."""
    make: dict[str, Callable[[Store, Project], Iterator[dict[str, Any]]]] = {
        "ratings": _ratings, "preferences": _preferences, "items": _items}
    return make[table](store, project)


def _portions(store: Store, project: Project, sql: str) -> Iterator[Any]:
    """Rows of a query that names its table `r`, ordered by r.id, without holding them all."""
    last = 0
    while found := store.rows(f"{sql} WHERE r.project_id = ? AND r.id > ? ORDER BY r.id LIMIT {PORTION}", [project.id, last]):
        yield from found
        last = found[-1]["row_id"]


def _ratings(store: Store, project: Project) -> Iterator[dict[str, Any]]:
    scores = ", ".join("r." + name for name in DIMENSIONS)
    first = ("(SELECT l.first_emotion FROM leases l WHERE l.item_id = r.item_id AND l.rater_id = r.rater_id "
             "AND l.first_emotion IS NOT NULL ORDER BY l.opened LIMIT 1)")
    marks = ("(SELECT json_group_array(json_array(start_char, end_char, mark)) FROM (SELECT * FROM claim_marks m "
             "WHERE m.rating_id = r.id ORDER BY start_char))")
    for row in _portions(store, project, f"""
            SELECT r.id AS row_id, r.item_id, i.clip_sha256, i.speaker, i.model_id, i.gold_emotion, r.rater_id, {scores},
                   r.heard_emotion, {first} AS heard_before_reading, i.answer, r.answer_right, r.flags, r.comment, {marks} AS marks,
                   i.purpose, r.passed, r.seconds, r.position, r.revision, p.simulated, r.created, r.updated
            FROM ratings r JOIN items i ON i.id = r.item_id JOIN raters p ON p.id = r.rater_id"""):
        yield _shaped(row, "ratings")


def _preferences(store: Store, project: Project) -> Iterator[dict[str, Any]]:
    choices = ", ".join("r." + name for name in DIMENSIONS)
    for row in _portions(store, project, f"""
            SELECT r.id AS row_id, r.pair_id, q.item_a, q.item_b, a.model_id AS model_a, b.model_id AS model_b, a.clip_sha256,
                   a.speaker, r.rater_id, {choices}, r.swapped, r.flags, r.comment, r.seconds, r.position, r.revision, p.simulated,
                   r.created, r.updated
            FROM preferences r JOIN pairs q ON q.id = r.pair_id JOIN items a ON a.id = q.item_a JOIN items b ON b.id = q.item_b
            JOIN raters p ON p.id = r.rater_id"""):
        yield _shaped(row, "preferences")


def _items(store: Store, project: Project) -> Iterator[dict[str, Any]]:
    decided = ", ".join(f"d.{name} AS adjudicated_{name}" for name in DIMENSIONS)
    for row in _portions(store, project, f"""
            SELECT r.id AS row_id, r.id AS item_id, r.clip_sha256, r.speaker, r.model_id, r.gold_emotion, r.transcript,
                   r.explanation, r.answer, r.words, r.reward_scores, r.source, r.purpose, r.n_ratings, {decided}, r.prosody
            FROM items r LEFT JOIN adjudications d ON d.item_id = r.id"""):
        rewards = json.loads(row["reward_scores"] or "{}")
        yield _shaped(row, "items", {f"reward_{name}": rewards.get(name) for name in (*DIMENSIONS, "overall")})


def _shaped(row: Any, table: str, more: dict[str, Any] | None = None) -> dict[str, Any]:
    values = {**dict(row), **(more or {})}
    if "rater_id" in values:
        values["rater"] = f"rater-{values['rater_id']}"
    return {column.name: _value(values[column.name], column) for column in TABLES[table]}


def _value(value: Any, column: Column) -> Any:
    """A value as its column promises it; an empty text where something may be missing is missing."""
    if value is None or (column.empty and value == ""):
        return None
    if column.kind == "truth":
        return bool(value)
    if column.kind == "number":
        return float(value)
    return value


def _write_jsonl(path: Path, columns: tuple[Column, ...], rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def _write_csv(path: Path, columns: tuple[Column, ...], rows: Iterator[dict[str, Any]]) -> None:
    """RFC 4180, UTF-8. A text that a spreadsheet would take for a formula, or that begins with an apostrophe, gets an apostrophe
    before it; taking the first apostrophe off gives the text back."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in columns])
        for row in rows:
            writer.writerow([_cell(row[column.name], column) for column in columns])


def _cell(value: Any, column: Column) -> Any:
    if value is None:
        return ""
    if column.kind == "truth":
        return "true" if value else "false"
    if column.kind in ("text", "json"):
        return "'" + value if value.startswith("'") else text_cell(value)
    return value


def _write_parquet(path: Path, columns: tuple[Column, ...], rows: Iterator[dict[str, Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    types = {"text": pyarrow.string(), "json": pyarrow.string(), "whole": pyarrow.int64(), "number": pyarrow.float64(),
             "truth": pyarrow.bool_()}
    schema = pyarrow.schema([
        pyarrow.field(column.name, types[column.kind], nullable=column.empty, metadata={"meaning": column.meaning})
        for column in columns])
    with parquet.ParquetWriter(path, schema) as writer:
        portion: list[dict[str, Any]] = []
        for row in rows:
            portion.append(row)
            if len(portion) == PORTION:
                writer.write_table(pyarrow.Table.from_pylist(portion, schema))
                portion = []
        writer.write_table(pyarrow.Table.from_pylist(portion, schema))


def _copy_clips(store: Store, project: Project, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    copies = []
    for row in store.rows("SELECT DISTINCT clip_sha256 FROM items WHERE project_id = ?", [project.id]):
        source = store.clip_path(row["clip_sha256"])
        copies.append(folder / source.name)
        _write_whole(copies[-1], partial(shutil.copyfile, source))
    return copies


def _card(project: Project) -> str:
    """The dataset card: what loads it, what is in it, and what is not real about it."""
    configs = "\n".join(f"- config_name: {table}\n  data_files: data/{table}.parquet" for table in TABLES)
    simulated = ("\n**All ratings here were made by a program (simulated raters). They say nothing about people.**\n"
                 if ProjectSettings.of(project).simulated else "")
    name = json.dumps("Ratings of explanations: " + project.name, ensure_ascii=False)
    return f"""---
pretty_name: {name}
configs:
{configs}
---

# Ratings of explanations of how a voice sounds
{simulated}
People listened to a clip and rated a model's explanation on four scales from 1 to 5. Raters are numbers. Comments are the raters'
own words: read them before you publish this. The clips are not part of it unless a folder `clips` is there; their licences are
those of their corpora.

{schema_markdown()}"""
